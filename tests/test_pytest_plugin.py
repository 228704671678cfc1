"""The plugin `portanet.pytest`, in projects of its own that pytest makes and runs."""

import os
import subprocess
import sys

import numpy as np
import pytest

import portanet
from portanet.errors import ArgumentError
from portanet.pytest import assert_backends_agree

pytest_plugins = ["pytester"]

PROJECT = """
    import numpy as np
    import pytest

    def softplus(x):
        xp = x.__array_namespace__()
        return xp.log(1 + xp.exp(x))

    def leaves_the_dtype(x):
        return np.asarray(x, dtype=np.float64) + 1

    def test_backend(backend):
        x = backend.asarray(np.ones(3), "float32")
        assert backend.to_numpy(x + x).sum() == 6.0

    def test_agreement(assert_backends_agree):
        assert_backends_agree(softplus, np.linspace(-3, 3, 20))

    def test_disagreement(assert_backends_agree):
        assert_backends_agree(leaves_the_dtype, np.linspace(-3, 3, 20))

    def test_alone():
        pass
"""


@pytest.fixture
def project(pytester):
    """In a process of its own: a second import of PyTorch ends a process."""
    pytester.makepyfile(PROJECT)
    return lambda *options: pytester.runpytest_subprocess(
        "-p", "portanet.pytest", "-p", "no:cacheprovider", *options
    )


def test_tests_run_on_each_backend_and_the_ledger_says_what_did_not(project):
    result = project("--backends", "numpy,strict")
    result.assert_outcomes(passed=4, failed=1, deselected=4)
    result.stdout.fnmatch_lines([
        "*leaves_the_dtype: backends do not agree",
        "*result on numpy in float32: is float64, not float32",
        "*= backends =*",
        "numpy *1 failed, 2 passed; softplus in float*ulps",
        "cupy *NOT PROVED (1 tests left out): left out by --backends",
        "strict *1 failed, 2 passed; softplus in float*ulps",
    ])  # fmt: skip


def test_a_missing_backend_is_an_error_where_it_is_required(project):
    result = project("--require-backend", "numpy", "--backends", "strict")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--require-backend numpy: left out by --backends"])
    result = project("--backends", "nunpy")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no backend called 'nunpy'*"])


def test_a_device_may_be_named(project):
    result = project("--backends", "strict:no_float64", "-k", "test_backend or test_agreement")
    result.assert_outcomes(passed=2, deselected=7)


def test_a_projects_own_fixture_of_the_name_wins(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.fixture(params=["mine"])
        def backend(request):
            return request.param

        def test_own(backend):
            assert backend == "mine"

        @pytest.mark.parametrize("backend", ["a", "b"])
        def test_rows(backend):
            assert backend in "ab"
    """)
    result = pytester.runpytest_subprocess("-p", "portanet.pytest", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*= backends =*")


def test_nothing_is_loaded_unasked():
    """Other projects' runs neither load portanet nor get an option of its own."""
    code = "import sys, pytest; pytest.main(['--version']); sys.exit('portanet' in sys.modules)"
    env = {**os.environ, "PYTEST_PLUGINS": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, capture_output=True)


def test_results_of_any_structure_are_compared(backend):
    def parts(x, i):
        xp = portanet.array_namespace(x)
        return {"both": (x * x, i + 1), "size": 3, "all": xp.sum(x)}

    rows = assert_backends_agree(
        parts, np.asarray([0.1, 0.2, 0.7]), np.arange(3), backends=[backend]
    )
    names = {"result['both'][0]", "result['both'][1]", "result['size']", "result['all']"}
    assert {row.result for row in rows} == names
    exact = [row for row in rows if row.result in ("result['both'][1]", "result['size']")]
    assert all(row.allowed == 0.0 == row.ulps for row in exact)


@pytest.mark.parametrize(("off", "agrees"), [(2.0, True), (5.0, False)])
def test_errors_are_held_to_a_multiple_of_numpys_own(off, agrees):
    """NumPy's own rounding of x / 3 is at most half an ulp, so 4 ulps are allowed."""

    def third(x):
        return x / 3 + (0 if isinstance(x, np.ndarray) else off * 2.0**-23 / 3)

    x = np.asarray([1.0, 1.1, 1.2, 1.3])
    if agrees:
        rows = assert_backends_agree(third, x, backends=["strict:no_float64"])
        assert rows[0].allowed == 4.0
        assert off - 1 < rows[0].ulps < off + 1
    else:
        with pytest.raises(AssertionError, match=r"no_float64 in float32: .* expected 0\.3333"):
            assert_backends_agree(third, x, backends=["strict:no_float64"])


def test_what_only_selects_must_be_exact():
    def first(x):
        return x[:1] * (1 if isinstance(x, np.ndarray) else 1 + 2.0**-22)

    with pytest.raises(AssertionError, match="ulps where 0 are allowed"):
        assert_backends_agree(first, np.asarray([0.3, 0.7]), backends=["strict"])


def test_an_error_on_one_backend_names_it():
    def only_numpy(x):
        if not isinstance(x, np.ndarray):
            raise TypeError("no such function")
        return x

    with pytest.raises(AssertionError, match="result on strict in float32: TypeError: no such"):
        assert_backends_agree(only_numpy, np.ones(2), backends=["numpy", "strict"])
    with pytest.raises(ArgumentError, match="at least one"):
        assert_backends_agree(only_numpy, np.ones(2), backends=[])


def test_a_float64_result_of_numpy_is_no_yardstick_of_float32():
    """NumPy's own error is then that of rounding to float32, and not 0."""

    def widened(x):
        return np.asarray(x, np.float64) / 3 if isinstance(x, np.ndarray) else x / 3

    rows = assert_backends_agree(widened, np.asarray([1.0, 1.1]), backends=["strict"])
    assert {row.allowed for row in rows} == {4.0}


def test_without_floats_there_is_no_dtype_to_keep():
    def quarters(i):
        xp = i.__array_namespace__()
        return xp.astype(i, xp.float32) / 4

    rows = assert_backends_agree(quarters, np.arange(3), backends=["strict"])
    assert all(row.passed for row in rows)
