"""Layers of a user's own for the tests of graphs: side inputs with gradients, several outputs."""

from portanet import Layer, array_namespace


class Shifted(Layer):
    """y = x + tanh(shift) · scale, with two side inputs of its own."""

    def forward(self, x, *, shift=None, scale=None, training=False):
        xp = array_namespace(x)
        if training:
            self._saved = (shift, scale)
        return x + xp.tanh(shift) * scale

    def backward(self, grad):
        shift, scale = self._take_saved()
        t = array_namespace(grad).tanh(shift)
        self.shift_grad, self.scale_grad = grad * scale * (1 - t * t), grad * t
        return grad


class Halves(Layer):
    """Returns two arrays: the halves of x."""

    def forward(self, x, *, training=False):
        if training:
            self._saved = True
        return [x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]]

    def backward(self, grad):
        self._take_saved()
        known = grad[0] if grad[1] is None else grad[1]
        xp = array_namespace(known)
        return xp.concat([xp.zeros_like(known) if half is None else half for half in grad], axis=1)
