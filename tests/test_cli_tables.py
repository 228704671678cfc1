"""The command line on tables: five real files, what is printed, files that exist, exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pandas = pytest.importorskip("pandas", reason="tables are read by pandas (extra cli)")
pytest.importorskip("pyarrow", reason="parquet files are read by pyarrow (extra cli)")

from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from table_files import (  # noqa: E402
    cancer_parquet,
    diabetes_csv,
    digits_npz,
    iris_csv,
    messy_iris_csv,
    survey,
    wine_csv,
)

import portanet  # noqa: E402
from portanet import cli  # noqa: E402
from portanet.table import Preprocessing, TableModel, read_table  # noqa: E402

FILES = {
    "iris": (iris_csv, []),
    "wine": (wine_csv, ["--skip-lines", "1", "--header", "no"]),
    "messy iris": (
        messy_iris_csv, ["--skip-lines", "1", "--decimal", ",", "--missing", "not measured"]
    ),
    "diabetes": (diabetes_csv, []),
    "digits": (digits_npz, []),
    "breast cancer": (cancer_parquet, []),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(folder, capsys):
    """A model of a small table, data.safetensors beside data.csv."""
    survey().to_csv("data.csv", index=False)
    assert run("train", "data.csv", "--target", "result", "--epochs", "3") == 0
    capsys.readouterr()
    return folder


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def reference(extra, X, y, validates):
    """Return the score of scikit-learn's linear model on the same rows and features."""
    model = LinearRegression() if extra == "regression" else LogisticRegression(max_iter=5000)
    return model.fit(X[~validates], y[~validates]).score(X[validates], y[validates])


@pytest.mark.parametrize("name", FILES)
def test_real_files_from_the_file_to_the_answers(folder, capsys, name):
    """Scores at most 3 standard errors below a linear model of scikit-learn's (R²: 0.05)."""
    write, options = FILES[name]
    path, target = write(folder)
    assert run("train", path.name, "--target", target, *options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    model = TableModel.load(report["model"])
    frame = _frame(path, name)
    validates = _validates(frame, target, report)
    X = model.preprocessing.transform(frame)
    y = model.preprocessing.target.encode(frame[target]).reshape(-1)
    wanted, scores = reference(report["task"], X, y, validates), report["scores"]
    if report["task"] == "classification":
        margin = 3 * np.sqrt(wanted * (1 - wanted) / scores["rows"]) + 1 / scores["rows"]
        assert scores["accuracy"] >= wanted - margin
        assert scores["accuracy"] >= 0.9
    else:
        assert scores["r2"] >= wanted - 0.05
    assert Path(report["curves"]).read_bytes()[:4] == b"\x89PNG"
    _same_answers_everywhere(path, options, report, frame, capsys)


def _frame(path, name):
    from portanet.table import ReadOptions

    kept = {"wine": ReadOptions(skip_lines=(1,), header=False),
            "messy iris": ReadOptions(None, ",", (1,), None, ("not measured",))}  # fmt: skip
    return read_table(path, kept.get(name))


def _validates(frame, target, report):
    from portanet.table import TrainOptions
    from portanet.table.fitting import prepare

    validates = prepare(frame, target, TrainOptions()).validates
    assert validates.sum() == report["rows"]["validation"] == report["scores"]["rows"]
    return validates


def _same_answers_everywhere(path, options, report, frame, capsys):
    """predict prints, bit for bit, what the file gives in Python: load_model, and its JSON."""
    network = portanet.load_model(report["model"])
    stored = portanet.load(report["model"], network)["table"]["preprocessing"]
    fitted = Preprocessing.from_json(stored)
    X = fitted.transform(frame)
    extra = [] if report["task"] == "regression" else ["--probabilities"]
    assert run("predict", report["model"], path.name, *options, *extra, "-o", "a.parquet") == 0
    capsys.readouterr()
    answers = pandas.read_parquet("a.parquet")
    if report["task"] == "regression":
        wanted = network.predict(X).astype(np.float64) * fitted.target.std + fitted.target.mean
        np.testing.assert_array_equal(answers[report["target"]].to_numpy(), wanted)
        return
    probabilities = network.predict_proba(X)
    np.testing.assert_array_equal(answers.iloc[:, 1:].to_numpy(), probabilities)
    said = [fitted.target.classes[i] for i in probabilities.argmax(1)]
    assert answers[report["target"]].tolist() == said
    assert {type(label) for label in said} == {type(frame[report["target"]].tolist()[0])}


def test_train_says_what_it_found(folder, capsys):
    frame = survey().assign(number=range(60))
    frame.loc[3, "age"] = np.nan
    frame.to_csv("data.csv", index=False)
    assert run("train", "data.csv", "--target", "result", "--epochs", "2") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:8] == [
        "data.csv: 60 rows",
        "task: classification of 2 classes, target 'result' ('result' holds 2 different texts)",
        "inputs: 5, from 1 column of numbers and 1 column of categories",
        "left out: 'number' (row numbers)",
        "missing: 'age' in 1 row; filled and marked",
        "rows: 48 to train on, 12 to validate on",
        "network: 5-64-32-2, 2,530 parameters, on numpy",
        "trained for 2 epochs; the weights are those after epoch 1 (the first is 0)",
    ]
    assert lines[8].startswith("validation: accuracy 0.")
    assert lines[-1] == "next: portanet predict data.safetensors NEW.csv"
    assert err == ""  # no progress where it is no terminal


def test_options_reach_the_network(folder, capsys):
    survey().assign(code=[1, 2] * 30).to_csv("data.csv", index=False)
    assert run(
        "train", "data.csv", "--target", "code", "--task", "regression", "--layers", "5,4",
        "--learning-rate", "0.01", "--batch-size", "7", "--seed", "3", "--validation", "0.5",
        "--early-stopping", "0", "--epochs", "2", "--drop", "age", "-o", "m.safetensors", "--json",
    ) == 0  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert report["task"] == "regression"
    assert report["rows"] == {"training": 30, "validation": 30}
    model = TableModel.load("m.safetensors")
    assert [tuple(p.value.shape) for p in model.network.parameters()][::2] == [
        (5, 5),
        (5, 4),
        (4, 1),
    ]
    kept = {"learning_rate": 0.01, "batch_size": 7, "seed": 3, "early_stopping": 0}
    assert {name: model.about["options"][name] for name in kept} == kept
    assert len(model.about["history"]) == 2


@pytest.mark.only_on("torch", "jax", "strict", "cupy")
def test_other_backends_train_and_predict(backend, folder, capsys):
    if backend.device != portanet.backends.get(backend.name).device:
        pytest.skip("the command takes names, and this is not the device that its name means")
    survey().to_csv("data.csv", index=False)
    assert run("train", "data.csv", "--target", "result", "--epochs", "3") == 0
    assert run("train", "data.csv", "--target", "result", "--epochs", "3", "--backend",
               backend.name, "-o", "other.safetensors") == 0  # fmt: skip
    on_numpy, other = (TableModel.load(f) for f in ("data.safetensors", "other.safetensors"))
    difference = on_numpy.predict_proba(survey()) - other.predict_proba(survey())
    assert np.abs(difference).max() < 1e-4  # rounding of six steps of Adam
    capsys.readouterr()
    assert run("predict", "data.safetensors", "data.csv", "--backend", backend.name) == 0
    assert capsys.readouterr().out.splitlines()[1:] == on_numpy.predict(survey())


def test_processes_of_their_own_give_the_same_answers(folder):
    frame = survey()
    frame.loc[3:9, "age"] = np.nan
    frame.to_csv("data.csv", index=False)
    train = [sys.executable, "-m", "portanet", "train", "data.csv", "--target", "result"]
    first = subprocess.run([*train, "--epochs", "3"], capture_output=True, text=True, check=True)
    assert "saved: data.safetensors" in first.stdout
    predict = [sys.executable, "-m", "portanet", "predict", "data.safetensors", "data.csv"]
    second = subprocess.run([*predict, "--probabilities", "--json"], capture_output=True, text=True,
                            check=True)  # fmt: skip
    found = [answer["probability of high"] for answer in json.loads(second.stdout)]
    wanted = TableModel.load("data.safetensors").predict_proba(read_table("data.csv"))[:, 0]
    assert np.asarray(found, np.float32).tolist() == wanted.tolist()
    median = TableModel.load("data.safetensors").preprocessing.columns[0].median
    said = f"data.csv: 'age' is missing in 7 rows: filled with {median:g}"
    assert second.stderr.startswith(said)


def test_predict_prints_csv_and_keeps_columns(trained, capsys):
    assert run("predict", "data.safetensors", "data.csv", "--keep", "city", "--keep", "result") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "city,result,predicted result"
    answers = TableModel.load("data.safetensors").predict(survey())
    rows = zip(survey()["city"], survey()["result"], answers, strict=True)
    assert lines[1:] == [",".join(row) for row in rows]
    assert run("predict", "data.safetensors", "data.csv", "--keep", "citi") == 2
    assert "data.csv: there is no column 'citi'; like it is 'city'" in capsys.readouterr().err


def test_texts_that_meant_a_gap_in_training_mean_it_again(folder, capsys):
    frame = survey().astype({"age": object})
    frame.loc[[1, 2], "age"] = "?"
    frame.to_csv("data.csv", index=False)
    assert run("train", "data.csv", "--target", "result", "--missing", "?", "--epochs", "1") == 0
    capsys.readouterr()
    assert run("predict", "data.safetensors", "data.csv") == 0
    assert "'age' is missing in 2 rows: filled with" in capsys.readouterr().err


def test_evaluate_and_its_json(trained, capsys):
    assert run("evaluate", "data.safetensors", "data.csv") == 0
    out = capsys.readouterr().out.splitlines()
    assert run("evaluate", "data.safetensors", "data.csv", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    answers = TableModel.load("data.safetensors").predict(survey())
    assert scores["accuracy"] == np.mean(np.asarray(answers) == survey()["result"])
    assert out[0].startswith(f"data.csv: accuracy {scores['accuracy']:.3f} (")
    assert out[1].split() == ["class", "precision", "recall", "rows"]
    assert [line.split()[0] for line in out[2:]] == ["high", "low"]


def test_show(trained, capsys):
    assert run("show", "data.safetensors") == 0
    out = capsys.readouterr().out
    for words in ("portanet checkpoint 2, by portanet", "Linear(4, 64)", "loss CrossEntropy()",
                  "in all                      2,466", "'city': one of 'Lima', 'Oslo', 'Rome', gaps",
                  "'age': (x - ", "target: 'result', one of 'high', 'low'", "trained for 3 epochs",
                  "seed 0, layers [64, 32]", "epoch        loss    val_loss"):  # fmt: skip
        assert words in out
    assert run("show", "data.safetensors", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert Preprocessing.from_json(facts["table"]["preprocessing"]).features[1] == "city = Lima"
    assert len(facts["table"]["history"]) == 3


def test_show_other_files(folder, capsys):
    class Own(portanet.Layer):
        def forward(self, x, *, training=False):
            return x

        def backward(self, grad):
            return grad

    model = portanet.Sequential([portanet.Linear(2, 1), Own()], portanet.MSE())
    portanet.save("own.safetensors", model, portanet.SGD(model, lr=0.1))
    assert run("show", "own.safetensors") == 0
    out = capsys.readouterr().out
    assert "with 'optimizer'" in out
    assert "Own" in out
    assert "layers.0.weights float32 (2, 1)" in out
    assert run("predict", "own.safetensors", "x.csv") == 2
    assert "without a table's preprocessing" in capsys.readouterr().err


def test_nothing_is_replaced_unasked(trained, capsys, monkeypatch):
    before = Path("data.safetensors").read_bytes()
    again = ["train", "data.csv", "--target", "result", "--epochs", "1"]
    assert run(*again) == 2
    words = "data.safetensors and data.png exist already; --force replaces what is there"
    assert words in capsys.readouterr().err
    assert Path("data.safetensors").read_bytes() == before
    for answer, status in (("\n", 2), ("n\n", 2), ("y\n", 0)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert run(*again) == status
        assert "exist already. Replace? [y/N]" in capsys.readouterr().err
        assert (Path("data.safetensors").read_bytes() == before) == bool(status)
    monkeypatch.undo()
    os.chdir(trained)
    assert run(*again, "--force") == 0
    assert run("predict", "data.safetensors", "data.csv", "-o", "data.csv") == 2
    assert "data.csv exists already" in capsys.readouterr().err
    pandas.testing.assert_frame_equal(read_table("data.csv"), survey())


class Terminal:
    def __init__(self, line):
        self.line = line

    def isatty(self):
        return True

    def readline(self):
        return self.line


MISUSE = {
    "no file": (["train", "dat.csv", "--target", "result"], "no such file; like it is 'data.csv'"),
    "a wrong target": (["train", "data.csv", "--target", "rezult"], "no column 'rezult'; like it is 'result'"),
    "a wrong column": (["train", "data.csv", "--target", "result", "--drop", "agee"], "like it is 'age'"),
    "no folder": (["train", "data.csv", "--target", "result", "-o", "no/m.safetensors"], "there is no folder"),
    "an image as output": (
        ["train", "data.csv", "--target", "result", "-o", "m.png"], "must be a file .safetensors, is m.png"
    ),
    "no model": (["predict", "nothing.safetensors", "data.csv"], "there is no file nothing.safetensors"),
    "no model, but data": (["show", "data.csv"], "is damaged or not a checkpoint"),
    "another suffix": (["predict", "data.safetensors", "data.csv", "-o", "a.txt"], r"must be a file .csv or .parquet"),
    "no backend": (["train", "data.csv", "--target", "result", "--backend", "cuppy"], "did you mean 'cupy'"),
    "a device": (["evaluate", "data.safetensors", "data.csv", "--device", "x"], "device"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), MISUSE.values(), ids=MISUSE)
def test_misuse_ends_in_one_line_and_status_2(trained, capsys, arguments, words):
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("portanet: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian", "x.csv"], "did you mean train?; see portanet --help"),
        (["train", "x.csv"], "required: --target; see portanet train --help"),
        (["train", "x.csv", "--target", "y", "--layers", "6a"], "whole numbers such as 64,32"),
        (["train", "x.csv", "--target", "y", "--skip-lines", "0"], "must be lines, from 1"),
        (["train", "x.csv", "--target", "y", "--separator", "ab"], "one character or tab"),
    ],
)
def test_wrong_options_name_the_help(capsys, arguments, words):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_without_matplotlib_there_are_no_curves_and_it_is_said(folder, capsys, monkeypatch):
    survey().to_csv("data.csv", index=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run("train", "data.csv", "--target", "result", "--epochs", "1") == 0
    assert "no learning curves: LearningCurves: matplotlib is needed" in capsys.readouterr().out
    assert not Path("data.png").exists()


def test_ctrl_c_saves_nothing_and_exits_with_130(folder, capsys, monkeypatch):
    survey().to_csv("data.csv", index=False)

    def interrupted(bar, trainer, row):
        if len(trainer.history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("portanet.cli.progress.Epochs.on_epoch_end", interrupted)
    assert run("train", "data.csv", "--target", "result") == 130
    assert "portanet: interrupted" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["data.csv"]


def test_a_line_of_progress_on_a_terminal(folder, capsys, monkeypatch):
    pytest.importorskip("tqdm", reason="progress needs tqdm")
    survey().to_csv("data.csv", index=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run("train", "data.csv", "--target", "result", "--epochs", "3") == 0
    assert "training:   0%" in capsys.readouterr().err


def test_a_closed_pipe_ends_predict_without_a_message(trained):
    pandas.concat([survey()] * 500).to_csv("data.csv", index=False)  # more than a pipe holds
    command = [sys.executable, "-m", "portanet", "predict", "data.safetensors", "data.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def completions(line, folder):
    """What a shell gets for a line whose end is completed."""
    environment = {
        **os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "words"), "_ARGCOMPLETE_IFS": "\n",
    }  # fmt: skip
    command = [sys.executable, "-m", "portanet"]
    subprocess.run(command, env=environment, cwd=folder, check=True)
    return {word.strip() for word in (folder / "words").read_text().splitlines()}


def test_completion_knows_commands_files_and_columns(trained):
    pytest.importorskip("argcomplete", reason="completion needs argcomplete (extra cli)")
    assert {"train", "predict", "show"} <= completions("portanet ", trained)
    assert completions("portanet show ", trained) >= {"data.safetensors"}
    assert "data.csv" not in completions("portanet show ", trained)
    assert completions("portanet train data.csv --target re", trained) == {"result"}
