"""The exponential moving average of the weights, which often generalizes better than they do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from portanet.backends import backend_of
from portanet.checks import check_number, dtype_name, short
from portanet.commit import update_together
from portanet.constructors import CalledType
from portanet.errors import ArgumentError, OrderError
from portanet.layer import Parameter, Part, moved
from portanet.options import Option
from portanet.parameter import fill_vector, vector_of
from portanet.reprs import call_of
from portanet.running_mean import RunningMean
from portanet.state import State, check_like, entry
from portanet.typing import Array
from portanet.uniform import check_uniform

_REST = "rest"  # in the names of a state


class ExponentialMovingAverage(metaclass=CalledType):
    """mean <- decay mean + (1 - decay) value, for every parameter of a model.

    The mean starts from the model's values when this object is made. Call update() after each step,
    and evaluate `with ema.weights():`, where the model has the mean's values; its own are restored
    at the end, also after an exception. Buffers, such as running statistics, are means already and
    are not averaged. The mean follows the model to another backend or dtype. What rounding adds to
    it in one step is taken off in the next, as small changes of a mean would be lost in float32.

    The means of all parameters lie in one vector, so that an update is a few operations, however
    many parameters there are.

    decay in [0, 1): 0.99 averages over about 100 steps, 0.999 over about 1000.

    Raises ArgumentError if the decay is outside its range; DtypeError or PlacementError if the
    parameters are of several dtypes or devices; OrderError from update() and weights() within a
    weights() block, where the model has the mean's values.

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
        # within weights(): the model's own values, by name, or in one vector with the parameters
        self._own: dict[str, Array] | None = None
        self._own_vector: tuple[Mapping[str, Parameter], Array] | None = None
        check_uniform(model)
        self._fitted = model.named_parameters()
        self._mean = _mean_of(self._fitted, {}, {})

    def update(self) -> None:
        """Update the mean with the model's values."""
        self.update_with(self.model.named_parameters())

    def update_with(self, parameters: Mapping[str, Parameter]) -> None:
        """Update the mean as update() does, for a caller that has the model's parameters."""
        self._refuse_swapped("update")
        if parameters is not self._fitted:
            self._fit(parameters)
        vector = vector_of(parameters)
        # a compiled step need not take back what is only looked at
        values = [p.peek() for p in parameters.values()] if vector is None else [vector]
        self._mean.update(values, 1 - self.decay)

    @contextmanager
    def weights(self) -> Iterator[None]:
        """Within this block the model has the mean's values."""
        self._refuse_swapped("weights")
        try:
            self._swap(self.model.named_parameters())
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Give the model its own values, if an interrupt has cut the end of a block off."""
        if self._own_vector is not None:
            named, vector = self._own_vector
            if not fill_vector(named, vector):
                self._assign(self._mean.pieces(vector))
        elif self._own is not None:
            self._assign(self._own)
        self._own = self._own_vector = None

    def _swap(self, named: Mapping[str, Parameter]) -> None:
        """Keep the model's own values, and give it the mean's."""
        where = vector_of(named)
        if where is None or not self._fits(named):
            self._own = {name: p.value for name, p in named.items()}
            self._assign(self._mean.means())
            return
        # in a compiled step's memory, which then has nothing to take over
        self._own_vector = named, backend_of(where).xp.asarray(where, copy=True)
        fill_vector(named, _beside(self._mean.vector, where))

    def _assign(self, values: Mapping[str, Array]) -> None:
        """Give the model values, all at once; it may be on another backend than they are."""
        named = {n: p for n, p in self.model.named_parameters().items() if n in values}
        cells = [p.cell(_beside(values[n], p.peek())) for n, p in named.items()]
        update_together(*zip(*cells, strict=True))

    def state(self) -> State:
        """Return the means, what their last rounding has added, and the decay."""
        rests = {f"{name}/{_REST}": rest for name, rest in self._mean.rests().items()}
        return State(self._mean.means() | rests, {"decay": self.decay})

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
                check_like("ExponentialMovingAverage", name, array, p.peek())
        self.decay = entry("ExponentialMovingAverage", state, "decay", "a finite number")
        self._mean, self._fitted = _mean_of(parameters, means, rests), parameters

    def __repr__(self) -> str:
        return call_of(self, ..., decay=self.decay)

    def _fit(self, parameters: Mapping[str, Parameter]) -> None:
        """Have a mean of each parameter: of those that are new it begins with the values."""
        if not self._fits(parameters):
            shapes = _shapes(parameters)
            known = [name for name, shape in self._mean.shapes.items() if shapes.get(name) == shape]
            means, rests = (
                {name: arrays[name] for name in known}
                for arrays in (self._mean.means(), self._mean.rests())
            )
            self._mean = _mean_of(parameters, means, rests)
        self._fitted = parameters

    def _fits(self, parameters: Mapping[str, Parameter]) -> bool:
        """Return whether the mean is one of these parameters, in their order."""
        return parameters is self._fitted or (
            [*_shapes(parameters).items()] == [*self._mean.shapes.items()]
        )

    def _refuse_swapped(self, method: str) -> None:
        if self._own is not None or self._own_vector is not None:
            raise OrderError(
                f"ExponentialMovingAverage.{method}(): within weights() the model has the mean's "
                "values, not its own; call this after the block"
            )


def _mean_of(
    parameters: Mapping[str, Parameter], means: Mapping[str, Array], rests: Mapping[str, Array]
) -> RunningMean:
    """Return the mean of parameters that goes on from some, and begins with the others' values."""
    values = {name: p.peek() for name, p in parameters.items()}
    known, rests = (
        {name: _beside(array, values[name]) for name, array in arrays.items()}
        for arrays in (means, rests)
    )
    return RunningMean(values | known, rests)


def _shapes(parameters: Mapping[str, Parameter]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.peek().shape) for name, p in parameters.items()}


def _beside(array: Array, value: Array) -> Array:
    """Return array on the device of value, in its dtype."""
    return moved(array, backend_of(value), dtype_name(value.dtype))
