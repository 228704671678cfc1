"""Every kernel of every backend gives what the plain definition gives."""

import subprocess
import sys

import numpy as np
import pytest
from agreement import EPS, assert_ulps
from special_numbers import SHARES, Sprinkled, oracle

import portanet
from portanet import backends, dispatch
from portanet.backends._lazy import LazyKernels
from portanet.backends._numpy import kernels_erf as _numpy_kernels_erf
from portanet.backends._numpy import make as _numpy
from portanet.verify.catalogue.kernels import ACCELERABLE, moved

ODD = 97


def accelerables():
    """The library's own, by name: a doctest's or a test's are not to be found in their modules."""
    return {
        name: function
        for name, function in dispatch.ACCELERABLE.items()
        if getattr(sys.modules.get(function.__module__), name, None) is function
    }


def test_every_accelerable_has_a_row_and_every_row_is_of_one():
    assert {case.name for case in ACCELERABLE} == set(accelerables())


def test_every_kernel_is_of_an_accelerable(backend):
    assert set(backend.kernels) <= set(accelerables())


@pytest.mark.parametrize("n", [0, 1, ODD])
def test_all_kernels_of_a_backend_agree_with_the_plain_definitions(n, backend, dtypes):
    for case in ACCELERABLE:
        if case.name in backend.kernels:
            for dtype in dtypes:
                compare(case, n, backend, dtype)


def compare(case, n, backend, dtype):
    function, args = accelerables()[case.name], case.args(np.random.default_rng(n), n)
    given, again = moved(args, backend, dtype), moved(args, backend, dtype)
    result, expected = backend.kernels[case.name](*given), function.plain(*again)
    assert portanet.backend_of(result) is backend
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape), case.name
    for before, after in zip(again, given, strict=True):
        if hasattr(before, "dtype") and portanet.backend_of(before) is backend:
            assert np.array_equal(backend.to_numpy(before), backend.to_numpy(after)), case.name
    agree = assert_each if case.each else assert_ulps
    agree(case.name, backend.to_numpy(result), backend.to_numpy(expected), dtype, case.ulps)


@pytest.mark.parametrize("share", SHARES)
def test_no_kernel_loses_a_nan(share, backend, dtypes):
    """A network that has diverged would go on with small gradients.

    There may be more of them: a kernel may multiply padding, which is 0, by a NaN.
    """
    for case in ACCELERABLE:
        function = accelerables()[case.name]
        for dtype in dtypes if case.name in backend.kernels else ():
            args = case.args(Sprinkled(share), ODD)
            with np.errstate(all="ignore"):
                result = backend.to_numpy(backend.kernels[case.name](*moved(args, backend, dtype)))
                expected = oracle(case.name, function)(*moved(args, backends.get("numpy"), dtype))
            assert not np.any(np.isnan(expected) & ~np.isnan(result)), case.name


def assert_each(what, result, expected, dtype, limit):
    """Assert that each number is within `limit` ulps of its own."""
    unit = np.maximum(np.abs(expected), np.finfo(dtype).smallest_normal) * EPS[dtype]
    error = np.max(np.abs(result.astype(np.float64) - expected) / unit, initial=0)
    assert error <= limit, f"{what}: {error:.1f} ulps of {dtype}, {limit} allowed"


def test_scipy_is_imported_for_erf_only():
    code = (
        "import sys, numpy as np, portanet; x = np.ones(2, np.float32); portanet.SiLU()(x); "
        "print('scipy' in sys.modules); portanet.GELU()(x); print('scipy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]


def test_without_scipy_the_plain_erf_serves(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    assert _numpy_kernels_erf.make_erf() is None
    kernels = LazyKernels({}, _numpy_kernels_erf.MAKERS)
    assert (kernels.get("erf", "plain"), list(kernels), len(kernels)) == ("plain", [], 0)
    with pytest.raises(KeyError):
        kernels["erf"]
    monkeypatch.setattr(backends.get("numpy"), "kernels", kernels)
    assert abs(float(portanet.GELU()(np.ones(1))[0]) - 0.8413447460685429) < 1e-15


def test_lazy_kernels_are_made_once():
    calls = []
    kernels = LazyKernels({"a": abs}, {"b": lambda: calls.append(1) or max})
    assert calls == []
    assert kernels.get("a") is abs
    assert calls == []
    assert kernels["b"] is kernels.get("b") is max
    assert calls == [1]
    assert sorted(kernels) == ["a", "b"]
    assert len(kernels) == 2


def test_numpy_has_the_kernels_that_its_files_list():
    assert {"erf"} <= set(_numpy.KERNELS)
