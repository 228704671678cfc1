"""What a trained network says of new samples: labels or numbers, and probabilities."""

from typing import Any

import numpy as np

from portanet.checks import check_count, skip_value_checks
from portanet.compiler import CompiledForward
from portanet.data.dataset import Dataset
from portanet.data.rows import rows_of
from portanet.data.samples import all_numbers, check_alike_samples
from portanet.data.staging import Staging
from portanet.data.values import check_finite
from portanet.errors import ArgumentError
from portanet.sequential import Sequential
from portanet.several import Arrays, joined, labels, map_parts, n_samples, parts_of

WARM = 32  # batches: compiling takes as long as a few dozen of most networks as they are written


class Predictor:
    """Computes a network's outputs for data of any kind, batch by batch, where the network lies.

    The first batches are computed as the layers are written; from the 33rd on compiled, where the
    backend has an engine (see compile_forward).
    """

    def __init__(self, model: Sequential) -> None:
        self._model, self._stage = model, Staging(model)
        self._forward = CompiledForward(model)
        self._n_batches = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"_model": self._model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_model"])

    @property
    def refused(self) -> str | None:
        """Why batches are computed as they are written; None while nothing keeps from compiling."""
        return self._forward.refused

    def outputs(self, X: Any, batch_size: int) -> list[Any]:
        """Return the outputs for the samples of X, a list with those of each batch."""
        check_count("predict", "batch_size", batch_size)
        if isinstance(X, Dataset):
            raise ArgumentError("predict: X must be arrays, is a Dataset; give its inputs, data.X")
        if type(X) is np.ndarray and X.dtype.kind == "f" and X.ndim and len(X) <= batch_size:
            found = self._forward.at_once(X)
            if found is not None:
                return [found]
        X = all_numbers("X", X)
        check_alike_samples("predict", X)
        if self._model.placement != (self._stage.backend, self._stage.dtype):
            self._stage, self._forward = Staging(self._model), CompiledForward(self._model)
        n = n_samples(X)
        starts = range(0, max(1, n), batch_size)  # no samples are a batch of none
        return [self._output(_rows(X, slice(i, min(i + batch_size, n)))) for i in starts]

    def _output(self, X: Arrays) -> Any:
        for name, part in zip(labels("X", X), parts_of(X), strict=True):
            check_finite(name, part)
        x, self._n_batches = self._stage.inputs(X), self._n_batches + 1
        with skip_value_checks():
            return (self._forward if self._n_batches > WARM else self._model.forward)(x)


def predict(model: Sequential, X: Any, batch_size: int) -> Any:
    """Return the model's predictions; see Sequential.predict."""
    return _of_outputs(model, X, batch_size, "decisions")


def predict_proba(model: Sequential, X: Any, batch_size: int) -> Any:
    """Return the probabilities that the model gives; see Sequential.predict_proba."""
    if model.criterion is None:
        raise ArgumentError(
            "predict_proba: the network must have a loss, which says what its outputs mean: "
            "Sequential(layers, CrossEntropy())"
        )
    return _of_outputs(model, X, batch_size, "probabilities")


def _of_outputs(model: Sequential, X: Any, batch_size: int, what: str) -> Any:
    if model.predictor is None:
        model.predictor = Predictor(model)
    found = model.predictor.outputs(X, batch_size)
    y_hat = found[0] if len(found) == 1 else joined(model.backend.xp, found)
    return y_hat if model.criterion is None else getattr(model.criterion, what)(y_hat)


def _rows(X: Arrays, rows: slice) -> Arrays:
    """Return some samples, as arrays in memory."""
    return map_parts(lambda x: rows_of(x, rows), X)
