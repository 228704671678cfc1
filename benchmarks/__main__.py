"""python -m benchmarks [--quick] [--only PART …] [--networks NAME …] [--threads N …] [--report]

Measures, prints the tables, and writes benchmarks/results.json, docs/benchmarks.md and
docs/benchmarks.png. It takes about an hour; leave the machine alone meanwhile.

--quick    some of it within a minute: prints, and writes nothing
--only     only these parts (steps, epochs, inference, digits, planning, cold, growth); the
           others stay as they were
--report   measures nothing: writes page and plot from results.json
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import cold, digits, epochs, growth, inference, planning, steps
from benchmarks.contenders import NotInstalledError
from benchmarks.machine import machine
from benchmarks.networks import NETWORKS
from benchmarks.plot import draw
from benchmarks.report import report

ROOT = Path(__file__).parent.parent
RESULTS, PAGE, PLOT = (
    ROOT / p for p in ("benchmarks/results.json", "docs/benchmarks.md", "docs/benchmarks.png")
)
PARTS = ("steps", "epochs", "inference", "digits", "planning", "cold", "growth")
QUICK = {"steps": ["blog", "mnist", "cnn", "transformer"]}  # the other parts: blog


def main() -> None:
    """Measure what is asked for, and report."""
    given = arguments()
    if given.quick:
        results = {"machine": machine()}
        complete = measure(results, given)
        print(report(results))
        sys.exit(not complete)
    keep = (given.report or given.only or given.networks) and RESULTS.exists()
    results = json.loads(RESULTS.read_text()) if keep else {}
    complete = True
    if not given.report:
        results["machine"] = machine()
        complete = measure(results, given, save)
    write(results)
    sys.exit(not complete)


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS)
    parser.add_argument("--threads", nargs="+", type=int)
    return parser.parse_args()


def measure(results: dict[str, Any], given: argparse.Namespace, save: Any = lambda _: None) -> bool:
    """Put what is measured into results, and save each as it comes; return whether all came."""
    complete = True
    for keys, task in tasks(given):
        say(f"measuring {', '.join(keys)}")
        try:
            found = task()
        except subprocess.CalledProcessError:
            say(f"{', '.join(keys)}: failed, as is written above; what was there before stays")
            complete = False
            continue
        place = results
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = found
        save(results)
    return complete


def tasks(given: argparse.Namespace) -> Iterator[tuple[tuple[str, ...], Callable[[], Any]]]:
    """Yield where each result belongs, and what measures it."""
    quick, parts = given.quick, given.only or PARTS
    counts = given.threads or ([1] if quick else [1, 2][: os.cpu_count()])
    for part, module in (("steps", steps), ("epochs", epochs)):
        for name in networks_of(part, given) if part in parts else []:
            for n in counts:
                yield (part, name, str(n)), partial(module.measure, name, n, quick)
    for name in given.networks or inference.SIZES if "inference" in parts else []:
        for size, n in product(inference.SIZES.get(name, ()), counts):
            keys = ("inference", f"{name}@{size}", str(n))
            yield keys, partial(inference.measure, name, size, n, quick)
    for n in counts if "digits" in parts else []:
        yield ("digits", str(n)), partial(digits.measure, n, quick)
    for name in networks_of("planning", given) if "planning" in parts else []:
        yield ("planning", name), partial(planning.measure, name, quick)
    wanted = given.networks or (["blog"] if quick else None)
    for keys, task in cold.tasks(wanted, quick) if "cold" in parts else []:
        yield ("cold", *keys), task
    if "growth" in parts:
        yield ("growth",), partial(growth.measure, quick)


def networks_of(part: str, given: argparse.Namespace) -> list[str]:
    """Return the networks that a part is measured on."""
    return given.networks or (QUICK.get(part, ["blog"]) if given.quick else list(NETWORKS))


def say(what: str) -> None:
    """Tell the terminal what happens, and when."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def save(results: dict[str, Any]) -> None:
    """Write results.json."""
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=False) + "\n")


def write(results: dict[str, Any]) -> None:
    """Write results, page and plot, and print the page."""
    save(results)
    page = report(results)
    PAGE.write_text(page)
    print(page)
    try:
        draw(results, str(PLOT))
    except NotInstalledError as error:
        print(f"no plot: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
