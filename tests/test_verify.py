"""The agreement kit: it knows everything public, agrees where nothing is wrong, and finds what is."""

import inspect
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import portanet
import portanet.checks
from portanet import Layer, Loss, Optimizer, cli, dispatch, metrics, schedules
from portanet.compiler.engines.numpy.plan import NumpyPlan
from portanet.errors import ArgumentError, DataError, MissingBackendError
from portanet.layers import activations
from portanet.verify import Report, catalogue, run
from portanet.verify.catalogue.networks import NETWORKS
from portanet.verify.checks import special
from portanet.verify.report import Finding, Skipped, Trajectory
from portanet.verify.report.known import BOUNDED, FLUSHED, PLACED
from portanet.verify.runs.training import Training

ROW = Finding("oracle", "layer", "ReLU", "forward", "torch", "float32", True, 2.0, 1.0, 8.0)
APART = {"Sequential", "Graph", "Losses"}  # containers: their parts and the networks are cases


def public(base):
    classes = {name: getattr(portanet, name) for name in portanet.__all__}
    return {
        name for name, c in classes.items()
        if inspect.isclass(c) and issubclass(c, base) and c is not base
    }  # fmt: skip


def made(cases):
    """The classes of all parts that the cases are made of."""
    parts = [part for case in cases for part in case.make().named_parts().values()]
    return {type(part).__name__ for part in parts}


def test_nothing_public_is_forgotten():
    assert public(Layer) - APART <= made(catalogue.LAYERS)
    assert public(Loss) - APART <= made(catalogue.LOSSES)
    assert public(Optimizer) == {case.name.split()[0] for case in catalogue.OPTIMIZERS}
    assert set(metrics.__all__) == {case.name.split()[0] for case in catalogue.METRICS}
    assert set(schedules.__all__) == {case.name for case in catalogue.SCHEDULES}
    own = {
        name for name, function in dispatch.ACCELERABLE.items()
        if getattr(sys.modules.get(function.__module__), name, None) is function
    }  # fmt: skip
    assert own == {case.name for case in catalogue.ACCELERABLE}


def test_names_of_cases_are_their_own():
    for cases in (catalogue.LAYERS, catalogue.LOSSES, catalogue.OPTIMIZERS, NETWORKS):
        assert len({case.name for case in cases}) == len(cases)


def test_a_quick_run_agrees_everywhere(backend):
    """On the backends of this test run, for some cases of each kind."""
    name = backend.name if backend.device == portanet.backends.get(backend.name).device else (
        f"{backend.name}:no_float64"
    )  # fmt: skip
    cases = ["Linear", "Conv2d", "GRU", "Dropout", "CrossEntropy", "AdamW", "f1", "erf", "Cosine"]
    report = run([name], cases=cases, quick=True)
    assert report.failures == []
    assert {finding.kind for finding in report.findings} >= {"layer", "loss", "optimizer", "metric"}


def test_reports_come_back_from_json():
    report = Report(
        7, ["torch"], True, [ROW, replace(ROW, ulps=np.inf, passed=False)],
        [Skipped("oracle", "cupy", "", "no GPU")],
        [Trajectory("net", "torch", "float32", "compiled", {"loss": [0.5, np.inf]}, {"loss": [1.0, 2.0]})],
        {"python": "3"},
    )  # fmt: skip
    again = Report.from_json(report.to_json())
    assert again == report
    assert json.loads(report.to_json())["findings"][1]["ulps"] == "inf"
    with pytest.raises(DataError, match="wanted a report of format"):
        Report.from_json('{"format": 0}')


@pytest.mark.parametrize(
    ("findings", "status"),
    [([], 2), ([ROW], 0), ([ROW, replace(ROW, passed=False)], 1),
     ([replace(ROW, passed=False, known="flushed")], 0)],
)  # fmt: skip
def test_the_exit_status_says_whether_something_failed(findings, status):
    assert Report(0, findings=findings).exit_status == status


def test_the_command_prints_and_saves(tmp_path, capsys):
    path = tmp_path / "report.json"
    arguments = ["verify", "--backend", "numpy", "--case", "ReLU", "--quick", "--json", str(path)]
    assert cli.main(arguments) == 0
    assert "1 agree" not in (out := capsys.readouterr().out)
    assert "0 do not agree" in out
    assert Report.from_json(path.read_text()).backends == ["numpy"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "nympy"], "no backend called 'nympy'"),
        (["--device", "1"], "--device is of one backend"),
        (["--backend", "numpy", "--case", "Lineer"], "no case begins with 'Lineer'"),
        (["--backend", "numpy", "--model", "nowhere.py:make"], "no file nowhere.py"),
    ],
)
def test_mistakes_on_the_command_line_end_with_status_2(arguments, words, capsys):
    assert cli.main(["verify", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_backend_that_is_named_must_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.setattr(portanet.backends._registry, "_working", {})
    with pytest.raises(MissingBackendError, match="jax"):
        run(["jax"], quick=True)


OWN = """
import numpy as np
import portanet
from portanet import Linear, MSE, Parameter, Sequential

class Scaled(portanet.Layer):
    def __init__(self):
        self.scale = Parameter(np.asarray([1.0, 2.0, 3.0], np.float32))

    def forward(self, x, *, training=False):
        if training:
            self._saved = x
        return x * self.scale.value

    def backward(self, grad):
        x = self._take_saved()
        self.scale.grad = portanet.array_namespace(x).sum(grad * x, axis=0)
        return {backward}

def layer():
    return Scaled(), np.linspace(-1, 1, 12).reshape(4, 3)

def network():
    portanet.seed(0)
    return Sequential([Scaled(), Linear(3, 1)], MSE()), *data()

def data():
    return np.linspace(-1, 1, 12).reshape(4, 3), np.ones((4, 1))

def nothing():
    return 3
"""


def own(tmp_path, factory, backward="grad * self.scale.value"):
    path = tmp_path / "own.py"
    path.write_text(OWN.replace("{backward}", backward))
    return f"{path}:{factory}"


def test_a_layer_of_ones_own_agrees(tmp_path):
    report = run(["numpy", "strict"], model=own(tmp_path, "layer"), quick=True)
    assert report.failures == []
    assert {f.check for f in report.findings} == {"oracle", "audit", "derivative", "special"}


def test_a_wrong_gradient_is_named_with_its_place(tmp_path):
    report = run(["numpy"], model=own(tmp_path, "layer", "grad"), quick=True)
    (failure,) = report.failures
    assert failure.check == "derivative"
    assert "Scaled: the gradient of x[0, 0] is" in failure.note


WRONG = Path(__file__).parents[1] / "examples" / "own_layer_wrong.py"


@pytest.mark.parametrize(("factory", "where"), [("layer", ""), ("network", ", layers.1")])
def test_the_wrong_layer_of_the_examples_is_named(factory, where):
    """Layer, tensor, index, got and expected; in a network not the layers before it."""
    report = run(["numpy"], model=f"{WRONG}:{factory}", quick=True)
    x, scale = report.failures
    assert (x.tensor, scale.tensor) == (f"gradient of x{where}", f"gradient of scale{where}")
    number = r"(-?[\d.]+)"
    words = (
        r"WrongScaledTanh: the gradient of {} is {} by backward\(\) and {} by finite differences"
    )
    assert re.match(words.format(r"x\[0, 0\]", number, number), x.note)
    found = re.match(words.format(r"scale\[0\]", number, number), scale.note)
    assert found is not None
    got, expected = map(float, found.groups())
    assert got * 4 == pytest.approx(expected, rel=1e-6)  # a mean over 4 samples, not the sum


def test_a_network_of_ones_own_is_trained(tmp_path):
    report = run(["numpy"], model=own(tmp_path, "network"), quick=True)
    assert report.failures == []
    assert {t.how for t in report.trajectories} >= {"trajectory", "compiled", "resumed"}


def test_what_a_factory_must_return_is_said(tmp_path):
    with pytest.raises(ArgumentError, match=r"returned 3; it must return \(layer, x\)"):
        run(["numpy"], model=own(tmp_path, "nothing"))
    with pytest.raises(ArgumentError, match="has no function make"):
        run(["numpy"], model=own(tmp_path, "make"))


def test_a_fault_on_one_backend_is_found(tmp_path):
    """Wrong by one part in 4096 on strict only: far below what an eye sees in losses."""
    wrong = "grad * self.scale.value * (1 + (type(grad).__module__[:5] == 'array') / 4096)"
    report = run(["numpy", "strict"], model=own(tmp_path, "layer", wrong), quick=True)
    assert {f.backend for f in report.failures} == {"strict"}
    assert {f.tensor for f in report.failures if f.check == "oracle"} == {"gradient of x"}


def test_a_float64_leak_is_found(monkeypatch):
    monkeypatch.setattr(
        portanet.layers.Sigmoid, "backward", lambda self, grad: grad * np.float64(1)
    )
    failures = run(["numpy"], cases=["Sigmoid"], quick=True).failures
    (leak,) = (failure for failure in failures if failure.check == "oracle")
    assert (leak.tensor, leak.dtype) == ("gradient of x", "float32")
    assert "is float64, not float32" in leak.note


def test_only_a_nan_in_its_own_segment_is_a_known_difference(monkeypatch):
    """NumPy's own kernel for many segments adds by index; one that drops NaN as well is no such."""
    numpy = portanet.backends.get("numpy")
    report = run(["numpy"], cases=["segment_sum"])
    assert report.failures == []
    assert {f.known for f in report.findings if not f.passed} == {PLACED}
    kernel = numpy.kernels["segment_sum"]
    drops = {
        "segment_sum": lambda v, i, n: kernel(np.nan_to_num(v, posinf=np.inf, neginf=-np.inf), i, n)
    }
    monkeypatch.setattr(numpy, "kernels", drops)
    failures = run(["numpy"], cases=["segment_sum"]).failures
    assert {(f.check, f.tensor) for f in failures} == {("special", "value, NaN in x")}


@pytest.mark.parametrize("wrong", [False, True])
def test_only_a_bounded_probability_is_a_known_difference(monkeypatch, wrong):
    """At p = 0 float32 has another bound than float64; a loss that is 1 % off is no such."""
    forward = portanet.BinaryCrossEntropy.forward
    if wrong:
        monkeypatch.setattr(
            portanet.BinaryCrossEntropy, "forward",
            lambda self, y_hat, *args, **options: forward(self, y_hat, *args, **options) * (
                1.01 if portanet.checks.dtype_name(y_hat.dtype) == "float32" else 1.0),
        )  # fmt: skip
    report = run(["numpy"], cases=["BinaryCrossEntropy"])
    known = {(f.check, f.known) for f in report.findings if f.known}
    assert known == {("special", BOUNDED)}
    failed = {(f.check, f.tensor) for f in report.failures}
    assert (("special", "forward, -0 in x") in failed) == wrong
    assert bool(failed) == wrong


@pytest.mark.parametrize("known", [True, False])
def test_infinity_times_a_flushed_gradient_is_a_known_difference(monkeypatch, known):
    """Where denormals count as 0 it is NaN, and not infinite; elsewhere it must not be."""
    of_sigmoid = activations.sigmoid_backward

    def flushed(grad, y):
        found = of_sigmoid(grad, y)
        is_float32 = portanet.checks.dtype_name(y.dtype) == "float32"
        return np.where(np.abs(found) < 1.2e-38, 0, found) if is_float32 else found

    monkeypatch.setattr(activations, "sigmoid_backward", flushed)
    monkeypatch.setattr(special, "flushes", lambda place: known)
    report = run(["numpy"], cases=["Residual"])
    weights = "gradient of layers.layers.0.weights"
    expected = {f"{weights}, inf in x", f"{weights}, -inf in x"}
    of = {f.tensor for f in report.findings if f.known == FLUSHED}
    assert (of if known else {f.tensor for f in report.failures}) == expected
    assert bool(report.failures) != known


def test_a_quick_run_on_jax_says_what_it_leaves_out(monkeypatch):
    """With a backend of that name; the run itself takes a minute."""
    from portanet.verify.plan import jobs_of

    class Jax:
        name = "jax"

    jobs = [job for job in jobs_of({"jax": Jax()}, 0, True) if job.check == "left out"]
    (row,) = jobs[0].run()
    assert (row.backend, row.case) == ("jax", jobs[0].case)
    assert 30 < len(jobs) < 60
    assert all(job.kind != "network" for job in jobs)
    assert not [job for job in jobs_of({"jax": Jax()}, 0, False) if job.check == "left out"]


def test_a_kernel_that_drops_nan_is_found(monkeypatch):
    plain = dispatch.ACCELERABLE["sigmoid"].plain
    kernels = {"sigmoid": lambda x: plain(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf))}
    monkeypatch.setattr(portanet.backends.get("numpy"), "kernels", kernels)
    failures = run(["numpy"], cases=["sigmoid"]).failures
    assert {(f.check, f.tensor) for f in failures} == {("special", "value, NaN in x")}


def test_where_two_trainings_part_is_named(monkeypatch):
    """The second step of one network takes another learning rate: its first value is named."""
    step = portanet.SGD.update
    calls = []

    def update(self, value, grad, slots, scalars):
        is_float32 = portanet.checks.dtype_name(value.dtype) == "float32"
        calls.append(is_float32)
        late = is_float32 and sum(calls) > 6  # six parameters
        return step(self, value, grad, slots, {**scalars, "lr": scalars["lr"] * (1 + late / 100)})

    monkeypatch.setattr(portanet.SGD, "update", update)
    case = NETWORKS[0]
    report = run(["strict"], cases=[case.name], quick=True)
    parted = next(f for f in report.failures if f.check == "trajectory")
    assert parted.tensor.startswith("step 0: value") or parted.tensor.startswith("step 1: value")


def test_a_plan_that_the_compiler_finds_wrong_is_a_failure(monkeypatch):
    """Not only a note that the network runs as it is written: the plan was wrong."""
    monkeypatch.setattr(NumpyPlan, "set_numbers", lambda self, numbers, drawn: None)
    report = run(["numpy"], cases=[NETWORKS[0].name], quick=True)
    failed = {f.check: f.note for f in report.failures}
    assert {"compiled", "unfused"} <= set(failed)
    assert "verification failed: compiled and uncompiled `layers" in failed["compiled"]
    assert not {"compiled", "unfused"} & {s.check for s in report.skipped}


@pytest.mark.parametrize(
    "two", [("strict:device1", "strict:device2"), ("strict", "strict:no_float64")]
)
def test_one_device_against_another(two):
    """A run is saved on one device of a library and resumed on another, both ways."""
    report = run(two, cases=[NETWORKS[0].name], quick=True)
    assert report.failures == []
    found = {(f.backend, f.check) for f in report.findings}
    assert {(a, f"saved here, resumed on {b}") for a, b in (two, two[::-1])} <= found
    assert not [s for s in report.skipped if s.check.startswith("saved")]


def test_a_device_that_resumes_wrongly_is_found(monkeypatch):
    load = portanet.checkpoint.load

    def loses_a_slot(path, model, optimizer):
        extra = load(path, model, optimizer)
        if "device2" in str(model.backend.device):
            slots = optimizer.memory.slots
            slots["layers.0.weights"] = {k: v * 0 for k, v in slots["layers.0.weights"].items()}
        return extra

    monkeypatch.setattr("portanet.verify.runs.training.load", loses_a_slot)
    report = run(["strict", "strict:device2"], cases=[NETWORKS[0].name], quick=True)
    assert {(f.backend, f.check) for f in report.failures} == {
        ("strict", "saved here, resumed on strict:device2"),
        ("strict:device2", "saved on NumPy, resumed here"),
    }


def test_training_is_recorded_in_the_order_of_computation():
    from portanet.verify.runs.inputs import Draw
    from portanet.verify.runs.where import OnBackend

    where = OnBackend(portanet.backends.get("numpy"), "float32")
    names = [n.partition(": ")[2] for n in Training(NETWORKS[0], Draw(), where).steps(1).tensors]
    kinds = list(dict.fromkeys(name.split()[0] for name in names))
    assert kinds == ["forward", "loss", "gradient", "slot", "value"]
    assert names[0] == "forward of layers.0"
