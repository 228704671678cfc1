"""TracedReduction: sums over all ranks (portanet.joined) as operations of a graph."""

from typing import Any

from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.joined import Share

OP = "kernel:all_reduce"


class AllReduce:
    """The operation: x, "sum" or "max", and the result of the call before, which is not read.

    It is there to keep the calls in the order in which they were traced, whatever a graph's passes
    do: ranks that came to them in two orders would wait for each other for ever.

    While a step is traced nothing is sent: a rehearsal, as all of a trace. Then the result has the
    right shape and dtype, and the numbers of this rank.
    """

    __name__, takes_out = "all_reduce", True

    def __init__(self, reduce: Any) -> None:
        self._reduce, self.rehearses = reduce, True

    def __call__(self, x: Any, how: str, after: Any = None, out: Any = None) -> Any:  # noqa: ARG002
        """Return the sum, or the largest, over all ranks, in `out` or in an array of its own."""
        return x.copy() if self.rehearses else self._reduce(x, how, out)


class TracedReduction:
    """Reduces tracers of one trace: each call is written down as one that follows the last."""

    def __init__(self, tape: Tape, share: Share) -> None:
        self.operation = AllReduce(share.reduce)
        self._tape = tape
        self._last: tuple[Tracer, ...] = ()

    def __call__(self, x: Any, how: str) -> Any:
        """Write an all-reduce down."""
        if not isinstance(x, Tracer):
            self._tape.fail("a sum over all ranks is taken of numbers that are constants here")
        found = self._tape.record(OP, self.operation, (x, how, *self._last), {})
        self._last = (found,)
        return found
