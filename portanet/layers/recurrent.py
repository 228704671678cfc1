"""RNN, LSTM and GRU: the same loop over time, with different cells."""

from typing import Any

from portanet.layers.recurrent_cells import GRUCell, LSTMCell, TanhCell
from portanet.layers.recurrent_stack import _Recurrent
from portanet.typing import Array


class RNN(_Recurrent):
    """h_t = tanh(x_t w + b + h_(t-1) u), from h_0 = 0 unless given (Elman's network).

    Shapes: x (N, L, n_inp), w (n_inp, n_hidden), u (n_hidden, n_hidden), b (n_hidden,). The result
    is (N, L, D n_hidden), all steps, with D = 2 if bidirectional, else 1; return_sequences=False:
    (N, D n_hidden), the state after each direction's last step.

    Backpropagation through time: let G_t = dL/dh_t, from the layer above and from step t + 1, and
    s_t the argument of tanh. Then dL/ds_t = G_t (1 - h_t²); dL/dw and dL/du are the sums over the
    steps of x_tᵀ dL/ds_t and h_(t-1)ᵀ dL/ds_t; dL/dx_t = dL/ds_t wᵀ; dL/ds_t uᵀ goes to step t - 1,
    from the first step to h_0.

    n_layers: the input of each is the output of the one below. bidirectional: a second pass with
    its own weights runs from the end, and the outputs of both are concatenated. `lengths` (N,) are
    the samples' numbers of steps: later steps have no influence, even if they hold NaN, their
    outputs are 0, the reverse pass starts at the end of each sample, and the last state is that of
    its last step (of a sample of length 0, its start).

    forward takes start states h0 (N, n_layers D, n_hidden), entry i D + j for layer i and direction
    j; backward stores dL/dh0 in `h0_grad`, None without h0. return_state=True: forward returns
    [y, h_n], h_n in the shape of h0 with the last states, and backward takes a list of both
    gradients, None for one that is not there. (PyTorch has the first two axes swapped.)
    bias=False: without b.

    w starts from U(-1/sqrt(n_inp), 1/sqrt(n_inp)), u from U(-1/sqrt(n_hidden), 1/sqrt(n_hidden)),
    biases from 0 (PyTorch draws all of them from the latter). PyTorch has a second bias, which is
    added to the first.

    Raises ShapeError unless x is (N, L, n_inp) with L >= 1, lengths (N,) and start states are as
    above, DtypeError or PlacementError unless their dtypes and devices match the weights, DataError
    if a length is not in [0, L], ArgumentError unless the sizes are integers >= 1.

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
    b (4 n_hidden,). There are two states, h and c: forward takes h0 and c0, each 0 unless given,
    and backward sets `h0_grad` and `c0_grad`; return_state=True: forward returns [y, h_n, c_n].

    With H, C = dL/dh_t, dL/dc_t: H o (1 - tanh²(c_t)) is added to C; then dL/di = C g, dL/df =
    C c_(t-1), dL/dg = C i, dL/do = H tanh(c_t), each times the derivative of its function is a
    block of dL/ds_t, and C f goes to step t - 1: along c the gradient is only multiplied by f.

    The order of the gates is PyTorch's (Keras' i, f, c, o is the same). The bias of the forget gate
    starts from 1, so that the initial cell keeps its state (as in Keras; PyTorch: near 0); with
    bias=False there is none.

    Raises: see RNN.

    Source: Hochreiter & Schmidhuber, "Long short-term memory", 1997; the forget gate: Gers,
    Schmidhuber & Cummins, "Learning to forget", 2000; its bias: Jozefowicz, Zaremba & Sutskever,
    "An empirical exploration of recurrent network architectures", 2015.

    >>> import numpy as np
    >>> LSTM(3, 4, return_sequences=False)(np.zeros((2, 5, 3), np.float32)).shape
    (2, 4)
    """

    _cell = LSTMCell
    _start_names = ("h0", "c0")
    c0_grad: Array | None

    def forward(
        self, x: Array, *, lengths: Array | None = None, h0: Array | None = None,
        c0: Array | None = None, training: bool = False,
    ) -> Any:  # fmt: skip
        """Return the outputs, as RNN; with return_state=True a list of them, h_n and c_n."""
        return self._forward(x, lengths, (h0, c0), training)

    def backward(self, grad: Any) -> Array:
        """Set all gradients, `h0_grad` and `c0_grad`; return dL/dx."""
        grad_x, (self.h0_grad, self.c0_grad) = self._backward(grad)
        return grad_x


class GRU(_Recurrent):
    """h_t = (1 - z) n + z h_(t-1), with r, z = sigmoid and n = tanh(a_n + r (h_(t-1) u_n + c_n)).

    r and z are functions of the first two blocks of x_t w + b + h_(t-1) u + c; a_n is the third
    block of x_t w + b.

    Shapes and arguments as in RNN, but w (n_inp, 3 n_hidden), u (n_hidden, 3 n_hidden), b and
    c (3 n_hidden,); c is called `recurrent_bias`, and bias=False leaves both out.

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
