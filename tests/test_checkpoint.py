"""Checkpoints: a run that was saved goes on as if it had not been stopped, on any backend."""

import json
import subprocess
import sys

import numpy as np
import pytest
from checkpoint_files import small_file, with_numbers

import portanet
from portanet import (
    SGD,
    AdamW,
    BatchNorm1d,
    BCEWithLogits,
    ExponentialMovingAverage,
    Group,
    Linear,
    Muon,
    RAdam,
    ReLU,
    Sequential,
    is_vector,
    load,
    save,
)
from portanet.errors import ArgumentError, CheckpointError, DataError
from portanet.schedules import Plateau, WarmUp
from portanet.state import State

RULES = {
    "SGD": lambda model: SGD(model, lr=0.1),
    "SGD, everything": lambda model: SGD(
        model, lr=lambda step: 0.1 / (1 + step), momentum=0.9, clip_norm=0.1, accumulate=4,
        groups=[Group(is_vector, lr_factor=0.5)],
    ),
    "AdamW": lambda model: AdamW(model, lr=0.01, amsgrad=True),
    "RAdam": lambda model: RAdam(model, lr=0.01),
    "Muon": lambda model: Muon(model, lr=0.02),
}  # fmt: skip
EACH_RULE = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def network(seed=0):
    """Without a bias before BatchNorm1d: its gradient is 0 but for rounding, which AdamW enlarges."""
    portanet.seed(seed)
    layers = [Linear(3, 4, bias=False), BatchNorm1d(4), ReLU(), Linear(4, 1)]
    return Sequential(layers, BCEWithLogits())


def train(model, optimizer, steps):
    backend, dtype = model.backend, model.dtype
    for step in steps:
        rng = np.random.default_rng(step)
        x = rng.standard_normal((8, 3))
        y = backend.asarray((x[:, :1] > 0).astype(dtype), dtype)
        y_hat = model.forward(backend.asarray(x, dtype), training=True)
        model.criterion.forward(y_hat, y, training=True)
        model.backward()
        optimizer.step()


def values(model):
    held = model.named_parameters() | model.named_buffers()
    return {name: model.backend.to_numpy(holder.value) for name, holder in held.items()}


@EACH_RULE
def test_a_run_goes_on_bit_for_bit(rule, tmp_path):
    uninterrupted = network()
    optimizer = rule(uninterrupted)
    train(uninterrupted, optimizer, range(10))  # 10 is no multiple of accumulate
    save(tmp_path / "run.safetensors", uninterrupted, optimizer)
    train(uninterrupted, optimizer, range(10, 20))

    resumed = network(seed=1)
    optimizer_2 = rule(resumed)
    load(tmp_path / "run.safetensors", resumed, optimizer_2)
    assert (optimizer_2.n_steps, optimizer_2.n_accumulated) == (
        (2, 2) if optimizer.accumulate == 4 else (10, 0)
    )
    train(resumed, optimizer_2, range(10, 20))
    theirs = values(uninterrupted)
    for name, value in values(resumed).items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@EACH_RULE
def test_a_run_goes_on_on_numpy(rule, backend, tmp_path, record_property):
    """Ten steps on a backend, ten on NumPy; against twenty there."""
    dtype = "float64" if "float64" in backend.dtypes else "float32"
    model = network().to(backend.name, device=backend.device, dtype=dtype)
    optimizer = rule(model)
    train(model, optimizer, range(10))
    save(tmp_path / "run.safetensors", model, optimizer)
    train(model, optimizer, range(10, 20))

    resumed = network(seed=1).to(dtype=dtype)
    optimizer = rule(resumed)
    load(tmp_path / "run.safetensors", resumed, optimizer)
    assert resumed.backend.name == "numpy"
    train(resumed, optimizer, range(10, 20))
    theirs, eps = values(model), float(np.finfo(dtype).eps)
    error = max(np.abs(v - theirs[name]).max() for name, v in values(resumed).items()) / eps
    record_property("figure", f"resumed on NumPy from {backend}: {error:.0f} eps after 10 steps")
    # ten steps whose sums are taken in another order, each off by some eps; a slot that was lost
    # shows in the second digit
    assert error < 64


def test_a_file_goes_to_where_the_model_lies(backend, tmp_path):
    model = network()
    save(tmp_path / "run.safetensors", model, RULES["AdamW"](model))
    other = network(seed=1).to(backend.name, device=backend.device)
    optimizer = RULES["AdamW"](other)
    load(tmp_path / "run.safetensors", other, optimizer)
    for holder in (other.named_parameters() | other.named_buffers()).values():
        assert portanet.backend_of(holder.value) is backend
    for name, value in values(other).items():
        np.testing.assert_array_equal(value, values(model)[name])
    train(other, optimizer, range(1))


def test_a_file_opens_in_a_process_that_knows_safetensors_only(backend, tmp_path):
    model = network().to(backend.name, device=backend.device)
    save(tmp_path / "run.safetensors", model, SGD(model, lr=0.1))
    code = (
        "import sys; from safetensors.numpy import load_file; "
        f"a = load_file({str(tmp_path / 'run.safetensors')!r}); "
        "assert not {'cupy', 'torch', 'jax', 'portanet'} & set(sys.modules); "
        "print(a['model/layers.0.weights'].sum(dtype='float64'))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    weights = values(model)["layers.0.weights"]
    assert float(out.stdout) == weights.sum(dtype="float64")


def test_other_parts_are_saved_under_their_names(tmp_path):
    class Counter:
        n = 7

        def state(self):
            return State({"table": np.arange(3.0)}, {"n": self.n, "rows": [{"loss": float("inf")}]})

        def load_state(self, state):
            self.n, self.rows, self.table = (
                state.numbers["n"],
                state.numbers["rows"],
                state.arrays["table"],
            )

    model = network()
    ema, counter = ExponentialMovingAverage(model), Counter()
    train(model, SGD(model, lr=0.1), range(2))
    ema.update()
    save(tmp_path / "run.safetensors", model, ema=ema, counter=counter)

    other, counter_2 = network(seed=1), Counter()
    ema_2, counter_2.n = ExponentialMovingAverage(other), 0
    load(tmp_path / "run.safetensors", other, ema=ema_2, counter=counter_2)
    assert (counter_2.n, counter_2.rows) == (7, [{"loss": float("inf")}])
    np.testing.assert_array_equal(counter_2.table, [0, 1, 2])
    with ema.weights(), ema_2.weights():
        for name, value in values(other).items():
            np.testing.assert_array_equal(value, values(model)[name])


def test_extra_is_returned_and_must_be_json(tmp_path):
    model, path = Linear(2, 1), tmp_path / "run.safetensors"
    extra = {"epoch": 3, "history": [{"loss": 0.5}], "note": "größer"}
    save(path, model, extra=extra)
    assert load(path, model) == extra
    with pytest.raises(ArgumentError, match=r"save: extra must be what JSON can hold .*Linear"):
        save(path, model, extra={"layer": model})
    assert load(path, model) == extra, "the older file is still there"
    save(path, model)
    assert load(path, model) is None


def test_a_plateau_goes_on_where_it_stood(tmp_path):
    def parts():
        model, schedule = Linear(2, 1), WarmUp(Plateau(0.5, patience=0), 10)
        return model, SGD(model, lr=schedule), schedule

    model, optimizer, schedule = parts()
    for loss in (1.0, 2.0, 3.0):
        schedule.after.report(loss)
    save(tmp_path / "run.safetensors", model, optimizer)
    model, optimizer, resumed = parts()
    load(tmp_path / "run.safetensors", model, optimizer)
    assert resumed(99) == schedule(99) == pytest.approx(0.005)


def test_views_and_numbers_without_axes_are_saved(tmp_path):
    model = Linear(2, 3, bias=False)
    model.weights.value = np.arange(6, dtype=np.float32).reshape(3, 2).T  # not in C order
    model.scale = portanet.Parameter(np.asarray(2.5, np.float32))
    save(tmp_path / "a.safetensors", model)
    other = Linear(2, 3, bias=False)
    other.scale = portanet.Parameter(np.asarray(0, np.float32))
    load(tmp_path / "a.safetensors", other)
    np.testing.assert_array_equal(other.weights.value, model.weights.value)
    assert other.scale.value.shape == ()
    assert float(other.scale.value) == 2.5


# who loads, the words of the error in their order
MISFITS = {
    "other shapes": (lambda: Sequential([Linear(3, 5, bias=False), BatchNorm1d(4), ReLU(), Linear(4, 1)]),
        r"does not fit this model:.*layers\.0\.weights is float32 \(3, 4\) in the file, float32 \(3, 5\) in the model"),
    "something missing": (lambda: Sequential([Linear(3, 4, bias=False), BatchNorm1d(4), ReLU(), Linear(4, 1), Linear(1, 1)]),
        r"missing layers\.4\.bias; missing layers\.4\.weights"),
    "something too much": (lambda: Sequential([Linear(3, 4, bias=False), BatchNorm1d(4), ReLU(), Linear(4, 1, bias=False)]),
        r"unexpected layers\.3\.bias"),
    "another dtype": (lambda: network().to(dtype="float64"),
        r"layers\.0\.weights is float32 \(3, 4\) in the file, float64 \(3, 4\) in the model"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_a_file_of_another_model_is_refused_and_changes_nothing(name, tmp_path):
    make, words = MISFITS[name]
    model = network()
    save(tmp_path / "run.safetensors", model)
    other = make()
    before = values(other)
    with pytest.raises(ArgumentError, match=words):
        load(tmp_path / "run.safetensors", other)
    for key, value in values(other).items():
        assert value is before[key]


@pytest.mark.parametrize(
    ("saved", "loaded", "words"),
    [
        ("SGD", "AdamW", "AdamW: wanted the state of AdamW, is of SGD"),
        (
            "SGD",
            "SGD, everything",
            r"SGD: layers\.\d\.\w+ needs velocity, the checkpoint has none; make",
        ),
    ],
)
def test_the_state_of_another_rule_is_refused_and_changes_nothing(saved, loaded, words, tmp_path):
    model = network()
    optimizer = RULES[saved](model)
    train(model, optimizer, range(4))
    save(tmp_path / "run.safetensors", model, optimizer)
    other = network(seed=1)
    before = values(other)
    optimizer = RULES[loaded](other)
    with pytest.raises(ArgumentError, match=words):
        load(tmp_path / "run.safetensors", other, optimizer)
    assert optimizer.n_steps == 0
    for key, value in values(other).items():
        assert value is before[key]


def test_a_part_that_the_file_lacks_is_named(tmp_path):
    model = network()
    save(tmp_path / "run.safetensors", model)
    with pytest.raises(ArgumentError, match=r"run\.safetensors has no optimizer; it has model"):
        load(tmp_path / "run.safetensors", model, SGD(model, lr=0.1))


def test_things_without_a_state_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"save: ema must have state\(\) and load_state"):
        save(tmp_path / "run.safetensors", network(), ema=0.9)
    with pytest.raises(ArgumentError, match="save: model must be a network"):
        save(tmp_path / "run.safetensors", {"w": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_none_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "run.safetensors"
    with pytest.raises(FileNotFoundError, match="load: there is no file"):
        load(path, network())
    path.write_bytes(b"torn")
    with pytest.raises(
        DataError, match="is damaged or not a checkpoint: it is not a complete safetensors file"
    ):
        load(path, network())
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(DataError, match="must be a 'portanet checkpoint 2', is 'some other file'"):
        load(path, network())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"save: there is no folder .*nowhere; make it"):
        portanet.save(tmp_path / "nowhere" / "run.safetensors", portanet.Linear(2, 1))
    (tmp_path / "latest").symlink_to(tmp_path / "nowhere" / "run")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere; make it .* than .*latest"):
        portanet.save(tmp_path / "latest", portanet.Linear(2, 1))


def test_a_save_that_fails_leaves_the_older_file(tmp_path):
    path, model = tmp_path / "run.safetensors", network()
    save(path, model)
    before = path.read_bytes()

    class Broken:
        def state(self):
            return State({}, {"rng": object()})  # no JSON

        def load_state(self, state):
            raise AssertionError

    with pytest.raises(ArgumentError, match="save: states must be what JSON can hold"):
        save(path, model, broken=Broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_metadata_is_json_that_anybody_can_read(tmp_path):
    from safetensors import safe_open

    model = network()
    optimizer = RULES["AdamW"](model)
    train(model, optimizer, range(3))
    save(tmp_path / "run.safetensors", model, optimizer)
    with safe_open(tmp_path / "run.safetensors", framework="numpy") as file:
        numbers = json.loads(file.metadata()["numbers"])
    assert numbers["optimizer"]["rule"] == "AdamW"
    assert numbers["optimizer"]["n_steps"] == 3


@pytest.mark.parametrize("name", ["ema/slow", "model/ema", ""])
def test_names_that_cannot_be_loaded_are_refused(name, tmp_path):
    layer = Linear(2, 1)
    ema = ExponentialMovingAverage(layer)
    for function in (save, load):
        with pytest.raises(ArgumentError, match=r"the name of a part must be without '/'.*is '"):
            function(tmp_path / "run.safetensors", layer, **{name: ema})
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    file, link, layer = tmp_path / "disk" / "run.safetensors", tmp_path / "latest", Linear(1, 1)
    link.symlink_to(file)
    save(link, layer)  # the file is not there yet
    layer.bias.value = np.full(1, 7, np.float32)
    save(link, layer)
    assert link.is_symlink()
    assert [p.name for p in file.parent.iterdir()] == ["run.safetensors"]
    other = Linear(1, 1)
    load(file, other)
    assert float(other.bias.value[0]) == 7


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(IsADirectoryError, match=r"save: .*checkpoints must be a file, is a folder"):
        save(tmp_path / "checkpoints", Linear(1, 1))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"]


@pytest.mark.parametrize("fails", ["writing", "replacing"])
def test_a_save_that_the_disk_refuses_names_the_path_and_leaves_nothing(
    fails, monkeypatch, tmp_path
):
    path, layer = tmp_path / "run.safetensors", Linear(2, 2)
    save(path, layer)
    before = path.read_bytes()

    def full(number):
        raise OSError(28, "No space left on device")

    def refused(source, target):
        raise PermissionError(13, "Permission denied", source, None, target)

    if fails == "writing":
        monkeypatch.setattr("os.fsync", full)
    else:
        monkeypatch.setattr("os.replace", refused)
    words = r"save: .*run\.safetensors could not be written: .*(No space|denied).*is unchanged"
    with pytest.raises(OSError, match=words) as caught:
        save(path, layer)
    assert ".partial" not in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def parts_of_a_run(seed):
    """Return a network, an optimizer with a Plateau, and other parts with numbers in their states."""
    portanet.seed(seed)
    model = Sequential([Linear(2, 1)], BCEWithLogits())
    schedule = WarmUp(Plateau(0.5, patience=0), 2)
    loader = portanet.DataLoader(
        portanet.Dataset(np.ones((4, 2)), np.ones((4, 1))), 2, shuffle=True
    )
    optimizer = SGD(model, lr=schedule, momentum=0.9)
    trainer = portanet.Trainer(model, optimizer, loader)
    return model, optimizer, {"trainer": trainer, "ema": ExponentialMovingAverage(model)}


def all_numbers(model, optimizer, others):
    states = [part.state() for part in (optimizer, *others.values())]
    arrays = [model.layers[0].weights.value, *(a for s in states for a in s.arrays.values())]
    return json.dumps([s.numbers for s in states]) + str([array.tolist() for array in arrays])


PLATEAU = {"lr": 0.5, "best": None, "n_bad": 0, "n_cooling": 0}
DAMAGES = {  # the part, the entry, its damaged value (None: it is missing), words of the error
    "no ages": ("optimizer", "ages", None, "SGD: the state must have ages, a dict of integers"),
    "ages of words": ("optimizer", "ages", {"a": "x"}, "SGD: ages of the state must be a dict"),
    "steps in words": ("optimizer", "n_steps", "x", r"n_steps of the state must be an integer >= 0, is 'x'"),
    "steps before the first": ("optimizer", "n_steps", -5, r"n_steps of the state must be .*is -5"),
    "no schedules": ("optimizer", "schedules", None, "SGD: the state must have schedules, a list of dicts"),
    "another schedule": ("optimizer", "schedules", [{"parts": [None]}], r"WarmUp: the state must be of"),
    "a schedule's rate": ("optimizer", "schedules", [{"parts": [PLATEAU | {"lr": "x"}]}], "Plateau: lr of the state"),
    "a schedule's count": ("optimizer", "schedules", [{"parts": [PLATEAU | {"n_bad": 0.5}]}], "Plateau: n_bad of the"),
    "no history": ("trainer", "history", None, "Trainer.load_state: the state must have history, a list"),
    "streams of one number": ("trainer", "streams", [3], "streams of the state must be lists of seed, purpose.*one is 3"),
    "a decay of words": ("ema", "decay", "x", "decay of the state must be a finite number, is 'x'"),
    "a decay of 2": ("ema", "decay", 2, r"decay must be a number in \[0, 1\), is 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_numbers_are_named_and_change_nothing(name, tmp_path):
    part, key, value, words = DAMAGES[name]
    model, optimizer, others = parts_of_a_run(0)
    others["trainer"].train(2, log_level=0)
    path = tmp_path / "run.safetensors"
    save(path, model, optimizer, **others)

    def change(numbers):
        numbers[part][key] = value
        if value is None:
            del numbers[part][key]

    path.write_bytes(with_numbers(path.read_bytes(), change))
    fresh = parts_of_a_run(1)
    before = all_numbers(*fresh)
    with pytest.raises(CheckpointError, match=words):
        load(path, fresh[0], fresh[1], **fresh[2])
    assert all_numbers(*fresh) == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"extra": '{"epo'}, r"run\.safetensors is damaged or not .*: its extra are not JSON"),
        (
            {"numbers": '{"optimizer": {'},
            r"is damaged or not a checkpoint: its numbers are not JSON",
        ),
        (
            {"numbers": '{"optimizer": null}'},
            r"is damaged or not a checkpoint: its numbers must be a dict for each part",
        ),
        (
            {"numbers": "[]"},
            r"is damaged or not a checkpoint: its numbers must be a dict for each part, are \[\]",
        ),
    ],
)
def test_damaged_metadata_change_nothing(damage, words, tmp_path):
    model, path = Linear(2, 1), tmp_path / "run.safetensors"
    path.write_bytes(small_file(**damage))
    before = values(model)
    with pytest.raises(DataError, match=words):
        load(path, model)
    for key, value in values(model).items():
        assert value is before[key]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(20, 3), (20, 2, 3)])
def test_a_normalizer_is_saved_with_the_model(dtype, shape, backend, tmp_path):
    if dtype not in backend.dtypes:
        pytest.skip(f"no {dtype} here")
    X = (5 + 3 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    first, other = portanet.Normalizer().fit(backend.asarray(X)), portanet.Normalizer()
    save(tmp_path / "run.safetensors", Linear(3, 1), normalizer=first)
    load(tmp_path / "run.safetensors", Linear(3, 1), normalizer=other)
    for x in (backend.asarray(X), X):  # the statistics follow the data
        result = other.transform(x)
        assert portanet.backend_of(result) is portanet.backend_of(x)
    wanted = backend.to_numpy(first.transform(backend.asarray(X)))
    assert other.transform(X).dtype == wanted.dtype
    np.testing.assert_allclose(other.transform(X), wanted, rtol=1e-6)


def test_a_normalizer_takes_its_own_states_only(tmp_path):
    normalizer = portanet.Normalizer().fit(np.ones((3, 2)))
    for arrays in (
        {"mean": np.ones(2)},
        {"mean": np.ones(2), "std": np.ones(3)},
        {"a": np.ones(2)},
    ):
        with pytest.raises(DataError, match="normalize: the state must have mean and std, of one"):
            normalizer.load_state(State(arrays, {}))
    np.testing.assert_array_equal(normalizer.mean, [1, 1])
    save(tmp_path / "run.safetensors", Linear(2, 1), normalizer=portanet.Normalizer())
    load(tmp_path / "run.safetensors", Linear(2, 1), normalizer=normalizer)  # it was not fitted
    assert normalizer.mean is None


def body(n_out):
    portanet.seed(n_out)
    return Sequential([Linear(4, 8), portanet.ReLU(), Linear(8, n_out)], portanet.CrossEntropy())


@pytest.mark.parametrize("compiled", [False, True], ids=["readable", "compiled"])
def test_a_new_head_on_an_old_body(compiled, tmp_path):
    """From a file or from a network: the body has its values, is frozen, and only the head moves."""
    old, path = body(3), tmp_path / "old.safetensors"
    save(path, old)
    from_file = body(5)
    report = load(path, from_file, strict=False)
    assert report.loaded == ("layers.0.weights", "layers.0.bias")
    assert report.other_shapes == ("layers.2.weights", "layers.2.bias")
    assert (report.missing, report.unexpected, report.complete) == ((), (), False)
    portanet.seed(5)
    from_network = Sequential([*old[:-1], Linear(8, 5)], portanet.CrossEntropy())
    x, y = np.random.default_rng(0).standard_normal((32, 4)), np.arange(32) % 5
    for model in (from_file, from_network):
        model[:-1].freeze()
        start = values(model)
        np.testing.assert_array_equal(start["layers.0.weights"], values(old)["layers.0.weights"])
        loader = portanet.DataLoader(portanet.Dataset(x, y), 8)
        optimizer = portanet.Adam(model, lr=0.01)
        portanet.Trainer(model, optimizer, loader, compile=compiled).train(2, log_level=0)
        moved = {name for name, value in values(model).items() if (value != start[name]).any()}
        assert moved == {"layers.2.weights", "layers.2.bias"}
        assert set(optimizer.memory.slots) == moved


def test_what_does_not_fit_keeps_its_values_and_is_said(tmp_path):
    path = tmp_path / "run.safetensors"
    save(path, Sequential([Linear(4, 8), portanet.BatchNorm1d(8), Linear(8, 3)]), extra={"a": 1})
    model = Sequential([Linear(4, 8, bias=False), portanet.BatchNorm1d(8), Linear(8, 5), Linear(5, 2)])  # fmt: skip
    before = values(model)
    report = load(path, model, strict=False)
    assert report.missing == ("layers.3.weights", "layers.3.bias")
    assert report.unexpected == ("layers.0.bias",)
    assert report.extra == {"a": 1}
    assert "layers.1.running_mean" in report.loaded
    for name in (*report.missing, *report.other_shapes):
        np.testing.assert_array_equal(values(model)[name], before[name])
    with pytest.raises(ArgumentError, match=r"does not fit.*missing layers\.3\.bias"):
        load(path, model)


def test_strict_false_casts_nothing_and_wants_something_to_fit(tmp_path):
    path = tmp_path / "run.safetensors"
    save(path, Linear(2, 2).to(dtype="float64"))
    with pytest.raises(ArgumentError, match=r"weights is float64 \(2, 2\) in the file, float32"):
        load(path, Linear(2, 2), strict=False)
    other = Linear(2, 3).to(dtype="float64")
    with pytest.raises(ArgumentError, match=r"model: bias is .*\(2,\) in the file, .*\(3,\) in"):
        load(path, other, strict=False)


def test_a_model_that_fits_is_loaded_whole_without_strict(tmp_path):
    path = tmp_path / "run.safetensors"
    save(path, network())
    other = network(seed=1)
    assert load(path, other, strict=False).complete
    for name, value in values(network()).items():
        np.testing.assert_array_equal(values(other)[name], value)
