"""A convolutional network as a step of scikit-learn's: scaled, searched over, scored.

python examples/estimators.py --jobs 2
python examples/estimators.py --backend cupy
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from portanet import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Reshape
from portanet.callbacks import EarlyStopping
from portanet.estimators import NeuralNetClassifier


def make(n_features, n_outputs, channels=8):
    """Return the layers for images of 8 x 8 pixels, of which a row of X has 64."""
    return [
        Reshape((1, 8, 8)),
        Conv2d(1, channels, 3, padding="same"), ReLU(), MaxPool2d(2),
        Conv2d(channels, 2 * channels, 3, padding="same"), ReLU(), MaxPool2d(2),
        Flatten(), Linear(2 * channels * n_features // 16, n_outputs),
    ]  # fmt: skip


def main(n_epochs=30, backend=None, n_jobs=1, seed=0):
    """Search for channels and a learning rate; return the accuracy on data that no fold had."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype("float32"), y, test_size=0.25, stratify=y, random_state=0
    )
    net = NeuralNetClassifier(
        make, batch_size=64, max_epochs=n_epochs, random_state=seed, backend=backend,
        validation_fraction=0.1, callbacks=[EarlyStopping(patience=5)],
    )  # fmt: skip
    pipeline = make_pipeline(MinMaxScaler(), net)
    grid = {
        "neuralnetclassifier__module__channels": [4, 8],
        "neuralnetclassifier__learning_rate": [0.003, 0.01],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X_train, y_train)
    print(f"{search.best_params_}: accuracy in the folds {search.best_score_:.3f}")
    print(classification_report(y_test, search.predict(X_test)))
    return search.score(X_test, y_test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    main(backend=args.backend, n_jobs=args.jobs)
