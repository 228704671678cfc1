"""The trainer: one copy an epoch, histories, evaluation that disturbs nothing, moving midway."""

import sys

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
)
from portanet.compiler.engines.numpy.plan import NumpyPlan


def data(n=50):
    X = np.random.default_rng(0).standard_normal((n, 3))
    return Dataset(X, X[:, 0] > 0)


def trainer(place=None, **options):
    model = Sequential([Linear(3, 8), ReLU(), Linear(8, 1)], BCEWithLogits())
    if place is not None:
        model.to(place.name, device=place.device)
    train_dl, val_dl = DataLoader(data(), 16, shuffle=True), DataLoader(data(), 16)
    return Trainer(model, SGD(model, lr=0.5), train_dl, val_dl, accuracy, **options)


def test_one_copy_to_the_host_an_epoch(backend):
    t = trainer(backend)
    t.train(22, log_level=0)  # the plans are verified, on the host, at their replays 2, 4, 8 … 64
    before = backend.copies_to_host
    t.train(3, log_level=0)
    assert backend.copies_to_host == before + 3


def test_history_and_rows(capsys):
    t = trainer()
    t.train(4, log_level=2)
    assert [line[:10] for line in capsys.readouterr().out.splitlines()] == [
        "epoch=  1 ",
        "epoch=  3 ",
    ]
    assert [set(row) for row in t.history] == [{"loss", "val_loss", "val_metric"}] * 4
    assert t.history[3]["val_loss"] < t.history[0]["val_loss"]


def test_without_validation_only_the_loss_is_known(capsys):
    t = trainer()
    t = Trainer(t.model, t.optimizer, t.train_dl)
    t.train(1)
    assert set(t.history[0]) == {"loss"}
    assert capsys.readouterr().out.count("|") == 1


def test_evaluation_between_forward_and_backward_disturbs_nothing():
    def gradient(evaluate):
        portanet.seed(0)
        t = trainer()
        x, y = np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)
        t.model.criterion.forward(t.model.forward(x, training=True), y, training=True)
        if evaluate:
            t.evaluate(t.val_dl)
        t.model.backward()
        return t.model.layers[0].weights.grad

    assert (gradient(True) == gradient(False)).all()


def test_evaluate_gives_the_mean_over_all_samples():
    t = trainer()
    loss, metric = t.evaluate(t.val_dl)
    X, y = t.val_dl.ds.X.astype("float32"), t.val_dl.ds.y
    y_hat = t.model.forward(X)
    assert loss == pytest.approx(float(np.mean(t.model.criterion(y_hat, y))), rel=1e-6)
    assert metric == pytest.approx(float(np.mean((y_hat[:, 0] > 0) == y)))  # logits, not 0.5
    assert Trainer(t.model, t.optimizer, t.train_dl).evaluate(t.val_dl)[1] is None


def test_a_network_may_move_between_epochs(backend):
    portanet.seed(1)
    t = trainer()
    t.train(2, log_level=0)
    t.model.to(backend.name, device=backend.device)
    t.train(2, log_level=0)
    portanet.seed(1)
    at_home = trainer()
    at_home.train(4, log_level=0)
    for a, b in zip(t.history, at_home.history, strict=True):
        assert a == pytest.approx(b, rel=1e-5)


def test_labels_are_looked_at_where_data_enter_and_not_in_steps(monkeypatch):
    t = trainer()
    looks = []
    monkeypatch.setattr(BCEWithLogits, "check_targets", lambda self, *a, **k: looks.append(a))
    t.train(3, log_level=0)
    assert len(looks) == 2  # the training and the validation set, once each


def test_a_saved_run_goes_on_as_it_would_have(tmp_path):
    """Two epochs, save, load into new objects, two more: bit for bit four epochs, with dropout."""

    def new():
        layers = [Linear(3, 8), portanet.Dropout(0.3), ReLU(), Linear(8, 1)]
        model = Sequential(layers, BCEWithLogits())
        optimizer = portanet.Adam(model, lr=0.01)
        return Trainer(
            model, optimizer, DataLoader(data(), 16, shuffle=True), DataLoader(data(), 16)
        )

    whole = new()
    whole.train(4, log_level=0)
    portanet.seed(0)
    half = new()
    half.train(2, log_level=0)
    portanet.save(tmp_path / "run", half.model, half.optimizer, trainer=half)
    portanet.seed(99)
    other = new()
    portanet.load(tmp_path / "run", other.model, other.optimizer, trainer=other)
    other.train(2, log_level=0)
    assert other.history == whole.history
    for a, b in zip(whole.model.parameters(), other.model.parameters(), strict=True):
        assert (a.value == b.value).all()


def test_a_state_of_another_trainer_is_refused():
    t = trainer()
    state = t.state()
    state.numbers["streams"].pop()
    with pytest.raises(
        portanet.errors.ArgumentError, match="the state must be of a trainer with 2"
    ):
        t.load_state(state)


def test_six_frames_from_train_to_a_kernel(monkeypatch):
    depths = []
    start = NumpyPlan.__init__

    def init(self, *args, **options):
        start(self, *args, **options)
        replay = self.replay

        def counted():
            frame, depth = sys._getframe(1), 1  # the plan's own replay
            while frame.f_code.co_name != "train":
                frame, depth = frame.f_back, depth + 1
            depths.append(depth + 1)
            replay()

        self.replay = counted

    monkeypatch.setattr(NumpyPlan, "__init__", init)
    X = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    model = Sequential([Linear(1, 1)], BCEWithLogits())
    Trainer(model, SGD(model, lr=0.1), DataLoader(Dataset(X, X > 0), 16)).train(3, log_level=0)
    assert min(depths) == 6
