"""StopOnSignal: a run that is asked to end saves itself first."""

import signal
import threading
from typing import Any

from portanet.callbacks.callback import Callback
from portanet.callbacks.checkpoints import Checkpoints
from portanet.errors import ArgumentError, short


class StopOnSignal(Callback):
    """On SIGINT (Ctrl-C) or SIGTERM: ends after the step in hand, saves, exits with 130 or 143.

    In a distributed run all ranks end after the same step, whichever has got the signal.

    During validation the step in hand is the last one of the epoch. `checkpoints` says where the
    run is saved, as step-….safetensors; it may be a callback of the same trainer. A second SIGINT
    ends at once, as without this callback. The handlers that there were come back when train()
    ends. It raises SystemExit(128 + number of the signal), which ends the program unless it is
    caught.

    Handlers belong to the main thread: a trainer in another one goes on without, as Python itself
    hands signals to the main thread only.

    Raises ArgumentError unless it is given Checkpoints.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        if not isinstance(checkpoints, Checkpoints):
            raise ArgumentError(
                "StopOnSignal: checkpoints must be Checkpoints(folder), where a run is saved, is "
                f"{short(checkpoints)}"
            )
        self.checkpoints = checkpoints
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: Any) -> None:
        """Take over the signals."""
        self.checkpoints.on_train_start(trainer)
        self.received = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)

    saves = True

    def on_step_end(self, trainer: Any) -> None:
        """Save, and let training end here, if it is to."""
        self.received = int(trainer.agreed(self.received or 0)) or None
        if self.received is not None:
            self.checkpoints.save_now(trainer)
            trainer.stop()

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:  # noqa: ARG002
        """Save, and let training end here, if it is to."""
        self.on_step_end(trainer)

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Give the signals back; exit, if one has come."""
        while self._before:
            signal.signal(*self._before.popitem())
        if self.received is not None:
            raise SystemExit(128 + self.received)

    def _receive(self, number: int, frame: Any) -> None:  # noqa: ARG002
        if self.received is not None and number == signal.SIGINT:
            self.received = None
            raise KeyboardInterrupt
        self.received = number

    def __repr__(self) -> str:
        return f"StopOnSignal({self.checkpoints})"

    def __getstate__(self) -> dict[str, Any]:
        return {"checkpoints": self.checkpoints, "received": None, "_before": {}}
