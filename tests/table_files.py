"""Files with real tables, written from scikit-learn's bundled data sets; two of them are a mess."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

pandas = pytest.importorskip("pandas", reason="tables are read by pandas (extra cli)")


def iris_csv(folder):
    """150 flowers, the species as texts."""
    bunch = datasets.load_iris(as_frame=True)
    frame = bunch.data.assign(species=bunch.target_names[bunch.target])
    frame.to_csv(folder / "iris.csv", index=False)
    return folder / "iris.csv", "species"


def wine_csv(folder):
    """178 wines as scikit-learn ships them: no names, a stray first line, the class in the last column."""
    content = (Path(datasets.__file__).parent / "data" / "wine_data.csv").read_bytes()
    (folder / "wine.csv").write_bytes(content)
    return folder / "wine.csv", "column14"


def messy_iris_csv(folder):
    """Iris as a European spreadsheet has it: decimal commas, gaps, texts among numbers, labels from 1."""
    bunch = datasets.load_iris(as_frame=True)
    frame = bunch.data.copy()
    frame.columns = ["sepal length", "sepal width", "petal length", "petal width"]
    texts = frame.map(lambda value: str(value).replace(".", ","))
    texts.loc[[3, 60, 77, 120], "petal width"] = "not measured"
    texts.loc[[10, 20], "sepal length"] = ""
    texts["site"] = np.tile(["Gaspé", "Oslo", "Rome"], 50)
    texts["kind"] = bunch.target + 1
    lines = texts.to_csv(index=False, sep=";").splitlines()
    (folder / "messy.csv").write_text("\n".join(["Measurements, 1936", *lines]), encoding="utf-8")
    return folder / "messy.csv", "kind"


def diabetes_csv(folder):
    """442 patients, a quantity."""
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
    frame.to_csv(folder / "diabetes.csv", index=False)
    return folder / "diabetes.csv", "target"


def digits_npz(folder):
    """1,797 images of 8 x 8 pixels."""
    bunch = datasets.load_digits()
    np.savez(folder / "digits.npz", X=bunch.images, y=bunch.target)
    return folder / "digits.npz", "y"


def cancer_parquet(folder):
    """569 tumours, the diagnosis as texts."""
    bunch = datasets.load_breast_cancer(as_frame=True)
    frame = bunch.data.assign(diagnosis=bunch.target_names[bunch.target])
    frame.to_parquet(folder / "cancer.parquet")
    return folder / "cancer.parquet", "diagnosis"


def survey(n=60):
    """A small table of numbers and texts, in which both say something of the result."""
    rng = np.random.default_rng(0)
    age = rng.normal(50, 10, n).round(1)
    city = rng.choice(["Lima", "Oslo", "Rome"], n)
    result = np.where(age + 8 * (city == "Oslo") > 52, "high", "low")
    return pandas.DataFrame({"age": age, "city": city, "result": result})
