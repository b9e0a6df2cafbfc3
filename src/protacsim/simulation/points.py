"""Numbers of one network at many points, checked and laid out for the stochastic kernels."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from protacsim.simulation.batch import check_change, checked_times, common_length
from protacsim.validation import check_kind, one_of

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

    def at(self, points: ArrayLike) -> Runs:
        """Some of the points, in the order given."""
        rows = np.asarray(points, int)
        names = ("rates", "initial", "keys", "span", "when", "amount")
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in names})

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
    check_kind("network", network, Network)
    compiled = network.compile()
    points = 1 if point_ids is None else len(point_ids)
    if not points:
        raise ParameterError("point_ids is empty; give one number for each point.")
    for dose in changes:
        check_change(compiled.species, dose)
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
        _genes(compiled, genes, rows),
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
    points = common_length([rates.shape[:-1], initial.shape[:-1], *given])
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


def _genes(compiled: CompiledNetwork, genes: Sequence[Gene], rates: Floats) -> NDArray[np.int64]:
    """Places of species and rates; -1 where a promoter is always on."""
    found = np.full((len(genes), GENE), -1, np.int64)
    for row, gene in zip(found, genes, strict=True):
        for column, what, name in _members(gene):
            row[column] = _place(gene, what, name, getattr(compiled, what))
        _check_losses(gene, row, rates)
    return found


def _members(gene: Gene) -> Iterator[tuple[int, str, str]]:
    """Column, kind and name of every species and rate of a gene."""
    if gene.promoter:
        shut, opened = gene.promoter
        yield from ((SHUT, "species", shut), (OPEN, "species", opened))
        yield from ((OPENING, "rates", gene.opening), (CLOSING, "rates", gene.closing))
    yield from ((MESSENGER, "species", gene.mrna), (PRODUCT, "species", gene.protein))
    yield from ((MAKING, "rates", gene.transcription), (DECAY, "rates", gene.mrna_loss))
    yield from ((TRANSLATING, "rates", gene.translation), (LOSS, "rates", gene.turnover))


def _place(gene: Gene, what: str, name: str, known: Sequence[str]) -> int:
    if name not in known:
        raise ParameterError(
            f"the gene of {gene.protein} names {name!r}, which is not among the network's {what}; "
            f"{one_of(str(name), known)}."
        )
    return known.index(name)


def _check_losses(gene: Gene, row: NDArray[np.int64], rates: Floats) -> None:
    """Refuse what has no stationary law to start from: nothing is lost, or no promoter turns."""
    losses = [(gene.mrna_loss, rates[:, row[DECAY]]), (gene.turnover, rates[:, row[LOSS]])]
    if gene.promoter:
        turning = rates[:, row[OPENING]] + rates[:, row[CLOSING]]
        losses.append((f"{gene.opening} + {gene.closing}", turning))
    for name, values in losses:
        if not (values > 0.0).all():
            raise ParameterError(
                f"the gene of {gene.protein} has {name} = {values.min():g} per h, and then no "
                "stationary law to start from; must be above 0, or leave the gene out."
            )


def _whole(what: str, number: Any, span: str) -> int:
    """A whole number; raises `ParameterError` for any other."""
    try:
        return operator.index(number)
    except TypeError:
        raise ParameterError(f"{what} is {number!r}; must be a whole number {span}.") from None


def _checked_key(what: str, key: int) -> int:
    span = "from 0 to 2**63 - 1"
    if not 0 <= _whole(what, key, span) <= LARGEST_KEY:
        raise ParameterError(f"{what} is {key}; must be a whole number {span}.")
    return operator.index(key)


def _keys(point_ids: Sequence[int] | None, points: int) -> Words:
    if point_ids is None:
        return np.arange(points, dtype=np.uint64)
    if len(point_ids) != points:
        raise ParameterError(
            f"point_ids has {len(point_ids)} entries for {points} points; give one for each."
        )
    return np.array([_checked_key("a point's key", key) for key in point_ids], np.uint64)


def _replicates(first: int, count: int) -> Words:
    if _whole("replicates", count, "from 1 on") < 1:
        raise ParameterError(f"replicates is {count}; must be at least 1.")
    start = _checked_key("first_replicate", first)
    return np.arange(start, start + count, dtype=np.uint64)
