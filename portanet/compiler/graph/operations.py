"""Classes of operations, by their names in the array API standard."""

UNARY = {
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "conj",
    "cos", "cosh", "exp", "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p",
    "log2", "logical_not", "negative", "positive", "reciprocal", "round", "sign", "signbit", "sin",
    "sinh", "sqrt", "square", "tan", "tanh", "trunc",
}  # fmt: skip
BINARY = {
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal",
    "hypot", "less", "less_equal", "logaddexp", "logical_and", "logical_or", "logical_xor",
    "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow", "remainder", "subtract",
}  # fmt: skip
ELEMENTWISE = UNARY | BINARY | {"where", "astype"}
"""Each number of the result depends on the numbers at one place of the arguments."""

REDUCTIONS = {"sum", "prod", "max", "min", "any", "all", "mean"}
"""Functions of all numbers along `axis` (all axes: None), which `keepdims` keeps with length 1."""

REDUCERS = {"sum", "prod", "max", "min", "any", "all"}
"""Reductions that a kernel can do: those of which a part can be done, and then the rest."""
