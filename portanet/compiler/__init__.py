"""The compiled step: the readable step, traced once, planned, and replayed in place.

    trace.py, rules.py    one real step of the unchanged layers and rule, under tracers
    tracer.py, tape.py    arrays that remember what is done to them, and what writes it down
    graph.py, memory.py   the operations, and where every value lies
    emit_*.py, plan_*.py  the same operations as source for one backend
    step.py               when to trace, check, replay, or take the step as it is written

Nothing here knows a layer, a loss or a rule.
"""

from portanet.compiler.errors import NotCompiledWarning
from portanet.compiler.evaluation import CompiledEvaluation
from portanet.compiler.step import CompiledStep, compile_step

__all__ = ["CompiledEvaluation", "CompiledStep", "NotCompiledWarning", "compile_step"]
