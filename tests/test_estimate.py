"""Estimates for a GPU: the formula on values that can be worked out by hand, and what feeds it."""

from dataclasses import replace

import numpy as np
import pytest
from cuda_kernels import traced

import portanet
from portanet import BCEWithLogits, Conv2d, CrossEntropy, Flatten, Linear, ReLU, Sequential
from portanet.backends import get
from portanet.backends._llvm import machine
from portanet.compiler.engines.base import Launch
from portanet.compiler.engines.cuda.emit_long import emit_all
from portanet.compiler.engines.cuda.threads import BATCH
from portanet.compiler.fusion.grouping import stored_values
from portanet.compiler.profiling.estimate import microseconds
from portanet.compiler.profiling.gpus import GPUS, Gpu, gpu_of_device
from portanet.compiler.profiling.rows import Row
from portanet.errors import ArgumentError


def pytest_generate_tests(metafunc):
    """On CuPy only: its plans alone know their kernels."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


GAP = 1.3
# 1 byte takes 1 ps, 1 FLOP 0.1 ps (float64: 1 ps) on all ten multiprocessors, memory answers in 1 µs
ROUND = Gpu("round", 1.0, 10.0, 1.0, 10, 0.6, 1024, 8)
LINE = Row("", ("add",), (), dtype="float32")


def taken(gpu=ROUND, **changed):
    return microseconds(replace(LINE, **changed), gpu)


def test_an_empty_kernel_waits_for_memory_once():
    assert taken() == pytest.approx(GAP + 1)


def test_bytes_take_what_the_bandwidth_says():
    assert taken(read=30_000_000, written=20_000_000) == pytest.approx(GAP + 50)


def test_a_large_product_takes_what_the_peak_says():
    product = {"operations": ("matmul",), "shape": (640, 640), "flops": 500_000_000}
    assert taken(**product) == pytest.approx(GAP + 50)
    assert taken(**product, dtype="float64") == pytest.approx(GAP + 500)


@pytest.mark.parametrize(
    ("shape", "terms", "blocks"),
    [
        ((64, 64), 256, 1), ((65, 64), 256, 2), ((64, 65), 256, 2), ((3, 64, 128), 256, 6),
        ((64, 64), 257, 2), ((64, 64), 1024, 4), ((640,), 256, 10),
    ],
)  # fmt: skip
def test_a_small_product_uses_the_multiprocessors_that_have_a_block(shape, terms, blocks):
    """Each of the ten does 10⁶ FLOP in a µs."""
    flops = 2 * int(np.prod(shape)) * terms
    product = {"operations": ("matmul",), "shape": shape, "flops": flops}
    assert taken(**product) == pytest.approx(GAP + max(flops / (1e6 * blocks), 1))


def test_threads_wait_one_time_after_another():
    assert taken(launches=(Launch(1, 1024, 64),)) == pytest.approx(GAP + 64)


def test_what_takes_longest_counts_and_not_the_sum():
    launches = (Launch(10, 256, 40),)
    assert taken(launches=launches, read=50_000_000) == pytest.approx(GAP + 50)
    assert taken(launches=launches, read=30_000_000) == pytest.approx(GAP + 40)


def test_each_kernel_costs_a_gap_and_waits_itself():
    assert taken(launches=(Launch(4, 256, 16), Launch(1, 256, 2))) == pytest.approx(2 * GAP + 18)


@pytest.mark.parametrize(
    ("blocks", "threads", "waves"),
    [(40, 256, 1), (41, 256, 2), (10, 1024, 1), (11, 1024, 2), (80, 32, 1), (81, 32, 2)],
)
def test_blocks_that_find_no_place_come_in_a_second_wave(blocks, threads, waves):
    """A multiprocessor holds 1024 threads, and 8 blocks."""
    assert taken(launches=(Launch(blocks, threads),)) == pytest.approx(GAP + waves)


@pytest.mark.parametrize("gpu", GPUS.values(), ids=list(GPUS))
def test_the_figures_of_a_data_sheet_belong_together(gpu):
    """Peak = 2 operations x 64 or 128 units of a multiprocessor x multiprocessors x clock."""
    units = gpu.float32 * 1e3 / (2 * gpu.multiprocessors * gpu.clock)
    assert min(abs(units / 64 - 1), abs(units / 128 - 1)) < 0.01
    assert (
        0.95 < gpu.float32 / gpu.float64 / (2 ** round(np.log2(gpu.float32 / gpu.float64))) < 1.05
    )


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("Tesla T4", "T4"),
        ("NVIDIA L40S", None),  # not an L4
        ("NVIDIA T400", None),
    ],
)
def test_a_device_is_found_by_the_name_that_its_driver_reports(device, name):
    found = gpu_of_device(device)
    assert (found and found.name) == name


# what feeds the formula


def kernels_of(function, shape):
    """Return the kernels of a function of one array, and the array's size."""
    graph, units = traced(function, [np.zeros(shape, np.float32)], get("numpy"))
    stored = stored_values(graph, units)
    kernels = [
        kernel
        for i, unit in enumerate(units)
        for kernel in emit_all(f"k{i}", unit.nodes, stored[id(unit)], unit.space)
    ]
    return kernels, int(np.prod(shape))


SUMS = {
    "rows": (lambda xp, x: xp.sum(x, axis=1), (4, 1000)),
    "columns": (lambda xp, x: xp.sum(x, axis=0), (1000, 40)),
    "all": (lambda xp, x: xp.sum(x), (2**18,)),
    "none": (lambda xp, x: x + 1, (1000,)),
}


@pytest.mark.parametrize("name", SUMS)
def test_threads_wait_as_often_as_it_takes_for_all_elements(name):
    kernels, size = kernels_of(*SUMS[name])
    first = kernels[0]
    at_a_time = first.blocks * first.threads * BATCH
    assert (first.waits - 1) * at_a_time < size <= first.waits * at_a_time


def test_softmax_goes_through_its_rows_three_times():
    def softmax(xp, x):
        e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
        return e / xp.sum(e, axis=1, keepdims=True)

    (three,), _ = kernels_of(softmax, (4, 1000))
    (once,), _ = kernels_of(lambda xp, x: xp.max(x, axis=1), (4, 1000))
    assert three.waits == 3 * once.waits


def test_convolutions_have_the_operations_of_their_products():
    """y (4, 2, 6, 6) of 1 x 3 x 3 weights: forward and dL/dw; nobody wants dL/dx."""
    portanet.seed(0)
    model = Sequential([Conv2d(1, 2, 3), ReLU(), Flatten(), Linear(72, 3)], CrossEntropy())
    x, y = np.ones((4, 1, 8, 8), np.float32), np.asarray([0, 1, 2, 0])
    found = portanet.profile(model, x, y, repeats=1, fast=False)
    flops = {op: row.flops for row in found.rows for op in row.operations if "conv2d" in op}
    one = 2 * (4 * 2 * 6 * 6) * (1 * 3 * 3)
    assert flops == {"kernel:conv2d": one, "kernel:conv2d_backward_w": one}


# in a profile


def small():
    portanet.seed(0)
    model = Sequential([Linear(30, 20), ReLU(), Linear(20, 1)], BCEWithLogits())
    x = np.random.default_rng(0).standard_normal((64, 30)).astype(np.float32)
    return model, x, (x[:, :1] > 0).astype(np.float32)


def test_a_profile_has_estimates_where_a_gpu_is_named():
    found = portanet.profile(*small(), repeats=1, fast=False, estimate_for="H200")
    assert all(row.estimate == microseconds(row, GPUS["H200"]) for row in found.rows)
    assert found.estimate == pytest.approx(sum(row.estimate for row in found.rows))
    head, lines, _ = str(found).split("\n\n")
    assert f"ESTIMATED, not measured: ≈ {found.estimate:.1f} µs on an NVIDIA H200" in head
    assert lines.splitlines()[0].endswith("≈ µs, H200")
    assert lines.splitlines()[1].split()[-1] == f"{found.rows[0].estimate:.1f}"


def test_a_profile_without_a_gpu_has_no_estimate():
    found = portanet.profile(*small(), repeats=1, fast=False)
    assert found.estimate is None
    assert {row.estimate for row in found.rows} == {None}
    assert "≈" not in str(found)


@pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed")
def test_a_compiled_call_is_estimated_as_its_parts():
    found = portanet.profile(*small(), repeats=1, fast=True, estimate_for="T4")
    inside = {row.inside for row in found.rows} - {""}
    calls = [row for row in found.rows if row.line in inside]
    assert calls
    for call in calls:
        parts = [part.estimate for part in found.rows if part.inside == call.line]
        assert call.estimate == pytest.approx(sum(parts))


def test_kernels_of_a_plan_on_a_device_are_known(backend):
    model, x, y = small()
    model = model.to("cupy")
    found = portanet.profile(
        model, backend.asarray(x), backend.asarray(y), repeats=1, estimate_for="H200"
    )
    assert all(bool(row.launches) == (row.operations != ("matmul",)) for row in found.rows)


def test_a_gpu_that_is_not_in_the_table_is_refused():
    with pytest.raises(ArgumentError, match=r"estimate_for must be one of 'H200', .*, is 'H2000'"):
        portanet.profile(*small(), estimate_for="H2000")
