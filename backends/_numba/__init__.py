"""Kernels and functions that numba compiles for NumPy arrays."""
