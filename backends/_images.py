"""Images, as many at a time as memory holds."""

from collections.abc import Iterator


def blocks(n: int, n_bytes: int, most: int) -> Iterator[slice]:
    """Cut n images, whose columns take n_bytes each, into blocks below `most` bytes; one at least.

    Blocks are of about equal size: a small one at the end would leave a large device idle.

    >>> list(blocks(5, 10, 25))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    >>> list(blocks(5, 10, 45))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    fit = max(1, most // max(1, n_bytes))
    step = max(1, -(-n // -(-max(1, n) // fit)))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
