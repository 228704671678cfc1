"""The tables of kernels: what is saved comes back, and what changed stands before an arrow."""

from types import SimpleNamespace

import pytest

from benchmarks import kernel_tables, kernels
from portanet.backends import _nvrtc
from portanet.compiler.engines.base import Launch
from portanet.compiler.profiling.estimate import microseconds
from portanet.compiler.profiling.gpus import GPUS
from portanet.compiler.profiling.rows import Row
from portanet.errors import MissingBackendError

SUM = Row(
    "kernel_0, kernel_0_rest", ("where", "sum"), ("layers.0.backward",), (16,), read=7 * 2**20,
    dtype="float32", launches=(Launch(784, 256, 1), Launch(2, 512, 3)),
)  # fmt: skip
BEFORE = Row(
    "kernel_0", ("where", "sum"), ("layers.0.backward",), (16,), read=7 * 2**20, dtype="float32",
    launches=(Launch(16, 256, 196),),
)  # fmt: skip
PRODUCT = Row("matmul(…)", ("matmul",), ("layers.1.forward",), (64, 20), flops=2 * 64 * 20 * 30)


def saved(*rows, place="an H200"):
    kept = [kernel_tables.as_json(row) for row in rows]
    return {"planned on": place, "networks": {"blog": {"rows": kept, "source": "the text"}}}


@pytest.fixture
def compiler(monkeypatch):
    """A stand-in for NVRTC: kernel_0 has 32 registers, kernel_0_rest 11."""
    found = {
        "kernel_0": SimpleNamespace(registers=32),
        "kernel_0_rest": SimpleNamespace(registers=11),
    }
    compiled = SimpleNamespace(kernels=found)
    monkeypatch.setattr(_nvrtc, "compile_text", lambda text, architecture: compiled)
    monkeypatch.setattr(_nvrtc, "version", lambda: (13, 1))


def test_a_saved_row_comes_back():
    assert kernel_tables.row_of(kernel_tables.as_json(SUM)) == SUM


def line_of(text, start):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("| ").split(" | ")]


def test_a_row_has_a_number_for_each_kernel_and_the_one_before(compiler):
    text = kernel_tables.report(saved(SUM, PRODUCT), saved(BEFORE, PRODUCT))
    now, before = (f"{microseconds(row, GPUS['H200']):.1f}" for row in (SUM, BEFORE))
    assert line_of(text, "where, sum: 16") == [
        "where, sum: 16", "1", "16 → 784, 2", "256 → 256, 512", "196 → 1, 3", "32, 11", "7.0 MiB",
        f"{before} → {now}",
    ]  # fmt: skip
    assert line_of(text, "30-20-1")[1:5] == ["1 → 2", "1", "196 → 3", "32"]
    assert "by NVRTC 13.1 for sm_90" in text


def test_products_say_how_long_their_sums_are(compiler):
    text = kernel_tables.report(saved(SUM, PRODUCT))
    assert line_of(text, "matmul")[0] == "matmul: 64 x 20, sums of 30"
    assert "→" not in text
    assert "an arrow" not in text


def test_without_a_compiler_there_are_no_registers(monkeypatch):
    def missing(text, architecture):
        raise MissingBackendError("no", backend="nvrtc", missing="package", command="")

    monkeypatch.setattr(_nvrtc, "compile_text", missing)
    text = kernel_tables.report(saved(SUM, PRODUCT))
    assert "Registers: not known (package missing)" in text
    assert line_of(text, "where, sum: 16")[5] == ""


def test_the_page_keeps_what_stands_around_the_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Before\n")
    kernels.write(page, "first")
    page.write_text(page.read_text() + "after\n")
    kernels.write(page, "second")
    assert page.read_text() == (f"# Before\n\n{kernels.BEGIN}\n\nsecond\n\n{kernels.END}\nafter\n")
