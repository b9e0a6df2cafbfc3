"""The linear noise approximation of a network: mean, covariance, and transitions between times.

Around the deterministic mean, deviations obey a linear equation with Gaussian noise (van Kampen
2007, ch. X). Transitions are integrated in `kernels.propagator`; what is drawn from them is in
`kernels.gaussian`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import SimulationError
from protacsim.kernels.records import (
    CLOSING,
    DECAY,
    EVENT_SET,
    LOSS,
    MAKING,
    MESSENGER,
    OPEN,
    OPENING,
    PRODUCT,
    SHUT,
    TRANSLATING,
)
from protacsim.methods import LNA, ODE, Hybrid
from protacsim.network import Dose, Gene, Network
from protacsim.network.jumps import compile_jumps
from protacsim.network.linear import LinearPrograms, compile_linear
from protacsim.simulation.batch import solve
from protacsim.simulation.points import Runs, points_of
from protacsim.simulation.statuses import OK, failure

if TYPE_CHECKING:
    from protacsim.kernels.propagator import Course, Room

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Knots of the mean from every start, dose and washout on, from `EARLIEST` of the way; slopes there
# are those of the polynomial through so many knots.
KNOTS, EARLIEST, AROUND = 160, 1e-7, 5

# A slope beyond what two knots tell leaves their values by more than this share: it is cut.
SWING = 0.1

ACCURACY = ODE(rtol=1e-6, atol_nM=1e-6)
MOST_STEPS = 100_000


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (p, t, n) and covariance (p, t, n, n) of p points at t times, in molecules."""

    times_h: Floats
    mean: Floats
    covariance: Floats


@dataclass(frozen=True, eq=False)
class Linearised:
    """One point: `edges` (s + 1,) h, `mean` (s + 1, n) there, and s transitions.

    A deviation goes from edge e to e + 1 by `transition[e]` (n, n) and noise of covariance
    `noise[e]`. `due` (s + 1,) is the output at an edge, or -1.
    """

    edges: Floats
    mean: Floats
    transition: Floats
    noise: Floats
    due: NDArray[np.int64]

    def root(self) -> Floats:
        """Lower triangular `root @ root.T = noise` (s, n, n), up to a part in 1e10.

        Conserved totals make `noise` singular; the part that is added makes it invertible.
        """
        n = self.noise.shape[1]
        largest = self.noise.reshape(-1, n * n)[:, :: n + 1].max(axis=1, initial=0.0)
        added = (1e-10 * largest + 1e-300)[:, None, None] * np.eye(n)
        return np.linalg.cholesky(self.noise + added)


def moments(
    network: Network,
    rates: Mapping[str, Any],
    initial: Mapping[str, Any],
    times_h: ArrayLike,
    *,
    method: LNA | None = None,
    changes: Sequence[Dose] = (),
    poisson: Collection[str] = (),
    genes: Sequence[Gene] = (),
) -> Moments:
    """Mean and covariance of any network by the linear noise approximation.

    Arguments are those of `sample`. Species in `poisson` start with their mean as variance, the
    proteins of `genes` with their stationary covariance.
    Raises `SimulationError` when the mean cannot be integrated.
    """
    runs = points_of(
        network, rates, initial, times_h, changes=changes, poisson=poisson, genes=genes
    )
    points, times, n = len(runs.rates), len(runs.times), len(runs.compiled.species)
    result = Moments(runs.times, np.empty((points, times, n)), np.empty((points, times, n, n)))
    scarce = np.zeros(n, bool)
    for p in range(points):
        linear = linearised(runs, p, method or LNA(), scarce)
        for place, mean, covariance in carried(linear, start_covariance(runs, p)):
            if place >= 0:
                result.mean[p, place], result.covariance[p, place] = mean, covariance
    return result


def carried(linear: Linearised, covariance: Floats) -> Iterator[tuple[int, Floats, Floats]]:
    """Output number (or -1), mean and covariance at every edge, from `covariance` at the first."""
    for e, place in enumerate(linear.due):
        if e:
            step = linear.transition[e - 1]
            covariance = step @ covariance @ step.T + linear.noise[e - 1]
        yield int(place), linear.mean[e], covariance


def scarce_species(runs: Runs, p: int, method: LNA | Hybrid) -> Flags:
    """Species (n,) to be kept exact: scarce, and changed only by reactions among themselves."""
    n = runs.initial.shape[1]
    if isinstance(method, LNA):
        return np.zeros(n, bool)
    least = mean_path(runs, p)[1].min(axis=0)
    net = compile_jumps(runs.network)
    found = np.append((least < method.scarce_below) & (net.moves == 1), False)
    found[runs.species] = False
    constant = np.append(net.moves == 0, True)
    constant[runs.species] = False
    inside = constant | found
    while True:
        needs = inside[net.reactants[:, 1]] & inside[net.reactants[:, 2]]
        alone = needs & (found[net.changed] | (net.amount == 0)).all(axis=1)
        lost = np.unique(net.changed[~alone & (found[net.changed] & (net.amount != 0)).any(axis=1)])
        lost = lost[found[lost]]
        if not lost.size:
            scarce: Flags = found[:n]
            return scarce
        found[lost] = False
        inside = constant | found


def start_covariance(runs: Runs, p: int) -> Floats:
    """Covariance (n, n) of the counts at the start: Poisson, rounding at random, and genes."""
    mean = runs.initial[p]
    part = mean - np.floor(mean)
    covariance = np.diag(np.where(runs.poisson == 1, mean, part * (1.0 - part)))
    for gene in runs.genes:
        _add_gene(covariance, gene, mean, runs.rates[p])
    return covariance


def _add_gene(covariance: Floats, gene: NDArray[np.int64], mean: Floats, rates: Floats) -> None:
    """Stationary covariance of promoter, mRNA and protein (Paulsson 2005, Phys Life Rev 2:157).

    A row of `gene` is described in `kernels.jumps`. Each process passes on what varies above it,
    averaged over its own lifetime and that of its source.
    """
    shut, opened, mrna, protein = gene[[SHUT, OPEN, MESSENGER, PRODUCT]]
    made, decay, translated, loss = rates[gene[[MAKING, DECAY, TRANSLATING, LOSS]]]
    promoter = mrna_promoter = protein_promoter = 0.0
    if shut >= 0:
        turning = rates[gene[OPENING]] + rates[gene[CLOSING]]
        promoter = mean[opened] * (1.0 - mean[opened])
        mrna_promoter = made * promoter / (turning + decay)
        protein_promoter = translated * mrna_promoter / (turning + loss)
        for sign, row in ((1.0, opened), (-1.0, shut)):
            covariance[row, opened] = sign * promoter
            covariance[row, shut] = -sign * promoter
            covariance[row, mrna] = covariance[mrna, row] = sign * mrna_promoter
            covariance[row, protein] = covariance[protein, row] = sign * protein_promoter
    covariance[mrna, mrna] = mean[mrna] + made * mrna_promoter / decay
    both = (translated * covariance[mrna, mrna] + made * protein_promoter) / (decay + loss)
    covariance[mrna, protein] = covariance[protein, mrna] = both
    covariance[protein, protein] = mean[protein] + translated * both / loss


def linearised(runs: Runs, p: int, method: LNA | Hybrid, scarce: Flags) -> Linearised:
    """Mean and transitions of point p, from stop to stop; `scarce` species stand still.

    Stops are the outputs, the changes and, for `Hybrid`, its even steps.
    Raises `SimulationError` when the mean or a transition cannot be integrated.
    """
    from protacsim.kernels import propagator  # takes numba along

    breaks, edges = _stops(runs, p, method)
    knots, mean, at_edges = _means(runs, p, breaks, edges)
    net = compile_linear(runs.network)
    courses = [_course(net, t, m) for t, m in zip(knots, mean, strict=True)]
    work = _room(net, runs.rates[p], scarce)
    spread = np.sqrt(1.0 + np.max([m.max(axis=0) for m in mean], axis=0))[net.order]
    n = len(spread)
    transition, noise = np.empty((len(edges) - 1, n, n)), np.empty((len(edges) - 1, n, n))
    piece = np.searchsorted(breaks, edges[:-1], side="right") - 1
    for step, span in enumerate(np.stack([edges[:-1], edges[1:]], axis=1)):
        status = propagator.propagate(
            courses[piece[step]], net, spread, method.rtol, MOST_STEPS, span, work
        )
        if status != OK:
            raise SimulationError(f"Linear noise: {failure(status, span[1])}", status, span[1])
        here = np.ix_(net.order, net.order)
        transition[step][here] = propagator.matrix(work, propagator.TRANSITION).T
        upper = np.triu(propagator.matrix(work, propagator.NOISE))
        noise[step][here] = upper + np.triu(upper, 1).T
    _hold(runs, p, edges, transition, noise)
    place = np.searchsorted(runs.times, edges)
    place[place == len(runs.times)] = 0
    due = np.where(runs.times[place] == edges, place, -1)
    return Linearised(edges, at_edges, transition, noise, due)


def _hold(runs: Runs, p: int, edges: Floats, transition: Floats, noise: Floats) -> None:
    """What is set at an edge has no deviation there."""
    for e, when in enumerate(runs.when[p]):
        if runs.kind[e] == EVENT_SET and edges[0] < when <= edges[-1]:
            step, s = int(np.searchsorted(edges, when)) - 1, runs.species[e]
            transition[step, s] = 0.0
            noise[step, s] = 0.0
            noise[step, :, s] = 0.0


def mean_path(runs: Runs, p: int) -> tuple[Floats, Floats]:
    """Times (s,) h and the mean there (s, n), along the course of point p."""
    breaks, edges = _stops(runs, p, LNA())
    knots, mean, _ = _means(runs, p, breaks, edges)
    return np.concatenate(knots), np.concatenate(mean)


def _stops(runs: Runs, p: int, method: LNA | Hybrid) -> tuple[Floats, Floats]:
    """Times at which the course of the mean starts anew, and all at which transitions end."""
    first, last = runs.span[p]
    changes = runs.when[p]
    breaks = np.unique(np.append(changes[(changes >= first) & (changes <= last)], first))
    even = np.linspace(first, last, (method.steps if isinstance(method, Hybrid) else 1) + 1)
    return breaks, np.unique(np.concatenate([breaks, even, runs.times]))


def _means(
    runs: Runs, p: int, breaks: Floats, edges: Floats
) -> tuple[list[Floats], list[Floats], Floats]:
    """Knots from break to break and the mean there, that of the last knot before the change.

    Also the mean at the edges, after changes.
    """
    growing = np.geomspace(EARLIEST, 1.0, KNOTS)
    ends = np.append(breaks[1:], edges[-1])
    knots = [
        np.unique(
            np.concatenate([[start], np.minimum(start + (end - start) * growing, end), [end]])
        )
        for start, end in zip(breaks, ends, strict=True)
    ]
    seen = [np.append(t[:-1], np.nextafter(t[-1], -np.inf)) for t in knots[:-1]] + knots[-1:]
    asked, where = np.unique(np.concatenate([*seen, edges]), return_inverse=True)
    parts = np.split(_mean(runs, p, asked)[where], np.cumsum([len(t) for t in seen]))
    return knots, parts[:-1], parts[-1]


def _course(net: LinearPrograms, knots: Floats, mean: Floats) -> Course:
    """The mean (q, n) at knots and its slopes, for the kernel."""
    from protacsim.kernels.propagator import Course

    if len(knots) == 1:  # nothing follows the last break
        knots, mean = np.append(knots, knots + 1.0), np.repeat(mean, 2, axis=0)
    slope = _slopes(knots, mean)
    return Course(
        knots,
        np.concatenate([mean[:, net.order], np.ones((len(mean), 1))], axis=1),
        np.concatenate([slope[:, net.order], np.zeros((len(mean), 1))], axis=1),
    )


def _slopes(knots: Floats, mean: Floats) -> Floats:
    """Slopes per h at the knots: polynomials through neighbours, cut where these do not bear them.

    The equations would give them, but with the fastest rate times the error of the mean.
    """
    q = min(AROUND, len(knots))
    first = np.clip(np.arange(len(knots)) - q // 2, 0, len(knots) - q)
    places = first[:, None] + np.arange(q)
    away = knots[places] - knots[:, None]
    scale = np.abs(away).max(axis=1)
    powers = np.swapaxes((away / scale[:, None])[:, :, None] ** np.arange(q), 1, 2)
    unit = np.eye(q)[1] if q > 1 else np.zeros(q)
    weights = np.linalg.solve(powers, np.tile(unit[:, None], (len(knots), 1, 1)))[:, :, 0]
    slope = np.einsum("kq,kqn->kn", weights, mean[places]) / scale[:, None]
    size = np.abs(mean)
    most = 3.0 * np.abs(np.diff(mean, axis=0)) + SWING * np.maximum(size[1:], size[:-1])
    most /= np.diff(knots)[:, None]
    most = np.minimum(np.append(most, most[-1:], axis=0), np.append(most[:1], most, axis=0))
    cut: Floats = np.clip(slope, -most, most)
    return cut


def _room(net: LinearPrograms, rates: Floats, scarce: Flags) -> Room:
    """Numbers of one point for the kernel; nothing changes `scarce` species."""
    from protacsim.kernels.propagator import room

    free = ~scarce[net.order]
    column = np.repeat(np.arange(len(free)), np.diff(net.noise_ptr))
    slope = net.slope_amount * rates[net.slope_rate] * free[net.jacobian_row][net.slope_slot]
    both = free[column] & free[net.noise_column]
    pace = net.pace_amount * rates[net.pace_rate] * both[net.pace_slot]
    made: Room = room(net, slope, pace)
    return made


def _mean(runs: Runs, p: int, times: Floats) -> Floats:
    compiled = runs.compiled
    changes = [
        Dose(runs.when[p, e], compiled.species[s], runs.amount[p, e], bool(runs.kind[e]))
        for e, s in enumerate(runs.species)
    ]
    solution = solve(
        runs.network,
        dict(zip(compiled.rates, runs.rates[p], strict=True)),
        dict(zip(compiled.species, runs.initial[p], strict=True)),
        times,
        method=ACCURACY,
        changes=changes,
    )
    if solution.status[0] != OK:
        status, time_h = int(solution.status[0]), float(solution.reached_h[0])
        raise SimulationError(f"The mean: {failure(status, time_h)}", status, time_h)
    states: Floats = solution.states[0]
    return states
