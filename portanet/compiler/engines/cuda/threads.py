"""Launch configuration: how the threads of a fused kernel divide its iteration space."""

from collections.abc import Iterable
from dataclasses import dataclass

from portanet.compiler.fusion.indexing import span
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Value

_THREADS = 256
_MOST_THREADS = 1024
_WIDE_TILE, _NARROW_TILE, _MANY_BLOCKS = 32, 8, 64


@dataclass(frozen=True)
class ThreadShape:
    """A block computes `tile` indices k, each with `lanes` threads that divide the indices j."""

    tile: int
    lanes: int


def thread_shape(space: Space) -> ThreadShape:
    """Return how a block's threads share a space, as powers of two.

    Where neighbours are kept a block takes a tile of them, so that its threads read whole sectors
    of memory: 8 float32 numbers are one, and 32 are better where there are enough blocks.
    """
    if space.n_reduced == 1:
        return ThreadShape(_THREADS, 1)
    if space.rows:
        most = _MOST_THREADS if space.n_kept == 1 else _THREADS
        lanes = min(_power_of_two(space.n_reduced), most)
        return ThreadShape(max(1, min(_THREADS // lanes, _power_of_two(space.n_kept))), lanes)
    tile = _WIDE_TILE if space.n_kept >= _WIDE_TILE * _MANY_BLOCKS else _NARROW_TILE
    tile = min(tile, _power_of_two(space.n_kept))
    return ThreadShape(tile, min(_power_of_two(space.n_reduced), _MOST_THREADS // tile))


def index_type(space: Space, values: Iterable[Value]) -> str:
    """Return the type of indices: 32 bits if possible, since 64-bit divisions are slow.

    An index counts elements of the space, or of the memory that a value spans: two columns of a
    wide table are few elements that lie far apart.
    """
    longest = max([space.size, *map(span, values)])
    return "int" if longest + _MOST_THREADS < 2**31 else "long long"


def place(space: Space, index: str) -> list[str]:
    """Return the lines that compute a thread's indices, of the type `index`."""
    shape, kept = thread_shape(space), space.n_kept
    tile, lanes = shape.tile, shape.lanes
    first = f"({index})blockIdx.x * {tile}"
    if lanes == 1:
        return [f"const {index} k = {first} + threadIdx.x;", f"if (k >= {kept}) return;"]
    own, lane = f"threadIdx.x / {lanes}", f"threadIdx.x % {lanes}"
    if not space.rows:  # neighbouring threads read neighbouring elements
        own, lane = f"threadIdx.x % {tile}", f"threadIdx.x / {tile}"
    return [
        f"const {index} own = {first} + {own};",
        f"const int lane = {lane};",
        # threads past the end repeat the last index without storing: all must reach the barriers
        f"const {index} k = own < {kept} ? own : {kept - 1};",
        f"__shared__ double memory[{tile * lanes}];",
    ]


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
