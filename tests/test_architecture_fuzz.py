"""Changed architectures with the right checksum: each is refused, or a network that computes.

Run by hand with more of them: `python tests/test_architecture_fuzz.py 2000`.
"""

import json
import random
import sys
import tempfile
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import parts_of, with_metadata
from test_checkpoint_fuzz import VALUES, change_one
from test_load_model import networks

from portanet import Linear, Sequential, load_model, save
from portanet.errors import CheckpointError, PortanetError

NAMES = ["Linear", "LSTM", "Sequential", "Graph", "Unembedding", "Losses", "GroupNorm", "he_normal"]
SLACK = 16 * 2**20


def changed(rng, architecture):
    """Change an architecture in place: a value anywhere, a reference, or the name of a node."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        nodes, kind = architecture.get("nodes"), rng.random()
        node = rng.choice(nodes) if isinstance(nodes, list) and nodes else None
        if kind < 0.2 and isinstance(node, dict) and "portanet" in node:
            node["portanet"] = rng.choice(NAMES)
        elif kind < 0.4 and isinstance(node, dict) and "portanet" in node:
            values = [*VALUES, {"node": rng.randrange(len(nodes))}]
            node["args"] = [rng.choice(values) for _ in range(rng.randrange(4))]
        elif kind < 0.5 and isinstance(nodes, list):
            rng.shuffle(nodes)
        elif architecture:
            change_one(rng, architecture)


def fuzz(n, seed, path):
    """Load n files with changed architectures; return how many of them were loaded."""
    rng, n_loaded, models = random.Random(seed), 0, list(networks().values())
    contents = []
    for model in models:
        save(path, model)
        contents.append(path.read_bytes())
    for i in range(n):
        content = rng.choice(contents)
        architecture = json.loads(parts_of(content)[0]["__metadata__"]["architecture"])
        changed(rng, architecture)
        n_loaded += loaded(path, content, json.dumps(architecture), f"{seed}, {i}") is not None
    return n_loaded


def loaded(path, content, architecture, what=""):
    """Return the model of a file with another architecture, None if it was refused in good order."""
    content = with_metadata(content, architecture=architecture)
    path.write_bytes(content)
    tracemalloc.start()
    try:
        model = load_model(path)
    except CheckpointError as error:
        assert str(path) in str(error), what  # noqa: PT017
        assert len(str(error)) < 2000, what  # noqa: PT017
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 2 * len(content) + SLACK, what
    with suppress(PortanetError, TypeError):  # a network of other inputs, or a loss
        model.forward(np.ones((2, 4), np.float32))
    return model


@pytest.mark.filterwarnings("ignore::portanet.errors.LastLayerWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(2))
def test_changed_architectures_are_refused_or_make_a_network(seed, tmp_path):
    assert fuzz(50, seed, tmp_path / "model.safetensors") < 45


# one attack each: memory, time, names, depth


def attacked(nodes, **others):
    parts = {"": "Sequential", "layers.0": "Linear"}
    empty = {"changed": {}, "shared": {}, "frozen": [], "streams": {}, "dtype": "float32"}
    architecture = {"version": 1, "nodes": nodes, "parts": parts, **empty, **others}
    return json.dumps(architecture)


def sequential(*layers):
    return {"portanet": "Sequential", "args": [[{"node": i} for i in layers]]}


def linear(*args, **options):
    return {"portanet": "Linear", "args": list(args), "options": options}


def doubling(n):
    """Return nodes that each use the one before it twice: 2ⁿ parts."""
    return [{"portanet": "ReLU"}, *(sequential(i, i) for i in range(n))]


def graph(layer, *more):
    wire = {"layer": 0, "inputs": [1], "several": False, "sides": {}}
    made = {"portanet": "Graph", "args": [{"node": 1}, {"node": 2}]}
    return [layer, {"input": "x"}, wire | more[0] if more else wire, made]


ATTACKS = {
    "memory": ([linear(10**9, 10**9), sequential(0)], "at most the 6 numbers of the file"),
    "memory, in a vector": ([{"portanet": "BatchNorm1d", "args": [10**12]}, sequential(0)], "at most the 6"),
    "memory, in a table": ([{"portanet": "Embedding", "args": [10**9, 8]}, sequential(0)], "at most the 6"),
    "memory, in positions": ([{"portanet": "SinusoidalPositions", "args": [2, 10**9]}, sequential(0)], "at most the 6"),
    "a number of 400 digits": ([linear(10**400, 3), sequential(0)], "at most the 6"),
    "layers without end": ([{"portanet": "LSTM", "args": [1, 1], "options": {"n_layers": 10**9}}, sequential(0)], "more arrays|at most the 6"),
    "a divisor of a prime": ([{"portanet": "GroupNorm", "args": [2, 2**61 - 1]}, sequential(0)], "groups must divide"),
    "parts without end": (doubling(60), "must have at most 1008 parts"),
    "itself": ([sequential(0)], "must refer to nodes before it"),
    "a later node": ([sequential(1), linear(3, 2)], "must refer to nodes before it"),
    "True for 1": ([linear(3, 2), linear(3, 2), sequential(True)], "must refer to nodes before it"),
    "no layer": ([{"portanet": "Trainer"}, sequential(0)], "portanet has no 'Trainer'"),
    "a function": ([{"portanet": "he_normal", "args": [[2, 2]]}], "must be a layer or a loss"),
    "a module": ([{"portanet": "import_module", "args": ["os"]}], "portanet has no 'import_module'"),
    "a private class": ([{"portanet": "_Recurrent", "args": [1, 1]}], "portanet has no"),
    "a dotted path": ([{"own": "os.system", "args": ["true"]}], "'os.system'"),
    "a word too many": ([{"portanet": "ReLU", "module": "os"}, sequential(0)], "a node must have one of"),
    "an input as the network": ([{"input": "x"}], "must be a network"),
    "a wire in a list": ([{"input": "x"}, sequential(0)], "must be a Layer"),
    "a wire of no layer": (graph(linear(3, 2), {"layer": 1}), "must be a call of a layer"),
    "a side input that is none": (graph(linear(3, 2), {"sides": {"training": 1}}), "node 2"),
    "other parts": ([{"portanet": "ReLU"}, sequential(0)], "was a 'Linear' when it was saved"),
    "other shapes": ([linear(2, 3), sequential(0)], "do not fit its architecture"),
    "deep lists": ([{"portanet": "ReLU", "args": json.loads("[" * 99 + "]" * 99)}, sequential(0)], "nested that deeply"),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    save(path, Sequential([Linear(3, 2, bias=False)]))
    return path, path.read_bytes()


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_with_what_is_wrong(name, file):
    nodes, words = ATTACKS[name]
    path, content = file
    path.write_bytes(with_metadata(content, architecture=attacked(nodes)))
    with pytest.raises(CheckpointError, match=words):
        load_model(path)
    assert loaded(path, content, attacked(nodes)) is None  # and within its memory


GOOD = [linear(3, 2, bias=False), sequential(0)]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"changed": {"layers.0": {"forward": 1}}}, "'forward' cannot be 1"),
        ({"changed": {"layers.0": {"_saved": 1}}}, "'_saved' cannot be 1"),
        ({"changed": {"layers.0": {"takes": "integers"}}}, "'takes' cannot be"),
        ({"changed": {"layers.9": {"p": 1}}}, "no part 'layers.9'"),
        ({"frozen": ["layers.0.bias"]}, "frozen are parameters that it has not"),
        ({"shared": {"layers.0.weights": "layers.0.weights"}}, "shared"),
        ({"streams": {"layers.0": [0, "dropout", 0, 1]}}, "draws no numbers"),
        ({"streams": {"layers.0": [0, "dropout", -1, 1]}}, "must be seed"),
        ({"dtype": "bfloat16"}, "dtype must be one of"),
        ({"nodes": {}}, "nodes of its architecture must be a list"),
        ({"parts": {"": 1}}, "must hold names"),
    ],
)
def test_what_has_changed_is_checked(others, words, file):
    path, content = file
    assert loaded(path, content, attacked(GOOD)) is not None
    path.write_bytes(with_metadata(content, architecture=attacked(**{"nodes": GOOD, **others})))
    with pytest.raises(CheckpointError, match=words):
        load_model(path)


@pytest.mark.parametrize("text", ["", "[", "null", "[]", "{}", '{"version": true}', "[" * 10**5])
def test_texts_that_are_no_architecture_are_refused(text, file):
    path, content = file
    assert loaded(path, content, text) is None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        n_files = int(sys.argv[1])
        print(f"{fuzz(n_files, 99, Path(folder) / 'model')} of {n_files} changed ones loaded")
