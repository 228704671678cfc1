"""A pytest plugin: every kernel and product of compiled plans is shared by threads, however small.

CI has one BLAS thread, and the tests' networks are small: without this, helpers would be tried by
the tests that are about them only. Run it with OPENBLAS_NUM_THREADS=2.
"""

from portanet.compiler.engines.llvm import kernels, products

kernels._A_CHUNK, products._A_THREADS = 16, 1
