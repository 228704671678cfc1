"""Schedules: the rates of torch.optim.lr_scheduler, closed forms, and how optimizers use them."""

import math
import pickle

import numpy as np
import pytest

import portanet
from portanet import SGD, Group, Linear
from portanet.errors import ArgumentError
from portanet.schedules import (
    Chain,
    Constant,
    Cosine,
    Exponential,
    MultiStep,
    OneCycle,
    PerEpoch,
    Plateau,
    Polynomial,
    StepDecay,
    WarmUp,
)

# ours, PyTorch's on an optimizer with lr = 0.3, how many steps; PyTorch updates its rate from the
# last one, n roundings for n steps, hence 1e-12 of the largest rate
PAIRS = {
    "constant": (Constant(0.3), lambda s, o: s.ConstantLR(o, factor=1.0), 20),
    "step": (StepDecay(0.3, every=7, gamma=0.5), lambda s, o: s.StepLR(o, 7, gamma=0.5), 40),
    "multi-step": (MultiStep(0.3, [3, 4, 20]), lambda s, o: s.MultiStepLR(o, [3, 4, 20]), 40),
    "exponential": (Exponential(0.3, 0.9), lambda s, o: s.ExponentialLR(o, 0.9), 60),
    "polynomial": (Polynomial(0.3, 30), lambda s, o: s.PolynomialLR(o, 30), 40),
    "square": (Polynomial(0.3, 30, power=2), lambda s, o: s.PolynomialLR(o, 30, power=2), 40),
    "cosine": (Cosine(0.3, 30, lowest=0.01), lambda s, o: s.CosineAnnealingLR(o, 30, eta_min=0.01), 31),
    "restarts": (
        Cosine(0.3, 10, lowest=0.01, restarts=True),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, eta_min=0.01), 35,
    ),
    "longer and longer": (
        Cosine(0.3, 5, restarts=True, longer=2),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, T_mult=2), 80,
    ),
    "one cycle": (OneCycle(0.3, 40), lambda s, o: s.OneCycleLR(o, 0.3, total_steps=40), 40),
    "a steep cycle": (
        OneCycle(0.3, 17, up=0.45, start=10, end=100),
        lambda s, o: s.OneCycleLR(o, 0.3, total_steps=17, pct_start=0.45, div_factor=10, final_div_factor=100), 17,
    ),
    "a cycle of lines": (
        OneCycle(0.3, 17, up=0.45, start=10, end=100, annealing="linear"),
        lambda s, o: s.OneCycleLR(
            o, 0.3, total_steps=17, pct_start=0.45, div_factor=10, final_div_factor=100, anneal_strategy="linear"
        ), 17,
    ),
    "warm-up": (
        WarmUp(Constant(0.3), 10, start=0.1),
        lambda s, o: s.LinearLR(o, start_factor=0.1, total_iters=10), 20,
    ),
    "warm-up and cosine": (
        WarmUp(Cosine(0.3, 20), 10, start=0.25),
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, start_factor=0.25, total_iters=10), s.CosineAnnealingLR(o, 20)], [10]
        ), 30,
    ),
    "chain": (
        Chain([StepDecay(0.3, 4), Constant(0.3), Exponential(0.3, 0.5)], [6, 9]),
        lambda s, o: s.SequentialLR(
            o, [s.StepLR(o, 4), s.ConstantLR(o, factor=1.0), s.ExponentialLR(o, 0.5)], [6, 9]
        ), 20,
    ),
    "epochs": (
        PerEpoch(Exponential(0.3, 0.5), 4), lambda s, o: s.LambdaLR(o, lambda t: 0.5 ** (t // 4)), 20,
    ),
}  # fmt: skip


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def theirs(torch):
    """PyTorch's SGD on one number, with a rate of 0.3."""
    return torch.optim.SGD([torch.zeros(1)], lr=0.3)


@pytest.mark.parametrize("name", PAIRS)
def test_rates_are_pytorchs(name, torch, theirs):
    ours, make, n_steps = PAIRS[name]
    schedule, rates = make(torch.optim.lr_scheduler, theirs), []
    for _ in range(n_steps):
        rates.append(float(theirs.param_groups[0]["lr"]))
        theirs.step()
        if len(rates) < n_steps:
            schedule.step()
    np.testing.assert_allclose([ours(i) for i in range(n_steps)], rates, rtol=0, atol=0.3e-12)


@pytest.mark.parametrize("best", ["smallest", "largest"])
def test_plateau_is_pytorchs(best, torch, theirs):
    mode = {"smallest": "min", "largest": "max"}[best]
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, mode, factor=0.5, patience=2, cooldown=3, threshold=0.01, min_lr=0.01
    )
    ours = Plateau(0.3, factor=0.5, patience=2, cooldown=3, threshold=0.01, lowest=0.01, best=best)
    rng = np.random.default_rng(0)
    seen = set()
    for i in range(80):
        metric = 1 + (1 / (i + 1) if best == "smallest" else i / 100) + 0.05 * rng.standard_normal()
        metric = math.nan if i == 17 else metric
        scheduler.step(metric)
        ours.report(metric)
        assert ours(i) == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-14)
        seen.add(ours(i))
    assert len(seen) > 3, "the rate fell several times"


def test_closed_forms():
    assert [Constant(0.1)(s) for s in (0, 9)] == [0.1, 0.1]
    assert Cosine(0.4, 8)(0) == 0.4
    assert Cosine(0.4, 8, lowest=0.1)(8) == Cosine(0.4, 8, lowest=0.1)(1000) == 0.1
    assert Cosine(0.4, 8)(2) == pytest.approx(0.2 * (1 + math.cos(math.pi / 4)), rel=1e-15)
    assert Polynomial(0.4, 8, lowest=0.1)(4) == pytest.approx(0.25)
    assert Polynomial(0.4, 8, lowest=0.1)(9) == 0.1
    assert OneCycle(0.4, 8)(7) == OneCycle(0.4, 8)(99)
    warm = WarmUp(Constant(0.4), 4)
    assert [warm(s) for s in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


def test_the_first_step_has_the_rate_of_step_0():
    layer = Linear(2, 2, bias=False)
    optimizer = SGD(layer, lr=Exponential(1.0, 0.5))
    for rate in (1.0, 0.5, 0.25):
        before = layer.weights.value
        layer.weights.grad = np.ones_like(before)
        optimizer.step()
        np.testing.assert_allclose(before - layer.weights.value, rate, rtol=1e-6)


def test_a_number_can_be_changed_between_steps_and_groups_follow():
    layer = Linear(1, 1)
    groups = [Group(lambda name, p: name == "bias", momentum=0.0)]
    optimizer = SGD(layer, lr=1.0, momentum=0.5, groups=groups)
    layer.weights.grad, layer.bias.grad = np.ones((1, 1), np.float32), np.ones(1, np.float32)
    optimizer.step()
    assert layer.bias.value == -1
    optimizer.lr = 0.25
    layer.weights.grad, layer.bias.grad = np.ones((1, 1), np.float32), np.ones(1, np.float32)
    optimizer.step()
    assert layer.bias.value == -1.25


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf])
def test_a_schedule_that_makes_no_sense_is_named(rate):
    layer = Linear(1, 1, bias=False)
    layer.weights.grad = layer.weights.value
    with pytest.raises(ArgumentError, match=r"SGD: lr must be .* gives (-0.1|nan|inf) for step 0"):
        SGD(layer, lr=lambda step: rate).step()


def test_what_a_plateau_knows_can_be_saved_through_others():
    ours, other = (WarmUp(PerEpoch(Plateau(0.3, patience=1), 10), 5) for _ in range(2))
    for value in (1.0, 2.0, 3.0, 4.0):
        ours.after.schedule.report(value)
    other.load_state(ours.state())
    assert other(100) == ours(100) == pytest.approx(0.03)
    other.after.schedule.report(5.0)
    ours.after.schedule.report(5.0)
    assert other.state() == ours.state()


def test_schedules_can_be_compared_printed_and_pickled():
    schedule = WarmUp(Chain([Cosine(0.3, 20), Constant(0.1)], [20]), 10)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert eval(repr(schedule)) == schedule


MISTAKES = {
    "a negative rate": (lambda: Constant(-1.0), r"Constant: lr must be a number in \[0, inf\)"),
    "a rate of text": (lambda: Cosine("0.1", 10), r"Cosine: lr must .* is '0.1'"),
    "no steps": (lambda: Cosine(0.1, 0), r"Cosine: n_steps must be an integer >= 1"),
    "half a step": (lambda: StepDecay(0.1, every=0.5), r"StepDecay: every must be an integer"),
    "falling milestones": (lambda: MultiStep(0.1, [5, 3]), r"MultiStep: milestones must increase"),
    "too few milestones": (lambda: Chain([Constant(1.0)] * 3, [1]), r"3 schedules need 2 milestones"),
    "a number for a schedule": (lambda: WarmUp(0.1, 10), r"WarmUp: a schedule must be a function"),
    "a cycle of another curve": (
        lambda: OneCycle(0.1, 9, annealing="cos"), r"OneCycle: annealing must be 'cosine' or 'linear', is 'cos'"
    ),
    "a cycle of one step": (lambda: OneCycle(0.1, 1), r"OneCycle: n_steps must be an integer >= 2"),
    "a factor of 1": (lambda: Plateau(0.1, factor=1.0), r"Plateau: factor must be a number in \[0, 1\), is 1"),
    "best of all": (lambda: Plateau(0.1, best="max"), r"best must be 'smallest' or 'largest'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    make, message = MISTAKES[name]
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_power_that_no_number_holds_is_an_error_about_the_rate():
    optimizer = portanet.SGD(portanet.Linear(1, 1), lr=Exponential(0.1, 1.01))
    with pytest.raises(ArgumentError, match=r"lr must be a number .* gives inf for step 9999999"):
        optimizer.scalars(10**7)
