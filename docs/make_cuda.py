"""Writes the table of docs/cuda.md: what NVIDIA's compiler says about the catalogue's kernels.

pip install -e '.[test,nvrtc]'; python docs/make_cuda.py (a minute). The rows of other versions of
NVRTC stay as they are: run it again in an environment with another one.
"""

import re
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "cuda.md"
sys.path.insert(0, str(ROOT / "tests"))

from cuda_catalogue import ARCHITECTURES, distinct, kernels, needs  # noqa: E402
from test_nvrtc_kernels import misfits  # noqa: E402

from portanet.backends import _nvrtc  # noqa: E402

HEAD = """\
| NVRTC | architecture | kernels | registers, median | most | spilling | too large | with a stack | CPU seconds |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""
ROW = re.compile(r"\| (\d+)\.(\d+) \| sm_(\d+) \|.*\|\n")


def row(architecture):
    """Return a row of the table: compile all kernels for an architecture."""
    start = time.process_time()
    found = needs(_nvrtc, architecture)
    seconds = time.process_time() - start
    registers = [need.registers for _, need in found]
    numbers = (
        len(found),
        f"{median(registers):.0f}",
        max(registers),
        sum(need.spilled > 0 for _, need in found),
        len(misfits(found).splitlines()),
        sum(need.stack > 0 for _, need in found),
        f"{seconds:.0f}",
    )
    version = ".".join(map(str, _nvrtc.version()))
    return f"| {version} | {architecture} | {' | '.join(map(str, numbers))} |\n"


def page(text):
    """Return the page with new rows for the NVRTC that is installed here."""
    rows = {key(found[0]): found[0] for found in ROW.finditer(text)}
    rows |= {key(line): line for line in map(row, ARCHITECTURES)}
    counted = f"{len(kernels()):,} kernels, {len(distinct(kernels())):,} of which differ"
    text = re.sub(r"[\d,]+ kernels, [\d,]+ of which differ", counted, ROW.sub("", text))
    return text.replace(HEAD, HEAD + "".join(rows[k] for k in sorted(rows)))


def key(line):
    """Return the numbers of NVRTC's version and of the architecture."""
    found = ROW.match(line)
    return tuple(map(int, found.groups()))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
