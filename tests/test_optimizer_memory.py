"""What optimizers remember belongs to a Parameter; rules read it and change nothing."""

import copy

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    Adam,
    CrossEntropy,
    DataLoader,
    Dataset,
    Group,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    is_vector,
)
from portanet.errors import OrderError
from portanet.versioned import Versioned

MAKE = {
    "SGD": lambda m, **o: SGD(m, lr=0.05, momentum=0.9, **o),
    "Adam": lambda m, **o: Adam(m, lr=0.05, **o),
}
RULES = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def network(n_classes=3):
    portanet.seed(0)
    return Sequential([Linear(4, 4), ReLU(), Linear(4, n_classes)], CrossEntropy())


def set_grads(model, seed=0):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.grad = rng.standard_normal(p.value.shape).astype(p.value.dtype)


def steps(optimizer, seeds):
    for seed in seeds:
        set_grads(optimizer.model, seed)
        optimizer.step()


def values(model):
    return {name: p.value for name, p in model.named_parameters().items()}


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, wanted[name])


@RULES
@pytest.mark.parametrize("n_classes", [3, 5])
def test_a_parameter_that_replaces_another_starts_afresh(make, n_classes):
    """Its velocity, its means and its bias correction are those of a first step."""
    model = network()
    optimizer = make(model)
    steps(optimizer, range(4))
    model.layers[2] = Linear(4, n_classes)
    alone = Linear(4, n_classes)
    alone.weights.value, alone.bias.value = values(model.layers[2]).values()
    fresh = make(alone)
    for seed in range(3):
        set_grads(model, seed)
        for name, p in alone.named_parameters().items():
            p.grad = getattr(model.layers[2], name).grad
        optimizer.step()
        fresh.step()
    assert_equal(values(model.layers[2]), values(alone))
    assert optimizer.memory.ages["layers.0.weights"] == 7
    assert optimizer.memory.ages["layers.2.weights"] == 3


@RULES
def test_gradients_that_wait_belong_to_their_parameter(make):
    model = network()
    optimizer = make(model, accumulate=2)
    steps(optimizer, range(3))
    model.layers[2] = Linear(4, 5)
    steps(optimizer, [3])
    assert (optimizer.n_steps, optimizer.n_accumulated) == (2, 0)
    assert model.layers[2].weights.value.shape == (4, 5)


@RULES
def test_slots_follow_a_parameter_to_another_name(make):
    """A layer is put in before it, or taken away."""
    one, other = network(), network()
    ours, theirs = make(one), make(other)
    steps(ours, range(3))
    steps(theirs, range(3))
    one.layers.insert(1, ReLU())
    assert list(one.named_parameters())[-1] == "layers.3.bias"
    steps(ours, range(3))
    steps(theirs, range(3))
    assert_equal(values(one.layers[3]), values(other.layers[2]))
    del one.layers[1]
    steps(ours, range(3))
    steps(theirs, range(3))
    assert_equal(values(one), values(other))


def test_what_is_gone_is_forgotten():
    model = network()
    optimizer = Adam(model)
    steps(optimizer, range(2))
    del model.layers[2]
    assert {name.partition("/")[0] for name in optimizer.state().arrays} == {
        "layers.0.weights", "layers.0.bias"
    }  # fmt: skip


def test_a_group_is_found_anew_for_a_new_parameter():
    model = network()
    group = Group(lambda name, p: p.value.shape[-1] == 5, lr=lambda step: 0.0)
    optimizer = SGD(model, lr=0.1, groups=[group])
    steps(optimizer, [0])
    model.layers[2] = Linear(4, 5)
    before = values(model)
    steps(optimizer, [1])
    same = {name: value is before[name] or (value == before[name]).all()
            for name, value in values(model).items()}  # fmt: skip
    assert [name for name in same if same[name]] == ["layers.2.weights", "layers.2.bias"]


@RULES
@pytest.mark.parametrize("compiled", [False, True], ids=["readable", "compiled"])
def test_training_goes_on_with_a_new_last_layer(make, compiled):
    x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    loader, model = DataLoader(Dataset(x, np.arange(64) % 3), 16), network()
    trainer = Trainer(model, make(model), loader, compile=compiled)
    trainer.train(2, log_level=0)
    model.layers[-1] = Linear(4, 5)
    trainer.train(15, log_level=0)
    assert trainer.history[-1]["loss"] < trainer.history[2]["loss"]


def test_a_rule_reads_the_steps_taken_before_and_the_rate():
    """In its own update and in those of groups, which share the memory."""
    seen = []

    class Curious(SGD):
        def update(self, value, grad, slots, scalars):
            seen.append((self.n_steps, self.lr, value.ndim))
            return super().update(value, grad, slots, scalars)

    model = network()
    optimizer = Curious(model, lr=0.1, groups=[Group(is_vector, lr=0.5)])
    steps(optimizer, [0])
    optimizer.lr = 0.2
    steps(optimizer, [1])
    wanted = [(0, 0.1, 2), (0, 0.5, 1)] * 2 + [(1, 0.2, 2), (1, 0.5, 1)] * 2
    assert seen == wanted
    assert [rule.n_steps for rule in optimizer.rules] == [2, 2]


def test_a_step_may_be_extended():
    class Halfway(SGD):
        """Every second step goes half of the way back."""

        def step(self):
            self.before = values(self.model)
            super().step()
            if self.n_steps % 2 == 0:
                for name, p in self.model.named_parameters().items():
                    p.value = (p.value + self.before[name]) / 2

    model, plain = network(), network()
    steps(Halfway(model, lr=0.1), [0, 1])
    rule = SGD(plain, lr=0.1)
    steps(rule, [0])
    rule.lr = 0.05
    steps(rule, [1])
    for name, value in values(model).items():
        np.testing.assert_allclose(value, values(plain)[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"accumulate": 3}, {"clip_norm": 0.1}])
def test_moved_returns_the_next_step_and_changes_nothing(options):
    model = network()
    optimizer = Adam(model, lr=lambda step: 0.1 / (1 + step), **options)
    steps(optimizer, range(2 + options.get("accumulate", 0)))
    grads = {name: 2 * p.grad for name, p in model.named_parameters().items()}
    before, version = copy.deepcopy(vars(optimizer.memory)), Versioned.version
    found, slots = optimizer.moved(values(model), grads)
    assert Versioned.version == version
    for key in ("n_steps", "n_accumulated", "ages"):
        assert getattr(optimizer.memory, key) == before[key]
    optimizer.accumulate = 1
    for name, p in model.named_parameters().items():
        p.grad = grads[name]
    optimizer.step()
    assert_equal(found, values(model))
    for name, own in slots.items():
        assert_equal(own, optimizer.memory.slots[name])


def test_moved_takes_other_values_and_keeps_their_dtype():
    model = network()
    optimizer = SGD(model, lr=0.1, momentum=0.9)
    steps(optimizer, range(2))
    exact = {name: value.astype("float64") for name, value in values(model).items()}
    found, slots = optimizer.moved(exact, {name: 0 * value for name, value in exact.items()})
    for name, value in found.items():
        velocity = optimizer.memory.slots[name]["velocity"].astype("float64")
        np.testing.assert_allclose(value, exact[name] - 0.1 * (0.9 * velocity), rtol=1e-15)
        assert slots[name]["velocity"].dtype == np.float64


def test_a_rule_that_writes_into_its_slots_has_a_copy_of_them():
    class Careless(SGD):
        def update(self, value, grad, slots, scalars):
            slots["velocity"] = slots["velocity"] + 1
            return value - scalars["lr"] * grad, slots

    optimizer = Careless(network(), lr=0.1, momentum=0.9)
    steps(optimizer, [0])
    optimizer.moved(values(optimizer.model), values(optimizer.model))
    assert (optimizer.memory.slots["layers.0.bias"]["velocity"] == 1).all()


def test_a_failing_step_leaves_its_gradients_unused():
    model, rates = network(), iter([0.1, -1.0, 0.1])
    optimizer = SGD(model, lr=lambda step: next(rates))
    steps(optimizer, [0])
    set_grads(model, 1)
    with pytest.raises(portanet.errors.ArgumentError, match=r"gives -1\.0 for step 1"):
        optimizer.step()
    optimizer.step()
    assert optimizer.n_steps == 2
    with pytest.raises(OrderError, match="has a gradient that was used before"):
        optimizer.step()


def test_loading_a_state_advances_the_version():
    optimizer = Adam(network())
    steps(optimizer, range(2))
    state, before = optimizer.state(), Versioned.version
    optimizer.load_state(state)
    assert Versioned.version > before


def test_a_gradient_that_was_used_stays_used_when_a_state_is_loaded():
    optimizer = SGD(network(), lr=0.1)
    state = optimizer.state()
    steps(optimizer, [0])
    optimizer.load_state(state)
    with pytest.raises(OrderError, match="has a gradient that was used before"):
        optimizer.step()
