"""The compiled step on JAX: the readable step's numbers but for rounding, compiled once a shape.

XLA fuses and contracts: a product and a sum are rounded once (FMA), and sums run in another order.
Per operation that is an ulp at the operands' sizes, and a sum over k terms is off by k at most. Here
k <= 24 (the batch and the widths), some 10 operations follow one another in a step, and 10 steps add
up: 24 * 10 * 10 = 2400 ulps at the array's largest number bound what is passed on with weights of
about 1. Roundings do not conspire: sqrt(2400) < 64 ulps is what is asked for. Adam divides gradients
by their own size, so that small gradients pass on their relative error: it has 1024.
"""

import copy
import warnings

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    Linear,
    MSELoss,
    Parameter,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    array_namespace,
)
from portanet.compiler import NotCompiledWarning, compile_step
from portanet.layer import Buffer
from portanet.losses import MSE, CrossEntropy
from portanet.schedules import StepDecay

F4 = np.float32


def pytest_generate_tests(metafunc):
    """On JAX only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["jax"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


@pytest.fixture
def compilations(backend, monkeypatch):
    """How often XLA has compiled a step: it asks for the function's operations each time."""
    compile_, counted = backend.compile, []

    def counting(function):
        def count_and_run(*args):
            counted.append(function)
            return function(*args)

        return compile_(count_and_run)

    monkeypatch.setattr(backend, "compile", counting)
    return counted


def mlp(*between):
    return [Linear(12, 24), *between, ReLU(), Linear(24, 16), Tanh(), Linear(16, 3)]


def frozen():
    layers = mlp()
    layers[2].freeze()
    return layers
