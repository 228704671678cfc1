"""RunningMean: exponential moving averages of several arrays, all of them in one vector."""

from collections.abc import Mapping, Sequence

from portanet.backends import array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.dispatch import accelerable
from portanet.layer import moved
from portanet.parameter import pieces_of
from portanet.typing import Array


@accelerable
def averaged(sums: Array, weight: float, *values: Array) -> Array:
    """mean <- mean + weight (value - mean), and what rounding has added, which the next takes off.

    Shapes: sums (2, n) has the means and the rests; values (…), end to end, have n numbers. Returns
    new sums.

    Source: Kahan, "Further remarks on reducing truncation errors", 1965.
    """  # noqa: D403
    xp = array_namespace(sums)
    value = end_to_end(values)
    mean, rest = sums[0, :], sums[1, :]
    change = weight * (value - mean) - rest
    new = mean + change
    return xp.stack([new, (new - mean) - change])


class RunningMean:
    """Means of arrays by name, which begin with the arrays' own numbers.

    `rests` is what the last rounding has added to some of them.
    """

    def __init__(
        self, arrays: Mapping[str, Array], rests: Mapping[str, Array] | None = None
    ) -> None:
        self.shapes = {name: tuple(array.shape) for name, array in arrays.items()}
        first, known = next(iter(arrays.values())), rests or {}
        self._backend = backend_of(first)
        xp = self._backend.xp
        rest = [known.get(name, xp.zeros_like(array)) for name, array in arrays.items()]
        self._sums = xp.stack([end_to_end(list(arrays.values())), end_to_end(rest)])  # copies
        self._means: dict[str, Array] | None = None

    def update(self, values: Sequence[Array], weight: float) -> None:
        """Give values some weight: in their order, or end to end in one vector."""
        first = values[0]
        backend = backend_of(first)
        if backend is not self._backend or first.dtype != self._sums.dtype:
            self._backend = backend
            self._sums = moved(self._sums, self._backend, dtype_name(first.dtype))
        self._sums, self._means = averaged(self._sums, weight, *values), None

    @property
    def vector(self) -> Array:
        """The means end to end."""
        return self._sums[0, :]

    def means(self) -> dict[str, Array]:
        """Return the means by name, as arrays that stay as they are."""
        if self._means is None:
            self._means = self.pieces(self.vector)
        return dict(self._means)

    def rests(self) -> dict[str, Array]:
        """Return what the last rounding has added to each, by name."""
        return self.pieces(self._sums[1, :])

    def pieces(self, vector: Array) -> dict[str, Array]:
        """Return the piece of a vector that belongs to each name, in its shape."""
        return pieces_of(vector, self.shapes)


def end_to_end(arrays: Sequence[Array]) -> Array:
    """Return the numbers of arrays in one vector, of a single one without a copy if it can be."""
    xp = array_namespace(arrays[0])
    vectors = [xp.reshape(array, (-1,)) for array in arrays]
    return vectors[0] if len(vectors) == 1 else xp.concat(vectors)
