"""Verification: whether a plan computes what the readable step computes."""
