"""The rows of the losses. Those that weigh classes or ignore targets are in test_losses_extra."""

import numpy as np
from cases_base import LossCase, weighted

from portanet import (
    MAE,
    MSE,
    NLL,
    BCEWithLogits,
    Cosine,
    CrossEntropy,
    Hinge,
    Huber,
    KLDiv,
    PoissonNLL,
    SmoothL1,
)


def torch_loss(name, arrange=None, **options):
    """PyTorch's functional loss `name`; `arrange` brings the arguments into PyTorch's layout."""

    def mean(y_hat, y, weight):
        import torch.nn.functional as F

        arguments = (y_hat, y) if arrange is None else arrange(y_hat, y)
        return weighted(getattr(F, name)(*arguments, reduction="none", **options), weight)

    return mean


def torch_kl(y_hat, y, weight, **options):
    import torch.nn.functional as F

    losses = F.kl_div(y_hat, y, reduction="none", **options)
    return weighted(losses.sum(dim=-1), weight)


def torch_cosine(y_hat, y, weight):
    import torch.nn.functional as F

    return weighted(1 - F.cosine_similarity(y_hat, y, dim=-1), weight)


def torch_hinge(y_hat, y, weight):
    return weighted((1 - (2 * y - 1) * y_hat).clamp(min=0), weight)


def torch_positive_weight(y_hat, y, weight):
    import torch
    import torch.nn.functional as F

    pos = torch.tensor([0.5, 2.0, 3.0], dtype=y_hat.dtype)
    losses = F.binary_cross_entropy_with_logits(y_hat, y, pos_weight=pos, reduction="none")
    return weighted(losses, weight)


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def integers(high, *shape):
    return lambda rng: rng.integers(0, high, shape)


def labels(*shape):
    return lambda rng: rng.integers(0, 2, shape) * 1.0


def distributions(*shape):
    return lambda rng: rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def log_distributions(*shape):
    return lambda rng: np.log(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))


def apart(*shape):
    """Numbers whose distance from 0 keeps clear of the kinks at 0, 0.5, 1 and 2."""
    return lambda rng: rng.choice([-1.0, 1.0], shape) * rng.choice([0.2, 0.7, 1.3, 2.4], shape)


def zeros(*shape):
    return lambda rng: np.zeros(shape)


def last_to_second(y_hat, y):
    return y_hat.movedim(-1, 1), y


def last_to_second_both(y_hat, y):
    return y_hat.movedim(-1, 1), y.movedim(-1, 1)


LOSSES = [
    LossCase("MSE", MSE, normal(6, 1), normal(6, 1), torch=torch_loss("mse_loss")),
    LossCase("MSE of columns", MSE, normal(6, 3, 2), normal(6, 3, 2), torch=torch_loss("mse_loss")),
    LossCase("MAE", MAE, apart(6, 2), zeros(6, 2), torch=torch_loss("l1_loss")),
    LossCase("Huber", lambda: Huber(0.5), apart(6, 2), zeros(6, 2), torch=torch_loss("huber_loss", delta=0.5)),
    LossCase("SmoothL1", lambda: SmoothL1(2.0), apart(6, 2), zeros(6, 2), torch=torch_loss("smooth_l1_loss", beta=2.0)),
    LossCase("PoissonNLL", PoissonNLL, normal(6, 2), integers(5, 6, 2), torch=torch_loss("poisson_nll_loss", log_input=True)),
    LossCase(
        "PoissonNLL of rates", lambda: PoissonNLL(log_input=False),
        lambda rng: rng.uniform(0.5, 3, (6, 2)), integers(5, 6, 2), torch=torch_loss("poisson_nll_loss", log_input=False),
    ),
    LossCase("Hinge", Hinge, apart(6, 1), labels(6, 1), torch=torch_hinge),
    LossCase("Cosine", Cosine, normal(6, 4), normal(6, 4), torch=torch_cosine),
    LossCase("Cosine of sequences", Cosine, normal(6, 3, 4), normal(6, 3, 4), torch=torch_cosine),
    LossCase("KLDiv", KLDiv, log_distributions(6, 4), distributions(6, 4), torch=torch_kl),
    LossCase(
        "KLDiv of logarithms", lambda: KLDiv(log_target=True), log_distributions(6, 4), log_distributions(6, 4),
        torch=lambda y_hat, y, weight: torch_kl(y_hat, y, weight, log_target=True),
    ),
    LossCase(
        "BCEWithLogits weighing positives", lambda: BCEWithLogits(positive_weight=[0.5, 2.0, 3.0]),
        normal(6, 3), labels(6, 3), torch=torch_positive_weight,
    ),
    LossCase("CrossEntropy", CrossEntropy, normal(6, 4), integers(4, 6), torch=torch_loss("cross_entropy")),
    LossCase("CrossEntropy of sequences", CrossEntropy, normal(6, 3, 4), integers(4, 6, 3), torch=torch_loss("cross_entropy", last_to_second)),
    LossCase("CrossEntropy of images", lambda: CrossEntropy(axis=1), normal(6, 4, 2, 3), integers(4, 6, 2, 3), torch=torch_loss("cross_entropy")),
    LossCase("CrossEntropy of probabilities", CrossEntropy, normal(6, 4), distributions(6, 4), torch=torch_loss("cross_entropy")),
    LossCase(
        "CrossEntropy of probabilities, sequences", CrossEntropy, normal(6, 3, 4), distributions(6, 3, 4),
        torch=torch_loss("cross_entropy", last_to_second_both),
    ),
    LossCase(
        "CrossEntropy smoothed", lambda: CrossEntropy(label_smoothing=0.1), normal(6, 4), integers(4, 6),
        torch=torch_loss("cross_entropy", label_smoothing=0.1),
    ),
    LossCase("NLL", NLL, log_distributions(6, 4), integers(4, 6), torch=torch_loss("nll_loss")),
    LossCase("NLL of images", lambda: NLL(axis=1), normal(6, 4, 2, 3), integers(4, 6, 2, 3), torch=torch_loss("nll_loss")),
]  # fmt: skip
