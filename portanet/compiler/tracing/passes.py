"""The forward and the backward pass of a step under tracers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portanet.buffer import Buffer
from portanet.compiler.errors import TraceError
from portanet.compiler.tracing.tape import Tape
from portanet.layer import Part
from portanet.parameter import Parameter
from portanet.running_sum import widest_float
from portanet.sequential import Sequential
from portanet.several import Arrays, by_name, put_back, shapes_of


def forward_and_backward(tape: Tape, model: Sequential, x: Arrays, y: Arrays) -> Any:
    """Run the readable step up to the gradients; the losses are added to those of the epoch.

    Returns the shape of the model's output.
    """
    tx, ty = inputs_on(tape, "x", x), inputs_on(tape, "y", y)
    xp, criterion = tape.namespace, model.criterion
    y_hat = model.forward(tx, training=True)
    losses = criterion.forward(y_hat, ty, training=True)
    model.backward()
    weights = criterion.weight_of(ty)
    tape.result("losses", losses)
    _add_up(tape, "total:loss", xp.sum(losses))
    if weights is not None:
        _add_up(tape, "total:weight", xp.sum(weights))
    return shapes_of(y_hat)


def inputs_on(tape: Tape, name: str, x: Arrays) -> Any:
    """Return tracers of the arrays of a batch, which are inputs of the graph."""
    tracers = {key: tape.leaf("input", array, key) for key, array in by_name(name, x).items()}
    tape.graph.inputs |= {key: tracer.traced for key, tracer in tracers.items()}
    return put_back(name, x, tracers)


def _add_up(tape: Tape, name: str, number: Any) -> None:
    """Add a number to a sum of the epoch, as RunningSum does."""
    xp, backend = tape.namespace, tape.backend
    dtype = backend.dtype(widest_float(backend))
    total, number = tape.state(name, backend.xp.zeros((), dtype=dtype)), xp.astype(number, dtype)
    tape.update(name, total + number)
    if widest_float(backend) != "float64":
        added = (total + number) - total
        error = (total - ((total + number) - added)) + (number - added)
        lost = f"{name}:error"
        tape.update(lost, tape.state(lost, backend.xp.zeros((), dtype=dtype)) + error)


def refuse_assigned(parameters: dict[str, Parameter], values: dict[str, Any]) -> None:
    """Raise TraceError if a forward or backward pass has assigned to a parameter's value."""
    for name, parameter in parameters.items():
        if parameter.value is not values[name]:
            raise TraceError(f"a forward or backward pass assigns to the value of {name}")


@contextmanager
def swapped(
    tape: Tape, model: Part, values: dict[str, Any]
) -> Iterator[tuple[dict[str, Parameter], dict[str, Buffer]]]:
    """Let parameters and buffers hold tracers; put back at the end what they held.

    `values` has the tracers of some parameters; those of the others are added.
    """
    parameters, buffers = model.named_parameters(), model.named_buffers()
    held = [(p, p.value, p.grad) for p in parameters.values()]
    kept = [(b, b.value) for b in buffers.values()]
    try:
        for name, p in parameters.items():
            if name not in values:
                values[name] = tape.state(name, p.value)
            p.value, p.grad = values[name], None
        for name, b in buffers.items():
            b.value = tape.state(name, b.value)
        yield parameters, buffers
    finally:
        for p, value, grad in held:
            p.value, p.grad = value, grad
        for b, value in kept:
            b.value = value
        for part in model.named_parts().values():
            part._saved = None
