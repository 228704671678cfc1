"""Rows of the losses."""

import numpy as np

from portanet.losses import (
    MAE,
    MSE,
    NLL,
    BCEWithLogits,
    BinaryCrossEntropy,
    Cosine,
    CrossEntropy,
    Hinge,
    Huber,
    KLDiv,
    PoissonNLL,
    SmoothL1,
)
from portanet.verify.catalogue.loss_case import Draw, LossCase


def normal(*shape: int) -> Draw:
    """Return what draws normal numbers."""
    return lambda rng: rng.standard_normal(shape)


def integers(high: int, *shape: int) -> Draw:
    """Return what draws class indices below `high`."""
    return lambda rng: rng.integers(0, high, shape)


def labels(*shape: int) -> Draw:
    """Return what draws labels 0 and 1, as floats."""
    return lambda rng: rng.integers(0, 2, shape) * 1.0


def distributions(*shape: int) -> Draw:
    """Return what draws rows of probabilities."""
    return lambda rng: rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def log_distributions(*shape: int) -> Draw:
    """Return what draws the logarithms of rows of probabilities."""
    return lambda rng: np.log(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))


def apart(*shape: int) -> Draw:
    """Return what draws numbers that keep clear of kinks at ±0.5, ±1, ±2 and 0."""
    return lambda rng: rng.choice([-1.0, 1.0], shape) * rng.choice([0.2, 0.7, 1.3, 2.4], shape)


def zeros(*shape: int) -> Draw:
    """Return what draws zeros."""
    return lambda _: np.zeros(shape)


LOSSES = [
    LossCase(
        "BinaryCrossEntropy",
        BinaryCrossEntropy,
        lambda rng: rng.uniform(0.05, 0.95, (6, 1)),
        lambda rng: rng.integers(0, 2, (6, 1)) * 1.0,
    ),
    LossCase("BCEWithLogits", BCEWithLogits, normal(6, 3), labels(6, 3)),
    LossCase(
        "BCEWithLogits soft",
        lambda: BCEWithLogits(soft_targets=True),
        normal(6, 1),
        lambda rng: rng.uniform(0, 1, (6, 1)),
    ),
    LossCase("MSE", MSE, normal(6, 1), normal(6, 1)),
    LossCase("MSE of columns", MSE, normal(6, 3, 2), normal(6, 3, 2)),
    LossCase("MAE", MAE, apart(6, 2), zeros(6, 2)),
    LossCase("Huber", lambda: Huber(0.5), apart(6, 2), zeros(6, 2)),
    LossCase("SmoothL1", lambda: SmoothL1(2.0), apart(6, 2), zeros(6, 2)),
    LossCase("PoissonNLL", PoissonNLL, normal(6, 2), integers(5, 6, 2)),
    LossCase(
        "PoissonNLL of rates",
        lambda: PoissonNLL(log_input=False),
        lambda rng: rng.uniform(0.5, 3, (6, 2)),
        integers(5, 6, 2),
    ),
    LossCase("Hinge", Hinge, apart(6, 1), labels(6, 1)),
    LossCase("Cosine", Cosine, normal(6, 4), normal(6, 4)),
    LossCase("Cosine of sequences", Cosine, normal(6, 3, 4), normal(6, 3, 4)),
    LossCase("KLDiv", KLDiv, log_distributions(6, 4), distributions(6, 4)),
    LossCase(
        "KLDiv of logarithms",
        lambda: KLDiv(log_target=True),
        log_distributions(6, 4),
        log_distributions(6, 4),
    ),
    LossCase(
        "BCEWithLogits weighing positives",
        lambda: BCEWithLogits(positive_weight=[0.5, 2.0, 3.0]),
        normal(6, 3),
        labels(6, 3),
    ),
    LossCase("CrossEntropy", CrossEntropy, normal(6, 4), integers(4, 6)),
    LossCase("CrossEntropy of sequences", CrossEntropy, normal(6, 3, 4), integers(4, 6, 3)),
    LossCase(
        "CrossEntropy of images",
        lambda: CrossEntropy(axis=1),
        normal(6, 4, 2, 3),
        integers(4, 6, 2, 3),
    ),
    LossCase("CrossEntropy of probabilities", CrossEntropy, normal(6, 4), distributions(6, 4)),
    LossCase(
        "CrossEntropy of probabilities, sequences",
        CrossEntropy,
        normal(6, 3, 4),
        distributions(6, 3, 4),
    ),
    LossCase(
        "CrossEntropy smoothed",
        lambda: CrossEntropy(label_smoothing=0.1),
        normal(6, 4),
        integers(4, 6),
    ),
    LossCase("NLL", NLL, log_distributions(6, 4), integers(4, 6)),
    LossCase("NLL of images", lambda: NLL(axis=1), normal(6, 4, 2, 3), integers(4, 6, 2, 3)),
]

MORE_LOSSES = [
    LossCase(
        "CrossEntropy weighing classes, one ignored",
        lambda: CrossEntropy(class_weights=[0.5, 1.0, 2.0, 1.5], ignore_index=3),
        normal(6, 4),
        integers(4, 6),
    ),
]
