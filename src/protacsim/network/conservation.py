"""Conservation laws: an exact integer basis of the left null space of a stoichiometry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd, lcm


def conservation_laws(species: int, changes: Iterable[Mapping[int, int]]) -> list[dict[int, int]]:
    """Integer laws `weights @ state = constant`, each as species index -> weight.

    `changes` holds the net change per reaction as species index -> count. The basis is in reduced
    row-echelon form: the first species of every law stands in no other law, so it can be
    corrected without disturbing the rest. Species declared early (free forms) are preferred.
    """
    pivots: dict[int, dict[int, Fraction]] = {}  # pivot species -> row of the row space
    distinct = {frozenset(change.items()): change for change in changes}
    for change in distinct.values():
        _reduce_into(pivots, {i: Fraction(count) for i, count in change.items()})
    free = [i for i in range(species) if i not in pivots]
    return [_law(pivots, i) for i in free]


def _reduce_into(pivots: dict[int, dict[int, Fraction]], row: dict[int, Fraction]) -> None:
    """Add one vector to a row space that is kept in reduced row-echelon form."""
    for species in sorted(set(row) & set(pivots)):
        _subtract(row, pivots[species], row[species])
    if not row:
        return
    pivot = max(row)
    scale = row[pivot]
    row = {i: value / scale for i, value in row.items()}
    for other in pivots.values():
        if pivot in other:
            _subtract(other, row, other[pivot])
    pivots[pivot] = row


def _subtract(row: dict[int, Fraction], other: dict[int, Fraction], factor: Fraction) -> None:
    for i, value in other.items():
        left = row.get(i, Fraction(0)) - factor * value
        if left:
            row[i] = left
        else:
            row.pop(i, None)


def _law(pivots: dict[int, dict[int, Fraction]], species: int) -> dict[int, int]:
    """The null-space vector that belongs to one free species, scaled to coprime integers."""
    vector = {pivot: -row[species] for pivot, row in pivots.items() if species in row}
    vector[species] = Fraction(1)
    common = lcm(*(value.denominator for value in vector.values()))
    whole = {i: int(value * common) for i, value in vector.items()}
    divisor = gcd(*whole.values())
    others = sorted(set(whole) - {species})
    return {i: whole[i] // divisor for i in [species, *others]}
