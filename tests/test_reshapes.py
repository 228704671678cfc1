"""Reshapes of what is turned need no copy, where its order of axes is free to choose."""

import numpy as np
import pytest
from cuda_kernels import traced

from portanet import backends
from portanet.compiler.memory.reshapes import make_reshapes_views
from portanet.compiler.memory.strides import settle_strides

HEADS = [np.ones((6, 4, 10, 5)), np.ones((6, 4, 5, 3))]


def concat(xp, heads, axes=(0, 2, 1, 3)):
    turned = xp.permute_dims(heads, axes)
    return xp.reshape(turned, (*turned.shape[:-2], -1))


def planned(function):
    """Trace a function of heads; return its reshape after the pass."""
    graph, _ = traced(function, HEADS, backends.get("numpy"))
    settle_strides(graph, {}, np.empty)
    make_reshapes_views(graph, lambda node: node.op in ("matmul", "divide"))
    (reshape,) = [node for node in graph.nodes if node.op == "reshape"]
    return reshape


@pytest.mark.parametrize(
    "last", [lambda xp, x: x, lambda xp, x: x / 2.0], ids=["product", "scaled"]
)
def test_concatenated_heads_are_written_in_place(last):
    reshape = planned(lambda xp, a, b: xp.exp(concat(xp, last(xp, a @ b))))
    (turned,) = reshape.inputs
    heads = turned.root
    assert reshape.is_view
    assert (heads.shape, heads.strides) == ((6, 4, 10, 3), (960, 24, 96, 8))
    assert (turned.shape, turned.strides) == ((6, 10, 4, 3), (960, 96, 24, 8))
    assert (reshape.output.shape, reshape.output.strides) == ((6, 10, 12), (960, 96, 8))
    memory = np.empty(heads.size).reshape(6, 10, 4, 3).transpose(0, 2, 1, 3)
    assert memory.strides == heads.strides
    assert np.shares_memory(concat(np, memory), memory)


def read_twice(xp, a, b):
    heads = a @ b
    return xp.exp(concat(xp, heads)), xp.exp(heads)


def turned_read_twice(xp, a, b):
    turned = xp.permute_dims(a @ b, (0, 2, 1, 3))
    return xp.exp(xp.reshape(turned, (6, 10, 12))), xp.exp(turned)


COPIED = {
    "what others read as it was": read_twice,
    "what others read turned": turned_read_twice,
    "a result of the step": lambda xp, a, b: concat(xp, a @ b),
    "an input": lambda xp, a, b: xp.exp(concat(xp, a)),
    "what an operation writes in one order": lambda xp, a, b: xp.exp(concat(xp, xp.sort(a))),
    "the last axis": lambda xp, a, b: xp.exp(concat(xp, a @ b, (0, 1, 3, 2))),
}


@pytest.mark.parametrize("name", COPIED)
def test_what_is_still_copied(name):
    reshape = planned(COPIED[name])
    source = reshape.inputs[0].root
    assert not reshape.is_view
    assert source.strides == np.empty(source.shape).strides
