"""An epoch of load_digits: 64-64-10, batch 32, Adam, beside scikit-learn's MLPClassifier."""

import warnings
from typing import Any

import numpy as np

from benchmarks.contenders import NotInstalledError, UnsupportedError, require
from benchmarks.contenders.ours import epochs_of, trainer
from benchmarks.networks import mlp
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns

NETWORK = mlp("digits", (64, 64, 10), 32, "Adam", 1)


def measure(threads: int, quick: bool) -> dict[str, Any]:
    """Return the seconds of an epoch, {contender: [a number a round]}."""
    return ask("benchmarks.digits", threads, quick=quick)


def work(threads: int, quick: bool) -> dict[str, Any]:
    """Let portanet and scikit-learn take turns at epochs of the same data."""
    try:
        datasets = require("sklearn.datasets")
    except NotInstalledError as error:
        return {"seconds": {}, "reasons": {"load_digits": str(error)}}
    X, y = datasets.load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    runners, reasons = ours(X, y)
    runners["scikit-learn's MLPClassifier"] = Runner(sklearn_epoch(X, y))
    seconds, pause = (0.1, 0.02) if quick else (0.5, 0.1 if threads > 1 else 0.02)
    return {"seconds": take_turns(runners, 3 if quick else 11, seconds, pause), "reasons": reasons}


def ours(X: np.ndarray, y: np.ndarray) -> tuple[dict[str, Runner], dict[str, str]]:
    """Return portanet's epochs, compiled and readable, and why one is missing."""
    runners, reasons = {}, {}
    epoch = epochs_of(trainer(NETWORK, (X, y), fast=True))
    try:
        epoch(0)  # plans, also for the short last batch
        runners["portanet, compiled"] = Runner(epoch)
    except UnsupportedError as error:
        reasons["portanet, compiled"] = str(error)
    runners["portanet, readable"] = Runner(epochs_of(trainer(NETWORK, (X, y), compile=False)))
    return runners, reasons


def sklearn_epoch(X: np.ndarray, y: np.ndarray) -> Any:
    """Return scikit-learn's epoch(i): partial_fit goes once over all data, shuffled."""
    classifier = require("sklearn.neural_network").MLPClassifier(
        (64,), batch_size=32, solver="adam", alpha=0, learning_rate_init=1e-3, random_state=0
    )
    classifier.partial_fit(X, y, classes=np.unique(y))

    def epoch(i: int) -> None:  # noqa: ARG001
        with warnings.catch_warnings(action="ignore"):
            classifier.partial_fit(X, y)

    return epoch


if __name__ == "__main__":
    answer(work)
