"""Several arrays as X, y and outputs: data sets, side inputs, Losses, metrics by name, training."""

import warnings

import numpy as np
import pytest
from agreement import assert_ulps
from graph_layers import Halves, Shifted

import portanet
from portanet import (
    LSTM,
    MAE,
    MSE,
    SGD,
    Adam,
    BCEWithLogits,
    Concat,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Graph,
    Input,
    Linear,
    Losses,
    MultiHeadAttention,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
    Trainer,
    accuracy,
    compile_forward,
    compile_step,
    r2,
)
from portanet.checks import skip_value_checks
from portanet.errors import ArgumentError, DataError, DtypeError, LastLayerWarning, ShapeError
from portanet.several import map_parts

N = 48


def sides_and_kinds(n=N):
    rng = np.random.default_rng(0)
    table, image = rng.standard_normal((n, 3)), rng.standard_normal((n, 2, 2))
    price = 2 * table[:, 0] + image.mean(axis=(1, 2))
    return {"table": table, "image": image}, {"price": price, "kind": (table[:, 1] > 0).astype(int)}


def two_by_two(class_weights=None):
    """Two inputs, two outputs, two losses."""
    portanet.seed(1)
    table, image = Input("table"), Input("image")
    flat = Linear(4, 4)(portanet.Flatten()(image))
    hidden = ReLU()(Linear(7, 8)(Concat()([table, Tanh()(flat)])))
    graph = Graph([table, image], {"price": Linear(8, 1)(hidden), "kind": Linear(8, 2)(hidden)})
    losses = {"price": MSE(), "kind": CrossEntropy(class_weights=class_weights)}
    return Sequential([graph], Losses(losses, weights={"kind": 0.5}))


def trained(model, backend, epochs=3, **options):
    data = Dataset(*sides_and_kinds())
    train_dl, val_dl = DataLoader(data, 20, shuffle=True, seed=3), DataLoader(data, 30)
    model.to(backend.name, device=backend.device, dtype=options.pop("dtype", None))
    metric = {"price": r2, "kind": accuracy}
    trainer = Trainer(model, Adam(model, lr=0.01), train_dl, val_dl, metric, **options)
    trainer.train(epochs, log_level=0)
    return trainer


@pytest.mark.parametrize("class_weights", [None, [1.0, 3.0]])
def test_two_inputs_two_losses_train_alike_on_every_backend(backend, class_weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = trained(two_by_two(class_weights), backend)
    numpy = portanet.backends.get("numpy")
    wanted = trained(two_by_two(class_weights), numpy, compile=False)
    assert found.compiled is not None
    assert found.compiled.refused is None
    for row, right in zip(found.history, wanted.history, strict=True):
        assert list(row) == ["loss", "val_loss", "val_metric.price", "val_metric.kind"]
        for name in row:  # 9 steps of Adam, each a few roundings of numbers near 1
            assert row[name] == pytest.approx(right[name], rel=1e-4, abs=1e-4)
    loss, metrics = found.evaluate(found.val_dl)
    assert loss == pytest.approx(found.history[-1]["val_loss"], rel=1e-6)
    assert metrics == {name: found.history[-1][f"val_metric.{name}"] for name in ("price", "kind")}


def test_a_compiled_step_has_the_bits_of_the_readable_one():
    numpy = portanet.backends.get("numpy")
    compiled, readable = (
        trained(two_by_two(), numpy, fast=False),
        trained(two_by_two(), numpy, compile=False),
    )
    named = readable.model.named_parameters()
    for name, one in compiled.model.named_parameters().items():
        assert_ulps(name, one.value, named[name].value, "float32", 36)  # 9 steps of 4
    assert compiled.compiled.plans.n_replays > 0


def test_losses_are_the_weighted_sum_of_means():
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    import torch.nn.functional as F

    rng, weight = np.random.default_rng(0), np.linspace(0.5, 2, 6)
    y_hat = {"a": rng.standard_normal((6, 1)), "b": rng.standard_normal((6, 3))}
    y = {"b": rng.integers(0, 3, 6), "a": rng.standard_normal(6)}
    classes = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    for sample_weight in (None, weight):
        criterion = Losses(
            {"a": MAE(), "b": CrossEntropy(class_weights=[1, 2, 5])}, weights={"a": 0.25}
        ).to(dtype="float64")
        losses = criterion.forward(y_hat, y, sample_weight=sample_weight, training=True)
        grads = criterion.backward()
        t = {k: torch.tensor(v, requires_grad=True) for k, v in y_hat.items()}
        w = torch.tensor(np.ones(6) if sample_weight is None else sample_weight)
        of_a = (w * (t["a"][:, 0] - torch.tensor(y["a"])).abs()).sum() / w.sum()
        labels = torch.tensor(y["b"])
        each = F.cross_entropy(t["b"], labels, weight=classes, reduction="none")
        of_b = (w * each).sum() / (w * classes[labels]).sum()
        mean = 0.25 * of_a + of_b
        mean.backward()
        total = 6 if sample_weight is None else sample_weight.sum()
        np.testing.assert_allclose(losses.sum() / total, mean.item(), rtol=1e-12)
        for key, grad in grads.items():
            np.testing.assert_allclose(grad, t[key].grad, rtol=1e-10, atol=1e-14)


def test_data_sets_of_several_arrays():
    X, y = sides_and_kinds(5)
    data = Dataset(X, (y["price"], y["kind"]))
    assert len(data) == 5
    x, targets = data[1:3]
    assert {name: part.shape for name, part in x.items()} == {"table": (2, 3), "image": (2, 2, 2)}
    np.testing.assert_array_equal(targets[1], y["kind"][1:3])
    batches = list(DataLoader(data, 2, shuffle=True, seed=0))
    order = np.concatenate([[np.flatnonzero(y["price"] == p)[0] for p in t[0]] for _, t in batches])
    assert sorted(order) == list(range(5))
    np.testing.assert_array_equal(
        np.concatenate([x["image"] for x, _ in batches]), X["image"][order]
    )
    data.X = {"table": X["table"][:, :2], "image": X["image"]}
    assert data[0][0]["table"].shape == (2,)


def test_a_tuple_of_numbers_is_data_and_a_tuple_of_arrays_is_several():
    assert Dataset(((1.0, 2.0), (3.0, 4.0)), (0, 1)).X.shape == (2, 2)
    assert isinstance(Dataset((np.ones((2, 2)), np.ones((2, 3))), (0, 1)).X, tuple)


def test_memory_maps_and_batches_of_subclasses(tmp_path):
    X, y = sides_and_kinds()
    mapped = {}
    for name, array in X.items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")

    class Read(Dataset):
        def __init__(self):
            super().__init__(X, y)

        def __getitem__(self, index):
            return super().__getitem__(index)

    def of(data):
        model = two_by_two()
        trainer = Trainer(model, SGD(model, lr=0.1), DataLoader(data, 20, shuffle=True, seed=0))
        trainer.train(3, log_level=0)
        return [row["loss"] for row in trainer.history]

    wanted = of(Dataset(X, y))
    assert of(Dataset(mapped, y)) == wanted
    assert of(Read()) == wanted


# weights of samples


@pytest.mark.parametrize("several", [False, True])
def test_a_sample_of_weight_2_counts_as_two(backend, several):
    """And one of weight 0 not at all: the same as a data set that has samples as often."""
    X, y = sides_and_kinds(12)
    weight = np.asarray([1, 2, 0, 3] * 3)
    often = np.repeat(np.arange(12), weight)
    if not several:
        X, y = X["table"], y["kind"]

    def trained(rows, weights):
        model = (
            two_by_two([1.0, 3.0])
            if several
            else Sequential([Linear(3, 2)], CrossEntropy(class_weights=[1, 3]))
        )
        model.to(backend.name, device=backend.device)
        data = Dataset(
            map_parts(lambda a: a[rows], X), map_parts(lambda a: a[rows], y), sample_weight=weights
        )
        train_dl, val_dl = DataLoader(data, 100), DataLoader(data, 100)
        trainer = Trainer(model, SGD(model, lr=0.1), train_dl, val_dl)
        trainer.train(5, log_level=0)
        assert trainer.compiled.refused is None
        return trainer.history

    portanet.seed(0)
    found = trained(np.arange(12), weight)
    portanet.seed(0)
    for row, wanted in zip(found, trained(often, None), strict=True):
        for name, value in row.items():  # sums of at most 18 numbers in another order
            assert value == pytest.approx(wanted[name], rel=1e-5)


def test_weights_are_shuffled_with_their_samples():
    X = np.arange(10.0)[:, None]
    data = Dataset(X, X[:, 0], sample_weight=X[:, 0])
    for x, y in DataLoader(data, 4, shuffle=True, seed=0):
        np.testing.assert_array_equal(x[:, 0], y["sample_weight"])
        np.testing.assert_array_equal(x[:, 0], y["y"])


# side inputs


def tokens(n=40, length=6):
    rng = np.random.default_rng(0)
    x, lengths = rng.integers(1, 9, (n, length)), rng.integers(1, length + 1, n)
    sums = np.where(np.arange(length) < lengths[:, None], x, 0).sum(axis=1)
    return {"tokens": x, "lengths": lengths}, (sums > 15).astype(int)


def classifier(*inside):
    portanet.seed(2)
    lstm = LSTM(4, 5, return_sequences=False)
    return Sequential([Embedding(9, 4), *inside, lstm, Linear(5, 2)], CrossEntropy())


def test_lengths_reach_the_layers_that_take_them(backend):
    X, y = tokens(20, length=3)  # one shape: JAX compiles each operation of each, for a second
    model = classifier(Residual([Sequential([LSTM(4, 4)])])).to(backend.name, device=backend.device)
    trainer = Trainer(
        model,
        Adam(model, lr=0.01),
        DataLoader(Dataset(X, y), 20),
        DataLoader(Dataset(X, y), 20),
        accuracy,
    )
    trainer.train(3, log_level=0)
    assert trainer.compiled.refused is None
    x = {name: backend.asarray(array, backend.index_dtype()) for name, array in X.items()}
    embedding, residual, lstm, linear = model.layers
    h = embedding(x["tokens"])
    h = h + residual.layers.layers[0](h, lengths=x["lengths"])
    wanted = backend.to_numpy(linear(lstm(h, lengths=x["lengths"])))
    np.testing.assert_array_equal(backend.to_numpy(model(x)), wanted)
    beyond = dict(
        x,
        tokens=backend.asarray(
            np.where(np.arange(3) < X["lengths"][:, None], X["tokens"], 0), backend.index_dtype()
        ),
    )
    np.testing.assert_array_equal(
        backend.to_numpy(model(beyond)), wanted
    )  # padding has no influence


def test_lengths_are_looked_at_before_training():
    X, y = tokens()
    model = classifier()
    too_long = dict(X, lengths=X["lengths"] + 2)
    with pytest.raises(DataError, match=r"layers.1 LSTM\(4, 5, .*\): lengths must be in \[0, 6\]"):
        Trainer(model, SGD(model, lr=0.1), DataLoader(Dataset(too_long, y), 20)).train(1)
    step = compile_step(model, SGD(model, lr=0.1))
    for _ in range(4):
        step(X, y)
    with pytest.raises(DataError, match="lengths must be in"):
        step(too_long, y)


def shifted():
    """The shift is computed by layers; the scale is an input, and is used by two layers."""
    x, scale = Input("x"), Input("scale")
    first, second = Shifted(), Shifted()
    inner = Sequential([Linear(3, 3), Parallel([Residual(second)])])
    h = first(Linear(3, 3)(x), shift=Tanh()(x), scale=scale)
    return Graph([x, scale], inner(h, shift=scale, scale=Linear(3, 3)(h)))


def test_gradients_of_side_inputs_are_the_derivatives():
    rng = np.random.default_rng(0)
    graph = shifted().to(dtype="float64")
    x = {"x": rng.standard_normal((4, 3)), "scale": rng.standard_normal((4, 3))}
    G = rng.standard_normal((4, 3))
    graph.forward(x, training=True)
    found = graph.backward(G)
    for name, array in x.items():
        for at in np.ndindex(array.shape):
            sums = []
            for h in (1e-6, -1e-6):
                moved = dict(x, **{name: array.copy()})
                moved[name][at] += h
                sums.append(np.sum(G * graph.forward(moved)))
            numeric = (sums[0] - sums[1]) / 2e-6
            # central differences: h² f'''/6 + rounding 2⁻⁵³ |L| / h, both below 1e-8 here
            assert found[name][at] == pytest.approx(numeric, rel=1e-7, abs=1e-8)


def test_a_graph_takes_its_other_inputs_as_side_inputs():
    rng = np.random.default_rng(0)
    x, scale = rng.standard_normal((2, 4, 3)).astype("f4")
    graph = shifted()
    model = Sequential([Linear(3, 3), graph])
    wanted = graph({"x": model.layers[0](x), "scale": scale})
    np.testing.assert_array_equal(model({"x": x, "scale": scale}), wanted)
    model.forward({"any": x, "scale": scale}, training=True)
    grad = model.backward(np.ones((4, 3), "f4"))
    graph.forward({"x": model.layers[0](x), "scale": scale}, training=True)
    both = graph.backward(np.ones((4, 3), "f4"))
    np.testing.assert_array_equal(grad, both["x"] @ model.layers[0].weights.value.T)
    np.testing.assert_array_equal(model.take_side_grads()["scale"], both["scale"])
    assert model.take_side_grads() == {}


def test_attention_over_a_memory_of_the_graph_trains_compiled(backend):
    """The encoder's gradient comes back through the side input `memory`."""
    rng = np.random.default_rng(0)
    X = {"source": rng.integers(0, 5, (32, 4)), "target": rng.integers(0, 5, (32, 3))}
    y = X["source"][:, :3]

    def made():
        portanet.seed(5)
        source, target = Input("source"), Input("target")
        encoded = Tanh()(Linear(8, 8)(Embedding(5, 8)(source)))
        decoded = MultiHeadAttention(8, 2)(Embedding(5, 8)(target), memory=encoded)
        return Sequential([Graph([source, target], Linear(8, 5)(decoded))], CrossEntropy())

    def trained(model, **options):
        trainer = Trainer(model, Adam(model, lr=0.01), DataLoader(Dataset(X, y), 16), **options)
        trainer.train(4, log_level=0)
        return trainer

    found = trained(made().to(backend.name, device=backend.device))
    wanted = trained(made(), compile=False)
    assert found.compiled.refused is None
    right = wanted.model.named_parameters()
    for name, parameter in found.model.named_parameters().items():
        # Adam divides by the gradient's size: the noise of a key's gradient near 0 is magnified
        np.testing.assert_allclose(
            backend.to_numpy(parameter.value), right[name].value, rtol=1e-3, atol=1e-4
        )
    before = made().named_parameters()
    assert all(np.any(p.value != before[n].value) for n, p in right.items() if "key" not in n)


def test_a_layer_that_returns_several_arrays():
    x = Input()
    halves = Halves()(Linear(4, 4)(x))
    one, both = Graph(x, halves[1]), Graph(x, [Tanh()(halves[0]), halves[1], halves[1]])
    array = np.random.default_rng(0).standard_normal((5, 4)).astype("f4")
    linear = one.layers["0"]
    np.testing.assert_array_equal(one(array), linear(array)[:, 2:])
    one.forward(array, training=True)
    G = np.ones((5, 2), "f4")
    np.testing.assert_array_equal(one.backward(G), G @ linear.weights.value.T[2:])
    both.forward(array, training=True)
    grad = both.backward([np.zeros((5, 2), "f4"), G, G])
    np.testing.assert_array_equal(grad, 2 * (G @ linear.weights.value.T[2:]))
    with pytest.raises(ArgumentError, match=r"take each by its index, wire\[0\], wire\[1\]"):
        _, _ = halves


@pytest.mark.parametrize("make", [two_by_two, classifier])
def test_compiled_outputs_of_several_arrays(make):
    model = make()
    rng = np.random.default_rng(1)
    X = (
        {n: a.astype("f4") for n, a in sides_and_kinds()[0].items()}
        if make is two_by_two
        else tokens()[0]
    )
    forward, wanted = compile_forward(model), model.forward(X)
    for _ in range(3):
        with skip_value_checks():
            found = forward(X)
        assert forward.refused is None
        if make is two_by_two:
            assert list(found) == ["price", "kind"]
            for name, array in found.items():
                assert_ulps(name, array, wanted[name], "float32", 8)
        else:
            assert_ulps("y_hat", found, wanted, "float32", 8)
    del rng


x_in, y_in = Input("x"), Input("y")
MISTAKES = {
    "y of one array for two losses": (
        lambda: trained_on(two_by_two(), sides_and_kinds()[0], np.zeros(N)), ShapeError,
        r"Losses: y must be a dict with the names of the losses, \['kind', 'price'\]; is ndarray"),
    "a name that is no loss": (
        lambda: trained_on(two_by_two(), sides_and_kinds()[0], {"price": np.zeros(N), "sort": np.zeros(N)}),
        ShapeError, r"the names of the losses, \['kind', 'price'\]; has \['price', 'sort'\]"),
    "several targets for one loss": (
        lambda: trained_on(Sequential([Linear(3, 1)], MSE()), np.zeros((N, 3)), {"a": np.zeros(N)}), ShapeError,
        r"DataLoader: y must be one array, as MSE compares.*is dict of \['a'\]; several outputs take Losses"),
    "two losses for one output": (
        lambda: trained_on(Sequential([Linear(3, 2)], Losses([MSE(), MSE()])), np.zeros((N, 3)), (np.zeros(N), np.zeros(N))),
        ShapeError, r"Losses: y_hat must be a tuple of 2 arrays, as the losses"),
    "an input that is missing": (
        lambda: trained_on(two_by_two(), {"table": np.zeros((N, 3))}, sides_and_kinds()[1]), ShapeError,
        r"Sequential: x must have an array for each of the inputs \['table', 'image'\], has \['table'\]"),
    "a side input that nobody takes": (
        lambda: trained_on(classifier(), {"tokens": np.zeros((N, 6)), "length": np.ones(N)}, np.zeros(N)), ArgumentError,
        r"Sequential: x must be one array.*Did you mean 'lengths'\?"),
    "lengths of another number": (
        lambda: Dataset({"tokens": np.zeros((4, 2)), "lengths": np.ones(3)}, np.zeros(4)), ShapeError,
        r"Dataset: X\['lengths'\] must have one entry for each of the 4 samples in X\['tokens'\], has 3"),
    "text in one of them": (
        lambda: Dataset({"a": np.zeros((2, 2)), "b": ["x", "y"]}, [0, 1]), DtypeError, r"Dataset: X\['b'\] must hold real numbers"),
    "NaN in one of them": (
        lambda: Dataset({"a": np.zeros((2, 2)), "b": [np.nan, 1]}, [0, 1]), DataError, r"Dataset: X\['b'\] must be finite, 1"),
    "weights of other samples": (
        lambda: Dataset(np.zeros((4, 2)), np.zeros(4), sample_weight=[1, 2]), ShapeError,
        r"Dataset: sample_weight must be \(4,\), one for each sample, is \(2,\)"),
    "a weight of -1": (
        lambda: trained_on(Sequential([Linear(2, 1)], MSE()), np.zeros((2, 2)), [0, 1], weight=[1, -1]), DataError,
        r"Dataset: sample_weight must hold numbers >= 0; number 1 of it is -1"),
    "a weight of NaN": (
        lambda: Dataset([[1.0]], [1], sample_weight=[np.nan]), DataError, "sample_weight must be finite"),
    "a dict in a dict": (
        lambda: Dataset({"a": {"b": [1, 2]}}, [0, 1]), DtypeError, r"Dataset: X\['a'\] must be an array, is a dict; give one flat"),
    "no arrays": (lambda: Dataset({}, [0, 1]), DataError, "Dataset: X must hold arrays, is an empty dict"),
    "a loss that is a class": (
        lambda: Losses({"a": MSE}), ArgumentError, r"Losses: losses\['a'\] must be a loss.*; make one of it with \(\)"),
    "no losses": (lambda: Losses({}), ArgumentError, r"Losses: losses must be a dict or list of losses, is \{\}"),
    "a weight of no loss": (
        lambda: Losses({"a": MSE()}, weights={"b": 1}), ArgumentError, r"Losses: weights must be of the losses \['a'\], got one of 'b'"),
    "a weight below 0": (
        lambda: Losses([MSE()], weights=[-1]), ArgumentError, r"Losses: weights\[0\] must be a number in \[0, inf\), is -1"),
    "a metric of no output": (
        lambda: trained_on(two_by_two(), *sides_and_kinds(), {"prise": r2}), ArgumentError,
        r"Trainer: metric must have metrics of the outputs \['price', 'kind'\], has one of 'prise'"),
    "a metric that is none": (
        lambda: trained_on(two_by_two(), *sides_and_kinds(), {"price": "r2"}), ArgumentError,
        r"Trainer: metric\['price'\] must be a function such as accuracy, is 'r2'"),
    "outputs that are no losses": (
        lambda: Sequential([Graph(x_in, {"a": ReLU()(x_in)})], Losses({"b": MSE()})), ShapeError,
        r"Losses: the losses must be a dict with the names of the Graph's outputs, \['a'\]; has \['b'\]"),
    "a side input of another name": (
        lambda: LSTM(2, 3)(x_in, length=y_in), ArgumentError,
        r"LSTM\(2, 3\): side inputs must be.*'lengths'\].*got 'length', did you mean 'lengths'\?"),
    "numbers for a side input": (
        lambda: LSTM(2, 3)(x_in, lengths=np.ones(3)), ArgumentError,
        r"LSTM\(2, 3\): layers that are called on wires must be given nothing else, got ndarray"),
}  # fmt: skip


def trained_on(model, X, y, metric=None, weight=None):
    data = DataLoader(Dataset(X, y, sample_weight=weight), 20)
    Trainer(model, SGD(model, lr=0.1), data, data, metric).train(1)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, error, words = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        make()


def test_a_link_before_one_of_the_losses_is_warned_of():
    x = Input()
    graph = Graph(x, {"a": Softmax()(Linear(2, 3)(x)), "b": Linear(2, 1)(x)})
    with pytest.warns(LastLayerWarning, match="CrossEntropy: y_hat must be logits"):
        Sequential([graph], Losses({"a": CrossEntropy(), "b": BCEWithLogits()}))


def test_several_metrics_of_one_output():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2))
    data = DataLoader(Dataset(X, X[:, 0] > 0), 10)
    model = Sequential([Linear(2, 1)], BCEWithLogits())
    metric = {"right": accuracy, "auc": portanet.roc_auc, "own": lambda p, y: (p[:, 0] * y).mean()}
    trainer = Trainer(model, SGD(model, lr=0.5), data, data, metric)
    trainer.train(2, log_level=0)
    scores = model.forward(X.astype("f4"))[:, 0]
    right = X[:, 0] > 0
    row = trainer.history[-1]
    assert row["val_metric.right"] == pytest.approx(np.mean((scores > 0) == right), abs=1e-6)
    pairs = scores[right][:, None] > scores[~right][None, :]
    assert row["val_metric.auc"] == pytest.approx(np.mean(pairs), abs=1e-6)
    p = 1 / (1 + np.exp(-scores.astype(float)))
    assert row["val_metric.own"] == pytest.approx(np.mean(p * right), rel=1e-5)
