"""What a checkpoint file says is checked before it is used: limits, checksum, types of numbers."""

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import OLDER, file_of, parts_of, small_file, with_metadata, with_numbers
from test_checkpoint import all_numbers, parts_of_a_run

import portanet
from portanet import Linear, load, save
from portanet.checkpoint_file import read
from portanet.checkpoint_header import MAX_HEADER, header_bytes
from portanet.errors import ArgumentError, CheckpointError, DataError, PortanetError

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def saved_run(path):
    """Save a run of two epochs; return the content of the file."""
    model, optimizer, others = parts_of_a_run(0)
    others["trainer"].train(2, log_level=0)
    save(path, model, optimizer, extra=[1, {"a": None}], **others)
    return path.read_bytes()


def load_all(path, run):
    model, optimizer, others = run
    return load(path, model, optimizer, **others)


def refused(path, run, words=""):
    """Loading raises CheckpointError, with the path, and changes nothing."""
    before = all_numbers(*run)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_all(path, run)
    assert str(path) in str(caught.value)
    assert all_numbers(*run) == before


# the format


def test_one_error_is_all_that_was_raised_before():
    assert issubclass(CheckpointError, ArgumentError)
    assert issubclass(CheckpointError, DataError)


@pytest.mark.parametrize("name", ["1", "2", "2-architecture"])
def test_files_of_all_versions_are_loaded(name):
    run = parts_of_a_run(3)
    assert load_all(FIXTURES / f"checkpoint-{name}.safetensors", run) == {"note": "größer"}
    model, optimizer, others = run
    weights = np.asarray([[1.2959235906600952], [1.703607439994812]], np.float32)
    np.testing.assert_array_equal(model.layers[0].weights.value, weights)
    assert optimizer.n_steps == 4
    assert others["trainer"].history == [{"loss": 0.723049521446228}, {"loss": 0.11131580919027328}]


def test_the_library_of_the_format_reads_the_same(path):
    from safetensors import safe_open

    arrays = {
        "model/weights": np.arange(2, dtype=np.float32).reshape(2, 1),
        "model/bias": np.ones(1, np.float32),
        **{f"all/{t}": np.ones((2, 3), t) for t in ("bool", "int8", "uint16", "float16", "int64")},
        "all/none": np.ones((0, 3), np.float64), "all/big": np.arange(3, dtype=">f8"),
        "all/scalar": np.asarray(7, np.float32),
    }  # fmt: skip

    class All:
        def state(self):
            return portanet.state.State({n[4:]: a for n, a in arrays.items() if n[0] == "a"}, {})

        def load_state(self, state):
            self.arrays = state.arrays

    model, kept = Linear(2, 1), All()
    model.weights.value, model.bias.value = arrays["model/weights"], arrays["model/bias"]
    save(path, model, all=kept)
    load(path, model, all=kept)
    with safe_open(path, "numpy") as file:
        assert set(file.keys()) == set(arrays)
        for name, array in arrays.items():
            theirs = file.get_tensor(name)
            np.testing.assert_array_equal(theirs, array)
            assert theirs.dtype == array.dtype.newbyteorder("=")
            if name[0] == "a":
                np.testing.assert_array_equal(kept.arrays[name[4:]], array)


def test_one_run_gives_one_file(path):
    assert saved_run(path) == saved_run(path)


def test_dtypes_that_no_file_can_hold_are_refused(path):
    model = Linear(2, 1)
    model.bias.value = np.ones(1, np.complex128)
    with pytest.raises(ArgumentError, match="save: model/bias has the dtype complex128, which no"):
        save(path, model)
    assert not path.exists()


# what is no regular file


def test_pipes_devices_and_folders_are_refused_at_once(path):
    os.mkfifo(path)
    for other in (path, "/dev/zero"):
        with pytest.raises(CheckpointError, match=r"load: .* must be a regular file, is a pipe"):
            load(other, Linear(2, 1))
    with pytest.raises(IsADirectoryError, match=r"load: .* must be a file, is a folder"):
        load(path.parent, Linear(2, 1))


# the header

ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}
HEADERS = {  # the entry of model/bias, and the words of the error
    "no shape": ({"dtype": "F32", "data_offsets": [8, 12]}, "must have dtype, shape and data_off"),
    "one thing more": (ENTRY | {"a": 1}, "must have dtype, shape and data_offsets, has"),
    "a list": ([], r"must have dtype, shape and data_offsets, has \[\]"),
    "another dtype": (ENTRY | {"dtype": "F31"}, "dtype must be one of F64, .*is 'F31'"),
    "a dtype of numbers": (ENTRY | {"dtype": [1]}, r"dtype must be one of .*is \[1\]"),
    "a shape below 0": (ENTRY | {"shape": [-1]}, r"shape must be a list of integers >= 0, is \[-1\]"),
    "a shape of floats": (ENTRY | {"shape": [1.0]}, r"shape must be a list of .*is \[1\.0\]"),
    "a shape of True": (ENTRY | {"shape": [True]}, r"shape must be a list of .*is \[True\]"),
    "65 axes": (ENTRY | {"shape": [1] * 65}, "shape must be a list of integers"),
    "a size that overflows": (ENTRY | {"shape": [2**62, 4]}, "does not fit data_offsets"),
    "none of too many": (ENTRY | {"shape": [0, 2**62, 4], "data_offsets": [8, 8]}, "does not fit"),
    "an offset too large": (ENTRY | {"data_offsets": [8, 2**64]}, "data_offsets must be two integers"),
    "infinite": (ENTRY | {"data_offsets": [8, float("inf")]}, "data_offsets must be two integers"),
    "three offsets": (ENTRY | {"data_offsets": [8, 12, 12]}, "data_offsets must be two integers"),
    "too few bytes": (ENTRY | {"data_offsets": [8, 11]}, r"F32 of shape \[1\] does not fit data_offs"),
    "backwards": (ENTRY | {"data_offsets": [12, 8]}, "does not fit data_offsets"),
    "an overlap": (ENTRY | {"data_offsets": [4, 8]}, "must begin at byte 8 of the data, .*at 4"),
    "a gap": (ENTRY | {"data_offsets": [9, 13]}, "must begin at byte 8 of the data, .*at 9"),
    "bytes that are nobody's": (ENTRY | {"shape": [0], "data_offsets": [8, 8]}, "arrays have 8 bytes, it has 12"),
    "past the end": (ENTRY | {"shape": [2], "data_offsets": [8, 16]}, "arrays have 16 bytes, it has 12"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_entries_of_the_header_are_compared_with_the_file(name, path):
    entry, words = HEADERS[name]
    header, data = parts_of(small_file())
    path.write_bytes(file_of(header | {"model/bias": entry}, data))
    with pytest.raises(CheckpointError, match=words):
        load(path, Linear(2, 1))


def deep(n):
    return b"[" * n + b"]" * n


def bools():
    header, data = parts_of(small_file())
    header["model/bias"] |= {"dtype": "BOOL", "shape": [4]}
    return file_of(header, data)


DOUBLE = b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'
FILES = {
    "nothing": (b"", "must have 2 to 2 bytes, has 0"),
    "seven bytes": (b"1234567", "must have 2 to 2 bytes"),
    "a header longer than the file": ((1000).to_bytes(8, "little") + b"{}", "2 to 2 bytes, has 1000"),
    "the longest header": (b"\xff" * 8 + b"{}", "header must have 2 to 2 bytes"),
    "no text": (file_of(b"\xff\xfe{}", b""), "its header are not JSON: 'utf-8' codec"),
    "a list": (file_of(b"[]", b""), r"its header must be a dict, is \[\]"),
    "a bomb of lists": (file_of(deep(100_000), b""), "its header are not JSON: nested too deeply"),
    "a bomb in the numbers": (small_file(numbers=deep(100_000).decode()), "numbers are not JSON: nested"),
    "a bomb in the extra": (small_file(extra=deep(100_000).decode()), "extra are not JSON: nested"),
    "two of one name": (file_of(DOUBLE, b""), "two entries have one name"),
    "numbers as metadata": (file_of(b'{"__metadata__":{"format":1}}', b""), "must be a dict of texts"),
    "an integer of 5000 digits": (small_file(numbers="1" * 5000), "numbers are not JSON: Exceeds"),
    "a bool that is 63": (bools(), "array 'model/bias' must be of 0 and 1"),
    "a later version": (small_file(format="portanet checkpoint 3"), "is 'portanet checkpoint 3'"),
    "a checksum that was left out": (small_file(format="portanet checkpoint 2"), "checksum must be .*is None"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_other_files_are_refused(name, path):
    content, words = FILES[name]
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        load(path, Linear(2, 1))


def test_a_header_that_no_reader_takes_is_not_written(path):
    with pytest.raises(CheckpointError, match=f"must have at most {MAX_HEADER} bytes"):
        header_bytes({}, {"extra": "x" * MAX_HEADER})


def test_reading_takes_the_memory_of_the_arrays_once(path):
    save(path, Linear(2048, 2048))
    size = path.stat().st_size
    tracemalloc.start()
    try:
        read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size - 2000 < peak < size + 2**20, "NumPy's arrays are counted; the rest is the header"


# the checksum


def test_any_flipped_bit_is_found(path):
    """All bits of the data, and of the header one a byte."""
    save(path, Linear(2, 1), extra=1)
    content, model, n_loaded = path.read_bytes(), Linear(2, 1), 0
    load(path, model)
    wanted = model.weights.value, model.bias.value
    n_header = len(content) - 12
    places = [8 * byte + byte % 8 for byte in range(n_header)]
    for place in [*places, *range(8 * n_header, 8 * len(content))]:
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert load(path, model) == 1
        except CheckpointError:
            continue
        n_loaded += 1  # a space at the end became a tab or a line, say
        np.testing.assert_array_equal(model.weights.value, wanted[0])
        np.testing.assert_array_equal(model.bias.value, wanted[1])
    assert n_loaded <= 7, "one for each of the spaces that fill the header"


def test_two_arrays_of_one_shape_cannot_change_places(path):
    header, data = parts_of(saved_run(path))
    a, b = "model/layers.0.weights", "optimizer/layers.0.weights/velocity"
    header[a], header[b] = header[b], header[a]
    path.write_bytes(file_of(header, data))
    refused(path, parts_of_a_run(1), "has changed since it was written: its checksum must be")


# the numbers

WRONG = [-1, 1.5, "x", None, True, [], {}, [[]], [{}], {"a": -1}, float("inf"), float("nan"),
         10**400, 2**64, [1, "x", 2, 3]]  # fmt: skip
PLACES = [
    ("optimizer", "n_steps"), ("optimizer", "n_accumulated"), ("optimizer", "ages"),
    ("optimizer", "schedules"), ("optimizer", "rule"), ("trainer", "history"),
    ("trainer", "streams"), ("trainer", "n_steps"), ("trainer", "position"), ("trainer", "sums"),
    ("trainer", "callbacks"), ("ema", "decay"),
]  # fmt: skip
# what would be right there: no epoch is over, the run has no callbacks
RIGHT = [("history", []), ("history", [{}]), ("callbacks", {})]


@pytest.mark.parametrize("place", PLACES, ids="/".join)
def test_numbers_of_the_wrong_kind_are_refused(place, path):
    content = saved_run(path)
    part, key = place
    for value in WRONG:
        if (key, value) in RIGHT or (key == "sums" and isinstance(value, list)):
            continue  # sums are not looked at between two epochs
        path.write_bytes(with_numbers(content, lambda n, v=value: n[part].update({key: v})))
        refused(path, parts_of_a_run(1), "load: ")


RUNS = {
    "a row that is a list": ("history", [[1]], r"rows of history must be dicts of numbers.*\[1\]"),
    "a row of words": ("history", [{"loss": "x"}], "rows of history must be dicts of numbers"),
    "a row with nothing": ("history", [{"loss": None}], "rows of history must be dicts of numbers"),
    "a loss too large": ("history", [{"loss": 10**400}], "rows of history must be dicts of numbers"),
    "no such seed": ("streams", [[-1, "shuffle", 0, 2]], "streams of the state must be lists of"),
    "a purpose of numbers": ("streams", [[0, 1, 0, 2]], "streams of the state must be lists of"),
    "draws below 0": ("streams", [[0, "shuffle", 0, -2]], "streams of the state must be lists of"),
    "three of four": ("streams", [[0, "shuffle", 0]], "streams of the state must be lists of"),
    "two streams": ("streams", [[0, "shuffle", 0, 2]] * 2, "of a trainer with 1 loaders and.* is of 2"),
    "past the last step": ("position", 5, "position of the state must be at most n_steps, 4, is 5"),
    "past the last batch": ("position", 3, "at most 2, the batches of an epoch, is 3; make the loader"),
    "within an epoch of no sums": ("position", 1, r"sums of the state must be two or four numbers.*are \[\]"),
    "within an epoch that was not begun": (None, {"position": 1, "sums": [1.0, 2.0], "streams": [[0, "shuffle", 0, 0]]},
        "within an epoch the loader must have begun one"),
    "callbacks of numbers": ("callbacks", {"Checkpoints-0": 3}, "callbacks of the state must be a dict"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_does_not_fit_is_refused(name, path):
    key, value, words = RUNS[name]
    change = value if key is None else {key: value}
    content = saved_run(path)
    path.write_bytes(with_numbers(content, lambda n: n["trainer"].update(change)))
    refused(path, parts_of_a_run(1), words)


def test_a_diverged_run_can_be_saved_and_loaded(path):
    model, optimizer, others = parts_of_a_run(0)
    others["trainer"].train(1, log_level=0)
    others["trainer"].history[0]["loss"] = float("nan")
    save(path, model, optimizer, **others)
    run = parts_of_a_run(1)
    load_all(path, run)
    assert np.isnan(run[2]["trainer"].history[0]["loss"])


def test_a_history_that_could_not_be_loaded_is_not_saved(path):
    model, optimizer, others = parts_of_a_run(0)
    others["trainer"].train(1, log_level=0)
    others["trainer"].history[0]["note"] = "good"
    with pytest.raises(ArgumentError, match=r"Trainer\.state: rows of history must be .*'good'"):
        save(path, model, optimizer, **others)
    assert not path.exists()


def test_schedules_and_callbacks_are_loaded_together_or_not_at_all():
    from portanet import SGD
    from portanet.callbacks import EarlyStopping
    from portanet.schedules import Plateau
    from portanet.state import State
    from portanet.training.hooks import load_states

    good = {"lr": 0.5, "best": 1.0, "n_bad": 1, "n_cooling": 0}
    told, of_group = Plateau(0.1), Plateau(0.2)
    model = Linear(2, 1)
    optimizer = SGD(model, told, groups=[portanet.Group(portanet.is_vector, lr=of_group)])
    state = optimizer.state()
    state.numbers["schedules"] = [good, good | {"lr": float("nan")}]
    before = optimizer.state().numbers
    with pytest.raises(CheckpointError, match="Plateau: lr of the state must be a finite number"):
        optimizer.load_state(State(state.arrays, state.numbers | {"n_steps": 9}))
    assert optimizer.state().numbers == before

    stoppings = [EarlyStopping(3), EarlyStopping(3)]
    numbers = {"EarlyStopping-0": {"value": 1.0, "n_since": 2}, "EarlyStopping-1": {"value": 1.0}}
    with pytest.raises(CheckpointError, match="EarlyStopping: the state must have n_since"):
        load_states(stoppings, {}, numbers)
    assert [stopping.followed.value for stopping in stoppings] == [None, None]


def test_the_older_format_is_read_without_a_checksum(path):
    content = saved_run(path)
    header, data = parts_of(content)
    del header["__metadata__"]["checksum"]
    header["__metadata__"]["format"] = OLDER
    path.write_bytes(file_of(header, data))
    assert load_all(path, parts_of_a_run(1)) == [1, {"a": None}]
    path.write_bytes(with_metadata(content, extra=json.dumps("other")))
    assert load_all(path, parts_of_a_run(1)) == "other"
    assert issubclass(CheckpointError, PortanetError)
