"""Tables: what becomes of columns and targets, beside scikit-learn; JSON; the training."""

import json

import numpy as np
import pytest

pandas = pytest.importorskip("pandas", reason="tables are read by pandas (extra cli)")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.metrics import classification_report, log_loss, r2_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from table_files import survey  # noqa: E402

import portanet  # noqa: E402
from portanet import DataLoader, Dataset, Linear, Sequential  # noqa: E402
from portanet.errors import ArgumentError, CheckpointError, DataError, DivergedError  # noqa: E402
from portanet.table import Preprocessing, TableModel, TrainOptions, train_table  # noqa: E402
from portanet.table.fitting import prepare  # noqa: E402
from portanet.table.kinds import kinds_of  # noqa: E402
from portanet.table.scores import class_scores, quantity_scores  # noqa: E402
from portanet.table.split import split  # noqa: E402
from portanet.table.target import Classes, Quantity  # noqa: E402
from portanet.table.task import task_of  # noqa: E402

EPS = np.finfo(np.float32).eps


def gappy():
    frame = survey()
    frame.loc[[3, 7, 50], "age"] = np.nan
    frame.loc[[5, 51], "city"] = None
    return frame


def of_sklearn(training, rows):
    """Return scikit-learn's features: number, indicator; categories, indicator."""
    steps = ColumnTransformer([
        ("age", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age"]),
        ("city", make_pipeline(SimpleImputer(strategy="most_frequent"),
                               OneHotEncoder(handle_unknown="ignore", sparse_output=False)), ["city"]),
    ])  # fmt: skip
    training, rows = (f.astype({"city": object}).where(f.notna(), np.nan) for f in (training, rows))
    found = steps.fit(training).transform(rows)
    return np.column_stack([found[:, 0], rows["age"].isna(), found[:, 1:], rows["city"].isna()])


def test_features_are_scikit_learns():
    frame = gappy()
    training, rows = frame[:48], frame[40:].copy()
    rows.loc[55, "city"] = "Paris"  # unknown
    kinds = kinds_of(frame, "result", {})
    fitted = Preprocessing.fit(training, kinds, Classes.fit(frame["result"]))
    names = [
        "age",
        "age is missing",
        "city = Lima",
        "city = Oslo",
        "city = Rome",
        "city is missing",
    ]
    assert fitted.features == names
    wanted = of_sklearn(training, rows)
    np.testing.assert_allclose(fitted.transform(rows), wanted, rtol=2 * EPS, atol=2 * EPS)
    assert fitted.transform(rows)[15, 2:].tolist() == [0, 0, 0, 0]
    assert fitted.transform(rows[:0]).shape == (0, 6)


def test_validation_rows_change_no_statistic():
    frame = gappy()
    options = TrainOptions(seed=3)
    first = prepare(frame, "result", options)
    other = frame.copy()
    other.loc[first.validates, "age"] *= 1000
    second = prepare(other, "result", options)
    assert second.preprocessing == first.preprocessing
    assert (second.validates == first.validates).all()


def test_preprocessing_goes_through_json_unchanged():
    for target in (Classes("result", [1, "a", True]), Quantity("price", 0.1 + 0.2, 1e-300)):
        kinds = kinds_of(gappy(), "result", {})
        fitted = Preprocessing.fit(gappy(), kinds, target)
        assert Preprocessing.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["version"], 2, "must be of version 1, is"),
        (["columns", 0, "std"], 0.0, "damaged: std of 'age' is 0.0"),
        (["columns", 0, "mean"], float("nan"), "mean of 'age' is nan"),
        (["columns", 1, "categories"], [1], "categories of 'city' is \\[1\\]"),
        (["columns", 0, "kind"], "classes", "stands where another kind belongs"),
        (["columns", 0, "kind"], "picture", "damaged: 'picture'"),
        (["target", "classes"], ["a", "a"], "classes of 'result'"),
        (["target"], None, "damaged"),
    ],
)
def test_damaged_preprocessing_is_refused(path, value, words):
    kinds = kinds_of(gappy(), "result", {})
    stored = Preprocessing.fit(gappy(), kinds, Classes.fit(gappy()["result"])).to_json()
    place = stored = json.loads(json.dumps(stored))
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DataError, match=words):
        Preprocessing.from_json(stored)


def test_what_is_said_of_rows_that_training_did_not_have():
    kinds = kinds_of(gappy(), "result", {})
    fitted = Preprocessing.fit(survey(), kinds, Classes.fit(gappy()["result"]))
    rows = pandas.DataFrame({"age": [1, None], "city": ["Paris", "Rome"], "new": 0})
    assert fitted.remarks(rows) == [
        "ignored, as training did not have them: 'new'",
        f"'age' is missing in 1 row: filled with {survey()['age'].median():g}",
        "'city' has 1 category that training did not have, 'Paris': counted as none of the known ones",
    ]


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        ([7.5] * 60, "one value only"),
        (["same"] * 60, "one value only"),
        ([None] * 60, "no values"),
        (list(range(60)), "row numbers"),
        (list(range(1, 61)), "row numbers"),
        ([f"name {i}" for i in range(60)], "too many different texts"),
        (pandas.date_range("2020-01-01", periods=60), "dates"),
    ],
)
def test_columns_that_say_nothing_are_left_out(values, left_out):
    kinds = kinds_of(survey().assign(new=values), "result", {})
    assert kinds.left_out == {"new": left_out}
    assert kinds.used == {"age": "number", "city": "category"}


def test_kinds_that_are_asked_for():
    frame = survey().assign(number=range(60), code=[1, 2] * 30)
    wanted = {"number": "number", "code": "category", "age": "drop"}
    kinds = kinds_of(frame, "result", wanted)
    assert kinds.used == {"number": "number", "code": "category", "city": "category"}
    assert kinds.left_out == {"age": "as asked for"}
    with pytest.raises(ArgumentError, match="no column 'ages'; like it is 'age'"):
        kinds_of(frame, "result", {"ages": "drop"})
    with pytest.raises(DataError, match=r"column 'city' must be finite numbers, has '.*' in row 1"):
        kinds_of(frame, "result", {"city": "number"})
    with pytest.raises(
        ArgumentError, match=r"there is none \(age: as asked for, city: as asked for"
    ):
        kinds_of(survey(), "result", {"age": "drop", "city": "drop"})


TASKS = [
    (["a", "b"] * 30, "classification"),
    ([True, False] * 30, "classification"),
    ([1, 2, 3] * 20, "classification"),
    ([1.0, 2.0] * 30, "classification"),
    (np.arange(60), "regression"),
    ([0.5, 1.5] * 30, "regression"),
    (np.tile(np.arange(21), 3)[:60], "regression"),
]


@pytest.mark.parametrize(("values", "task"), TASKS)
def test_the_task_is_what_the_target_says(values, task):
    assert task_of(pandas.Series(values, name="y"))[0] == task


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([1.5] * 60, None, "target 'y' is constant, 1.5 in each row"),
        (["a"] * 60, None, "target 'y' has one class only, 'a' in each row"),
        (["a", None] * 30, None, "is missing in 30 rows, the first is row 2"),
        ([f"p{i}" for i in range(60)], None, "60 different values in 60 rows; is it a name"),
        (np.arange(60), "classification", "must have classes that come again"),
        (["a", "b"] * 30, "regression", "must be numbers for --task regression, has 'a'"),
        ([1, 2, 3, "x"] * 15, None, "is mixed: 45 numbers and 15 texts, the first is 'x' in row 4"),
        (["1,5", "2,5"] * 30, None, "numbers with commas, such as '1,5'.* --decimal ,"),
        ([1.5, np.inf] * 30, None, "must be finite numbers, has inf in row 2"),
    ],
)
def test_targets_that_cannot_be_learnt(values, task, words):
    with pytest.raises(DataError, match=words):
        train_table(survey().drop(columns="result").assign(y=values), "y", TrainOptions(task))


def test_a_column_that_is_missing_is_named():
    with pytest.raises(ArgumentError, match="no column 'rezult'; like it is 'result'"):
        train_table(survey(), "rezult")
    model = train_table(survey(), "result", TrainOptions(epochs=1))
    with pytest.raises(ArgumentError, match="no column 'city'; like it is 'City'"):
        model.predict(survey().rename(columns={"city": "City"}))
    with pytest.raises(ArgumentError, match=r"2 columns are missing .* 'age', 'city'; it has 'x'"):
        model.predict(pandas.DataFrame({"x": [1]}))
    with pytest.raises(DataError, match="no column 'result'; there are 'age', 'city'"):
        model.evaluate(survey().drop(columns="result"))
    with pytest.raises(
        DataError, match="one of the classes of the training, 'high', 'low'; has 'no'"
    ):
        model.evaluate(survey().assign(result="no"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation": 1.0}, "validation must be a share in \\(0, 1\\), is 1.0"),
        ({"epochs": 0}, "epochs must be"),
        ({"layers": [0]}, "layers must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"early_stopping": -1}, "early_stopping must be"),
        ({"seed": -1}, "the seed must be"),
        ({"learning_rate": -1.0}, "lr must be"),
        ({"backend": "cuppy"}, "did you mean 'cupy'"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(ArgumentError, match=words):
        train_table(survey(), "result", TrainOptions(**options))


def test_too_few_rows_and_a_run_that_diverges():
    with pytest.raises(DataError, match=r"at least 10 rows, .* there are 9"):
        train_table(survey(9), "result")
    with pytest.raises(DivergedError, match="training has diverged"):
        train_table(survey(), "result", TrainOptions(learning_rate=1e30))


def test_each_class_is_split_alike():
    labels = np.repeat([0, 1, 2, 3], [100, 50, 5, 1])
    validates = split(len(labels), 0.2, 0, labels)
    assert np.bincount(labels[validates], minlength=4).tolist() == [20, 10, 1, 0]
    assert (split(len(labels), 0.2, 0, labels) == validates).all()
    assert (split(len(labels), 0.2, 1, labels) != validates).any()
    assert [int(split(10, share, 0).sum()) for share in (0.01, 0.5, 0.99)] == [1, 5, 9]


def test_a_table_is_trained_as_by_hand():
    """The same bits as Dataset, Sequential and Trainer give, written out."""
    options = TrainOptions(epochs=3, early_stopping=0, layers=[8], batch_size=16, seed=4)
    model = train_table(survey(), "result", options)
    prepared = prepare(survey(), "result", options)
    X = prepared.preprocessing.transform(survey())
    y = prepared.preprocessing.target.encode(survey()["result"])
    rows = ~prepared.validates
    portanet.seed(4)
    layers = [Linear(X.shape[1], 8), portanet.ReLU(), Linear(8, 2)]
    network = Sequential(layers, portanet.CrossEntropy())
    data = DataLoader(Dataset(X[rows], y[rows]), batch_size=16, shuffle=True)
    trainer = portanet.Trainer(network, portanet.Adam(network, lr=1e-3), data)
    trainer.train(3, log_level=0)
    wanted = [p.value for p in network.parameters()]
    for parameter, value in zip(model.network.parameters(), wanted, strict=True):
        np.testing.assert_array_equal(parameter.value, value)
    assert [row["loss"] for row in model.about["history"]] == [r["loss"] for r in trainer.history]


def test_the_best_epoch_is_kept():
    model = train_table(survey(), "result", TrainOptions(epochs=60, learning_rate=0.1))
    history, best = model.about["history"], model.about["best_epoch"]
    assert best == min(range(len(history)), key=lambda i: history[i]["val_loss"])
    assert best < len(history) - 1
    loss = model.about["scores"]["log_loss"]
    assert loss == pytest.approx(history[best]["val_loss"], rel=1e-4)


def test_a_file_gives_the_same_answers_and_opens_as_any_model(tmp_path):
    frame = gappy()
    model = train_table(frame, "result", TrainOptions(epochs=5))
    model.save(tmp_path / "m.safetensors")
    again = TableModel.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert again.preprocessing == model.preprocessing
    assert again.about == json.loads(json.dumps(model.about))
    network = portanet.load_model(tmp_path / "m.safetensors")
    found = network.predict_proba(model.preprocessing.transform(frame))
    np.testing.assert_array_equal(found, model.predict_proba(frame))
    portanet.save(tmp_path / "other.safetensors", network)
    with pytest.raises(CheckpointError, match="without a table's preprocessing"):
        TableModel.load(tmp_path / "other.safetensors")


def test_labels_come_back_as_they_were():
    for labels in (["b", "a"], [2, 1], [True, False]):
        frame = survey().assign(result=labels * 30)
        answers = train_table(frame, "result", TrainOptions(epochs=1)).predict(frame)
        assert {type(answer) for answer in answers} == {type(labels[0])}
        assert set(answers) <= set(labels)


def test_numbers_come_back_in_the_targets_units():
    """Without hidden layers training finds the line y = 3 x + 1000."""
    x = np.linspace(-50, 50, 200)
    frame = pandas.DataFrame({"x": x, "y": 3 * x + 1000})
    options = TrainOptions(layers=[], epochs=300, learning_rate=0.01)
    model = train_table(frame, "y", options)
    assert np.abs(model.predict(frame) - frame["y"]).max() < 0.01 * frame["y"].std()
    with pytest.raises(DataError, match="a regression has no probabilities"):
        model.predict_proba(frame)


def test_class_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 50).astype(np.float32)
    y = rng.integers(0, 3, 50)
    scores = class_scores(Classes("y", ["a", "b", "c"]), probabilities, y)
    report = classification_report(y, probabilities.argmax(1), output_dict=True, zero_division=0)
    assert scores["accuracy"] == pytest.approx(report["accuracy"])
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    normed = probabilities.astype(np.float64) / probabilities.sum(
        1, keepdims=True, dtype=np.float64
    )
    assert scores["log_loss"] == pytest.approx(log_loss(y, normed), rel=1e-6)
    for i, one in enumerate(scores["classes"]):
        wanted = report[str(i)]
        assert one["precision"] == pytest.approx(wanted["precision"])
        assert one["recall"] == pytest.approx(wanted["recall"])
        assert one["rows"] == wanted["support"]


def test_scores_of_classes_that_are_not_there():
    scores = class_scores(Classes("y", ["a", "b"]), np.array([[1, 0]], np.float32), np.array([0]))
    assert scores["classes"][1] == {
        "class": "b", "precision": None, "recall": None, "f1": None, "rows": 0
    }  # fmt: skip
    assert scores["macro_f1"] == 1.0
    wrong = class_scores(Classes("y", ["a", "b"]), np.array([[1, 0]], np.float32), np.array([1]))
    assert wrong["log_loss"] == pytest.approx(-np.log(np.finfo(np.float32).tiny))


def test_quantity_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    y, answers = rng.normal(5, 2, 40), rng.normal(5, 2, 40)
    scores = quantity_scores(Quantity("y", 4.0, 2.0), answers, y)
    assert scores["r2"] == pytest.approx(r2_score(y, answers))
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((y - answers) ** 2)))
    assert scores["mae"] == pytest.approx(np.abs(y - answers).mean())
    assert scores["rmse_of_mean"] == pytest.approx(np.sqrt(np.mean((y - 4) ** 2)))
    assert quantity_scores(Quantity("y", 4.0, 2.0), answers[:1], y[:1])["r2"] is None
