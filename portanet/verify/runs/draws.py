"""Which draws of its inputs a case is checked on."""

from collections.abc import Iterator, Mapping

from portanet.backends import Backend
from portanet.verify.catalogue import Case, LayerCase
from portanet.verify.report import Skipped
from portanet.verify.report.places import each
from portanet.verify.runs import layouts
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.layers import most_samples
from portanet.verify.runs.layouts import LAYOUTS

_MOST = 97  # samples of losses, metrics and kernels: odd, so that no block is full


def draws_of(case: Case, seed: int, quick: bool) -> list[Draw]:
    """Return the draws of a case: its own size, then others, each in another memory layout."""
    first = Draw(seed)
    if quick:
        return [first]
    sizes = first.generator(case.name, "sizes")
    least, most = 1, _MOST
    if isinstance(case, LayerCase):
        least, most = 1 if case.single else 2, most_samples(case)
    elif case.kind in ("metric", "kernel"):
        least = 2
    layouts = LAYOUTS if case.kind in ("layer", "loss", "metric") else LAYOUTS[:2]
    return [first] + [
        Draw(seed + i, int(sizes.integers(least, most + 1)), layout)
        for i, layout in enumerate(layouts)
    ]


def layouts_skipped(places: Mapping[str, Backend]) -> Iterator[Skipped]:
    """Yield which memory layouts a backend cannot have."""
    for name, place in each(places.items()):
        for layout in LAYOUTS:
            why = layouts.why_not(place, layout)
            if why is not None:
                yield Skipped(f"{layout} input", name, "", why)
