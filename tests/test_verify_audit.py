"""The audit of a step: planted faults are named with the line of code that has them."""

import inspect
import operator
from pathlib import Path

import numpy as np
import pytest

import portanet
from portanet import MSE, Layer, Linear, Parameter, Sequential, array_namespace, backend_of
from portanet.verify import Report, html, run
from portanet.verify.catalogue.networks import NETWORKS, NetworkCase
from portanet.verify.checks.audit import check_audit
from portanet.verify.report import Audit, Finding, Skipped, Transfer
from portanet.verify.report.table import ledger

HERE = Path(__file__)


class Gate(Layer):
    """y = f(x) s, where f returns x and does something wrong; `g` is the same on the way back."""

    def __init__(self, f=None, g=None):
        self.scale = Parameter(np.ones(3, np.float32))
        self.f, self.g = f or (lambda x: x), g or (lambda grad: grad)

    def forward(self, x, *, training=False):
        x = self.f(x)
        if training:
            self._saved = x
        return x * self.scale.value

    def backward(self, grad):
        x = self._take_saved()
        self.scale.grad = self.g(array_namespace(x).sum(grad * x, axis=0))
        return grad * self.scale.value


def audited(backend, f=None, g=None):
    """Findings, and the audit, of a step of a network whose first layer has a fault."""

    def network():
        return Sequential([Gate(f, g), Linear(3, 1)], MSE())

    x = np.random.default_rng(0).normal(size=(8, 3))
    case = NetworkCase("gate", network, portanet.Adam, lambda rng: (x, x[:, :1]))
    items = list(check_audit(case, 0, {backend.name: backend}, ["float32"]))
    (audit,) = [item for item in items if isinstance(item, Audit)]
    return [item for item in items if isinstance(item, Finding)], audit


def line(function, below=0):
    """Where a function of one line is written, or a line below its first, as the audit says it."""
    file = HERE.relative_to(Path(portanet.__file__).parents[1]).as_posix()
    return f"{file}:{inspect.getsourcelines(function)[1] + below}"


def in_float64(x):
    return array_namespace(x).astype(x, array_namespace(x).float64)


FETCHES = {
    "bool(x)": lambda x: x if bool(x[0, 0] < 1e9) else -x,
    "float(x)": lambda x: x + 0 * float(x[0, 0]),
    "int(x)": lambda x: x + 0 * int(array_namespace(x).astype(x[0, 0], array_namespace(x).int32)),
}


@pytest.mark.parametrize("what", FETCHES)
def test_numbers_that_python_takes_out_of_an_array_are_faults(backend, what):
    function = FETCHES[what]
    (finding,), audit = audited(backend, f=function)
    assert not finding.passed
    assert finding.tensor == what
    assert finding.note == f"{what} fetched from the device at {line(function)}, in Gate.forward"
    fetched = Transfer("fetched", what, line(function), "Gate.forward", audit.n_steps)
    assert audit.transfers == [fetched]


def test_a_float64_gradient_is_named_with_its_line(backend):
    findings, audit = audited(backend, g=in_float64)
    if "float64" not in backend.dtypes:  # there it raises, audit or not
        assert findings[0].note.endswith(f"(at {line(in_float64, 1)})")
        return
    wanted = (
        "float64 tensor in a float32 network: gradient of layers.0.scale, made by astype at "
        f"{line(in_float64, 1)}, in Gate.backward"
    )
    notes = {finding.tensor: finding.note for finding in findings}
    assert notes.pop("gradient of layers.0.scale") == wanted
    assert list(notes) == [""]  # the optimizer refuses it, in words of its own
    assert "must be float32" in notes[""]
    assert audit.tensors["gradient of layers.0.scale"].startswith("float64")


def test_a_float64_intermediate_that_is_cast_back_is_found(backend):
    (finding, *more), _ = audited(
        backend, f=lambda x: array_namespace(x).astype(in_float64(x) * 2.0, x.dtype)
    )
    if "float64" in backend.dtypes:
        assert (finding.tensor, more) == ("astype", [])
        assert finding.note.endswith(f"made by astype at {line(in_float64, 1)}, in Gate.forward")
    else:
        assert finding.note.endswith(f"(at {line(in_float64, 1)})")


def test_a_scalar_of_numpy_makes_float64_on_numpy():
    """NEP 50: np.float64 times a float32 array is float64; PyTorch takes it for a Python number."""
    scaled = lambda x: np.float64(2) * x  # noqa: E731
    findings, _ = audited(portanet.backends.get("numpy"), f=scaled)
    leak = next(finding for finding in findings if finding.tensor == "step 0: forward of layers.0")
    assert f"made by multiply at {line(scaled)}" in leak.note


def test_what_is_copied_on_purpose_is_in_the_ledger_and_no_fault(backend):
    def copied(x):
        backend_of(x).to_numpy(x)
        return x

    (finding,), audit = audited(backend, f=copied)
    assert finding.passed
    (row,) = audit.transfers
    assert (row.direction, row.what, row.times) == ("to host", "backend.to_numpy", audit.n_steps)
    assert row.method == "Gate.forward"


def test_what_is_sent_and_what_waits_is_in_the_ledger():
    def sends(x):
        xp = array_namespace(x)
        mask = x > 0
        return x * xp.asarray(np.ones(3, np.float32)) + 0 * xp.sum(x[mask])

    (finding,), audit = audited(portanet.backends.get("numpy"), f=sends)
    assert finding.passed
    rows = {(row.direction, row.what) for row in audit.transfers}
    waits = ("waits", "x[…], whose shape depends on numbers")
    assert rows == {("to device", "xp.asarray"), waits}


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # PyTorch's own
def test_numpy_functions_of_other_arrays_are_a_hidden_copy():
    torch = pytest.importorskip("torch")
    assert isinstance(np.tanh(torch.ones(2)), torch.Tensor)  # in silence
    (finding,), _ = audited(portanet.backends.get("torch"), f=lambda x: np.tanh(x))
    assert finding.tensor == "numpy.tanh(x)"


def test_every_tensor_of_a_step_has_its_dtype_and_device(backend):
    case = next(case for case in NETWORKS if case.chance)  # with dropout, in groups, accumulating
    if backend.name == "jax":
        case = NETWORKS[0]  # XLA compiles each operation
    *findings, audit = check_audit(case, 0, {backend.name: backend}, ["float32"])
    assert [finding.passed for finding in findings] == [True]
    kinds = {name.split()[2] for name in audit.tensors if name.startswith("step ")}
    assert kinds >= {"forward", "loss", "gradient", "slot", "value"}
    floats = {where for name, where in audit.tensors.items() if "gradient" in name}
    (where,) = floats
    dtype, _, device = where.partition(" on ")
    assert dtype == "float32"
    assert device in str(backend.device)
    drawn = {row.what for row in audit.transfers}
    assert drawn == ({"from_host"} if case.chance else set())


@pytest.mark.parametrize("way", ["numpy.asarray(x)", "x.tolist()", "x as an index"])
def test_ways_of_numpy_alone(way):
    functions = {
        "numpy.asarray(x)": lambda x: np.asarray(x) * np.float32(1),
        "x.tolist()": lambda x: x + 0 * len(x.tolist()),
        "x as an index": lambda x: x + 0 * operator.index(array_namespace(x).argmax(x)),
    }
    findings, _ = audited(portanet.backends.get("numpy"), f=functions[way])
    assert [finding.tensor for finding in findings] == [way]


def test_writing_in_place_goes_on_as_it_would_without_audit():
    def writes(x):
        x = x + 0
        x[0, 0] = 3.0
        x += 1
        assert x.array[0, 0] == 4.0 if hasattr(x, "array") else x[0, 0] == 4.0
        assert x.nbytes == x.size * 4
        return x

    (finding,), _ = audited(portanet.backends.get("numpy"), f=writes)
    assert finding.passed, finding.note


OWN = """
import numpy as np
import portanet

class Shy(portanet.Layer):
    def forward(self, x, *, training=False):
        if training:
            self._saved = {saved}
        return {forward}

    def backward(self, grad):
        return grad * (self._take_saved() >= 0)

def make():
    return Shy(), np.linspace(-1, 1, 12).reshape(4, 3)
"""


def own(tmp_path, forward, saved="x"):
    path = tmp_path / "shy.py"
    path.write_text(OWN.replace("{forward}", forward).replace("{saved}", saved))
    return f"{path}:make"


def test_the_report_has_the_audit_in_table_json_and_page(tmp_path):
    forward = "x * (x >= 0) if x[0, 0] < 5 else x"
    report = run(["numpy"], model=own(tmp_path, forward), quick=True)
    (failure,) = report.failures
    assert failure.note == "bool(x) fetched from the device at shy.py:9, in Shy.forward"
    assert "fetched: bool(x) at shy.py:9, in Shy.forward (1 times; numpy)" in ledger(report.audits)
    assert Report.from_json(report.to_json()) == report
    page = html(report)
    assert "<td>✗ fetched in silence</td><td>bool(x)</td><td>shy.py:9</td>" in page


def test_code_that_asks_for_its_own_arrays_is_not_proved():
    """A wrapper is no ndarray; the step is right without the audit, so this is no fault."""
    numpy = portanet.backends.get("numpy")
    case = NetworkCase("gate", lambda: Sequential([Gate(only_ndarrays), Linear(3, 1)], MSE()),
                       portanet.Adam, lambda rng: (np.ones((4, 3)), np.ones((4, 1))))  # fmt: skip
    skipped, *_ = check_audit(case, 0, {"numpy": numpy}, ["float32"])
    assert isinstance(skipped, Skipped)
    assert "in wrapped arrays: TypeError: wanted an ndarray" in skipped.why


def only_ndarrays(x):
    if not isinstance(x, np.ndarray):
        raise TypeError("wanted an ndarray")
    return x


def test_an_error_of_ones_own_layer_is_a_finding_with_its_line(tmp_path):
    report = run(["numpy"], model=own(tmp_path, "x.nonsense"), quick=True)
    assert report.exit_status == 1
    assert all("nonsense" in failure.note for failure in report.failures)
    assert all("(at shy.py:9)" in failure.note for failure in report.failures)
