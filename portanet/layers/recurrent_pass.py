"""A pass over time with a cell, and its backpropagation through time."""

import numpy as np

from portanet.backends import array_namespace
from portanet.initializers import fan_in_uniform, zeros
from portanet.layer import Parameter, Part
from portanet.layers.linear import rows
from portanet.layers.recurrent_cells import Cell, State
from portanet.typing import Array, Rng
from portanet.unfilled import initializer


class Pass(Part):
    """One pass over time with a cell: h_t = cell(x_t w + b, h_(t-1) u), from a start state or 0.

    `valid` (N, L) is false after the end of a sample. There the state does not change: the last
    state of a forward pass is that of the sample's end; a reverse pass has its start state up to
    the end.
    """

    def __init__(
        self, cell: Cell, n_inp: int, n_hidden: int, reverse: bool, bias: bool, rng: Rng | None
    ) -> None:
        columns = len(cell.first_bias) * n_hidden
        self.cell, self.reverse = cell, reverse
        self.weights = Parameter(fan_in_uniform((n_inp, columns), rng))
        self.recurrent_weights = Parameter(fan_in_uniform((n_hidden, columns), rng))
        self.bias = Parameter(_first_bias((columns,), cell.first_bias)) if bias else None
        second = bias and not cell.only_the_sum
        self.recurrent_bias = Parameter(zeros((columns,))) if second else None

    def forward(
        self, x: Array, start: State, valid: Array | None, training: bool
    ) -> tuple[Array, State]:
        """Return the outputs of all steps (N, L, n_hidden), and the last state.

        start: the arrays of the first state, (N, n_hidden), None for zeros.
        """
        xp, u, b = array_namespace(x), self.recurrent_weights.value, self.recurrent_bias
        a = x @ self.weights.value  # for all steps, in one product
        a = a if self.bias is None else a + self.bias.value
        zero = xp.zeros((x.shape[0], u.shape[0]), dtype=x.dtype, device=x.device)
        state = tuple(zero if array is None else array for array in start)
        outputs, steps = [zero] * x.shape[1], []
        for t in self._times(x.shape[1]):
            h = state[0]
            r = h @ u if b is None else h @ u + b.value
            new, saved = self.cell.step(a[:, t, :], r, state)
            state = new if valid is None else _where(valid[:, t, None], new, state)
            outputs[t] = state[0]
            steps.append((t, h, saved))
        if training:
            self._saved = (x, steps)
        y = xp.stack(outputs, axis=1)
        return (y if valid is None else xp.where(valid[:, :, None], y, 0)), state

    def backward(
        self, grad: Array | None, grad_last: State, valid: Array | None
    ) -> tuple[Array, State]:
        """Backpropagate dL/d(outputs) and dL/d(last) through the steps, None for those without.

        Returns dL/dx and dL/d(start).
        """
        x, steps = self._take_saved()
        xp, u_t = array_namespace(x), self.recurrent_weights.value.T
        if valid is not None and grad is not None:
            grad = xp.where(valid[:, :, None], grad, 0)
        zero = xp.zeros_like(steps[0][1])
        flow = tuple(zero if array is None else array for array in grad_last)
        grads_a, grads_r, before = ([zero] * len(steps) for _ in range(3))
        for t, h, saved in reversed(steps):
            if grad is not None:
                flow = (flow[0] + grad[:, t, :], *flow[1:])
            grad_a, grad_r, direct = self.cell.step_backward(flow, saved)
            back = (direct[0] + grad_r @ u_t, *direct[1:])
            if valid is not None:  # an unchanged state passes its gradient on unchanged
                here = valid[:, t, None]
                grad_a, grad_r = xp.where(here, grad_a, 0), xp.where(here, grad_r, 0)
                back = _where(here, back, flow)
            flow = back
            grads_a[t], grads_r[t], before[t] = grad_a, grad_r, h
        grad_a = xp.stack(grads_a, axis=1)
        grad_r = grad_a if self.cell.only_the_sum else xp.stack(grads_r, axis=1)
        return self._set_gradients(x, xp.stack(before, axis=1), grad_a, grad_r), flow

    def _set_gradients(self, x: Array, h: Array, grad_a: Array, grad_r: Array) -> Array:
        """Set dL/dw = xᵀ dL/da and dL/du = hᵀ dL/dr over all steps; return dL/dx."""
        xp, g_a, g_r = array_namespace(x), rows(grad_a), rows(grad_r)
        self.weights.grad = rows(x).T @ g_a
        self.recurrent_weights.grad = rows(h).T @ g_r
        if self.bias is not None:
            self.bias.grad = xp.sum(g_a, axis=0)
        if self.recurrent_bias is not None:
            self.recurrent_bias.grad = xp.sum(g_r, axis=0)
        return grad_a @ self.weights.value.T

    def _times(self, length: int) -> range:
        return range(length - 1, -1, -1) if self.reverse else range(length)


def _where(condition: Array, new: State, old: State) -> State:
    where = array_namespace(condition).where
    return tuple(where(condition, a, b) for a, b in zip(new, old, strict=True))


@initializer
def _first_bias(shape: tuple[int, ...], of_gates: tuple[float, ...]) -> Array:
    """Return each gate's first bias for all of its columns."""
    return np.repeat(np.asarray(of_gates, np.float32), shape[0] // len(of_gates))
