"""More rows of kernels: convolutions that add up enough for NumPy's kernel to go row by row."""

from portanet.layers.windows import Window
from portanet.verify.catalogue.kernels import KernelCase

_WINDOW = Window((3, 3), padding=((1, 1), (1, 2)))
_SIZE = (6, 5)

MORE_KERNELS = [
    KernelCase(
        "conv2d",
        lambda rng, n: (
            rng.standard_normal((n, 6, *_SIZE)), rng.standard_normal((4, 6, 3, 3)), _WINDOW, 1,
        ),
        16,
    ),
    KernelCase(
        "conv2d_backward_w",
        lambda rng, n: (
            rng.standard_normal((n, 4, *_WINDOW.output_size(_SIZE))),
            rng.standard_normal((n, 6, *_SIZE)), _WINDOW, 1,
        ),
        32,
    ),
]  # fmt: skip
