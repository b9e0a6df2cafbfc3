"""From a reaction table to the linear noise around its mean: where Jacobian and noise are not zero.

Species are numbered in the order in which the deterministic programs eliminate them, which keeps
factors sparse. Solvers of moments read these arrays; no numbers of any run are here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.network.compiler import Topology, compile_topology

if TYPE_CHECKING:
    from protacsim.network.model import Network

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Terms = dict[tuple[int, int], list[tuple[int, int, int, int]]]


class LinearPrograms(NamedTuple):
    """Flat arrays for n species and the constant 1 (number n); species s here is `order[s]`.

    The Jacobian has its slots column by column: those of column s are over
    `jacobian_ptr[s]:jacobian_ptr[s + 1]`, in rows `jacobian_row`. Slot e sums its terms
    `slope_ptr[e]:slope_ptr[e + 1]`: `slope_amount` times a rate constant times the mean of species
    `slope_of`. The noise per h has slots row by row, and terms with the means of two species.
    `*_rate` are numbers of rate constants, `*_slot` the slots of terms. Eliminating species p
    changes rows `below` and columns `right` of it, and is preceded by that of its `left`.
    """

    order: Ints
    jacobian_ptr: Ints
    jacobian_row: Ints
    slope_ptr: Ints
    slope_slot: Ints
    slope_rate: Ints
    slope_amount: Ints
    slope_of: Ints
    noise_ptr: Ints
    noise_column: Ints
    pace_ptr: Ints
    pace_slot: Ints
    pace_rate: Ints
    pace_amount: Ints
    pace_of: Ints
    below_ptr: Ints
    below: Ints
    right_ptr: Ints
    right: Ints
    left_ptr: Ints
    left: Ints


def compile_linear(network: Network) -> LinearPrograms:
    """The linear programs of `network`, made once however many networks share its topology."""
    return _compile(network.topology())


@lru_cache(maxsize=256)
def _compile(topology: Topology) -> LinearPrograms:
    n = topology.species
    order = compile_topology(topology).order.astype(np.int64)
    number = {int(s): i for i, s in enumerate(order)}
    slopes: Terms = defaultdict(list)
    paces: Terms = defaultdict(list)
    for monomial, change, rate in topology.reactions:
        moved = [(number[s], amount) for s, amount in change]
        first, second = (*(number[s] for s in monomial), n, n)[:2]
        for column, other in ((first, second), (second, first)):
            for row, amount in moved if column < n else ():
                slopes[column, row].append((rate, amount, other, n))
        for row, amount in moved:
            for column, other_amount in moved:
                paces[row, column].append((rate, amount * other_amount, first, second))
    below, right, left = _elimination(n, slopes)
    return LinearPrograms(
        order,
        *_slots(n, slopes),
        *_terms(slopes, 1),
        *_slots(n, paces),
        *_terms(paces, 2),
        *_lists(below),
        *_lists(right),
        *_lists(left),
    )


def _elimination(n: int, slots: Mapping[tuple[int, int], object]) -> tuple[Flags, Flags, Flags]:
    """Per species, what is below, right and left of it in the factors of the turned Jacobian."""
    filled = np.eye(n, dtype=bool)
    for row, column in slots:
        filled[row, column] = True
    for p in range(n):
        filled[p + 1 :, p + 1 :] |= np.outer(filled[p + 1 :, p], filled[p, p + 1 :])
    lower = np.tril(filled, -1)
    return lower.T, np.triu(filled, 1), lower


def _slots(n: int, terms: Terms) -> tuple[Ints, Ints]:
    places = np.array(sorted(terms), np.int64).reshape(-1, 2)
    return np.searchsorted(places[:, 0], np.arange(n + 1)).astype(np.int64), places[:, 1].copy()


def _terms(terms: Terms, factors: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Pointers, slots, rates, amounts, and the one or two species of each term."""
    rows = [terms[place] for place in sorted(terms)]
    counts = [len(row) for row in rows]
    flat = np.array([term for row in rows for term in row], np.int64).reshape(-1, 4)
    species = flat[:, 2] if factors == 1 else flat[:, 2:]
    return (
        np.cumsum([0, *counts]).astype(np.int64),
        np.repeat(np.arange(len(rows)), counts).astype(np.int64),
        flat[:, 0].copy(),
        flat[:, 1].copy(),
        np.ascontiguousarray(species),
    )


def _lists(flags: Flags) -> tuple[Ints, Ints]:
    pointers = np.concatenate([[0], np.cumsum(flags.sum(axis=1))])
    return pointers.astype(np.int64), np.nonzero(flags)[1].astype(np.int64)
