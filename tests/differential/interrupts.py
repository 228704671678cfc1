"""Actions that interrupt a step at some moment; afterwards a whole step was taken, or none.

The compiled run finds out how many steps were taken, and the readable run takes as many.
"""

import contextlib
import gc
import signal
import sys
from types import MethodType

from differential.actions import action
from differential.layers_memory import Renormalized

OURS = (__file__, contextlib.__file__)  # the ends of a `with` block must not be interrupted


@contextlib.contextmanager
def interrupted_at(bytecode: int):
    """Raise KeyboardInterrupt at the given bytecode that is run in this block's calls."""
    left = bytecode

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename in OURS:
            return None
        frame.f_trace_opcodes = True
        left -= event == "opcode"
        if left < 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # an error in a collector's callback would go nowhere
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        gc.enable()


@contextlib.contextmanager
def signalled_after(microseconds: int):
    """Raise KeyboardInterrupt after a time, as Ctrl-C does; nothing of it is left at the end."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)


def position(optimizer) -> tuple[int, int]:
    return optimizer.n_steps, optimizer.n_accumulated


def steps_between(before, after, accumulate: int) -> int:
    """Return how many batches were taken."""
    return (after[0] - before[0]) * accumulate + after[1] - before[1]


def _interrupted(side, moment, run):
    """Run something that is interrupted; return how many steps were taken, and whether it ended."""
    optimizer, ended = side.optimizer, False
    before = position(optimizer)
    try:
        with moment:
            run()
            ended = True
    except KeyboardInterrupt:
        pass
    return steps_between(before, position(optimizer), optimizer.accumulate), ended


def _until(side, n_steps, run):
    """Run something readable that is interrupted after n whole steps."""
    optimizer, taken = side.optimizer, 0

    def step(self):
        nonlocal taken
        if taken == n_steps:
            raise KeyboardInterrupt
        taken += 1
        type(self).step(self)

    optimizer.step = MethodType(step, optimizer)
    try:
        run()
    except KeyboardInterrupt:
        pass
    except Exception:
        if taken != n_steps:  # else the compiled run was stopped before it came to this
            raise
    finally:
        del optimizer.step


def _step(side, moment):
    batch, side.torn = side.here(*side.batch(8)), True
    if side.compiled:
        side.resolved[side.at] = _interrupted(side, moment, lambda: side.take(*batch))
    elif side.resolved.get(side.at, (1,))[0]:
        side.take(*batch)


def _train(side, moment):
    trainer = side.trainer
    loaders = [dl for dl in (trainer.train_dl, trainer.val_dl) if dl is not None]
    side.torn, n_kept = True, len(side.kept)  # a metric keeps, or had no time to

    def run():
        try:
            trainer.train(1, log_level=0)
        finally:
            del side.kept[n_kept:]

    if side.compiled:
        n_steps, ended = _interrupted(side, moment, run)
        del side.kept[n_kept:]  # the interrupt may have come between
        _try_metrics_again(trainer)
        epochs = [dl.epoch for dl in loaders]
        side.resolved[side.at] = n_steps, ended, epochs, len(trainer.history)
        return
    if side.at not in side.resolved:  # it raised something else: this does, too
        run()
    n_steps, ended, epochs, n_rows = side.resolved[side.at]
    _until(side, None if ended else n_steps, run)
    _try_metrics_again(trainer)
    del trainer.history[n_rows:]
    for dl, epoch in zip(loaders, epochs, strict=True):
        dl.epoch = epoch


def _try_metrics_again(trainer):
    """Forget which metrics were tried: one run may have come to it, the other not."""
    for staged in trainer._loaders._staged.values():
        staged.tried = None


def _interrupt(side, moment):
    program = side.program
    if any(isinstance(layer, Renormalized) for layer in side.model.layers):
        side.over = True  # its forward pass has assigned to values already, on either side
    if program.way == "own step" or program.rule == "Lookahead":
        side.over = True  # a user's step that is more than one: never whole
    (_train if side.trainer else _step)(side, moment)


@action((*range(1, 900), *range(900, 60000, 97)), weight=2)
def interrupt(side, bytecode):
    """Interrupt a step, or an epoch, at a bytecode: finer than a signal, and repeatable.

    A replay runs some hundreds, a step that is traced or verified some ten thousands.
    """
    _interrupt(side, interrupted_at(bytecode))


@action(range(5, 900), weight=0)
def interrupt_by_signal(side, microseconds):
    """Interrupt a step, or an epoch, by a signal: at another moment in each run."""
    _interrupt(side, signalled_after(microseconds))
