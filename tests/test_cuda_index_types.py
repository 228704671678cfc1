"""Indices of CUDA kernels: 64 bits wherever one may pass 2^31, whatever the size of the space."""

import numpy as np
import pytest
from cuda_kernels import fused, traced

from portanet import backends
from portanet.backends._cupy.gather import gather
from portanet.backends._cupy.memory import PrivateMemory
from portanet.compiler.engines.cuda.emit_long import emit_all
from portanet.compiler.fusion.grouping import stored_values

F4 = 4  # bytes
LONG = 2**16  # elements: more than one block adds up
MOST = 2**31 - 1024 - 1  # elements: threads of the last block go a block further


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def sources(function, shape, change):
    """The kernels of a function of two arrays, one of whose values has been given other strides."""
    x = np.ones(shape, np.float32)
    graph, (group,) = traced(function, [x, x], backends.get("numpy"))
    change(graph)
    kernels = emit_all("k", group.nodes, stored_values(graph, [group])[id(group)], group.space)
    return [kernel.source for kernel in kernels]


def declared(source):
    """The types of the indices k and j of a kernel."""
    types = {"int": set(), "long long": set()}
    for kind, names in types.items():
        names |= {name for name in "kj" if f"{kind} {name} = " in source}
    return types


def add(xp, a, b):
    return a + b


STRIDES = {  # of the second input, (3, 5); in items
    "it spans as much as 32 bits hold": ((MOST // 2 - 2, 1), "int"),
    "and three more": ((MOST // 2 - 1, 1), "long long"),
    "backwards": ((-(MOST // 2 - 1), 1), "long long"),
    "the last axis": ((1, 2**29), "long long"),
    "beyond what a literal holds": ((2**40, 1), "long long"),
    "both axes add up": ((2**29, 2**28), "long long"),
    "broadcast": ((0, 0), "int"),
}


@pytest.mark.parametrize("name", STRIDES)
def test_an_input_that_spans_much_memory_has_long_indices(name):
    (rows, columns), index = STRIDES[name]

    def change(graph):
        graph.inputs["x1"].strides = (rows * F4, columns * F4)

    (source,) = sources(add, (3, 5), change)
    assert declared(source)[index] == {"k"}


def test_an_output_that_spans_much_memory_has_long_indices():
    def change(graph):
        graph.results["r0"].strides = (2**30 * F4, F4)

    (source,) = sources(add, (3, 5), change)
    assert declared(source) == {"int": set(), "long long": {"k"}}


@pytest.mark.parametrize("axis", [0, 1])
def test_loops_of_reductions_have_long_indices(axis):
    def change(graph):
        graph.inputs["x0"].strides = (2**30 * F4, F4)

    (source,) = sources(lambda xp, a, b: xp.sum(a * b, axis=axis), (3, 5), change)
    assert declared(source) == {"int": set(), "long long": {"k", "j"}}


def test_reductions_by_many_blocks_have_long_indices():
    def change(graph):
        graph.inputs["x0"].strides = ((2**15 + 1) * F4,)

    first, _ = sources(lambda xp, a, b: xp.sum(a * b), (LONG,), change)
    assert "j" in declared(first)["long long"]
    first, _ = sources(lambda xp, a, b: xp.sum(a * b), (LONG,), lambda graph: None)
    assert "j" in declared(first)["int"]


VIEWS = {  # of three rows of 2^30 bytes
    "the last columns": lambda x: x[:, -5:],
    "rows backwards": lambda x: x[::-1, -5:],
    "columns as rows": lambda x: x[:, -5:].T,
}


@pytest.mark.parametrize("name", VIEWS)
def test_elements_beyond_2_31_are_read(name, backend):
    """The third row starts at 2^31."""
    cp, view = backend._cp, VIEWS[name]
    wide = PrivateMemory().empty((3, 2**30), "uint8")
    numbers = np.arange(15, dtype=np.uint8).reshape(3, 5)
    for row, values in zip(wide, cp.asarray(numbers), strict=True):
        row[-5:] = values

    def function(xp, x):
        return view(x) + 1, xp.max(view(x), axis=0), xp.max(view(x), axis=1)

    results, _ = fused(function, [wide], backend)
    for result, oracle in zip(results, function(np, numbers), strict=True):
        assert np.array_equal(result, oracle)


def test_batches_beyond_2_31_are_gathered(backend):
    cp = backend._cp
    wide, out = (PrivateMemory().empty(shape, "uint8") for shape in ((3, 2**30), (2, 5)))
    wide[2, -5:], wide[1, -5:] = cp.arange(5), cp.arange(5, 10)
    gather([wide[:, -5:]], cp.asarray([0, 2, 1]), cp.asarray(1), [out])()
    assert np.array_equal(out.get(), [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
