"""Launch configuration: how the threads of a fused kernel divide its iteration space.

A block computes a tile of indices k, each with a number of threads, its lanes, that divide the
indices j. A sum that leaves few numbers has few tiles. Where that leaves a large GPU idle, the
indices j are also cut into pieces, with a block for each: 8192 rows of 64 numbers, added up by
columns, are 2 tiles of 32 columns in 256 pieces of 32 rows, and 8 lanes add 4 rows each. A second
kernel then combines the pieces' results (emit_long.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from portanet.compiler.fusion.indexing import span
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Value

BATCH = 4  # elements that a thread loads before it uses the first
_THREADS = 256
_MOST_THREADS = 1024
_WIDE_TILE, _NARROW_TILE = 32, 8

_MULTIPROCESSORS = 132  # of an H100 or H200
_ENOUGH = 2 * _MULTIPROCESSORS  # blocks that occupy all of them
_FULL = 8 * _MULTIPROCESSORS  # blocks of 256 threads that fill them: 2048 threads each
_LONG, _MANY_BYTES = 32, 2**20


@dataclass(frozen=True)
class ThreadShape:
    """The threads of a kernel, for a space of n_kept indices k and n_reduced indices j.

    tile    indices k of a block
    lanes   threads that share an index k
    rows    whether neighbouring threads are lanes of one k, or have neighbouring k
    length  indices j of a block: all, or a piece of them
    """

    n_kept: int
    n_reduced: int
    tile: int
    lanes: int
    rows: bool
    length: int

    @property
    def threads(self) -> int:
        """The number of threads in a block."""
        return self.tile * self.lanes

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return -(-self.n_kept // self.tile)

    @property
    def pieces(self) -> int:
        """The number of pieces."""
        return -(-self.n_reduced // self.length)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return self.tiles * self.pieces

    @property
    def rounds(self) -> int:
        """The number of indices j that a thread visits."""
        return -(-self.length // self.lanes)

    @property
    def stride(self) -> int:
        """The distance between two lanes of one k, in threads."""
        return 1 if self.rows else self.tile


def thread_shape(space: Space) -> ThreadShape:
    """Return how the threads of one kernel share a space, as powers of two.

    Where neighbours are kept a block takes a tile of them, so that its threads read whole sectors
    of memory: 8 float32 numbers are one, and 32 are better where there are enough blocks.
    """
    if space.n_reduced == 1:
        return _shape(space, _THREADS, 1)
    if space.rows:
        most = _MOST_THREADS if space.n_kept < _ENOUGH else _THREADS
        lanes = min(_power_of_two(space.n_reduced), most)
        return _shape(space, min(max(1, _THREADS // lanes), _power_of_two(space.n_kept)), lanes)
    tile = _WIDE_TILE if space.n_kept >= _WIDE_TILE * _ENOUGH else _NARROW_TILE
    tile = min(tile, _power_of_two(space.n_kept))
    return _shape(space, tile, min(_power_of_two(space.n_reduced), _MOST_THREADS // tile))


def is_long(space: Space) -> bool:
    """Return whether threads of too few blocks for a large GPU would make many rounds.

    Some 32 rounds, 8 batches of loads that each wait for memory, take longer than to launch a
    second kernel (a few microseconds each).
    """
    shape = thread_shape(space)
    return shape.blocks < _ENOUGH and shape.rounds > _LONG


def split_shape(space: Space, n_bytes: int) -> ThreadShape | None:
    """Return how blocks share a space in pieces; None if one kernel computes it as well.

    `n_bytes` are read: if they are many, few blocks are too slow in fewer rounds, too.
    """
    one = thread_shape(space)
    starved = one.blocks < _ENOUGH and one.rounds > BATCH and n_bytes > _MANY_BYTES
    if not (starved or is_long(space)):
        return None
    tile = 1 if space.rows else min(_WIDE_TILE, _power_of_two(space.n_kept))
    whole = _shape(space, tile, _THREADS // tile)
    batch = BATCH * whole.lanes  # indices j that a block loads at a time
    n_batches = -(-space.n_reduced // (batch * max(1, _FULL // whole.tiles)))
    shape = _shape(space, tile, whole.lanes, n_batches * batch)
    return shape if shape.pieces > 1 else None


def index_type(space: Space, values: Iterable[Value]) -> str:
    """Return the type of indices: 32 bits if possible, since 64-bit divisions are slow.

    An index counts elements of the space, or of the memory that a value spans: two columns of a
    wide table are few elements that lie far apart.
    """
    longest = max([space.size, *map(span, values)])
    return "int" if longest + _MOST_THREADS < 2**31 else "long long"


def place(shape: ThreadShape, index: str) -> list[str]:
    """Return the lines that compute a thread's indices, of the type `index`."""
    kept, tile, lanes = shape.n_kept, shape.tile, shape.lanes
    block = "blockIdx.x" if shape.pieces == 1 else f"(blockIdx.x % {shape.tiles})"
    first = f"({index}){block} * {tile}"
    if lanes == 1:
        return [f"const {index} k = {first} + threadIdx.x;", f"if (k >= {kept}) return;"]
    own, lane = f"threadIdx.x / {lanes}", f"threadIdx.x % {lanes}"
    if not shape.rows:  # neighbouring threads read neighbouring elements
        own, lane = f"threadIdx.x % {tile}", f"threadIdx.x / {tile}"
    return [
        f"const {index} own = {first} + {own};",
        f"const int lane = {lane};",
        # threads past the end repeat the last index without storing: all must reach the barriers
        f"const {index} k = own < {kept} ? own : {kept - 1};",
        f"__shared__ double memory[{tile * lanes}];",
        *_piece(shape, index),
    ]


def _piece(shape: ThreadShape, index: str) -> list[str]:
    """Return the lines that compute the first index j of a block's piece, and the one after it."""
    if shape.pieces == 1:
        return []
    rest = f"{shape.n_reduced} - begin"  # of the last piece; a sum might pass 2^31
    length = f"({rest} < {shape.length} ? {rest} : {shape.length})"
    return [
        f"const int piece = blockIdx.x / {shape.tiles};",
        f"const {index} begin = ({index})piece * {shape.length}, end = begin + {length};",
    ]


def _shape(space: Space, tile: int, lanes: int, length: int = 0) -> ThreadShape:
    whole = length or space.n_reduced
    return ThreadShape(space.n_kept, space.n_reduced, tile, lanes, space.rows, whole)


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
