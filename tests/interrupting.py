"""KeyboardInterrupt at a chosen instruction, for tests of whole steps."""

import contextlib
import gc
import sys
from contextvars import copy_context

_NOT_COUNTED = (__file__, contextlib.__file__)


@contextlib.contextmanager
def interrupted(at):
    """Raise KeyboardInterrupt before the at-th bytecode instruction that runs in the block.

    Garbage is not collected meanwhile: an error in a collector's callback would go nowhere.
    """
    n_left = at

    def trace(frame, event, arg):
        nonlocal n_left
        if frame.f_code.co_filename in _NOT_COUNTED:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            n_left -= 1
            if n_left == 0:
                raise KeyboardInterrupt
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()


def comes_to(at, call):
    """Make a call that is interrupted; return whether it came to that instruction."""
    try:
        with interrupted(at):
            copy_context().run(call)  # as a Trainer does: nothing stays switched off
    except KeyboardInterrupt:
        return True
    return False
