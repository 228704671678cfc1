"""The examples, at reduced size, end above a stated score on the validation set."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES, DOCS = ROOT / "examples", ROOT / "docs"
TWINS = EXAMPLES / "pytorch"
SCORES = {  # file: (arguments of main, the least score)
    "addition": ({"n_epochs": 20, "n_digits": 2, "n_train": 4500, "n_test": 500}, 0.90),
    "digits_cnn": ({"n_epochs": 4}, 0.95),
    "digits_mlp": ({"n_epochs": 8}, 0.94),
    "gpt": (
        {"n_epochs": 8, "d": 32, "n_blocks": 1},
        0.26,
    ),  # guessed from the last letter alone: 0.22
    "unet": ({"n_epochs": 4, "n_train": 500, "n_channels": 4}, 0.5),
    "two_losses": ({"n_epochs": 10}, 0.88),
    "siamese": ({"n_epochs": 4, "n_train": 4000}, 0.78),  # half of the pairs: 0.5
    "lengths": ({"n_epochs": 5}, 0.75),
    "fine_tuning": ({"n_epochs": 4}, 0.8),  # no loop, always: 0.6
    "gan": ({"n_epochs": 40, "n": 4000}, 0.4),  # five seeds: 0.64 to 0.91; a uniform square: 0.1
    "autoencoder": ({"n_epochs": 10}, 0.7),  # PCA: 0.67
    "dates": ({"n_epochs": 2, "n_train": 3000}, 0.5),
    "own_layer": ({"n_epochs": 10}, 0.90),
    "distributed": ({"n_epochs": 3}, 0.8),
    "own_layer_wrong": ({}, 2),  # two gradients are wrong, and named
    "estimators": ({"n_epochs": 4}, 0.92),
    "diabetes": ({}, 0.28),  # R², where scikit-learn's MLPRegressor gets 0.35 on this split
}


SHARED = {  # functions that make the data, or judge what was made
    "gan": ("points", "score"), "gpt": ("text",), "lengths": ("texts",), "siamese": ("pairs",),
    "dates": ("dates",),
}  # fmt: skip
TWIN_SCORES = SCORES | {
    "gpt": ({"n_epochs": 4, "d": 32, "n_blocks": 1}, 0.22),
    "unet": ({"n_epochs": 5, "n_train": 500}, 0.5),
    "lengths": ({"n_epochs": 8}, 0.75),  # after 5 it swings between 0.7 and 0.9
}


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SCORES)
def test_example_reaches_its_score(name):
    options, least = SCORES[name]
    assert loaded(EXAMPLES / f"{name}.py").main(**options) >= least


@pytest.mark.parametrize("name", [path.stem for path in TWINS.glob("*.py")])
def test_twin_in_pytorch_reaches_the_score(name):
    pytest.importorskip("torch", reason="the twins of the examples need PyTorch")
    options, least = TWIN_SCORES[name]
    assert loaded(TWINS / f"{name}.py").main(**options) >= least


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SCORES)


def test_no_job_takes_more_lines_than_in_pytorch():
    module = loaded(DOCS / "make_examples.py")
    assert set(module.JOBS) == {path.stem for path in TWINS.glob("*.py")}
    for name in module.JOBS:
        ours, theirs = module.counts(name)
        assert ours <= theirs, name


def test_the_table_of_lines_is_up_to_date():
    page = (EXAMPLES / "README.md").read_text()
    assert page == loaded(DOCS / "make_examples.py").page(), "run: python docs/make_examples.py"


def test_lines_of_code_are_counted():
    source = '''"""Two lines
of text."""

import os
from os import (
    path,
    sep,
)

# a comment


def f(x):
    """Text."""
    return [
        x,  # both
        """a
        text""",
    ]
'''
    assert loaded(DOCS / "make_examples.py").count_lines(source) == 8


@pytest.mark.parametrize("name", SHARED)
def test_functions_without_a_library_are_the_same_in_both(name):
    """Both are given the same data: what a function of the same name computes from NumPy alone."""
    one, other = (functions(folder / f"{name}.py") for folder in (EXAMPLES, TWINS))
    for shared in SHARED[name]:
        assert one[shared] == other[shared]


def functions(path):
    tree = ast.parse(path.read_text())
    return {node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
