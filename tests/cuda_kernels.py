"""Functions of arrays as generated CUDA kernels, run on a device."""

import numpy as np

from portanet.backends._cupy.compiling import compile_cuda
from portanet.compiler.engines.cuda.emit_long import emit_all, parts_of
from portanet.compiler.engines.cuda.half import whole_source
from portanet.compiler.engines.cuda.kernel import Partials
from portanet.compiler.engines.cuda.nodes import MOST_NODES, has_text
from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.grouping import group_nodes, stored_values
from portanet.compiler.graph.graph import Value
from portanet.compiler.graph.lower import lower
from portanet.compiler.tracing.tape import Tape


def traced(function, arrays, backend):
    """Trace a function of arrays on a backend; return the graph, its operations in units."""
    xp = backend.xp
    tape = Tape(backend, lambda a, b: np.shares_memory(a, b) if backend.name == "numpy" else
                bool(a.data.mem.ptr == b.data.mem.ptr))  # fmt: skip
    leaves = [tape.leaf("input", a, f"x{i}") for i, a in enumerate(arrays)]
    results = function(tape.namespace, *leaves)
    for i, result in enumerate(results if isinstance(results, tuple) else (results,)):
        tape.result(f"r{i}", result)
    tape.graph.inputs = {leaf.traced.name: leaf.traced for leaf in leaves}
    lower(tape.graph, xp)
    return tape.graph, group_nodes(tape.graph.nodes, has_text, MOST_NODES)


def fused(function, arrays, backend):
    """Return a function's results, made by its kernels on the device, and how many kernels."""
    cp = backend._cp
    on_device = [cp.asarray(a) for a in arrays]
    graph, units = traced(function, on_device, backend)
    places = dict(zip(map(id, graph.inputs.values()), on_device, strict=True))
    parts = [
        part for unit in units for part in (parts_of(unit) if isinstance(unit, Group) else [unit])
    ]
    stored = stored_values(graph, parts)
    for i, part in enumerate(parts):
        assert isinstance(part, Group), f"{part} is not in a kernel"
        places |= {id(v): cp.empty(v.shape, v.dtype) for v in stored[id(part)]}
        for kernel in emit_all(f"kernel{i}", part.nodes, stored[id(part)], part.space):
            launch(kernel, places, cp)
    return [find(v, places).get() for v in graph.results.values()], len(units)


def launch(kernel, places, cp):
    function = compile_cuda(whole_source(kernel.source), [kernel.name])[kernel.name]
    arguments = tuple(argument(a, places, cp) for a in kernel.arguments)
    function((kernel.blocks,), (kernel.threads,), arguments)


def argument(thing, places, cp):
    if isinstance(thing, Partials):
        return places.setdefault(id(thing), cp.full(thing.count, 77, thing.dtype))
    return cp.asarray(thing[0].value, thing[1]) if isinstance(thing, tuple) else find(thing, places)


def find(value, places):
    """Return where a value lies; views are made of what they show."""
    if value.kind == "constant":
        return value.array
    if id(value) not in places:
        args = [find(a, places) if isinstance(a, Value) else a for a in value.node.args]
        places[id(value)] = value.node.function(*args, **value.node.options)
    return places[id(value)]
