"""Machine code for NumPy arrays: a small kernel language, compiled by LLVM."""
