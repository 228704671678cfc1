"""Cells: one time step of a recurrent layer, and the derivative of that step.

A cell has no weights. It receives both products, a = x_t w + b of the input and r = h u of the
previous output (each with one block of n_hidden columns per gate), and returns the new state, a
tuple whose first entry is the output h:

    step(a, r, state) -> new state, what step_backward needs
    step_backward(grad, saved) -> dL/da, dL/dr, dL/d(state) without the part through r

with grad = dL/d(new state). Shapes: a and r (N, gates n_hidden), all else (N, n_hidden).
"""

from typing import Any, Protocol

from portanet.backends import array_namespace
from portanet.layers.activations import sigmoid
from portanet.typing import Array

State = tuple[Any, ...]


class Cell(Protocol):
    """One step of a recurrent layer."""

    first_bias: tuple[float, ...]
    """The initial bias of each gate; its length is the number of gates."""
    only_the_sum: bool
    """Whether the cell uses a + r only: then one bias and one gradient serve both."""

    def step(self, a: Array, r: Array, state: State) -> tuple[State, Any]:
        """Return the new state, and what step_backward needs."""
        ...

    def step_backward(self, grad: State, saved: Any) -> tuple[Array, Array, State]:
        """Return dL/da, dL/dr and dL/d(state), the last without the part through r."""
        ...


class TanhCell:
    """h' = tanh(a + r)."""

    first_bias, only_the_sum = (0.0,), True

    def step(self, a: Array, r: Array, state: State) -> tuple[State, Any]:  # noqa: ARG002
        """Return (h',)."""
        h = array_namespace(a).tanh(a + r)
        return (h,), h

    def step_backward(self, grad: State, saved: Any) -> tuple[Array, Array, State]:
        """Use d tanh(s)/ds = 1 - tanh²(s); the old state enters through r alone."""
        h = saved
        grad_sum = grad[0] * (1 - h * h)
        return grad_sum, grad_sum, (0.0,)


class LSTMCell:
    """i, f, o = sigmoid and g = tanh of the blocks of a + r; c' = f c + i g; h' = o tanh(c').

    The blocks are in the order i, f, g, o: input gate, forget gate, candidate, output gate.
    """

    first_bias, only_the_sum = (0.0, 1.0, 0.0, 0.0), True

    def step(self, a: Array, r: Array, state: State) -> tuple[State, Any]:
        """Return (h', c')."""
        xp, c, s = array_namespace(a), state[1], a + r
        n = c.shape[1]
        both = sigmoid(s[:, : 2 * n])
        i, f, g, o = both[:, :n], both[:, n:], xp.tanh(s[:, 2 * n : 3 * n]), sigmoid(s[:, 3 * n :])
        c_new = f * c + i * g
        t = xp.tanh(c_new)
        return (o * t, c_new), (i, f, g, o, c, t)

    def step_backward(self, grad: State, saved: Any) -> tuple[Array, Array, State]:
        """Differentiate h' = o t, t = tanh(c'), c' = f c + i g and the gates."""
        (grad_h, grad_c), (i, f, g, o, c, t) = grad, saved
        grad_c = grad_c + grad_h * o * (1 - t * t)
        grad_i = grad_c * g * (i * (1 - i))
        grad_f = grad_c * c * (f * (1 - f))
        grad_g = grad_c * i * (1 - g * g)
        grad_o = grad_h * t * (o * (1 - o))
        grad_sum = array_namespace(i).concat([grad_i, grad_f, grad_g, grad_o], axis=1)
        return grad_sum, grad_sum, (0.0, grad_c * f)


class GRUCell:
    """r, z = sigmoid(a + r), n = tanh(a_n + r r_n), h' = (1 - z) n + z h.

    The blocks are in the order r, z, n: reset gate, update gate, candidate.
    """

    first_bias, only_the_sum = (0.0, 0.0, 0.0), False

    def step(self, a: Array, r: Array, state: State) -> tuple[State, Any]:
        """Return (h',)."""
        xp, h = array_namespace(a), state[0]
        n = h.shape[1]
        both = sigmoid(a[:, : 2 * n] + r[:, : 2 * n])
        reset, update, product = both[:, :n], both[:, n:], r[:, 2 * n :]
        new = xp.tanh(a[:, 2 * n :] + reset * product)
        return (new + update * (h - new),), (reset, update, new, product, h)

    def step_backward(self, grad: State, saved: Any) -> tuple[Array, Array, State]:
        """Differentiate h' = n + z (h - n), n = tanh(a_n + r r_n) and the gates."""
        (grad_h,), (reset, update, new, product, h) = grad, saved
        grad_new = grad_h * (1 - update) * (1 - new * new)
        grad_reset = grad_new * product * (reset * (1 - reset))
        grad_update = grad_h * (h - new) * (update * (1 - update))
        concat = array_namespace(h).concat
        grad_a = concat([grad_reset, grad_update, grad_new], axis=1)
        grad_r = concat([grad_reset, grad_update, grad_new * reset], axis=1)
        return grad_a, grad_r, (grad_h * update,)
