"""The options that every optimizer has, and their ranges."""

from collections.abc import Sequence
from typing import Any, TypedDict

from portanet.checks import check_count, check_number
from portanet.errors import ArgumentError, short
from portanet.groups import Group
from portanet.layer import Part
from portanet.rule import Rule


class Common(TypedDict, total=False):
    """The keywords that every optimizer has."""

    groups: Sequence[Group]
    clip_norm: float | None
    clip_value: float | None
    accumulate: int


OF_THE_WALK = frozenset({"clip_norm", "clip_value", "accumulate"})  # no group has its own


def check_common(who: str, clip_norm: Any, clip_value: Any, accumulate: Any) -> None:
    """Raise ArgumentError if one of the common options is out of its range."""
    for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if value is not None:
            check_number(who, name, value, 0, float("inf"), open_low=True)
    check_count(who, "accumulate", accumulate)


def option_names(rule: Rule) -> frozenset[str]:
    """Return the names of the options of a rule, which has nothing but these as attributes so far.

    Raises ArgumentError if one is called memory, where an optimizer keeps what training changes.
    """
    if "memory" in vars(rule):
        raise ArgumentError(
            f"{type(rule).__name__}: an option must not be called memory, where optimizers keep "
            "their OptimizerMemory; call it something else"
        )
    return frozenset({*vars(rule), "lr", "lr_factor"})


def check_model(who: str, model: Any) -> None:
    """Raise ArgumentError unless a model is a network with parameters."""
    if not isinstance(model, Part):
        raise ArgumentError(
            f"{who}: model must be a network such as Sequential([...], loss), is {short(model)}; "
            f"give the network itself, {who}(model, ...)"
        )
    if not model.named_parameters():
        raise ArgumentError(
            f"{who}: the model has no parameters, so there is nothing to train: it must be a "
            f"network with parameters, is {short(model)}; add a layer such as Linear"
        )


def check_groups(who: str, groups: Any) -> None:
    """Raise ArgumentError unless groups are a list of Group."""
    if not isinstance(groups, Sequence) or not all(isinstance(g, Group) for g in groups):
        raise ArgumentError(
            f"{who}: groups must be a list of Group, is {short(groups)}; write "
            "groups=[Group(is_vector, weight_decay=0.0)]"
        )
