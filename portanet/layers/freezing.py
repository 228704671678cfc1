"""Freezing running statistics: batch normalization that trains as it evaluates."""

from typing import TypeVar

from portanet.layer import Layer
from portanet.layers.batch_normalization import BatchNorm1d, BatchNorm2d

Model = TypeVar("Model", bound=Layer)


def freeze_statistics(model: Model) -> Model:
    """Make the running means and variances of all batch normalizations in a model constants.

    Training then normalizes with them, as evaluation does, and leaves them as they are. Returns the
    model. A trained body is fine-tuned, or kept as it is, with

        freeze_statistics(body)            # parameters train, statistics do not move
        freeze_statistics(body.freeze())   # nothing moves

    since body.freeze() concerns parameters only, as PyTorch's requires_grad=False does. (PyTorch:
    body.eval() after each train(), which switches dropout off as well. Keras: trainable=False does
    both; training=False in the call uses the statistics while weights train.) Dropout stays as it
    is. load gives a model the statistics, not whether they are frozen; load_model gives it both.

    >>> import numpy as np
    >>> body = freeze_statistics(BatchNorm1d(1))
    >>> body.forward(np.asarray([[1.0], [3.0]], np.float32), training=True).round(3)
    array([[1.],
           [3.]], dtype=float32)
    """
    return _set_frozen(model, True)


def unfreeze_statistics(model: Model) -> Model:
    """Let training use and collect each batch's statistics again, from where they are; return it.

    >>> unfreeze_statistics(BatchNorm1d(3))
    BatchNorm1d(3)
    """
    return _set_frozen(model, False)


def _set_frozen(model: Model, frozen: bool) -> Model:
    for part in model.named_parts().values():
        if isinstance(part, BatchNorm1d | BatchNorm2d):
            part.statistics_frozen = frozen
    return model
