"""Scores of portanet's MLPs and scikit-learn's, on the same splits with the same seeds."""

from typing import Any

SEEDS = 20
SCORES = {
    "iris": "MLPClassifier", "wine": "MLPClassifier", "digits": "MLPClassifier",
    "breast cancer": "MLPClassifier", "diabetes": "MLPRegressor", "California-sized": "MLPRegressor",
}  # fmt: skip


def data(name: str) -> tuple[Any, Any]:
    """Return X and y, float64 as scikit-learn's users have them."""
    import numpy as np
    from sklearn import datasets

    if name == "100,000 x 50":
        X = np.random.RandomState(0).standard_normal((100_000, 50))
        return X, (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    if name == "California-sized":
        rng = np.random.RandomState(0)
        X = rng.standard_normal((20_640, 8))
        y = X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] + 0.5 * rng.standard_normal(20_640)
        return X, y
    load = {"breast cancer": "load_breast_cancer"}.get(name, f"load_{name}")
    return getattr(datasets, load)(return_X_y=True)


def classes(kind: str) -> dict[str, Any]:
    """Return both libraries' estimators of a kind."""
    from sklearn import neural_network

    from portanet import estimators

    return {"scikit-learn": getattr(neural_network, kind), "portanet": getattr(estimators, kind)}


def scores(rounds: int, clock: str) -> dict[str, Any]:  # noqa: ARG001
    """Return the scores on a quarter of the data that is held out, for 20 seeds."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    found: dict[str, Any] = {}
    for name, kind in SCORES.items():
        X, y = data(name)
        found[name] = {"scikit-learn": [], "portanet": []}
        for seed in range(SEEDS):
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
            scale = StandardScaler().fit(X_train)
            options = {"California-sized": {"max_iter": 30}, "diabetes": {"max_iter": 1000}}.get(
                name, {}
            )
            for library, cls in classes(kind).items():
                estimator = cls(random_state=seed, **options).fit(scale.transform(X_train), y_train)
                found[name][library].append(estimator.score(scale.transform(X_test), y_test))
    return found
