"""Long sums to one number: by many blocks, in two launches, the same bits each time."""

import numpy as np
import pytest
from cuda_kernels import fused, traced

from portanet import backends
from portanet.compiler.engines.cuda.emit_long import LONG, emit_all, parts_of
from portanet.compiler.fusion.grouping import stored_values


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def moments(xp, x, limit):
    """A clipped mean of squares, what is far from the mean, and how far that is at most."""
    total = xp.sum(xp.square(x))
    scale = xp.minimum(limit / xp.sqrt(total), 1.0)
    far = xp.abs(x - xp.mean(x))
    return total, x * scale, far, xp.max(far), xp.any(x > 3), xp.sum(x * scale)


@pytest.mark.parametrize("n", [LONG - 1, LONG, LONG + 1, 3 * LONG + 17, 5_000_000])
def test_long_sums_are_made_by_many_blocks(n, backend):
    """Sums of n squares in some thousand parts: n / parts + parts roundings, in ulps of the sum."""
    x = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    results, _ = fused(lambda xp, a: moments(xp, a, 2.0), [x], backend)
    wanted = moments(backends.get("numpy").xp, x.astype(np.float64), 2.0)
    for result, oracle in zip(results[:5], wanted[:5], strict=True):
        assert np.allclose(result, oracle, rtol=64 * 2.0**-24, atol=16 * 2.0**-24)
    assert abs(results[5] - wanted[5]) <= 64 * 2.0**-24 * np.sum(np.abs(wanted[1]))
    again, _ = fused(lambda xp, a: moments(xp, a, 2.0), [x], backend)
    assert all(np.array_equal(one, two) for one, two in zip(results, again, strict=True))


def test_a_long_sum_is_two_launches_and_what_waits_for_it_another():
    x = np.ones(LONG, np.float32)
    graph, (group,) = traced(lambda xp, a: a / xp.sum(a), [x], backends.get("numpy"))
    parts = parts_of(group)
    stored = stored_values(graph, parts)
    kernels = [emit_all("k", part.nodes, stored[id(part)], part.space) for part in parts]
    assert [len(of_part) for of_part in kernels] == [2, 1]
    assert kernels[0][0].blocks == LONG // 4096
    assert kernels[1][0].blocks == LONG // 256
