"""What RNN, LSTM and GRU share: passes over time in both directions, stacked."""

from typing import Any, ClassVar

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count
from portanet.errors import ShapeError, short
from portanet.layer import Layer
from portanet.layers.recurrent_cells import State
from portanet.layers.recurrent_checks import check_start, valid_steps
from portanet.layers.recurrent_pass import Pass
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array, Rng


class _Recurrent(Layer):
    """A cell unrolled over time: stacked layers, in one direction or in both.

    Start and last states are (N, n_layers D, n_hidden), D directions; number i D + j of axis 1
    belongs to layer i and direction j.
    """

    n_inp = Option(check_count, fixed=True)
    n_hidden = Option(check_count, fixed=True)
    _cell: ClassVar[Any]
    _start_names: ClassVar[tuple[str, ...]] = ("h0",)
    h0_grad: Array | None

    def __init__(
        self, n_inp: int, n_hidden: int, *, n_layers: int = 1, bidirectional: bool = False,
        return_sequences: bool = True, return_state: bool = False, bias: bool = True,
        rng: Rng | None = None,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        self.n_inp, self.n_hidden = n_inp, n_hidden
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        ways = (False, True) if bidirectional else (False,)
        n_between = n_hidden * len(ways)
        self.passes = [
            [Pass(self._cell(), n_between if i else n_inp, n_hidden, w, bias, rng) for w in ways]
            for i in range(check_count(who, "n_layers", n_layers))
        ]
        for name in self._start_names:
            setattr(self, f"{name}_grad", None)

    def forward(
        self,
        x: Array,
        *,
        lengths: Array | None = None,
        h0: Array | None = None,
        training: bool = False,
    ) -> Any:
        """Return the outputs of the last layer, of all steps or of the last one; see the class.

        With return_state a list: these outputs, and the last states of all layers and directions.
        """
        return self._forward(x, lengths, (h0,), training)

    def backward(self, grad: Any) -> Array:
        """Set all gradients and `h0_grad`; return dL/dx. grad is a list with return_state."""
        grad_x, (self.h0_grad,) = self._backward(grad)
        return grad_x

    def _forward(
        self, x: Array, lengths: Array | None, starts: tuple[Array | None, ...], training: bool
    ) -> Any:
        self._check(x, starts)
        xp, lasts = array_namespace(x), []
        valid = None if lengths is None else valid_steps(repr(self), x, lengths)
        if valid is not None:
            x = xp.where(valid[:, :, None], x, 0)  # steps after the end have no influence
        if training:
            self._saved = (valid, [start is not None for start in starts])
        for ways in self.passes:
            results = [
                way.forward(x, _at(starts, len(lasts) + j), valid, training)
                for j, way in enumerate(ways)
            ]
            x, lasts = xp.concat([y for y, _ in results], axis=2), lasts + [h for _, h in results]
        last = lasts[-len(self.passes[-1]) :]
        y = x if self.return_sequences else xp.concat([state[0] for state in last], axis=1)
        if not self.return_state:
            return y
        return [y, *(xp.stack(list(states), axis=1) for states in zip(*lasts, strict=True))]

    def _backward(self, grad: Any) -> tuple[Array, list[Array | None]]:
        """Return dL/dx, and dL/d(start) of each start state that was given."""
        valid, given = self._take_saved()
        (grad, *lasts), h = self._gradients(grad), self.n_hidden
        starts: list[State] = []
        of_y = None if self.return_sequences else grad  # of the last layer's last outputs
        steps: Any = grad if self.return_sequences else None
        for i in reversed(range(len(self.passes))):
            ways, grads = self.passes[i], []
            for j, way in enumerate(ways):
                part, last = slice(j * h, (j + 1) * h), _at(lasts, i * len(ways) + j)
                if of_y is not None:
                    y = of_y[:, part]
                    last = (y if last[0] is None else last[0] + y, *last[1:])
                of_steps = None if steps is None else steps[:, :, part]
                grads.append(way.backward(of_steps, last, valid))
            steps, of_y = sum((g for g, _ in grads[1:]), grads[0][0]), None
            starts = [state for _, state in grads] + starts
        stack = array_namespace(steps).stack
        found = zip(given, zip(*starts, strict=True), strict=True)
        return steps, [stack(list(states), axis=1) if was else None for was, states in found]

    def _gradients(self, grad: Any) -> list[Array | None]:
        """Return dL/dy, and dL/d(last) of each state, None for those without a gradient."""
        n = len(self._start_names)
        if not self.return_state:
            return [grad, *[None] * n]
        if not isinstance(grad, list | tuple) or len(grad) != n + 1:
            raise ShapeError(
                f"{self!r}: backward must be given a list of {n + 1} gradients with "
                f"return_state=True, of the outputs and of {n} last states (None for those "
                f"without), got {short(grad)}"
            )
        return list(grad)

    def _check(self, x: Array, starts: tuple[Array | None, ...]) -> None:
        check_alike(self, "x", x, "the weights", self.passes[0][0].weights.value)
        if x.ndim != 3 or x.shape[2] != self.n_inp or x.shape[1] == 0:
            raise ShapeError(
                f"{self!r}: x must be (N, L, {self.n_inp}) with L >= 1 steps, is {tuple(x.shape)}"
                + ("; one sample is x[None, :, :]" if x.ndim == 2 else "")
            )
        n_passes = len(self.passes) * len(self.passes[0])
        for name, start in zip(self._start_names, starts, strict=True):
            if start is not None:
                check_start(repr(self), name, start, x, n_passes, self.n_hidden)

    def __repr__(self) -> str:
        return call_of(
            self, self.n_inp, self.n_hidden, n_layers=len(self.passes),
            bidirectional=len(self.passes[0]) > 1, return_sequences=self.return_sequences,
            return_state=self.return_state, bias=self.passes[0][0].bias is not None,
        )  # fmt: skip


def _at(states: Any, i: int) -> tuple[Array | None, ...]:
    """Return the states of one pass, None where there is none."""
    return tuple(None if state is None else state[:, i, :] for state in states)
