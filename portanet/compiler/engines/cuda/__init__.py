"""Plans on a CUDA device: generated kernels, cuBLAS, a captured graph."""
