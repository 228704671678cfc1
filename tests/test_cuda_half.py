"""CUDA kernels of float16 arrays: rounded as CuPy's own operations are, added up in float32."""

import numpy as np
import pytest
from cuda_kernels import fused, traced

from portanet import backends
from portanet.compiler.engines.cuda.emit_long import emit_all
from portanet.compiler.engines.cuda.half import whole_source
from portanet.compiler.fusion.grouping import stored_values

CHAINS = {
    "products and sums": lambda xp, x, y: x * y + 0.1 * x - y,
    "choices": lambda xp, x, y: xp.where(x > y, xp.maximum(x, 0.25), -y),
    "functions": lambda xp, x, y: xp.tanh(x) * xp.exp(y) / (1 + xp.abs(x)),
    "what overflows": lambda xp, x, y: xp.where(xp.isfinite(x * 6e4), y, 2.0) * x,
    "casts": lambda xp, x, y: xp.astype(xp.astype(x, xp.float32) / 3, xp.float16) * y,
    "extremes": lambda xp, x, y: xp.max(x * y, axis=1) - xp.min(y, axis=1),
}


def halves(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float16) for shape in shapes]


@pytest.mark.only_on("cupy")
@pytest.mark.parametrize("name", CHAINS)
def test_a_fused_kernel_gives_the_bits_of_cupys_operations(name, backend):
    x, y = halves((65, 33), (65, 33))
    (got,), n_kernels = fused(CHAINS[name], [x, y], backend)
    wanted = CHAINS[name](backend.xp, backend._cp.asarray(x), backend._cp.asarray(y)).get()
    assert got.dtype == wanted.dtype == np.float16
    assert (got.view(np.uint16) == wanted.view(np.uint16)).all()
    assert n_kernels <= 2


@pytest.mark.only_on("cupy")
@pytest.mark.parametrize("shape", [(5000, 1), (1, 5000), (20000, 3), (33, 65)], ids=str)
def test_sums_are_added_up_in_float32(shape, backend):
    """Ones in float16 would add up to 2048, where 1 is half of a last place."""
    function = lambda xp, x: (xp.sum(x, axis=0), xp.sum(x, axis=1))  # noqa: E731
    sums, _ = fused(function, [np.ones(shape, np.float16)], backend)
    for axis, got in enumerate(sums):
        assert (got == np.float16(shape[axis])).all()


def test_kernels_need_no_header_of_cudas(nvrtc):
    function = lambda xp, x, y: xp.sum(xp.tanh(x) * y, axis=0)  # noqa: E731
    graph, units = traced(function, halves((64, 32), (64, 32)), backends.get("numpy"))
    stored = stored_values(graph, units)
    kernels = [
        kernel for unit in units for kernel in emit_all("sums", unit.nodes, stored[id(unit)], unit.space)
    ]  # fmt: skip
    source = whole_source("\n".join(kernel.source for kernel in kernels))
    assert "const Half*" in source
    for architecture in ("sm_75", "sm_90"):
        found = nvrtc.compile_text(source, architecture).kernels
        assert all(kernel.spilled == 0 for kernel in found.values())
        assert set(found) == {kernel.name for kernel in kernels}
