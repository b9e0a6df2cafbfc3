"""A change of one species at one time, as solvers are given it; schedules belong to `dosing`."""

from __future__ import annotations

from typing import Any, NamedTuple


class Dose(NamedTuple):
    """At `time_h`, `species` is set to (`replaces`) or raised by `amount` molecules.

    `time_h` and `amount` are numbers, or arrays (p,) with one entry per run.
    """

    time_h: Any
    species: str
    amount: Any
    replaces: bool
