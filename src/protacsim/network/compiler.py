"""From a reaction table to integer programs: what to multiply with what, and where it goes.

A network is compiled once per topology. Rate constants with equal roles share one coefficient,
the Jacobian is laid out on its LU fill pattern, and elimination follows a Markowitz order, so
that a solver executes a fixed list of multiply-adds and never searches, pivots or allocates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import NetworkError
from protacsim.network.conservation import conservation_laws

if TYPE_CHECKING:
    from protacsim.network.model import Network, Reaction

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Combination = tuple[tuple[int, float], ...]  # (rate index, weight), sorted
Monomial = tuple[int, ...]  # species indices: (), (a,) or (a, b) with a <= b
Terms = dict[tuple[int, Monomial], dict[int, float]]


class Programs(NamedTuple):
    """Flat arrays that the kernels execute; n species, m rates, c coefficients, s matrix slots.

    Coefficient q is `sum(coef_weight * rate[coef_rate])` over `coef_ptr[q]:coef_ptr[q + 1]`. The
    state is extended by a constant 1 (row n) and by the products `mono_a * mono_b` (from row
    n + 1 on), so that rates of change and Jacobian are sums of coefficient times extended state:
    row r of the right-hand side runs over `rhs_ptr[r]:rhs_ptr[r + 1]`, its products from
    `rhs_product[r]` on, matrix slot e over `jac_ptr[e]:jac_ptr[e + 1]`. Species are eliminated
    in `order`; per eliminated species there are the slots and rows below (`l_*`), to the right
    (`u_*`), their products (`t_slot`), and for forward substitution the slots and species to
    its left (`f_*`). Conservation law g corrects species `law_species[law_ptr[g]]`.
    """

    coef_ptr: Ints
    coef_rate: Ints
    coef_weight: Floats
    mono_a: Ints
    mono_b: Ints
    rhs_ptr: Ints
    rhs_product: Ints
    rhs_coef: Ints
    rhs_state: Ints
    jac_ptr: Ints
    jac_coef: Ints
    jac_state: Ints
    order: Ints
    diag_slot: Ints
    l_ptr: Ints
    l_slot: Ints
    u_ptr: Ints
    u_slot: Ints
    u_col: Ints
    t_slot: Ints
    f_ptr: Ints
    f_slot: Ints
    f_col: Ints
    law_ptr: Ints
    law_species: Ints
    law_weight: Floats
    obs_ptr: Ints
    obs_species: Ints
    obs_rate: Ints
    obs_weight: Floats

    @property
    def operations(self) -> int:
        """Multiply-adds of one Jacobian, factorisation, right-hand side and solution."""
        lists = (self.t_slot, self.jac_coef, self.rhs_coef, self.f_slot, self.u_slot)
        return int(sum(x.size for x in lists))

    def with_states(self) -> Programs:
        """The same programs with every species as a further observable."""
        n = self.order.size
        return self._replace(
            obs_ptr=_ints([*self.obs_ptr, *(self.obs_ptr[-1] + np.arange(1, n + 1))]),
            obs_species=_ints([*self.obs_species, *range(n)]),
            obs_rate=_ints([*self.obs_rate, *([-1] * n)]),
            obs_weight=np.concatenate([self.obs_weight, np.ones(n)]),
        )


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A network's names and its programs."""

    name: str
    species: tuple[str, ...]
    rates: tuple[str, ...]
    observables: tuple[str, ...]
    programs: Programs

    def rate_vector(self, values: Mapping[str, float | Floats]) -> Floats:
        """Rate constants in compiled order: (rates,), or (points, rates) when arrays are given.

        Raises `NetworkError` for a missing, negative or non-finite rate constant.
        """
        return self._vector("rate constant", self.rates, values)

    def state_vector(self, amounts: Mapping[str, float | Floats]) -> Floats:
        """Initial state in molecules, shape (species,) or (points, species); unnamed species 0."""
        unknown = sorted(set(amounts) - set(self.species))
        if unknown:
            raise NetworkError(f"{self.name}: no species named {', '.join(unknown)}.")
        filled = {name: amounts.get(name, 0.0) for name in self.species}
        return self._vector("initial amount", self.species, filled)

    def _vector(
        self, what: str, names: Sequence[str], values: Mapping[str, float | Floats]
    ) -> Floats:
        missing = [name for name in names if name not in values]
        if missing:
            raise NetworkError(f"{self.name}: no {what} given for {', '.join(missing)}.")
        columns = np.broadcast_arrays(*(np.asarray(values[name], float) for name in names))
        vector = np.ascontiguousarray(np.stack(columns, axis=-1)) if columns else np.zeros(0)
        bad = ~np.isfinite(vector) | (vector < 0)
        if bad.any():
            position = tuple(int(i) for i in np.argwhere(bad)[0])
            raise NetworkError(
                f"{self.name}: {what} {names[position[-1]]} is {vector[position]:g}; "
                "must be a finite number, at least 0."
            )
        return vector


class _Coefficients:
    """Distinct linear combinations of rate constants, each stored once."""

    def __init__(self) -> None:
        self.index: dict[Combination, int] = {}

    def __call__(self, combination: Mapping[int, float]) -> int:
        key = tuple(sorted((rate, weight) for rate, weight in combination.items() if weight))
        return self.index.setdefault(key, len(self.index))


class Topology(NamedTuple):
    """A network without names: what two networks share when only their labels differ."""

    species: int
    rates: int
    held: frozenset[int]
    reactions: tuple[tuple[Monomial, tuple[tuple[int, int], ...], int], ...]
    observables: tuple[tuple[tuple[int, int, float], ...], ...]


def compile_network(network: Network) -> CompiledNetwork:
    """Compile the table of `network`; raises `NetworkError` when it has no species."""
    if not network.species:
        raise NetworkError(f"{network.name}: no species; add a reaction first.")
    return CompiledNetwork(
        network.name,
        network.species,
        network.rates,
        tuple(network.observables),
        compile_topology(network.topology()),
    )


@lru_cache(maxsize=256)
def compile_topology(topology: Topology) -> Programs:
    """The programs of a topology, made once however many networks share it."""
    coefficient = _Coefficients()
    terms = _terms(topology)
    programs: dict[str, Any] = {
        **_right_hand_side(topology.species, terms, coefficient),
        **_matrix(topology.species, terms, coefficient),
        **_laws(topology),
        **_observables(topology),
    }
    programs |= _csr_coefficients(coefficient)
    return Programs(**programs)


def topology_of(network: Network) -> Topology:
    """The network's reactions and read-outs by number, without a name."""
    index = {name: i for i, name in enumerate(network.species)}
    rates = {name: i for i, name in enumerate(network.rates)}
    reactions = tuple(
        (_monomial(reaction, index), tuple(change.items()), rates[reaction.rate])
        for reaction, change in zip(network.reactions, network.changes(), strict=True)
    )
    observables = tuple(
        tuple(
            (index[term.species], -1 if term.rate is None else rates[term.rate], term.weight)
            for term in terms
        )
        for terms in network.observables.values()
    )
    held = frozenset(index[name] for name in network.buffered)
    return Topology(len(index), len(rates), held, reactions, observables)


def _monomial(reaction: Reaction, index: Mapping[str, int]) -> Monomial:
    return tuple(
        sorted(index[species] for species, count in reaction.reactants for _ in range(count))
    )


def _terms(topology: Topology) -> Terms:
    """Collected right-hand side: (row, monomial) -> {rate: weight}."""
    terms: Terms = defaultdict(lambda: defaultdict(float))
    for monomial, changes, rate in topology.reactions:
        for row, change in changes:
            terms[row, monomial][rate] += float(change)
    return {key: dict(value) for key, value in terms.items() if any(value.values())}


def _extended(n: int, terms: Terms) -> dict[Monomial, int]:
    """Row of each monomial in the extended state: species, then the constant 1, then products."""
    products = sorted({monomial for _, monomial in terms if len(monomial) == 2})
    rows: dict[Monomial, int] = {(i,): i for i in range(n)}
    rows[()] = n
    return rows | {monomial: n + 1 + q for q, monomial in enumerate(products)}


def _right_hand_side(n: int, terms: Terms, coefficient: _Coefficients) -> dict[str, Ints]:
    state = _extended(n, terms)
    pairs = [monomial for monomial in state if len(monomial) == 2]
    rows: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for (row, monomial), combination in sorted(terms.items()):
        rows[row].append((coefficient(combination), state[monomial]))
    for sums in rows:  # species and the constant first, then products
        sums.sort(key=lambda term: term[1] > n)
    linear = [sum(place <= n for _, place in sums) for sums in rows]
    return {
        "mono_a": _ints(a for a, _ in pairs),
        "mono_b": _ints(b for _, b in pairs),
        **_sums("rhs", rows),
        "rhs_product": _pointers(rows)[:-1] + _ints(linear),
    }


def _sums(name: str, rows: Sequence[Sequence[tuple[int, int]]]) -> dict[str, Ints]:
    """Rows of (coefficient, extended state) pairs as flat arrays."""
    return {
        f"{name}_ptr": _pointers(rows),
        f"{name}_coef": _ints(q for row in rows for q, _ in row),
        f"{name}_state": _ints(state for row in rows for _, state in row),
    }


def _matrix(n: int, terms: Terms, coefficient: _Coefficients) -> dict[str, Ints]:
    """Minus the Jacobian on the LU pattern of `shift * I - J`, and the elimination lists."""
    changing = {row for row, _ in terms}
    entries: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for (row, monomial), combination in sorted(terms.items()):
        for column, (factor, state) in _slopes(n, monomial).items():
            if column in changing:
                negative = {rate: -factor * weight for rate, weight in combination.items()}
                entries[row, column].append((coefficient(negative), state))
    elimination, slots = _eliminate(n, set(entries))
    rows: list[list[tuple[int, int]]] = [[] for _ in slots]
    for place, found in entries.items():
        rows[slots[place]] = found
    return {**_sums("jac", rows), **elimination}


def _slopes(n: int, monomial: Monomial) -> dict[int, tuple[float, int]]:
    """Derivatives of a monomial: column -> (factor, row of the extended state)."""
    if len(monomial) == 1:
        return {monomial[0]: (1.0, n)}
    if len(monomial) == 2:
        a, b = monomial
        return {a: (2.0, a)} if a == b else {a: (1.0, b), b: (1.0, a)}
    return {}


def _eliminate(
    n: int, pattern: set[tuple[int, int]]
) -> tuple[dict[str, Ints], dict[tuple[int, int], int]]:
    """Symbolic LU with diagonal pivots: order, fill and the lists of products."""
    rows = [{j for j in range(n) if (i, j) in pattern} | {i} for i in range(n)]
    columns = [{i for i in range(n) if j in rows[i]} for j in range(n)]
    slots: dict[tuple[int, int], int] = {}

    def slot(i: int, j: int) -> int:
        return slots.setdefault((i, j), len(slots))

    order, below, right = [], [], []
    left = set(range(n))
    while left:
        pivot = min(left, key=lambda i: ((len(rows[i]) - 1) * (len(columns[i]) - 1), i))
        left.remove(pivot)
        below.append(sorted(columns[pivot] - {pivot}))
        right.append(sorted(rows[pivot] - {pivot}))
        for i in below[-1]:
            for j in right[-1]:
                rows[i].add(j)
                columns[j].add(i)
            rows[i].discard(pivot)
        for j in right[-1]:
            columns[j].discard(pivot)
        order.append(pivot)
    position = {species: k for k, species in enumerate(order)}
    for row in right:  # back substitution then waits for the newest value last
        row.sort(key=position.__getitem__, reverse=True)
    products = [
        slot(i, j) for column, row in zip(below, right, strict=True) for i in column for j in row
    ]
    to_the_left: list[list[int]] = [[] for _ in order]
    for pivot, rows_below in zip(order, below, strict=True):
        for i in rows_below:
            to_the_left[position[i]].append(pivot)
    lists = {
        "order": _ints(order),
        "diag_slot": _ints(slot(i, i) for i in order),
        "l_ptr": _pointers(below),
        "l_slot": _ints(slot(i, p) for p, column in zip(order, below, strict=True) for i in column),
        "u_ptr": _pointers(right),
        "u_slot": _ints(slot(p, j) for p, row in zip(order, right, strict=True) for j in row),
        "u_col": _ints(j for row in right for j in row),
        "t_slot": _ints(products),
        "f_ptr": _pointers(to_the_left),
        "f_slot": _ints(slot(i, p) for i, row in zip(order, to_the_left, strict=True) for p in row),
        "f_col": _ints(p for row in to_the_left for p in row),
    }
    return lists, slots


def _laws(topology: Topology) -> dict[str, Ints | Floats]:
    changes = [dict(change) for _, change, _ in topology.reactions]
    laws = conservation_laws(topology.species, changes)
    laws = [law for law in laws if not set(law) <= topology.held]
    return {
        "law_ptr": _pointers([list(law) for law in laws]),
        "law_species": _ints(i for law in laws for i in law),
        "law_weight": np.array([weight for law in laws for weight in law.values()], float),
    }


def _observables(topology: Topology) -> dict[str, Ints | Floats]:
    flat = [term for terms in topology.observables for term in terms]
    return {
        "obs_ptr": _pointers(topology.observables),
        "obs_species": _ints(species for species, _, _ in flat),
        "obs_rate": _ints(rate for _, rate, _ in flat),
        "obs_weight": np.array([weight for _, _, weight in flat], float),
    }


def _csr_coefficients(coefficient: _Coefficients) -> dict[str, Ints | Floats]:
    combinations = list(coefficient.index)
    return {
        "coef_ptr": _pointers(combinations),
        "coef_rate": _ints(rate for combination in combinations for rate, _ in combination),
        "coef_weight": np.array([w for combination in combinations for _, w in combination], float),
    }


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int32)


def _pointers(rows: Sequence[Sequence[object]]) -> Ints:
    return _ints(np.cumsum([0] + [len(row) for row in rows]))
