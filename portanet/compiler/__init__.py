"""The compiled step: the readable step, traced, planned, verified, and replayed in place.

    step.py, evaluation.py,
    forward.py               when to trace, verify, replay, or run as it is written: begin here
    plans.py                 the plans of a step, the memory that they share, the guards they need
    tracing/                 one real step of the unchanged layers and rule becomes a graph
    graph/, fusion/, memory/ what a graph is, what is done together, where its values lie
    engines/                 graphs made into plans, a folder for each way to run them
    guards/                  what plans have taken for granted, by name
    runtime/                 what a plan needs while it trains: parameters, counters, sums
    verification/            whether a plan computes what the readable step computes
    profiling/               a step line by line

Nothing here knows a layer, a loss or a rule.
"""

from portanet.compiler.compile_step import compile_step
from portanet.compiler.errors import NotCompiledWarning
from portanet.compiler.evaluation import CompiledEvaluation
from portanet.compiler.forward import CompiledForward, compile_forward
from portanet.compiler.step import CompiledStep

__all__ = [
    "CompiledEvaluation",
    "CompiledForward",
    "CompiledStep",
    "NotCompiledWarning",
    "compile_forward",
    "compile_step",
]
