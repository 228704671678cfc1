"""Images, as many at a time as memory holds."""

from collections.abc import Iterator


def blocks(n: int, n_bytes: int, most: int) -> Iterator[slice]:
    """Cut n images, whose columns take n_bytes each, into blocks below `most` bytes; one at least.

    >>> list(blocks(5, 10, 25))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, most // max(1, n_bytes))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
