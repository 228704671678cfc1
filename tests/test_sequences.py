"""Layers on sequences: what the rows of cases_sequences.py do not say."""

import numpy as np
import pytest
import test_layers
from agreement import assert_ulps
from cases_sequences import MORE_SEQUENCES

import portanet
from portanet import (
    GRU,
    LSTM,
    RNN,
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Embedding,
    Linear,
    MultiHeadAttention,
    RotaryPositions,
    Sequential,
    SinusoidalPositions,
    Trainer,
    TransformerBlock,
    check_gradients,
)
from portanet.checks import skip_value_checks
from portanet.errors import ArgumentError, DataError, DtypeError, PlacementError, ShapeError
from portanet.layers.embedding import segment_sum

F4 = np.float32
RECURRENT = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
ROWS = pytest.mark.parametrize("case", MORE_SEQUENCES, ids=lambda case: case.id)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(F4)


@ROWS
def test_gradients_are_the_derivatives(case):
    check_gradients(case.layer(), case.input())


@pytest.mark.parametrize("case", [c for c in MORE_SEQUENCES if c.torch], ids=lambda case: case.id)
def test_pytorch_agrees(case):
    test_layers.test_pytorch_agrees(case)


# embedding


@pytest.mark.parametrize(("m", "n"), [(0, 4), (1, 1), (333, 7), (333, 200)])
def test_segment_sum_is_the_sum_by_index(backend, dtypes, m, n):
    rng = np.random.default_rng(m)
    values, indices = rng.standard_normal((m, 5)), rng.integers(0, n, m)
    wanted = np.zeros((n, 5))
    np.add.at(wanted, indices, values)
    for dtype in dtypes:
        args = backend.asarray(values, dtype), backend.asarray(indices, backend.index_dtype()), n
        first, again = backend.to_numpy(segment_sum(*args)), backend.to_numpy(segment_sum(*args))
        assert first.tobytes() == again.tobytes()
        # no sum here has more than some 60 terms: their rounding errors add up to at most as many
        assert_ulps("segment_sum", first, wanted, dtype, 60)


def test_segment_sum_takes_strided_rows_and_small_integers():
    values, indices = np.ones((4, 6))[:, ::2], np.array([2, 0, 2, 2], np.int8)
    assert (segment_sum(values, indices, 100)[:3] == [[1] * 3, [0] * 3, [3] * 3]).all()


def test_an_embedding_starts_from_the_standard_normal_distribution():
    w = Embedding(1000, 100, rng=np.random.default_rng(0)).weights.value
    assert w.dtype == F4
    assert abs(w.mean()) < 4 / np.sqrt(w.size)
    assert abs(w.std() - 1) < 4 / np.sqrt(2 * w.size)


def test_a_network_that_starts_with_an_embedding_trains(backend):
    net = Sequential([Embedding(5, 2), GRU(2, 2)]).to(backend.name, device=backend.device)
    x = backend.asarray(np.array([[0, 4, 1], [1, 1, 0], [4, 4, 4]]), backend.index_dtype())
    y = net.forward(x, training=True)
    assert net.backward(y) is None
    rows = backend.to_numpy(net.layers[0].weights.grad)
    assert (np.abs(rows).sum(axis=1) > 0).tolist() == [True, True, False, False, True]


def test_indices_are_looked_at(backend):
    layer = Embedding(3, 2).to(backend.name, device=backend.device)
    x = backend.asarray(np.array([[0, 2], [1, 3]]), backend.index_dtype())
    with pytest.raises(DataError, match=r"integers in \[0, 3\); number 3 of it is 3\. Number"):
        layer.forward(x)
    with pytest.raises(DataError, match=r"number 0 of it is -1"):
        layer.check_values(x[:1, :] - 1)


def test_indices_are_looked_at_where_data_enter_and_not_in_steps(monkeypatch):
    looks, look = [], Embedding.check_values
    monkeypatch.setattr(Embedding, "check_values", lambda self, x: looks.append(look(self, x)))

    def train(n_tokens):
        net = Sequential([Embedding(n_tokens, 2), Linear(2, 1)], BCEWithLogits())
        data = Dataset(np.arange(8), np.arange(8)[:, None] % 2)
        Trainer(net, SGD(net, lr=0.1), DataLoader(data, 3)).train(2, log_level=0)

    train(8)
    assert len(looks) == 1
    with pytest.raises(DataError, match=r"number 7 of it is 7"):
        train(7)


def test_the_padding_token_is_zero_and_stays_so(backend):
    layer = Embedding(4, 2, padding_index=1).to(backend.name, device=backend.device)
    x = backend.asarray(np.array([[1, 3, 1]]), backend.index_dtype())
    y = layer.forward(x, training=True)
    assert (backend.to_numpy(y)[0, [0, 2]] == 0).all()
    layer.backward(y * 0 + 1)
    assert backend.to_numpy(layer.weights.grad).tolist() == [[0, 0], [0, 0], [0, 0], [1, 1]]


# recurrent layers


@RECURRENT
@pytest.mark.parametrize("sequences", [True, False])
def test_padding_influences_nothing(kind, sequences):
    """Each padded sample gets what it gets alone, and its padding, even NaN, changes nothing."""
    layer = kind(3, 4, n_layers=2, bidirectional=True, return_sequences=sequences)
    x, lengths = normal(4, 5, 3), np.array([5, 2, 1, 0])
    x[np.arange(5)[None, :] >= lengths[:, None]] = np.nan
    together = layer.forward(x, lengths=lengths, training=True)
    grad = normal(*together.shape, seed=1)
    grad_x = layer.backward(grad)
    gradients = {name: p.grad for name, p in layer.named_parameters().items()}
    sums = dict.fromkeys(gradients, 0.0)
    for i, n in enumerate(lengths[:3]):
        alone = layer.forward(x[i : i + 1, :n], training=True)
        g = grad[i : i + 1, :n] if sequences else grad[i : i + 1]
        assert_ulps("x", grad_x[i, :n], layer.backward(g)[0], "float32", 16)
        assert_ulps("y", together[i, :n] if sequences else together[i], alone[0], "float32", 16)
        sums = {name: sums[name] + p.grad for name, p in layer.named_parameters().items()}
        if sequences:
            assert (together[i, n:] == 0).all()
        assert (grad_x[i, n:] == 0).all()
    assert (together[3] == 0).all()
    assert (grad_x[3] == 0).all()
    for name, total in sums.items():
        assert_ulps(name, gradients[name], total, "float32", 32)


@RECURRENT
def test_the_last_state_is_the_last_output(kind):
    x, lengths = normal(3, 4, 2), np.array([4, 1, 3])
    portanet.seed(3)
    all_steps = kind(2, 3, bidirectional=True).forward(x, lengths=lengths)
    portanet.seed(3)
    last = kind(2, 3, bidirectional=True, return_sequences=False).forward(x, lengths=lengths)
    assert (last[:, :3] == all_steps[np.arange(3), lengths - 1, :3]).all()
    assert (last[:, 3:] == all_steps[:, 0, 3:]).all()


@RECURRENT
def test_saturated_cells_stay_finite(kind, backend):
    layer = kind(2, 2).to(backend.name, device=backend.device)
    x = np.array([[[1e4, -1e4]] * 3, [[0, 1e-40]] * 3, [[3e38, 0]] * 3])
    y = layer.forward(backend.asarray(x, "float32"), training=True)
    grad_x = layer.backward(y)
    for result in (y, grad_x, *(p.grad for p in layer.parameters())):
        assert np.isfinite(backend.to_numpy(result)).all()
    assert np.abs(backend.to_numpy(y)).max() <= 1


def test_lengths_are_not_looked_at_in_steps(backend):
    layer = LSTM(2, 2).to(backend.name, device=backend.device)
    x, lengths = backend.asarray(normal(3, 3, 2)), backend.asarray(np.array([3, 9, 2]))
    with pytest.raises(DataError, match=r"lengths must be in \[0, 3\]"):
        layer.forward(x, lengths=lengths)
    with skip_value_checks():
        layer.backward(layer.forward(x, lengths=lengths, training=True))


# positions


def test_sinusoids_are_the_papers():
    p, f = 100, 8
    table = SinusoidalPositions(f, p).table.value
    for i in range(f):
        angle = np.arange(p) / 10000.0 ** (2 * (i // 2) / f)
        wanted = np.cos(angle) if i % 2 else np.sin(angle)
        assert (table[:, i] == wanted.astype(F4)).all()


def test_turned_products_depend_on_the_distance_alone():
    layer = RotaryPositions(6, 50)
    q, k = (np.repeat(normal(1, 1, 6, seed=i), 50, axis=1) for i in (0, 1))
    products = (layer(q) @ layer(k).mT)[0]
    for distance in (-49, -7, 0, 3, 20):
        along = np.diagonal(products, distance)
        assert_ulps("products", along, np.full(along.shape, along[0], np.float64), "float32", 16)
    assert_ulps(
        "lengths", np.linalg.norm(layer(q), axis=-1), np.linalg.norm(q, axis=-1), "float32", 4
    )


# attention


def test_a_query_that_sees_no_key_gets_the_bias_and_no_gradient(backend):
    layer = MultiHeadAttention(4, 2).to(backend.name, device=backend.device)
    layer.output.bias.value = backend.asarray(normal(4, seed=2))
    x = backend.asarray(normal(2, 3, 4))
    mask = backend.asarray(np.array([[False] * 3, [True, True, False]]))
    y = layer.forward(x, padding_mask=mask, training=True)
    grad_x = backend.to_numpy(layer.backward(y))
    bias = backend.to_numpy(layer.output.bias.value)
    assert (backend.to_numpy(y)[0] == bias).all()
    assert (grad_x[0] == 0).all()
    assert (grad_x[1] != 0).any()
    for parameter in layer.parameters():
        assert np.isfinite(backend.to_numpy(parameter.grad)).all()


def test_a_causal_token_does_not_see_the_future():
    layer, x = TransformerBlock(4, 2, causal=True, rotary=True), normal(1, 6, 4)
    changed = x.copy()
    changed[:, 4:] = 7
    assert (layer(x)[:, :4] == layer(changed)[:, :4]).all()
    assert (layer(x)[:, 4:] != layer(changed)[:, 4:]).any()


def test_masked_tokens_are_not_seen():
    layer, x = MultiHeadAttention(4, 2), normal(2, 5, 4)
    mask = np.array([[True] * 3 + [False] * 2] * 2)
    changed = x.copy()
    changed[:, 3:] = 1e4
    seen = layer.forward(x, padding_mask=mask)[:, :3]
    assert (seen == layer.forward(changed, padding_mask=mask)[:, :3]).all()
    assert_ulps("cut", seen, layer.forward(x[:, :3]), "float32", 16)


def test_large_scores_do_not_overflow(backend):
    layer = MultiHeadAttention(2, 1, bias=False).to(backend.name, device=backend.device)
    x = backend.asarray(np.array([[[1e4, -1e4], [1e4, 1e4], [-1e4, 0]]]), "float32")
    grad_x = layer.backward(layer.forward(x, training=True))
    assert np.isfinite(backend.to_numpy(grad_x)).all()


def test_attention_ignores_the_order_of_the_memory():
    layer, x, memory = MultiHeadAttention(6, 3), normal(2, 3, 6), normal(2, 5, 6, seed=1)
    y, order = layer.forward(x, memory, training=True), [3, 0, 4, 2, 1]
    layer.backward(np.ones_like(y))
    grad = layer.memory_grad
    shuffled = layer.forward(x, memory[:, order], training=True)
    layer.backward(np.ones_like(y))
    assert_ulps("y", shuffled, y, "float32", 16)
    assert_ulps("memory", layer.memory_grad, grad[:, order], "float32", 16)


def strict(x):
    return portanet.backends.get("strict").asarray(x)


X = normal(2, 3, 4)
BAD = {
    "floats for tokens": (lambda: Embedding(3, 2)(X), DtypeError, r"Embedding\(3, 2\): x must be integers, is float32"),
    "tokens on another backend": (lambda: Embedding(3, 2)(strict(np.array([0]))), PlacementError,
        r"Embedding\(3, 2\): x must be on the device of the weights.*'numpy'.*'strict'.*\.to\("),
    "an unknown token": (lambda: Embedding(3, 2)(np.array([0, -1])), DataError, r"\[0, 3\); number 1 of it is -1"),
    "no tokens at all": (lambda: Embedding(0, 2), ArgumentError, r"Embedding: n_tokens must be an integer >= 1, is 0"),
    "padding that is no token": (lambda: Embedding(3, 2, padding_index=3), ArgumentError, r"padding_index must be in \[0, 3\), is 3"),
    "no step": (lambda: GRU(4, 2)(X[:, :0]), ShapeError, r"GRU\(4, 2\): x must be \(N, L, 4\) with L >= 1 steps, is \(2, 0, 4\)"),
    "one sample": (lambda: GRU(4, 2)(X[0]), ShapeError, r"GRU\(4, 2\): x must be.*is \(3, 4\); one sample is x\[None, :, :\]"),
    "another width": (lambda: LSTM(3, 2)(X), ShapeError, r"LSTM\(3, 2\): x must be \(N, L, 3\)"),
    "no layers": (lambda: RNN(3, 2, n_layers=0), ArgumentError, r"RNN: n_layers must be an integer >= 1, is 0"),
    "lengths of floats": (lambda: RNN(4, 2).forward(X, lengths=np.ones(2)), DtypeError, r"RNN\(4, 2\): lengths must be integers, are float64"),
    "lengths elsewhere": (lambda: RNN(4, 2).forward(X, lengths=strict(np.ones(2, int))), PlacementError, r"lengths must be on the device of x.*'numpy'.*'strict'"),
    "too few lengths": (lambda: RNN(4, 2).forward(X, lengths=np.ones(1, int)), ShapeError, r"lengths must be \(2,\).*are \(1,\)"),
    "a length too long": (lambda: RNN(4, 2).forward(X, lengths=np.array([1, 4])), DataError, r"lengths must be in \[0, 3\]"),
    "an odd width": (lambda: SinusoidalPositions(3, 4), ArgumentError, r"SinusoidalPositions: n_features must be even.* is 3"),
    "no positions": (lambda: RotaryPositions(4, 0), ArgumentError, r"RotaryPositions: max_length must be an integer >= 1, is 0"),
    "too many positions": (lambda: SinusoidalPositions(4, 2)(X), ShapeError, r"at most 2 positions, has 3; make.*larger max_length"),
    "heads that do not divide": (lambda: MultiHeadAttention(4, 3), ArgumentError, r"MultiHeadAttention: n_heads must divide n_features = 4, is 3"),
    "another memory": (lambda: MultiHeadAttention(4, 2).forward(X, X[:1]), ShapeError, r"memory must have x's 2 samples, has 1"),
    "memory for a causal layer": (lambda: MultiHeadAttention(4, 2, causal=True).forward(X, X), ArgumentError, r"memory.*causal=False"),
    "a mask of integers": (lambda: MultiHeadAttention(4, 2).forward(X, padding_mask=np.ones((2, 3), int)), DtypeError,
        r"padding_mask must be booleans, True for tokens and False for padding; it is int64"),
    "a mask for other tokens": (lambda: MultiHeadAttention(4, 2).forward(X, padding_mask=np.ones((2, 2), bool)), ShapeError,
        r"padding_mask must be \(2, 3\), is \(2, 2\)"),
    "a mask elsewhere": (lambda: MultiHeadAttention(4, 2).forward(X, padding_mask=strict(np.ones((2, 3), bool))), PlacementError,
        r"padding_mask must be on the device of the keys"),
    "one token": (lambda: MultiHeadAttention(4, 2)(X[:, 0]), ShapeError, r"x must be \(N, L, 4\) with L >= 1, is \(2, 4\)"),
    "nothing hidden": (lambda: TransformerBlock(4, 2, n_hidden=0), ArgumentError, r"TransformerBlock: n_hidden must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_met_by_a_clear_error(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()
