"""CuPy on a CUDA device."""
