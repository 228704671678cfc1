"""Layer: a function with parameters, its derivative, and a memory between the two."""

from typing import Any, ClassVar, Self

from portanet.buffer import Buffer as Buffer
from portanet.errors import short
from portanet.parameter import Parameter as Parameter
from portanet.part import Part as Part
from portanet.part import moved as moved
from portanet.several import Arrays, map_parts
from portanet.sides import names_of
from portanet.summary import Row, row_of
from portanet.typing import Array
from portanet.wire import wired


class Layer(Part):
    """A function with parameters, its derivative, and a memory between the two.

    A layer defines `forward(x, *, training=False)` and `backward(grad)`. `training=True` says that
    a backward pass will follow: then forward saves what that needs in `self._saved`, and backward
    takes it with `self._take_saved()`, sets `grad` of each Parameter to dL/dvalue (a sum over the
    batch: the loss owns the 1/N) and returns dL/dx.

    forward may take arrays beside x, its side inputs, by keyword: `lengths`, `memory`. backward
    then leaves dL/dmemory in the attribute `memory_grad`, which is None before and where there is
    none (set it in `__init__`).
    """

    how_to_call: ClassVar[str] = "{}()(x)"
    takes: ClassVar[str] = "floats"  # or "integers": the kind of numbers that forward wants
    input_names: tuple[str, ...] = ()  # of a layer that takes several arrays by name
    returns: ClassVar[str] = "numbers"  # or "probabilities", "log-probabilities", "as its input"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output for x."""
        raise NotImplementedError(
            f"{type(self).__name__} must define forward(x, *, training=False): its output for x"
        )

    def backward(self, grad: Array) -> Array:
        """Return dL/dx from grad = dL/d(output), and set the parameters' gradients."""
        raise NotImplementedError(
            f"{type(self).__name__} must define backward(grad): dL/dx for grad = dL/d(output)"
        )

    def check_values(self, x: Array) -> None:
        """Look at the values of an input. Raises DataError if there are some that make no sense.

        The loader calls this once for a whole data set, where it is staged, and never a step.
        """

    def kinds(self, x: Arrays) -> Any:
        """Return what the numbers of each array of x must be, in its form.

        "floats" in the network's dtype, "integers", or "own": floats or not, as they are.
        """
        return map_parts(lambda _: self.takes, x)

    def side_inputs(self) -> tuple[str, ...]:
        """Return the names of the arrays that forward takes beside x."""
        return names_of(type(self).forward)

    def take_side_grads(self) -> dict[str, Array]:
        """Return the gradients of side inputs that backward has left, by name; forget them."""
        grads = {name: getattr(self, f"{name}_grad", None) for name in self.side_inputs()}
        found = {name: grad for name, grad in grads.items() if grad is not None}
        for name in found:
            setattr(self, f"{name}_grad", None)
        return found

    def summary_rows(self, name: str, x: Arrays, **sides: Array) -> tuple[Any, list[Row]]:
        """Return the output for a sample, and this layer's rows of a network's summary."""
        y = self.forward(x, **sides)
        return y, [row_of(f"{name} {short(self)}", y, self.parameters())]

    def freeze(self) -> Self:
        """Keep optimizers from moving this layer's parameters; return self.

        Running statistics (buffers) still follow the data while training.
        """
        for parameter in self.parameters():
            parameter.trainable = False
        return self

    def unfreeze(self) -> Self:
        """Let optimizers move this layer's parameters; return self."""
        for parameter in self.parameters():
            parameter.trainable = True
        return self

    def __call__(self, x: Any, *, training: bool = False, **sides: Any) -> Any:
        """Return forward(x); in a Graph, called on a Wire, one for what forward will return."""
        wire = wired(self, x, sides)
        return self.forward(x, training=training, **sides) if wire is None else wire
