"""What a Sequential may be made of: checks of its layers and its criterion."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.part import Part


def check_chain(layers: Any, criterion: Any, kind: type[Part]) -> None:
    """Raise ArgumentError unless layers are a list of a kind, and criterion is None or a loss."""
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise ArgumentError(
            f"Sequential: layers must be a list of layers, is {short(layers)}; put them in one: "
            "Sequential([Linear(3, 4), ReLU()], criterion)"
        )
    for i, layer in enumerate(layers):
        if not isinstance(layer, kind):
            raise ArgumentError(
                f"Sequential: layers[{i}] must be a Layer, is {short(layer)}; {_instead(layer)}"
            )
        if not type(layer).__module__.startswith("portanet."):
            _check_forward(i, layer)
    if criterion is None:
        return
    if not isinstance(criterion, Part) or isinstance(criterion, kind):
        raise ArgumentError(
            "Sequential: criterion must be a loss such as BCEWithLogits(), is "
            f"{short(criterion)}" + _as_loss(criterion)
        )


def _check_forward(i: int, layer: Any) -> None:
    """Raise ArgumentError if the forward of a user's layer cannot be told that it trains."""
    try:
        signature(layer.forward).bind(None, training=True)
    except TypeError:
        name = type(layer).__name__
        raise ArgumentError(
            f"Sequential: layers[{i}] must have forward(x, *, training=False), the forward of "
            f"{name} has {signature(layer.forward)}; write def forward(self, x, *, training=False)"
        ) from None


def _instead(layer: Any) -> str:
    """Return what to type instead of something that is no layer."""
    if isinstance(layer, type):
        return f"make one of it: {layer.__name__}()"
    if isinstance(layer, Part):
        return f"the loss comes after the list: Sequential(layers, {short(layer)})"
    if layer is None:
        return "leave it out"
    if isinstance(layer, list | tuple):
        return "layers in a list are one layer as Sequential([...])"
    if callable(layer):
        return "make a layer of it: class Mine(portanet.Layer), with forward and backward"
    return "write a layer such as ReLU()"


def _as_loss(criterion: Any) -> str:
    if isinstance(criterion, type):
        return f"; make one of it: {criterion.__name__}()"
    if isinstance(criterion, Part):
        return f"; layers belong into the list: Sequential([..., {short(criterion)}], loss)"
    return ""
