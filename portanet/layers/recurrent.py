"""RNN, LSTM and GRU: the same loop over time, with different cells."""

from typing import Any, ClassVar

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_alike, check_count, dtype_name, is_integer, skips_value_checks
from portanet.errors import DataError, DtypeError, PlacementError, ShapeError
from portanet.layer import Layer
from portanet.layers.recurrent_cells import GRUCell, LSTMCell, TanhCell
from portanet.layers.recurrent_pass import Pass
from portanet.typing import Array, Rng


class _Recurrent(Layer):
    """A cell unrolled over time: stacked layers, in one direction or in both."""

    _cell: ClassVar[Any]

    def __init__(
        self, n_inp: int, n_hidden: int, *, n_layers: int = 1, bidirectional: bool = False,
        return_sequences: bool = True, rng: Rng | None = None,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        check_count(who, "n_inp", n_inp)
        self.n_inp, self.n_hidden = n_inp, check_count(who, "n_hidden", n_hidden)
        self.return_sequences = bool(return_sequences)
        ways = (False, True) if bidirectional else (False,)
        widths = [n_inp] + [n_hidden * len(ways)] * (check_count(who, "n_layers", n_layers) - 1)
        self.passes = [[Pass(self._cell(), n, n_hidden, w, rng) for w in ways] for n in widths]

    def forward(self, x: Array, *, lengths: Array | None = None, training: bool = False) -> Array:
        """Return the outputs of the last layer, of all steps or of the last one; see the class."""
        self._check(x)
        xp = array_namespace(x)
        valid = None if lengths is None else self._valid(x, lengths)
        if valid is not None:
            x = xp.where(valid[:, :, None], x, 0)  # steps after the end have no influence
        if training:
            self._saved = (valid, x.shape[1])
        last = []
        for ways in self.passes:
            results = [way.forward(x, valid, training) for way in ways]
            x, last = xp.concat([y for y, _ in results], axis=2), [h for _, h in results]
        return x if self.return_sequences else xp.concat(last, axis=1)

    def backward(self, grad: Array) -> Array:
        """Set all gradients; return dL/dx."""
        valid, length = self._take_saved()
        xp, h = array_namespace(grad), self.n_hidden
        last = None  # the gradient of the layers below the last one is that of all steps
        if not self.return_sequences:
            last, grad = grad, xp.stack([xp.zeros_like(grad)] * length, axis=1)
        for ways in reversed(self.passes):
            grads = []
            for i, way in enumerate(ways):
                part = slice(i * h, (i + 1) * h)
                of_last = xp.zeros_like(grad[:, 0, part]) if last is None else last[:, part]
                grads.append(way.backward(grad[:, :, part], of_last, valid))
            grad, last = sum(grads[1:], grads[0]), None
        return grad

    def _valid(self, x: Array, lengths: Array) -> Array:
        """Return (N, L), true up to each sample's length."""
        xp, (n, length) = array_namespace(lengths), x.shape[:2]
        if not is_integer(lengths):
            raise DtypeError(
                f"{self!r}: lengths must be integers, are {dtype_name(lengths.dtype)}; cast them "
                "with astype('int64')"
            )
        if backend_of(lengths) is not backend_of(x):
            raise PlacementError(
                f"{self!r}: lengths must be on the device of x, {backend_of(x)}; they are on "
                f"{backend_of(lengths)}. Move them with "
                f"portanet.backends.get({backend_of(x).name!r}).asarray(...)"
            )
        if tuple(lengths.shape) != (n,):
            raise ShapeError(
                f"{self!r}: lengths must be ({n},), one for each sample, are {tuple(lengths.shape)}"
            )
        if not skips_value_checks() and bool(xp.any((lengths < 0) | (lengths > length))):
            raise DataError(
                f"{self!r}: lengths must be in [0, {length}], the number of steps of x; some are "
                "not. Correct them, or pad x to more steps"
            )
        steps = xp.arange(length, dtype=lengths.dtype, device=lengths.device)
        return steps[None, :] < lengths[:, None]

    def _check(self, x: Array) -> None:
        check_alike(repr(self), "x", x, "the weights", self.passes[0][0].weights.value)
        if x.ndim != 3 or x.shape[2] != self.n_inp or x.shape[1] == 0:
            raise ShapeError(
                f"{self!r}: x must be (N, L, {self.n_inp}) with L >= 1 steps, is {tuple(x.shape)}"
                + ("; one sample is x[None, :, :]" if x.ndim == 2 else "")
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_inp}, {self.n_hidden})"


class RNN(_Recurrent):
    """h_t = tanh(x_t w + b + h_(t-1) u), from h_0 = 0 (Elman's network).

    Shapes: x (N, L, n_inp), w (n_inp, n_hidden), u (n_hidden, n_hidden), b (n_hidden,). The result
    is (N, L, D n_hidden), all steps, with D = 2 if bidirectional, else 1; return_sequences=False:
    (N, D n_hidden), the state after each direction's last step.

    Backpropagation through time: let G_t = dL/dh_t, from the layer above and from step t + 1, and
    s_t the argument of tanh. Then dL/ds_t = G_t (1 - h_t²); dL/dw and dL/du are the sums over the
    steps of x_tᵀ dL/ds_t and h_(t-1)ᵀ dL/ds_t; dL/dx_t = dL/ds_t wᵀ; dL/ds_t uᵀ goes to step t - 1.

    n_layers: the input of each is the output of the one below. bidirectional: a second pass with
    its own weights runs from the end, and the outputs of both are concatenated. `lengths` (N,) are
    the samples' numbers of steps: later steps have no influence, their outputs are 0, the reverse
    pass starts at the end of each sample, and the last state is that of its last step.

    w starts from U(-1/sqrt(n_inp), 1/sqrt(n_inp)), u from U(-1/sqrt(n_hidden), 1/sqrt(n_hidden)),
    biases from 0 (PyTorch draws all of them from the latter). PyTorch has a second bias, which is
    added to the first.

    Raises ShapeError unless x is (N, L, n_inp) with L >= 1 and lengths (N,), DtypeError or
    PlacementError unless their dtypes and devices match the weights, DataError if a length is not
    in [0, L], ArgumentError unless the sizes are integers >= 1.

    Source: Elman, "Finding structure in time", 1990; Werbos, "Backpropagation through time", 1990.

    >>> import numpy as np
    >>> RNN(3, 4, bidirectional=True)(np.zeros((2, 5, 3), np.float32)).shape
    (2, 5, 8)
    """

    _cell = TanhCell


class LSTM(_Recurrent):
    """c_t = f c_(t-1) + i g,  h_t = o tanh(c_t), with the gates i, f, o = sigmoid and g = tanh.

    i, f, g, o are functions of the four blocks, in this order, of s_t = x_t w + b + h_(t-1) u.

    Shapes and arguments as in RNN, but w (n_inp, 4 n_hidden), u (n_hidden, 4 n_hidden),
    b (4 n_hidden,); the last state is h, without c.

    With H, C = dL/dh_t, dL/dc_t: H o (1 - tanh²(c_t)) is added to C; then dL/di = C g, dL/df =
    C c_(t-1), dL/dg = C i, dL/do = H tanh(c_t), each times the derivative of its function is a
    block of dL/ds_t, and C f goes to step t - 1: along c the gradient is only multiplied by f.

    The order of the gates is PyTorch's (Keras' i, f, c, o is the same). The bias of the forget gate
    starts from 1, so that the initial cell keeps its state (as in Keras; PyTorch: near 0).

    Raises: see RNN.

    Source: Hochreiter & Schmidhuber, "Long short-term memory", 1997; the forget gate: Gers,
    Schmidhuber & Cummins, "Learning to forget", 2000; its bias: Jozefowicz, Zaremba & Sutskever,
    "An empirical exploration of recurrent network architectures", 2015.

    >>> import numpy as np
    >>> LSTM(3, 4, return_sequences=False)(np.zeros((2, 5, 3), np.float32)).shape
    (2, 4)
    """

    _cell = LSTMCell


class GRU(_Recurrent):
    """h_t = (1 - z) n + z h_(t-1), with r, z = sigmoid and n = tanh(a_n + r (h_(t-1) u_n + c_n)).

    r and z are functions of the first two blocks of x_t w + b + h_(t-1) u + c; a_n is the third
    block of x_t w + b.

    Shapes and arguments as in RNN, but w (n_inp, 3 n_hidden), u (n_hidden, 3 n_hidden), b and
    c (3 n_hidden,); c is called `recurrent_bias`.

    With H = dL/dh_t and p = h_(t-1) u_n + c_n: dL/dn = H (1 - z), dL/dz = H (h_(t-1) - n), each
    times the derivative of its function is a block, dL/dr = dL/da_n p, dL/dp = dL/da_n r; H z goes
    to step t - 1 directly.

    The reset gate is applied after the product, as in PyTorch and in Keras with reset_after=True.
    Cho et al. apply it before, n = tanh(a_n + (r h) u_n), which needs a second product; their z is
    1 - z here. Keras orders the blocks z, r, n.

    Raises: see RNN.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.

    >>> import numpy as np
    >>> GRU(3, 4, n_layers=2)(np.zeros((2, 5, 3), np.float32)).shape
    (2, 5, 4)
    """

    _cell = GRUCell
