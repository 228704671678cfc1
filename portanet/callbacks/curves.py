"""Learning curves: how the numbers of a run have changed, as a plot."""

import os
from pathlib import Path
from typing import Any

from portanet.backends._installing import WHERE, install
from portanet.callbacks.callback import Callback
from portanet.errors import ArgumentError


class LearningCurves(Callback):
    """Draws the losses, and below them the metrics, by epoch, into an image at the end of train().

    The suffix of `path` says which kind: .png, .svg, .pdf.

    Raises ArgumentError, at once, if matplotlib is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        _figure()

    def on_train_end(self, trainer: Any) -> None:
        """Draw the history."""
        rows = trainer.history
        names = list(rows[0]) if rows else []
        losses = [name for name in names if "loss" in name]
        panels = [panel for panel in (losses, [n for n in names if n not in losses]) if panel]
        if not panels:
            return
        figure = _figure()(figsize=(6.4, 3.2 * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        epochs = range(1, len(rows) + 1)
        for one, panel in zip(axes, panels, strict=True):
            for name in panel:
                one.plot(epochs, [row[name] for row in rows], "o-", ms=3, label=name)
            one.legend(frameon=False)
            one.grid(alpha=0.3)
        axes[-1].set_xlabel("epoch")
        figure.savefig(self.path)

    def __repr__(self) -> str:
        return f"LearningCurves({str(self.path)!r})"


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"LearningCurves: matplotlib is needed; {WHERE} run: {install('plot')}"
        ) from error
    return Figure
