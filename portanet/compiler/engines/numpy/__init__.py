"""Plans on NumPy: a line of NumPy for each operation, results in place."""
