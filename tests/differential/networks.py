"""A program's network: rows of the tables and users' layers, each with a Linear layer around it."""

from functools import cache
from math import prod

import numpy as np
from cases import LAYERS
from cases_sequences import MORE_SEQUENCES

import portanet
from differential import losses
from differential.layers_chance import CHANCE
from differential.layers_counters import COUNTERS
from differential.layers_elsewhere import SETTINGS
from differential.layers_globals import GLOBALS
from differential.layers_hidden import HIDDEN
from differential.layers_memory import MEMORY
from differential.layers_structure import STRUCTURE
from differential.layers_syntax import SYNTAX
from differential.layers_types import IN_TYPES
from differential.models import MODELS
from differential.program import Program
from differential.world import undisturbed
from portanet import Flatten, Linear, Reshape, Sequential

WIDTH = 4  # of what goes from block to block
ROWS = {row.id: row for row in [*LAYERS, *MORE_SEQUENCES]}
SETTINGS = SETTINGS | HIDDEN | IN_TYPES | GLOBALS | SYNTAX
OWN = SETTINGS | CHANCE | COUNTERS | MEMORY | STRUCTURE
# Layers whose whole state is their parameters, so that an interrupted step is taken, or is not.
PURE = {
    name
    for name in (*SETTINGS, *ROWS)
    if not any(w in name for w in ("ropout", "Batch", "Teacher"))
}
MOST = {"lengths": 3, "padding": 2, "memory": 2}  # samples: these rows have fixed arrays


@cache
def takes_integers(front: str) -> bool:
    if front not in ROWS:
        return False
    with undisturbed():
        return ROWS[front].make().takes == "integers"


def most_samples(names: tuple[str, ...]) -> int:
    """Return how many samples a batch may have."""
    return min([12, *(n for name in names for word, n in MOST.items() if word in name)])


def input_shape(front: str) -> tuple[int, ...]:
    return ROWS[front].shape[1:] if front else (WIDTH,)


def inputs(front: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n inputs, in float64 or integers."""
    shape = (n, *input_shape(front))
    return rng.integers(0, 7, shape) if takes_integers(front) else rng.standard_normal(shape)


@cache
def output_shape(row: str) -> tuple[int, ...]:
    """Return the shape of one output of a row's layer."""
    with undisturbed():
        x = inputs(row, 2, np.random.default_rng(0))
        x = x if takes_integers(row) else x.astype(np.float32)
        return tuple(ROWS[row].make().forward(x).shape[1:])


def linear(n_in: int, n_out: int):
    return lambda: Linear(n_in, n_out)


def makers(front: str, middle: tuple[str, ...], loss: str) -> list:
    """Return what makes each layer, in order: an action makes one anew."""
    found = []
    if front:
        found += [ROWS[front].make, *_flat(output_shape(front))]
    for name in middle:
        found += [OWN[name]] if name in OWN else _block(name)
    shape = losses.output_shape(loss)
    found.append(linear(WIDTH, prod(shape)))
    if len(shape) > 1:
        found.append(lambda: Reshape(shape))
    if loss in losses.LINKS:
        found.append(losses.LINKS[loss])
    return found


def _flat(shape: tuple[int, ...]) -> list:
    return [*([Flatten] if len(shape) > 1 else []), linear(prod(shape), WIDTH)]


def _block(row: str) -> list:
    shape = input_shape(row)
    arranged = [lambda: Reshape(shape)] if len(shape) > 1 else []
    return [linear(WIDTH, prod(shape)), *arranged, ROWS[row].make, *_flat(output_shape(row))]


def build(program: Program):
    """Return the network, and what made its layers."""
    made = makers(program.front, program.middle, program.loss)
    portanet.seed(program.seed)  # `makers` may have made layers, to see their shapes
    layers = [make() for make in made]
    model = MODELS[program.model](layers, losses.LOSSES[program.loss].make())
    return model.to(program.backend, dtype=program.dtype), made


def anew(make, seed: int, model: Sequential):
    """Return a layer made anew, where the model lies."""
    portanet.seed(seed)
    return make().to(model.backend.name, dtype=model.dtype)


def pure(program: Program) -> bool:
    """Return whether all that a program's network remembers at first are its parameters."""
    own_loss = program.loss in ("AnnealedLoss", "NoisyLoss")
    own_rule = program.rule in (
        "KeepsRates",
        "CountsUpdates",
        "Lookahead",
        "NoisyRule",
        "DrawnStart",
    )
    own = own_loss or own_rule or program.way == "own step" or program.rate == "counter"
    own = own or program.model in ("Warming", "Scheduled")
    return not own and {program.front, *program.middle} <= PURE | {""}
