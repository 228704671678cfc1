"""Objects of the catalogue from their own texts: which call makes one, and the same call changed."""

import ast
from inspect import signature

import cases
import cases_optimizers

import portanet
from portanet import Linear, Sequential, schedules
from portanet.schedules import Constant

NAMES = {**{name: getattr(portanet, name) for name in portanet.__all__}, **vars(schedules)}
del NAMES["Cosine"]  # a loss and a schedule
OF_SCHEDULES = {**vars(portanet.schedules), "Linear": Linear}
SCHEDULES = [
    Constant(0.1),
    schedules.StepDecay(0.1, 10, gamma=0.5),
    schedules.MultiStep(0.1, [3, 9]),
    schedules.Exponential(0.1, 0.9),
    schedules.Polynomial(0.1, 10, power=2.0, lowest=0.01),
    schedules.Cosine(0.1, 10, lowest=0.01, restarts=True),
    schedules.OneCycle(0.1, 10, up=0.4),
    schedules.Plateau(0.1, factor=0.5, patience=1, best="largest"),
    schedules.WarmUp(Constant(0.1), 5, start=0.1),
    schedules.Chain([Constant(0.1), schedules.Plateau(0.2)], [5]),
    schedules.PerEpoch(Constant(0.1), 7),
]


def read(text, schedule=False):
    """Return what a text makes, with every public name at hand."""
    return eval(text, OF_SCHEDULES if schedule else {**NAMES, "Cosine": portanet.Cosine})


def is_typed(thing):
    """Return whether the text of a thing is one call without arrays, of a public class."""
    text = repr(thing)
    module = type(thing).__module__
    public = module.startswith("portanet.") and not module.startswith("portanet.verify.")
    return "..." not in text and public and ":" not in text


def arguments(thing, schedule=False):
    """Return (class, arguments by name) of the call that a thing's text is, defaults included."""
    call = ast.parse(repr(thing), mode="eval").body
    positional = [read(ast.unparse(node), schedule) for node in call.args]
    named = {word.arg: read(ast.unparse(word.value), schedule) for word in call.keywords}
    bound = signature(type(thing)).bind(*positional, **named)
    bound.apply_defaults()
    return type(thing), dict(bound.arguments)


def unique(things):
    """Return things whose texts are typed, by their texts."""
    return {repr(thing): thing for thing in things if is_typed(thing)}


LAYERS = unique(case.make() for case in cases.LAYERS)
LOSSES = unique(case.make() for case in cases.LOSSES)
OPTIMIZERS = {case.id: case for case in cases_optimizers.OPTIMIZERS}


def optimizer(case, **options):
    """Return a case's optimizer of a small network."""
    return case.make(Sequential([Linear(2, 3), Linear(3, 1)], portanet.MSE()), **options)
