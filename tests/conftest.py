"""The `backend` fixture, and the ledger of what was proved on which backend.

pytest --backends numpy,cupy        only these
pytest --require-backend cupy       a missing one is a failure (may be given several times)
"""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # before JAX is imported: float64 is tested, too
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy: scikit-learn's dispatch needs it

from collections import Counter

import pytest
from hypothesis import settings

import portanet
from portanet import backends
from portanet.backends import _nvrtc
from portanet.errors import MissingBackendError

# What a test may run on: name -> (backend, device). The fake device without float64 shows a cast
# to float64 that every other library would make in silence.
PLACES = {
    "numpy": ("numpy", None),
    "cupy": ("cupy", None),
    "torch": ("torch", None),
    "jax": ("jax", None),
    "strict": ("strict", None),
    "strict-no-float64": ("strict", "no_float64"),
}
NEEDS = (*PLACES, "nvrtc")  # tests with the argument `nvrtc` need NVIDIA's compiler, and no GPU

# no time limits in tests: a loaded machine is not a wrong result
settings.register_profile("portanet", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("portanet")


def pytest_addoption(parser):
    parser.addoption("--backends", default=",".join(NEEDS), help="test on these only")
    parser.addoption("--require-backend", action="append", default=[], metavar="NAME",
                     help="fail if this backend does not run here")  # fmt: skip


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "some_on_jax(name, every=4): on JAX each such value of `name`"
    )
    for name in config.getoption("--require-backend"):
        if name not in NEEDS:
            raise pytest.UsageError(f"--require-backend: {name} is not one of {', '.join(NEEDS)}")
        try:
            prove(name)
        except MissingBackendError as error:
            raise pytest.UsageError(f"--require-backend {name}: {error}") from error


def prove(need):
    """Raise MissingBackendError unless a backend, or NVIDIA's compiler, runs here."""
    _nvrtc.version() if need == "nvrtc" else backends.get(*PLACES[need])


def why_not(config, need):
    """Return why what tests need is not there in this run, None if it is."""
    if need not in config.getoption("--backends").split(","):
        return "left out by --backends"
    try:
        prove(need)
    except MissingBackendError as error:
        return str(error)
    return None


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only_on")
        metafunc.parametrize("backend", only.args if only else PLACES, indirect=True)


def pytest_collection_modifyitems(config, items):
    """Leave out what cannot run; the ledger says so, in numbers and with the reason."""
    reasons = {need: why_not(config, need) for need in NEEDS}
    left_out = [i for i in items if reasons.get(need_of(i)) is not None]
    config.stash[LEFT_OUT] = Counter(need_of(item) for item in left_out)
    left_out += (more := [item for item in items if need_of(item) == "jax" and is_spared(item)])
    config.stash[SPARED] = 0 if reasons["jax"] else len(more)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in gone]


def need_of(item):
    if "nvrtc" in getattr(item, "fixturenames", ()):
        return "nvrtc"
    return item.callspec.params.get("backend") if hasattr(item, "callspec") else None


def is_spared(item):
    """Return whether a test with the marker `some_on_jax` leaves this row of its table to others.

    XLA compiles each operation anew for each shape, 50 ms each; what such tests ask about is the
    layers' own code, which is the same on every backend. Every fourth row runs, or one of `every`.
    """
    marker = item.get_closest_marker("some_on_jax")
    if marker is None:
        return False
    return item.callspec.indices[marker.args[0]] % marker.kwargs.get("every", 4) > 0


LEFT_OUT = pytest.StashKey[Counter]()
SPARED = pytest.StashKey[int]()


@pytest.fixture
def backend(request):
    """Each backend in turn."""
    request.node.user_properties.append(("backend", request.param))
    return backends.get(*PLACES[request.param])


@pytest.fixture
def nvrtc(request):
    """NVIDIA's compiler."""
    request.node.user_properties.append(("backend", "nvrtc"))
    return _nvrtc


@pytest.fixture
def dtypes(backend):
    """The floating-point dtypes that the backend has, by name."""
    return [name for name in ("float32", "float64") if name in backend.dtypes]


@pytest.fixture(autouse=True)
def _seed():
    portanet.seed(0)


def pytest_terminal_summary(terminalreporter, config):
    """Print the ledger: figures that tests measured; what was proved, what not and why."""
    passed = terminalreporter.stats.get("passed", [])
    figures = [value for r in passed for key, value in r.user_properties if key == "figure"]
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write("".join(f"{figure}\n" for figure in figures))
    counts = {need: Counter() for need in NEEDS}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in getattr(report, "user_properties", []):
                if (
                    key == "backend"
                    and value in counts
                    and (report.when == "call" or outcome != "passed")
                ):
                    counts[value][outcome] += 1
    terminalreporter.section("backends")
    for need, count in counts.items():
        reason = why_not(config, need)
        if reason is None:
            state = ", ".join(f"{n} {outcome}" for outcome, n in sorted(count.items()))
            if need == "jax" and (spared := config.stash.get(SPARED, 0)):
                state += f"; {spared} left out, of tables of which JAX gets some rows"
            terminalreporter.line(f"{need:18} {state or 'no test asked for it'}")
        else:
            terminalreporter.line(f"{need:18} NOT PROVED: {reason}")
