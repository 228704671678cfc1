"""Beginners' mistakes are met by sentences: who, what was wanted, what came, what to do."""

import copy
import inspect
import pickle
import re

import pytest
from mistakes import (
    base,
    constructors,
    datasets,
    files,
    habits,
    losses,
    networks,
    own_layers,
    training,
)

import portanet
from portanet import SGD, Layer, Linear, Sequential
from portanet.errors import CallError, MissingNameError, PortanetError, ShapeError

AREAS = (constructors, networks, losses, training, datasets, habits, own_layers, files)
MISTAKES = {name: row for area in AREAS for name, row in area.MISTAKES.items()}
LONGEST = 400
# Python's own words for its own errors, numbers of arrays, addresses of objects
FOREIGN = re.compile(
    r"not callable|unexpected keyword|positional argument|not subscriptable|has no attribute|"
    r"not iterable|unsupported operand|takes \d+ positional|\barray\(|tensor\(|\[\[[\d.]+[, ]|0x[0-9a-f]{6}"
)


def message_of(mistake):
    """Return what a mistake raises or warns of, and the text of it."""
    if issubclass(mistake.error, Warning):
        with pytest.warns(mistake.error) as caught:
            mistake.call()
        return caught[0].message
    with pytest.raises(mistake.error) as raised:
        mistake.call()
    return raised.value


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_met_by_a_sentence(name):
    mistake = MISTAKES[name]
    found = message_of(mistake)
    notes = getattr(found, "__notes__", ())  # of an error that a user's function has raised
    text = " ".join((*notes, str(found))[0].split())
    lacks = {
        part: word for part, word in mistake._asdict().items() if part in PARTS and word not in text
    }
    assert not lacks, f"{text!r} lacks {lacks}"
    assert len(text) <= LONGEST, text
    assert not FOREIGN.search(text), text
    assert notes or isinstance(
        found, PortanetError | Warning | OSError | NotImplementedError | ImportError
    )


PARTS = ("who", "wanted", "came", "do")


def test_there_are_at_least_120_and_each_once():
    assert len(MISTAKES) >= 120
    assert len(MISTAKES) == sum(len(area.MISTAKES) for area in AREAS)


def test_a_name_that_is_elsewhere_is_an_attribute_error_and_hidden():
    """hasattr, getattr with a default, copies and pickles go on as if there were no such name."""
    net = base.model()
    assert not hasattr(net, "train")
    assert not hasattr(Linear, "fit")
    assert getattr(net, "eval", None) is None
    assert not {"train", "zero_grad", "cuda"} & set(dir(net))
    assert not hasattr(SGD(net, lr=0.1), "zero_grad")
    assert not hasattr(portanet, "Dense")
    copied = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    assert (copied.layers[0].weights.value == net.layers[0].weights.value).all()
    with pytest.raises(MissingNameError, match=r"there is no \.train here"):
        copied.train()


def test_a_class_may_have_such_a_name_itself():
    class Own(Linear):
        def train(self):
            return "own"

    layer = Own(3, 1)
    layer.weight = 5
    assert (layer.train(), layer.weight) == ("own", 5)
    assert {"train", "weight"} <= set(dir(layer))


def test_a_type_error_within_a_constructor_is_left_alone():
    """Only a call that does not fit the constructor gets other words."""

    class Own(Layer):
        def __init__(self, n, **options):
            self.n = n + 1

    class Passing(Linear):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)

    with pytest.raises(TypeError, match="can only concatenate str") as caught:
        Own("3", width=2)
    assert not isinstance(caught.value, CallError)
    with pytest.raises(CallError, match="Passing: there is no argument width, got width=2"):
        Passing(3, 1, width=2)
    with pytest.raises(CallError, match=r"Own: needs n, got width=2; write Own\(n, \*\*options\)"):
        Own(width=2)


def test_a_signature_is_that_of_the_constructor():
    assert [*inspect.signature(Linear).parameters] == ["n_inp", "n_out", "bias", "weights", "rng"]
    assert [*inspect.signature(SGD).parameters][-1] == "common"
    assert str(inspect.signature(portanet.ReLU)) == "()"


def test_the_place_of_an_error_is_a_name_of_the_network():
    inner = Sequential([portanet.ReLU(), Linear(5, 1)])
    net = Sequential([portanet.Residual([Linear(3, 3)]), portanet.Parallel([inner])])
    with pytest.raises(ShapeError) as caught:
        net.forward(base.X)
    name, _, rest = str(caught.value).partition(" ")
    assert net.named_parts()[name] is inner.layers[1]
    assert rest.startswith("Linear(5, 1): x must be (N, 5), is (6, 3)")


def test_a_submodule_is_imported_and_no_unknown_name():
    from portanet import chain

    assert chain.check_chain
