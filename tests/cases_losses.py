"""PyTorch's oracles for the rows of the losses.

Losses that weigh classes or ignore targets are in test_losses_extra.
"""

from cases_base import LossCase, weighted, with_oracles

from portanet.verify.catalogue import losses


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


def last_to_second(y_hat, y):
    return y_hat.movedim(-1, 1), y


def last_to_second_both(y_hat, y):
    return y_hat.movedim(-1, 1), y.movedim(-1, 1)


ORACLES = {
    "BinaryCrossEntropy": torch_loss("binary_cross_entropy"),
    "BCEWithLogits": torch_loss("binary_cross_entropy_with_logits"),
    "BCEWithLogits soft": torch_loss("binary_cross_entropy_with_logits"),
    "MSE": torch_loss("mse_loss"),
    "MSE of columns": torch_loss("mse_loss"),
    "MAE": torch_loss("l1_loss"),
    "Huber": torch_loss("huber_loss", delta=0.5),
    "SmoothL1": torch_loss("smooth_l1_loss", beta=2.0),
    "PoissonNLL": torch_loss("poisson_nll_loss", log_input=True),
    "PoissonNLL of rates": torch_loss("poisson_nll_loss", log_input=False),
    "Hinge": torch_hinge,
    "Cosine": torch_cosine,
    "Cosine of sequences": torch_cosine,
    "KLDiv": torch_kl,
    "KLDiv of logarithms": lambda y_hat, y, weight: torch_kl(y_hat, y, weight, log_target=True),
    "BCEWithLogits weighing positives": torch_positive_weight,
    "CrossEntropy": torch_loss("cross_entropy"),
    "CrossEntropy of sequences": torch_loss("cross_entropy", last_to_second),
    "CrossEntropy of images": torch_loss("cross_entropy"),
    "CrossEntropy of probabilities": torch_loss("cross_entropy"),
    "CrossEntropy of probabilities, sequences": torch_loss("cross_entropy", last_to_second_both),
    "CrossEntropy smoothed": torch_loss("cross_entropy", label_smoothing=0.1),
    "NLL": torch_loss("nll_loss"),
    "NLL of images": torch_loss("nll_loss"),
}
LOSSES = with_oracles(LossCase, losses.LOSSES, ORACLES)
