"""Graphs against PyTorch's autograd: random wirings, several inputs and outputs, tied parameters."""

import copy
import pickle

import numpy as np
import pytest
from agreement import assert_ulps
from compiled_twins import Twins
from graph_layers import Halves, Shifted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import portanet
from portanet import (
    MSE,
    SGD,
    Add,
    BCEWithLogits,
    Concat,
    DataLoader,
    Dataset,
    Embedding,
    Graph,
    Input,
    Linear,
    Losses,
    Multiply,
    Parallel,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    Trainer,
)
from portanet.errors import ArgumentError, ShapeError, SharedParameterError

N, WIDTH = 5, 3
STEP = st.tuples(
    st.sampled_from(["linear", "again", "tanh", "add", "multiply", "concat", "shift", "half"]),
    st.integers(0, 2**16),
    st.integers(0, 2**16),
)


def drawn(steps, n_inputs, n_outputs):
    """Return a Graph wired by some steps, each of which takes values that are there already."""
    wires, linears = [Input(f"x{i}") for i in range(n_inputs)], [Linear(WIDTH, WIDTH)]
    inputs = list(wires)
    for kind, a, b in steps:
        x, other = wires[a % len(wires)], wires[b % len(wires)]
        if kind in ("linear", "again"):
            if kind == "linear":
                linears.append(Linear(WIDTH, WIDTH))
            wires.append(linears[b % len(linears)](x))
        elif kind == "tanh":
            wires.append(Tanh()(x))
        elif kind == "shift":
            wires.append(Shifted()(x, shift=other, scale=wires[(a + b) % len(wires)]))
        elif kind == "half":
            wires.append(Halves()(Linear(WIDTH, 2 * WIDTH)(x))[b % 2])
        elif kind == "concat":
            wires.append(Linear(2 * WIDTH, WIDTH)(Concat()([x, other])))
        else:
            wires.append((Add() if kind == "add" else Multiply())([x, other]))
    last = Add()(wires)  # depends on all inputs
    return Graph(inputs, [last, *wires[len(wires) - n_outputs + 1 :]])


def by_torch(graph, x, grads):
    """Return outputs, and gradients of inputs and parameters, as PyTorch has them."""
    import torch

    given = [torch.tensor(array, requires_grad=True) for array in x]
    parameters = {
        name: torch.tensor(p.value, requires_grad=True)
        for name, p in graph.named_parameters().items()
    }
    values = list(given)
    for call in graph.calls:
        taken, layer = [values[i] for i in call.inputs], graph.layers.get(call.layer)
        if layer is None:
            y = taken[0][call.item]
        elif isinstance(layer, Halves):
            y = taken[0].chunk(2, dim=1)
        elif isinstance(layer, Shifted):
            sides = {name: values[i] for name, i in call.sides.items()}
            y = taken[0] + sides["shift"].tanh() * sides["scale"]
        elif isinstance(layer, Linear):
            name = f"layers.{call.layer}"
            y = taken[0] @ parameters[f"{name}.weights"] + parameters[f"{name}.bias"]
        elif isinstance(layer, Tanh):
            y = taken[0].tanh()
        elif isinstance(layer, Concat):
            y = torch.cat(taken, 1)
        else:
            y = taken[0]
            for other in taken[1:]:
                y = y + other if isinstance(layer, Add) else y * other
        values.append(y)
    outputs = [values[i] for i in graph.outputs]
    sum((y * torch.tensor(g)).sum() for y, g in zip(outputs, grads, strict=True)).backward()
    return [y.detach().numpy() for y in outputs], given, parameters


@given(
    st.lists(STEP, min_size=1, max_size=8), st.integers(1, 3), st.integers(1, 2), st.integers(0, 99)
)
@settings(max_examples=100, deadline=None)
def test_random_graphs_have_pytorchs_gradients(steps, n_inputs, n_outputs, seed):
    pytest.importorskip("torch", reason="compares with PyTorch")
    portanet.seed(seed)
    rng, graph = np.random.default_rng(seed), drawn(steps, n_inputs, n_outputs).to(dtype="float64")
    x = [rng.uniform(-1, 1, (N, WIDTH)) for _ in range(n_inputs)]
    y = graph.forward(x, training=True)
    grads = [rng.standard_normal(out.shape) for out in y]
    found = graph.backward(grads)
    wanted, given, parameters = by_torch(graph, x, grads)
    for out, want in zip(y, wanted, strict=True):
        np.testing.assert_allclose(out, want, rtol=1e-10, atol=1e-10)
    for grad, tensor in zip(found, given, strict=True):
        np.testing.assert_allclose(grad, tensor.grad, rtol=1e-10, atol=1e-10)
    for name, parameter in graph.named_parameters().items():
        if parameters[name].grad is not None:
            want = parameters[name].grad.numpy()
            np.testing.assert_allclose(parameter.grad, want, rtol=1e-10, atol=1e-10)


@given(
    st.lists(STEP, min_size=1, max_size=8), st.integers(1, 3), st.integers(1, 2), st.integers(0, 99)
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_graphs_agree_on_every_backend(backend, dtypes, steps, n_inputs, n_outputs, seed):
    portanet.seed(seed)
    rng, graph = np.random.default_rng(seed), drawn(steps, n_inputs, n_outputs).to(dtype=dtypes[-1])
    x = [rng.uniform(-1, 1, (N, WIDTH)).astype(dtypes[-1]) for _ in range(n_inputs)]
    y = graph.forward(x, training=True)
    grads = [rng.standard_normal(out.shape).astype(dtypes[-1]) for out in y]
    wanted = [*y, *graph.backward(grads), *(p.grad for p in graph.parameters())]
    graph.to(backend.name, device=backend.device)
    y = graph.forward([backend.asarray(a) for a in x], training=True)
    found = [
        *y,
        *graph.backward([backend.asarray(g) for g in grads]),
        *(p.grad for p in graph.parameters()),
    ]
    # sums of at most some dozen paths, each of a few roundings
    bound = 1e-10 if dtypes[-1] == "float64" else 1e-4
    for array, right in zip(found, wanted, strict=True):
        assert (array is None) == (right is None)
        if right is not None:
            assert portanet.backend_of(array) is backend
            scale = bound * max(1.0, float(np.abs(right).max()))
            np.testing.assert_allclose(backend.to_numpy(array), right, rtol=0, atol=scale)


@given(st.lists(STEP, min_size=1, max_size=8), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_random_graphs_train_compiled_to_the_same_bits(steps, n_inputs, seed):
    portanet.seed(seed)
    rng, graph = np.random.default_rng(seed), drawn([("linear", 0, 0), *steps], n_inputs, 2)
    model = Sequential([graph], Losses([MSE(), MSE()], weights=[1, 0.5]))
    twins = Twins(model, lambda m: SGD(m, lr=0.01))
    for _ in range(4):
        x = [rng.uniform(-1, 1, (N, WIDTH)).astype("f4") for _ in range(n_inputs)]
        y = tuple(rng.uniform(-1, 1, (N, WIDTH)).astype("f4") for _ in range(2))
        twins.step(x, y)
    assert twins.compiled.refused is None, twins.compiled.refused


def two_inputs():
    """Tokens and numbers, joined; two outputs."""
    tokens, numbers = Input("tokens"), Input("numbers")
    embedded, body = Embedding(7, 3)(tokens), Linear(2, 3)(numbers)
    joined = Multiply()([embedded, body])
    return Graph([tokens, numbers], [Linear(3, 1)(joined), joined])


def test_inputs_by_name_and_outputs_in_their_order():
    graph, rng = two_inputs(), np.random.default_rng(0)
    x = {"numbers": rng.standard_normal((4, 2)).astype("f4"), "tokens": np.asarray([1, 6, 1, 0])}
    first, second = graph.forward(x, training=True)
    assert first.shape == (4, 1)
    assert np.array_equal(second, graph.forward([x["tokens"], x["numbers"]])[1])
    found = graph.backward([np.zeros((4, 1), "f4"), np.ones((4, 3), "f4")])
    assert found["tokens"] is None
    layers = list(graph.layers.values())
    np.testing.assert_allclose(
        found["numbers"],
        layers[0].weights.value[x["tokens"]] @ layers[1].weights.value.T,
        rtol=1e-5,
    )


def test_a_graph_stands_in_a_sequential_and_trains_compiled():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((64, 4))
    data = Dataset(X, X[:, 0] * X[:, 1] > 0)

    def trained(**options):
        portanet.seed(3)
        x, shared = Input(), Linear(4, 4)
        body = Graph(x, Concat()([Tanh()(shared(x)), shared(Tanh()(x))]))
        model = Sequential([body, Linear(8, 1)], BCEWithLogits())
        trainer = Trainer(model, SGD(model, lr=0.5), DataLoader(data, 16, seed=1), **options)
        trainer.train(2, log_level=0)
        return trainer

    compiled, readable = trained(), trained(compile=False)
    assert compiled.compiled is not None
    assert compiled.compiled.refused is None
    named = readable.model.named_parameters()
    for name, one in compiled.model.named_parameters().items():  # 8 steps of 4 ulps each
        assert_ulps(name, one.value, named[name].value, "float32", 32)
    compiled.train(60, log_level=0)
    assert compiled.history[-1]["loss"] < 0.8 * compiled.history[0]["loss"]


def test_an_output_without_a_gradient_sets_none():
    """Its branch has no share in the loss; a layer in both has that of the other output."""
    x, shared, own = Input(), Linear(3, 2), Linear(2, 1)
    hidden = shared(x)
    graph = Graph(x, [own(hidden), hidden])
    array = np.ones((4, 3), "f4")
    graph.forward(array, training=True)
    grad = graph.backward([None, np.ones((4, 2), "f4")])
    assert own.weights.grad is None
    np.testing.assert_array_equal(shared.weights.grad, np.full((3, 2), 4.0, "f4"))
    np.testing.assert_array_equal(grad, np.ones((4, 2), "f4") @ shared.weights.value.T)


def test_copies_of_tied_layers_are_tied():
    first, second = Linear(3, 3), Linear(3, 3)
    second.weights = first.weights
    model = Sequential([first, ReLU(), second], BCEWithLogits())
    assert list(model.named_parameters()) == ["layers.0.weights", "layers.0.bias", "layers.2.bias"]
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        model.to(dtype="float64"),
    ):
        assert other.layers[2].weights is other.layers[0].weights


def test_names_of_layers():
    x, encoder = Input(), Linear(3, 2)
    graph = Graph(x, ReLU()(encoder(x)), names={"encoder": encoder})
    assert list(graph.layers) == ["encoder", "1"]
    assert "layers.encoder.weights" in graph.named_parameters()
    assert graph.takes == "floats"
    assert Graph(x, Sigmoid()(encoder(x))).returns == "probabilities"


def nested_tie():
    inner = Linear(3, 3)
    return Sequential([Parallel([inner, inner])])


x_other, relu = Input("other"), ReLU()
MISTAKES = {
    "an input that is not there": (lambda: Graph(Input(), ReLU()(x_other)), ArgumentError,
        r"Graph: an output depends on Input\('other'\), which is not in inputs"),
    "an input that is not used": (lambda: Graph([x_other, Input("b")], ReLU()(x_other)), ArgumentError,
        r"no output depends on Input\('b'\); leave it out"),
    "a layer for an input": (lambda: Graph(Linear(3, 2), x_other), ArgumentError,
        r"Graph: inputs must be Inputs.*got Linear\(3, 2\)"),
    "one name twice": (lambda: Graph([x_other, Input("other")], ReLU()(x_other)), ArgumentError,
        r"Graph: each input must have a name of its own, as Input\('left'\); got"),
    "a name with a dot": (lambda: Graph(x_other, relu(x_other), names={"a.b": relu}), ArgumentError,
        r"Graph: names must be of layers in the graph, a word for each; 'a\.b' is not"),
    "a number for a name": (lambda: Graph(x_other, relu(x_other), names={"1": relu}), ArgumentError,
        r"a word for each; '1' is not"),
    "a name of another layer": (lambda: Graph(x_other, ReLU()(x_other), names={"a": relu}), ArgumentError,
        r"a word for each; 'a' is not"),
    "no outputs": (lambda: Graph(x_other, []), ArgumentError, r"Graph: outputs must be Inputs.*got \[\]"),
    "wires and numbers": (lambda: Add()([x_other, 3]), ArgumentError,
        r"Add\(\): layers that are called on wires must be given nothing else, got 3; numbers enter a Graph by an Input"),
    "a Graph without a loss": (lambda: Trainer(two_inputs(), None, None), ArgumentError,
        r"Trainer: model must be.*put it in one: Sequential\(\[layer\], loss\)"),
    "numbers for an output": (lambda: Graph(x_other, np.zeros(3)), ArgumentError,
        r"Graph: outputs must be Inputs, or what layers return.*got ndarray of shape \(3,\)"),
    "one array for two inputs": (lambda: two_inputs()(np.zeros((2, 2), "f4")), ShapeError,
        r"Graph: x must be a list of arrays, or a dict, for the inputs \['tokens', 'numbers'\]; is ndarray"),
    "a name that is no input": (lambda: two_inputs()({"tokens": 1, "number": 2}), ShapeError,
        r"for the inputs \['tokens', 'numbers'\]; is \['tokens', 'number'\]"),
    "one array to be added": (lambda: Add()(np.zeros((2, 2))), ShapeError,
        r"Add\(\): x must be a list of arrays, is ndarray of shape \(2, 2\); call it on a list"),
    "shapes that differ": (lambda: Add()([np.zeros((2, 2)), np.zeros((2, 1))]), ShapeError,
        r"Add\(\): the inputs must have one shape, to be added, are \[\(2, 2\), \(2, 1\)\]"),
    "concatenated batches": (lambda: Concat(0), ArgumentError, r"Concat: axis must be an integer, and not 0"),
    "nobody adds them up": (lambda: nested_tie().named_parameters(), SharedParameterError,
        r"layers\.0\.branches\.0\.weights and layers\.0\.branches\.1\.weights are one Parameter"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, error, words = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        make()
