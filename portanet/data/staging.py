"""Staging: the one place where data are checked for a model, cast to its dtype and moved to it.

They are checked and cast where they lie, so that the move is nothing but copies: it may run beside
the work of a device.
"""

from typing import Any

from portanet.backends import Backend, array_namespace, backend_of, get
from portanet.backends._standard import StandardBackend
from portanet.checks import is_float, is_integer, skip_value_checks
from portanet.data.lazy_batch import Batch
from portanet.data.values import check_exact, check_fits, check_whole
from portanet.errors import PlacementError, ShapeError
from portanet.places import of_samples
from portanet.several import (
    SEVERAL,
    Arrays,
    Weighted,
    keys_of,
    labels,
    like,
    map_parts,
    parts_of,
    shapes_of,
    unweighted,
)
from portanet.targets import refuse
from portanet.typing import Array
from portanet.uniform import check_uniform


class Staging:
    """Stages data for a model: a whole data set at once, or batch by batch.

    Raises DtypeError or PlacementError if the model's own parameters differ in dtype or place.
    """

    def __init__(self, model: Any) -> None:
        check_uniform(model)
        self.backend, self.dtype = model.placement
        self._host = self.backend if self.backend.name == "numpy" else HostOf(self.backend)
        self._model: Any = model
        self._criterion: Any = getattr(model, "criterion", None)
        self._outputs: dict[Any, Any] = {}  # of samples of each shape
        self._seen: dict[str, tuple[int, int]] = {}  # least and greatest number of side inputs

    def __call__(self, X: Arrays, y: Arrays) -> Batch:
        """Return X and y where the model lies, as the model and its criterion want them.

        Raises PlacementError, ShapeError or DataError if they are not for this model.
        """
        X, y = self.cast(X, y)
        return self.moved(X), self.moved(y)

    def moved(self, x: Arrays) -> Arrays:
        """Return what `cast` has returned, where the model lies."""
        return x if self._host is self.backend else map_parts(self.backend.asarray, x)

    def cast(self, X: Arrays, y: Arrays) -> Batch:
        """Return X and y as the model and its criterion want them, where they lie. See __call__."""
        x, (y, weights) = self._cast_inputs(X), unweighted(y)
        for name, part in zip(labels("y", y), parts_of(y), strict=True):
            check_fits(name, part, self.dtype)
        if self._criterion is None:
            targets = map_parts(self._at(y).asarray, y)
        else:
            self._check_form(y)
            self._criterion.check_targets(y, self._output_shape(x))
            targets = self._criterion.cast_targets(self._at(y), y, self.dtype)
            self._check_exact(y, targets)
        if weights is not None:
            check_fits("sample_weight", weights, self.dtype)
            advice = "0 excludes a sample."
            refuse("Dataset", weights, weights < 0, "numbers >= 0", advice, "sample_weight")
            targets = Weighted.of(targets, self._at(weights).asarray(weights, self.dtype))
        return x, map_parts(contiguous, targets)

    def _check_exact(self, y: Arrays, targets: Arrays) -> None:
        for name, part, cast in zip(labels("y", y), parts_of(y), parts_of(targets), strict=True):
            if is_float(cast):
                check_exact(name, part, self.dtype)

    def inputs(self, X: Arrays) -> Arrays:
        """Return X where the model lies, as the model wants it."""
        return self.moved(self._cast_inputs(X))

    def _at(self, x: Arrays) -> Any:
        """Return the backend that casts x: the host's, or the model's where x lies there."""
        on_host = backend_of(parts_of(x)[0]).name == "numpy"
        return self._host if on_host else self.backend

    def _cast_inputs(self, X: Arrays) -> Arrays:
        kinds = self._model.kinds(X)
        self._model.check_values(X)
        x = map_parts(self._input, like(X, labels("X", X)), X, kinds)
        self._check_extremes(x, X, kinds)
        return x

    def _input(self, name: str, x: Array, kind: str) -> Array:
        """Return one array of X, of a kind that the model takes."""
        self._check_place(name, x)
        check_fits(name, x, self.dtype)
        at = self._at(x)
        if kind == "integers":
            check_whole(name, x)
            return contiguous(at.asarray(x, self.backend.index_dtype()))
        if kind == "floats" or is_float(x):
            check_exact(name, x, self.dtype)
            return contiguous(at.asarray(x, self.dtype))
        dtype = self.backend.index_dtype() if is_integer(x) else "bool"
        return contiguous(at.asarray(x, dtype))

    def _check_place(self, name: str, x: Array) -> None:
        home = backend_of(x)
        if home.name != "numpy" and home is not self.backend:
            raise PlacementError(
                f"DataLoader: the data must lie on the host or with the model, on {self.backend}; "
                f"{name} lies on {home}. Move the model with .to({home.name!r})"
            )

    def _check_form(self, y: Arrays) -> None:
        if isinstance(y, SEVERAL) and not self._criterion.several:
            who = type(self._criterion).__name__
            raise ShapeError(
                f"DataLoader: y must be one array, as {who} compares one output with it, is "
                f"{type(y).__name__} of {keys_of(y)}; several outputs take Losses({{...}}), with a "
                "loss for each"
            )

    def _check_extremes(self, x: Arrays, given: Arrays, kinds: Any) -> None:
        """Let the model look at the samples with the least and the greatest of its side inputs.

        What bounds `lengths`, say, only the layers know, and they look at it in a forward pass.
        """
        names, rows = labels("X", given), []
        for name, part, kind in zip(names, parts_of(given), parts_of(kinds), strict=True):
            if kind == "own" and part.ndim == 1 and is_integer(part):
                xp = array_namespace(part)
                at = [int(xp.argmin(part)), int(xp.argmax(part))]
                low, high = (int(part[i]) for i in at)
                seen = self._seen.setdefault(name, (high, low))
                if low < seen[0] or high > seen[1] or low == high:
                    rows += at
                self._seen[name] = min(low, seen[0]), max(high, seen[1])
        for row in rows:
            self._model.forward(self.moved(map_parts(lambda part, i=row: part[i : i + 1, ...], x)))

    def _output_shape(self, x: Arrays) -> Any:
        """Return the shape of the model's output; one sample shows how many classes there are."""
        of_sample = tuple(tuple(part.shape[1:]) for part in parts_of(x))
        if of_sample not in self._outputs:
            with skip_value_checks():
                self._outputs[of_sample] = shapes_of(self._forward_one(x))
        return self._outputs[of_sample]

    def _forward_one(self, x: Arrays) -> Any:
        try:
            return self._model.forward(self.moved(map_parts(lambda part: part[:1, ...], x)))
        except ShapeError as error:  # it names the one sample's shape, which nobody has given
            said = of_samples(error, parts_of(x)[0].shape[0])
            raise ShapeError(
                f"DataLoader: the network cannot take X of shape {shapes_of(x)}: {said}"
            ) from None


class HostOf(StandardBackend):
    """NumPy on the host, for arrays that will be moved to another backend: with its index dtype."""

    def __init__(self, target: Backend) -> None:
        super().__init__("numpy", get("numpy").xp, "cpu")
        self._target = target

    def index_dtype(self) -> str:
        """Return the target's."""
        return self._target.index_dtype()


def contiguous(x: Array) -> Array:
    """Return x in C order, where a sample's numbers lie side by side: gathering reads rows."""
    flags = getattr(x, "flags", None)
    if flags is not None and hasattr(flags, "c_contiguous"):  # NumPy, CuPy
        return x if flags.c_contiguous else x.copy(order="C")
    return x.contiguous() if hasattr(x, "contiguous") else x  # PyTorch; others have no order
