"""MLPs beside scikit-learn's: the same numbers in float64, and what is this library's own."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import neural_network
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning

from portanet.compiler.engines.numpy.pays import Savings
from portanet.errors import DataError
from portanet.estimators import MLPClassifier, MLPRegressor, mlp_workspace

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
CANCER = tuple(part[:300] for part in load_breast_cancer(return_X_y=True))
DIABETES = load_diabetes(return_X_y=True)
TWO_NUMBERS = DIABETES[0], np.c_[DIABETES[1], np.sqrt(DIABETES[1])]
LABELS = make_multilabel_classification(n_samples=80, random_state=0)
WEIGHTS = np.random.RandomState(0).rand(len(IRIS[1]))

CASES = {
    "adam": (MLPClassifier, IRIS, {}),
    "two classes": (MLPClassifier, CANCER, {"alpha": 0.1}),
    "strings": (MLPClassifier, (IRIS[0], np.asarray(["a", "b", "c"])[IRIS[1]]), {}),
    "several labels": (MLPClassifier, LABELS, {}),
    "numbers": (MLPRegressor, DIABETES, {}),
    "two numbers": (MLPRegressor, TWO_NUMBERS, {"activation": "tanh"}),
    "counts": (MLPRegressor, DIABETES, {"loss": "poisson"}),
    "sgd, adaptive": (MLPClassifier, IRIS, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1}),
    "sgd, invscaling": (MLPClassifier, IRIS, {"solver": "sgd", "learning_rate": "invscaling"}),
    "sgd, plain": (MLPClassifier, IRIS, {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5}),
    "three layers": (MLPClassifier, IRIS, {"hidden_layer_sizes": (12, 7), "activation": "logistic"}),
    "no activation": (MLPClassifier, IRIS, {"activation": "identity", "alpha": 0.0}),
    "batches": (MLPClassifier, IRIS, {"batch_size": 32}),
    "in order": (MLPClassifier, IRIS, {"batch_size": 32, "shuffle": False}),
    "early stopping": (MLPClassifier, IRIS, {"early_stopping": True}),
    "early stopping of numbers": (MLPRegressor, DIABETES, {"early_stopping": True, "tol": 0.1}),
    "stops by itself": (MLPClassifier, IRIS, {"tol": 0.01, "n_iter_no_change": 3}),
    "lbfgs": (MLPClassifier, IRIS, {"solver": "lbfgs", "max_iter": 10}),
    "lbfgs, three layers": (MLPClassifier, CANCER, {"solver": "lbfgs", "hidden_layer_sizes": (12, 7), "alpha": 0.1}),
    "lbfgs, one layer": (MLPRegressor, DIABETES, {"solver": "lbfgs", "hidden_layer_sizes": ()}),
    "lbfgs of numbers": (MLPRegressor, DIABETES, {"solver": "lbfgs", "max_iter": 10}),
}  # fmt: skip


def pair(cls, **options):
    """scikit-learn's estimator, and ours."""
    options = {"random_state": 3, "max_iter": 30} | options
    return getattr(neural_network, cls.__name__)(**options), cls(dtype="float64", **options)


def assert_alike(theirs, ours, X):
    for a, b in zip(
        theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-11)
    predicted = ours.predict(X)
    assert predicted.dtype == theirs.predict(X).dtype
    if predicted.dtype.kind == "f":
        np.testing.assert_allclose(predicted, theirs.predict(X), rtol=1e-8)
    else:
        assert predicted.tolist() == theirs.predict(X).tolist()
        np.testing.assert_allclose(
            ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-7, atol=1e-12
        )


@pytest.mark.parametrize("case", CASES)
def test_a_fit_is_scikit_learns(case):
    """Initial weights, order of samples, formulas and stopping rule: rounding only differs."""
    cls, (X, y), options = CASES[case]
    theirs, ours = pair(cls, **options)
    theirs.fit(X, y)
    ours.fit(X, y)
    assert_alike(theirs, ours, X)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        if getattr(theirs, name, None) is not None:
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_sample_weights_are_scikit_learns(cls, solver):
    theirs, ours = pair(cls, solver=solver, batch_size=64)
    theirs.fit(*IRIS, sample_weight=WEIGHTS)
    ours.fit(*IRIS, sample_weight=WEIGHTS)
    assert_alike(theirs, ours, IRIS[0])
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_is_scikit_learns_also_after_a_pickle(solver):
    theirs, ours = pair(MLPClassifier, solver=solver, learning_rate="invscaling", batch_size=40)
    for epoch in range(12):
        theirs.partial_fit(*IRIS, classes=[0, 1, 2])
        ours.partial_fit(*IRIS, classes=[0, 1, 2])
        if epoch == 5:
            ours = pickle.loads(pickle.dumps(ours))
    assert_alike(theirs, ours, IRIS[0])


def test_a_warm_start_is_scikit_learns():
    theirs, ours = pair(MLPRegressor, warm_start=True)
    for _ in range(3):
        theirs.fit(*DIABETES)
        ours.fit(*DIABETES)
    assert_alike(theirs, ours, DIABETES[0])
    assert len(ours.loss_curve_) == len(theirs.loss_curve_) == 90


def test_weights_that_are_assigned_are_predicted_with():
    _, ours = pair(MLPRegressor)
    X, y = DIABETES
    before = ours.fit(X, y).predict(X)
    ours.intercepts_[-1] = ours.intercepts_[-1] + 1.0
    np.testing.assert_allclose(ours.predict(X), before + 1)
    ours.intercepts_[-1] -= 1.0  # in place
    np.testing.assert_allclose(ours.predict(X), before)


def same_bits(a, b):
    return all(map(np.array_equal, a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_))


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_a_seed_gives_the_same_bits_whatever_was_fitted_before(dtype):
    """The first fit of a form is traced, a later one replays its step, one is not compiled."""
    mlp_workspace._waiting.clear()
    options = {"random_state": 0, "max_iter": 80, "dtype": dtype}
    first = MLPClassifier(**options).fit(*CANCER)
    assert len(mlp_workspace._waiting) == 1
    assert same_bits(first, MLPClassifier(**options).fit(*CANCER))
    assert same_bits(first, MLPClassifier(**options, compile=False).fit(*CANCER))


@pytest.mark.parametrize("dtype", [None, "float32"])
@pytest.mark.parametrize("name", ["adam", "two classes", "several labels", "two numbers"])
def test_compiling_in_the_middle_of_a_fit_changes_no_bit(name, dtype, monkeypatch):
    """The first fit is NumPy's, the second is compiled on the way, the third from the start."""
    pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")
    kind, data, options = CASES[name]
    mlp_workspace._waiting.clear()
    options = {"random_state": 0, "max_iter": 80, "dtype": dtype} | options
    monkeypatch.setattr(Savings, "_lost", -1e9)
    first = kind(**options).fit(*data)
    (workspace,) = mlp_workspace._waiting.values()
    assert not any(planned.plan.compiled for planned in workspace.steps.plans.values())
    monkeypatch.setattr(Savings, "_lost", 1e9)
    for _ in range(2):
        assert same_bits(first, kind(**options).fit(*data))
        assert list(mlp_workspace._waiting.values()) == [workspace]
        assert all(planned.plan.compiled for planned in workspace.steps.plans.values())


def test_two_fits_do_not_share_a_workspace():
    """A fit that is interrupted by another of the same form goes on as if it had not been."""
    mlp_workspace._waiting.clear()
    one, other = (MLPClassifier(random_state=0, dtype="float64") for _ in range(2))
    alone = MLPClassifier(random_state=0, dtype="float64")
    for _ in range(5):
        one.partial_fit(*IRIS, classes=[0, 1, 2])
        other.fit(*IRIS)
        alone.partial_fit(*IRIS, classes=[0, 1, 2])
    assert same_bits(one, alone)


def test_few_workspaces_wait():
    mlp_workspace._waiting.clear()
    for units in range(2, 2 + mlp_workspace._MOST + 3):
        MLPRegressor(hidden_layer_sizes=units, max_iter=64, random_state=0).fit(*DIABETES)
    assert len(mlp_workspace._waiting) == mlp_workspace._MOST


@pytest.mark.parametrize(
    ("given", "dtype"), [("float64", None), ("float32", None), ("float64", "float32")]
)
def test_a_fit_is_in_the_dtype_of_x_or_in_the_one_asked_for(given, dtype):
    X, y = IRIS[0].astype(given), IRIS[1]
    ours = MLPClassifier(random_state=0, dtype=dtype).fit(X, y)
    assert {w.dtype for w in ours.coefs_} == {np.dtype(dtype or given)}
    p = ours.predict_proba(X)
    assert p.dtype == X.dtype
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=4 * np.finfo(given).eps)
    theirs = neural_network.MLPClassifier(random_state=0).fit(X, y)
    rounding = 1000 * np.finfo(dtype or given).eps  # five units of the last place each epoch
    np.testing.assert_allclose(p, theirs.predict_proba(X), rtol=0, atol=rounding)


@pytest.mark.parametrize("dense", [2**24, 0])
def test_sparse_matrices_are_taken_whole_or_batch_by_batch(dense, monkeypatch):
    monkeypatch.setattr("portanet.estimators.mlp_base._DENSE", dense)
    X, y = IRIS
    X = np.where(X > 2, X, 0.0)
    _, ours = pair(MLPClassifier, batch_size=64)
    expected, found = ours.fit(X, y).coefs_, ours.fit(csr_array(X), y).coefs_
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(b, a)
    np.testing.assert_allclose(ours.predict_proba(csr_array(X)), ours.predict_proba(X), rtol=1e-12)


def test_an_interrupt_keeps_what_was_learned(monkeypatch):
    ours = MLPClassifier(random_state=0, max_iter=50)
    n_epochs, epoch = [], mlp_workspace.Workspace.epoch

    def interrupted(self, batches):
        n_epochs.append(1)
        if len(n_epochs) > 5:
            raise KeyboardInterrupt
        return epoch(self, batches)

    monkeypatch.setattr(mlp_workspace.Workspace, "epoch", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours.fit(*IRIS)
    assert ours.n_iter_ == 5
    monkeypatch.undo()
    assert same_bits(ours, MLPClassifier(random_state=0, max_iter=5).fit(*IRIS))


def test_the_backends_agree(backend):
    """The network on another backend, X on the host: predictions come as NumPy arrays."""
    X, y = IRIS
    dtype = None if "float64" in backend.dtypes else "float32"
    options = {"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 3, "dtype": dtype}
    ours = MLPClassifier(**options)
    device = None if backend.name == "jax" else backend.device  # JAX's devices cannot be pickled
    there = MLPClassifier(**options, backend=backend.name, device=device)
    expected, found = ours.fit(X, y).predict_proba(X), there.fit(X, y).predict_proba(X)
    assert isinstance(found, np.ndarray)
    assert there.model_.backend is backend
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    moved = pickle.loads(pickle.dumps(there))
    np.testing.assert_allclose(moved.predict_proba(X), found, rtol=1e-4, atol=1e-6)
    ours.to_backend(backend.name, device=backend.device)
    np.testing.assert_allclose(ours.predict_proba(X), found, rtol=1e-4, atol=1e-6)


def test_what_is_wrong_is_said():
    X, y = IRIS
    with pytest.raises(DataError, match="several outputs with classes of their own"):
        MLPClassifier().fit(X, np.c_[y, y + 1])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        MLPClassifier().fit(X, y + 0.5)
    with pytest.raises(ValueError, match="The 'dtype' parameter"):
        MLPClassifier(dtype="float16").fit(X, y)
    with pytest.raises(DataError, match="classes not in `self"):
        MLPClassifier().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y + 1)
    with pytest.warns(UserWarning, match=r"Got batch_size=1000, more than the 150 samples"):
        MLPClassifier(batch_size=1000, max_iter=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
            MLPClassifier(max_iter=2).fit(X, y)
