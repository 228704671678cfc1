"""Freed memory is kept by the process, and need not be asked for again.

glibc's malloc gives freed memory back to the kernel beyond a threshold that starts at 128 KiB and
grows with the largest block freed so far (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD). Code
that makes and drops arrays of a megabyte gets the same pages anew each time, and the kernel fills
each with zeros: a fourth of the time of a network's first steps.
"""

from functools import cache

import numpy as np

_LARGEST = 2**25 - 2**14  # bytes: larger blocks do not count for the threshold


@cache
def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB that was freed.

    A block is taken and freed, and never written to. Elsewhere than with glibc, or where its
    thresholds were set by the environment, this changes nothing.
    """
    np.empty(_LARGEST, np.uint8)
