"""Learning curves: how the numbers of a run have changed, as a plot."""

import os
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

from portanet.backends._installing import WHERE, install
from portanet.callbacks.callback import Callback
from portanet.errors import ArgumentError

_MAX_POINTS = 40  # epochs


class LearningCurves(Callback):
    """Draws the losses, and below them the metrics, by epoch, into an image at the end of train().

    Epochs are counted from 0, as in the rows that are printed. A number that an epoch does not have
    (a metric that came later, say) is left out there, as are NaN and infinity. The suffix of `path`
    says which kind of image: .png, .svg, .pdf.

    Raises ArgumentError, at once, if matplotlib is not installed.
    """

    everywhere = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        _matplotlib()

    def on_train_end(self, trainer: Any) -> None:
        """Draw the history."""
        self.draw(trainer.history)

    def draw(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Draw the rows of a history, into the file. Without numbers there is none."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        losses = [name for name in names if name in ("loss", "val_loss")]
        metrics = [name for name in names if name not in losses]
        panels = {label: of for label, of in (("loss", losses), ("metric", metrics)) if of}
        if not panels:
            return
        figure_of, integers = _matplotlib()
        figure = figure_of(figsize=(6.4, 3.2 * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        for one, (label, panel) in zip(axes, panels.items(), strict=True):
            _draw(one, label, panel, rows)
        axes[-1].set_xlabel("epoch")
        axes[-1].xaxis.set_major_locator(integers(integer=True))
        figure.savefig(self.path, dpi=150)

    def __repr__(self) -> str:
        return f"LearningCurves({str(self.path)!r})"


def _draw(axes: Any, label: str, names: list[str], rows: Sequence[Mapping[str, float]]) -> None:
    """Draw numbers by epoch; points are shown where they can be told apart."""
    marker = "o" if len(rows) <= _MAX_POINTS else None
    for name in names:
        axes.plot([row.get(name, nan) for row in rows], marker=marker, ms=3, label=name)
    axes.set_ylabel(label)
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)


def _matplotlib() -> tuple[Any, Any]:
    """Return matplotlib's Figure and MaxNLocator."""
    try:
        from matplotlib.figure import Figure  # pyright: ignore
        from matplotlib.ticker import MaxNLocator  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"LearningCurves: matplotlib is needed; {WHERE} run: {install('plot')}"
        ) from error
    return Figure, MaxNLocator
