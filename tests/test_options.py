"""Options of everything in the catalogue: assigned later, and given as NumPy's numbers."""

from inspect import signature

import numpy as np
import pytest
from cases import LAYERS as LAYER_ROWS
from cases import LOSSES as LOSS_ROWS
from written import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, arguments, optimizer

import portanet
from portanet import DataLoader, Dataset, ExponentialMovingAverage, Linear
from portanet.errors import ArgumentError
from portanet.layer import Layer
from portanet.parameter import Holder

BAD = [-1, -0.5, 0, 1, 1.5, 3, 1e31, float("nan"), float("inf"), "x", None, [], True]
WAYS = {"float64": np.float64, "float32": np.float32, "0-d": np.asarray, "0-d float32": lambda v: np.asarray(v, np.float32)}  # fmt: skip


def loader(batch_size=2, shuffle=False):
    return DataLoader(Dataset(np.zeros((4, 1)), np.zeros(4)), batch_size, shuffle)


def rows():
    """Yield (text, thing, make): make(option=value) makes one like the thing but for that option."""
    for text, thing in {**LAYERS, **LOSSES, **{repr(s): s for s in SCHEDULES}}.items():
        kind, given = arguments(thing, thing in SCHEDULES)
        yield text, thing, lambda kind=kind, given=given, **new: kind(**given | new)
    for name, case in OPTIMIZERS.items():
        yield name, optimizer(case), lambda case=case, **new: optimizer(case, **new)
    ema = ExponentialMovingAverage(Linear(1, 1))
    yield "averaged weights", ema, lambda **new: ExponentialMovingAverage(Linear(1, 1), **new)
    yield "a loader", loader(), loader


ROWS = {text: (thing, make) for text, thing, make in rows()}


def options_of(thing):
    """Return the options of a thing that are kept under their own names."""
    kinds = (Holder, Layer, list, tuple, portanet.Loss)
    known = {name for name in dir(type(thing)) if not name.startswith("_")} | set(vars(thing))
    names = set(signature(type(thing)).parameters) & known
    names = {n for n in names if not isinstance(getattr(type(thing), n, None), property)}
    names |= {"batch_size"} & known
    names -= {"model", "ds", "key", "layers", "embedding", "bias", "criterion"}
    return sorted(n for n in names if not isinstance(getattr(thing, n), kinds) or n == "shape")


def message(make, **new):
    """Return the constructor's message about an option, None if it takes the value."""
    try:
        make(**new)
    except ArgumentError as error:
        return str(error)
    except TypeError:  # of Python: "x" has no length, say; nothing about ranges
        return None
    except KeyError as error:
        # of Python, too: f(a=1, **{"a": 2}) is one in 3.11 while another exception is being handled,
        # which is what an interrupt within an except block can leave behind (test_*_interrupts.py)
        if error.args[0] not in new:
            raise
    return None


@pytest.mark.parametrize("text", ROWS)
def test_what_a_constructor_refuses_is_refused_later_in_the_same_words(text):
    thing, make = ROWS[text]
    for name in options_of(thing):
        before = getattr(thing, name)
        for bad in BAD:
            wanted = message(make, **{name: bad})
            if wanted is None or name not in wanted:
                continue
            with pytest.raises(ArgumentError) as caught:
                setattr(thing, name, bad)
            fixed = f"{name} is fixed when" in str(caught.value)  # what it must fit is fixed, too
            assert str(caught.value) == wanted or (fixed and "divide" in wanted), (name, bad)
            assert getattr(thing, name) is before or getattr(thing, name) == before


def test_the_table_finds_options_with_ranges():
    """Of each kind at least one option is compared, or the test above is about nothing."""
    found = {text: options_of(thing) for text, (thing, _) in ROWS.items()}
    assert found["Dropout(p=0.3)"] == ["p"]
    assert found["CrossEntropy(label_smoothing=0.1)"] == [
        "axis", "class_weights", "ignore_index", "label_smoothing",
    ]  # fmt: skip
    assert "momentum" in found["BatchNorm1d(3)"]
    assert {"beta1", "epsilon"} <= set(found["Adam"])
    assert "lr" in found["Constant(0.1)"]
    assert found["averaged weights"] == ["decay"]
    assert "batch_size" in found["a loader"]


def numbers(given):
    """Return the arguments of a call that are floats."""
    return {name: value for name, value in given.items() if isinstance(value, float)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", LAYER_ROWS, ids=lambda row: row.id)
def test_a_layer_keeps_its_dtype_whatever_numbers_its_options_are(row, way):
    text = repr(row.make())
    if text not in LAYERS or not numbers(arguments(LAYERS[text])[1]):
        pytest.skip("no option of this layer is a float")
    kind, given = arguments(LAYERS[text])
    layer = kind(**given | {name: WAYS[way](value) for name, value in numbers(given).items()})
    x = row.input().astype(np.float32)
    y = layer.forward(x, training=True)
    grad = layer.backward(np.ones_like(y))
    arrays = [
        y,
        grad,
        *(p.grad for p in layer.parameters()),
        *(p.value for p in layer.parameters()),
    ]
    arrays += [b.value for b in layer.named_buffers().values()]
    assert {a.dtype.name for a in arrays} == {"float32"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", LOSS_ROWS, ids=lambda row: row.id)
def test_a_loss_keeps_its_dtype_whatever_numbers_its_options_are(row, way):
    text = repr(row.make())
    if text not in LOSSES or not numbers(arguments(LOSSES[text])[1]):
        pytest.skip("no option of this loss is a float")
    kind, given = arguments(LOSSES[text])
    loss = kind(**given | {name: WAYS[way](value) for name, value in numbers(given).items()})
    y_hat, y = row.data()
    y = y.astype(np.float32) if y.dtype.kind == "f" else y
    losses = loss.forward(y_hat.astype(np.float32), y, training=True)
    assert (losses.dtype, loss.backward().dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_the_dtype_whatever_numbers_its_options_are(name, way):
    plain = optimizer(OPTIMIZERS[name])
    chosen = {n: WAYS[way](v) for n, v in vars(plain).items() if n in plain._options and isinstance(v, float)}  # fmt: skip
    assert "lr" in chosen
    chosen |= {"clip_norm": WAYS[way](1.0), "clip_value": WAYS[way](0.5)}
    for option, value in chosen.items():
        setattr(plain, option, value)
        assert type(getattr(plain, option)) is float
    for p in plain.model.parameters():
        p.grad = np.ones_like(p.value)
    plain.step()
    slots = [a for of in plain.memory.slots.values() for a in of.values()]
    assert {a.dtype.name for a in [*slots, *(p.value for p in plain.model.parameters())]} == {
        "float32"
    }


@pytest.mark.parametrize("way", WAYS)
def test_averaged_weights_and_schedules_take_any_number(way):
    layer = Linear(2, 2)
    ema = ExponentialMovingAverage(layer, decay=WAYS[way](0.5))
    ema.update()
    assert {a.dtype.name for a in ema.state().arrays.values()} == {"float32"}
    for schedule in SCHEDULES:
        for name, value in vars(schedule).items():
            if isinstance(value, float) and not name.startswith("_"):
                setattr(schedule, name, WAYS[way](value))
                assert type(getattr(schedule, name)) is float
        assert isinstance(schedule(3), float)
