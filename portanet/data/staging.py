"""Staging: the one place where data are checked for a model, moved to it and cast to its dtype."""

from typing import Any

from portanet.backends import backend_of
from portanet.checks import skip_value_checks
from portanet.data.lazy_batch import Batch
from portanet.data.numbers import check_fits, check_whole
from portanet.errors import PlacementError, ShapeError
from portanet.typing import Array
from portanet.uniform import check_uniform


class Staging:
    """Stages data for a model: a whole data set at once, or batch by batch.

    Raises DtypeError or PlacementError if the model's own parameters differ in dtype or place.
    """

    def __init__(self, model: Any) -> None:
        check_uniform(model)
        self.backend, self.dtype = model.placement
        self._model, self._criterion = model, getattr(model, "criterion", None)
        self._outputs: dict[tuple[int, ...], tuple[int, ...]] = {}  # of samples of each shape

    def __call__(self, X: Array, y: Array) -> Batch:
        """Return X and y where the model lies, as the model and its criterion want them.

        Raises PlacementError, ShapeError or DataError if they are not for this model.
        """
        self._check_place(X)
        check_fits("X", X, self.dtype)
        check_fits("y", y, self.dtype)
        integers = self._model.takes == "integers"
        if integers:
            check_whole("X", X)
        self._model.check_values(X)
        x = self.backend.asarray(X, self.backend.index_dtype() if integers else self.dtype)
        if self._criterion is None:
            return contiguous(x), contiguous(self.backend.asarray(y))
        self._criterion.check_targets(y, self._output_shape(x))
        return contiguous(x), contiguous(self._criterion.cast_targets(self.backend, y, self.dtype))

    def _check_place(self, X: Array) -> None:
        home = backend_of(X)
        if home.name != "numpy" and home is not self.backend:
            raise PlacementError(
                f"DataLoader: the data must lie on the host or with the model, on {self.backend}; "
                f"they lie on {home}. Move the model with .to({home.name!r})"
            )

    def _output_shape(self, x: Array) -> tuple[int, ...]:
        """Return the shape of the model's output; one sample shows how many classes there are."""
        of_sample = tuple(x.shape[1:])
        if of_sample not in self._outputs:
            with skip_value_checks():
                self._outputs[of_sample] = tuple(self._forward_one(x).shape)
        return self._outputs[of_sample]

    def _forward_one(self, x: Array) -> Array:
        try:
            return self._model.forward(x[:1, ...])
        except ShapeError as error:  # it names the one sample's shape, which nobody has given
            shape = tuple(x.shape)
            said = str(error).replace(str((1, *shape[1:])), str(shape))
            raise ShapeError(
                f"DataLoader: the network cannot take X of shape {shape}: {said}"
            ) from error


def contiguous(x: Array) -> Array:
    """Return x in C order, where a sample's numbers lie side by side: gathering reads rows."""
    flags = getattr(x, "flags", None)
    if flags is not None and hasattr(flags, "c_contiguous"):  # NumPy, CuPy
        return x if flags.c_contiguous else x.copy(order="C")
    return x.contiguous() if hasattr(x, "contiguous") else x  # PyTorch; others have no order
