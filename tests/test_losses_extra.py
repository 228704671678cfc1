"""Losses beyond the rows: weights and what is ignored, extremes, empty batches, bad targets."""

import numpy as np
import pytest
from agreement import assert_ulps
from cases import LOSSES

import portanet
from portanet import (
    MAE,
    MSE,
    NLL,
    BCEWithLogits,
    BinaryCrossEntropy,
    Cosine,
    CrossEntropy,
    Hinge,
    Huber,
    KLDiv,
    Linear,
    PoissonNLL,
    Sequential,
    SmoothL1,
    accuracy,
    backends,
)
from portanet.checks import dtype_name
from portanet.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    LastLayerWarning,
    PlacementError,
    ShapeError,
)

WEIGHTS = [0.3, 1.7, 0.0, 2.9]
OPTIONS = {  # CrossEntropy's options, and PyTorch's
    "class weights": {"class_weights": WEIGHTS},
    "ignored": {"ignore_index": -100},
    "an ignored class": {"ignore_index": 2},
    "both": {"class_weights": WEIGHTS, "ignore_index": -100},
    "all": {"class_weights": WEIGHTS, "ignore_index": -100, "label_smoothing": 0.2},
}
LAYOUTS = {"rows": (6,), "sequences": (6, 3)}


def problem(options, layout):
    """Logits (N, ..., 4) and indices (N, ...), some of them ignored where that is asked for."""
    rng = np.random.default_rng(7)
    z, y = rng.standard_normal((*layout, 4)), rng.integers(0, 4, layout)
    if options.get("ignore_index") == -100:
        y = np.where(rng.random(layout) < 0.3, -100, y)
        y[1] = -100  # a sample of nothing else
    return z, y


def torch_mean(name, z, y, options, sample_weight=None):
    """Return PyTorch's mean loss and its gradient; classes last, as here."""
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    F = torch.nn.functional
    options = dict(options)
    weight = options.pop("class_weights", None)
    w = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    t, target = torch.tensor(z, requires_grad=True), torch.tensor(y)
    arguments = (t.movedim(-1, 1), target if y.dtype.kind == "i" else target.movedim(-1, 1))
    function = getattr(F, name)
    if sample_weight is None:
        mean = function(*arguments, weight=w, **options)
    else:  # PyTorch has none: the definition, from its losses and its weights of the elements
        losses = function(*arguments, weight=w, reduction="none", **options)
        element = torch.ones(4, dtype=torch.float64) if w is None else w
        known = target != options.get("ignore_index", -100)
        element = element[torch.where(known, target, 0)] * known
        s = torch.tensor(sample_weight).reshape(-1, *[1] * (y.ndim - 1))
        mean = (losses * s).sum() / (element * s).sum()
    mean.backward()
    return mean.item(), t.grad.numpy()


@pytest.mark.parametrize("sample_weights", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cls", [CrossEntropy, NLL])
def test_weighted_classes_are_pytorchs(cls, options, layout, sample_weights):
    options = OPTIONS[options]
    z, y = problem(options, LAYOUTS[layout])
    if cls is NLL:
        z = z - np.log(np.exp(z).sum(-1, keepdims=True))
        options = {name: value for name, value in options.items() if name != "label_smoothing"}
    s = np.linspace(0.0, 2, len(y)) if sample_weights else None
    name = "cross_entropy" if cls is CrossEntropy else "nll_loss"
    mean, gradient = torch_mean(name, z, y, options, s)
    loss = cls(**options).to(dtype="float64")
    losses = loss.forward(z, y, sample_weight=s, training=True)
    np.testing.assert_allclose(losses.sum() / loss.weight_of(y, s).sum(), mean, rtol=1e-12)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weighted_probabilities_are_pytorchs(layout, smoothing):
    rng = np.random.default_rng(3)
    z, q = rng.standard_normal((*LAYOUTS[layout], 4)), rng.dirichlet(np.ones(4), LAYOUTS[layout])
    options = {"class_weights": WEIGHTS, "label_smoothing": smoothing}
    mean, gradient = torch_mean("cross_entropy", z, q, options)
    loss = CrossEntropy(**options)
    losses = loss.forward(z, q, training=True)
    assert loss.weight_of(q) is None
    np.testing.assert_allclose(losses.mean(), mean, rtol=1e-12)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", OPTIONS)
def test_weighted_classes_on_every_backend(options, backend, dtypes):
    z, y = problem(OPTIONS[options], (6, 3))
    oracle = run(CrossEntropy(**OPTIONS[options]), z, y, backends.get("numpy"), "float64")
    for dtype in dtypes:
        results = run(CrossEntropy(**OPTIONS[options]), z, y, backend, dtype)
        for result, wanted in zip(results, oracle, strict=True):
            assert_ulps(options, result, wanted, dtype, 16)


def run(loss, z, y, place, dtype):
    """Return losses, gradient and sample weights, computed at a place."""
    loss.to(place.name, device=place.device, dtype=dtype)
    z = place.asarray(np.asarray(z), dtype)
    y = loss.cast_targets(place, np.asarray(y), dtype)
    losses = loss.forward(z, y, training=True)
    results = [losses, loss.backward()]
    if loss.weight_of(y) is not None:
        results.append(loss.weight_of(y))
    for result in results:
        assert portanet.backend_of(result) is place
        assert dtype_name(result.dtype) == dtype
    return [place.to_numpy(result) for result in results]


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_a_batch_of_none(case, backend):
    z, y = case.data()
    losses, gradient = run(case.make(), z[:0], y[:0], backend, "float32")[:2]
    assert losses.shape == (0,)
    assert gradient.shape == z[:0].shape


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_sample_weights_are_repeated_samples(case):
    z, y = case.data()
    counts = np.array([2, 0, 1, 3, 0, 1])
    loss = case.make()
    loss.forward(np.repeat(z, counts, 0), np.repeat(y, counts, 0), training=True)
    repeated = loss.backward()
    loss.forward(z, y, sample_weight=counts * 1.0, training=True)
    gradient = loss.backward()
    np.testing.assert_allclose(
        np.repeat(gradient, counts, 0),
        repeated * np.repeat(counts, counts).reshape(-1, *[1] * (z.ndim - 1)),
        rtol=1e-12,
        atol=1e-16,
    )
    assert not gradient[counts == 0].any()


def test_where_nothing_weighs_there_is_nothing_to_learn(backend):
    z, y = np.ones((3, 4)), np.full(3, -100)
    for loss in (CrossEntropy(ignore_index=-100), NLL(ignore_index=-100)):
        losses, gradient, weights = run(loss, z, y, backend, "float32")
        assert not np.concatenate([losses, gradient.ravel(), weights]).any()
    loss = MSE()
    y_hat = backend.asarray(np.full((2, 1), np.inf), "float32")
    zero = backend.asarray(np.zeros(2), "float32")
    losses = loss.forward(y_hat, zero, sample_weight=zero, training=True)
    assert not backend.to_numpy(losses).any()
    assert not backend.to_numpy(loss.backward()).any()


INF, L = np.inf, 2.0**100
EXTREMES = {  # loss, outputs, targets, losses, gradient times N
    "CrossEntropy far apart": (CrossEntropy, [[1e4, -1e4], [1e4, -1e4]], [0, 1], [0, 2e4], [[0, 0], [1, -1]]),
    "CrossEntropy masked": (CrossEntropy, [[-INF, 0.0, 0.0]], [1], [np.log(2)], [[0, -0.5, 0.5]]),
    "CrossEntropy of a masked target": (CrossEntropy, [[-INF, 0.0]], [0], [L], [[-1, 1]]),
    "CrossEntropy all masked": (CrossEntropy, [[-INF, -INF]], [0], [np.log(2)], [[-0.5, 0.5]]),
    "CrossEntropy infinitely sure": (CrossEntropy, [[INF, 0.0], [INF, INF]], [0, 1], [0, np.log(2)], [[0, 0], [0.5, -0.5]]),
    "CrossEntropy, q of 0": (CrossEntropy, [[-INF, 0.0]], [[0.0, 1.0]], [0], [[0, 0]]),
    "NLL": (NLL, [[-INF, 0.0], [-1e4, 0.0]], [1, 0], [0, 1e4], [[0, -1], [-1, 0]]),
    "NLL of the impossible": (NLL, [[-INF, 0.0]], [0], [INF], [[-1, 0]]),
    "KLDiv, q of 0": (KLDiv, [[-INF, 0.0]], [[0.0, 1.0]], [0], [[0, -1]]),
    "KLDiv of logarithms": (lambda: KLDiv(log_target=True), [[-INF, 0.0]], [[-INF, 0.0]], [0], [[0, -1]]),
    "BCE": (BCEWithLogits, [[1e4], [-1e4], [1e4]], [1, 0, 0], [0, 0, 1e4], [[0], [0], [1]]),
    "BCE infinitely sure": (BCEWithLogits, [[INF], [-INF], [INF]], [1, 0, 0], [0, 0, L], [[0], [0], [1]]),
    "BCE, weighted": (lambda: BCEWithLogits(positive_weight=2), [[INF], [-INF], [-1e4]], [1, 0, 1], [0, 0, 2e4], [[0], [0], [-2]]),
    "PoissonNLL": (PoissonNLL, [[1e4], [-1e4], [-INF]], [0, 2, 0], [L, 2e4, 0], [[L], [-2], [0]]),
    "PoissonNLL of rate 0": (lambda: PoissonNLL(log_input=False), [[0.0]], [0], [0], [[1]]),
    "Hinge": (Hinge, [[1e4], [-1e4], [INF]], [1, 1, 1], [0, 10001, 0], [[0], [-1], [0]]),
    "Hinge of -1 and 1": (Hinge, [[-3.0], [0.0]], [-1, 1], [0, 1], [[0], [-1]]),
    "Cosine of nothing": (Cosine, [[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]], [1, 1], [[0, 0], [0, 0]]),
    "Cosine of the large": (Cosine, [[1e4, 0.0], [0.0, -1e4]], [[1e4, 0.0], [0.0, 1e4]], [0, 2], [[0, 0], [0, 0]]),
    "CrossEntropy of denormals": (CrossEntropy, [[1e-40, -1e-40]], [0], [np.log(2)], [[-0.5, 0.5]]),
    "BCE of denormals": (BCEWithLogits, [[1e-40], [-1e-40]], [1, 0], [np.log(2), np.log(2)], [[-0.5], [0.5]]),
    "MSE of denormals": (MSE, [[1e-40], [-1e-40]], [0.0, 0.0], [0, 0], [[0], [0]]),
    "Cosine beyond squares": (Cosine, [[1e20, 1e20], [2e38, 3e38]], [[1e20, 1e20], [-2e38, -3e38]], [0, 2], [[0, 0], [0, 0]]),
    "Cosine of the tiny": (Cosine, [[1e-37, 0.0]], [[1e-37, 0.0]], [0], [[0, 0]]),
    "MSE": (MSE, [[1e4], [-1e4]], [0.0, 0.0], [1e8, 1e8], [[2e4], [-2e4]]),
    "MAE": (MAE, [[1e4], [-INF], [0.0]], [0.0, 0.0, 0.0], [1e4, INF, 0], [[1], [-1], [0]]),
    "Huber": (lambda: Huber(0.5), [[1e4], [INF], [0.5]], [0.0, 0.0, 0.0], [4999.875, INF, 0.125], [[0.5], [0.5], [0.5]]),
    "Huber of an infinite delta": (lambda: Huber(INF), [[4.0]], [0.0], [8], [[4]]),
    "SmoothL1": (lambda: SmoothL1(0.5), [[1e4], [-INF]], [0.0, 0.0], [9999.75, INF], [[1], [-1]]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(name, backend, dtypes):
    make, z, y, losses, gradient = EXTREMES[name]
    for dtype in dtypes:
        got = run(make(), z, np.asarray(y), backend, dtype)
        np.testing.assert_allclose(got[0], losses, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(got[1] * len(z), gradient, rtol=1e-5, atol=1e-7)


def test_a_probability_of_exactly_0_or_1(backend, dtypes):
    """What is wrong for certain costs -log of the smallest normal number, and is pushed as hard."""
    for dtype in dtypes:
        tiny = float(np.finfo(dtype).smallest_normal)
        p, y = np.array([[0.0], [1.0], [0.0], [1.0], [1e-40]]), np.array([0, 1, 1, 0, 0])
        losses, gradient = run(BinaryCrossEntropy(), p, y, backend, dtype)
        wrong = -np.log(tiny)
        np.testing.assert_allclose(losses, [0, 0, wrong, wrong, 0], rtol=1e-6, atol=1e-38)
        pushed = gradient[:4, 0] * len(y) * tiny
        np.testing.assert_allclose(pushed, [0, 0, -1, 1], rtol=1e-6)


def test_links_are_what_metrics_want():
    z = np.array([[1.0, 2.0], [INF, 0.0]])
    np.testing.assert_allclose(
        CrossEntropy().link(z), [[1 / (1 + np.e), np.e / (1 + np.e)], [1, 0]]
    )
    np.testing.assert_allclose(NLL().link(np.log([[0.25, 0.75]])), [[0.25, 0.75]])
    np.testing.assert_allclose(KLDiv().link(np.log([[0.25, 0.75]])), [[0.25, 0.75]])
    np.testing.assert_allclose(PoissonNLL().link(np.log([[3.0]])), [[3.0]])
    assert PoissonNLL(log_input=False).link(z) is z
    s, y = np.array([[2.0], [-1.0], [0.5]]), np.array([1, -1, -1])
    assert accuracy(Hinge().link(s), y) == pytest.approx(2 / 3)


def test_weights_follow_the_model(backend):
    model = Sequential([Linear(3, 2)], CrossEntropy(class_weights=[1, 2]))
    model.to(backend.name, device=backend.device)
    weights = model.criterion.class_weights.value
    assert portanet.backend_of(weights) is backend
    assert dtype_name(weights.dtype) == "float32"


def test_probabilities_of_one_hot_are_the_indices():
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    np.testing.assert_array_equal(CrossEntropy()(z, y), CrossEntropy()(z, np.eye(4)[y]))
    np.testing.assert_array_equal(CrossEntropy()(z, y), CrossEntropy()(z, y[:, None]))
    np.testing.assert_array_equal(CrossEntropy()(z, y), CrossEntropy()(z, y.astype(np.uint8)))


def test_booleans_are_classes_and_whole_numbers_probabilities():
    z, truth = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([True, False])
    np.testing.assert_array_equal(CrossEntropy()(z, truth), CrossEntropy()(z, truth.astype(int)))
    CrossEntropy().check_targets(truth, (1, 2))
    one_hot = np.eye(2, dtype=int)[truth.astype(int)]
    np.testing.assert_array_equal(KLDiv()(z, one_hot), KLDiv()(z, one_hot.astype(float)))


Z, Y = np.zeros((3, 4)), np.array([0, 3, 1])
BAD = {
    "a class too many": (lambda: CrossEntropy()(Z, Y + 1), DataError,
        r"CrossEntropy: y must hold class indices from 0 to 3; number 1 of it is 4\. Number"),
    "a negative class": (lambda: CrossEntropy()(Z, Y - 1), DataError, r"number 0 of it is -1"),
    "an index ignored elsewhere": (lambda: NLL(ignore_index=-1)(Z, Y - 100), DataError, r"NLL: .*is -100"),
    "staged without a shape": (lambda: CrossEntropy().check_targets(Y - 1), DataError, r"class indices >= 0"),
    "staged with a shape": (lambda: CrossEntropy().check_targets(Y, (1, 3)), DataError, r"from 0 to 2; number 1 of it is 3"),
    "images staged": (lambda: CrossEntropy(axis=1).check_targets(Y, (1, 3, 9, 9)), DataError, r"from 0 to 2"),
    "indices as floats": (lambda: CrossEntropy()(Z, Y * 1.0), ShapeError,
        r"y must be integers \(class indices\), or probabilities in the shape of y_hat \(3, 4\), is float64 \(3,\); cast"),
    "indices as floats, staged": (lambda: CrossEntropy().check_targets(Y * 1.0), ShapeError, r"cast indices with astype"),
    "floats for NLL": (lambda: NLL()(Z, np.ones((3, 4)) / 4), DtypeError, r"NLL: y must be class indices, integers, is float64"),
    "one-hot integers": (lambda: CrossEntropy()(Z, np.eye(4, dtype=int)[Y]), ShapeError, r"y must be \(3,\).*one-hot.*floats"),
    "percentages": (lambda: CrossEntropy()(Z, np.full((3, 4), 25.0)), DataError, r"sum 1; the sum of number 0 is 100\. Divide"),
    "negative probabilities": (lambda: KLDiv()(Z, np.array([[1.5, -0.5, 0, 0]] * 3)), DataError, r"KLDiv: .*>= 0; number 1"),
    "logarithms that are none": (lambda: KLDiv(log_target=True)(Z, np.zeros((3, 4))), DataError, r"KLDiv: .*sum of number 0 is 4"),
    "one class": (lambda: CrossEntropy()(Z[:, :1], Y), ShapeError, r"two or more classes.*use BCEWithLogits"),
    "labels of three kinds": (lambda: Hinge()(Z[:, :1], np.array([-1, 0, 1])), DataError, r"Hinge: y must hold two labels"),
    "labels 1 and 2": (lambda: Hinge()(Z[:, :1], np.array([1, 2, 1])), DataError, r"Hinge: .*number 1 of it is 2\. Map"),
    "negative counts": (lambda: PoissonNLL()(Z[:, :1], np.array([1, -2, 1])), DataError, r"PoissonNLL: .*>= 0; number 1 of it is -2"),
    "a negative sample weight": (lambda: MSE()(Z[:, :1], Y, sample_weight=np.array([1.0, -1, 0])), DataError, r"MSE: sample_weight must hold numbers >= 0; number 1"),
    "weights for other classes": (lambda: CrossEntropy(class_weights=[1, 2])(Z, Y), ShapeError, r"class_weights must be 4 numbers.*are 2"),
    "negative class weights": (lambda: CrossEntropy(class_weights=[1, -2]), ArgumentError, r"class_weights must be finite numbers >= 0"),
    "one number for all classes": (lambda: CrossEntropy(class_weights=2.0), ArgumentError, r"one per class, is 2\.0"),
    "a fraction of an index": (lambda: NLL(ignore_index=0.5), ArgumentError, r"NLL: ignore_index must be an integer, is 0\.5"),
    "smoothing everything": (lambda: CrossEntropy(label_smoothing=1.0), ArgumentError, r"label_smoothing must be"),
    "classes along the samples": (lambda: CrossEntropy(axis=0), ArgumentError, r"axis must be the axis of the classes, usually -1 or 1, is 0"),
    "weights elsewhere": (lambda: CrossEntropy(class_weights=[1, 2, 1, 1])(*(backends.get("strict").asarray(x) for x in (Z, Y))), PlacementError, r"class_weights must be on the device of y_hat.*\.to\('strict'\)"),
    "targets elsewhere": (lambda: CrossEntropy()(backends.get("strict").asarray(Z), Y), PlacementError, r"y must be on the device of y_hat.*asarray"),
    "a delta of 0": (lambda: Huber(0), ArgumentError, r"Huber: delta must be a number in \(0, inf\), is 0"),
    "a beta of 0": (lambda: SmoothL1(0.0), ArgumentError, r"SmoothL1: beta must be"),
    "a negative positive weight": (lambda: BCEWithLogits(positive_weight=-1), ArgumentError, r"positive_weight must be a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def test_indices_are_checked_on_every_backend(backend):
    z = backend.asarray(Z, "float32")
    for y in (Y + 1, Y - 1):
        with pytest.raises(DataError, match="class indices"):
            CrossEntropy()(z, backend.asarray(y, backend.index_dtype()))


def test_what_is_ignored_needs_no_class():
    CrossEntropy(ignore_index=-100).check_targets(np.array([-100, 2]), (1, 3))
    CrossEntropy(ignore_index=9).check_targets(np.array([9, 2]), (1, 3))


REPRS = [
    "CrossEntropy()",
    "CrossEntropy(label_smoothing=0.1, ignore_index=-100, axis=1)",
    "NLL(ignore_index=0)",
    "BCEWithLogits(soft_targets=True, positive_weight=2)",
    "KLDiv(log_target=True, axis=1)",
    "Huber(delta=0.5)",
    "SmoothL1(beta=2)",
    "PoissonNLL(log_input=False)",
]


@pytest.mark.parametrize("text", REPRS)
def test_a_repr_says_the_options(text):
    assert repr(eval(text, vars(portanet))) == text


def test_a_repr_leaves_out_arrays():
    assert repr(CrossEntropy(class_weights=[1, 2])) == "CrossEntropy(class_weights=...)"


def test_the_cosine_loss_stays_in_its_range(backend):
    """Rounding takes a quotient beyond 1 for about one vector in six."""
    a = np.random.default_rng(0).standard_normal((500, 300)).astype(np.float32)
    a = backend.asarray(a)
    for sign, exact in ((1, 0), (-1, 2)):
        losses = backend.to_numpy(Cosine()(a, sign * a))
        assert losses.min() >= 0
        assert losses.max() <= 2
        np.testing.assert_allclose(losses, exact, atol=1e-6)


def test_gradients_of_the_cosine_loss_of_long_vectors():
    """The direction of the gradient does not depend on the length of a vector; its length is 1/|a|."""
    a, b = np.asarray([[3.0, 4.0]], np.float32), np.asarray([[1.0, 0.0]], np.float32)
    wanted = Cosine().gradient(a, b)
    np.testing.assert_allclose(Cosine().gradient(2.0**100 * a, b) * 2.0**100, wanted, rtol=1e-6)
    np.testing.assert_array_equal(Cosine().gradient(a, 2.0**100 * b), wanted)


@pytest.mark.parametrize("arguments", [(1e-3, 100), (0.1,)])
def test_arguments_of_the_schedule_are_refused_by_the_loss(arguments):
    words = (
        r"Cosine: the loss takes no arguments, got .*schedule of this name is portanet\.schedules\."
    )
    with pytest.raises(ArgumentError, match=words):
        Cosine(*arguments)
    with pytest.raises(ArgumentError, match=words):
        Cosine(lr=arguments[0])


@pytest.mark.parametrize("method", ["loss", "gradient"])
def test_a_loss_without_its_methods_says_which(method):
    class Unfinished(portanet.Loss):
        pass

    with pytest.raises(NotImplementedError, match=rf"Unfinished must define {method}\(y_hat, y\)"):
        getattr(Unfinished(), method)(Z, Z)


TWICE = {  # the last layer already computes what the loss computes
    "CrossEntropy": (lambda: [Linear(2, 3), portanet.Softmax()], CrossEntropy, "logits"),
    "CrossEntropy, reshaped": (
        lambda: [portanet.Softmax(), portanet.Flatten()],
        CrossEntropy,
        "logits",
    ),
    "BCEWithLogits": (lambda: [Linear(2, 1), portanet.Sigmoid()], BCEWithLogits, "logits"),
    "in a network": (
        lambda: [Sequential([Linear(2, 1), portanet.Sigmoid()])],
        BCEWithLogits,
        "logits",
    ),
    "Hinge": (lambda: [portanet.HardSigmoid()], Hinge, "logits"),
    "NLL": (lambda: [portanet.Softmax()], NLL, "log-probabilities"),
    "KLDiv": (lambda: [portanet.Softmax()], KLDiv, "log-probabilities"),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_last_layer_that_the_loss_repeats_is_named(name):
    layers, loss, wanted = TWICE[name]
    words = rf"{loss.__name__}: y_hat must be {wanted}, but the network's last layer returns prob"
    with pytest.warns(LastLayerWarning, match=words) as caught:
        Sequential(layers(), loss())
    assert caught[0].filename == __file__


def test_right_pairs_of_last_layer_and_loss_pass():
    for layer, loss in (
        (portanet.Sigmoid(), BinaryCrossEntropy()), (portanet.LogSoftmax(), NLL()),
        (portanet.LogSoftmax(), CrossEntropy()), (portanet.Softmax(), MSE()), (Linear(2, 2), CrossEntropy()),
        (portanet.Flatten(), BCEWithLogits()),
    ):  # fmt: skip
        Sequential([layer], loss)  # a warning would be an error here
    Sequential([portanet.Softmax(), Linear(2, 2)], CrossEntropy())
