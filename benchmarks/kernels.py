"""The kernels of the benchmark networks on a CUDA device, and what they would take on an H200.

python -m benchmarks.kernels --save FILE             plans all networks on CuPy; writes FILE (JSON)
python -m benchmarks.kernels --page PAGE FILE [OLD]  writes the tables into PAGE, between its marks,
                                                     or at its end if there are none

The first needs CuPy, and a device that compiles kernels; the second needs neither. It asks NVRTC
for registers where that is installed (pip install -e '.[nvrtc]'). OLD is a FILE of another version
of portanet: where it differs its figures stand before an arrow.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import SIMULATED, device
from benchmarks.gpu.networks import on_device
from benchmarks.kernel_tables import as_json, report
from benchmarks.networks import NETWORKS
from portanet.compiler.profiling.rows import lines_of

BEGIN, END = "<!-- python -m benchmarks.kernels -->", "<!-- end of the kernels -->"


def main() -> None:
    """Save, or write the page."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.kernels", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--save", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    given = parser.parse_args()
    if given.save:
        given.save.write_text(json.dumps(collected(), indent=1))
    elif given.page and len(given.files) in (1, 2):
        write(given.page, report(*(json.loads(file.read_text()) for file in given.files)))
    else:
        parser.error("--save FILE, or --page PAGE FILE [OLD]")


def collected() -> dict[str, Any]:
    """Return the rows of each network's plan, and the CUDA text of its kernels."""
    found = device()
    place = SIMULATED if found["simulated"] else found["name"]
    return {"planned on": place, "networks": {name: planned(name) for name in NETWORKS}}


def planned(name: str) -> dict[str, Any]:
    """Return a network's rows, with their launches, and the CUDA text of its kernels."""
    plan = on_device(name).plan
    rows = [line.row for line in lines_of(plan)]
    return {"rows": [as_json(row) for row in rows], "source": plan.source}


def write(page: Path, text: str) -> None:
    """Put the tables into a page, in place of what stands between its marks."""
    head, begin, rest = page.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not begin:
        head, tail = f"{head.rstrip()}\n\n", "\n"
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}")


if __name__ == "__main__":
    main()
