"""Runs: how a case is computed at a place, and under noise on the host."""
