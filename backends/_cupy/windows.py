"""Parameters and loops that kernels over images share.

SIZES and WINDOW are parameters: the sizes of image (H, W), output (OH, OW) and window (KH, KW);
strides, padding and dilations (rows Y, columns X). FOR_PLACES opens two loops over the elements
(p, q) of the output whose window contains the pixel (row, col), at offset (a, b).
"""

from typing import Any

SIZES = "int32 H, int32 W, int32 OH, int32 OW, int32 KH, int32 KW"
WINDOW = "int32 SY, int32 SX, int32 PY, int32 PX, int32 DY, int32 DX"

FOR_PLACES = """
    long long rest = i;
    const int col = (int)(rest % W) + PX; rest /= W;
    const int row = (int)(rest % H) + PY; rest /= H;
    T sum = T(0);
    for (int a = 0; a < KH; ++a) {
        const int down = row - a * DY, p = down / SY;
        if (down < 0 || down % SY || p >= OH) continue;
        for (int b = 0; b < KW; ++b) {
            const int right = col - b * DX, q = right / SX;
            if (right < 0 || right % SX || q >= OW) continue;
"""


def numbers_of(window: Any, size: Any, output: Any) -> tuple[int, ...]:
    """Return the arguments for SIZES and WINDOW, of images of a size and their output."""
    (top, _), (left, _) = window.padding
    return (*size, *output, *window.kernel, *window.stride, top, left, *window.dilation)
