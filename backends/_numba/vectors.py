"""Sixteen numbers at a time, for generated loops over rows too short for LLVM's own vectors.

`to` and `source` are addresses; `like` is a number of the type that lies there.
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
_BIT, _INT32, _INT64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


@intrinsic
def move_first(typing, to, source, n, like):  # noqa: ARG001
    """Copy the first n of sixteen numbers; memory beyond them is not touched."""

    def emit(context, builder, signature, args):  # noqa: ARG001
        pointer, itemsize = _pointers(builder, args[3].type)
        used = _first(builder, args[2])
        numbers = _masked_load(builder, pointer(args[1]), itemsize, used)
        _masked_store(builder, numbers, pointer(args[0]), itemsize, used)

    return types.void(types.int64, types.int64, types.int64, like), emit


@intrinsic
def fill_first(typing, to, source, n, like):  # noqa: ARG001
    """Set sixteen numbers: to the first n at `source`, and to 0."""

    def emit(context, builder, signature, args):  # noqa: ARG001
        pointer, itemsize = _pointers(builder, args[3].type)
        used = _first(builder, args[2])
        numbers = _masked_load(builder, pointer(args[1]), itemsize, used)
        builder.store(numbers, pointer(args[0]), align=itemsize)

    return types.void(types.int64, types.int64, types.int64, like), emit


@intrinsic
def add_first(typing, to, source, n, like):  # noqa: ARG001
    """Add the first n of sixteen numbers to those at `to`; memory beyond them is not touched."""

    def emit(context, builder, signature, args):  # noqa: ARG001
        pointer, itemsize = _pointers(builder, args[3].type)
        used, place = _first(builder, args[2]), pointer(args[0])
        more = _masked_load(builder, pointer(args[1]), itemsize, used)
        total = builder.fadd(_masked_load(builder, place, itemsize, used), more)
        _masked_store(builder, total, place, itemsize, used)

    return types.void(types.int64, types.int64, types.int64, like), emit


def _pointers(builder, number):
    """Return what turns an address into a pointer to sixteen numbers, and the bytes of one."""
    vectors = ir.VectorType(number, LANES).as_pointer()
    itemsize = 4 if isinstance(number, ir.FloatType) else 8
    return lambda address: builder.inttoptr(address, vectors), itemsize


def _first(builder, n):
    """Return sixteen bits, of which the first n are set."""
    lanes, zeros = ir.VectorType(_INT64, LANES), ir.VectorType(_INT32, LANES)([0] * LANES)
    unset = lanes(ir.Undefined)
    everywhere = builder.shuffle_vector(builder.insert_element(unset, n, _INT32(0)), unset, zeros)
    return builder.icmp_signed("<", lanes(list(range(LANES))), everywhere)


def _masked_load(builder, place, itemsize, used):
    vector = place.type.pointee
    of = ir.FunctionType(vector, [place.type, _INT32, used.type, vector])
    load = cgutils.get_or_insert_function(
        builder.module, of, f"llvm.masked.load.{_name(vector)}.p0"
    )
    return builder.call(load, [place, _INT32(itemsize), used, vector([0.0] * LANES)])


def _masked_store(builder, numbers, place, itemsize, used):
    of = ir.FunctionType(ir.VoidType(), [numbers.type, place.type, _INT32, used.type])
    name = f"llvm.masked.store.{_name(numbers.type)}.p0"
    store = cgutils.get_or_insert_function(builder.module, of, name)
    builder.call(store, [numbers, place, _INT32(itemsize), used])


def _name(vector):
    """Return what LLVM calls a vector of float or double in the names of its functions."""
    return f"v{LANES}{'f32' if isinstance(vector.element, ir.FloatType) else 'f64'}"
