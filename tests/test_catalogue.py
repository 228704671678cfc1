"""docs/catalogue.md is what the docstrings and the tables say today."""

import importlib.util
from pathlib import Path

COMPUTE_NOTHING = {"Flatten", "Reshape", "Sequential"}
DOCS = Path(__file__).parents[1] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("make_catalogue", DOCS / "make_catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_is_up_to_date():
    page = (DOCS / "catalogue.md").read_text()
    assert page == generator().page(), "run: python docs/make_catalogue.py"


def test_every_layer_loss_and_optimizer_is_proved_and_states_its_mathematics():
    module = generator()
    for title in ("Layers", "Losses", "Optimizers", "Metrics"):
        for name, thing in module.sections()[title].items():
            assert module.proved(name), f"{name} has no row in the tables"
            assert len(thing.__doc__) > 100, f"{name} does not say what it computes"


def test_every_layer_loss_and_optimizer_names_its_source():
    module = generator()
    for title in ("Layers", "Losses", "Optimizers"):
        for name, thing in module.sections()[title].items():
            assert "Source: " in thing.__doc__ or name in COMPUTE_NOTHING, f"{name}: whence?"
