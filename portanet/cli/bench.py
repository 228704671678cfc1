"""`portanet bench`: how long a training step takes here."""

import argparse
import sys
from typing import Any

from portanet import backends
from portanet.cli.output import add_json, print_json, remark

_EPILOG = """\
examples:
  portanet bench                            two networks on NumPy, beside scikit-learn and PyTorch
  portanet bench --backend torch --json     a step of portanet's on PyTorch

What is compared takes turns in one process, and the median of the rounds is printed. It takes some
20 seconds; on a machine that does other work the figures move. OMP_NUM_THREADS says how many
threads matrix products have.
In a clone of portanet `make bench` measures more networks, JAX too, with more care.
"""


def add(commands: Any) -> None:
    """Add the command."""
    words = "time a training step on this machine"
    bench = commands.add_parser("bench", help=words, description=words, epilog=_EPILOG)
    bench.add_argument("--backend", default="numpy", metavar="NAME", help="where portanet's steps "
                       f"run: {', '.join(backends.names())} (default: numpy)")  # fmt: skip
    bench.add_argument("--rounds", type=int, default=7, metavar="N", help="of turns (default: 7)")
    add_json(bench)
    bench.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from portanet.cli.steps import NETWORKS, contenders
    from portanet.cli.timing import medians

    found, missing = {}, []
    for network in NETWORKS:
        if sys.stderr.isatty():
            remark(f"timing {network.name} …")
        steps, missing = contenders(network, options.backend)
        found[network.name] = medians(steps, options.rounds)
    if options.json:
        print_json({"backend": options.backend, "seconds": found, "missing": missing})
        return
    for name, seconds in found.items():
        print(f"{name}\n{_table(seconds)}\n")
    for name in missing:
        print(f"not compared: {name} is not installed")


def _table(seconds: dict[str, float]) -> str:
    first = next(iter(seconds.values()))
    width = max(map(len, seconds))
    rows = [f"  {'a training step':{width}}  microseconds   ratio"]
    rows += [f"  {n:{width}}  {s * 1e6:12,.1f}  {s / first:6.2f}" for n, s in seconds.items()]
    return "\n".join(rows)
