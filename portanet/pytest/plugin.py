"""The hooks of the plugin: options, the fixtures `backend` and `assert_backends_agree`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from portanet import backends
from portanet.backends import Backend
from portanet.errors import ArgumentError, MissingBackendError
from portanet.pytest.ledger import LEFT_OUT, MEASURED, PROVED, REASONS
from portanet.verify.report.places import at_work, place_of

NO_FLOAT64 = "strict:no_float64"  # a fake device: a cast to float64 there is an error


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --backends and --require-backend."""
    group = parser.getgroup("portanet", "tests on array-API backends (portanet.pytest)")
    group.addoption(
        "--backends", metavar="NAMES", help="test on these only, separated by commas; a device "
        "follows a colon: numpy,cupy:1 (default: all that run here)",
    )  # fmt: skip
    group.addoption("--require-backend", action="append", default=[], metavar="NAME",
                    help="stop if this backend does not run here; may be repeated")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Find out what runs here. Raises UsageError for an unknown name or a required one."""
    required: list[str] = config.getoption("--require-backend") or []
    names = _asked(config)
    everything = dict.fromkeys([*backends.names(), NO_FLOAT64, *(names or ()), *required])
    reasons = {name: _why_not(name) for name in everything}
    for name in required:
        reason = reasons[name]
        if reason is not None or (names is not None and name not in names):
            why = reason or "left out by --backends"
            raise pytest.UsageError(f"--require-backend {name}: {why}")
    if names is not None:
        left_out = reasons.keys() - set(names)
        reasons |= dict.fromkeys(left_out, "left out by --backends")
    config.stash[REASONS] = reasons
    config.pluginmanager.register(fixtures(list(reasons)), "portanet.pytest.fixtures")


def _asked(config: pytest.Config) -> list[str] | None:
    names = config.getoption("--backends")
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _why_not(name: str) -> str | None:
    """Return why a backend does not run here, None if it does."""
    try:
        place_of(name)
    except MissingBackendError as error:
        return str(error)
    except ArgumentError as error:
        raise pytest.UsageError(str(error)) from error
    return None


def running(config: pytest.Config) -> list[str]:
    """Return the names of the backends of this run."""
    return [name for name, reason in config.stash[REASONS].items() if reason is None]


def fixtures(names: Sequence[str]) -> object:
    """Return the fixture `backend` over these names, for pytest to register.

    A project's own fixture of that name, or a test's own rows, take its place as usual.
    """

    class Fixtures:
        @pytest.fixture(params=names)
        def backend(self, request: pytest.FixtureRequest) -> Iterator[Backend]:
            """Each backend in turn: `.xp` is its namespace, `.asarray(x)` an array on it."""
            request.node.user_properties.append((PROVED, request.param))
            place = place_of(request.param)
            with at_work(place):  # of CuPy's devices one is current
                yield place

    return Fixtures()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of backends that do not run here; the ledger has their number and why."""
    reasons = config.stash[REASONS]
    left_out = [item for item in items if reasons.get(backend_name(item) or "") is not None]
    config.stash[LEFT_OUT] = Counter(str(backend_name(item)) for item in left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in gone]


def backend_name(item: pytest.Item) -> str | None:
    """Return the name of the backend that a test is on, None if it asks for none."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("backend") if callspec is not None else None
    return name if isinstance(name, str) and name in item.config.stash[REASONS] else None


@pytest.fixture(name="assert_backends_agree")
def agreement_fixture(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`assert_backends_agree` on the test's backend, or on all of this run; noted in the ledger."""
    from portanet.pytest.agreement import assert_backends_agree

    one = backend_name(request.node)

    def check(function: Callable[..., Any], *arrays: Any, times: float | None = None) -> Any:
        __tracebackhide__ = True
        names: Sequence[str] = [one] if one is not None else running(request.config)
        if one is None:
            request.node.user_properties.extend((PROVED, name) for name in names)
        more = {} if times is None else {"times": times}
        rows = assert_backends_agree(function, *arrays, backends=names, **more)
        for row in rows:
            values = (row.backend, row.dtype, row.function, row.ulps, row.allowed)
            request.node.user_properties.append((MEASURED, values))
        return rows

    return check
