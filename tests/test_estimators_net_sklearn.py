"""Networks within scikit-learn: pipelines, searches, calibration, importance, routing."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from portanet import Linear, Tanh
from portanet.estimators import NeuralNetClassifier, NeuralNetRegressor

X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)
ROOT = Path(__file__).parents[1]


def make(n_features, n_outputs, hidden=10):
    return [Linear(n_features, hidden), Tanh(), Linear(hidden, n_outputs)]


def classifier(module=make, **options):
    given = {"learning_rate": 0.05, "batch_size": 50, "random_state": 0} | options
    return NeuralNetClassifier(module, **given)


def test_a_pipeline_is_its_steps():
    scaler = StandardScaler().fit(X)
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    alone = classifier().fit(scaler.transform(X), y)
    assert (pipeline.predict_proba(X) == alone.predict_proba(scaler.transform(X))).all()
    pipeline.set_params(neuralnetclassifier__module__hidden=3).fit(X, y)
    assert pipeline[-1].model_.layers[0].weights.value.shape == (4, 3)


def test_columns_of_several_kinds():
    table = np.column_stack([X[:, 0].astype(object), np.where(X[:, 1] > 3, "wide", "narrow")])
    columns = ColumnTransformer([("z", StandardScaler(), [0]), ("kind", OneHotEncoder(), [1])])
    pipeline = make_pipeline(columns, classifier(max_epochs=30)).fit(table, y)
    made = columns.fit_transform(table)
    assert (pipeline.predict(table) == classifier(max_epochs=30).fit(made, y).predict(made)).all()
    assert pipeline.score(table, y) > 0.7


def test_names_of_features_go_through_a_pipeline():
    pandas = pytest.importorskip("pandas", reason="data frames of pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    net = classifier(max_epochs=2).fit(frame, y)
    assert net.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert (net.predict_proba(frame) == classifier(max_epochs=2).fit(X, y).predict_proba(X)).all()
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame.rename(columns={"a": "A"}))
    pipeline = make_pipeline(StandardScaler(), classifier(max_epochs=2))
    plain = pipeline.fit(X, y).predict_proba(X)
    pipeline.set_output(transform="pandas").fit(frame, y)
    assert pipeline[-1].feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_allclose(pipeline.predict_proba(frame), plain, rtol=1e-5)


def test_targets_are_scaled_around_a_network():
    net = NeuralNetRegressor([Linear(4, 1)], learning_rate=0.05, max_epochs=200, random_state=0)
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), net), transformer=StandardScaler()
    )
    assert scaled.fit(X, 1000 * X[:, 0] + 5000).score(X, 1000 * X[:, 0] + 5000) > 0.99


class Answers(ClassifierMixin, BaseEstimator):
    """Gives the probabilities that it got: a classifier without any of our code."""

    def __init__(self, rows=None, probabilities=None):
        self.rows, self.probabilities = rows, probabilities

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return self.probabilities[
            [int(np.flatnonzero((self.rows == row).all(axis=1))[0]) for row in X]
        ]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_is_that_of_the_same_probabilities(method):
    net = classifier(max_epochs=3).fit(X[::2], y[::2])
    answers = Answers(X, net.predict_proba(X)).fit(X, y)
    found, expected = (
        CalibratedClassifierCV(FrozenEstimator(one), method=method).fit(X, y).predict_proba(X)
        for one in (net, answers)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found != net.predict_proba(X)).any()


def test_importance_by_permutation():
    """A column whose weights are 0 has none; the others have what a count by hand gives."""
    net = classifier(max_epochs=20).fit(X, y)
    weights = net.model_.layers[0].weights
    weights.value = weights.value * np.asarray([[1], [0], [1], [1]], np.float32)
    found = permutation_importance(net, X, y, n_repeats=3, random_state=0)
    assert found.importances_mean[1] == 0
    rng = np.random.RandomState(0)
    seed = rng.randint(np.iinfo(np.int32).max + 1)
    shuffled, order = X.copy(), np.arange(150)
    rng = np.random.RandomState(seed)
    for i in range(3):
        rng.shuffle(order)
        shuffled[:, 2] = shuffled[order, 2]
        assert found.importances[2, i] == pytest.approx(net.score(X, y) - net.score(shuffled, y))


def test_weights_are_routed():
    """Half of the labels are wrong and have the weight 0."""
    wrong = np.arange(150) % 2 == 0
    labels, weights = np.where(wrong, (y + 1) % 3, y), np.where(wrong, 0.0, 1.0)
    expected = classifier(max_epochs=20).fit(X, labels, sample_weight=weights).predict_proba(X)
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier(max_epochs=20).set_fit_request(sample_weight=True)
        scaler = StandardScaler(with_mean=False, with_std=False)
        pipeline = make_pipeline(scaler.set_fit_request(sample_weight=False), net)
        pipeline.fit(X, labels, sample_weight=weights)
        scores = cross_val_score(net.set_score_request(sample_weight=True), X, labels, cv=3,
                                 params={"sample_weight": weights})  # fmt: skip
        not_asked = make_pipeline(StandardScaler(), classifier(max_epochs=1))
        with pytest.raises(ValueError, match="sample_weight"):
            not_asked.fit(X, labels, sample_weight=weights)
    assert (pipeline.predict_proba(X) == expected).all()
    assert min(scores) > 0.9
    assert classifier(max_epochs=20).fit(X, labels).score(X, y) < 0.9


def test_networks_vote():
    nets = [("a", classifier(random_state=1)), ("b", classifier(random_state=2))]
    vote = VotingClassifier(nets, voting="soft").fit(X, y)
    mean = np.mean([net.predict_proba(X) for net in vote.estimators_], axis=0)
    np.testing.assert_allclose(vote.predict_proba(X), mean, rtol=1e-6)


def test_predictions_of_folds_are_those_of_fits_without_them():
    found = cross_val_predict(classifier(), X, y, cv=3, method="predict_proba")
    rows = sklearn.model_selection.StratifiedKFold(3).split(X, y)
    for train, test in rows:
        expected = classifier().fit(X[train], y[train]).predict_proba(X[test])
        assert (found[test] == expected).all()


GRID = {"module__hidden": [4, 8], "optimizer": ["adam", "sgd"], "learning_rate": [0.05, 0.01]}

SEARCH = """
    import pickle, sys
    import numpy as np
    from joblib import parallel_config
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV
    from portanet import Linear, ReLU
    from portanet.estimators import NeuralNetClassifier

    def make(n_features, n_outputs, hidden=10):
        return [Linear(n_features, hidden), ReLU(), Linear(hidden, n_outputs)]

    def free_of_cupy(net, X, y):
        return 0.0 if "cupy" in sys.modules else 1.0

    def search(n_jobs):
        net = NeuralNetClassifier(make, batch_size=32, max_epochs=3, random_state=0)
        scoring = {"accuracy": "accuracy", "log": "neg_log_loss", "free": free_of_cupy}
        found = GridSearchCV(net, GRID, cv=5, n_jobs=n_jobs, scoring=scoring, refit="log")
        return found.fit(*load_iris(return_X_y=True))

    if __name__ == "__main__":
        one, two = search(1), search(2)
        X = load_iris().data
        for name, values in one.cv_results_.items():
            if "time" not in name and not name.startswith("param"):
                assert np.array_equal(values, two.cv_results_[name]), name
        assert (one.predict_proba(X) == two.predict_proba(X)).all()
        assert one.best_params_ == two.best_params_
        assert two.cv_results_["mean_test_free"].min() == 1.0, "CuPy was loaded in a process"
        print(len(one.cv_results_["params"]) * 5, "fits alike")
"""


def test_a_search_in_two_processes_is_that_in_one_and_loads_no_cupy(tmp_path):
    """40 fits, bit for bit. `cupy` is a module of ours here, that anything could import."""
    (tmp_path / "cupy.py").write_text("")
    script = tmp_path / "search.py"
    script.write_text(textwrap.dedent(SEARCH).replace("GRID", repr(GRID)))
    paths = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, script], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": paths})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "40 fits alike\n"


def test_a_search_over_threads_is_that_in_one():
    from joblib import parallel_config

    grid = {"module__hidden": [4, 8]}
    one, two = (
        GridSearchCV(classifier(), grid, cv=3),
        GridSearchCV(classifier(), grid, cv=3, n_jobs=2),
    )
    with parallel_config("threading"):
        two.fit(X, y)
    scores = [search.cv_results_["mean_test_score"] for search in (one.fit(X, y), two)]
    assert (scores[0] == scores[1]).all()


def test_a_search_over_dask_is_that_in_one():
    distributed = pytest.importorskip("distributed", reason="Dask's processes")
    from joblib import parallel_config

    grid = {"module__hidden": [4, 8]}
    one, two = (GridSearchCV(classifier(), grid, cv=3) for _ in range(2))
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
    ):
        two.fit(X, y)
    scores = [search.cv_results_["mean_test_score"] for search in (one.fit(X, y), two)]
    assert (scores[0] == scores[1]).all()
