"""Conditions on columns in ADQL, the query language of the archives, as far as it can say them without losing a star.

What ADQL says must be true of every star that the condition keeps; more may be, since ingest applies the condition
itself. So NOT and != are left out: a missing value passes them here and fails them there. Functions that fail on the
server where numpy gives NaN are asked of the nearest number that they are defined for.
"""

import ast
from collections.abc import Callable

_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "="}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS = {
    "abs": "ABS({0})",
    "sqrt": "SQRT(ABS({0}))",
    "log": "LOG(ABS({0}) + 1e-30)",
    "log10": "LOG10(ABS({0}) + 1e-30)",
    "sin": "SIN({0})",
    "cos": "COS({0})",
    "hypot": "SQRT(({0}) * ({0}) + ({1}) * ({1}))",
}
_MOST_FACTORS = 8

Column = Callable[[str], str]
"""What a name stands for in the query."""


class UntranslatableError(Exception):
    """ADQL has no safe words for it."""


def number(value: float) -> str:
    """A number in ADQL; a negative one in brackets, because two minus signs begin a comment."""
    return repr(float(value)) if value >= 0 else f"({float(value)!r})"


def conjuncts(tree: ast.expr) -> list[ast.expr]:
    """The conditions all of which a condition asks for."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [part for value in tree.values for part in conjuncts(value)]
    return [tree]


def condition(tree: ast.expr, column: Column) -> str:
    """A condition in ADQL, where ``column`` says what names stand for; UntranslatableError where it has no words."""
    match tree:
        case ast.BoolOp(op=op, values=values):
            word = " AND " if isinstance(op, ast.And) else " OR "
            return f"({word.join(condition(value, column) for value in values)})"
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            sides = [_value(part, column) for part in (left, *others)]
            pairs = zip(sides[:-1], ops, sides[1:], strict=True)
            return " AND ".join(f"{a} {_COMPARISONS[type(op)]} {b}" for a, op, b in pairs)
    raise UntranslatableError(ast.unparse(tree))


def _value(node: ast.expr, column: Column) -> str:
    match node:
        case ast.Name(id=name):
            return column(name)
        case ast.Constant(value=int() | float() as value):
            return number(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_value(operand, column)})"
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, column)
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            return _FUNCTIONS[name].format(*(_value(arg, column) for arg in args))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)) if 0 < power <= _MOST_FACTORS:
            return f"({' * '.join([_value(left, column)] * power)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            if isinstance(op, ast.Div) and not _is_never_zero(right):
                raise UntranslatableError(ast.unparse(node))  # the server stops at a division by zero
            return f"({_value(left, column)} {_ARITHMETIC[type(op)]} {_value(right, column)})"
    raise UntranslatableError(ast.unparse(node))


def _is_never_zero(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return value != 0
        case ast.Name(id=name):
            return name.endswith("_error")
    return False
