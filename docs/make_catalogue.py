"""Writes docs/catalogue.md from the docstrings and the tables of tests/cases.py.

python docs/make_catalogue.py; a test compares the page with what this would write.
"""

import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import cases  # noqa: E402
import conftest  # noqa: E402
from cases_optimizers import OPTIMIZERS  # noqa: E402

import portanet  # noqa: E402
from portanet import Layer, Loss, Optimizer, initializers, metrics, schedules  # noqa: E402
from portanet.verify.catalogue.beside import Beside  # noqa: E402

# no rows of their own: the blog's networks and those of test_several.py run everywhere
APART = {"Sequential", "Losses"}
BESIDE = ("Optimizer", "Group", "is_vector", "ExponentialMovingAverage")
HEAD = """# Catalogue

Every layer, loss, optimizer, schedule, initialiser and metric, with its formula, gradient and source. This page is generated from the docstrings by
`python docs/make_catalogue.py` and checked by a test.

**Proved on** names where the tests hold an entry's values and gradients to float64 on NumPy: {places}. The tests that need a package or a device
that a machine lacks do not run there, and the ledger at the end of a test run says so. CuPy was checked with CuPy on a CPU, not on a GPU.
Schedules and initialisers run on the host, once for every backend. What computes nothing, and what every textbook has
(schedules, draws, metrics), names no source.
"""


def page():
    """Return the text of the page."""
    parts = [HEAD.format(places=", ".join(conftest.PLACES))]
    for title, entries in sections().items():
        parts.append(f"## {title}\n")
        parts += [entry(name, thing) for name, thing in sorted(entries.items())]
    return "\n".join(parts)


def sections():
    """Return {title: {name: object}} of everything public that is part of the catalogue."""
    public = {name: getattr(portanet, name) for name in portanet.__all__}

    def kind(base):
        return {
            n: c
            for n, c in public.items()
            if inspect.isclass(c) and issubclass(c, base) and c is not base
        }

    def members(module):
        names = getattr(module, "__all__", None) or [
            n for n, f in vars(module).items()
            if inspect.isfunction(f) and f.__module__ == module.__name__ and n not in ("fans", "stream")
        ]  # fmt: skip
        return {n: getattr(module, n) for n in names if n[0] != "_"}

    return {
        "Layers": kind(Layer),
        "Losses": kind(Loss),
        "Optimizers": kind(Optimizer),
        "What every optimizer takes": {name: public[name] for name in BESIDE},
        "Schedules": members(schedules),
        "Initialisers": members(initializers),
        "Metrics": members(metrics),
    }


def entry(name, thing):
    """Return one entry: its call, its docstring without the examples, and where it was proved."""
    text = re.sub(r"\n*( *>>> .*\n( *[^\n]+\n)*\n*)+", "\n", inspect.getdoc(thing) + "\n").strip()
    places = proved(name)
    lines = [f"### {name}\n", f"`{name}{signature(thing)}`\n", f"```text\n{text}\n```\n"]
    return "\n".join([*lines, f"Proved on: {', '.join(places)}\n"] if places else lines)


def signature(thing):
    """Return the arguments without their types."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return "(…)"
    text = str(inspect.Signature([p.replace(annotation=p.empty) for p in parameters]))
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)


def parts_of(layer):
    """Return a layer, and the layers of a network: some are proved beside others only."""
    if isinstance(layer, Beside):
        return [layer.layer]
    if isinstance(layer, portanet.Graph):
        return [layer, *layer.layers.values()]
    return [layer, *(layer.layers if isinstance(layer, portanet.Sequential) else ())]


def proved(name):
    """Return the places where a row of the tables runs this entry."""
    made = {type(part).__name__ for case in cases.LAYERS for part in parts_of(case.make())}
    made |= {type(case.make()).__name__ for case in cases.LOSSES}
    made |= {case.id.split()[0] for case in OPTIMIZERS} | set(metrics.__all__) | APART
    return list(conftest.PLACES) if name in made else []


if __name__ == "__main__":
    (ROOT / "docs" / "catalogue.md").write_text(page())
