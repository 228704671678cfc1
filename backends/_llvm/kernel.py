"""A kernel's text made into a module of LLVM: one function, whose argument is a table."""

import ast
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from portanet.backends._llvm import functions
from portanet.backends._llvm.translate import Translator, argument_type
from portanet.backends._llvm.types import F4, F8, I8, pointer_type, typed
from portanet.backends._llvm.words import KERNEL


def module_of(text: str, name: str, symbol: str) -> ir.Module:
    """Return a module with one function `symbol`, the kernel `name` of a text."""
    outside = dict(library()) | _defined(text)
    tree, module = outside[name], ir.Module(symbol)
    function = ir.Function(module, KERNEL, symbol)
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block())
    translator = Translator(builder, outside)
    for at, argument in enumerate(tree.args.args):
        kind = argument_type(argument.annotation)
        translator.fixed[argument.arg] = _loaded(builder, function.args[0], at, kind)
    translator.fixed |= {"first": function.args[1], "last": function.args[2]}
    translator.run(tree.body)
    builder.ret_void()
    return module


def _defined(text: str) -> dict[str, Any]:
    """Return the functions of a text, as syntax trees, and its numbers."""
    found: dict[str, Any] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            names, values = statement.targets[0], ast.literal_eval(statement.value)
            assert isinstance(names, ast.Tuple)
            found |= {ast.unparse(n): v for n, v in zip(names.elts, values, strict=True)}
    return found


def _loaded(builder: ir.IRBuilder, table: Any, at: int, kind: Any) -> Any:
    """Return an argument, out of the table."""
    place = builder.gep(table, [typed(at, I8)])
    if kind in (F4, F8):
        number = builder.load(builder.bitcast(place, pointer_type(F8)))
        return builder.fptrunc(number, F4) if kind == F4 else number
    number = builder.load(place)
    return builder.inttoptr(number, kind) if isinstance(kind, ir.PointerType) else number


@cache
def library() -> MappingProxyType[str, Any]:
    """Return what every kernel may call or name: the functions and the numbers of functions.py."""
    text = Path(functions.__file__).read_text(encoding="utf-8")
    trees = {f.name: f for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)}
    return MappingProxyType(vars(functions) | trees)
