"""The `backend` fixture, and the ledger of what was proved on which backend.

pytest --backends numpy,cupy        only these
pytest --require-backend cupy       a missing one is a failure (may be given several times)
"""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # before JAX is imported: float64 is tested, too
os.environ.setdefault("MPLBACKEND", "Agg")

from collections import Counter

import pytest
from hypothesis import settings

import portanet
from portanet import backends
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

# no time limits in tests: a loaded machine is not a wrong result
settings.register_profile("portanet", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("portanet")


def pytest_addoption(parser):
    parser.addoption("--backends", default=",".join(PLACES), help="test on these only")
    parser.addoption("--require-backend", action="append", default=[], metavar="NAME",
                     help="fail if this backend does not run here")  # fmt: skip


def pytest_configure(config):
    for name in config.getoption("--require-backend"):
        if name not in PLACES:
            raise pytest.UsageError(f"--require-backend: {name} is not one of {', '.join(PLACES)}")
        try:
            backends.get(*PLACES[name])
        except MissingBackendError as error:
            raise pytest.UsageError(f"--require-backend {name}: {error}") from error


def why_not(config, place):
    """Return why a place is not tested on in this run, None if it is."""
    if place not in config.getoption("--backends").split(","):
        return "left out by --backends"
    try:
        backends.get(*PLACES[place])
    except MissingBackendError as error:
        return str(error)
    return None


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", PLACES, indirect=True)


def pytest_collection_modifyitems(config, items):
    """Leave out what cannot run; the ledger says so, in numbers and with the reason."""
    reasons = {place: why_not(config, place) for place in PLACES}
    left_out = [i for i in items if reasons.get(place_of(i)) is not None]
    config.stash[LEFT_OUT] = Counter(place_of(item) for item in left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if reasons.get(place_of(item)) is None]


def place_of(item):
    return item.callspec.params.get("backend") if hasattr(item, "callspec") else None


LEFT_OUT = pytest.StashKey[Counter]()


@pytest.fixture
def backend(request):
    """Each backend in turn."""
    request.node.user_properties.append(("backend", request.param))
    return backends.get(*PLACES[request.param])


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
    counts = {place: Counter() for place in PLACES}
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
    for place, count in counts.items():
        reason = why_not(config, place)
        if reason is None:
            state = ", ".join(f"{n} {outcome}" for outcome, n in sorted(count.items()))
            terminalreporter.line(f"{place:18} {state or 'no test asked for it'}")
        else:
            terminalreporter.line(f"{place:18} NOT PROVED: {reason}")
