"""Parameters and buffers: how they are found, and that what was read of them never changes later."""

import copy
import pickle

import numpy as np
import pytest
from cases import LAYERS
from cases_sequences import MORE_SEQUENCES
from compiled_twins import Twins, batches, network

from portanet import SGD, BatchNorm1d, Buffer, Layer, Parameter, ReLU
from portanet.walking import held, walk


def sgd(model):
    return SGD(model, lr=0.05, momentum=0.9)


def twins():
    return Twins(network(BatchNorm1d(4), ReLU()), sgd).train(batches(5))


def test_what_was_read_stays():
    both = twins()
    model = both.models[0]
    values = {n: p.value for n, p in model.named_parameters().items()}
    grads = {n: p.grad for n, p in model.named_parameters().items()}
    buffers = {n: b.value for n, b in model.named_buffers().items()}
    kept = copy.deepcopy((values, grads, buffers))
    both.train(batches(4, seed=7))
    for now, before in zip((values, grads, buffers), kept, strict=True):
        for name, array in before.items():
            np.testing.assert_array_equal(now[name], array, err_msg=name)
    both.assert_compiled()


def test_reading_twice_gives_one_array():
    p = twins().models[0].layers[0].weights
    assert p.value is p.value
    assert p.grad is p.grad


def test_what_is_written_into_a_value_that_was_read_counts():
    both = twins()
    for model in both.models:
        model.layers[0].weights.value[1] = 0.5
        model.layers[0].bias.value *= 2
    both.train(batches(4, seed=7)).assert_compiled()


def test_what_is_written_into_a_value_of_an_earlier_step_does_not_count():
    both = twins()
    old = [model.layers[0].weights.value for model in both.models]
    both.train(batches(1, seed=7))
    for array in old:
        array[...] = 9
    both.train(batches(4, seed=8)).assert_compiled()


def test_values_can_be_exchanged_and_shared():
    both = Twins(network(ReLU(), width=3), sgd).train(batches(5))
    for model in both.models:
        a, b = model.layers[0].bias, model.layers[2].bias
        a.value, b.value = b.value, a.value
    both.train(batches(4, seed=7))
    for model in both.models:
        model.layers[0].bias.value = model.layers[2].bias.value  # one array in two places
    both.train(batches(4, seed=8)).assert_compiled()


def test_copies_and_pickles_are_whole_and_apart():
    both = twins()
    for other in (copy.deepcopy(both.models[0]), pickle.loads(pickle.dumps(both.models[0]))):
        before = {n: p.value.copy() for n, p in other.named_parameters().items()}
        both.train(batches(2, seed=7))
        for name, p in other.named_parameters().items():
            np.testing.assert_array_equal(p.value, before[name], err_msg=name)


def test_looking_at_a_place_copies_nothing():
    both = twins()
    model = both.models[0]
    both.compiled(*next(batches(1)))
    assert model.backend.name == "numpy"
    assert model.dtype == "float32"
    assert all(p.form[0] == p.peek().shape for p in model.parameters())
    assert not both.compiled.plans.memory.touched


@pytest.mark.parametrize("kind", [Parameter, Buffer, Layer])
@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_what_a_part_holds_is_what_a_walk_finds(case, kind):
    part = {"in a dict": [case.layer(), (case.layer(), 3)], "text": "none"}
    assert sorted(map(id, held(part, kind))) == sorted(id(thing) for _, thing in walk(part, kind))
