"""Metrics that rank receive logits from the trainer: probabilities of exactly 0 or 1 would be ties."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from portanet import (
    MSE,
    NLL,
    SGD,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Hinge,
    Linear,
    Sequential,
    Trainer,
    accuracy,
    average_precision,
    roc_auc,
    top_k_accuracy,
)

F4 = np.float32
# the sigmoid of all of these is 1 in float32
Z = np.asarray([98.095, 98.4612, 98.1145, 98.1506, 97.6037, 98.9425, 99.2644, 99.5014], F4)
Y = np.asarray([0, 1, 1, 1, 1, 1, 1, 1])
ORACLES = {roc_auc: sk.roc_auc_score, average_precision: sk.average_precision_score}


def evaluated(loss, outputs, metric, compiled):
    """Return the metric of a network whose outputs are these."""
    n = outputs.shape[1]
    model = Sequential([Linear(n, n)], loss)
    model.layers[0].weights.value = np.eye(n, dtype=F4)
    loader = DataLoader(Dataset(outputs, Y), 8)
    trainer = Trainer(model, SGD(model, lr=0.1), loader, loader, metric=metric, compile=compiled)
    return trainer.evaluate(loader)[1]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("metric", ORACLES)
def test_logits_of_one_column_are_ranked(metric, compiled):
    wanted = pytest.approx(ORACLES[metric](Y, Z), abs=1e-6)
    assert evaluated(BCEWithLogits(), Z[:, None], metric, compiled) == wanted
    assert evaluated(Hinge(), Z[:, None], partial(metric), compiled) == wanted


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("metric", ORACLES)
def test_of_two_classes_the_difference_is_ranked(metric, compiled):
    other = np.linspace(-64, 64, 8, dtype=F4)  # so that neither column alone has the order
    logits = np.stack([other, other + Z], axis=1)
    wanted = pytest.approx(ORACLES[metric](Y, logits[:, 1] - logits[:, 0]), abs=1e-6)
    assert evaluated(CrossEntropy(), logits, metric, compiled) == wanted
    assert evaluated(NLL(), logits, metric, compiled) == wanted


def test_the_largest_of_saturated_classes_is_found():
    logits = np.tile(np.asarray([0.0, 200.0, 201.0], F4), (8, 1))
    logits[:, 2] -= 2 * Y  # class 1 is the largest where y is 1, class 2 where it is 0
    assert evaluated(CrossEntropy(), logits, top_k_accuracy(1), False) == 7 / 8


def test_thresholds_are_those_of_probabilities():
    assert evaluated(BCEWithLogits(), Z[:, None] - 98, accuracy, False) == 6 / 8


def test_without_scores_of_its_own_a_loss_ranks_by_its_link():
    class Reversed(MSE):
        def link(self, y_hat):
            return -y_hat

    assert evaluated(Reversed(), Z[:, None], roc_auc, False) == pytest.approx(1 - 6 / 7)
