"""Single instructions of LLVM, for generated loops.

Where a loop adds up, `add` says that the order is free, which lets LLVM keep several sums.
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def conversion(source, target, instruction):
    """Return an intrinsic that turns a number of type source into target by one instruction."""

    @intrinsic
    def convert(typing, x):  # noqa: ARG001 - numba's signature
        def emit(context, builder, signature, args):  # noqa: ARG001
            return getattr(builder, instruction)(args[0], context.get_value_type(target))

        return target(source), emit

    return convert


def _binary(build):
    """Return an intrinsic of two floats of one type; build(builder, a, b) writes it."""

    @intrinsic
    def function(typing, a, b):  # noqa: ARG001
        if a != b or not isinstance(a, types.Float):
            return None

        def emit(context, builder, signature, args):  # noqa: ARG001
            return build(builder, *args)

        return a(a, b), emit

    return function


def _named(name):
    """Return build for LLVM's intrinsic function `name`."""

    def build(builder, a, b):
        of = ir.FunctionType(a.type, [a.type, a.type])
        return builder.call(builder.module.declare_intrinsic(name, [a.type], of), [a, b])

    return build


add = _binary(lambda builder, a, b: builder.fadd(a, b, flags=("reassoc", "contract")))
maximum = _binary(_named("llvm.maximum"))  # NaN if either is, as NumPy's
minimum = _binary(_named("llvm.minimum"))
