"""The parts of an estimator's training, made of its parameters: network, loss and optimizer."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import signature
from typing import Any

from portanet import optimizers
from portanet.architecture.renew import renewed
from portanet.errors import ArgumentError, short
from portanet.layer import Layer
from portanet.loss import Loss
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential

_EXAMPLE = (
    "def make(n_features, n_outputs): return [Linear(n_features, 20), ReLU(), "
    "Linear(20, n_outputs)]"
)


def make_network(
    who: str, module: Any, n_features: Any, n_outputs: int, options: Mapping[str, Any]
) -> Sequential:
    """Return a new network: what a function makes, or one like a network or layers that are given.

    Raises ArgumentError unless `module` is a function that returns a network or a list of layers,
    or is one of these itself.
    """
    if is_network(module):
        if options:
            raise ArgumentError(
                f"{who}: module must be a function to have options, {', '.join(options)}; it is "
                f"{short(module)}. Write {_EXAMPLE}"
            )
        return _like(who, as_sequential(module))
    if not callable(module):
        raise ArgumentError(
            f"{who}: module must be a function, a network or a list of layers, is {short(module)}; "
            f"for example {_EXAMPLE}"
        )
    made = _called(who, module, n_features, n_outputs, options)
    if not is_network(made):
        raise ArgumentError(
            f"{who}: module must return a network or a list of layers, returns {short(made)}; for "
            f"example {_EXAMPLE}"
        )
    return as_sequential(made)


def is_network(module: Any) -> bool:
    """Return whether this is a layer, or a list of layers."""
    layers = module if isinstance(module, list | tuple) else [module]
    return bool(layers) and all(isinstance(layer, Layer) for layer in layers)


def as_sequential(network: Any) -> Sequential:
    """Return a network as it is, layers or a Graph in a Sequential."""
    if isinstance(network, Sequential):
        return network
    return Sequential(list(network) if isinstance(network, list | tuple) else [network])


def _like(who: str, network: Sequential) -> Any:
    """Return a network like one that was given, with weights drawn anew."""
    new: Any = renewed(who, network)
    new.precision = network.precision
    return new


def _called(
    who: str,
    module: Callable[..., Any],
    n_features: Any,
    n_outputs: int,
    options: Mapping[str, Any],
) -> Any:
    try:
        signature(module).bind(n_features, n_outputs, **options)
    except TypeError as error:
        name = getattr(module, "__name__", type(module).__name__)
        raise ArgumentError(
            f"{who}: module must take (n_features, n_outputs) and options given as module__..., "
            f"{', '.join(options) or 'none'}; it is {name}{signature(module)}: {error}"
        ) from error
    return module(n_features, n_outputs, **options)


def make_criterion(who: str, criterion: Any, options: Mapping[str, Any]) -> Loss:
    """Return a new loss: a copy of one, or what a class makes of the options.

    Raises ArgumentError unless `criterion` is a loss or a class of losses.
    """
    made = criterion
    if isinstance(criterion, Loss):
        if options:
            raise ArgumentError(
                f"{who}: criterion must be a class to have options, {', '.join(options)}; it is "
                f"{criterion!r}. Give criterion={type(criterion).__name__}"
            )
        return deepcopy(criterion)
    if callable(criterion):
        made = criterion(**options)
    if not isinstance(made, Loss):
        raise ArgumentError(
            f"{who}: criterion must be a loss or a class of losses, is {short(criterion)}; for "
            "example criterion=portanet.CrossEntropy(label_smoothing=0.1)"
        )
    return made


def make_optimizer(
    who: str, optimizer: Any, model: Sequential, learning_rate: Any, options: Mapping[str, Any]
) -> Optimizer:
    """Return an optimizer of a model: by name ("adam"), or what a class or function makes.

    Raises ArgumentError for an unknown name, and what the optimizer raises for its options.
    """
    if "lr" in options:
        raise ArgumentError(f"{who}: optimizer__lr is the parameter learning_rate; give that one")
    make = named_optimizers().get(optimizer.lower()) if isinstance(optimizer, str) else optimizer
    made = make(model, learning_rate, **options) if callable(make) else None
    if not isinstance(made, Optimizer):
        names = ", ".join(map(repr, sorted(named_optimizers())))
        raise ArgumentError(
            f"{who}: optimizer must be {names}, a class of optimizers or a function (model, lr), "
            f"is {short(optimizer)}"
        )
    return made


def optimizer_beside(optimizer: Optimizer, model: Sequential) -> Optimizer:
    """Return a copy of an optimizer for a copy of its model, where that copy lies."""
    own, others = optimizer.model.named_holders(), model.named_holders()
    known: dict[int, Any] = {id(optimizer.model): model}
    known |= {id(holder): other for (_, holder), (_, other) in zip(own, others, strict=True)}
    copied = deepcopy(optimizer, known)
    copied.memory.used = {}  # gradients, which the copy of the model has not
    copied.follow()
    return copied


def named_optimizers() -> dict[str, type[Optimizer]]:
    """Return the optimizers of portanet by their names in lower case."""
    names = [name for name in optimizers.__all__ if name not in ("Group", "Optimizer", "is_vector")]
    return {name.lower(): getattr(optimizers, name) for name in names}
