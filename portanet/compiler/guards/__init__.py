"""Guards: what a plan has taken for granted, by name, and whether it still holds."""
