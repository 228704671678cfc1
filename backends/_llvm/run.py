"""Calls of kernels one after the other, in the kernel language; large ones are shared with threads.

A step is five numbers: a kernel's address, its table's, the length of its outer loop, in how many
chunks that is shared, and how long they are. `job` is what all threads see of the kernel at work:

    WORD     which one it is, in how many chunks, and the next chunk that nobody has taken
    DONE     how many chunks are finished
    LOCK     1 while a step is at work on it
    ALLOWED  how many threads may help; below 0, all are to go home
    POST     the address of sem_post
    SEMAPHORES  that of their semaphores, 64 bytes apart: each thread sleeps at its own
    ASLEEP   for each thread, 64 bytes apart, 1 if it sleeps or is about to; who makes it 0 posts

A thread takes a chunk by adding 1 to WORD, which tells it, in the same moment, whether that chunk
exists; the step waits for all chunks that were taken, so the other fields are this kernel's as long
as anyone works on it. It takes chunks itself: where no thread comes to help, it does them all.

A thread that has helped looks out for more for some tenths of a millisecond, as to be woken takes
longer than most kernels do; now and then it gives way to whoever waits for its core.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

WORD, DONE, LOCK, ALLOWED = 0, 8, 16, 24  # 64 bytes apart: each in a line of the cache of its own
KERNEL, TABLE, LENGTH, SIZE, TURN, POST, SEMAPHORES = 32, 33, 34, 35, 36, 37, 38
ASLEEP, N_NUMBERS = 40, 2080  # ASLEEP is the last of `job`, for 255 threads
MOST, APART = 1048576, 64  # chunks; bytes from a semaphore to the next
LOOKS, TIMES = 100, 500  # so often does a thread look out before it gives way, and it gives way


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
            if exchange(job + (ASLEEP + 8 * i), 0) == 1:
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


def _sleep(job, me, wait):
    """Sleep until a step wants help; not at all if it does already."""
    asleep = job + (ASLEEP + 8 * me)
    publish(asleep, 1)
    if _is_open(fetch(job + WORD)):
        if exchange(asleep, 0) == 0:
            semaphore(wait, job[SEMAPHORES] + APART * me)
    else:
        semaphore(wait, job[SEMAPHORES] + APART * me)


def lend_a_hand(job: i8[:], me: i8, wait: i8, yielding: i8):
    """Help whenever something is shared, as thread 0, 1, …; given are sem_wait and sched_yield."""
    while fetch(job + ALLOWED) >= 0:
        _sleep(job, me, wait)
        for _time in range(TIMES):
            for _look in range(LOOKS):
                if me < fetch(job + ALLOWED):
                    _take(job)
            give_way(yielding)
