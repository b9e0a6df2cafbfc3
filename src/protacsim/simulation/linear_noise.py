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
from protacsim.validation import check_kind

if TYPE_CHECKING:
    from protacsim.kernels.propagator import Course, Room

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Knots of the mean from every start, dose and washout on, from `EARLIEST` of the way; slopes there
# are those of the polynomial through so many knots. Where the middle between two is further from
# the mean than `NEAR` of it, and `STRAY` of the root of its count, it becomes a knot too.
KNOTS, EARLIEST, AROUND = 160, 1e-7, 5
NEAR, STRAY, MOST_ROUNDS = 1e-3, 1e-2, 12

RIDGE = 1e-10
"""What is added to correlations of noise to make them invertible."""

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
    """One point: `edges` (s + 1,) h, `mean` (s + 1, n) there, `average` (s, n) in between, and s
    transitions.

    A deviation goes from edge e to e + 1 by `transition[e]` (n, n) and noise of covariance
    `noise[e]`. `due` (s + 1,) is the output at an edge, or -1.
    """

    edges: Floats
    mean: Floats
    average: Floats
    transition: Floats
    noise: Floats
    due: NDArray[np.int64]

    def root(self) -> Floats:
        """Matrices `root @ root.T = noise` (s, n, n), up to `RIDGE` of each species' own noise.

        Conserved totals make `noise` singular; the part that is added makes it invertible. What
        has no noise gets none.
        """
        own = np.sqrt(np.maximum(np.diagonal(self.noise, axis1=1, axis2=2), 0.0))
        inverse = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0.0)
        correlation = self.noise * inverse[:, :, None] * inverse[:, None, :]
        added = np.where(own > 0.0, RIDGE, 1.0)
        return own[:, :, None] * _root(correlation + added[:, :, None] * np.eye(own.shape[1]))


def _root(matrices: Floats) -> Floats:
    """Square roots of covariances (s, n, n), which round-off may have left slightly indefinite."""
    try:
        return np.asarray(np.linalg.cholesky(matrices), np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrices)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :], np.float64)


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
    method = method or LNA()
    check_kind("method", method, LNA)
    runs = points_of(
        network, rates, initial, times_h, changes=changes, poisson=poisson, genes=genes
    )
    points, times, n = len(runs.rates), len(runs.times), len(runs.compiled.species)
    result = Moments(runs.times, np.empty((points, times, n)), np.empty((points, times, n, n)))
    scarce = np.zeros(n, bool)
    for p in range(points):
        linear = linearised(runs, p, method, scarce)
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
    """Covariance (n, n) of the counts at the start: Poisson, rounding at random, and genes.

    What is set at the first time has none.
    """
    mean = runs.initial[p]
    part = mean - np.floor(mean)
    covariance = np.diag(np.where(runs.poisson == 1, mean, part * (1.0 - part)))
    for gene in runs.genes:
        _add_gene(covariance, gene, mean, runs.rates[p])
    own = varied(runs, p)
    return covariance * np.outer(own, own)


def varied(runs: Runs, p: int) -> Floats:
    """1 per species (n,), and 0 for what is set at the first time."""
    found = np.ones(runs.initial.shape[1])
    at_once = (runs.kind == EVENT_SET) & (runs.when[p] == runs.span[p, 0])
    found[runs.species[at_once]] = 0.0
    return found


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
    average = _averages(knots, mean, edges)
    return Linearised(edges, at_edges, average, transition, noise, due)


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
    knots = _growing_knots(breaks, np.append(breaks[1:], edges[-1]))
    for _ in range(MOST_ROUNDS):
        middles = [0.5 * (t[1:] + t[:-1]) for t in knots]
        found = _mean_at(runs, p, [*_seen(knots), *middles, edges])
        means, between, at_edges = found[: len(knots)], found[len(knots) : -1], found[-1]
        strays = [
            middle[_strays(t, mean, middle, right)]
            for t, mean, middle, right in zip(knots, means, middles, between, strict=True)
        ]
        if not any(len(more) for more in strays):
            break
        knots = [np.union1d(t, more) for t, more in zip(knots, strays, strict=True)]
    else:
        *means, at_edges = _mean_at(runs, p, [*_seen(knots), edges])
    return knots, means, at_edges


def _growing_knots(starts: Floats, ends: Floats) -> list[Floats]:
    """Knots from each start to its end, ever further apart."""
    shares = np.append(0.0, np.geomspace(EARLIEST, 1.0, KNOTS))
    pieces = zip(starts, ends, strict=True)
    return [np.unique(np.minimum(start + (end - start) * shares, end)) for start, end in pieces]


def _seen(knots: Sequence[Floats]) -> list[Floats]:
    """Times at which the mean of each piece is looked at: its last is before the change there."""
    return [np.append(t[:-1], np.nextafter(t[-1], -np.inf)) for t in knots[:-1]] + [knots[-1]]


def _mean_at(runs: Runs, p: int, times: Sequence[Floats]) -> list[Floats]:
    """The mean at several lists of times, from one run."""
    asked, where = np.unique(np.concatenate(times), return_inverse=True)
    found = np.maximum(_mean(runs, p, asked), 0.0)[where]
    return np.split(found, np.cumsum([len(t) for t in times])[:-1])


def _strays(knots: Floats, mean: Floats, times: Floats, right: Floats) -> Flags:
    """Whether the course between knots is away from the right mean (q, n) at any species."""
    if len(knots) < 2:
        return np.zeros(len(times), bool)
    away = np.abs(_between(knots, mean, _slopes(knots, mean), times) - right)
    far: Flags = away > NEAR * right + STRAY * np.sqrt(1.0 + right)
    found: Flags = np.any(far, axis=1)
    return found


def _between(knots: Floats, mean: Floats, slope: Floats, times: Floats) -> Floats:
    """The course (q, n) at times between knots, as `propagator.mean_at`."""
    low = np.clip(np.searchsorted(knots, times, side="right") - 1, 0, len(knots) - 2)
    span = np.diff(knots)[low, None]
    x = (times - knots[low])[:, None] / span
    rise = mean[low + 1] - mean[low]
    first, last = span * slope[low] - rise, rise - span * slope[low + 1]
    course: Floats = mean[low] + x * (rise + (1.0 - x) * (first + x * (last - first)))
    return np.maximum(course, 0.0)


def _averages(knots: Sequence[Floats], mean: Sequence[Floats], edges: Floats) -> Floats:
    """The mean (s, n) between edges, averaged over time: two places in a cubic are exact."""
    total = np.zeros((len(edges) - 1, mean[0].shape[1]))
    for times, values in zip(knots, mean, strict=True):
        if len(times) < 2:
            continue
        inside = edges[(edges > times[0]) & (edges < times[-1])]
        cuts = np.union1d(times, inside)
        spans = np.diff(cuts)
        step = np.searchsorted(edges, cuts[:-1], side="right") - 1
        slope = _slopes(times, values)
        for place in (0.5 - np.sqrt(1.0 / 12.0), 0.5 + np.sqrt(1.0 / 12.0)):
            at = _between(times, values, slope, cuts[:-1] + place * spans)
            np.add.at(total, step, 0.5 * spans[:, None] * at)
    average: Floats = total / np.diff(edges)[:, None]
    return average


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
