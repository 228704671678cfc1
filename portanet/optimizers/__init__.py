"""Optimizers: rules by which parameters move."""

from portanet.groups import Group, is_vector
from portanet.optimizer import Optimizer
from portanet.optimizers.adam import Adam, AdamW
from portanet.optimizers.adam_variants import NAdam, RAdam
from portanet.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from portanet.optimizers.lion import Lion
from portanet.optimizers.muon import Muon
from portanet.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "is_vector",
]
