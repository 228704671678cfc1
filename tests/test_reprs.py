"""Texts of objects: short, without arrays, and what makes an equal object where that is possible."""

from importlib import import_module

import numpy as np
import pytest
from cases import LAYERS as LAYER_ROWS
from written import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, is_typed, optimizer, read

import portanet
from portanet import (
    MSE,
    SGD,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    ExponentialMovingAverage,
    Graph,
    Group,
    Input,
    Linear,
    Normalizer,
    ReLU,
    Sequential,
    Trainer,
    is_vector,
    load,
    save,
)

X = np.ones((64, 4), np.float32)
MODEL = Sequential([Linear(4, 8), ReLU(), Linear(8, 1)], MSE())
OPTIMIZER = SGD(MODEL, lr=0.1, groups=[Group(is_vector, weight_decay=0.0)])
LOADER = DataLoader(Dataset(X, X[:, :1]), 16, shuffle=True, seed=0)
TRAINER = Trainer(MODEL, OPTIMIZER, LOADER)
WIRE = Input()


def report(folder):
    save(folder / "x.safetensors", MODEL)
    other = Sequential([Linear(4, 8), ReLU(), Linear(8, 2)])
    return load(folder / "x.safetensors", other, strict=False)


OTHERS = {
    "Buffer": portanet.Buffer(X),
    "Parameter": MODEL.layers[0].weights,
    "DataLoader": LOADER,
    "Dataset": LOADER.ds,
    "Batches": LOADER.to(MODEL),
    "BalancedSampler": portanet.BalancedSampler(n=10),
    "WeightedSampler": portanet.WeightedSampler(np.ones(64), n=10),
    "ExponentialMovingAverage": ExponentialMovingAverage(MODEL),
    "Graph": Graph(WIRE, ReLU()(WIRE)),
    "Input": WIRE,
    "Group": Group(is_vector, weight_decay=0.0),
    "MixedPrecision": portanet.MixedPrecision(),
    "LossScale": portanet.LossScale(8.0),
    "Normalizer": Normalizer().fit(X),
    "Sequential": MODEL,
    "Trainer": TRAINER,
    "State": ExponentialMovingAverage(MODEL).state(),
    "Snapshot": MODEL.snapshot(),
    "CompiledStep": TRAINER.compiled,
    "CompiledForward": portanet.compile_forward(MODEL),
    "StandardBackend": MODEL.backend,
    "a layer of a user's": type("Own", (portanet.Layer,), {"__init__": lambda self, n: None})(3),
    "Losses": portanet.Losses({"price": MSE(), "kind": CrossEntropy()}),
    "Stream": portanet.Stream([], 4),
    "a data set of several arrays": Dataset({"left": X, "right": X}, X),
    "a loss with weights": CrossEntropy(class_weights=[1.0, 2.0]),
    "a loss with a weight for each column": BCEWithLogits(positive_weight=np.ones(1000)),
}
WHOLE = {
    **LAYERS, **LOSSES, **{repr(s): s for s in SCHEDULES}, **OTHERS,
    **{name: optimizer(case) for name, case in OPTIMIZERS.items()},
}  # fmt: skip
NOT_MADE = {
    "Layer",
    "ImageFolder",
    "LazyArray",
    "Loss",
    "Optimizer",
    "Accelerable",
    "Backend",
    "LazyBatch",
    "Batch",
    "Unembedding",
}
HOMES = ("", ".layers", ".losses", ".optimizers", ".schedules", ".metrics", ".data")


def public_classes():
    for home in HOMES:
        module = import_module(f"portanet{home}")
        for name in module.__all__:
            thing = getattr(module, name)
            is_error = isinstance(thing, type) and issubclass(thing, Exception)
            if isinstance(thing, type) and not is_error and name not in NOT_MADE:
                yield name


def test_every_public_class_has_an_object_here():
    """A class without one would keep Python's own text, with an address."""
    made = {type(thing).__name__ for thing in WHOLE.values()}
    made |= {type(case.make()).__name__ for case in LAYER_ROWS}
    made |= {
        type(node).__name__ for graph in LAYER_ROWS for node in graph.make().named_parts().values()
    }
    made |= {"Input"}  # a function's name for a Wire
    assert set(public_classes()) - made == set()


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_is_short_and_shows_no_array(name):
    text = repr(WHOLE[name])
    assert "object at" not in text
    assert "array(" not in text
    assert "\n" not in text
    if not isinstance(WHOLE[name], Sequential):
        assert len(text) <= 140, text  # a transposed convolution has all of nine options


TYPED = {**LAYERS, **LOSSES, **{repr(s): s for s in SCHEDULES}}


@pytest.mark.parametrize("text", TYPED)
def test_a_text_can_be_typed_in(text):
    again = read(text, TYPED[text] in SCHEDULES)
    assert repr(again) == text
    assert type(again) is type(TYPED[text])


@pytest.mark.parametrize(
    "row", [row for row in LAYER_ROWS if is_typed(row.make())], ids=lambda r: r.id
)
def test_what_was_typed_in_computes_the_same(row):
    """With the values of the first one: so no option is missing from the text."""
    portanet.seed(0)
    layer = row.make()
    portanet.seed(0)
    again = read(repr(layer))
    theirs, ours = layer.named_parameters(), again.named_parameters()
    if len(theirs) < len(ours):
        pytest.skip("layers share a parameter, which no text of layers can say")
    for name, parameter in ours.items():
        parameter.value = theirs[name].value
    for name, buffer in again.named_buffers().items():
        buffer.value = layer.named_buffers()[name].value
    x = row.input()
    x = x.astype(np.float32) if x.dtype.kind == "f" else x
    np.testing.assert_array_equal(again.forward(x), layer.forward(x))


def test_what_was_loaded_is_said(tmp_path):
    text = "LoadReport(2 arrays loaded; other shapes: layers.2.weights, layers.2.bias)"
    assert repr(report(tmp_path)) == text


def test_a_frozen_parameter_says_so():
    assert repr(Linear(2, 3).freeze().weights) == "Parameter((2, 3), float32, frozen)"


def test_texts_of_parts_of_a_run():
    assert repr(LOADER) == "DataLoader(Dataset((64, 4) float32, (64, 1) float32), 16, shuffle=True)"
    assert repr(OPTIMIZER) == "SGD(..., lr=0.1, groups=[Group(is_vector, weight_decay=0.0)])"
    assert repr(MODEL) == "Sequential([Linear(4, 8), ReLU(), Linear(8, 1)], MSE())"
    assert repr(Normalizer().fit(X)) == "Normalizer((4,), float32)"
    assert repr(OTHERS["a layer of a user's"]) == "Own(...)"
