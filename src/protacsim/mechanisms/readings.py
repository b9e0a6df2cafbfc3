"""Read-outs as users write them: an observable, one species, or arithmetic on named sums.

`occupancy = target_occupied / target_total` defines a read-out of one's own; `species[BTK:mt-802]`
reads one species. Expressions are parsed into a tree of four operations; nothing is evaluated as
code.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from protacsim.errors import ParameterError
from protacsim.mechanisms.observables import OBSERVABLES, Observable
from protacsim.validation import one_of

_SPECIES = re.compile(r"species\[([^\[\]]+)\]")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
_LONGEST = 500
_LARGEST = 1e300
_DEEPEST = 100

RESERVED = frozenset(
    {
        *OBSERVABLES,
        *(observable.dim for observable in OBSERVABLES.values()),
        *("time_h", "status", "reached_h", "treatment", "replicate", "hypothetical"),
        *("observable", "units", "points", "lowest", "highest", "quantile", "members", "nulls"),
        *("cells", "mean", "sd", "q05", "q50", "q95", "fraction_lost", "probability"),
    }
)
"""Names that results and their tables already use, beside those that end in `_percent`."""


def is_reserved(name: str) -> bool:
    """Whether a result or one of its tables uses a name for something of its own."""
    return name in RESERVED or name.endswith("_percent")


@dataclass(frozen=True)
class Reading:
    """One read-out: its name in the result, what it is made of, and how it is worked out.

    `expression` is empty for an observable.
    """

    name: str
    parts: tuple[str, ...]
    tree: Any
    unit: str
    long_name: str
    dim: str = ""
    expression: str = ""

    def value(self, readings: Mapping[str, Any], member: str = "") -> Any:
        """The read-out from those of its parts (arrays); `member` picks one along `dim`."""
        if isinstance(self.tree, str):
            return readings[f"{self.tree}[{member}]" if self.dim else self.tree]
        return _value(self.tree, readings)


@cache
def parse(text: str) -> Reading:
    """Read an observable's name or `label = expression`.

    Raises `ParameterError` for an unknown name, with the closest one, and for anything that is
    not arithmetic.
    """
    if text in OBSERVABLES:
        unit, long_name, dim = OBSERVABLES[text]
        return Reading(text, (text,), text, unit, long_name, dim)
    label, equals, expression = (part.strip() for part in text.partition("="))
    if not equals or len(text) > _LONGEST:
        raise ParameterError(
            f"{text[:80]!r} is no observable; {one_of(text[:80], OBSERVABLES)}; "
            'or write "label = expression", such as "occupancy = target_occupied / target_total"'
        )
    if not _LABEL.fullmatch(label) or is_reserved(label):
        raise ParameterError(
            f"{label[:60]!r} cannot be a label; use letters, digits and _, and no name that the "
            "result has already"
        )
    return _parsed(label, expression)


def _parsed(label: str, expression: str) -> Reading:
    species: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        return species.setdefault(f"species[{match[1].strip()}]", f"_species_{len(species)}")

    plain = _SPECIES.sub(placeholder, expression)
    named = {alias: name for name, alias in species.items()}
    try:
        if "_species_" in expression:
            raise ValueError(expression)
        tree = _checked(ast.parse(plain, mode="eval").body, named)
        parts, unit = tuple(dict.fromkeys(_names(tree))), _written(_unit(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(
            f"{label} = {expression[:80]!r} is no expression; use names, numbers, + - * / and ( )"
        ) from None
    if not parts:
        raise ParameterError(f"{label} = {expression[:80]!r} reads nothing; name an observable")
    return Reading(label, parts, tree, unit, label.replace("_", " "), expression=expression)


def _checked(node: ast.expr, named: Mapping[str, str], depth: int = 0) -> Any:
    """The tree as nested tuples (operation, left, right), names and numbers."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    deeper = depth + 1
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        left, right = _checked(node.left, named, deeper), _checked(node.right, named, deeper)
        return type(node.op).__name__, left, right
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return "Sub", 0.0, _checked(node.operand, named, deeper)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        number = float(node.value)  # type: ignore[arg-type]
        if number > _LARGEST:
            raise ValueError(number)
        return number
    if isinstance(node, ast.Name) and node.id in named:
        return named[node.id]
    if isinstance(node, ast.Name):
        if node.id not in OBSERVABLES:
            raise ParameterError(f"{node.id!r} is no observable; {one_of(node.id, OBSERVABLES)}")
        if OBSERVABLES[node.id].dim:
            raise ParameterError(
                f"{node.id!r} has one value per {OBSERVABLES[node.id].dim}; "
                "it cannot stand in an expression"
            )
        return node.id
    raise ValueError(ast.dump(node))


def _names(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    return [name for part in tree[1:] for name in _names(part)] if isinstance(tree, tuple) else []


Unit = Mapping[str, int]  # base unit -> power


def _unit(tree: Any) -> Unit:
    """Unit of an expression; a sum of unlike quantities is refused."""
    if isinstance(tree, float):
        return {}
    if isinstance(tree, str):
        text = OBSERVABLES.get(tree, Observable("nM", "")).unit
        return {"nM": 1, "h": -1} if text == "nM/h" else {text: 1}
    left, right = _unit(tree[1]), _unit(tree[2])
    if tree[0] in ("Mult", "Div"):
        sign = 1 if tree[0] == "Mult" else -1
        powers = {u: left.get(u, 0) + sign * right.get(u, 0) for u in {**left, **right}}
        return {unit: power for unit, power in powers.items() if power}
    if left != right and tree[1] != 0.0:
        raise ParameterError(
            f"a sum of {_written(left) or 'a number'} and {_written(right) or 'a number'} has no "
            "meaning; add quantities of one unit"
        )
    return right


def _written(unit: Unit) -> str:
    """A unit as text: nM/h, 1/nM, nM^2."""
    above = [u if p == 1 else f"{u}^{p}" for u, p in unit.items() if p > 0]
    below = [u if p == -1 else f"{u}^{-p}" for u, p in unit.items() if p < 0]
    return "/".join([" ".join(above) or "1", *below]) if unit else ""


def _value(tree: Any, readings: Mapping[str, Any]) -> Any:
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return readings[tree]
    left, right = _value(tree[1], readings), _value(tree[2], readings)
    if tree[0] == "Div":
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.divide(left, right)
        return np.where(np.isfinite(ratio), ratio, np.nan)
    return _OPERATIONS[getattr(ast, tree[0])](left, right)
