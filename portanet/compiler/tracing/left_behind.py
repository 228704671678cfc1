"""Arrays that a traced step leaves in the attributes of layers, such as `memory_grad`."""

from portanet.compiler.errors import TraceError
from portanet.compiler.guards.attributes import attributes_of
from portanet.compiler.guards.facts import Same
from portanet.compiler.guards.survey import Survey, is_open
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.layer import Part
from portanet.parameter import Holder

_DEPTH = 4  # how far into lists, dicts and objects of a layer's own one has to look


def left_behind(tape: Tape, model: Part, before: Survey) -> list[tuple[Part, str, str]]:
    """Make results of the arrays that the step has left; return (part, attribute, result's name).

    Raises TraceError for one that lies in a list, a dict or an object, and for one that a step has
    read and replaced: it carries numbers from step to step, which a Buffer does.
    """
    found = []
    for name, part in model.named_parts().items():
        for attribute, held in list(vars(part).items()):
            if isinstance(held, Tracer):
                _refuse_memory(tape, part, attribute, before)
                result = f"attribute:{name}.{attribute}"
                tape.result(result, held)
                found.append((part, attribute, result))
                vars(part)[attribute] = held.array
            elif attribute not in ("_saved", "_home", "_made_with") and _holds_tracer(held):
                raise TraceError(
                    f"{type(part).__name__}.{attribute} keeps arrays of a step in a list, a dict "
                    "or an object"
                )
    return found


def _refuse_memory(tape: Tape, part: Part, attribute: str, before: Survey) -> None:
    """Raise TraceError if a step has read what an attribute held, and has replaced it."""
    held = before.held.get((id(part), attribute))
    if held is not None and tape.has_read(held):
        raise TraceError(
            f"{type(part).__name__}.{attribute} carries an array from step to step; what does "
            "must be a Buffer"
        )


def _holds_tracer(item: object, depth: int = 0) -> bool:
    if isinstance(item, Tracer):
        return True
    if isinstance(item, Part | Holder | type | Same) or depth > _DEPTH:
        return False
    if isinstance(item, dict):
        inside = list(item.values())
    elif isinstance(item, list | tuple | set):
        inside = list(item)
    else:
        inside = [value for _, value in attributes_of(item)] if is_open(item) else []
    return any(_holds_tracer(part, depth + 1) for part in inside)
