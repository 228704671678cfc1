"""RuleGroup: the parameters that one rule moves alike."""

from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.tracing.tracer import Tracer


@dataclass
class RuleGroup:
    """Parameters that share a rule and an age.

    flat    the vector that they lie in, end to end; None where the rule needs their shapes
    values  each parameter's tracer: where flat is not None, a view of it
    slots   the vector of each slot, or each parameter's: {"m": …} or {"layers.0.bias/m": …}
    """

    rule: Any
    age: int
    scalars: dict[str, float]
    names: list[str]
    number: int
    flat: Tracer | None = None
    values: dict[str, Tracer] = field(default_factory=dict)
    slots: dict[str, Tracer] = field(default_factory=dict)
    sums: dict[str, Tracer] = field(default_factory=dict)
    slot_names: dict[str, list[str]] = field(default_factory=dict)

    def without_arrays(self) -> "RuleGroup":
        """Return what a replay needs to know."""
        kept = RuleGroup(self.rule, self.age, {}, self.names, self.number)
        kept.slot_names = self.slot_names
        return kept

    def host_scalars(self) -> dict[str, HostScalar]:
        """Return the numbers of a step; numbers[self.number] has them when it is replayed."""
        number = self.number

        def scalar(key: str, value: float) -> HostScalar:
            return HostScalar((number, key), value, lambda numbers: numbers[number][key])

        return {key: scalar(key, value) for key, value in self.scalars.items()}
