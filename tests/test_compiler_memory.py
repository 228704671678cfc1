"""What compiled steps remember: optimizers, copies, threads, errors, means; right to the bit."""

import copy
import pickle
import threading

import numpy as np
import pytest
from compiled_twins import Twins, assert_no_tracers, batches, network, readable_step

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    Dropout,
    ExponentialMovingAverage,
    Group,
    LayerNorm,
    ReLU,
    Tanh,
    compile_step,
    is_vector,
)
from portanet.errors import DataError
from portanet.losses import MSE, CrossEntropy
from portanet.versioned import Versioned


def adam(model):
    return Adam(model, lr=0.01)


def twins(*layers, optimizer=adam, criterion=None, **options):
    return Twins(network(*layers, criterion=criterion), optimizer, **options)


# the optimizer's memory


@pytest.mark.parametrize("n", [2, 3])
def test_gradients_that_wait_are_the_readable_ones(n):
    both = twins(Tanh(), optimizer=lambda m: Adam(m, lr=0.01, accumulate=n))
    both.train(batches(11))  # compare() looks at state() in the middle of every round
    both.both(lambda _, optimizer: optimizer.load_state(optimizer.state()))
    both.train(batches(9, 5)).assert_compiled()


def test_groups_with_rates_of_their_own():
    groups = [Group(is_vector, lr=0.5, weight_decay=0.0)]
    both = twins(
        Tanh(), optimizer=lambda m: portanet.AdamW(m, lr=lambda s: 0.1 / (s + 1), groups=groups)
    )
    both.train(batches(8)).assert_compiled()
    both.both(lambda _, optimizer: setattr(optimizer, "lr", 0.001))
    both.train(batches(4)).assert_compiled()


def test_a_state_is_a_state_of_then():
    both = twins(Tanh()).train(batches(4))
    states = both.both(lambda _, optimizer: optimizer.state())
    values = both.both(lambda model, _: [p.value.copy() for p in model.parameters()])
    both.train(batches(4))
    for (model, optimizer), state, own in zip(
        zip(both.models, both.optimizers, strict=True), states, values, strict=True
    ):
        optimizer.load_state(state)
        for p, value in zip(model.parameters(), own, strict=True):
            p.value = value.copy()
    both.compare()
    both.train(batches(4)).assert_compiled()


def test_an_optimizer_goes_back_to_its_beginning():
    both = twins(Tanh())
    states = both.both(lambda _, optimizer: optimizer.state())
    both.train(batches(6))
    for optimizer, state in zip(both.optimizers, states, strict=True):
        optimizer.load_state(state)
    both.train(batches(6)).assert_compiled()


def test_readable_steps_in_between():
    both = twins(Tanh(), BatchNorm1d(4)).train(batches(5))
    for x, y in batches(3, 4):
        for model, optimizer in zip(both.models, both.optimizers, strict=True):
            model.criterion.forward(model.forward(x, training=True), y, training=True)
            model.backward()
            optimizer.step()
    both.compare()
    both.train(batches(5)).assert_compiled()


def test_a_gradient_is_used_once():
    both = twins(Tanh()).train(batches(5))
    for optimizer in both.optimizers:
        with pytest.raises(portanet.errors.OrderError, match="a gradient that was used before"):
            optimizer.step()


# several, copies, threads


def test_two_compiled_steps_on_one_model():
    both = twins(Tanh())
    second = compile_step(both.models[0], both.optimizers[0], fuse=False)
    first = both.compiled
    for i, (x, y) in enumerate(batches(24)):
        both.compiled = (first, second)[i % 2]
        both.step(x, y)
    both.assert_compiled()


def test_a_step_for_each_optimizer():
    both = twins(Tanh())
    others = tuple(SGD(model, lr=0.1, momentum=0.5) for model in both.models)
    compiled = both.compiled, compile_step(both.models[0], others[0], fuse=False)
    optimizers = both.optimizers, others
    for i, (x, y) in enumerate(batches(24)):
        both.compiled, both.optimizers = compiled[i % 2], optimizers[i % 2]
        both.step(x, y)
    assert [step.refused for step in compiled] == [None, None]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_apart(copied):
    both = twins(Dropout(0.5), BatchNorm1d(4)).train(batches(6))
    apart = copied(both)
    assert apart.compiled.model is apart.models[0]
    assert apart.compiled.optimizer is apart.optimizers[0]
    before = [p.value.copy() for p in both.models[0].parameters()]
    apart.train(batches(6, seed=5)).assert_compiled()
    for p, value in zip(both.models[0].parameters(), before, strict=True):
        np.testing.assert_array_equal(p.value, value)
    both.train(batches(6, seed=6)).assert_compiled()


def test_models_in_threads():
    all_twins = [twins(Dropout(0.3), LayerNorm(4)) for _ in range(3)]

    def train(i):
        for x, y in batches(60, seed=i):
            all_twins[i].compiled(x, y)

    threads = [threading.Thread(target=train, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, both in enumerate(all_twins):
        for x, y in batches(60, seed=i):
            readable_step(both.models[1], both.optimizers[1], x, y)
        both.compare()
        both.assert_compiled()


def test_no_count_of_changes_comes_twice():
    layer, seen = ReLU(), set()
    for _ in range(3):
        layer.note = 1
        seen.add(Versioned.version)
        del layer.note
        seen.add(Versioned.version)
    assert len(seen) == 6


# what goes wrong in the middle


def test_bad_labels_leave_a_model_that_trains_on():
    both = twins(Tanh(), criterion=CrossEntropy())
    x, y = next(batches(1, classes=True))
    bad = np.full_like(y, 9)
    for _ in range(3):  # they are looked at until a step has been good
        with pytest.raises(DataError, match="y must hold"):
            both.compiled(x, bad)
        assert_no_tracers(both.models[0])
    both.train(batches(5, classes=True)).assert_compiled()


class Interrupted(Tanh):
    """Is interrupted in the middle of a pass, once it is told to be."""

    at = None

    def forward(self, x, *, training=False):
        self.kept = x
        if self.at == "forward":
            raise KeyboardInterrupt
        return super().forward(x, training=training)

    def backward(self, grad):
        if self.at == "backward":
            raise KeyboardInterrupt
        return super().backward(grad)


@pytest.mark.parametrize("at", ["forward", "backward"])
@pytest.mark.parametrize("after", [1, 2])
def test_an_interrupt_leaves_the_model_whole(at, after):
    """After 1 step it falls into the trace, after 2 into the check."""
    both = twins(Dropout(0.5), Interrupted(), BatchNorm1d(4)).train(batches(after))
    values = [p.value.copy() for p in both.models[0].parameters()]
    both.models[0].layers[2].at = at
    with pytest.raises(KeyboardInterrupt):
        both.compiled(*next(batches(1, seed=7)))
    del both.models[0].layers[2].at
    assert_no_tracers(both.models[0])
    for p, value in zip(both.models[0].parameters(), values, strict=True):
        np.testing.assert_array_equal(p.value, value)
    for layer, twin in zip(*(model.layers for model in both.models), strict=True):
        if isinstance(layer, Dropout):
            twin.step = layer.step
        if isinstance(layer, BatchNorm1d):  # the readable part of a check may have moved them
            for name, buffer in layer.named_buffers().items():
                twin.named_buffers()[name].value = buffer.value.copy()
    both.train(batches(5, seed=8)).assert_compiled()


# the mean of the weights


def test_a_running_mean_of_the_weights():
    both = twins(Tanh())
    means = both.both(lambda model, _: ExponentialMovingAverage(model, 0.9))
    for x, y in batches(10):
        both.step(x, y)
        for mean in means:
            mean.update()
        np.testing.assert_array_equal(*(evaluated(m, x) for m in means))
    for name, array in means[1].state().arrays.items():
        np.testing.assert_array_equal(means[0].state().arrays[name], array)
    both.assert_compiled()


def evaluated(mean, x):
    with mean.weights():
        return mean.model.forward(x)


def test_a_mean_that_starts_while_training():
    both = twins(Tanh()).train(batches(5))
    means = both.both(lambda model, _: ExponentialMovingAverage(model, 0.9))
    state = means[0].state()
    both.train(batches(3))
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(means[0].state().arrays[name], array)
    both.train(batches(3)).assert_compiled()


def test_losses_that_weigh_classes():
    criterion = CrossEntropy(class_weights=[0.5, 1.0, 2.0])
    both = twins(Tanh(), criterion=criterion).train(batches(8, classes=True))
    both.assert_compiled()
    assert criterion.weight_of(np.zeros(1, int)) is not None
    assert isinstance(MSE(), portanet.Loss)
