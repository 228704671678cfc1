"""Random numbers on the device: NumPy's Philox4x64-10, bit for bit.

A thread computes a block, four words of 64 bits, of which NumPy makes eight numbers. In place of a
copy of all numbers from the host there is 1 launch and no copy: the position is four plain numbers,
or four on the device, as in a plan.

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011. As in
NumPy the counter is incremented before the first block, and the low half of a word comes first.
"""

from math import prod
from typing import Any

import cupy as cp

_PHILOX = """
typedef unsigned long long word;

__device__ void philox(
    word seed, word purpose, word step, word number, word block, float* numbers
) {
    word c0 = block + 1, c1 = 0, c2 = step, c3 = number;
    for (int round = 0; round < 10; ++round) {
        const word m0 = 0xD2E7470EE14C6C93ull, m1 = 0xCA5A826395121157ull;
        const word high0 = __umul64hi(m0, c0), low0 = m0 * c0;
        const word high1 = __umul64hi(m1, c2), low1 = m1 * c2;
        c0 = high1 ^ c1 ^ seed;
        c1 = low1;
        c2 = high0 ^ c3 ^ purpose;
        c3 = low0;
        seed += 0x9E3779B97F4A7C15ull;
        purpose += 0xBB67AE8584CAA73Bull;
    }
    const word words[] = {c0, c1, c2, c3};
    for (int k = 0; k < 8; ++k) {
        const unsigned int half = (unsigned int)(words[k / 2] >> 32 * (k % 2));
        numbers[k] = (half >> 8) * (1.0f / 16777216.0f);
    }
}
"""
_POSITION = "uint64 seed, uint64 purpose, uint64 step, uint64 number, uint64 block"
_NUMBERS = "float numbers[8]; philox(seed, purpose, step, number, block + i, numbers);"
_EIGHT = "abcdefgh"

_uniform = cp.ElementwiseKernel(
    _POSITION,
    ", ".join(f"float32 {name}" for name in _EIGHT),
    _NUMBERS + "".join(f"{name} = numbers[{k}];" for k, name in enumerate(_EIGHT)),
    "portanet_uniform",
    preamble=_PHILOX,
)

# a block is stored as one word whose bytes are eight truth values
_mask = cp.ElementwiseKernel(
    f"{_POSITION}, float32 p",
    "uint64 eight",
    _NUMBERS
    + """
    word bytes = 0;
    for (int k = 0; k < 8; ++k) bytes |= (word)(numbers[k] >= p) << 8 * k;
    eight = bytes;
    """,
    "portanet_dropout_mask",
    preamble=_PHILOX,
)


def philox_uniform(position: Any, shape: tuple[int, ...], first: int = 0) -> cp.ndarray:
    """Return the numbers from a position on, which lies on the host or the device, but `first`."""
    block, skipped = divmod(first, len(_EIGHT))
    blocks = cp.empty((_n_blocks(skipped + prod(shape)), len(_EIGHT)), cp.float32)
    _uniform(*position, block, *blocks.T)
    return blocks.reshape(-1)[skipped : skipped + prod(shape)].reshape(shape)


def philox_mask(position: Any, p: float, shape: tuple[int, ...], first: int = 0) -> cp.ndarray:
    """Return which of these numbers are at least p."""
    block, skipped = divmod(first, len(_EIGHT))
    blocks = cp.empty(_n_blocks(skipped + prod(shape)), cp.uint64)
    _mask(*position, block, p, blocks)
    return blocks.view(cp.bool_)[skipped : skipped + prod(shape)].reshape(shape)


def _n_blocks(n: int) -> int:
    return -(-n // len(_EIGHT))


KERNELS = {"philox_mask": philox_mask, "philox_uniform": philox_uniform}
