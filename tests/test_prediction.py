"""predict and predict_proba: what a network says of new samples, in batches, on every backend."""

import copy
import pickle

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import (
    LSTM,
    MSE,
    NLL,
    SGD,
    BCEWithLogits,
    BinaryCrossEntropy,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Embedding,
    Graph,
    Hinge,
    Input,
    KLDiv,
    Linear,
    LogSoftmax,
    Losses,
    PoissonNLL,
    ReLU,
    Sequential,
    Sigmoid,
    Trainer,
)
from portanet.errors import ArgumentError, DataError, DtypeError, ShapeError
from portanet.prediction import WARM

N = 11


def network(criterion, n_outputs, *last):
    portanet.seed(0)
    return Sequential([Linear(3, 8), ReLU(), Dropout(0.5), Linear(8, n_outputs), *last], criterion)


def data(n=N):
    return np.random.default_rng(0).standard_normal((n, 3))


def outputs(model, X):
    """The outputs in float64, by NumPy alone."""
    first, second = model.layers[0], model.layers[3]
    w1, b1, w2, b2 = (
        portanet.backend_of(p.value).to_numpy(p.value).astype(np.float64)
        for p in (first.weights, first.bias, second.weights, second.bias)
    )
    return np.maximum(np.asarray(X, np.float64) @ w1 + b1, 0) @ w2 + b2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


# loss, outputs, layers at the end; from outputs z: what is predicted, and the probabilities
LOSSES = {
    "classes": (CrossEntropy, 4, [], lambda z: z.argmax(1), softmax),
    "classes by NLL": (NLL, 4, [LogSoftmax()], lambda z: z.argmax(1), softmax),
    "a label": (BCEWithLogits, 1, [], lambda z: z[:, 0] > 0, lambda z: np.hstack([sigmoid(-z), sigmoid(z)])),
    "a label by Sigmoid": (BinaryCrossEntropy, 1, [Sigmoid()], lambda z: z[:, 0] > 0,
                           lambda z: np.hstack([sigmoid(-z), sigmoid(z)])),
    "labels": (BCEWithLogits, 3, [], lambda z: z > 0, sigmoid),
    "a probability": (lambda: BCEWithLogits(soft_targets=True), 1, [], lambda z: sigmoid(z)[:, 0], None),
    "a margin": (Hinge, 1, [], lambda z: z[:, 0] > 0, None),
    "a number": (MSE, 1, [], lambda z: z[:, 0], None),
    "numbers": (MSE, 2, [], lambda z: z, None),
    "a distribution": (KLDiv, 4, [LogSoftmax()], softmax, softmax),
    "no loss": (lambda: None, 2, [], lambda z: z, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOSSES)
def test_predictions_are_in_the_terms_of_y(kind, backend):
    make, n, last, predicted, probabilities = LOSSES[kind]
    model = network(make(), n, *last).to(backend.name, device=backend.device)
    X = data()
    z = outputs(model, X)
    for batch_size in (1024, 4, 1):
        found = model.predict(X, batch_size=batch_size)
        assert portanet.backend_of(found) is backend
        assert_ulps(kind, backend.to_numpy(found), predicted(z), "float32", 32)
        if probabilities is not None:
            found = backend.to_numpy(model.predict_proba(X, batch_size=batch_size))
            assert_ulps(kind, found, probabilities(z), "float32", 32)


@pytest.mark.parametrize("fast", [False, True])
def test_later_batches_are_compiled_and_agree(fast):
    model, X = network(MSE(), 2), data(2000)
    if not fast:
        model.predict(X[:1])
        model.predictor._forward.fast = False
    first = model.predict(X, batch_size=50)  # 40 batches: the last ones compiled
    assert model.predictor._forward.refused is None
    assert len(model.predictor._forward._plans) == 1
    later = model.predict(X, batch_size=50)
    assert_ulps("y", later, outputs(model, X), "float32", 32)
    assert_ulps("y", first, outputs(model, X), "float32", 32)
    model.layers[0].weights.value = model.layers[0].weights.value * 2
    assert_ulps("y", model.predict(X, batch_size=50), outputs(model, X), "float32", 32)


def test_predicting_changes_nothing_and_costs_training_no_plan():
    X = data(40)
    model = network(CrossEntropy(), 2)
    trainer = Trainer(model, SGD(model, lr=0.1), DataLoader(Dataset(X, X[:, 0] > 0), 10))
    trainer.train(3, log_level=0)
    model.predict(X)
    before = {name: p.value.copy() for name, p in model.named_parameters().items()}
    for _ in range(WARM + 2):
        model.predict_proba(X)
    for name, p in model.named_parameters().items():
        np.testing.assert_array_equal(p.value, before[name])
    n_replays = trainer.compiled.plans.n_replays
    trainer.train(1, log_level=0)
    assert trainer.compiled.plans.n_replays == n_replays + 4
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        assert other.predictor._model is other


def test_data_of_any_kind(tmp_path):
    model, X = network(CrossEntropy(), 3), data().astype(np.float32)
    wanted = model.predict_proba(X)
    np.save(tmp_path / "X.npy", X)
    kinds = (X.tolist(), X.astype(np.float64), X.astype(">f4"), np.asfortranarray(X),
             np.load(tmp_path / "X.npy", mmap_mode="r"), X[::-1][::-1])  # fmt: skip
    for given in kinds:
        np.testing.assert_array_equal(model.predict_proba(given), wanted)
    assert model.predict(np.empty((0, 3))).shape == (0,)


def test_frames():
    pandas = pytest.importorskip("pandas", reason="data frames of pandas")
    model, X = network(MSE(), 1), data()
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    np.testing.assert_array_equal(model.predict(frame), model.predict(X))


def test_a_model_that_has_moved(backend):
    model, X = network(MSE(), 1), data()
    on_host = model.predict(X)
    model.to(backend.name, device=backend.device)
    found = model.predict(X)
    assert portanet.backend_of(found) is backend
    assert_ulps("y", backend.to_numpy(found), on_host, "float32", 16)
    if backend.name == "numpy":
        assert model.to(dtype="float64").predict(X).dtype == np.float64


def test_side_inputs_and_several_outputs():
    rng = np.random.default_rng(0)
    X = {"tokens": rng.integers(0, 5, (N, 4)), "lengths": rng.integers(1, 5, N)}
    model = Sequential(
        [Embedding(5, 3), LSTM(3, 4, return_sequences=False), Linear(4, 2)], CrossEntropy()
    )
    np.testing.assert_array_equal(model.predict_proba(X, batch_size=3).argmax(1), model.predict(X))
    with pytest.raises(DataError, match=r"lengths must be in \[0, 4\]"):
        model.predict(dict(X, lengths=X["lengths"] + 4))
    x = Input()
    hidden = ReLU()(Linear(3, 4)(x))
    graph = Graph(x, {"price": Linear(4, 1)(hidden), "kind": Linear(4, 3)(hidden)})
    both = Sequential([graph], Losses({"price": PoissonNLL(), "kind": CrossEntropy()}))
    found, z = both.predict(data(), batch_size=4), graph(data().astype("f4"))
    np.testing.assert_array_equal(found["kind"], z["kind"].argmax(1))
    assert found["price"].shape == (N,)


MISTAKES = {
    "no loss": (lambda: network(None, 2).predict_proba(data()), ArgumentError,
        r"predict_proba: the network must have a loss"),
    "a loss of numbers": (lambda: network(MSE(), 2).predict_proba(data()), ArgumentError,
        r"predict_proba: a network that is trained on MSE\(\) gives no probabilities; predict gives"),
    "a margin": (lambda: network(Hinge(), 1).predict_proba(data()), ArgumentError, "Hinge.. gives no probabilities"),
    "a data set": (lambda: network(MSE(), 2).predict(Dataset(data(), data())), ArgumentError,
        r"predict: X must be arrays, is a Dataset; give its inputs, data\.X"),
    "another width": (lambda: network(MSE(), 2).predict(data()[:, :2]), ShapeError, r"Linear\(3, 8\): x must be.*\(11, 2\)"),
    "NaN": (lambda: network(MSE(), 2).predict(data() * np.nan), DataError, "X must be finite"),
    "infinity": (lambda: network(MSE(), 2).predict([[1, 2, np.inf]]), DataError, "X must be finite, 1 of its"),
    "too large": (lambda: network(MSE(), 2).predict(data() * 1e300), DataError, "X must fit into float32"),
    "text": (lambda: network(MSE(), 2).predict([["a", "b", "c"]]), DtypeError, "X must hold real numbers"),
    "no batch size": (lambda: network(MSE(), 2).predict(data(), batch_size=0), ArgumentError,
        "predict: batch_size must be an integer >= 1, is 0"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, error, words = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found_anywhere(dtype, bad):
    largest = np.finfo(dtype).max
    for at in (0, 700, 999):
        x = np.full((1000, 1), largest, dtype)  # whose squares overflow
        Dataset(x, np.zeros(1000))
        x[at] = bad
        with pytest.raises(DataError, match="X must be finite, 1 of its numbers"):
            Dataset(x, np.zeros(1000))
