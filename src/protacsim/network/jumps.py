"""From a reaction table to what a jump process needs: who reacts, what changes, what depends on it.

The table is the one that the deterministic programs are made from; nothing about a reaction is
stated here. Solvers that draw single events read these arrays, and no numbers of any run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.network.compiler import Monomial, Topology

if TYPE_CHECKING:
    from protacsim.network.model import Network

Ints = NDArray[np.int64]


class JumpPrograms(NamedTuple):
    """Flat arrays of m reactions that change something, on n species and the constant 1 (row n).

    `reactants` (m, 4) holds rate, first, second and repeated of each reaction: its propensity is
    `rates[rate] * x[first] * (x[second] - repeated)`. Absent reactants are row n; repeated is 1
    for two of one kind (falling factorial), else 0. `changed` and `amount` (m, c) are the species
    it changes and by how much, filled up with row n and 0. Species s is a reactant of `user` over
    `user_ptr[s]:user_ptr[s + 1]`; the propensities that reaction j changes are `following` over
    `following_ptr[j]:following_ptr[j + 1]`. `moves` (n,) is 1 where some reaction changes the
    species.
    """

    reactants: Ints
    changed: Ints
    amount: Ints
    user_ptr: Ints
    user: Ints
    following_ptr: Ints
    following: Ints
    moves: Ints


def compile_jumps(network: Network) -> JumpPrograms:
    """The jump programs of `network`, made once however many networks share its topology."""
    return _compile(network.topology())


@lru_cache(maxsize=256)
def _compile(topology: Topology) -> JumpPrograms:
    n = topology.species
    reactions = [entry for entry in topology.reactions if entry[1]]
    changes = [change for _, change, _ in reactions]
    users = [[j for j, (m, _, _) in enumerate(reactions) if s in m] for s in range(n)]
    following = [sorted({j for s, _ in change for j in users[s]}) for change in changes]
    moved = {s for change in changes for s, _ in change}
    changed, amount = _padded(n, changes)
    return JumpPrograms(
        np.array([_reactants(n, m, rate) for m, _, rate in reactions], np.int64).reshape(-1, 4),
        changed,
        amount,
        *_rows(users),
        *_rows(following),
        np.array([int(s in moved) for s in range(n)], np.int64),
    )


def _reactants(n: int, monomial: Monomial, rate: int) -> tuple[int, int, int, int]:
    first, second = (*monomial, n, n)[:2]
    return rate, first, second, int(first == second != n)


def _padded(n: int, changes: Sequence[Sequence[tuple[int, int]]]) -> tuple[Ints, Ints]:
    """Species and amounts of all changes, one row per reaction, of equal length."""
    longest = max((len(change) for change in changes), default=0)
    rows = [[*change, *[(n, 0)] * (longest - len(change))] for change in changes]
    table = np.array(rows, np.int64).reshape(len(rows), longest, 2)
    return np.ascontiguousarray(table[..., 0]), np.ascontiguousarray(table[..., 1])


def _rows(rows: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Pointers and entries of rows of unequal length."""
    pointers = np.cumsum([0, *(len(row) for row in rows)])
    return pointers.astype(np.int64), np.array([j for row in rows for j in row], np.int64)
