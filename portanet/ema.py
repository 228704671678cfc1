"""The exponential moving average of the weights, which often generalizes better than they do."""

from collections.abc import Iterator
from contextlib import contextmanager

from portanet.backends import backend_of
from portanet.checks import check_number, dtype_name, short
from portanet.commit import update_together
from portanet.constructors import CalledType
from portanet.errors import ArgumentError, OrderError
from portanet.layer import Part, moved
from portanet.options import Option
from portanet.reprs import call_of
from portanet.state import State, check_like, entry
from portanet.typing import Array
from portanet.versioned import advance_version

_REST = "rest"  # in the names of a state


class ExponentialMovingAverage(metaclass=CalledType):
    """mean <- decay mean + (1 - decay) value, for every parameter of a model.

    The mean starts from the model's values when this object is made. Call update() after each step,
    and evaluate `with ema.weights():`, where the model has the mean's values; its own are restored
    at the end, also after an exception. Buffers, such as running statistics, are means already and
    are not averaged. The mean follows the model to another backend or dtype. What rounding adds to
    it in one step is taken off in the next, as small changes of a mean would be lost in float32.

    decay in [0, 1): 0.99 averages over about 100 steps, 0.999 over about 1000.

    Raises ArgumentError if the decay is outside its range; OrderError from update() and weights()
    within a weights() block, where the model has the mean's values.

    Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with
    exponential weights; the sum: Kahan, "Further remarks on reducing truncation errors", 1965.

    >>> from portanet import Linear
    >>> layer = Linear(1, 1)
    >>> ema = ExponentialMovingAverage(layer, decay=0.9)
    >>> layer.bias.value = layer.bias.value + 1
    >>> ema.update()
    >>> with ema.weights():
    ...     layer.bias.value
    array([0.1], dtype=float32)
    >>> layer.bias.value
    array([1.], dtype=float32)
    """

    decay = Option(check_number, 0, 1, open_high=True)

    def __init__(self, model: Part, decay: float = 0.999) -> None:
        if not isinstance(model, Part) or not model.parameters():
            raise ArgumentError(
                f"ExponentialMovingAverage: model must be a network with parameters, is "
                f"{short(model)}; for example Sequential([Linear(3, 1)], loss)"
            )
        self.model, self.decay = model, decay
        # copies, as compiled steps write parameters in place
        self._means = {n: _copy(p.value) for n, p in model.named_parameters().items()}
        self._rests: dict[str, Array] = {}  # what the last rounding of each mean has added
        self._own: dict[str, Array] | None = None  # within weights(), the model's own values

    def update(self) -> None:
        """Update the mean with the model's values."""
        self._refuse_swapped("update")
        for name, parameter in self.model.named_parameters().items():
            value = parameter.peek()  # a compiled step need not take back what only it holds
            mean = _beside(self._means[name], value) if name in self._means else _copy(value)
            change = (1 - self.decay) * (value - mean)
            if name in self._rests:
                change = change - _beside(self._rests[name], value)
            self._means[name] = new = mean + change
            self._rests[name] = (new - mean) - change

    @contextmanager
    def weights(self) -> Iterator[None]:
        """Within this block the model has the mean's values."""
        self._refuse_swapped("weights")
        try:
            named = self.model.named_parameters()
            self._own = {name: p.value for name, p in named.items()}
            self._assign(self._means)
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Give the model its own values, if an interrupt has cut the end of a block off."""
        if self._own is not None:
            self._assign(self._own)
            self._own = None

    def _assign(self, values: dict[str, Array]) -> None:
        """Give the model values, all at once; it may be on another backend than they are."""
        named = self.model.named_parameters()
        now = {name: p.value for name, p in named.items()}  # a compiled step's memory gives them up
        cells = [p.cell(_beside(values.get(n, now[n]), now[n])) for n, p in named.items()]
        update_together(*zip(*cells, strict=True))
        advance_version()

    def state(self) -> State:
        """Return the means, what their last rounding has added, and the decay."""
        rests = {f"{name}/{_REST}": rest for name, rest in self._rests.items()}
        return State(self._means | rests, {"decay": self.decay})

    def load_state(self, state: State) -> None:
        """Continue from a saved state.

        Raises ArgumentError, CheckpointError, ShapeError or DtypeError unless it fits the model.
        """
        parameters, means, rests = self.model.named_parameters(), {}, {}
        for path, array in state.arrays.items():
            name, _, kind = path.rpartition("/")
            into, key = (rests, name) if kind == _REST and name else (means, path)
            into[key] = array
        if set(means) != set(parameters) or not set(rests) <= set(parameters):
            differing = ", ".join(
                sorted((set(means) ^ set(parameters)) | (set(rests) - set(means)))
            )
            raise ArgumentError(
                "ExponentialMovingAverage: the state must have the model's parameters; in one of "
                f"the two only: {differing}"
            )
        for name, p in parameters.items():
            for array in (means[name], rests.get(name, means[name])):
                check_like("ExponentialMovingAverage", name, array, p.value)
        self.decay = entry("ExponentialMovingAverage", state, "decay", "a finite number")
        self._means, self._rests = (
            {name: _beside(array, parameters[name].value) for name, array in arrays.items()}
            for arrays in (means, rests)
        )

    def __repr__(self) -> str:
        return call_of(self, ..., decay=self.decay)

    def _refuse_swapped(self, method: str) -> None:
        if self._own is not None:
            raise OrderError(
                f"ExponentialMovingAverage.{method}(): within weights() the model has the mean's "
                "values, not its own; call this after the block"
            )


def _beside(array: Array, value: Array) -> Array:
    """Return array on the device of value, in its dtype."""
    return moved(array, backend_of(value), dtype_name(value.dtype))


def _copy(array: Array) -> Array:
    return backend_of(array).xp.asarray(array, copy=True)
