"""Which stochastic method is good enough: a pure function of the numbers of a study.

The pilot is the deterministic mean and its linear noise; nothing is sampled here, and no clock is
asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import MethodWarning
from protacsim.methods import LNA, SSA, Auto, Hybrid, Stochastic
from protacsim.network import Dose
from protacsim.network.jumps import compile_jumps
from protacsim.simulation.batch import solve
from protacsim.simulation.linear_noise import (
    ACCURACY,
    Linearised,
    carried,
    linearised,
    mean_path,
    scarce_species,
    start_covariance,
)
from protacsim.simulation.points import Runs

Floats = NDArray[np.float64]

# A Gaussian read-out this many standard deviations from zero is negative in 1 of 30,000 cells.
FAR_FROM_ZERO = 4.0

# The start and what exact scarce species bring about are no Gaussians and end at zero by
# themselves. Cells in which these are rare must still be far from it: all spread keeps this many.
FAR_IN_ALL = 2.0

# Read-outs with a smaller mean, in molecules, are taken as absent: 999 of 1000 cells have none.
LEAST_SEEN = 1e-3

SECONDS_PER_EVENT = 3e-8

# An exact run that is estimated to take longer on one core was hardly meant.
LONG_S = 3600.0

# Exact cells further than this from the mean of an approximate ensemble contradict it.
SUSPICIOUS = 6.0


@dataclass(frozen=True)
class Choice:
    """A method, and in one sentence why it was chosen."""

    method: Stochastic
    reason: str


def choice_for(runs: Runs, auto: Auto) -> Choice:
    """The method for all replicates of all points of `runs`."""
    return choose([runs], auto, len(runs.rates) * len(runs.replicates))


def choose(
    pilots: Sequence[Runs],
    auto: Auto,
    cells: int,
    reads: Collection[str] | None = None,
    extremes: Iterable[Runs] = (),
) -> Choice:
    """The method for `cells` runs, of which the points of `pilots` are typical.

    Only the observables in `reads`, all by default, have to stay far from zero, at these points
    and at those of `extremes`, which are asked for where the exact method takes too many events.
    """
    total = cells * float(np.concatenate([expected_events(runs) for runs in pilots]).mean())
    if total <= auto.most_events:
        return Choice(SSA(), f"exact: {total:.1e} events expected in all runs together")
    hybrid = Hybrid()
    looked_at = (*pilots, *extremes)
    points = [(runs, p, scarce_species(runs, p, hybrid)) for runs in looked_at for p in _all(runs)]
    method: Hybrid | LNA = hybrid if any(found.any() for *_, found in points) else LNA()
    share, margin, name = min(
        found for runs, p, scarce in points for found in _margins(runs, p, method, scarce, reads)
    )
    said = f"{total:.1e} events expected in all runs together"
    if share < 1.0:
        near = f"{name} comes within {margin:.1f} SD of zero"
        warn_of_wait(total * SECONDS_PER_EVENT, near)
        return Choice(SSA(), f"exact in spite of {said}: {near}")
    far = f"stay {margin:.1f} SD from zero" if margin < np.inf else "are of species kept exact"
    return Choice(method, f"{type(method).__name__}: {said}, and read-outs {far}")


def _all(runs: Runs) -> range:
    return range(len(runs.rates))


def expected_events(runs: Runs) -> Floats:
    """Events (p,) of one run of each point, along its mean."""
    net = compile_jumps(runs.network)
    found = np.zeros(len(runs.rates))
    rate, first, second, _ = net.reactants.T
    for p in range(len(found)):
        times, mean = mean_path(runs, p)
        state = np.concatenate([mean, np.ones((len(mean), 1))], axis=1)
        pace = (runs.rates[p][rate] * state[:, first] * state[:, second]).sum(axis=1)
        found[p] = np.trapezoid(pace, times)
    return found


def least_means(runs: Runs, reads: Collection[str] | None = None) -> Floats:
    """Least mean (p, o) of every read-out over the times at which it is there; inf where never."""
    compiled = runs.compiled
    changes = [
        Dose(runs.when[:, e], compiled.species[s], runs.amount[:, e], bool(runs.kind[e]))
        for e, s in enumerate(runs.species)
    ]
    found = solve(
        runs.network,
        dict(zip(compiled.rates, runs.rates.T, strict=True)),
        dict(zip(compiled.species, runs.initial.T, strict=True)),
        runs.times,
        method=ACCURACY,
        changes=changes,
        states=not compiled.observables,
    )
    mean = found.observables if compiled.observables else found.states
    least: Floats = np.where(mean > LEAST_SEEN, mean, np.inf).min(axis=1)
    return least[:, _read_places(runs, reads)]


def _read_places(runs: Runs, reads: Collection[str] | None) -> list[int]:
    """Which read-outs are asked for; in a network without observables, all species are."""
    names = runs.compiled.observables
    if not names:
        return list(range(len(runs.compiled.species)))
    return [o for o, name in enumerate(names) if _is_read(name, reads)]


def _read_weights(runs: Runs, p: int, reads: Collection[str] | None) -> tuple[Floats, list[str]]:
    """Read-outs of one point as sums over species (o, n), and their names."""
    places = _read_places(runs, reads)
    names = runs.compiled.observables or runs.compiled.species
    weights = np.eye(len(runs.compiled.species))
    if runs.compiled.observables:
        terms = runs.compiled.programs
        rate = np.append(runs.rates[p], 1.0)[terms.obs_rate]  # place -1: without a rate
        weights = np.zeros((len(names), len(runs.compiled.species)))
        rows = np.repeat(np.arange(len(names)), np.diff(terms.obs_ptr))
        np.add.at(weights, (rows, terms.obs_species), terms.obs_weight * rate)
    return weights[places], [names[o] for o in places]


def _is_read(name: str, reads: Collection[str] | None) -> bool:
    """Whether an observable, or the one it is a member of, is asked for."""
    return reads is None or name in reads or name.partition("[")[0] in reads


def _margins(
    runs: Runs,
    p: int,
    method: Hybrid | LNA,
    scarce: NDArray[np.bool_],
    reads: Collection[str] | None,
) -> Iterator[tuple[float, float, str]]:
    """Least distances of one point's read-outs from zero: shares of what is needed, SD, names.

    Where some species are exact: by the Gaussian part alone, around these and the start at their
    mean, and by all spread.
    """
    all_spread = linearised(runs, p, method, np.zeros_like(scarce)), start_covariance(runs, p)
    parts = [(FAR_FROM_ZERO, *all_spread)]
    if scarce.any():
        own = linearised(runs, p, method, scarce)
        parts = [(FAR_FROM_ZERO, own, np.zeros_like(all_spread[1])), (FAR_IN_ALL, *all_spread)]
    for needed, linear, start in parts:
        distance, name = _distance(runs, p, linear, start, scarce, reads)
        yield distance / needed, distance, name


def _distance(
    runs: Runs,
    p: int,
    linear: Linearised,
    start: Floats,
    scarce: NDArray[np.bool_],
    reads: Collection[str] | None,
) -> tuple[float, str]:
    """Least distance from zero, in standard deviations, of any read-out that is there at all."""
    least: tuple[float, str] = (np.inf, "nothing")
    weights, names = _read_weights(runs, p, reads)
    weights[:, scarce] = 0.0  # these are exact
    for place, mean, covariance in carried(linear, start):
        if place < 0:
            continue
        value, variance = weights @ mean, ((weights @ covariance) * weights).sum(axis=1)
        for o in np.flatnonzero((value > LEAST_SEEN) & (variance > 0.0)):
            least = min(least, (float(value[o] / variance[o] ** 0.5), names[o]))
    return least


def departure(exact: Floats, approximate: Floats) -> float:
    """Largest distance of exact cells (p, r, t, o) from an ensemble, in its standard deviations.

    Points whose runs have all failed are left out.
    """
    known = ~np.isnan(approximate).all(axis=(1, 2, 3))
    exact, approximate = exact[known], approximate[known]
    centre, spread = np.nanmean(approximate, axis=1), np.nanstd(approximate, axis=1)
    enough = spread > 1.0
    distance = np.abs(exact - centre[:, None]) / np.where(enough, spread, np.inf)[:, None]
    return float(np.nanmax(distance, initial=0.0))


def warn_of_wait(core_s: float, near: str) -> None:
    """Warn when the exact method has to be taken and would take very long."""
    if core_s > LONG_S:
        warnings.warn(
            f"method auto takes the exact method, because {near}, and that is estimated to take "
            f"{core_s / 3600.0:,.1f} h on one core. Ask for fewer cells, points or read-outs, or "
            'name an approximate method (kind = "hybrid") and mind those cells near zero.',
            MethodWarning,
            stacklevel=2,
        )


def warn_of(worst: float, chosen: Choice) -> None:
    """Warn when exact cells contradict the chosen method."""
    if worst > SUSPICIOUS:
        warnings.warn(
            f"method auto chose {chosen.reason}; but exact cells lie up to {worst:.1f} standard "
            "deviations away. Compare with SSA on a few cells before relying on it.",
            MethodWarning,
            stacklevel=2,
        )
