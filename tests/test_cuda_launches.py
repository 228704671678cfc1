"""The kernels of the benchmarks' networks: how many blocks read how much. No device is needed."""

from functools import cache, partial

import numpy as np
import pytest
from benchmark_networks import NETWORKS
from plans import homes_of

import portanet
from portanet import backends
from portanet.compiler.engines.cuda.calls import kernels_of, partials_of
from portanet.compiler.engines.cuda.kernel import Partials
from portanet.compiler.engines.cuda.units import cuda_units
from portanet.compiler.graph.lower import lower
from portanet.compiler.memory.arena import lay_out
from portanet.compiler.memory.strides import settle_strides
from portanet.compiler.tracing.trace import trace_step

MIB = 2**20


@cache
def planned(name):
    """A network's step as a graph, its units and their kernels, as a plan on a device has them."""
    network, backend = NETWORKS.NETWORKS[name], backends.get("numpy")
    model = NETWORKS.model(network)
    optimizer = getattr(portanet, network.optimizer)(model, lr=network.lr)
    x, y = NETWORKS.batches(network, *NETWORKS.data(network, 2))[0]
    graph = trace_step(model, optimizer, x, y, np.shares_memory).tape.graph
    lower(graph, backend.xp)
    settle_strides(graph, homes_of(graph, backend), np.empty)
    units = cuda_units(graph)
    return graph, units, kernels_of(units)


def n_bytes_read(kernel, unit, *, is_last):
    """How much memory a kernel reads: all that its parameters point to, but what it stores."""
    stored = {id(value) for value in unit.outputs}
    read = {id(a): a for a in kernel.arguments if id(a) not in stored and not isinstance(a, tuple)}
    if not is_last:  # the first of two writes partial results
        read = {i: a for i, a in read.items() if not isinstance(a, Partials)}
    return sum(argument.n_bytes for argument in read.values())


@pytest.mark.parametrize("name", NETWORKS.NETWORKS)
def test_a_kernel_that_reads_much_has_many_blocks(name):
    """An H200 has 132 multiprocessors: fewer than 64 blocks leave more than half of it idle."""
    _, units, kernels = planned(name)
    for unit in units:
        of_unit = kernels.get(id(unit), ())
        for kernel in of_unit:
            n_bytes = n_bytes_read(kernel, unit, is_last=kernel is of_unit[-1])
            assert kernel.blocks >= 64 or n_bytes <= MIB, (kernel.name, kernel.blocks, n_bytes)


# sums in two launches that were one: the gradients of biases that few blocks added up
SPLIT = {"cnn": 2, "residual": 4, "transformer": 3, "transformer-wide": 6, "lstm": 1}


@pytest.mark.parametrize("name", NETWORKS.NETWORKS)
def test_how_many_sums_take_a_second_launch(name):
    _, _, kernels = planned(name)
    assert sum(len(of_unit) - 1 for of_unit in kernels.values()) == SPLIT.get(name, 0)


@pytest.mark.parametrize("name", SPLIT)
def test_partial_results_lie_where_nothing_else_lives(name):
    graph, units, kernels = planned(name)
    partials = partial(partials_of, kernels)
    layout = lay_out(graph, units, graph.inputs.values(), lambda unit: True, partials)
    values = {id(block): block for block, _ in layout.places.values() if block.home is None}
    for i, unit in enumerate(units):
        own = [layout.temporaries[id(p)] for p in partials(unit)]
        living = [b for b in values.values() if b.birth <= i <= b.death]
        for block in own:
            others = [b for b in (*living, *own) if b is not block]
            start, stop = block.offset, block.offset + block.n_bytes
            assert stop <= layout.n_bytes
            assert all(stop <= b.offset or b.offset + b.n_bytes <= start for b in others)
    assert len(layout.temporaries) >= SPLIT[name]
