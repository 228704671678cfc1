"""Your own layers, losses and networks as cases: what `--model path.py:factory` names."""

import sys
from collections.abc import Callable
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from portanet.errors import ArgumentError, short
from portanet.layer import Layer
from portanet.loss import Loss
from portanet.optimizers import Adam
from portanet.sequential import Sequential
from portanet.verify.catalogue import LayerCase, LossCase
from portanet.verify.catalogue.networks import NetworkCase

OwnCase = LayerCase | LossCase | NetworkCase
_WANTED = (
    "it must return (layer, x), (loss, y_hat, y), or (network, x, y) where the network has a loss; "
    "x and y are NumPy arrays"
)


def own_cases(where: str) -> list[OwnCase]:
    """Return the cases of "path.py:factory".

    The factory takes no arguments and returns (layer, x), (loss, y_hat, y) or (network, x, y).
    Raises ArgumentError if there is no such file or function, or it returns something else.
    """
    factory = _factory(where)
    made = factory()
    if not isinstance(made, tuple) or len(made) not in (2, 3) or _has_others(made[1:]):
        raise ArgumentError(f"verify: {where} returned {short(made)}; {_WANTED}")
    part, arrays = made[0], [np.asarray(a) for a in made[1:]]
    name = type(part).__name__
    if isinstance(part, Loss) and len(arrays) == 2:
        return [_loss_case(name, part, *arrays)]
    if isinstance(part, Layer) and len(arrays) == 1:
        return [_layer_case(name, part, *arrays)]
    if isinstance(part, Sequential) and part.criterion is not None:
        return [_layer_case(name, part, arrays[0]), _network_case(name, part, *arrays)]
    raise ArgumentError(f"verify: {where} returned {short(made)}; {_WANTED}")


def _has_others(arrays: Any) -> bool:
    return any(not isinstance(a, np.ndarray | list) for a in arrays)


def _factory(where: str) -> Callable[[], Any]:
    file, colon, name = where.rpartition(":")
    path = Path(file)
    if not colon or not path.is_file():
        raise ArgumentError(
            f"verify: model must be path.py:factory, is {where!r}"
            + (f", and there is no file {file}" if colon else "")
        )
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"verify: {file} is no Python file")
    module = module_from_spec(spec)
    _as_a_program(path, module)
    spec.loader.exec_module(module)
    factory = getattr(module, name, None)
    if not callable(factory):
        raise ArgumentError(f"verify: {file} has no function {name}; {_WANTED}")
    return factory


def _as_a_program(path: Path, module: ModuleType) -> None:
    """Let a file import its neighbours, and dataclasses find their module, as Python does."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules.setdefault(module.__name__, module)


def _layer_case(name: str, layer: Layer, x: np.ndarray) -> LayerCase:
    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return x if shape == x.shape else x[rng.integers(len(x), size=shape[0])]

    return LayerCase(name, lambda: deepcopy(layer), x.shape, x=draw)


def _loss_case(name: str, loss: Loss, y_hat: np.ndarray, y: np.ndarray) -> LossCase:
    return LossCase(name, lambda: deepcopy(loss), lambda _: y_hat, lambda _: y)


def _network_case(name: str, network: Sequential, x: np.ndarray, y: np.ndarray) -> NetworkCase:
    return NetworkCase(
        f"{name}, Adam", lambda: deepcopy(network), lambda model: Adam(model), lambda _: (x, y)
    )
