"""The parts of a trainer may be replaced, overridden and looked at: what is there now is used."""

import copy
import gc
import itertools
import pickle
import warnings
import weakref
from typing import Any, cast

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Linear,
    NotCompiledWarning,
    Sequential,
    Tanh,
    Trainer,
    accuracy,
    confusion_matrix,
)
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.schedules import PerEpoch, Plateau, WarmUp
from portanet.training.staged import MAX_OTHERS

F4 = np.float32


def data(n=64, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, 4)).astype(F4)
    return Dataset(X, X[:, 0] > 0)


def network():
    return Sequential([Linear(4, 4), Tanh(), Linear(4, 1)], BCEWithLogits())


def trainer(compiled=True, kind=Trainer, rule=lambda m: SGD(m, lr=0.5), **options):
    portanet.seed(0)
    model = network()
    loader = DataLoader(data(), 16, True, seed=3)
    return kind(model, rule(model), loader, compile=compiled, **options)


def both(**options):
    return trainer(True, **options), trainer(False, **options)


def same_weights(pair):
    for a, b in zip(*(t.model.parameters() for t in pair), strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-5, atol=1e-6)


# the loader's options are those of the moment

CHANGES = {
    "batch_size": lambda dl: setattr(dl, "batch_size", 24),
    "drop_last": lambda dl: (setattr(dl, "batch_size", 24), setattr(dl, "drop_last", True)),
    "shuffle": lambda dl: setattr(dl, "shuffle", False),
    "ds": lambda dl: setattr(dl, "ds", data(40, seed=1)),
    "X": lambda dl: setattr(dl.ds, "X", 2 * dl.ds.X),
    "y": lambda dl: setattr(dl.ds, "y", ~dl.ds.y),
    "a method": lambda dl: setattr(dl, "order", lambda: np.arange(8)),
    "epoch": lambda dl: setattr(dl, "epoch", 0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_loader_that_changes_between_epochs_is_followed(name):
    """As if a loader with these options had been there: the order is the third epoch's."""
    pair = both()
    for t in pair:
        t.train(2, log_level=0)
        before, at = t.optimizer.n_steps, t.train_dl.epoch
        CHANGES[name](t.train_dl)
        wanted = [len(x) for x, _ in t.train_dl]
        t.train_dl.epoch = 0 if name == "epoch" else at
        t.train(1, log_level=0)
        assert t.optimizer.n_steps - before == len(wanted)
    same_weights(pair)
    assert pair[0].history[-1]["loss"] == pytest.approx(pair[1].history[-1]["loss"], rel=1e-5)


def test_evaluation_follows_the_loader():
    for t in both():
        loader = DataLoader(data(), 16)
        first = t.evaluate(loader)[0]
        loader.batch_size, loader.drop_last = 40, True
        x, y = loader.ds.X[:40], loader.ds.y[:40]
        wanted = float(np.mean(t.model.criterion(t.model.forward(x), y)))
        assert t.evaluate(loader)[0] == pytest.approx(wanted, rel=1e-5) != first
        loader.ds = Dataset(-loader.ds.X, loader.ds.y)
        wanted = float(np.mean(t.model.criterion(t.model.forward(-x), y)))
        assert t.evaluate(loader)[0] == pytest.approx(wanted, rel=1e-5)


def test_options_that_are_assigned_are_checked():
    loader = DataLoader(data(), 16)
    with pytest.raises(ArgumentError, match="DataLoader: batch_size must be an integer >= 1, is 0"):
        loader.batch_size = 0
    with pytest.raises(ArgumentError, match="DataLoader: ds must be a Dataset, is ndarray"):
        loader.ds = loader.ds.X
    assert loader.batch_size == 16


# what is replaced by assignment


def test_another_optimizer_steps_from_then_on():
    pair = both()
    for t in pair:
        first, t.optimizer = t.optimizer, Adam(t.model, lr=0.05)
        t.train(4, log_level=0)
        assert (first.n_steps, t.optimizer.n_steps) == (0, 16)
        t.optimizer = first
        t.train(4, log_level=0)
        assert first.n_steps == 16
    assert pair[0].compiled.optimizer is pair[0].optimizer
    same_weights(pair)


def test_another_model_is_trained_and_evaluated():
    pair = both(val_dl=DataLoader(data(seed=1), 16), metric=accuracy)
    for t in pair:
        t.train(3, log_level=0)
        old, before = t.model, t.model.layers[0].weights.value.copy()
        portanet.seed(5)
        t.model = Sequential([Linear(4, 1)], BCEWithLogits())
        with pytest.raises(ArgumentError, match="optimizer must be made for this model"):
            t.train(1, log_level=0)
        t.optimizer = SGD(t.model, lr=0.5)
        t.train(3, log_level=0)
        np.testing.assert_array_equal(old.layers[0].weights.value, before)
    same_weights(pair)
    assert pair[0].history[-1] == pytest.approx(pair[1].history[-1], rel=1e-5)


def test_another_loader_is_trained_on():
    pair = both()
    for t in pair:
        t.train(3, log_level=0)
        t.train_dl, t.val_dl = DataLoader(data(96, seed=2), 32), DataLoader(data(seed=1), 16)
        t.train(3, log_level=0)
        assert t.optimizer.n_steps == 3 * 4 + 3 * 3
        assert set(t.history[-1]) == {"loss", "val_loss"}
    same_weights(pair)


def test_another_criterion_sees_the_targets_that_it_wants():
    pair = both()
    for t in pair:
        t.train(2, log_level=0)
        t.model.criterion = portanet.MSE()
        t.train(2, log_level=0)
    same_weights(pair)


def test_another_metric_is_computed():
    for t in both(metric=accuracy):
        loader = DataLoader(data(), 16)
        first = t.evaluate(loader)[1]
        t.metric = lambda predictions, y: 1 - accuracy(predictions, y)
        assert t.evaluate(loader)[1] == pytest.approx(1 - first)
        t.metric = None
        assert t.evaluate(loader)[1] is None


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("train_dl", data(), "train_dl must be a DataLoader.*is Dataset"),
        ("val_dl", np.ones((3, 2)), r"val_dl must be a DataLoader.*is ndarray of shape \(3, 2\)"),
        ("optimizer", 0.1, "optimizer must be one such as SGD"),
        ("metric", "acc", "metric must be a function such as accuracy, is 'acc'"),
        ("model", None, "model must be a network with a loss"),
    ],
)
def test_parts_that_are_assigned_are_checked(part, value, message):
    t = trainer()
    setattr(t, part, value)
    with pytest.raises(ArgumentError, match=message):
        t.train(1, log_level=0)
    assert t.optimizer == 0.1 or t.optimizer.n_steps == 0


def test_evaluate_wants_a_loader():
    with pytest.raises(ArgumentError, match=r"Trainer: dl must be a DataLoader.*is \(.*"):
        trainer().evaluate((np.ones((3, 4)), np.ones(3)))


# a step of one's own


class Counting(Trainer):
    calls = 0

    def step(self, x, y):
        self.calls += 1
        losses = super().step(x, y)
        for p in self.model.parameters():
            p.value = p.value * F4(0.99)
        return losses


def test_a_step_that_is_overridden_is_called():
    t, wanted = trainer(kind=Counting), trainer(False, kind=Counting)
    message = (
        r"^running uncompiled: Counting\.step is overridden \(pass compile=False to silence this "
        r"warning\)$"
    )
    with pytest.warns(NotCompiledWarning, match=message) as caught:
        t.train(3, log_level=0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    t.train(2, log_level=0)  # says nothing: warnings are errors here
    wanted.train(5, log_level=0)
    assert t.calls == wanted.calls == 20
    same_weights((t, wanted))


def test_a_step_of_the_instance_is_called_and_can_be_taken_back():
    t, calls = trainer(), []
    t.step = lambda x, y: calls.append(len(x)) or Trainer.step(t, x, y)
    with pytest.warns(NotCompiledWarning, match=r"Trainer\.step is overridden"):
        t.train(1, log_level=0)
    assert calls == [16] * 4
    del t.step
    t.train(3, log_level=0)
    assert len(calls) == 4
    assert any(planned.verified for planned in t.compiled.plans.values())


@pytest.mark.parametrize("wrong", [None, F4(0.5), np.ones((16, 1), F4), np.ones(3, F4)])
def test_a_step_must_return_the_losses(wrong):
    t = trainer(False)
    t.step = lambda x, y: wrong
    with pytest.raises(
        ShapeError, match=r"Trainer.step: must return the losses of the batch, shape \(16,\)"
    ):
        t.train(1, log_level=0)


# metrics


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            np.eye(2),
            ShapeError,
            r"metric must return one number.*measure returned an array of shape \(2, 2\)",
        ),
        (
            None,
            DtypeError,
            r"metric must return one number, as accuracy does; measure returned None",
        ),
        ("0.5", DtypeError, r"measure returned '0\.5'"),
        ({"f1": 0.5}, DtypeError, r"measure returned \{'f1': 0\.5\}"),
        (
            np.array(1j),
            DtypeError,
            r"metric must return a real number; measure returned one of dtype complex128",
        ),
    ],
)
def test_a_metric_that_gives_no_number_is_refused_before_the_first_step(
    compiled, value, kind, message
):
    def measure(predictions, y):
        return value

    t = trainer(compiled, val_dl=DataLoader(data(), 16), metric=measure)
    before = [p.value.copy() for p in t.model.parameters()]
    with pytest.raises(kind, match=message):
        t.train(3, log_level=0)
    assert (t.optimizer.n_steps, t.history, t.train_dl.epoch) == (0, [], 0)
    for p, old in zip(t.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.value, old)
    with pytest.raises(kind, match=message):
        t.evaluate(t.val_dl)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_error_of_a_metric_comes_before_the_first_step(compiled):
    def broken(predictions, y):
        raise ZeroDivisionError("its own words")

    t = trainer(compiled, val_dl=DataLoader(data(), 16), metric=broken)
    with pytest.raises(ZeroDivisionError, match="its own words"):
        t.train(3, log_level=0)
    assert (t.optimizer.n_steps, t.history) == (0, [])


def test_a_metric_that_needs_all_samples_is_no_error():
    """The first batch has one class only, as in sorted data: a ranking cannot be computed there."""

    def strict_auc(predictions, y):
        if len(np.unique(y)) < 2:
            raise ValueError("one class only")
        return float(portanet.metrics.roc_auc(predictions, y))

    X = np.linspace(-1, 1, 64, dtype=F4).reshape(-1, 1) * np.ones((1, 4), F4)
    t = trainer(val_dl=DataLoader(Dataset(X, X[:, 0] > 0), 16), metric=strict_auc)
    t.train(1, log_level=0)
    assert 0 <= t.history[0]["val_metric"] <= 1


def test_a_metric_is_tried_once():
    calls = []

    def measure(predictions, y):
        calls.append(predictions.shape)
        return 0.5

    t = trainer(val_dl=DataLoader(data(), 16), metric=measure)
    t.train(0, log_level=0)
    assert calls == []
    for _ in range(3):
        t.train(1, log_level=0)
    assert calls == [(16, 1)] + 3 * [(64, 1)]


@pytest.mark.parametrize("value", [0.25, F4(0.25), np.float64(0.25), np.array([[0.25]]), True, 1])
def test_numbers_of_the_host_are_fine_on_every_backend(backend, value):
    model = network().to(backend.name, device=backend.device)
    loader = DataLoader(data(), 16)
    t = Trainer(model, SGD(model, lr=0.5), loader, loader, lambda y_hat, y: value)
    before = backend.copies_to_host
    assert t.evaluate(loader)[1] == float(np.asarray(value).item())
    assert backend.name == "numpy" or backend.copies_to_host == before + 1


def test_predictions_given_to_a_metric_never_change():
    for t in both(val_dl=DataLoader(data(), 64)):
        kept = []
        t.metric = lambda predictions, y, kept=kept: (
            kept.append((predictions, predictions.copy())) or 0.0
        )
        t.train(6, log_level=0)
        for held, copied in kept:
            np.testing.assert_array_equal(held, copied)
        assert (kept[-1][0] != kept[1][0]).all()


# evaluation leaves no trace


@pytest.mark.parametrize("compiled", [False, True])
def test_evaluation_on_the_training_data_changes_nothing(compiled):
    def trained(look):
        portanet.seed(0)
        layers = [Linear(4, 8), BatchNorm1d(8), Dropout(0.3), Tanh(), Linear(8, 1)]
        model = Sequential(layers, BCEWithLogits())
        loader = DataLoader(data(), 16, True, seed=1)
        schedule = Plateau(0.5, factor=0.1, patience=0)
        t = Trainer(model, SGD(model, lr=schedule), loader, loader, accuracy, compile=compiled)
        for _ in range(3):
            t.train(1, log_level=0)
            for _ in range(look):
                t.evaluate(loader)
        return t

    looked, plain = trained(3), trained(0)
    assert looked.history == plain.history
    assert looked.state() == plain.state()
    assert looked.train_dl.epoch == 3
    for a, b in zip(looked.model.parameters(), plain.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_a_loader_that_shuffles_is_evaluated_in_the_order_of_its_data():
    seen = []
    for t in both():
        t.metric = lambda predictions, y: (
            seen.append(np.asarray(y)[:, 0]) or 0.0
            if y.ndim > 1
            else seen.append(np.asarray(y)) or 0.0
        )
        t.evaluate(t.train_dl)
        np.testing.assert_array_equal(seen[-1], t.train_dl.ds.y)


# what is staged


@pytest.mark.parametrize("compiled", [False, True])
def test_loaders_are_not_kept_alive(compiled):
    t, seen = trainer(compiled), []
    t.train(2, log_level=0)
    for i in range(6):
        loader = DataLoader(data(48 + i), 16)
        seen += [weakref.ref(loader), weakref.ref(loader.ds), weakref.ref(loader.ds.X)]
        t.evaluate(loader)
        del loader
    seen.append(weakref.ref(t.train_dl))
    t.train_dl = DataLoader(data(), 16)
    t.train(1, log_level=0)
    gc.collect()
    assert [ref() for ref in seen] == [None] * len(seen)
    assert len(t._loaders._staged) == 1


def test_few_loaders_stay_staged():
    t = trainer(val_dl=DataLoader(data(), 16))
    loaders = [DataLoader(data(20 + i), 16) for i in range(5)]
    t.train(1, log_level=0)
    staged = t._staged(t.train_dl), t._staged(t.val_dl)
    for loader in loaders:
        t.evaluate(loader)
    assert len(t._loaders._staged) == 2 + MAX_OTHERS
    assert (t._staged(t.train_dl), t._staged(t.val_dl)) == staged
    last = t._staged(loaders[-1])
    assert t._staged(loaders[-1]) is last


def test_a_trainer_is_not_kept_alive_by_a_loader():
    loader = DataLoader(data(), 16)
    t = trainer()
    t.evaluate(loader)
    ref = weakref.ref(t)
    del t
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_a_trainer_that_has_evaluated_is_copied(copied):
    t = trainer(val_dl=DataLoader(data(), 16), metric=accuracy)
    t.train(2, log_level=0)
    other = copied(t)
    assert other.evaluate(other.val_dl) == pytest.approx(t.evaluate(t.val_dl), rel=1e-6)


# schedules that depend on the loss


def flat(schedule, best="smallest", **options):
    """A trainer whose losses and metric never change, as all rates are tiny."""
    model = network()
    loader = DataLoader(data(), 64)
    return Trainer(model, SGD(model, lr=schedule, **options), loader, loader, lambda y_hat, y: 0.5)


@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: WarmUp(s, 2), lambda s: PerEpoch(s, 1)])
@pytest.mark.parametrize("best", ["smallest", "largest"])
def test_schedules_are_told_after_each_epoch(wrapped, best):
    schedule = Plateau(1e-12, factor=0.1, patience=2, best=best)
    t = flat(wrapped(schedule))
    t.train(4, log_level=0)
    assert schedule(0) == pytest.approx(1e-13)


def test_schedules_of_groups_are_told():
    schedule = Plateau(1e-12, factor=0.1, patience=2)
    group = portanet.Group(portanet.is_vector, lr=schedule)
    flat(1e-12, groups=[group]).train(4, log_level=0)
    assert schedule(0) == pytest.approx(1e-13)


def test_a_schedule_in_two_places_is_told_once():
    schedule = Plateau(1e-12, factor=0.1, patience=2)
    group = portanet.Group(portanet.is_vector, lr=schedule)
    flat(schedule, groups=[group]).train(3, log_level=0)
    assert schedule(0) == 1e-12


def test_what_schedules_are_told():
    class Told:
        best = "smallest"

        def __init__(self):
            self.values = []

        def __call__(self, step):
            return 0.1

        def report(self, value):
            self.values.append(value)

    told = Told()
    t = trainer(rule=lambda m: SGD(m, lr=told))
    t.train(2, log_level=0)
    assert told.values == [row["loss"] for row in t.history]
    t.val_dl, t.metric = DataLoader(data(), 16), accuracy
    t.train(1, log_level=0)
    assert told.values[2] == t.history[2]["val_loss"]
    told.best = "largest"
    t.train(1, log_level=0)
    assert told.values[3] == t.history[3]["val_metric"]
    t.metric = None
    with pytest.raises(
        ArgumentError, match=r"Trainer: .*best='largest' is told the metric.*val_dl and metric"
    ):
        t.train(1, log_level=0)


def test_a_plateau_of_a_named_number(tmp_path):
    """Of two metrics the second is followed; a run that is resumed reduces its rate when the whole run does."""

    def run(seed=0):
        portanet.seed(seed)
        model, loader, n = network(), DataLoader(data(), 16), itertools.count()
        metric = {"a": lambda y_hat, y: next(n) * 1.0, "b": lambda y_hat, y: 0.5}
        schedule = Plateau(1e-3, patience=1, best="largest", of="val_metric.b")
        return schedule, Trainer(model, SGD(model, lr=schedule), loader, loader, metric)

    (whole, t), (_, first), (second, u) = run(), run(), run(1)
    t.train(3, log_level=0)
    first.train(2, log_level=0)
    path = tmp_path / "run.safetensors"
    portanet.save(path, first.model, first.optimizer, trainer=first)
    portanet.load(path, u.model, u.optimizer, trainer=u)
    assert second(0) == 1e-3
    u.train(1, log_level=0)
    assert whole(0) == second(0) == pytest.approx(1e-4)
    assert [row["loss"] for row in t.history] == [row["loss"] for row in u.history]


def test_a_plateau_of_a_number_that_there_is_not():
    t = flat(Plateau(0.1, of="val_metric.b"))
    with pytest.raises(
        ArgumentError,
        match=r"of must be one of an epoch's numbers, loss, val_loss, val_metric; is 'val_metric\.b'",
    ):
        t.train(1, log_level=0)
    assert t.optimizer.n_steps == 0
    with pytest.raises(
        ArgumentError, match="Plateau: of must be the name of a number such as 'val_loss', is 3"
    ):
        Plateau(0.1, of=cast("Any", 3))


# a run that diverges


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_that_diverges_is_said_once_a_call(compiled):
    t = trainer(compiled, rule=lambda m: SGD(m, lr=1e30))
    t.model.criterion = portanet.MSE()
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            t.train(3, log_level=0)
        said = [w for w in caught if issubclass(w.category, portanet.errors.DivergedWarning)]
        assert len(said) == 1
        assert said[0].filename == __file__
    message = str(said[0].message)
    assert "in epoch 3 loss is nan" in message
    assert "learning rate" in message


def test_a_validation_loss_that_is_not_finite_is_said():
    t = trainer(val_dl=DataLoader(data(), 16))
    t.val_dl.ds = Dataset(np.full((4, 4), 1e38, F4), [0, 1, 0, 1])
    t.model = Sequential([Linear(4, 1)], portanet.MSE())
    t.optimizer = SGD(t.model, lr=1e-9)
    with (
        np.errstate(all="ignore"),
        pytest.warns(portanet.errors.DivergedWarning, match=r"in epoch 0 val_loss is (nan|inf)"),
    ):
        t.train(1, log_level=0)


# parameters of one kind


@pytest.mark.parametrize("name", ["layers.0.bias", "layers.2.weights", "layers.2.bias"])
@pytest.mark.parametrize("road", ["forward", "train", "loader"])
def test_a_parameter_of_another_dtype_is_named(name, road):
    t = trainer()
    p = t.model.named_parameters()[name]
    p.value = p.value.astype("float64")
    ways = {
        "forward": lambda: t.model.criterion(t.model.forward(t.train_dl.ds.X), t.train_dl.ds.y),
        "train": lambda: t.train(1, log_level=0),
        "loader": lambda: t.train_dl.to(t.model),
    }
    if (road, name) == ("forward", "layers.2.bias"):
        return  # nothing meets the last bias but the loss
    with pytest.raises(
        DtypeError, match=rf"Sequential: {name} is float64, other parameters are float32.*float32"
    ):
        ways[road]()


# what was kept of a run


def test_states_are_copies():
    t = trainer()
    t.train(2, log_level=0)
    state = t.state()
    for _ in range(2):
        t.load_state(state)
        t.train(2, log_level=0)
        assert len(t.history) == 4
        t.history[0]["loss"] = -1.0
    assert len(state.numbers["history"]) == 2
    assert state.numbers["history"][0]["loss"] > 0


def test_classes_that_are_one_hot_are_refused_before_the_first_step():
    X, y = np.random.default_rng(0).standard_normal((30, 4)).astype(F4), np.arange(30) % 3
    model = Sequential([Linear(4, 3)], CrossEntropy())
    loader = DataLoader(Dataset(X, np.eye(3, dtype=F4)[y]), 10)
    t = Trainer(model, SGD(model, lr=0.1), loader, loader, accuracy)
    with pytest.raises(ShapeError, match=r"accuracy: .*class indices"):
        t.train(1, log_level=0)
    assert t.optimizer.n_steps == 0


@pytest.mark.parametrize("compile", [True, False])
def test_a_metric_of_portanets_own_that_is_no_number_is_refused(backend, compile):  # noqa: A002
    model = Sequential([Linear(3, 1)], BCEWithLogits())
    model.to(backend.name, device=backend.device)
    X = np.random.default_rng(0).standard_normal((8, 3))
    dl = DataLoader(Dataset(X, X[:, 0] > 0), 4)
    trainer = Trainer(model, SGD(model, lr=0.1), dl, metric=confusion_matrix, compile=compile)
    with pytest.raises(ShapeError, match=r"must return one number.*an array of shape \(2, 2\)"):
        trainer.evaluate(dl)
