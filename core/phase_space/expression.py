"""Typed conditions on named coordinates or columns: ``abs(z) < 0.1 & vphi > 200``.

The text is parsed by Python's own parser and only comparisons, arithmetic, a few functions and ``&``, ``|``, ``~``
(with the precedence of and, or, not) are let through: nothing is executed.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from core.errors import RegionError, suggestion
from core.phase_space.coordinates import COORDINATES

FUNCTIONS: Mapping[str, np.ufunc] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "hypot": np.hypot,
    "minimum": np.minimum,
    "maximum": np.maximum,
}
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LONGEST = 2000
_NAMES_OF_COORDINATES = frozenset(COORDINATES)


@dataclass(frozen=True)
class CompiledExpression:
    """A checked condition: the coordinates or columns it uses and how to evaluate it."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def evaluate(self, columns: Callable[[str], Any]) -> Any:
        """Truth of the condition, given the values of each named coordinate."""
        return _evaluate(self.tree, columns)

    def limits(self) -> dict[str, tuple[float, float]]:
        """Bounds that must hold, by name, as far as they can be read off comparisons with a number."""
        found: dict[str, tuple[float, float]] = {}
        for name, low, high in _limits(self.tree):
            others = found.get(name, (-math.inf, math.inf))
            found[name] = max(low, others[0]), min(high, others[1])
        return found


def _limits(node: ast.expr) -> Iterator[tuple[str, float, float]]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _limits(value)
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for left, op, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
            if isinstance(op, (ast.Lt, ast.LtE)):
                yield from _below(left, right)
            elif isinstance(op, (ast.Gt, ast.GtE)):
                yield from _below(right, left)


def _below(small: ast.expr, large: ast.expr) -> Iterator[tuple[str, float, float]]:
    """What ``small < large`` says of a name, of its absolute value, or of nothing."""
    low, high = _number(small), _number(large)
    match small, large:
        case ast.Name(id=name), _ if high is not None:
            yield name, -math.inf, high
        case ast.Call(func=ast.Name(id="abs"), args=[ast.Name(id=name)]), _ if high is not None:
            yield name, -high, high
        case _, ast.Name(id=name) if low is not None:
            yield name, low, math.inf


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -float(value)
    return None


@lru_cache(maxsize=256)
def compile_expression(text: str, known: frozenset[str] | None = _NAMES_OF_COORDINATES) -> CompiledExpression:
    """The condition written in ``text`` on the ``known`` names; None lets every name through.

    Raises RegionError that shows the place of a syntax error, or the nearest known name of a misspelt one.
    """
    if not text.strip():
        raise RegionError("the expression is empty", remedy="For example: abs(z) < 0.1 & vphi > 200.")
    if len(text) > _LONGEST:
        raise RegionError(f"the expression is longer than {_LONGEST} characters")
    python = re.sub(r"~|!(?!=)", " not ", text.replace("&&", "&").replace("||", "|"))
    python = python.replace("&", " and ").replace("|", " or ")
    names: set[str] = set()
    try:
        tree = ast.parse(python.strip(), mode="eval").body
        _check(tree, text, names, known)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise RegionError(
            f"cannot read the expression {text!r}", remedy="For example: abs(z) < 0.1 & vphi > 200."
        ) from error
    if not isinstance(tree, (ast.Compare, ast.BoolOp)) and not (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    ):
        raise RegionError(f"{text!r} is not a condition", remedy="Compare it with a number, as in r < 0.5.")
    return CompiledExpression(text, tree, frozenset(names))


def _check(node: ast.expr, text: str, names: set[str], known: frozenset[str] | None) -> None:
    match node:
        case ast.Name(id=name):
            if known is not None and name not in known:
                word = "coordinate" if known is _NAMES_OF_COORDINATES else "column"
                raise RegionError(f"unknown {word} {name!r} in {text!r}", remedy=suggestion(name, known))
            names.add(name)
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            float(node.value)  # type: ignore[arg-type]  # a whole number may be too large for one
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            if name not in FUNCTIONS:
                raise RegionError(f"unknown function {name!r} in {text!r}", remedy=suggestion(name, FUNCTIONS))
            # One argument too many would be numpy's place for the result: the stars themselves would be overwritten.
            count = FUNCTIONS[name].nin
            if len(args) != count:
                raise RegionError(f"{text!r} cannot be evaluated: {name} takes {count} arguments, not {len(args)}")
            for arg in args:
                _check(arg, text, names, known)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            for part in (left, *others):
                _check(part, text, names, known)
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, text, names, known)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            _check(left, text, names, known)
            _check(right, text, names, known)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=operand):
            _check(operand, text, names, known)
        case _:
            raise RegionError(
                f"{ast.unparse(node)!r} cannot be used in an expression",
                remedy=f"Use coordinates, numbers, + - * / **, comparisons, & | ~ and {', '.join(FUNCTIONS)}.",
            )


def _evaluate(node: ast.expr, columns: Callable[[str], Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return columns(name)
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](*(_evaluate(arg, columns) for arg in args))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_evaluate(part, columns) for part in (left, *others)]
            pairs = zip(ops, values[:-1], values[1:], strict=True)
            return reduce(np.logical_and, (_COMPARISONS[type(op)](a, b) for op, a, b in pairs))
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(combine, (_evaluate(part, columns) for part in parts))
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_evaluate(left, columns), _evaluate(right, columns))
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, columns)
            return np.logical_not(value) if isinstance(op, ast.Not) else (-value if isinstance(op, ast.USub) else value)
    raise AssertionError(ast.dump(node))
