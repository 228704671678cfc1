"""Networks as scikit-learn estimators: values, and scikit-learn's own checks."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from portanet import (
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Flatten,
    Hinge,
    Linear,
    ReLU,
    Sequential,
    Softmax,
    Tanh,
    Trainer,
    accuracy,
)
from portanet.callbacks import Callback, EarlyStopping
from portanet.errors import (
    ArgumentError,
    CallError,
    DataError,
    LastLayerWarning,
    ShapeError,
)
from portanet.estimators import NeuralNetClassifier, NeuralNetRegressor
from portanet.random import streams_of
from portanet.schedules import Exponential

X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)


def make(n_features, n_outputs, hidden=10):
    return [Linear(n_features, hidden), Tanh(), Linear(hidden, n_outputs)]


def classifier(module=make, **options):
    given = {"learning_rate": 0.05, "batch_size": 50, "random_state": 0} | options
    return NeuralNetClassifier(module, **given)


def regressor(module=make, **options):
    given = {"learning_rate": 0.05, "batch_size": 50, "random_state": 0} | options
    return NeuralNetRegressor(module, **given)


# Batches of all samples: weights and repeated samples are the same then.
CHECKED = [e(batch_size=1000, max_epochs=50) for e in (classifier, regressor)]
CHECKS = {
    f"{type(estimator).__name__}-{i}-{getattr(check, 'func', check).__name__}": (estimator, check)
    for checked in CHECKED
    for i, (estimator, check) in enumerate(estimator_checks_generator(checked))
    if "array_api" not in str(check)  # those are in test_estimators_arrays.py
}


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_checks(name):
    estimator, check = CHECKS[name]
    check(estimator)


def trained(module, criterion, X, y, n_epochs, weights=None):
    """Return a network trained by portanet alone, with the seed that random_state=0 gives."""
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    with streams_of(seed):
        model = Sequential(module(X.shape[1], 3 if criterion else 1), criterion)
    data = Dataset(X, y, sample_weight=weights)
    loader = DataLoader(data, 50, shuffle=True, seed=seed)
    Trainer(model, Adam(model, 0.05), loader).train(n_epochs, log_level=0)
    return model


@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 150, dtype=np.float32)])
def test_a_fit_is_what_a_trainer_does(weights):
    net = classifier(max_epochs=5).fit(X, y, sample_weight=weights)
    model = trained(make, CrossEntropy(), X, y, 5, weights)
    assert (net.predict_proba(X) == model.predict_proba(X)).all()
    assert (net.predict(X) == model.predict(X)).all()


def test_weighted_least_squares():
    """A linear network at its minimum is the solution of the weighted normal equations."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y, weights = X @ [1.0, -2.0, 0.5] + 3 + rng.normal(size=40), rng.uniform(0, 2, 40)
    net = regressor([Linear(3, 1)], batch_size=40, max_epochs=2000).fit(X, y, sample_weight=weights)
    A, root = np.column_stack([X, np.ones(40)]), np.sqrt(weights)
    solution = np.linalg.lstsq(A * root[:, None], y * root, rcond=None)[0]
    np.testing.assert_allclose(net.predict(X), A @ solution, atol=1e-6)


def test_scores_are_of_the_labels_as_they_were_given():
    names = np.asarray(["setosa", "versicolor", "virginica"], dtype=object)[y]
    numbers, texts = classifier().fit(X, 10 * y - 5), classifier().fit(X, names)
    assert numbers.classes_.tolist() == [-5, 5, 15]
    assert set(numbers.predict(X)) == {-5, 5, 15}
    assert texts.score(X, names) == numbers.score(X, 10 * y - 5) > 0.9


def test_several_labels():
    targets = np.column_stack([y == 0, y == 2]).astype(int)
    net = classifier(max_epochs=30).fit(X, targets)
    assert isinstance(net.model_.criterion, BCEWithLogits)
    assert (net.predict(X) == (net.predict_proba(X) > 0.5)).all()
    assert net.score(X, targets) > 0.9


@pytest.mark.parametrize("criterion", [BCEWithLogits(), BCEWithLogits, Hinge()])
def test_losses_of_two_classes_have_one_output(criterion):
    net = classifier(criterion=criterion, max_epochs=30).fit(X, np.where(y == 0, "a", "b"))
    assert net.model_.layers[-1].weights.value.shape == (10, 1)
    assert net.score(X, np.where(y == 0, "a", "b")) == 1
    assert hasattr(net, "predict_proba") == (not isinstance(criterion, Hinge))
    if hasattr(net, "predict_proba"):
        np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


def test_several_targets():
    targets = np.column_stack([X[:, 0], -X[:, 1]])
    net = regressor([Linear(4, 2)], batch_size=150, max_epochs=1000).fit(X, targets)
    np.testing.assert_allclose(net.predict(X), targets, atol=0.1)


def test_texts_are_no_targets_of_a_regressor():
    with pytest.raises(TypeError, match="y must hold real numbers, is of dtype <U21"):
        regressor().fit(X, y.astype(str))


# Networks.


def picture(shape, n_outputs, channels=4):
    C, H, W = shape
    return [
        Conv2d(C, channels, 3),
        ReLU(),
        Flatten(),
        Linear(channels * (H - 2) * (W - 2), n_outputs),
    ]


def test_images():
    images, digits = load_digits(return_X_y=True)
    images = (images[:500] / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    net = classifier(picture, module__channels=8, learning_rate=0.01).fit(images, digits[:500])
    assert net.score(images, digits[:500]) > 0.95
    assert net.n_features_in_ == 1
    with pytest.raises(ShapeError, match=r"predict\(\): X must be \(N, 1, 8, 8\), as in fit, is"):
        net.predict(images[:, :, :4])


@pytest.mark.parametrize("fraction", [0, 0.2])
def test_sparse_matrices_train_as_dense_ones_do(fraction):
    images, digits = load_digits(return_X_y=True)
    images, digits = images[:300], digits[:300]
    net = classifier(max_epochs=2, validation_fraction=fraction)
    found = (
        clone(net).fit(sparse.csc_matrix(images), digits).predict_proba(sparse.csr_array(images))
    )
    assert (found == net.fit(images, digits).predict_proba(images)).all()


def test_indices_stay_integers():
    tokens = np.asarray([[0, 1], [2, 3]] * 20)
    labels = np.asarray(["even", "odd"] * 20)
    net = classifier([Embedding(4, 3), Flatten(), Linear(6, 2)]).fit(tokens, labels)
    assert net.predict([[0, 1], [2, 3]]).tolist() == ["even", "odd"]
    assert net.model_.dtype == "float32"


def test_a_network_is_a_pattern_whose_weights_are_drawn_anew():
    pattern = Sequential(make(4, 3), CrossEntropy(label_smoothing=0.1))
    before = pattern[0].weights.value.copy()
    net = classifier(pattern, max_epochs=2).fit(X, y)
    assert (pattern[0].weights.value == before).all()
    assert net.model_.criterion.label_smoothing == 0.1
    assert net.model_.criterion is not pattern.criterion
    again = classifier(make, criterion=CrossEntropy, criterion__label_smoothing=0.1, max_epochs=2)
    assert (again.fit(X, y).predict_proba(X) == net.predict_proba(X)).all()


def test_options_of_the_default_loss():
    net = classifier(criterion__label_smoothing=0.2, max_epochs=1).fit(X, y)
    assert repr(net.model_.criterion) == "CrossEntropy(label_smoothing=0.2)"


def test_a_parameter_is_stronger_than_the_networks_own_loss():
    own = Sequential(make(4, 3), CrossEntropy(label_smoothing=0.1))
    net = classifier(own, criterion=CrossEntropy(), max_epochs=1).fit(X, y)
    assert net.model_.criterion.label_smoothing == 0


def test_a_loss_is_told_what_the_last_layer_returns():
    with pytest.warns(LastLayerWarning):
        classifier([Linear(4, 3), Softmax()], max_epochs=1).fit(X, y)


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_the_dtype_is_that_of_x_unless_it_is_named(dtype):
    for given in ("float32", "float64"):
        net = classifier(dtype=dtype, max_epochs=1).fit(X.astype(given), y)
        assert net.predict_proba(X.astype(given)).dtype == (dtype or given)


def test_optimizers():
    def own(model, lr, decay):
        return Adam(model, lr, weight_decay=decay)

    given = {"optimizer": Adam, "optimizer_options": {"weight_decay": 0.1}}
    nets = [
        classifier(optimizer="ADAM", optimizer__weight_decay=0.1, max_epochs=2),
        classifier(**given, max_epochs=2),
        classifier(optimizer=own, optimizer__decay=0.1, max_epochs=2),
    ]
    found = [net.fit(X, y).predict_proba(X) for net in nets]
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    plain = classifier(max_epochs=2).fit(X, y).predict_proba(X)
    assert (found[0] != plain).any()


def test_a_schedule_of_learning_rates():
    net = classifier(learning_rate=Exponential(0.05, 0.1), max_epochs=2).fit(X, y)
    assert (net.predict_proba(X) != classifier(max_epochs=2).fit(X, y).predict_proba(X)).any()


# Parameters.


def test_parameters_of_parts():
    net = classifier(module__hidden=7)
    assert net.get_params()["module__hidden"] == 7
    net.set_params(module__hidden=5, optimizer__beta1=0.8, max_epochs=1)
    again = clone(net)
    assert again.get_params() == net.get_params()
    assert again.fit(X, y).model_.layers[0].weights.value.shape == (4, 5)
    assert again.optimizer_.beta1 == 0.8
    assert "module__hidden=5" in repr(net)
    assert "module__hidden" in net._repr_html_()


@pytest.mark.parametrize("name", ["max_epoch", "hidden", "modul__hidden", "module__"])
def test_unknown_parameters_are_refused(name):
    for call in (lambda: classifier(**{name: 3}), lambda: classifier().set_params(**{name: 3})):
        with pytest.raises(CallError, match=f"there is no parameter '{name}'"):
            call()
    with pytest.raises(CallError, match="Did you mean 'max_epochs'"):
        classifier(max_epoch=3)


REFUSED = [
    ({"module": 3}, "module must be a function, a network or a list of layers, is 3"),
    ({"module": lambda n, k: 3}, "module must return a network or a list of layers, returns 3"),
    ({"module": lambda n: []}, r"module must take \(n_features, n_outputs\)"),
    (
        {"module__hiden": 3},
        r"module must take .* options given as module__..., hiden; it is make\(",
    ),
    ({"module": [Linear(4, 3)], "module__hidden": 3}, "must be a function to have options, hidden"),
    ({"module": [Linear(4, 10)]}, r"must give \(N, 3\), gives \(N, 10\); the last layer is Linear"),
    ({"optimizer": "adamm"}, "optimizer must be 'adadelta', .* is 'adamm'"),
    ({"optimizer": 3}, "optimizer must be"),
    ({"optimizer__lr": 3}, "optimizer__lr is the parameter learning_rate"),
    ({"optimizer__beta3": 3}, "Adam.* beta3"),
    ({"learning_rate": -1}, "lr must be"),
    ({"criterion": 3}, "criterion must be a loss or a class of losses, is 3"),
    ({"criterion": CrossEntropy(), "criterion__axis": 1}, "must be a class to have options, axis"),
    ({"criterion": BCEWithLogits()}, "criterion must be a loss of classes, as y has 3 of them"),
    ({"batch_size": 0}, "NeuralNetClassifier: batch_size must be an integer >= 1"),
    ({"max_epochs": -1}, "n_epochs must be"),
    ({"validation_fraction": 1}, r"validation_fraction must be a number in \[0, 1\)"),
    ({"metric": accuracy}, "metric is computed with the samples that validation_fraction keeps"),
    ({"callbacks": EarlyStopping(3)}, r"callbacks must be a list, is EarlyStopping\(3\)"),
    ({"optimizer_options": 3}, "optimizer_options must be a dict such as .* is 3"),
    ({"callbacks": [3]}, r"callbacks\[0\] must be a Callback"),
    ({"backend": "numpyy"}, "no backend called 'numpyy'"),
    ({"dtype": "float16"}, "dtype must be"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_parameters_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        classifier(**({"module": make} | options)).fit(X, y)


def test_a_regression_loss_is_refused_for_labels():
    from portanet import MSE

    with pytest.raises(
        ArgumentError, match=r"loss of labels, is MSE\(\); for numbers there is Neur"
    ):
        classifier(criterion=MSE()).fit(X, y > 0)


def test_a_loss_of_labels_is_refused_for_numbers():
    with pytest.raises(ArgumentError, match=r"loss of numbers, is BCEWithLogits\(\); for labels"):
        regressor(criterion=BCEWithLogits()).fit(X, y > 0)


def test_early_stopping_without_validation_says_what_to_do():
    with pytest.raises(ArgumentError, match="is 'val_loss'") as caught:
        classifier(callbacks=[EarlyStopping(3)]).fit(X, y)
    assert caught.value.__notes__ == ["There is a val_loss with validation_fraction=0.1, say"]


def test_a_last_batch_of_one_may_be_dropped():
    net = classifier([Linear(4, 5), BatchNorm1d(5), Linear(5, 3)], batch_size=149, max_epochs=1)
    with pytest.raises(ShapeError, match="drop_last=True drops a last batch of one sample"):
        net.fit(X, y)
    assert len(net.set_params(drop_last=True).fit(X, y).history_) == 1


def test_half_precision_input_trains_in_float32():
    net = classifier(max_epochs=1).fit(X.astype(np.float16), y)
    assert net.predict_proba(X.astype(np.float16)).dtype == np.float32


def test_labels_that_are_none_are_refused():
    with pytest.raises(DataError, match="two classes or more, has one class"):
        classifier().fit(X, np.zeros(150, int))
    with pytest.raises(DataError, match=r"labels \(N,\), or 0 and 1 \(N, K\)"):
        classifier().fit(X, np.column_stack([y, y]))
    with pytest.raises(NotFittedError):
        classifier().predict(X)


# Training in parts.


def test_partial_fit_goes_through_the_epochs_of_fit():
    whole, parts = classifier(max_epochs=4).fit(X, y), classifier()
    for _ in range(4):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert (parts.predict_proba(X) == whole.predict_proba(X)).all()
    assert [row["loss"] for row in parts.history_] == [row["loss"] for row in whole.history_]


def test_partial_fit_needs_the_classes_once():
    net = classifier()
    with pytest.raises(DataError, match="classes must be given with the first call"):
        net.partial_fit(X, y)
    net.partial_fit(X[:100], y[:100], classes=[2, 1, 0]).partial_fit(X[100:], y[100:])
    assert net.predict_proba(X).shape == (150, 3)
    with pytest.raises(DataError, match=r"labels of the first fit, classes \[0, 1, 2\]; .* \[7\]"):
        net.partial_fit(X, np.where(y == 2, 7, y))
    with pytest.raises(DataError, match="labels of the first fit"):
        net.partial_fit(X, y, classes=[0, 1, 9])


def test_a_pickle_goes_on_as_the_estimator_does():
    net = regressor().partial_fit(X, X[:, 0])
    opened = pickle.loads(pickle.dumps(net))
    for one in (net, opened):
        one.partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    assert (net.predict(X) == opened.predict(X)).all()
    assert opened.optimizer_.model is opened.model_


def test_warm_start():
    net = classifier(max_epochs=2, warm_start=True).fit(X, y).fit(X, y)
    assert (net.predict_proba(X) == classifier(max_epochs=4).fit(X, y).predict_proba(X)).all()
    with pytest.raises(DataError, match="labels of the first fit"):
        net.fit(X, y + 1)
    cold = classifier(max_epochs=2).fit(X, y).fit(X, y)
    assert (cold.predict_proba(X) == classifier(max_epochs=2).fit(X, y).predict_proba(X)).all()


def test_random_state():
    a, b = (classifier(random_state=i, max_epochs=1).fit(X, y).predict_proba(X) for i in (0, 1))
    assert (a != b).any()
    np.random.seed(3)  # noqa: NPY002 - what random_state=None follows
    c = classifier(random_state=None, max_epochs=1).fit(X, y).predict_proba(X)
    np.random.seed(3)  # noqa: NPY002
    d = classifier(random_state=None, max_epochs=1).fit(X, y).predict_proba(X)
    assert (c == d).all()


class Seen(Callback):
    def __init__(self):
        self.n = 0

    def on_epoch_end(self, trainer, row):
        self.n += 1


def test_each_fit_has_callbacks_of_its_own():
    seen = Seen()
    net = classifier(callbacks=[seen], max_epochs=3).fit(X, y)
    net.fit(X, y)
    assert (seen.n, net.callbacks_[0].n) == (0, 3)


def test_validation_and_early_stopping():
    net = classifier(
        max_epochs=200, learning_rate=0.2, validation_fraction=0.2, metric=accuracy,
        callbacks=[EarlyStopping(patience=3)],
    ).fit(X, y)  # fmt: skip
    values = [row["val_loss"] for row in net.history_]
    assert len(values) < 200
    assert int(np.argmin(values)) == len(values) - 4
    assert set(net.history_[0]) == {"loss", "val_loss", "val_metric"}


def test_a_validation_set_has_each_class_alike():
    net = classifier(validation_fraction=0.2)
    from portanet.estimators.neural_net_training import Samples, split

    train, val = split("test", Samples(X, y, None), 0.2, 0, stratified=True)
    assert np.bincount(val.y).tolist() == [10, 10, 10]
    rows = np.concatenate([train.X, val.X])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, X))
    with pytest.raises(ValueError, match="test_size = 2 should be greater or equal"):
        net.fit(X[::15], y[::15])


def test_verbose_prints_rows(capsys):
    classifier(verbose=2, max_epochs=4).fit(X, y)
    assert capsys.readouterr().out.count("epoch=") == 2
    classifier(verbose=True, max_epochs=3).fit(X, y)
    assert capsys.readouterr().out.count("epoch=") == 3


def test_diabetes_is_learned():
    X, y = load_diabetes(return_X_y=True)
    net = regressor(max_epochs=100).fit(X * 20, y / 100)
    assert net.score(X * 20, y / 100) > 0.5
