"""Verification: a plan that is wrong is found, whatever the scales; one that is right is kept."""

import warnings

import numpy as np
import pytest
from compiled_twins import F4, Twins, batches, network
from hypothesis import given, settings
from hypothesis import strategies as st

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Layer,
    Linear,
    NotCompiledWarning,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    compile_step,
)
from portanet.compiler.engines.numpy.plan import NumpyPlan
from portanet.compiler.runtime.checked_plan import is_verified_at
from portanet.compiler.verification.compare import by_noise, difference, some_ulps
from portanet.compiler.verification.judge import Judge, announce
from portanet.compiler.verification.noise import NoisyTape
from portanet.compiler.verification.scales import scales
from portanet.compiler.verification.step_check import StepCheck
from portanet.errors import OrderError
from portanet.losses import MSE


def sgd(model):
    return SGD(model, lr=1e-3)


def plant(monkeypatch, change, after=0):
    """Let plans on NumPy change a result after some replays: change(results)."""
    replayed = []
    start = NumpyPlan.__init__

    def init(self, *args, **options):
        start(self, *args, **options)
        replay = self.replay

        def wrong():
            replay()
            replayed.append(1)
            if len(replayed) > after:
                change(self.results)

        self.replay = wrong

    monkeypatch.setattr(NumpyPlan, "__init__", init)
    return replayed


def refused(model, x, y, n=6, rule=sgd):
    """Return why a step is refused, None if it is not, and the twin that was trained readably."""
    step = compile_step(model, rule(model), fast=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCompiledWarning)
        for _ in range(n):
            step(x, y)
    return step.refused


def data(n=64, scale=1.0):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 5)).astype(F4)
    return x, (scale * rng.standard_normal((n, 3))).astype(F4)


@pytest.mark.parametrize("scale", [1.0, 3e5], ids=["small targets", "large targets"])
@pytest.mark.parametrize("name", ["grad:layers.0.weights", "grad:layers.2.bias", "losses"])
def test_a_wrong_number_is_found_at_its_own_scale(monkeypatch, name, scale):
    """Losses of 1e11 do not hide that a gradient is wrong by a thousandth."""

    def change(results):
        flat = results[name].reshape(-1)
        flat[flat.size // 2] *= F4(1.001)

    plant(monkeypatch, change)
    why = refused(network(Tanh()), *data(scale=scale))
    assert "verification failed" in why
    assert f"`{name}` differ by" in why


def test_a_wrong_number_in_a_small_column_is_found(monkeypatch):
    """One input is 1e-9 of the others: so is its row of the gradient, and none of it may be wrong."""
    x, y = data()
    x[:, 0] *= F4(1e-9)

    def change(results):
        results["grad:layers.0.weights"][0] *= F4(1.5)

    plant(monkeypatch, change)
    assert "grad:layers.0.weights" in refused(network(Tanh()), x, y)


def test_a_wrong_update_is_found(monkeypatch):
    replay = NumpyPlan.finally_call

    def also(self, calls):
        def halve():
            for name, home in self.homes.items():
                if name.startswith("flat:0/"):
                    home[3] *= F4(0.999)

        replay(self, [*calls, halve])

    monkeypatch.setattr(NumpyPlan, "finally_call", also)
    why = refused(network(Tanh()), *data(), rule=lambda m: Adam(m, lr=1e-3))
    assert "/m1` differ" in why or "/mean` differ" in why or "layers" in why


def test_a_plan_that_goes_wrong_later_is_found_and_says_since_when(monkeypatch):
    """Right at first, wrong from the 20th replay on: seen at step 32, and the readable step taken."""

    def change(results):
        results["losses"] += F4(0.01)

    plant(monkeypatch, change, after=20)
    model = network(Tanh())
    step, caught = compile_step(model, sgd(model), fast=False), []
    x, y = data()
    for _ in range(40):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", NotCompiledWarning)
            losses = step(x, y)
        caught += said
    assert len(caught) == 1
    assert "`losses` differ" in str(caught[0].message)
    assert "results since step 16 with such batches are in doubt" in str(caught[0].message)
    wanted = model.criterion.forward(model.forward(x), y)
    assert abs(losses - wanted).max() < 1e-2  # readable again


def test_when_steps_are_verified():
    wanted = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096]
    assert [step for step in range(2, 4200) if is_verified_at(step)] == wanted


NETWORKS = {
    "bias before batch normalization": (lambda: network(BatchNorm1d(4), ReLU()), 1.0),
    "converged logits": (lambda: Sequential([Linear(5, 1)], BCEWithLogits()), 60.0),
    "a loss near zero": (lambda: Sequential([Linear(5, 3)], CrossEntropy()), 40.0),
    "one output": (lambda: Sequential([Linear(5, 4), Tanh(), Linear(4, 1)], MSE()), 1.0),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(4))
def test_rounding_is_not_refused(name, dtype, seed, monkeypatch):
    """Sums are taken in another order, with sizes that cancel: as a fused plan may do."""
    make, scale = NETWORKS[name]
    portanet.seed(seed)
    model = make()
    for p in model.parameters():
        p.value = p.value * F4(scale)
    model.to(dtype=dtype)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((64, 5)).astype(dtype)
    y = model.forward(x)
    y = (
        y.argmax(axis=1) if isinstance(model.criterion, CrossEntropy)
        else (y > 0).astype(dtype) if isinstance(model.criterion, BCEWithLogits)
        else rng.standard_normal(y.shape).astype(dtype)
    )  # fmt: skip
    sum_in_another_order(monkeypatch, rng.permutation(64))
    step = compile_step(model, sgd(model), fast=False)
    for _ in range(12):
        step(x, y)
    assert step.refused is None


def sum_in_another_order(monkeypatch, order):
    """Let plans have the samples in another order, and give losses in the one that they came in."""
    load = NumpyPlan.load
    monkeypatch.setattr(NumpyPlan, "load", lambda self, x, y: load(self, x[order], y[order]))
    back = np.argsort(order)

    def put_back(results):
        results["losses"][...] = results["losses"][back]

    plant(monkeypatch, put_back)


def test_scales_are_those_of_row_and_column():
    size = np.asarray([[1e-6, 1.0], [2e-6, 3.0]])
    assert scales(size).max(axis=0)[0] < 2e-6
    assert scales(np.asarray([1.0, 3.0])).tolist() == [2.0, 2.0]


def test_one_sample_shows_how_large_the_noise_of_rows_times_columns_is():
    """A gradient's noise is of the size of a factor of its row times one of its column."""
    rng, factors = np.random.default_rng(0), np.logspace(-3, 3, 60)
    deviation = np.outer(factors, factors)
    sample, error = deviation * rng.standard_normal((2, 60, 60))
    allowed = by_noise(np.abs(sample), np.zeros((60, 60)))
    assert (np.abs(error) <= allowed).all()
    largest = allowed[-1, -1] / deviation[-1, -1]
    assert largest < 50  # 8 times the sample, which is off by at most 5 deviations, and 6 more


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=25, deadline=None)
def test_the_judge_knows_rounding_from_faults(seed, dtype):
    """A product of matrices summed in another order is right; off by 1e-3 somewhere it is not."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((9, 40)).astype(dtype), rng.standard_normal((40, 7)).astype(dtype)
    a[:, 0] *= dtype(1000)
    b[:, 0] *= dtype(1e-5)

    def run(tape):
        return {"c": (tape.enter(a) @ tape.enter(b)).array}

    order = rng.permutation(40)
    other = a[:, order] @ b[order]
    assert Judge(run, {"c": a @ b}).verdict({"c": other}, ["c"]) == {}
    wrong = other.copy()
    at = tuple(rng.integers(0, n) for n in wrong.shape)
    noise = 1e-3 * float(np.abs(a) @ np.abs(b)[:, at[1]] @ np.eye(9)[at[0]])
    wrong[at] += dtype(noise)
    assert "c" in Judge(run, {"c": a @ b}).verdict({"c": wrong}, ["c"])


def test_noise_leaves_what_a_mask_has_made_infinite():
    """Scores that a mask hides are -inf: inf times noise would make NaN of all that follow."""
    scores = np.asarray([[0.3, 0.7, 0.2], [0.1, -np.inf, -np.inf]], F4)
    tape = NoisyTape(1e-7, 1)
    s = tape.enter(scores)
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    softmax = (e / np.sum(e, axis=-1, keepdims=True)).array
    exact = np.exp(scores.astype("f8"))
    exact /= exact.sum(axis=-1, keepdims=True)
    assert (softmax[1, 1:] == 0).all()
    assert 0 < np.abs(softmax - exact).max() < 1e-6


def test_what_compare_says():
    wanted = np.asarray([1.0, 2.0, np.nan, np.inf], F4)
    assert difference({"a": wanted.copy()}, {"a": wanted}, some_ulps) == {}
    assert "missing" in difference({}, {"a": wanted}, some_ulps)["a"]
    assert "shape" in difference({"a": wanted[:2]}, {"a": wanted}, some_ulps)["a"]
    other = np.asarray([1.0, 2.0, 0.0, np.inf], F4)
    assert "not finite" in difference({"a": other}, {"a": wanted}, some_ulps)["a"]
    assert "ulp at [1]" in difference({"a": wanted * [1, 1.1, 1, 1]}, {"a": wanted}, some_ulps)["a"]
    assert (by_noise(np.zeros(3), np.ones(3, F4)) > 0).all()


class Exact(Layer):
    """y = x, in float64 always: on the host, the judge runs it as it runs on a device."""

    def forward(self, x, *, training=False):
        return x

    def backward(self, grad):
        return grad


def test_evaluation_is_verified(monkeypatch):
    def change(results):
        results["losses"][...] *= F4(1.01)

    plant(monkeypatch, change)
    x, y = data()
    model = network(Tanh())
    loader = DataLoader(Dataset(x, y), 32)
    trainer = Trainer(model, sgd(model), loader)
    wanted = float(model.criterion.forward(model.forward(x), y).mean())
    assert [trainer.evaluate(loader)[0] for _ in range(3)] == pytest.approx([wanted] * 3, rel=1e-6)


def test_evaluation_that_goes_wrong_later_is_found(monkeypatch):
    plant(monkeypatch, lambda results: results["losses"].__imul__(F4(1.01)), after=5)
    x, y = data()
    model = network(Tanh())
    loader = DataLoader(Dataset(x, y), 32)
    trainer = Trainer(model, sgd(model), loader)
    for _ in range(12):
        trainer.evaluate(loader)
    assert "`losses` differ" in trainer._staged(loader)._evaluation.refused


def test_float64_networks_are_held_to_float64():
    twins = Twins(network(Tanh(), ReLU()).to(dtype="float64"), sgd)
    twins.train(batches(10, dtype=np.float64)).assert_compiled()


def test_a_judgement_that_takes_long_says_so(caplog):
    announce(0.05)
    assert not caplog.records
    announce(0.5)
    assert caplog.messages == ["portanet: verifying a step in float64, some 6 s"]


def test_gradients_of_a_step_that_was_taken_as_written_count_as_used(monkeypatch):
    """After a plan was found wrong: asking for another step without new gradients is an error."""
    model = Sequential([Linear(5, 4), ReLU(), Linear(4, 3)], MSE())
    optimizer = SGD(model, lr=0.1)
    step = compile_step(model, optimizer)
    monkeypatch.setattr(StepCheck, "_first_difference", lambda self: "nothing is right")
    x, y = np.ones((8, 5), np.float32), np.zeros((8, 3), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCompiledWarning)
        for _ in range(3):
            step(x, y)
            with pytest.raises(OrderError, match="a gradient that was used before"):
                optimizer.step()
    assert step.refused == "verification failed: nothing is right"
