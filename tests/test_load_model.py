"""A model from its file alone: equal in every bit, and nothing else moves."""

import copy
import gc
import importlib
import json
import pickle
import weakref
from functools import partial
from pathlib import Path

import cases
import numpy as np
import pytest
from checkpoint_files import with_metadata
from test_checkpoint import parts_of_a_run
from test_checkpoint_files import FIXTURES

import portanet
from portanet import (
    GELU,
    LSTM,
    MAE,
    MSE,
    Adam,
    Add,
    BatchNorm1d,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Embedding,
    Graph,
    Input,
    Layer,
    Linear,
    Losses,
    Parallel,
    Parameter,
    ReLU,
    Residual,
    Sequential,
    Trainer,
    TransformerBlock,
    Unembedding,
    freeze_statistics,
    initializers,
    load,
    load_model,
    save,
)
from portanet.architecture import describe
from portanet.errors import ArgumentError, CheckpointError
from portanet.random import next_key
from portanet.verify.catalogue.beside import Beside
from portanet.verify.catalogue.masked import WithLengths, WithMask

ROOT = Path(__file__).parents[1]
OWN = [WithLengths, WithMask, Beside]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def host(x):
    """Return an array, or several, on the host."""
    if isinstance(x, list | tuple):
        return [host(part) for part in x]
    if isinstance(x, dict):
        return {name: host(part) for name, part in x.items()}
    return portanet.backend_of(x).to_numpy(x)


def arrays(model):
    return {name: host(holder.value) for name, holder in model.named_holders()}


def same(one, other):
    """Both are the same in text, in architecture, and in every bit of their arrays."""
    assert repr(one) == repr(other)
    assert describe(one) == describe(other)
    assert "nodes" in describe(one)
    found, wanted = arrays(one), arrays(other)
    assert list(found) == list(wanted)
    for name in wanted:
        assert found[name].dtype == wanted[name].dtype, name
        np.testing.assert_array_equal(found[name], wanted[name], name)


def saved_and_loaded(path, model, **options):
    save(path, model)
    again = load_model(path, **options)
    same(again, model)
    return again


# every layer and loss


@pytest.mark.parametrize("row", cases.LAYERS, ids=lambda row: row.id)
def test_every_layer_is_made_again(row, path):
    layer = row.layer()  # float64, with parameters that are not zero
    again = saved_and_loaded(path, layer, own=OWN)
    x = row.input()
    np.testing.assert_array_equal(again.forward(x), layer.forward(x))


@pytest.mark.parametrize("row", cases.LOSSES, ids=lambda row: row.id)
def test_every_loss_is_made_again(row, path):
    loss = row.make()
    again = saved_and_loaded(path, loss)
    y_hat, y = row.data()
    np.testing.assert_array_equal(again(y_hat, y), loss(y_hat, y))


def networks():
    """Return networks of all kinds of containers, by name."""
    x, context = Input(), Input("context")
    body = Linear(4, 4)
    h = Add()([body(x), Linear(4, 4)(body(context))])
    state = LSTM(4, 3, return_state=True)
    embedding = Embedding(9, 8, padding_index=0)
    first, second = Linear(4, 4), Linear(4, 4)
    second.weights = first.weights
    tokens = Input("tokens")
    return {
        "a chain": Sequential([Linear(4, 8), Dropout(0.2), ReLU(), Linear(8, 3)], CrossEntropy(class_weights=[1.0, 2.0, 0.5])),
        "nested": Sequential([Residual([Linear(4, 4), Sequential([GELU(approximate="tanh")])]), Parallel([ReLU(), [Linear(4, 2)]])]),
        "two losses": Sequential(
            [Graph([x, context], {"price": Linear(4, 1)(h), "kind": Linear(4, 3)(h)}, names={"body": body})],
            Losses({"price": MSE(), "kind": CrossEntropy(label_smoothing=0.1)}, weights={"kind": 0.5}),
        ),
        "two outputs of a layer": Graph(tokens, [state(tokens)[0], state(tokens)[1]]),
        "losses in a list": Sequential([Graph(x, [body(x), ReLU()(x)])], Losses([MSE(), MAE()])),
        "tied": Sequential([first, ReLU(), second], MSE()),
        "a language model": Sequential([embedding, TransformerBlock(8, 2, causal=True, rotary=True, dropout=0.1, max_length=7), Unembedding(embedding)], CrossEntropy(ignore_index=0)),
    }  # fmt: skip


@pytest.mark.parametrize("name", networks())
def test_networks_of_all_kinds_are_made_again(name, path):
    model = networks()[name]
    again = saved_and_loaded(path, model)
    shared = [id(h) for _, h in model.named_holders()]
    ours = [id(h) for _, h in again.named_holders()]
    assert [shared.index(i) for i in shared] == [ours.index(i) for i in ours]
    assert saved_and_loaded(path, again) is not model  # and what was loaded can be saved


EXAMPLES = {
    "dates": lambda e: (e.network(8), []),
    "gpt": lambda e: (e.network(9, 8, 2), []),
    "own_layer": lambda e: (Sequential([Linear(2, 4), e.ScaledTanh(4)]), [e.ScaledTanh]),
    "siamese": lambda e: (e.network(), []),
    "two_losses": lambda e: (e.network(), []),
    "unet": lambda e: (Sequential([e.unet(2), e.ChannelsLast()]), [e.ChannelsLast]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_networks_of_the_examples_are_made_again(name, path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    model, own = EXAMPLES[name](importlib.import_module(name))
    saved_and_loaded(path, model, own=own)


# what has changed since the constructors were called


def test_changes_since_construction_are_there(path):
    model = Sequential(
        [Linear(4, 4), BatchNorm1d(4), Dropout(0.5), TransformerBlock(4, 2, dropout=0.1)]
    )
    model[2].p = 0.25
    model[3].dropout2.p = 0.3
    model[3].attention.causal = True
    model.layers[0] = Linear(4, 4, bias=False).freeze()
    model.layers.append(ReLU())
    model.criterion = BCEWithLogits(soft_targets=True)
    freeze_statistics(model)
    again = saved_and_loaded(path, model)
    assert (again[2].p, again[3].dropout2.p, again[3].attention.causal) == (0.25, 0.3, True)
    assert again[1].statistics_frozen
    assert not again[0].weights.trainable
    assert again[1].weights.trainable
    assert again.criterion.soft_targets


def test_a_layer_that_was_replaced_is_kept_by_nobody():
    model = Sequential([Linear(2, 2), Residual(Linear(2, 2))])
    gone = weakref.ref(model[0]), weakref.ref(model[1].layers)
    model.layers[0] = model[1].layers = Linear(2, 2)
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_a_copy_is_described_as_what_it_is_a_copy_of(path):
    model = networks()["a language model"]
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert describe(copied) == describe(model)
        same(saved_and_loaded(path, copied), model)


def test_a_subclass_with_its_own_constructor_has_its_own_arguments(path):
    class Network(Sequential):
        def __init__(self, n):
            super().__init__([Linear(n, n), ReLU()], MSE())

    assert type(saved_and_loaded(path, Network(3), own=[Network])) is Network


def test_parameters_that_were_told_apart_stay_apart(path):
    embedding = Embedding(5, 3)
    model = Sequential([embedding, Unembedding(embedding)])
    model[1].weights = Parameter(model[1].weights.value * 2)
    again = saved_and_loaded(path, model)
    assert again[1].weights is not again[0].weights


def test_a_part_that_was_replaced_within_a_layer_is_named(path):
    model = Sequential([TransformerBlock(4, 2)])
    model[0].feed_forward.layers[1] = ReLU()
    save(path, model)
    words = "layers.0.feed_forward.layers.1' was a 'ReLU' .* makes GELU"
    with pytest.raises(CheckpointError, match=words):
        load_model(path)


# backends and dtypes


def test_a_model_is_loaded_on_any_backend_and_back(backend, path):
    model = networks()["a language model"]
    save(path, model)
    again = load_model(path, backend=backend.name, device=backend.device)
    assert again.placement == (backend, "float32")
    same(again, model)
    saved_and_loaded(path, again)  # NumPy reads what the backend has written


def test_a_model_has_the_dtype_of_the_file(path):
    assert saved_and_loaded(path, Sequential([ReLU()]).to(dtype="float64")).dtype == "float64"
    model = Sequential([Linear(2, 3), ReLU()], MSE()).to(dtype="float64")
    assert saved_and_loaded(path, model).dtype == "float64"


# random numbers


def test_loading_draws_nothing_and_dropout_goes_on(path):
    model = Sequential([Linear(4, 4), Dropout(0.5)], MSE())
    x = np.ones((8, 4), np.float32)
    model.forward(x, training=True)
    save(path, model)
    portanet.seed(3)
    wanted = [next_key("weights"), next_key("dropout"), *Linear(2, 2).weights.value.tolist()]
    portanet.seed(3)
    again = load_model(path)
    found = [next_key("weights"), next_key("dropout"), *Linear(2, 2).weights.value.tolist()]
    assert found == wanted
    np.testing.assert_array_equal(again.forward(x, training=True), model.forward(x, training=True))


def run(model):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)).astype(np.float32), rng.integers(0, 2, 60)
    loader = DataLoader(Dataset(X, y), 16, shuffle=True, seed=2)
    optimizer = Adam(model, lr=0.01)
    return optimizer, Trainer(model, optimizer, loader)


def test_training_goes_on_from_the_file_with_the_same_bits(path):
    model = Sequential([Linear(4, 8), Dropout(0.2), BatchNorm1d(8), Linear(8, 2)], CrossEntropy())
    optimizer, trainer = run(model)
    trainer.train(2, log_level=0)
    save(path, model, optimizer, trainer=trainer)
    trainer.train(2, log_level=0)
    portanet.seed(8)
    again = load_model(path)
    optimizer, goes_on = run(again)
    load(path, again, optimizer, trainer=goes_on)
    goes_on.train(2, log_level=0)
    same(again, model)
    assert goes_on.history == trainer.history
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


# classes and functions of a user's own


class Scaled(Layer):
    """Its own layer: a factor for each number, an inner layer, an option that may change."""

    def __init__(self, n, inner, *, function=None, table=(), rng=None):
        first = initializers.normal((n,), rng)
        first[0] = 1  # what initializers give may be written
        self.factors, self.inner = Parameter(first), inner
        self.function, self.table, self.temperature = function, table, 1.0

    def forward(self, x, *, training=False):
        return self.inner.forward(x, training=training) * self.factors.value * self.temperature


def doubled(x):
    return 2 * x


def own_first(shape, rng=None):
    raise AssertionError("no numbers are wanted while loading")


def test_own_classes_and_functions_are_passed_in(path):
    inner = Linear(3, 3, weights=partial(initializers.normal, std=0.5))
    rng = np.random.default_rng(0)
    layer = Scaled(3, inner, function=doubled, table={"a": (1, 2.5), "b": np.arange(3)}, rng=rng)
    layer.temperature = 0.5
    model = Sequential([layer], MSE())
    again = saved_and_loaded(path, model, own=[Scaled, doubled])
    assert again[0].temperature == 0.5
    assert again[0].function is doubled
    assert again[0].table["a"] == (1, 2.5)
    assert again[0].table["b"].tolist() == [0, 1, 2]
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(again.forward(x), model.forward(x))


def test_each_missing_name_is_in_the_error(path):
    save(path, Sequential([Scaled(3, Linear(3, 3), function=doubled)]))
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    words = "Scaled, doubled; pass them by load_model(path, own=[Scaled, doubled])"
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    with pytest.raises(CheckpointError, match=r"of your own: doubled; pass them"):
        load_model(path, own=[Scaled])


def test_an_own_initializer_is_named_and_not_called(path):
    model = Sequential([Linear(3, 2, weights=lambda shape, rng: np.ones(shape, np.float32))])
    model.layers[0]._made_with.options["weights"] = portanet.given.noted(own_first)
    save(path, model)
    with pytest.raises(CheckpointError, match=r"own=\[own_first\]"):
        load_model(path)
    assert load_model(path, own=[own_first])[0].weights.value.tolist() == [[1, 1]] * 3
    assert load_model(path, own={"own_first": doubled})[0].weights.value.shape == (3, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Linear(3, 2, weights=lambda s, rng: np.ones(s)), "weights is a function without a name"),
        (lambda: Scaled(3, ReLU(), table={1, 2}), "Scaled: table is of a kind that no file holds: set"),
        (lambda: Scaled(3, ReLU(), table=np.ones(10**6)), r"table .* ndarray of shape \(1000000,\)"),
        (lambda: Scaled(3, ReLU(), function=Parameter(np.ones(3))), "function .* Parameter"),
    ],
)  # fmt: skip
def test_what_no_file_can_hold_is_saved_and_said_when_it_is_loaded(make, words, path):
    model = Sequential([make()])
    save(path, model)
    with pytest.raises(CheckpointError, match=words):
        load_model(path)
    model[0].unfreeze()
    assert load(path, model) is None


@pytest.mark.parametrize("own", [[3], "Scaled", Scaled, [Scaled, type("Scaled", (Layer,), {})]])
def test_own_must_be_a_list_of_classes_and_functions(own, path):
    with pytest.raises(ArgumentError, match="load_model: own must be"):
        load_model(path, own=own)


# files


@pytest.mark.parametrize("name", ["1", "2"])
def test_files_of_earlier_versions_have_no_architecture(name):
    with pytest.raises(CheckpointError, match=r"no architecture.*portanet.load\(path, model\)"):
        load_model(FIXTURES / f"checkpoint-{name}.safetensors")


def test_a_file_of_the_first_architecture_is_loaded():
    model, _, _ = parts_of_a_run(3)
    load(file := FIXTURES / "checkpoint-2-architecture.safetensors", model)
    again = load_model(file)
    assert repr(again) == repr(model)
    for name, array in arrays(model).items():
        np.testing.assert_array_equal(arrays(again)[name], array)


def test_a_file_that_is_missing_says_so(path):
    with pytest.raises(FileNotFoundError, match="load_model: there is no file"):
        load_model(path)


def test_a_later_version_of_the_architecture_is_refused_by_number(path):
    save(path, Linear(2, 1))
    path.write_bytes(with_metadata(path.read_bytes(), architecture='{"version": 2}'))
    with pytest.raises(CheckpointError, match="must be of version 1, is of 2"):
        load_model(path)


def test_an_architecture_is_json_that_can_be_read(path):
    from safetensors import safe_open

    save(path, Sequential([Linear(3, 2), ReLU()], MSE()))
    with safe_open(path, "numpy") as file:
        architecture = json.loads(file.metadata()["architecture"])
    assert architecture["nodes"] == [
        {"portanet": "Linear", "args": [3, 2]}, {"portanet": "ReLU"}, {"portanet": "MSE"},
        {"portanet": "Sequential", "options": {"layers": [{"node": 0}, {"node": 1}], "criterion": {"node": 2}}},
    ]  # fmt: skip
