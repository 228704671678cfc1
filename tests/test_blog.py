"""The blog's networks: its user code word for word, its numbers, the same on every backend."""

from contextlib import redirect_stdout
from io import StringIO

import blog_oracle
import numpy as np
import pytest
from agreement import EPS
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression

import portanet
from portanet import *  # noqa: F403 - as a reader of the blog would
from portanet import DataLoader, Dataset, Sequential, Sigmoid, Trainer, backends, demo


@pytest.fixture(scope="module")
def data():
    return demo.split()


def test_the_blogs_user_code_runs_word_for_word(data, capsys):
    X_train, X_val, y_train, y_val = data
    n_inp = X_train.shape[1]
    val_dl = DataLoader(Dataset(X_val, y_val), batch_size=64)
    scope = {**vars(portanet), **locals()}
    exec(
        """
criterion = BinaryCrossEntropy()
layers = [Linear(n_inp, 20), ReLU(), Linear(20, 1), Sigmoid()]
model = Sequential(layers, criterion)
optimizer = SGD(model, lr=0.1)
train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
trainer = Trainer(model, optimizer, train_dl, val_dl, metric=accuracy)
trainer.train(5)
""",
        scope,
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[4].startswith("epoch=  4 | loss= 0.")
    assert " | val_loss= 0." in lines[4]
    assert " | val_metric= 0.9" in lines[4]


def trained(network, data, place="numpy", device=None, dtype="float64", seed=0):
    """Return (model, trainer, initial weights, the batches of all epochs) after five epochs."""
    portanet.seed(seed)
    X_train, X_val, y_train, y_val = data
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
    again = DataLoader(train_dl.ds, batch_size=64, shuffle=True)
    again.key = train_dl.key
    val_dl = DataLoader(Dataset(X_val, y_val), batch_size=64)
    model = Sequential(demo.NETWORKS[network](), portanet.BinaryCrossEntropy())
    start = [p.value for p in model.parameters()]
    model.to(place, device=device, dtype=dtype)
    trainer = Trainer(model, portanet.SGD(model, lr=0.1), train_dl, val_dl, portanet.accuracy)
    trainer.train(5, log_level=0)
    batches = [[(x, y.reshape(-1, 1)) for x, y in again] for _ in range(5)]
    return model, trainer, start, batches


@pytest.mark.parametrize("network", demo.NETWORKS)
def test_five_epochs_equal_the_blogs_formulas(network, data):
    """float64, the same start and batches: 1e-12 after five epochs."""
    model, trainer, start, batches = trained(network, data)
    weights, history = blog_oracle.train(start, batches, data[1], data[3].reshape(-1, 1))
    for parameter, expected in zip(model.parameters(), weights, strict=True):
        np.testing.assert_allclose(parameter.value, expected, rtol=1e-12, atol=1e-12)
    ours = [tuple(row.values()) for row in trainer.history]
    np.testing.assert_allclose(ours, history, rtol=1e-12)


def test_100_seeds_end_where_the_blogs_network_ends(data, record_property):
    """Our weights and shuffles and NumPy's own draw from the same distributions.

    Kolmogorov and Smirnov's test over 100 seeds a side; the seeds are fixed, so a p-value under
    1e-3 means that the distributions differ, not that the day is unlucky.
    """
    ours, theirs = [], []
    for seed in range(100):
        history = trained("two-layer network", data, dtype="float32", seed=seed)[1].history
        ours.append(tuple(history[-1].values()))
        theirs.append(_independent_run(data, np.random.default_rng(seed)))
    for i, name in enumerate(("loss", "val_loss", "val_metric")):
        # rounded: an accuracy of 108 of 114 is one number, in float32 and in float64
        a, b = np.array(ours)[:, i].round(6), np.array(theirs)[:, i].round(6)
        p = ks_2samp(a, b).pvalue
        record_property("figure", f"100 seeds, {name}: {a.mean():.4f} ± {a.std():.4f}, the blog's "
                        f"formulas {b.mean():.4f} ± {b.std():.4f}, p = {p:.2f}")  # fmt: skip
        assert p > 1e-3, name


def _independent_run(data, rng):
    X_train, X_val, y_train, y_val = data
    sizes = [(30, 20), (20,), (20, 1), (1,)]
    k = [1 / np.sqrt(30), 0, 1 / np.sqrt(20), 0]  # the blog: U(-1/sqrt(n_inp), …), no bias
    weights = [
        rng.uniform(-k, k, size) if k else np.zeros(size) for k, size in zip(k, sizes, strict=True)
    ]
    y_train, y_val = y_train.reshape(-1, 1), y_val.reshape(-1, 1)
    epochs = []
    for _ in range(5):
        order = rng.permutation(len(X_train))
        parts = [order[i : i + 64] for i in range(0, len(order), 64)]
        epochs.append([(X_train[part], y_train[part]) for part in parts])
    return blog_oracle.train(weights, epochs, X_val, y_val)[1][-1]


def test_scikit_learn_scores_what_the_blog_says(data):
    X_train, X_val, y_train, y_val = data
    assert LogisticRegression().fit(X_train, y_train).score(X_val, y_val) == pytest.approx(
        0.98245, abs=1e-5
    )


@pytest.mark.parametrize("network", demo.NETWORKS)
def test_the_same_run_on_every_backend(network, data, backend, dtypes, record_property):
    """Five epochs; the largest difference of any weight from the float64 run on NumPy.

    The bound comes from that run: E = the error of NumPy's own float32. Another library adds up
    in another order, so its rounding is another draw of the same size: 4 E allows for that. In
    float64 the same argument scales E by the ratio of the two machine epsilons.
    """
    oracle = weights_of(trained(network, data)[0])
    E = difference(weights_of(trained(network, data, dtype="float32")[0]), oracle)
    for dtype in dtypes:
        device = backend.device if backend.name != "numpy" else None
        model = trained(network, data, backend.name, device, dtype)[0]
        off = difference(weights_of(model), oracle)
        bound = 4 * E * EPS[dtype] / EPS["float32"]
        record_property("figure", f"{network}, {dtype}, {backend}: largest difference of any "
                        f"weight from float64 after 5 epochs {off:.1e} (bound {bound:.1e})")  # fmt: skip
        assert off <= bound


def weights_of(model):
    return [model.backend.to_numpy(p.value).astype(np.float64) for p in model.parameters()]


def difference(a, b):
    return max(float(np.abs(u - v).max()) for u, v in zip(a, b, strict=True))


def test_initial_weights_are_the_same_bits_everywhere(backend):
    def weights():
        portanet.seed(7)
        model = Sequential([portanet.Linear(30, 20), portanet.Linear(20, 1)])
        return model.to(backend.name, device=backend.device)

    ours = [backend.to_numpy(p.value) for p in weights().parameters()]
    portanet.seed(7)
    numpy = Sequential([portanet.Linear(30, 20), portanet.Linear(20, 1)])
    for a, p in zip(ours, numpy.parameters(), strict=True):
        assert a.tobytes() == p.value.tobytes()


def test_batches_of_a_seed_are_the_same_bits_everywhere(backend, data):
    X, _, y, _ = data
    loader = DataLoader(Dataset(X.astype("float32"), y), batch_size=64, shuffle=True, seed=3)
    model = Sequential([portanet.Linear(30, 1)], portanet.BCEWithLogits())
    model.to(backend.name, device=backend.device)
    for _ in range(2):
        order = loader.key.generator(loader.epoch).permutation(len(X))
        for i, (x, t) in enumerate(loader.to(model)):
            rows = order[i * 64 : (i + 1) * 64]
            assert backend.to_numpy(x).tobytes() == X[rows].astype("float32").tobytes()
            assert (backend.to_numpy(t) == y[rows]).all()


@pytest.mark.parametrize("logit", [1e4, 100.0, 20.0, 0.0, -20.0, -100.0, -1e4])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_sigmoid_and_cross_entropy_are_exact_at_any_logit(backend, dtypes, logit, label):
    """The gradient of the mean loss with respect to the logit is (p - y) / N, to 4 ulp of 1 / N."""
    for dtype in dtypes:
        z = backend.asarray(np.array([[logit], [0.5]]), dtype)
        y = backend.asarray(np.array([[label], [1.0]]), dtype)
        sigmoid, bce = Sigmoid(), portanet.BinaryCrossEntropy()
        losses = backend.to_numpy(bce.forward(sigmoid.forward(z, training=True), y, training=True))
        gradient = backend.to_numpy(sigmoid.backward(bce.backward()))[0, 0]
        with_logits = portanet.BCEWithLogits()
        exact = backend.to_numpy(with_logits.forward(z, y, training=True))[0]
        exact_gradient = backend.to_numpy(with_logits.backward())[0, 0]
        p = 1 / (1 + np.exp(-np.float64(logit))) if logit > -700 else 0.0
        assert np.isfinite(losses).all()
        assert abs(gradient - (p - label) / 2) <= 4 * EPS[dtype] / 2
        assert abs(exact_gradient - (p - label) / 2) <= 4 * EPS[dtype] / 2
        expected = np.logaddexp(0, -logit if label else logit)
        assert exact == pytest.approx(expected, rel=8 * EPS[dtype], abs=float(np.finfo(dtype).tiny))


def test_the_partial_last_batch_counts():
    """65 samples in batches of 64: one more step, and the last sample changes the weights."""
    X, y = np.ones((65, 1), np.float32), np.zeros(65)
    model = Sequential([portanet.Linear(1, 1)], portanet.BCEWithLogits())
    optimizer = portanet.SGD(model, lr=0.1)
    loader = DataLoader(Dataset(X, y), batch_size=64)
    Trainer(model, optimizer, loader).train(1, log_level=0)
    assert optimizer.n_steps == 2
    assert sum(len(x) for x, _ in loader) == 65


def test_evaluating_with_batches_of_any_size_gives_the_same(data):
    _, trainer, _, _ = trained("two-layer network", data)
    X_val, y_val = data[1], data[3]
    results = {
        trainer.evaluate(DataLoader(Dataset(X_val, y_val), batch_size=size))
        for size in (7, 64, 114)
    }
    losses = [loss for loss, _ in results]
    assert max(losses) - min(losses) <= 8 * EPS["float64"]
    assert len({metric for _, metric in results}) == 1


def test_the_demo_prints_its_tables(tmp_path):
    out = StringIO()
    with redirect_stdout(out):
        demo.run(["numpy"], 0, str(tmp_path / "curves.png"))
    assert "0.620     0.547         0.904" in out.getvalue()
    assert "scikit-learn's LogisticRegression: 0.98246" in out.getvalue()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert backends.get("numpy").copies_to_host > 0
