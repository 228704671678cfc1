"""Plans on NumPy whose loops and products numba compiles."""
