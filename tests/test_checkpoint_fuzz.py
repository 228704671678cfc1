"""Thousands of damaged files: each is refused with a CheckpointError, or loaded as it was saved.

Run by hand with more of them: `python tests/test_checkpoint_fuzz.py 2000`.
"""

import json
import random
import sys
import tempfile
import tracemalloc
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from checkpoint_files import file_of, parts_of, with_numbers
from test_checkpoint import parts_of_a_run

from portanet import load, save
from portanet.callbacks import Checkpoints, EarlyStopping
from portanet.errors import CheckpointError

VALUES = [
    -1, 0, 1, 2, 3, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"),
    None, True, "", "x", "SGD", [], {}, [[]], [None], [{}], {"": 0}, [0, "shuffle", 0, 2],
]  # fmt: skip


CODE = {
    "compile", "exec", "import", "marshal.loads", "pickle.find_class", "os.exec", "os.system",
    "subprocess.Popen", "ctypes.dlopen",
}  # fmt: skip
_ran = []  # what of CODE has happened while a file was loaded


def _audit(event, arguments):
    if event in CODE and tracemalloc.is_tracing():
        _ran.append((event, arguments))


@cache
def watch():
    """Look out for code from now on: such a hook stays until the process ends."""
    sys.addaudithook(_audit)


@contextmanager
def watched(path):
    """Nothing of a file is run in this block, and it takes little memory beyond the file's own."""
    _ran.clear()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + 16 * 2**20
    finally:
        tracemalloc.stop()
    assert not _ran, _ran


def run(seed):
    model, optimizer, others = parts_of_a_run(seed)
    others["trainer"].callbacks = [EarlyStopping(3, of="loss"), Checkpoints("none", best="smallest", of="loss")]  # fmt: skip
    return model, optimizer, others


def content_of(made):
    """Return all numbers and arrays of a run as text, the arrays by name."""
    model, optimizer, others = made
    states = {"optimizer": optimizer.state(), **{n: p.state() for n, p in others.items()}}
    arrays = {n: p.value.tolist() for n, p in model.named_parameters().items()}
    for part, state in states.items():
        arrays |= {f"{part}/{name}": array.tolist() for name, array in state.arrays.items()}
    numbers = {part: state.numbers for part, state in states.items()}
    return json.dumps([numbers, arrays], sort_keys=True)


def saved(path):
    """Save a run that was stopped within its third epoch. Return the file, and the run's numbers."""
    model, optimizer, others = made = run(0)
    trainer = others["trainer"]
    callbacks, trainer.callbacks = trainer.callbacks, trainer.callbacks[:1]
    trainer.train(2, log_level=0)
    trainer.train(n_steps=1, log_level=0)
    trainer.callbacks = callbacks
    save(path, model, optimizer, extra={"note": [1, 2.5]}, **others)
    load(path, *run(1)[:2])  # imports what loading needs
    watch()
    return path.read_bytes(), content_of(made)


# mutations of the bytes


def flipped(rng, content):
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def truncated(rng, content):
    return content[: rng.randrange(len(content))]


def longer(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + rng.randbytes(rng.choice([1, 4, 64])) + content[place:]


def moved_block(rng, content):
    a, b, n = rng.randrange(len(content)), rng.randrange(len(content)), rng.randrange(1, 64)
    damaged = bytearray(content)
    damaged[b : b + n] = content[a : a + n]
    return bytes(damaged)


def another_length(rng, content):
    n = int.from_bytes(content[:8], "little")
    new = rng.choice([0, 1, n - 1, n + 1, n + 8, len(content), 2**31, 2**63, rng.getrandbits(64)])
    return new.to_bytes(8, "little") + content[8:]


def swapped_entries(rng, content):
    header, data = parts_of(content)
    a, b = rng.sample([name for name in header if name != "__metadata__"], 2)
    key = rng.choice(["data_offsets", "shape", "dtype", None])
    if key is None:
        header[a], header[b] = header[b], header[a]
    else:
        header[a][key], header[b][key] = header[b][key], header[a][key]
    return file_of(header, data)


def another_value(rng, content):
    header, data = parts_of(content)
    change_one(rng, header)
    return file_of(header, data)


BYTES = [flipped, truncated, longer, moved_block, another_length, swapped_entries, another_value]


def change_one(rng, tree):
    """Change, remove or double one value of a tree of dicts and lists, in place."""
    places = []

    def visit(node):
        keys = node if isinstance(node, dict) else range(len(node))
        for key in keys:
            places.append((node, key))
            if isinstance(node[key], dict | list):
                visit(node[key])

    visit(tree)
    node, key = rng.choice(places)
    what = rng.random()
    if what < 0.15:
        del node[key]
    elif what < 0.25 and isinstance(node, list):
        node.append(node[key])
    else:
        node[key] = rng.choice(VALUES)


def fuzz_bytes(n, seed, path):
    """Load n files with damaged bytes; return how many of them were loaded, and right."""
    content, wanted = saved(path)
    rng, n_loaded = random.Random(seed), 0
    for i in range(n):
        damage = rng.choice(BYTES)
        path.write_bytes(damage(rng, content))
        if loaded(path, f"{damage.__name__} {i}") is not None:
            n_loaded += 1
            model, optimizer, others = made = run(1)
            assert load(path, model, optimizer, **others) == {"note": [1, 2.5]}
            assert content_of(made) == wanted, f"{damage.__name__} {i}"
    return n_loaded


def fuzz_numbers(n, seed, path):
    """Load n files with other numbers and the right checksum; return how many were loaded.

    A run that goes on from numbers that were loaded raises nothing.
    """
    content, _ = saved(path)
    rng, n_loaded = random.Random(seed), 0
    for i in range(n):
        path.write_bytes(with_numbers(content, lambda numbers: change_one(rng, numbers)))
        made = loaded(path, i)
        if made is not None:
            n_loaded += 1
            trainer = made[2]["trainer"]
            json.dumps(trainer.state().numbers)
            trainer.callbacks = trainer.callbacks[:1]  # the other one would write files
            trainer.train(1, log_level=0)
    return n_loaded


def loaded(path, what):
    """Return a run that a file was loaded into, None if it was refused: nothing has changed then."""
    model, optimizer, others = made = run(1)
    before = content_of(made), [id(p.value) for p in model.parameters()]
    try:
        with watched(path):
            load(path, model, optimizer, **others)
    except CheckpointError as error:
        assert str(path) in str(error), what  # noqa: PT017
        after = content_of(made), [id(p.value) for p in model.parameters()]
        assert after == before, what
        return None
    return made


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_are_refused_or_loaded_right(seed, tmp_path):
    assert fuzz_bytes(60, seed, tmp_path / "run.safetensors") < 20


@pytest.mark.filterwarnings("ignore::portanet.errors.DivergedWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(4))
def test_other_numbers_are_refused_or_a_run_can_go_on_from_them(seed, tmp_path):
    assert fuzz_numbers(30, seed, tmp_path / "run.safetensors") < 25


if __name__ == "__main__":
    n_files = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.safetensors"
        print(f"{fuzz_bytes(n_files, 99, file)} of {n_files} damaged files loaded, all right")
        print(f"{fuzz_numbers(n_files, 99, file)} of {n_files} with other numbers loaded")
