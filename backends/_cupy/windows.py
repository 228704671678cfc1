"""Parameters and loops that kernels over images share, and kernels with indices of either size.

SIZES and WINDOW are parameters: the sizes of image (H, W), output (OH, OW) and window (KH, KW);
strides, padding and dilations (rows Y, columns X). PLACE computes the element (p, q) of the output
and the plane `rest` of thread i. FOR_PLACES opens two loops over the elements
(p, q) of the output whose window contains the pixel (row, col) of plane `rest`, at offset (a, b).
"""

from collections.abc import Callable
from typing import Any

SIZES = "int32 H, int32 W, int32 OH, int32 OW, int32 KH, int32 KW"
WINDOW = "int32 SY, int32 SX, int32 PY, int32 PX, int32 DY, int32 DX"

PLACE = """
    Index rest = i;
    const int q = rest % OW; rest /= OW;
    const int p = rest % OH; rest /= OH;
"""

FOR_PLACES = """
    Index rest = i;
    const int col = (int)(rest % W) + PX; rest /= W;
    const int row = (int)(rest % H) + PY; rest /= H;
    for (int a = 0; a < KH; ++a) {
        const int down = row - a * DY, p = SY == 1 ? down : down / SY;
        if (down < 0 || p * SY != down || p >= OH) continue;
        for (int b = 0; b < KW; ++b) {
            const int right = col - b * DX, q = SX == 1 ? right : right / SX;
            if (right < 0 || q * SX != right || q >= OW) continue;
"""

_NEAR = 2**31 - 2**20  # numbers that 32-bit indices reach, and threads beyond the last of them


def numbers_of(window: Any, size: Any, output: Any) -> tuple[int, ...]:
    """Return the arguments for SIZES and WINDOW, of images of a size and their output."""
    (top, _), (left, _) = window.padding
    return (*size, *output, *window.kernel, *window.stride, top, left, *window.dilation)


def window_kernel(inputs: str, outputs: str, body: str, name: str) -> Callable[..., Any]:
    """Return an element-wise kernel whose body counts with the type Index.

    That is 32 bits wide unless an array has more elements: im2col is 368 machine instructions with
    it, 592 with 64 bits (NVRTC 13, sm_90).
    """
    import cupy as cp

    near, far = (
        cp.ElementwiseKernel(inputs, outputs, body, name, preamble=f"typedef {index} Index;")
        for index in ("int", "long long")
    )

    def call(*args: Any, **options: Any) -> Any:
        most = max(arg.size for arg in args if isinstance(arg, cp.ndarray))
        return (near if most < _NEAR else far)(*args, **options)

    return call
