"""The audit of a step: dtype and device of every tensor, and a ledger of transfers."""
