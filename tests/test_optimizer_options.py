"""Options of optimizers: checked where they are assigned, Python numbers, followed by groups."""

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    Adadelta,
    Adam,
    AdamW,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Group,
    Linear,
    Muon,
    NAdam,
    Optimizer,
    RMSprop,
    Sequential,
    Trainer,
    is_vector,
)
from portanet.errors import ArgumentError, PortanetError
from portanet.options import python_number

COMPILED = pytest.mark.parametrize("compiled", [False, True], ids=["readable", "compiled"])


def data(n=64):
    x = np.random.default_rng(0).standard_normal((n, 4)).astype(np.float32)
    return DataLoader(Dataset(x, (x[:, :1] > 0).astype(np.float32)), 16)


def network():
    portanet.seed(0)
    return Sequential([Linear(4, 4), Linear(4, 1)], BCEWithLogits())


def values(model):
    return [np.array(p.value) for p in model.parameters()]


NOT_A_RATE = [-1, 0, float("nan"), float("inf"), "x", None, True, np.float32("nan"), [0.1]]


@COMPILED
@pytest.mark.parametrize("lr", NOT_A_RATE, ids=repr)
def test_a_learning_rate_out_of_range_is_refused_where_it_is_assigned(lr, compiled):
    model = network()
    optimizer = SGD(model, lr=0.1)
    trainer = Trainer(model, optimizer, data(), compile=compiled)
    trainer.train(2, log_level=0)
    with pytest.raises(ArgumentError, match=r"SGD: lr must be a number in \(0, inf\), is"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1
    trainer.train(1, log_level=0)
    assert optimizer.n_steps == 12


@COMPILED
def test_an_assigned_learning_rate_is_used_in_the_next_step(compiled):
    model = network()
    optimizer = SGD(model, lr=0.1)
    trainer = Trainer(model, optimizer, data(), compile=compiled)
    trainer.train(2, log_level=0)
    optimizer.lr, before = lambda step: 0.0, values(model)
    trainer.train(1, log_level=0)
    for now, then in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


BAD = {
    "momentum": (lambda m: SGD(m, lr=0.1, momentum=0.9), "momentum", 1.5),
    "momentum that Nesterov needs": (lambda m: SGD(m, lr=0.1, momentum=0.9, nesterov=True), "momentum", 0.0),
    "weight decay": (lambda m: AdamW(m), "weight_decay", -1e-3),
    "beta1": (lambda m: Adam(m), "beta1", 1.0),
    "epsilon": (lambda m: RMSprop(m), "epsilon", 0.0),
    "rho": (lambda m: Adadelta(m), "rho", float("nan")),
    "lr_factor": (lambda m: Adam(m), "lr_factor", -1),
    "scaling": (lambda m: Muon(m), "scaling", "big"),
    "AdamW's rate in Muon": (lambda m: Muon(m), "adamw_lr", 0),
    "clip_norm": (lambda m: Adam(m), "clip_norm", 0),
    "clip_value": (lambda m: Adam(m, clip_value=1.0), "clip_value", -1),
    "accumulate": (lambda m: Adam(m), "accumulate", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_every_option_is_checked_where_it_is_assigned(case):
    make, name, bad = BAD[case]
    optimizer = make(network())
    before = dict(vars(optimizer))
    with pytest.raises(ArgumentError, match=name):
        setattr(optimizer, name, bad)
    assert vars(optimizer) == before


def test_groups_follow_the_options_that_they_do_not_set():
    groups = [Group(is_vector, weight_decay=0.0), Group(lambda n, p: False, momentum=0.5)]
    optimizer = SGD(network(), lr=0.1, momentum=0.9, weight_decay=0.1, groups=groups)
    optimizer.lr, optimizer.momentum, optimizer.weight_decay = 0.2, 0.8, 0.3
    rules = [(rule.lr, rule.momentum, rule.weight_decay) for rule in optimizer.rules]
    assert rules == [(0.2, 0.8, 0.3), (0.2, 0.8, 0.0), (0.2, 0.5, 0.3)]


def test_an_option_that_is_wrong_for_a_group_changes_nothing():
    groups = [Group(is_vector, nesterov=True)]
    optimizer = SGD(network(), lr=0.1, momentum=0.9, groups=groups)
    with pytest.raises(ArgumentError, match="SGD: nesterov needs a momentum > 0"):
        optimizer.momentum = 0.0
    assert [rule.momentum for rule in optimizer.rules] == [0.9, 0.9]


def test_an_option_may_be_normalized_by_check():
    class Rounded(SGD):
        def check(self):
            super().check()
            self.momentum = round(self.momentum, 1)
            self.twice = 2 * self.momentum

    optimizer = Rounded(network(), lr=0.1, momentum=0.52, groups=[Group(is_vector, momentum=0.31)])
    assert [(rule.momentum, rule.twice) for rule in optimizer.rules] == [(0.5, 1.0), (0.3, 0.6)]
    optimizer.momentum = 0.68
    assert [(rule.momentum, rule.twice) for rule in optimizer.rules] == [(0.7, 1.4), (0.3, 0.6)]


F = np.float64
SCALARS = {
    "SGD": lambda m: SGD(m, lr=F(0.1), momentum=F(0.9), weight_decay=F(1e-4)),
    "SGD of float16": lambda m: SGD(m, lr=np.float16(0.1), momentum=np.float16(0.9)),
    "AdamW": lambda m: AdamW(m, F(1e-3), beta1=F(0.9), beta2=F(0.99), epsilon=F(1e-8), weight_decay=F(1e-2)),
    "RMSprop": lambda m: RMSprop(m, alpha=F(0.9), momentum=F(0.5), centered=np.bool_(True)),
    "NAdam": lambda m: NAdam(m, momentum_decay=np.longdouble(4e-3)),
    "Muon": lambda m: Muon(m, adamw_lr=F(1e-3), n_iterations=np.int32(3)),
    "a group": lambda m: SGD(m, lr=0.1, groups=[Group(is_vector, weight_decay=F(1e-2), lr=F(0.1))]),
    "clipping": lambda m: SGD(m, lr=0.1, clip_norm=F(1), clip_value=F(0.5), accumulate=np.int64(2)),
    "a schedule": lambda m: SGD(m, lr=lambda step: F(0.1)),
}  # fmt: skip


@COMPILED
@pytest.mark.parametrize("name", SCALARS)
def test_numpy_scalars_leave_a_float32_network_float32(name, compiled):
    model = network()
    Trainer(model, SCALARS[name](model), data(), compile=compiled).train(2, log_level=0)
    assert [p.value.dtype for p in model.parameters()] == [np.float32] * 4


def test_numpy_scalars_become_python_numbers_when_they_are_assigned_later():
    optimizer = SGD(network(), lr=0.1)
    optimizer.momentum, optimizer.accumulate = np.float32(0.5), np.int16(2)
    assert (type(optimizer.momentum), type(optimizer.accumulate)) == (float, int)
    assert type(python_number(np.bool_(True))) is bool
    assert python_number(np.datetime64(0, "s")) == np.datetime64(0, "s")


@pytest.mark.parametrize("make", [SGD, AdamW, Muon])
@pytest.mark.parametrize("lr", [portanet.Cosine(), portanet.Cosine, portanet.schedules.Cosine])
def test_a_loss_or_a_class_is_no_schedule(make, lr):
    with pytest.raises(ArgumentError, match=rf"{make.__name__}: lr must be .*portanet\.schedules"):
        make(network(), lr=lr)
    optimizer = make(network(), lr=0.1)
    with pytest.raises(ArgumentError, match=r"schedule such as portanet\.schedules\.Cosine"):
        optimizer.lr = lr


@pytest.mark.parametrize("bad", [None, "0.1", float("nan"), -1])
def test_a_schedule_must_give_a_number(bad):
    model = network()
    optimizer = SGD(model, lr=lambda step: bad)
    if bad == "0.1":  # text that reads as a number is taken for one
        assert optimizer.scalars(1) == {"lr": 0.1}
        return
    with pytest.raises(ArgumentError, match=rf"the schedule .* gives {bad} for step 0"):
        optimizer.scalars(1)


class Bare(Optimizer):
    """A rule that defines nothing."""


@pytest.mark.parametrize(("method", "arguments"), [
    ("init", (0,)), ("scalars", (1,)), ("update", (0, 0, {}, {})),
])  # fmt: skip
def test_a_rule_says_what_it_lacks(method, arguments):
    with pytest.raises(NotImplementedError, match=rf"Bare does not define {method}\("):
        getattr(Bare(network(), lr=0.1), method)(*arguments)


def test_a_rule_cannot_have_an_option_called_memory():
    class History(SGD):
        def __init__(self, model, lr, memory):
            self.memory = memory
            super().__init__(model, lr)

    with pytest.raises(ArgumentError, match="History: an option must not be called memory"):
        History(network(), 0.1, memory=10)
    assert issubclass(ArgumentError, PortanetError)
