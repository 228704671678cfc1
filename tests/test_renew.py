"""Networks made again from their constructors, with weights drawn anew."""

import numpy as np
import pytest

import portanet
from portanet import Add, Dropout, Graph, Input, Linear, ReLU, Sequential
from portanet.architecture.renew import renewed
from portanet.errors import ArgumentError
from portanet.random import next_key, streams_of


def test_weights_are_those_that_the_constructors_draw():
    pattern = Sequential([Linear(3, 4), ReLU(), Linear(4, 2)])
    with streams_of(5):
        new = renewed("test", pattern)
    portanet.seed(5)
    expected = Sequential([Linear(3, 4), ReLU(), Linear(4, 2)])
    for name, parameter in expected.named_parameters().items():
        assert (new.named_parameters()[name].value == parameter.value).all()


def test_what_has_been_changed_since_holds():
    first, last = Linear(3, 3), Linear(3, 3)
    last.weights = first.weights
    first.freeze()
    new = renewed("test", Sequential([first, last]).to(dtype="float64"))
    assert new[0].weights is new[1].weights
    assert not new[0].weights.trainable
    assert new.dtype == "float64"


def test_graphs_and_classes_of_ones_own():
    class Doubled(Linear):
        pass

    x = Input()
    pattern = Sequential([Graph(x, Add()([Doubled(3, 2)(x), Linear(3, 2)(x)]))])
    new = renewed("test", pattern)
    assert [type(layer) for layer in new[0].layers.values()] == [Doubled, Linear, Add]


def test_dropout_has_the_stream_of_the_seed():
    pattern = Sequential([Linear(2, 2), Dropout(0.5)])
    pattern[1].step = 7
    with streams_of(5):
        new = renewed("test", pattern)
    assert (new[1].key.seed, new[1].step) == (5, 0)


def own_initializer(shape, rng):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("function", [own_initializer, lambda shape, rng: np.zeros(shape)])
def test_functions_of_ones_own_are_refused(function):
    with pytest.raises(ArgumentError, match=r"made again.* function .*Give a function that makes"):
        renewed("test", Sequential([Linear(2, 2, weights=function)]))


def test_streams_of_a_seed_leave_others():
    portanet.seed(1)
    expected = [next_key("weights"), next_key("weights")]
    portanet.seed(1)
    first = next_key("weights")
    with streams_of(9):
        assert next_key("weights") == (9, "weights", 0)
        assert next_key("weights") == (9, "weights", 1)
    assert [first, next_key("weights")] == expected
