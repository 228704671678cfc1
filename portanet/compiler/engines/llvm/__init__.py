"""Plans on NumPy whose loops and products are compiled by LLVM."""
