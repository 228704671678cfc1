"""Parameter groups: other options for some of the parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portanet.constructors import CalledType
from portanet.errors import ArgumentError, short
from portanet.layer import Parameter
from portanet.rule import Rule

Belongs = Callable[[str, Parameter], bool]
Numbers = dict[str, tuple[Rule, int, dict[str, float]]]  # rule, age and scalars, by parameter


class Group(metaclass=CalledType):
    """Options of an optimizer for the parameters where belongs(name, parameter) is true.

    If several groups match, the first one applies.

    >>> Group(is_vector, weight_decay=0.0)
    Group(is_vector, weight_decay=0.0)
    """

    def __init__(self, belongs: Belongs, **options: Any) -> None:
        if not callable(belongs) or not options:
            raise ArgumentError(
                "Group: needs a function of (name, parameter) and options of the optimizer, such "
                "as Group(is_vector, weight_decay=0.0), is "
                f"Group({short(belongs)}, {short(options)})"
            )
        self.belongs, self.options = belongs, options

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Group({getattr(self.belongs, '__name__', repr(self.belongs))}{options})"


class GroupRules:
    """The rule of each group: a copy of the common rule, with the options that the group sets.

    Raises ArgumentError if a group sets something else than `names`, or out of its range.
    """

    def __init__(self, common: Rule, groups: Sequence[Group], names: frozenset[str]) -> None:
        for group in groups:
            if unknown := sorted(set(group.options) - names):
                raise ArgumentError(
                    f"{type(common).__name__}: a group can change {', '.join(sorted(names))}, "
                    f"not {', '.join(unknown)}"
                )
        self._common = common
        self.pairs = [(group, common.checked(group.options)) for group in groups]
        self._known: dict[str, tuple[Parameter, Rule]] = {}

    def of(self, name: str, parameter: Parameter) -> Rule:
        """Return the rule of the first group that a parameter belongs to, or the common one."""
        known = self._known.get(name)
        if known is None or known[0] is not parameter:
            rules = (rule for group, rule in self.pairs if group.belongs(name, parameter))
            known = self._known[name] = parameter, next(rules, self._common)
        return known[1]

    def numbers(
        self, parameters: Mapping[str, Parameter], ages: Mapping[str, int], n_steps: int
    ) -> Numbers:
        """Return each parameter's rule, age and scalars for the step after n_steps of all.

        Scalars are computed once for the parameters that share them.
        """
        numbers, known = {}, {}
        for name, parameter in parameters.items():
            rule, age = self.of(name, parameter), ages.get(name, 0) + 1
            if (rule, age) not in known:
                known[rule, age] = rule.starting_after(n_steps + 1 - age).scalars(age)
            numbers[name] = rule, age, known[rule, age]
        return numbers

    def without(self, option: str) -> list[Rule]:
        """Return the rules of the groups that do not set an option."""
        return [rule for group, rule in self.pairs if option not in group.options]

    def learning_rates(self) -> list[Any]:
        """Return the learning rates that groups set."""
        return [rule.lr for group, rule in self.pairs if "lr" in group.options]


def is_vector(name: str, parameter: Parameter) -> bool:  # noqa: ARG001 - what a group asks
    """Return whether a parameter has fewer than two axes: biases, and the scales of norms."""
    return parameter.value.ndim < 2
