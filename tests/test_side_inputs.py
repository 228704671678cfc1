"""Start states, memory and values: what the rows of cases_side_inputs.py do not say."""

from copy import deepcopy

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import (
    GRU,
    LSTM,
    RNN,
    SGD,
    CrossEntropy,
    Embedding,
    Graph,
    Input,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    Sequential,
    TransformerBlock,
    TransformerDecoderBlock,
    compile_step,
)
from portanet.errors import ArgumentError, DtypeError, PlacementError, ShapeError

F4 = np.float32
RECURRENT = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(F4)


def starts(kind, *shape):
    names = ("h0", "c0") if kind is LSTM else ("h0",)
    return {name: normal(*shape, seed=i + 1) for i, name in enumerate(names)}


def gradients(layer):
    return {name: p.grad for name, p in layer.named_parameters().items()}


# recurrent layers


@RECURRENT
def test_a_sequence_in_two_pieces_is_the_whole_one(kind):
    """The states after the first piece are the start of the second: y and all gradients add up."""
    layer, x, grad = kind(3, 4, n_layers=2, return_state=True), normal(2, 6, 3), normal(2, 6, 4)
    y, *states = layer.forward(x, training=True)
    grad_x = layer.backward([grad, *[None] * len(states)])
    whole = gradients(layer)
    first, *middle = layer.forward(x[:, :4], training=True)
    memory = layer.take_memory()
    names = starts(kind, 2, 2, 4)
    second, *last = layer.forward(x[:, 4:], **dict(zip(names, middle, strict=True)), training=True)
    grad_second = layer.backward([grad[:, 4:], *[None] * len(states)])
    of_middle, sums = [getattr(layer, f"{name}_grad") for name in names], gradients(layer)
    layer.put_memory(memory)
    grad_first = layer.backward([grad[:, :4], *of_middle])
    assert_ulps("y", np.concatenate([first, second], axis=1), y, "float32", 4)
    assert_ulps("x", np.concatenate([grad_first, grad_second], axis=1), grad_x, "float32", 16)
    for mine, wanted in zip(last, states, strict=True):
        assert_ulps("states", mine, wanted, "float32", 4)
    for name, wanted in whole.items():
        assert_ulps(name, sums[name] + gradients(layer)[name], wanted, "float32", 32)


@RECURRENT
def test_last_states_are_last_outputs_and_samples_of_length_0_keep_their_start(kind):
    layer, lengths = kind(3, 4, bidirectional=True, return_state=True), np.array([5, 2, 0])
    given = starts(kind, 3, 2, 4)
    y, *states = layer.forward(normal(3, 5, 3), lengths=lengths, **given)
    for i in (0, 1):
        assert (states[0][i, 0] == y[i, lengths[i] - 1, :4]).all()
        assert (states[0][i, 1] == y[i, 0, 4:]).all()
    for state, start in zip(states, given.values(), strict=True):
        assert (state[2] == start[2]).all()


@RECURRENT
@pytest.mark.parametrize("sequences", [True, False])
def test_a_gradient_that_is_not_there_is_0(kind, sequences):
    layer = kind(3, 4, bidirectional=True, return_state=True, return_sequences=sequences)
    given, x = starts(kind, 2, 2, 4), normal(2, 5, 3)
    n = len(given) + 1
    for left_out in [{i} for i in range(n)] + [set(range(n))]:
        found = []
        for missing in (np.zeros_like, lambda part: None):
            parts = layer.forward(x, **given, training=True)
            grads = [missing(p) if i in left_out else p for i, p in enumerate(parts)]
            grad_x = layer.backward(grads)
            of_starts = [getattr(layer, f"{name}_grad") for name in given]
            found.append([grad_x, *of_starts, *gradients(layer).values()])
        for zero, none in zip(*found, strict=True):
            np.testing.assert_array_equal(none, zero)


@RECURRENT
def test_a_start_state_has_a_gradient_only_where_it_was_given(kind):
    layer, x, given = kind(3, 4), normal(2, 5, 3), starts(kind, 2, 1, 4)
    layer.backward(layer.forward(x, **given, training=True))
    assert all(getattr(layer, f"{name}_grad").shape == (2, 1, 4) for name in given)
    layer.backward(layer.forward(x, training=True))
    assert all(getattr(layer, f"{name}_grad") is None for name in given)


def test_one_state_of_an_lstm_may_be_given_alone():
    layer, x, c0 = LSTM(3, 4), normal(2, 5, 3), normal(2, 1, 4)
    y = layer.forward(x, c0=c0, training=True)
    np.testing.assert_array_equal(y, layer.forward(x, c0=c0, h0=np.zeros_like(c0)))
    layer.backward(y)
    assert layer.h0_grad is None
    assert (layer.c0_grad != 0).all()


@RECURRENT
def test_without_biases_there_are_none(kind):
    layer = kind(3, 4, n_layers=2, bias=False)
    assert {name.rpartition(".")[2] for name in layer.named_parameters()} == {
        "weights", "recurrent_weights",
    }  # fmt: skip
    assert (layer.forward(np.zeros((2, 5, 3), F4)) == 0).all()


# attention


def test_values_are_what_is_added_up():
    layer, x, memory = MultiHeadAttention(6, 3), normal(2, 3, 6), normal(2, 5, 6, seed=1)
    both = layer.forward(x, memory, training=True)
    layer.backward(both)
    of_both = layer.memory_grad
    np.testing.assert_array_equal(layer.forward(x, memory, values=memory, training=True), both)
    layer.backward(both)
    assert_ulps("memory", layer.memory_grad + layer.values_grad, of_both, "float32", 4)
    alone = layer.forward(x, memory, values=np.ones_like(memory))  # all alike: their mean is one
    assert_ulps(
        "y", alone, np.broadcast_to(layer(np.ones((1, 1, 6), F4)), alone.shape), "float32", 8
    )


def test_side_inputs_have_gradients_only_where_they_were_given():
    layer, x, memory = MultiHeadAttention(6, 3), normal(2, 3, 6), normal(2, 3, 6, seed=1)
    for given in ({}, {"memory": memory}, {"values": memory}, {"memory": memory, "values": x}):
        layer.backward(layer.forward(x, **given, training=True))
        assert (layer.memory_grad is not None) == ("memory" in given)
        assert (layer.values_grad is not None) == ("values" in given)


def test_a_decoder_sees_the_memory_and_not_the_future():
    layer, x, memory = TransformerDecoderBlock(4, 2), normal(1, 6, 4), normal(1, 3, 4, seed=1)
    y, changed = layer.forward(x, memory=memory), x.copy()
    changed[:, 4:] = 7
    assert (layer.forward(changed, memory=memory)[:, :4] == y[:, :4]).all()
    assert (layer.forward(x, memory=memory * 2) != y).any()


def test_a_decoder_keeps_one_gradient_of_the_memory():
    layer, memory = TransformerDecoderBlock(4, 2), normal(1, 3, 4, seed=1)
    layer.backward(layer.forward(normal(1, 6, 4), memory=memory, training=True))
    assert layer.memory_grad.shape == memory.shape
    assert layer.cross.memory_grad is None


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: TransformerBlock(4, 2, causal=True), "TransformerBlock(4, 2, causal=True)"),
        (lambda: TransformerDecoderBlock(4, 2), "TransformerDecoderBlock(4, 2)"),
        (lambda: TransformerDecoderBlock(4, 2, n_hidden=3, causal=False), "TransformerDecoderBlock(4, 2, n_hidden=3, causal=False)"),
    ],
)  # fmt: skip
def test_what_a_block_is_shown_as(make, shown):
    assert repr(make()) == shown


# networks


def translator():
    """From tokens to tokens, by recurrent layers: the encoder's last state starts the decoder."""
    source, target = Input("source"), Input("target")
    state = GRU(3, 4, return_state=True, return_sequences=False)(Embedding(7, 3)(source))[1]
    return Graph([source, target], GRU(3, 4)(Embedding(7, 3)(target), h0=state))


def transformer():
    """The same by attention: the decoder attends to the encoder's output."""
    source, target = Input("source"), Input("target")
    memory = LayerNorm(4)(TransformerBlock(4, 2)(Embedding(7, 4)(source)))
    return Graph(
        [source, target], TransformerDecoderBlock(4, 2)(Embedding(7, 4)(target), memory=memory)
    )


@pytest.mark.parametrize("make", [translator, transformer])
def test_sequence_to_sequence_has_the_gradients_of_differences(make):
    portanet.seed(1)
    rng = np.random.default_rng(1)
    tokens = {name: rng.integers(0, 7, (2, n)) for name, n in (("source", 5), ("target", 3))}
    network, grad = make().to(dtype="float64"), rng.standard_normal((2, 3, 4))
    network.forward(tokens, training=True)
    network.backward(grad)
    for name, parameter in network.named_parameters().items():
        value, direction = parameter.value, rng.standard_normal(parameter.value.shape)
        sides, h = [], 1e-3
        for step in (2 * h, h, -h, -2 * h):
            parameter.value = value + step * direction
            sides.append(np.sum(grad * network.forward(tokens)))
        parameter.value = value
        slope = (8 * (sides[1] - sides[2]) - (sides[0] - sides[3])) / (12 * h)
        # the formula is off by h⁴ of a fifth derivative, which is some hundreds here
        np.testing.assert_allclose(
            np.sum(parameter.grad * direction), slope, rtol=1e-7, atol=1e-8, err_msg=name
        )


@pytest.mark.parametrize("make", [translator, transformer])
def test_sequence_to_sequence_trains_compiled_to_the_same_bits(make):
    rng = np.random.default_rng(1)
    tokens = {name: rng.integers(0, 7, (8, n)) for name, n in (("source", 5), ("target", 3))}
    y = rng.integers(0, 7, (8, 3))
    model = Sequential([make(), Linear(4, 7)], CrossEntropy())
    twin = deepcopy(model)
    step, plain = compile_step(model, SGD(model, lr=0.1), fuse=False), SGD(twin, lr=0.1)
    for _ in range(5):
        losses = step(tokens, y)
        wanted = twin.criterion.forward(twin.forward(tokens, training=True), y, training=True)
        twin.backward()
        plain.step()
        np.testing.assert_array_equal(losses, wanted)
    assert step.refused is None
    for name, parameter in twin.named_parameters().items():
        np.testing.assert_array_equal(model.named_parameters()[name].value, parameter.value)


def strict(x):
    return portanet.backends.get("strict").asarray(x)


X, MASK = normal(2, 3, 4), np.ones((2, 3), bool)
BAD = {
    "axes in PyTorch's order": (lambda: GRU(4, 5).forward(X, h0=normal(1, 2, 5)), ShapeError,
        r"GRU\(4, 5\): h0 must be \(2, 1, 5\), .*is \(1, 2, 5\); PyTorch's has the first two axes swapped"),
    "another width": (lambda: LSTM(4, 5).forward(X, c0=normal(2, 1, 4)), ShapeError, r"LSTM\(4, 5\): c0 must be \(2, 1, 5\).*is \(2, 1, 4\)$"),
    "a direction too few": (lambda: RNN(4, 5, bidirectional=True).forward(X, h0=normal(2, 1, 5)), ShapeError, r"h0 must be \(2, 2, 5\)"),
    "a state of doubles": (lambda: RNN(4, 5).forward(X, h0=np.ones((2, 1, 5))), DtypeError, r"RNN\(4, 5\): h0 must be float32"),
    "a state elsewhere": (lambda: RNN(4, 5).forward(X, h0=strict(normal(2, 1, 5))), PlacementError, r"RNN\(4, 5\): h0 must be on the device of x"),
    "one gradient for three outputs": (lambda: backward(LSTM(4, 5, return_state=True)), ShapeError, r"backward must be given a list of 3 gradients"),
    "values for other keys": (lambda: MultiHeadAttention(4, 2).forward(X, X, values=X[:, :2]), ShapeError, r"values must be \(2, 3, 4\), one for each key, is \(2, 2, 4\)"),
    "values of doubles": (lambda: MultiHeadAttention(4, 2).forward(X, values=X * np.float64(1)), DtypeError, r"values must be float32"),
    "no memory": (lambda: TransformerDecoderBlock(4, 2)(X), ArgumentError, r"TransformerDecoderBlock\(4, 2\): memory must be given"),
    "a mask for another memory": (lambda: decoded(memory_padding_mask=MASK[:, :2]), ShapeError, r"DecoderBlock.*: memory_padding_mask must be \(2, 3\), is \(2, 2\)"),
    "a mask for other tokens": (lambda: decoded(padding_mask=MASK[:1]), ShapeError, r"DecoderBlock.*: padding_mask must be \(2, 3\), is \(1, 3\)"),
    "a block's mask for other tokens": (lambda: TransformerBlock(4, 2).forward(X, padding_mask=MASK[:, :2]), ShapeError, r"TransformerBlock.*: padding_mask must be \(2, 3\)"),
}  # fmt: skip


def backward(layer):
    layer.backward(layer.forward(X, training=True)[0])


def decoded(**masks):
    return TransformerDecoderBlock(4, 2).forward(X, memory=X, **masks)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_met_by_a_clear_error(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()
