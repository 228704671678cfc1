"""The network for a table: linear layers with ReLU between them."""

from collections.abc import Sequence
from itertools import pairwise

from portanet.layer import Layer
from portanet.layers import Linear, ReLU
from portanet.losses import MSE, CrossEntropy
from portanet.sequential import Sequential
from portanet.table.target import Classes, Quantity


def network_for(n_features: int, hidden: Sequence[int], target: Classes | Quantity) -> Sequential:
    """Return a network of hidden layers of these sizes, with its loss.

    Of classes it gives a logit each (CrossEntropy), of a quantity one number (MSE). Without hidden
    layers that is multinomial logistic, or linear, regression.

    >>> network_for(4, [8], Quantity("price", 0.0, 1.0))
    Sequential([Linear(4, 8), ReLU(), Linear(8, 1)], MSE())
    """
    sizes = [n_features, *hidden]
    layers: list[Layer] = []
    for n_in, n_out in pairwise(sizes):
        layers += [Linear(n_in, n_out), ReLU()]
    layers.append(Linear(sizes[-1], target.n_outputs))
    return Sequential(layers, CrossEntropy() if isinstance(target, Classes) else MSE())
