"""Checkpoints: a run is saved as it goes on, so that it can be resumed, and its best model kept."""

import os
import re
from pathlib import Path
from typing import Any

from portanet.atomic_file import remove_leftovers
from portanet.callbacks.best import Best
from portanet.callbacks.callback import Callback
from portanet.checkpoint import save
from portanet.checks import check_count
from portanet.errors import ArgumentError
from portanet.reprs import call_of
from portanet.state import State

_NUMBER = re.compile(r"step-(\d+)\.safetensors")


class Checkpoints(Callback):
    """Saves model, optimizer and trainer in a folder: step-0000120.safetensors …

    They are saved at the end of every `every`-th epoch, and with `every_steps` also after so many
    steps, within an epoch. The last `keep` remain (None: all). With `best`, "smallest" or
    "largest", best.safetensors is the one of the best epoch by the number `of` ("val_loss").

    `load(checkpoints.newest(), model, optimizer, trainer=trainer)` resumes a run: it goes on with
    the same bits. A run that was killed while it saved leaves a file `….partial`, which the next
    save of a run in this folder removes.

    In a distributed run rank 0 writes; load on every rank to go on, on any number of ranks.

    A folder is one run's: a new run is refused there, and a run that goes on from an older
    checkpoint removes the later ones when it saves.

    Raises ArgumentError if an option is out of its range; OSError if a file cannot be written.

    >>> import tempfile
    >>> Checkpoints(tempfile.mkdtemp(), keep=2).newest() is None
    True
    """

    saves = True

    def __init__(
        self, folder: str | os.PathLike[str], *, every: int = 1, every_steps: int | None = None,
        keep: int | None = 3, best: str | None = None, of: str = "val_loss",
    ) -> None:  # fmt: skip
        who = "Checkpoints"
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ArgumentError(f"{who}: folder must be a folder, {folder} is a file")
        self.every = check_count(who, "every", every)
        self.every_steps = every_steps
        if every_steps is not None:
            check_count(who, "every_steps", every_steps)
        self.keep = None if keep is None else check_count(who, "keep", keep)
        self.followed = None if best is None else Best(who, of, best)

    def newest(self) -> Path | None:
        """Return the file of the latest step, None if there is none."""
        return max(self._files(), key=_step_of, default=None)

    def on_train_start(self, trainer: Any) -> None:
        """Make the folder. Raises ArgumentError if a run begins where another has saved."""
        if trainer.is_first:
            self.folder.mkdir(parents=True, exist_ok=True)
        newest = self.newest()
        if newest is not None and trainer.n_steps == 0 < _step_of(newest):
            raise ArgumentError(
                f"Checkpoints: folder must have no checkpoints when a run begins, has {newest}; "
                "load it to go on with that run, or give another folder, or remove it"
            )

    def on_step_end(self, trainer: Any) -> None:
        """Save within an epoch, if it is time."""
        if self.every_steps is not None and trainer.n_steps % self.every_steps == 0:
            self.save_now(trainer)

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Save, if it is time, and keep what is best."""
        if self.followed is not None and self.followed.is_better(row):
            trainer.gather_run()
            if trainer.is_first:
                self._save(trainer, self.folder / "best.safetensors")
        if len(trainer.history) % self.every == 0:
            self.save_now(trainer)

    def state(self) -> State:
        """Return the best value so far."""
        followed = self.followed
        best = {} if followed is None else {"value": followed.value, "n_since": followed.n_since}
        return State({}, best)

    def load_state(self, state: State) -> None:
        """Go on from a state."""
        if self.followed is not None and state.numbers:
            self.followed.load("Checkpoints", state)

    def save_now(self, trainer: Any) -> None:
        """Save a run as it is; remove what is older than the last `keep`, and partial files."""
        trainer.gather_run()
        if not trainer.is_first:
            return
        remove_leftovers(self.folder, _NUMBER)
        self._save(trainer, self.folder / f"step-{trainer.n_steps:07}.safetensors")
        for path in self._files():
            if _step_of(path) > trainer.n_steps:  # of a part that the run has gone over again
                path.unlink(missing_ok=True)
        if self.keep is not None:
            for path in sorted(self._files(), key=_step_of)[: -self.keep]:
                path.unlink(missing_ok=True)

    def _save(self, trainer: Any, path: Path) -> None:
        save(path, trainer.model, trainer.optimizer, trainer=trainer)

    def _files(self) -> list[Path]:
        return [path for path in self.folder.glob("step-*.safetensors") if _step_of(path) >= 0]

    def __repr__(self) -> str:
        followed = self.followed
        best = {} if followed is None else {"best": followed.best, "of": followed.of}
        return call_of(
            self, str(self.folder), every=self.every, every_steps=self.every_steps,
            keep=self.keep, **best,
        )  # fmt: skip


def _step_of(path: Path) -> int:
    found = _NUMBER.fullmatch(path.name)
    return int(found.group(1)) if found else -1
