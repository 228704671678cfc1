"""Guards: what the plans of a model have taken for granted.

`unchanged()` is asked before every step and costs next to nothing: whether an attribute was
assigned to, or something else that was read is another object. `broken()` looks at everything, and
says by name what has changed, with its old and its new value.
"""

from typing import Any

from portanet.compiler.errors import TraceError
from portanet.compiler.guards.facts import Fact
from portanet.compiler.guards.survey import Attribute, Survey
from portanet.layer import Part
from portanet.random import Key
from portanet.versioned import LATEST


class Guards:
    """The facts of some roots, such as {"": model, "optimizer": optimizer}."""

    def __init__(self, roots: dict[str, Any], ignored: set[Attribute]) -> None:
        self.roots, self.ignored = roots, ignored
        self.version = LATEST[0]
        self.facts = self._look()

    def unchanged(self) -> bool:
        """Return whether nothing can have changed since the last look."""
        return self.version == LATEST[0] and (self.quick is None or self.quick())

    def broken(self) -> str | None:
        """Look at everything; return which fact has changed, in words, None if all still hold."""
        version, known = LATEST[0], self.facts
        try:
            now = self._look()
        except TraceError as error:
            return str(error)
        if now == known:
            self.version = version
            return None
        return difference(known, now)

    def look(self) -> None:
        """Take things as they are now for granted."""
        self.version, self.facts = LATEST[0], self._look()

    def _look(self) -> dict[str, Fact]:
        survey = survey_of(self.roots, self.ignored)
        self.quick = survey.checks.function()
        return survey.facts


def draw_counts(model: Part) -> set[Attribute]:
    """Return the counters of the draws of portanet's own layers, which only training reads."""
    return {
        (id(part), "step")
        for part in model.named_parts().values()
        if isinstance(getattr(part, "key", None), Key)
        and type(part).__module__.startswith("portanet.")
    }


def survey_of(roots: dict[str, Any], ignored: set[Attribute], **options: Any) -> Survey:
    """Return a survey of some roots."""
    survey = Survey(ignored, **options)
    for root in roots.values():
        if isinstance(root, Part):
            survey.own |= {id(p) for p in (*root.parameters(), *root.named_buffers().values())}
    for name, root in roots.items():
        survey.look(root, name)
    return survey


def difference(known: dict[str, Fact], now: dict[str, Fact]) -> str:
    """Return in words the first fact in which two looks differ."""
    for name in [*known, *now]:
        old, new = known.get(name), now.get(name)
        if old != new:
            before = "missing" if old is None else old.words
            after = "missing" if new is None else new.words
            return f"{name} was {before}, is {after if after != before else 'another one'}"
    return "nothing"
