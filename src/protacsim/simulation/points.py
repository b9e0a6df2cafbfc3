"""Numbers of one network at many points, checked and laid out for the stochastic kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError
from protacsim.kernels.records import (
    CLOSING,
    DECAY,
    EVENT_ADD,
    EVENT_SET,
    GENE,
    LOSS,
    MAKING,
    MESSENGER,
    OPEN,
    OPENING,
    PRODUCT,
    SHUT,
    TRANSLATING,
)
from protacsim.network import Dose, Gene, Network
from protacsim.simulation.batch import checked_times

if TYPE_CHECKING:
    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Runs:
    """Numbers of p points of one network, as the kernels take them.

    `rates` (p, m), `initial` (p, n) mean molecules, `poisson` (n,) 1 where a count starts from a
    Poisson law, `genes` (g, 10) of the proteins that start from their past (columns in
    `kernels.jumps`), `keys` (p,) and `replicates` (r,) of the random streams, `span` (p, 2) h,
    and the changes: `when` and `amount` (p, e), `kind` and `species` (e,).
    """

    network: Network
    compiled: CompiledNetwork
    rates: Floats
    initial: Floats
    poisson: NDArray[np.int64]
    genes: NDArray[np.int64]
    seed: np.uint64
    keys: Words
    replicates: Words
    times: Floats
    span: Floats
    when: Floats
    amount: Floats
    kind: NDArray[np.int64]
    species: NDArray[np.int64]

    def with_replicates(self, first: int, count: int) -> Runs:
        """The same points with other replicates."""
        return dataclasses.replace(self, replicates=_replicates(first, count))


def points_of(
    network: Network,
    rates: Mapping[str, Any],
    initial: Mapping[str, Any],
    times_h: ArrayLike,
    *,
    seed: int = 0,
    replicates: int = 1,
    first_replicate: int = 0,
    point_ids: Sequence[int] | None = None,
    changes: Sequence[Dose] = (),
    poisson: Collection[str] = (),
    genes: Sequence[Gene] = (),
) -> Runs:
    """Checked numbers of all runs; arguments are those of `sample`."""
    compiled = network.compile()
    points = 1 if point_ids is None else len(point_ids)
    rows, start, when, amount = _broadcast(
        compiled.rate_vector(rates), compiled.state_vector(initial), changes, points
    )
    times = checked_times(times_h)
    first = np.minimum(min(0.0, times[0]), when.min(axis=1, initial=np.inf))
    return Runs(
        network,
        compiled,
        rows,
        start,
        _law(compiled.species, poisson),
        _genes(compiled, genes),
        np.uint64(_checked_key("seed", seed)),
        _keys(point_ids, len(rows)),
        _replicates(first_replicate, replicates),
        times,
        np.stack([first, np.full(len(rows), times[-1])], axis=1),
        when,
        amount,
        np.array([EVENT_SET if d.replaces else EVENT_ADD for d in changes], np.int64),
        np.array([compiled.species.index(dose.species) for dose in changes], np.int64),
    )


def _broadcast(
    rates: Floats, initial: Floats, changes: Sequence[Dose], least: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Rates (p, m), initial state (p, n), times and amounts of changes (p, e), of one p."""
    given = [np.shape(value) for dose in changes for value in (dose.time_h, dose.amount)]
    (points,) = np.broadcast_shapes((1,), rates.shape[:-1], initial.shape[:-1], *given)
    points = least if points == 1 else points  # numbers that do not depend on the point
    when, amount = np.empty((points, len(changes))), np.empty((points, len(changes)))
    for e, dose in enumerate(changes):
        when[:, e], amount[:, e] = dose.time_h, dose.amount
    return (  # writable copies: kernels are compiled for one array type only
        np.array(np.broadcast_to(rates, (points, rates.shape[-1])), order="C"),
        np.array(np.broadcast_to(initial, (points, initial.shape[-1])), order="C"),
        when,
        amount,
    )


def _law(species: Sequence[str], poisson: Collection[str]) -> NDArray[np.int64]:
    unknown = sorted(set(poisson) - set(species))
    if unknown:
        raise ParameterError(
            f"poisson names {', '.join(unknown)}, which the network does not have; "
            "name species of the network."
        )
    return np.array([int(name in poisson) for name in species], np.int64)


def _genes(compiled: CompiledNetwork, genes: Sequence[Gene]) -> NDArray[np.int64]:
    """Places of species and rates; -1 where a promoter is always on."""
    species, rates = compiled.species, compiled.rates
    found = np.full((len(genes), GENE), -1, np.int64)
    for row, gene in zip(found, genes, strict=True):
        for column, name in zip((SHUT, OPEN), gene.promoter, strict=False):
            row[column] = species.index(name)
        if gene.promoter:
            row[OPENING] = rates.index(gene.opening)
            row[CLOSING] = rates.index(gene.closing)
        row[MESSENGER] = species.index(gene.mrna)
        row[PRODUCT] = species.index(gene.protein)
        row[MAKING] = rates.index(gene.transcription)
        row[DECAY] = rates.index(gene.mrna_loss)
        row[TRANSLATING] = rates.index(gene.translation)
        row[LOSS] = rates.index(gene.turnover)
    return found


def _checked_key(what: str, key: int) -> int:
    if not 0 <= int(key) <= LARGEST_KEY:
        raise ParameterError(f"{what} is {key}; must be a whole number from 0 to 2**63 - 1.")
    return int(key)


def _keys(point_ids: Sequence[int] | None, points: int) -> Words:
    if point_ids is None:
        return np.arange(points, dtype=np.uint64)
    if len(point_ids) != points:
        raise ParameterError(
            f"point_ids has {len(point_ids)} entries for {points} points; give one for each."
        )
    return np.array([_checked_key("a point's key", key) for key in point_ids], np.uint64)


def _replicates(first: int, count: int) -> Words:
    if count < 1:
        raise ParameterError(f"replicates is {count}; must be at least 1.")
    _checked_key("first_replicate", first)
    return np.arange(first, first + count, dtype=np.uint64)
