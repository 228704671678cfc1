"""Many programs, in processes: one that dies or hangs is a fault of the program it was at."""

import faulthandler
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from typing import NamedTuple

from differential.draw import draw_action, draw_names, draw_program
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


def nth_program(seed: int, i: int, signals: bool = False) -> Program:
    """Return the i-th program of a seed."""
    rng = random.Random(f"{seed} {i}")
    program = draw_program(rng)
    if not signals:
        return program
    action = ("interrupt_by_signal", rng.randrange(5, 900))
    last = tuple(draw_action(rng, draw_names(rng, program.way)) for _ in range(3))
    return replace(program, actions=(*program.actions, action, *last))


def one(program: Program) -> Result:
    """Run one program; a program that cannot be made is a fault of this fuzz, and stops it."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        outcome = run(program)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return Result(outcome.fault, outcome.refusals, outcome.errors, outcome.loose)


class Batch(NamedTuple):
    """Which programs are drawn, and which of them are left out."""

    seed: int
    signals: bool = False
    without: tuple[str, ...] = ()
    backend: str = "numpy"

    def programs(self, first: int, last: int) -> Iterator[Program]:
        """Yield the programs first … last - 1."""
        for i in range(first, last):
            program = replace(nth_program(self.seed, i, self.signals), backend=self.backend)
            if not any(text in repr(program) for text in self.without):
                yield program


def _task(batch: Batch, first: int, last: int) -> list[Result]:
    return [one(program) for program in batch.programs(first, last)]


def run_batches(batch: Batch, n: int, processes: int) -> Iterator[Result]:
    """Yield how the programs 0 … n - 1 end, in order."""
    tasks = [(batch, i, min(i + SIZE, n)) for i in range(0, n, SIZE)]
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


def _one_by_one(batch: Batch, first: int, last: int) -> Iterator[Result]:
    """Yield how programs end of which one has ended its process."""
    for i in range(first, last):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield from pool.submit(_task, batch, i, i + 1).result()
            except BrokenProcessPool:
                program = next(batch.programs(i, i + 1))
                yield Result(None, [], 0, False, f"the process died or hung\n{program!r}")
