"""The linear noise approximation of a network: mean, covariance, and transitions between times.

Around the deterministic mean, deviations obey a linear equation with Gaussian noise (van Kampen
2007, ch. X); over a step in which the mean hardly moves its coefficients are taken as constant and
the transition is exact. What is drawn from the transitions is in `kernels.gaussian`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from protacsim.network.jumps import JumpPrograms, compile_jumps
from protacsim.simulation.batch import solve
from protacsim.simulation.points import Runs, points_of
from protacsim.simulation.statuses import OK, failure

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Candidates for the ends of steps after every start, dose and washout, from `EARLIEST` of the way.
CANDIDATES, EARLIEST = 160, 1e-7

# A step is halved until the norm of its matrix is below this; then a series of ORDER terms serves.
SMALL, ORDER = 0.25, 6

ACCURACY = ODE(rtol=1e-6, atol_nM=1e-6)


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
    least = _mean(runs, p, _candidates(runs, p, method)[1]).min(axis=0)
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
    """
    edges, mean, middle, stops = _steps(runs, p, method)
    matrix, spread = _coefficients(compile_jumps(runs.network), runs.rates[p], middle, scarce)
    transition, noise = _transitions(matrix, spread, np.diff(edges))
    for e, when in enumerate(runs.when[p]):
        if runs.kind[e] == EVENT_SET and when > edges[0]:  # what is set has no deviation
            step, s = int(np.searchsorted(edges, when)) - 1, runs.species[e]
            transition[step, s] = 0.0
            noise[step, s] = 0.0
            noise[step, :, s] = 0.0
    transition, noise = _merged(transition, noise, stops)
    edges, mean = edges[stops], mean[stops]
    place = np.searchsorted(runs.times, edges)
    place[place == len(runs.times)] = 0
    due = np.where(runs.times[place] == edges, place, -1)
    return Linearised(edges, mean, transition, noise, due)


def _merged(transition: Floats, noise: Floats, stops: Flags) -> tuple[Floats, Floats]:
    """Transitions and noise between stops, composed from those of the steps between them."""
    n = transition.shape[1]
    merged: list[tuple[Floats, Floats]] = []
    so_far, spread = np.eye(n), np.zeros((n, n))
    for step, fresh, stop in zip(transition, noise, stops[1:], strict=True):
        so_far, spread = step @ so_far, step @ spread @ step.T + fresh
        if stop:
            merged.append((so_far, spread))
            so_far, spread = np.eye(n), np.zeros((n, n))
    return (
        np.array([step for step, _ in merged]).reshape(-1, n, n),
        np.array([fresh for _, fresh in merged]).reshape(-1, n, n),
    )


def mean_path(runs: Runs, p: int, method: LNA | Hybrid) -> tuple[Floats, Floats]:
    """Times (s,) h and the mean there (s, n), at every step of point p."""
    edges, mean, _, _ = _steps(runs, p, method)
    return edges, mean


def _steps(runs: Runs, p: int, method: LNA | Hybrid) -> tuple[Floats, Floats, Floats, Flags]:
    """Ends of steps (s + 1,) h, the mean there and in the middle of steps, and which are stops."""
    stops, candidates = _candidates(runs, p, method)
    inside = np.unique(runs.when[p][runs.when[p] > candidates[0]])
    inside = inside[inside <= candidates[-1]]
    before = np.nextafter(inside, -np.inf)  # the state just before a change, too
    asked = np.union1d(candidates, before)
    state = _mean(runs, p, asked)
    after = state[np.searchsorted(asked, candidates)]
    ahead = after.copy()
    ahead[np.searchsorted(candidates, inside)] = state[np.searchsorted(asked, before)]
    must = np.isin(candidates, stops)
    ends = _ends(after, ahead, must, method.largest_change)
    middle = 0.5 * (after[ends[:-1]] + ahead[ends[1:]])
    return candidates[ends], after[ends], middle, must[ends]


def _ends(after: Floats, ahead: Floats, must: Flags, largest_change: float) -> NDArray[np.int64]:
    """Candidates at which steps end: stops, and those from which the next would be too far."""
    chosen = [0]
    for i in range(1, len(after)):
        start = after[chosen[-1]]
        far = np.abs(ahead[min(i + 1, len(ahead) - 1)] - start)
        if must[i] or (far > largest_change * (np.maximum(start, ahead[i]) + 1.0)).any():
            chosen.append(i)
    return np.array(chosen)


def _candidates(runs: Runs, p: int, method: LNA | Hybrid) -> tuple[Floats, Floats]:
    """Times at which steps must end, and those at which they may, first and last included."""
    first, last = runs.span[p]
    changes = runs.when[p]
    breaks = np.unique(np.concatenate([[first], changes[(changes >= first) & (changes <= last)]]))
    reach = np.diff(np.append(breaks, last))
    growing = np.geomspace(EARLIEST, 1.0, CANDIDATES)
    between = [start + span * growing for start, span in zip(breaks, reach, strict=True)]
    steps = method.steps if isinstance(method, Hybrid) else 1
    even = np.linspace(first, last, steps + 1)
    stops = np.unique(np.concatenate([breaks, even, runs.times]))
    found = np.unique(np.concatenate([stops, *between]))
    return stops, found[(found >= first) & (found <= last)]


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


def _coefficients(
    net: JumpPrograms, rates: Floats, state: Floats, scarce: Flags
) -> tuple[Floats, Floats]:
    """Jacobians and noise per h (s, n, n) at the states (s, n)."""
    n, m = state.shape[1], len(net.reactants)
    change = np.zeros((m, n + 1))
    np.add.at(change, (np.arange(m)[:, None], net.changed), net.amount)
    change = change[:, :n] * ~scarce
    rate, first, second, _ = net.reactants.T
    one = np.concatenate([state, np.ones((len(state), 1))], axis=1)
    k = rates[rate]
    slope = np.zeros((len(state), m, n + 1))
    reactions = np.arange(m)
    slope[:, reactions, first] += k * one[:, second]
    slope[:, reactions, second] += k * one[:, first]
    pace = k * one[:, first] * one[:, second]
    matrix = change.T @ slope[:, :, :n]
    spread: Floats = np.swapaxes(change[None] * pace[:, :, None], 1, 2) @ change
    return matrix, spread


def _transitions(matrix: Floats, spread: Floats, spans: Floats) -> tuple[Floats, Floats]:
    """Transitions and noise (s, n, n) of steps of constant coefficients: by series, then doubling.

    Over twice the time a transition is squared, and its noise is carried on by it once.
    """
    size = np.abs(matrix).sum(axis=2).max(axis=1, initial=0.0) * spans
    doublings = np.maximum(0, np.ceil(np.log2(np.maximum(size, 1e-300) / SMALL))).astype(int)
    h = (spans / 2.0**doublings)[:, None, None]
    eye = np.eye(matrix.shape[1])
    transition, power = eye + h * matrix, h * matrix
    noise, term = h * spread, h * spread
    for order in range(2, ORDER + 1):
        power = power @ matrix * (h / order)
        transition = transition + power
        half = matrix @ term
        term = (half + np.swapaxes(half, 1, 2)) * (h / order)
        noise = noise + term
    for doubling in range(int(doublings.max(initial=0))):
        more = doublings > doubling
        once, so_far = transition[more], noise[more]
        noise[more] = so_far + once @ so_far @ np.swapaxes(once, 1, 2)
        transition[more] = once @ once
    return transition, 0.5 * (noise + np.swapaxes(noise, 1, 2))
