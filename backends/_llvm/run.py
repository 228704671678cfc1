"""Calls of kernels one after the other, in the kernel language; large ones are shared with threads.

A step is five numbers: a kernel's address, its table's, the length of its outer loop, in how many
chunks that is shared, and how long they are. `job` is what all threads see of the kernel at work:

    WORD     which one it is, in how many chunks, and the next chunk that nobody has taken
    DONE     how many chunks are finished
    LOCK     1 while a step is at work on it
    ALLOWED  how many threads may help; below 0, all are to go home
    POST     the address of sem_post
    SEMAPHORES  that of their semaphores, 64 bytes apart: each thread sleeps at its own

A thread takes a chunk by adding 1 to WORD, which tells it, in the same moment, whether that chunk
exists; the step waits for all chunks that were taken, so the other fields are this kernel's as long
as anyone works on it. It takes chunks itself: where no thread comes to help, it does them all.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

WORD, DONE, LOCK, ALLOWED = 0, 8, 16, 24  # 64 bytes apart: each in a line of the cache of its own
KERNEL, TABLE, LENGTH, SIZE, TURN, POST, SEMAPHORES = 32, 33, 34, 35, 36, 37, 38
N_NUMBERS, MOST, APART = 40, 1048576, 64  # of `job`; chunks; bytes from a semaphore to the next


def _is_open(word):
    return word % MOST < (word // MOST) % MOST


def _take(job):
    """Do chunks until there are none left."""
    word = fetch(job + WORD)
    while _is_open(word):
        word = fetch_add(job + WORD, 1)
        if _is_open(word):
            start = word % MOST * job[SIZE]
            call(job[KERNEL], job[TABLE], start, smaller(start + job[SIZE], job[LENGTH]))
            fetch_add(job + DONE, 1)
            word = fetch(job + WORD)


def _share(step, job):
    if exchange(job + LOCK, 1) == 0:
        for i in (0, 1, 2):
            job[KERNEL + i] = step[i]
        job[SIZE] = step[4]
        job[TURN] = job[TURN] + 1
        publish(job + DONE, 0)
        publish(job + WORD, (job[TURN] * MOST + step[3]) * MOST)
        for i in range(fetch(job + ALLOWED)):
            semaphore(job[POST], job[SEMAPHORES] + APART * i)
        _take(job)
        while fetch(job + DONE) < step[3]:
            pass
        publish(job + LOCK, 0)
    else:
        call(step[0], step[1], 0, step[2])


def run(n: i8, steps: i8[:], job: i8[:]):
    """Call the kernels of n steps."""
    for i in range(n):
        step = steps + 5 * i
        if step[3] > 1:
            _share(step, job)
        else:
            call(step[0], step[1], 0, step[2])


def lend_a_hand(job: i8[:], me: i8, wait: i8):
    """Help whenever something is shared, as thread 0, 1, …; `wait` is the address of sem_wait."""
    while fetch(job + ALLOWED) >= 0:
        semaphore(wait, job[SEMAPHORES] + APART * me)
        if me < fetch(job + ALLOWED):
            _take(job)
