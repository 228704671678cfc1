"""Backends, dtypes, and files: what `to`, `save` and `load` are given."""

import tempfile
from pathlib import Path

import numpy as np

import portanet
from mistakes.base import Mistake, X, model
from portanet import MSE, SGD, Linear, Sequential
from portanet.errors import ArgumentError, DataError

FOLDER = Path(tempfile.mkdtemp())


def saved(name="run.safetensors", net=None):
    portanet.save(FOLDER / name, net or model())
    return FOLDER / name


def written(name, text):
    (FOLDER / name).write_text(text)
    return FOLDER / name


MISTAKES = {
    ".to('gpu')": Mistake(lambda: model().to("gpu"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'gpu'", ".to('cupy')"),
    ".to('cuda')": Mistake(lambda: model().to("cuda"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'cuda'", ".to('cupy')"),
    ".to(0)": Mistake(lambda: model().to(0), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is 0", ".to('cupy')"),
    ".to('float64')": Mistake(lambda: model().to("float64"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'float64'", ".to(dtype='float64')"),
    ".to(np.float64)": Mistake(lambda: model().to(np.float64), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is the class float64", ".to(dtype='float64')"),
    "half precision": Mistake(lambda: model().to(dtype="half"), ArgumentError,
        "Sequential.to: ", "dtype must be 'float32' or 'float64'", "is 'half'", "float32"),
    "float16": Mistake(lambda: model().to(dtype=np.float16), ArgumentError,
        "Sequential.to: ", "dtype must be 'float32' or 'float64'", "is 'float16'", "float32"),
    "a network that is no backend": Mistake(lambda: model().to(model()), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is Sequential(", ".to('cupy')"),
    "a device of NumPy": Mistake(lambda: model().to(device="gpu"), ArgumentError,
        "backend 'numpy': ", "device must be 'cpu'", "is 'gpu'", ".to('cupy')"),
    "a file that is not there": Mistake(lambda: portanet.load(FOLDER / "none.safetensors", model()), FileNotFoundError,
        "load: ", "there is no file", "none.safetensors", "portanet.save"),
    "a file of another kind": Mistake(lambda: portanet.load(written("notes.pt", "notes"), model()), DataError,
        "load: ", "safetensors file", "notes.pt", "portanet.save"),
    "a file of another model": Mistake(lambda: portanet.load(saved(), Sequential([Linear(3, 1)], MSE())), ArgumentError,
        "load: ", "does not fit this model", "layers.0.weights is float32 (3, 4) in the file, float32 (3, 1) in the model",
        "made like the saved one"),
    "a folder to load": Mistake(lambda: portanet.load(FOLDER, model()), OSError,
        "load: ", "must be a file", str(FOLDER), "name a file"),
    "a folder to save to": Mistake(lambda: portanet.save(FOLDER, model()), IsADirectoryError,
        "save: ", "must be a file", str(FOLDER), "name a file in it"),
    "a folder that is not there": Mistake(lambda: portanet.save(FOLDER / "no" / "run", model()), FileNotFoundError,
        "save: ", "there is no folder", "no", "make it first"),
    "a model before its path": Mistake(lambda: portanet.save(model(), "run.safetensors"), ArgumentError,
        "save: ", "model must be a network", "is 'run.safetensors'", "portanet.save(path, model)"),
    "parameters to save": Mistake(lambda: portanet.save(FOLDER / "a", model().parameters()), ArgumentError,
        "save: ", "model must be a network", "is [Parameter((3, 4)", "Sequential([...], loss)"),
    "a path alone": Mistake(lambda: portanet.load(saved(), None), ArgumentError,
        "load: ", "model must be a network", "is None", "portanet.load(path, model)"),
    "an optimizer that was not saved": Mistake(
        lambda: portanet.load(saved(), (m := model()), SGD(m, lr=0.1)), ArgumentError,
        "load: ", "has no optimizer", "it has model", "without it"),
    "arrays in extra": Mistake(lambda: portanet.save(FOLDER / "b", model(), extra={"x": X}), ArgumentError,
        "save: ", "extra must be what JSON can hold", "ndarray", "is saved as a part"),
    "a snapshot of another model": Mistake(lambda: model().restore(Sequential([Linear(3, 1)]).snapshot()), ArgumentError,
        "Sequential.restore: ", "a model with the same parameters", "layers.0.weights is (3, 1), in the model (3, 4)", "the snapshot must be of a model with the same"),
    "parameters to restore": Mistake(lambda: model().restore(model().named_parameters()), ArgumentError,
        "Sequential.restore: ", "snapshot must be what snapshot() returned", "is dict", "snapshot() returned"),
}  # fmt: skip
