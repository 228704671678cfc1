"""Callbacks: what is called when, early stopping, checkpoints, logs, and runs that are resumed."""

import contextlib
import copy
import csv
import io
import json
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    load,
    save,
)
from portanet.callbacks import (
    Callback,
    Checkpoints,
    CSVLog,
    EarlyStopping,
    JSONLog,
    LearningCurves,
    Progress,
    StopOnSignal,
    TensorBoardLog,
)
from portanet.errors import ArgumentError, DataError

N, BATCH = 50, 16  # four batches an epoch, the last one of two samples


def make(callbacks=(), backend=None, seed=0, **options):
    portanet.seed(seed)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 5))
    y = X[:, 0] + 0.5 * rng.standard_normal(N) > 0
    layers = [Linear(5, 8), BatchNorm1d(8), ReLU(), Dropout(0.3), Linear(8, 1)]
    model = Sequential(layers, BCEWithLogits())
    if backend is not None:
        model.to(backend.name, device=backend.device)
    train_dl, val_dl = DataLoader(Dataset(X, y), BATCH, shuffle=True), DataLoader(Dataset(X, y), 32)
    optimizer = Adam(model, lr=0.01)
    return Trainer(model, optimizer, train_dl, val_dl, accuracy, callbacks=callbacks, **options)


def arrays(trainer):
    found = {n: p.value for n, p in trainer.model.named_parameters().items()}
    found |= {n: b.value for n, b in trainer.model.named_buffers().items()}
    found |= trainer.optimizer.state().arrays
    backend = trainer.model.backend
    return {name: backend.to_numpy(array) for name, array in found.items()}


def same_bits(one, other):
    assert one.history == other.history
    assert (one.n_steps, one.position) == (other.n_steps, other.position)
    a, b = arrays(one), arrays(other)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


class Calls(Callback):
    """Writes down what is called."""

    def __init__(self):
        self.calls = []

    def on_train_start(self, trainer):
        self.calls.append("start")

    def on_step_end(self, trainer):
        self.calls.append((trainer.n_steps, trainer.position, len(trainer.history)))

    def on_epoch_end(self, trainer, row):
        assert row is trainer.history[-1]
        self.calls.append(sorted(row))

    def on_train_end(self, trainer):
        self.calls.append("end")


@pytest.mark.parametrize("compiled", [True, False])
def test_hooks_are_called_in_their_places(compiled):
    calls = Calls()
    trainer = make([calls], compile=compiled)
    trainer.train(2, log_level=0)
    names = ["loss", "val_loss", "val_metric"]
    first = [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0), names]
    second = [(5, 1, 1), (6, 2, 1), (7, 3, 1), (8, 4, 1), names]
    assert calls.calls == ["start", *first, *second, "end"]


@pytest.mark.parametrize("compiled", [True, False])
def test_hooks_change_nothing(compiled):
    plain, hooked = make(compile=compiled), make([Calls()], compile=compiled)
    for trainer in (plain, hooked):
        trainer.train(3, log_level=0)
    same_bits(plain, hooked)


def test_training_ends_also_by_an_exception_and_all_callbacks_are_told():
    class Fails(Callback):
        def on_epoch_end(self, trainer, row):
            raise ValueError("full")

        def on_train_end(self, trainer):
            raise RuntimeError("once more")

    calls = Calls()
    trainer = make([Fails(), calls])
    with pytest.raises(RuntimeError, match="once more"):
        trainer.train(2, log_level=0)
    assert calls.calls[-1] == "end"
    assert len(trainer.history) == 1


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("pieces", [[3, 5, 1, 3], [4, 4, 4], [1] * 12, [12], [10, 2]])
def test_steps_in_pieces_are_the_same_run(compiled, pieces):
    whole, parts = make(compile=compiled), make(compile=compiled)
    whole.train(3, log_level=0)
    for n in pieces:
        parts.train(n_steps=n, log_level=0)
    same_bits(whole, parts)


def test_running_loss_is_the_mean_so_far(backend):
    seen = []

    class Look(Callback):
        def on_step_end(self, trainer):
            seen.append(float(trainer.running_loss))

    trainer = make([Look()], backend)
    trainer.train(2, log_level=0)
    assert seen[3] == pytest.approx(trainer.history[0]["loss"], rel=1e-12)
    assert seen[7] == pytest.approx(trainer.history[1]["loss"], rel=1e-12)
    assert len(set(seen)) == 8


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("at", [1, 2, 4, 7, 10, 12])
def test_a_run_that_is_resumed_ends_with_the_same_bits(tmp_path, compiled, at):
    whole, first, second = (make(compile=compiled) for _ in range(3))
    second = make(seed=7, compile=compiled)
    whole.train(5, log_level=0)
    first.train(n_steps=at, log_level=0)
    path = tmp_path / "run.safetensors"
    save(path, first.model, first.optimizer, trainer=first)
    load(path, second.model, second.optimizer, trainer=second)
    assert second.n_steps == at
    second.train(n_steps=20 - at, log_level=0)
    same_bits(whole, second)


@pytest.mark.parametrize("at", [26, 32, 49])
def test_a_float64_run_resumed_within_an_epoch_has_the_same_losses(tmp_path, at):
    """There the order shows in which an epoch's losses are added up, by plans or without."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 5))
    ds = Dataset(X, X[:, 0] + rng.standard_normal(400) > 0)
    whole, first, second = (make(seed=seed) for seed in (0, 0, 7))
    for trainer in (whole, first, second):
        trainer.model.to(dtype="float64")
        trainer.train_dl.ds = ds  # 25 batches an epoch
    whole.train(4, log_level=0)
    first.train(n_steps=at, log_level=0)
    path = tmp_path / "run.safetensors"
    save(path, first.model, first.optimizer, trainer=first)
    load(path, second.model, second.optimizer, trainer=second)
    second.train(n_steps=100 - at, log_level=0)
    same_bits(whole, second)


@pytest.mark.only_on("cupy", "torch", "strict")
def test_a_run_that_is_resumed_on_its_backend_ends_with_the_same_bits(tmp_path, backend):
    """Where a compiled step rounds otherwise than the readable one it takes the first step, too."""
    whole, first, second = (make(backend=backend, seed=seed) for seed in (0, 0, 7))
    whole.train(n_steps=12, log_level=0)
    first.train(n_steps=6, log_level=0)
    path = tmp_path / "run.safetensors"
    save(path, first.model, first.optimizer, trainer=first)
    load(path, second.model, second.optimizer, trainer=second)
    second.train(n_steps=6, log_level=0)
    same_bits(whole, second)


def test_a_run_is_resumed_on_another_backend(tmp_path, backend):
    """Within rounding: eight steps of Adam, whose first ones have the size of lr whatever noise."""
    whole, first, second = make(), make(), make(seed=3, backend=backend)
    whole.train(2, log_level=0)
    first.train(n_steps=3, log_level=0)
    path = tmp_path / "run.safetensors"
    save(path, first.model, first.optimizer, trainer=first)
    load(path, second.model, second.optimizer, trainer=second)
    second.train(n_steps=5, log_level=0)
    for row, wanted in zip(second.history, whole.history, strict=True):
        assert row["loss"] == pytest.approx(wanted["loss"], rel=1e-4)


def test_checkpoints_of_earlier_versions_are_loaded(tmp_path):
    trainer, other = make(), make(seed=1)
    trainer.train(1, log_level=0)
    state = trainer.state()
    for name in ("n_steps", "position", "sums", "callbacks"):
        del state.numbers[name]
    other.load_state(state)
    assert other.history == trainer.history
    assert other.position == 0


# early stopping


class Falls(Callback):
    """Gives val_loss the values of a list."""

    def __init__(self, values):
        self.values = list(values)

    def on_epoch_end(self, trainer, row):
        row["val_loss"] = self.values[len(trainer.history) - 1]


@pytest.mark.parametrize(
    ("values", "n_epochs", "best"),
    [
        ([3, 2, 1, 1, 1, 9], 5, 2),
        ([3, 2, 2, 1, 5, float("nan"), 0], 6, 3),
        ([1, 2, 3], 3, 0),
        ([3, 2, 1], 3, None),
    ],
)
def test_early_stopping_restores_the_best_weights(values, n_epochs, best):
    stopping, weights = EarlyStopping(patience=2), []

    class Keep(Callback):
        def on_epoch_end(self, trainer, row):
            weights.append(trainer.model.layers[0].weights.value.copy())

    trainer = make([Falls(values), stopping, Keep()])
    trainer.train(len(values), log_level=0)
    assert len(trainer.history) == n_epochs
    wanted = weights[-1 if best is None else best]
    np.testing.assert_array_equal(trainer.model.layers[0].weights.value, wanted)


def test_early_stopping_goes_on_where_it_was_saved(tmp_path):
    values = [3, 2, 1, 4, 4, 4]
    whole = make([Falls(values), EarlyStopping(patience=3)])
    whole.train(9, log_level=0)
    first = make([Falls(values), EarlyStopping(patience=3), Checkpoints(tmp_path)])
    first.train(4, log_level=0)
    second = make([Falls(values), EarlyStopping(patience=3), Checkpoints(tmp_path)], seed=5)
    load(second.callbacks[2].newest(), second.model, second.optimizer, trainer=second)
    second.train(5, log_level=0)
    same_bits(whole, second)
    assert len(second.history) == 6


# checkpoints and logs


def test_checkpoints_keep_the_last_and_the_best(tmp_path):
    folder = tmp_path / "new" / "runs"
    checkpoints = Checkpoints(folder, keep=2, best="smallest")
    trainer = make([checkpoints, Falls([3, 1, 2, 5])])
    trainer.train(4, log_level=0)
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.safetensors", "step-0000012.safetensors", "step-0000016.safetensors",
    ]  # fmt: skip
    assert checkpoints.newest() == folder / "step-0000016.safetensors"
    best = make(seed=2)
    load(folder / "best.safetensors", best.model, best.optimizer, trainer=best)
    assert len(best.history) == 2


def test_a_new_run_is_refused_where_one_has_saved(tmp_path):
    """Old files would pass for the newest, and those of this run would be the first to be removed."""
    make([Checkpoints(tmp_path)]).train(1, log_level=0)
    trainer, files = make([Checkpoints(tmp_path)], seed=1), sorted(tmp_path.iterdir())
    with pytest.raises(
        ArgumentError,
        match=r"Checkpoints: folder must have no checkpoints when a run begins, has .*step-0000004",
    ):
        trainer.train(1, log_level=0)
    assert (trainer.n_steps, sorted(tmp_path.iterdir())) == (0, files)
    load(trainer.callbacks[0].newest(), trainer.model, trainer.optimizer, trainer=trainer)
    trainer.train(1, log_level=0)
    assert trainer.callbacks[0].newest().name == "step-0000008.safetensors"


def test_a_run_that_goes_back_removes_the_checkpoints_that_it_has_gone_back_over(tmp_path):
    trainer = make([Checkpoints(tmp_path, every_steps=1, every=9, keep=None)])
    trainer.train(n_steps=3, log_level=0)
    load(tmp_path / "step-0000001.safetensors", trainer.model, trainer.optimizer, trainer=trainer)
    trainer.train(n_steps=1, log_level=0)
    assert [path.name[-13] for path in sorted(tmp_path.iterdir())] == ["1", "2"]


def test_checkpoints_within_an_epoch(tmp_path):
    whole = make()
    whole.train(3, log_level=0)
    trainer = make([Checkpoints(tmp_path, every_steps=3, keep=None)])
    trainer.train(2, log_level=0)
    steps = [3, 4, 6, 8]
    names = [f"step-{n:07}.safetensors" for n in steps]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name, n in zip(names, steps, strict=True):
        other = make(seed=n)
        load(tmp_path / name, other.model, other.optimizer, trainer=other)
        other.train(n_steps=12 - n, log_level=0)
        same_bits(whole, other)


def test_logs_have_a_line_for_each_epoch_also_after_a_resume(tmp_path):
    def logs():
        return [
            JSONLog(tmp_path / "log.jsonl"),
            CSVLog(tmp_path / "log.csv"),
            Checkpoints(tmp_path),
        ]

    first = make(logs())
    first.train(2, log_level=0)
    newest = first.callbacks[2].newest()
    kept = newest.read_bytes()
    first.train(1, log_level=0)  # which is lost
    newest.write_bytes(kept)
    second = make(logs(), seed=4)
    load(newest, second.model, second.optimizer, trainer=second)
    second.train(2, log_level=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [line["step"] for line in lines] == [4, 8, 12, 16]
    for i, (line, row, wanted) in enumerate(zip(lines, rows, second.history, strict=True)):
        assert line == {"epoch": i, "step": 4 * (i + 1), **wanted}
        assert {name: float(row[name]) for name in wanted} == wanted


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
def test_half_a_line_at_the_end_of_a_log_is_removed(kind, tmp_path):
    first = make([kind(tmp_path / "log")])
    first.train(2, log_level=0)
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole[:-5])  # as a full disk or a loss of power may leave it
    first.train(1, log_level=0)
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert lines[:-1] == whole.splitlines()[:-1]
    assert re.match(rb"2,12,|{.epoch.: 2, ", lines[-1])


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
def test_a_log_is_replaced_whole_when_a_run_is_resumed(kind, tmp_path, monkeypatch):
    make([kind(tmp_path / "log")]).train(2, log_level=0)
    before = (tmp_path / "log").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=rf"{kind.__name__}: .*log could not be written: No space"):
        make([kind(tmp_path / "log")]).train(1, log_level=0)
    assert (tmp_path / "log").read_bytes() == before
    assert os.listdir(tmp_path) == ["log"]


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
@pytest.mark.parametrize("content", ["name\nAda\n", "3\n", '["a"]\n\n', "\n\n", "one"])
def test_a_file_that_is_no_log_is_refused_and_kept(kind, content, tmp_path):
    (tmp_path / "log").write_text(content)
    with pytest.raises(DataError, match=rf"{kind.__name__}: .*log must be a log that"):
        make([kind(tmp_path / "log")]).train(1, log_level=0)
    assert (tmp_path / "log").read_text() == content


def test_json_has_no_nan(tmp_path):
    trainer = make([Falls([float("nan")]), JSONLog(tmp_path / "log.jsonl")])
    trainer.train(1, log_level=0)
    assert json.loads((tmp_path / "log.jsonl").read_text())["val_loss"] is None


class Replaced(Callback):
    """Removes the log after the first epoch, as a user may who has seen enough of it."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, row):
        if len(trainer.history) == 1:
            self.path.unlink()


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
def test_a_log_that_is_removed_while_it_is_open_is_made_again(kind, tmp_path):
    path = tmp_path / "log"
    make([kind(path), Replaced(path)]).train(3, log_level=0)
    found = path.read_text().splitlines()
    make([kind(tmp_path / "whole")]).train(3, log_level=0)
    whole = (tmp_path / "whole").read_text().splitlines()
    assert found == (whole[1:] if kind is JSONLog else [whole[0], *whole[2:]])


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
def test_lines_are_in_the_file_at_once_and_it_is_closed_at_the_end(kind, tmp_path):
    """A process that is killed after an epoch has its line: no buffer keeps it."""
    lengths, log = [], kind(tmp_path / "log")

    class Looks(Callback):
        def on_epoch_end(self, trainer, row):
            lengths.append(len((tmp_path / "log").read_text().splitlines()))

    trainer = make([log, Looks()])
    trainer.train(2, log_level=0)
    head = kind is CSVLog
    assert lengths == [1 + head, 2 + head]
    assert not [n for n in os.listdir("/proc/self/fd") if _leads_to(n, tmp_path / "log")]


def _leads_to(number, path):
    with contextlib.suppress(FileNotFoundError):  # the folder's own
        return os.readlink(f"/proc/self/fd/{number}") == str(path)
    return False


ROWS = [
    {"loss": 0.1, "val_loss": 1e-300, "val_metric.größe": 12345678.5},
    {"loss": float("inf"), "n": 3, "is_best": True, "big": 2**70},
    {'a "name", quoted': np.float64(0.1) + 0.2, "half": -0.0},
]


@pytest.mark.parametrize("row", ROWS)
def test_lines_are_those_of_pythons_own_writers(row, tmp_path):
    valid = {name: value if math.isfinite(value) else None for name, value in row.items()}
    assert JSONLog("log")._line(row) == json.dumps(valid) + "\n"
    text = io.StringIO(newline="")
    csv.writer(text).writerows([row, row.values()])
    log = CSVLog(tmp_path / "log")
    assert log._line(row) == text.getvalue()
    log.on_train_end(None)


def test_learning_curves_are_drawn(tmp_path):
    matplotlib = pytest.importorskip("matplotlib", reason="plots")
    trainer = make([LearningCurves(tmp_path / "curves.png")])
    trainer.train(3, log_level=0)
    image = matplotlib.image.imread(tmp_path / "curves.png")
    assert image.ndim == 3
    assert 0.5 < image[..., :3].mean() < 1  # something is drawn on white
    assert image[..., :3].min() < 0.5


def test_learning_curves_show_the_history_by_whole_epochs(tmp_path, monkeypatch):
    figures = pytest.importorskip("matplotlib.figure", reason="plots")
    drawn = []
    monkeypatch.setattr(figures.Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    trainer = make([LearningCurves(tmp_path / "curves.png")])
    trainer.metric = None
    trainer.train(1, log_level=0)
    trainer.metric = accuracy  # which the first epoch does not have
    trainer.train(2, log_level=0)
    losses, metrics = drawn[-1].axes
    found = {
        line.get_label(): line.get_xydata().T for axes in (losses, metrics) for line in axes.lines
    }
    assert set(found) == {"loss", "val_loss", "val_metric"}
    for name, (epochs, values) in found.items():
        assert epochs.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(values, [row.get(name, np.nan) for row in trainer.history])
    assert (losses.get_ylabel(), metrics.get_ylabel(), metrics.get_xlabel()) == (
        "loss",
        "metric",
        "epoch",
    )
    ticks = metrics.xaxis.get_major_locator().tick_values(0, 2)
    assert all(tick == int(tick) for tick in ticks)


def test_the_line_of_progress_is_gone_when_a_row_is_printed(capsys):
    pytest.importorskip("tqdm", reason="progress is shown by tqdm")
    with contextlib.redirect_stdout(sys.stderr):  # one stream, as on a terminal
        make([Progress(always=True)]).train(2, log_level=1)
    shown = capsys.readouterr().err
    rows = [shown[: shown.index(f"epoch= {n:2d} | loss=")] for n in (0, 1)]
    assert all(before.endswith("\r") and "| 4/4 " not in before[-20:] for before in rows)


def test_progress_is_shown_within_an_epoch_and_is_quiet_without_a_terminal(capsys):
    pytest.importorskip("tqdm", reason="progress is shown by tqdm")
    trainer = make([Progress(always=True)])
    trainer.train(1, log_level=0)
    shown = capsys.readouterr().err
    assert "epoch 0" in shown
    assert "4" in shown
    trainer = make([Progress()])
    trainer.train(1, log_level=0)
    assert capsys.readouterr().err == ""


def test_tensorboard_reads_what_is_written(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard's files")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    trainer = make([TensorBoardLog(tmp_path)])
    trainer.train(3, log_level=0)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    for name in ("loss", "val_loss", "val_metric"):
        found = [
            (e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in events.Tensors(name)
        ]
        wanted = [(4 * (i + 1), row[name]) for i, row in enumerate(trainer.history)]
        assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in wanted]


# signals

PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
from test_callbacks import make
from portanet import load
from portanet.callbacks import Callback, Checkpoints, StopOnSignal

class Slow(Callback):
    def on_step_end(self, trainer):
        print(trainer.n_steps, flush=True)
        time.sleep(0.01)

checkpoints = Checkpoints({folder!r})
trainer = make([Slow(), StopOnSignal(checkpoints)])
trainer.train(10_000, log_level=0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_which_is_saved_and_resumed_with_the_same_bits(tmp_path, number):
    folder = tmp_path / "runs"
    program = PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder))
    root = str(Path(portanet.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while int(process.stdout.readline() or 99) < 6:
            pass
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(timeout=60) == 128 + number
    trainer, whole = make(seed=9), make()
    load(Checkpoints(folder).newest(), trainer.model, trainer.optimizer, trainer=trainer)
    assert trainer.n_steps >= 6
    n = 8 + trainer.n_steps
    trainer.train(n_steps=8, log_level=0)
    whole.train(n_steps=n, log_level=0)
    same_bits(whole, trainer)


def test_handlers_come_back_and_a_second_signal_ends_at_once(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    checkpoints = Checkpoints(tmp_path)

    class Twice(Callback):
        def on_step_end(self, trainer):
            if trainer.n_steps == 2:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    trainer = make([Twice(), StopOnSignal(checkpoints)])
    with pytest.raises(KeyboardInterrupt):
        trainer.train(2, log_level=0)
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoints.newest() is None


def test_a_trainer_off_the_main_thread_trains_without_handlers(tmp_path):
    before, ended = signal.getsignal(signal.SIGINT), []
    trainer = make([StopOnSignal(Checkpoints(tmp_path))])

    def train():
        trainer.train(2, log_level=0)
        ended.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert ended == [before]
    assert len(trainer.history) == 2


SHOWN = [
    "EarlyStopping(3)",
    "EarlyStopping(3, of='loss', best='largest', min_change=0.1, restore=False)",
    "Checkpoints('runs')",
    "Checkpoints('runs', every=2, every_steps=100, keep=None, best='largest', of='val_metric')",
    "CSVLog('log.csv')",
    "JSONLog('log.jsonl')",
    "StopOnSignal(Checkpoints('runs'))",
]


@pytest.mark.parametrize("text", SHOWN)
def test_callbacks_are_shown_as_what_makes_them(text):
    assert repr(eval(text)) == text


MISTAKES = {
    "no list": (lambda: make(EarlyStopping(patience=1)), r"Trainer: callbacks must be a list, is EarlyStopping"),
    "a class": (lambda: make([EarlyStopping]), r"callbacks\[0\] must be a Callback.*make one of it with \(\)"),
    "a function": (lambda: make([print]), r"callbacks\[0\] must be a Callback such as EarlyStopping\(patience=3\)"),
    "no patience": (lambda: EarlyStopping(patience=0), "EarlyStopping: patience must be an integer >= 1, is 0"),
    "an unknown number": (
        lambda: make([EarlyStopping(1, of="val_los")]).train(1, log_level=0),
        "EarlyStopping: of must be one of an epoch's numbers, loss, val_loss, val_metric; is 'val_los'"),
    "which is best": (lambda: EarlyStopping(1, best="low"), "best must be 'smallest' or 'largest', is 'low'"),
    "neither epochs nor steps": (lambda: make().train(), "Trainer.train: n_epochs or n_steps must be given"),
    "both": (lambda: make().train(1, n_steps=3), "n_epochs or n_steps must be given, one of them"),
    "steps that are no number": (lambda: make().train(n_steps=1.5), "n_steps must be an integer >= 0, is 1.5"),
    "a file for a folder": (lambda: Checkpoints(__file__), "Checkpoints: folder must be a folder, .*is a file"),
    "no checkpoints for a signal": (lambda: StopOnSignal("runs"), "StopOnSignal: checkpoints must be Checkpoints"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    call, words = MISTAKES[mistake]
    with pytest.raises(ArgumentError, match=words):
        call()


def test_a_trainer_with_sgd_still_trains_on_after_an_interrupt():
    trainer = make()
    trainer.optimizer = SGD(trainer.model, lr=0.1)

    class Interrupt(Callback):
        def on_step_end(self, trainer):
            if trainer.n_steps == 2:
                raise KeyboardInterrupt

    trainer.callbacks = [Interrupt()]
    with pytest.raises(KeyboardInterrupt):
        trainer.train(1, log_level=0)
    assert trainer.position == 0
    trainer.callbacks = []
    trainer.train(1, log_level=0)
    assert len(trainer.history) == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_trainer_within_an_epoch_is_copied(copied, backend):
    trainer, whole = make(backend=backend, compile=False), make(backend=backend, compile=False)
    trainer.train(n_steps=6, log_level=0)
    other = copied(trainer)
    other.train(n_steps=6, log_level=0)
    whole.train(3, log_level=0)
    same_bits(whole, other)
