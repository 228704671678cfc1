"""The examples, at reduced size, end above a stated score on the validation set."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCORES = {  # file: (arguments of main, the least score)
    "addition": ({"n_epochs": 20, "n_digits": 2, "n_train": 4500, "n_test": 500}, 0.90),
    "digits_cnn": ({"n_epochs": 4}, 0.95),
    "digits_mlp": ({"n_epochs": 8}, 0.94),
    "gpt": (
        {"n_epochs": 8, "d": 32, "n_blocks": 1},
        0.26,
    ),  # guessed from the last letter alone: 0.22
    "unet": ({"n_epochs": 4, "n_train": 500, "n_channels": 4}, 0.5),
    "own_layer": ({"n_epochs": 10}, 0.90),
    "diabetes": ({}, 0.28),  # R², where scikit-learn's MLPRegressor gets 0.35 on this split
}


@pytest.mark.parametrize("name", SCORES)
def test_example_reaches_its_score(name, capsys):
    options, least = SCORES[name]
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(**options) >= least


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SCORES)
