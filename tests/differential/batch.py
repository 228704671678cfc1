"""Many programs, in processes: one that dies or hangs is a fault of the program it was at."""

import faulthandler
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

from differential.draw import draw_action, draw_program
from differential.program import Program
from differential.run import Fault, run

SIZE = 50  # programs a task
SECONDS = 120  # the longest that a program may take


class Result(NamedTuple):
    """How one program ended."""

    fault: Fault | None
    refusals: list[str]
    errors: int
    loose: bool
    crash: str = ""


def nth_program(seed: int, i: int, signals: bool) -> Program:
    """Return the i-th program of a seed."""
    rng = random.Random(f"{seed} {i}")
    program = draw_program(rng)
    if not signals:
        return program
    from dataclasses import replace

    action = ("interrupt_by_signal", rng.randrange(5, 900))
    last = tuple(draw_action(rng, program.way) for _ in range(3))
    return replace(program, actions=(*program.actions, action, *last))


def one(program: Program) -> Result:
    """Run one program; a program that cannot be made is a fault of this fuzz, and stops it."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        outcome = run(program)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return Result(outcome.fault, outcome.refusals, outcome.errors, outcome.loose)


def _task(seed: int, first: int, last: int, signals: bool) -> list[Result]:
    return [one(nth_program(seed, i, signals)) for i in range(first, last)]


def run_batches(n: int, seed: int, processes: int, signals: bool) -> Iterator[Result]:
    """Yield how the programs 0 … n - 1 of a seed end, in order."""
    starts = range(0, n, SIZE)
    tasks = [(seed, i, min(i + SIZE, n), signals) for i in starts]
    while tasks:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(_task, *task) for task in tasks]
            for future in futures:
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    pool.shutdown(cancel_futures=True)
                    yield from _one_by_one(*tasks.pop(0))
                    break
                tasks.pop(0)


def _one_by_one(seed: int, first: int, last: int, signals: bool) -> Iterator[Result]:
    """Yield how programs end of which one has ended its process."""
    for i in range(first, last):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield from pool.submit(_task, seed, i, i + 1, signals).result()
            except BrokenProcessPool:
                program = nth_program(seed, i, signals)
                yield Result(None, [], 0, False, f"the process died or hung\n{program!r}")
