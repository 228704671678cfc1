"""RunningSum: long sums are exact to rounding, with float64 or without."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portanet import backends
from portanet.running_sum import RunningSum, widest_float

F4 = np.float32


def added(backend, numbers):
    total = RunningSum(backend)
    for number in numbers:
        total.add(backend.asarray(F4(number), "float32"))
    return float(backend.to_numpy(total.value))


def test_long_sums_do_not_drift(backend):
    """5000 times 0.1: one after the other in float32 they are 4e-5 too large."""
    wanted = 5_000 * float(F4(0.1))
    assert added(backend, [0.1] * 5_000) == pytest.approx(wanted, rel=2**-23)
    drifted = F4(0)
    for _ in range(5_000):
        drifted = drifted + F4(0.1)
    assert abs(float(drifted) / wanted - 1) > 1e-5


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_sums_without_float64_are_those_of_exact_arithmetic(numbers):
    """Two-sum: the error is eps |sum|, and n eps² times the sum of the sizes."""
    exact = float(sum(map(Fraction, numbers)))
    size, eps = sum(map(abs, numbers)), 2.0**-23
    got = added(backends.get("strict", "no_float64"), numbers)
    assert abs(got - exact) <= eps * abs(exact) + len(numbers) * eps**2 * size


def test_a_sum_goes_on_from_its_parts_with_the_same_bits(backend):
    numbers = np.random.default_rng(0).uniform(0.1, 1, 300).astype(F4)
    whole, first, second = (RunningSum(backend) for _ in range(3))
    for total, some in ((whole, numbers), (first, numbers[:200])):
        for number in some:
            total.add(backend.asarray(number, "float32"))
    second.start(*map(float, first.parts))
    for number in numbers[200:]:
        second.add(backend.asarray(number, "float32"))
    assert [*map(float, second.parts)] == [*map(float, whole.parts)]


def test_the_dtype_is_the_widest(backend):
    total = RunningSum(backend)
    total.add(backend.asarray(F4(1), "float32"))
    assert total.value.dtype == backend.dtype(widest_float(backend))
    assert widest_float(backend) == ("float64" if "float64" in backend.dtypes else "float32")


def test_sums_of_python_numbers_are_python_numbers():
    total = RunningSum(backends.get("numpy"))
    total.add(3)
    total.add(4)
    assert total.value == 7
    assert isinstance(total.value, int)
