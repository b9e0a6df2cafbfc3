"""Names of constants and their units as a reader writes them: Km(ATP), µM, /h."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = (
    (re.compile(r"\bkm atp\b"), "Km(ATP)"),
    (re.compile(r"\batp\b"), "ATP"),
    (re.compile(r"\bmrna\b"), "mRNA"),
)
MOST_NAMED = 3


def quantity(words: str) -> str:
    """Write the words of a field: "km atp" gives "Km(ATP)"."""
    for pattern, spelled in _WORDS:
        words = pattern.sub(spelled, words)
    return words


def symbol(units: str) -> str:
    """Write a unit that stands alone: "uM" gives "µM", "1" of a pure number nothing."""
    return "" if units == "1" else units.replace("uM", "µM")


def unit(units: str) -> str:
    """Write a unit behind a number: "1/uM/h" gives "/µM/h"."""
    return symbol(units).removeprefix("1")


def listed(names: Sequence[str]) -> str:
    """Name three things at most, of more the first two: "a, b and 3 more"."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    first, second, *others = names
    return f"{first}, {second} and {len(others)} more"
