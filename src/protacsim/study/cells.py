"""Single cells of a study: which stochastic method draws them, and what a cell costs.

`Auto` is resolved once from the whole study, so that every worker, chunk and resumed run uses the
same method; what was chosen, and why, stands in the manifest.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protacsim.methods import SSA, Auto, Method, Stochastic
from protacsim.simulation import (
    checked_choice,
    choose,
    expected_events,
    points_of_scenario,
    run_ensemble,
    seconds_per_cell,
)
from protacsim.simulation.choosing import least_means
from protacsim.simulation.points import Runs
from protacsim.study.combination import Combination
from protacsim.study.nouns import Study

Floats = NDArray[np.float64]

MOST_PILOTS = 6

# Points whose mean is looked at for where read-outs are fewest, of a study and of one combination.
MOST_MEANS, MOST_MEANS_OF_ONE = 8192, 512

# Combinations of the ends of all dims are looked at up to this many; then the ends of each dim.
MOST_CORNERS = 64

# Points whose noise is looked at, at 10 to 40 ms each: those with fewest molecules.
MOST_EXTREMES = 256

CHECK_REPLICATES = 200
EVENTS_OF_A_CHECK = 5e8
"""Events that the exact cells which check an approximate method may take together."""


def chosen(study: Study) -> tuple[Method | Stochastic, str]:
    """The method that a study is run with, and in one sentence why."""
    if not isinstance(study.method, Auto):
        return study.method, "as asked"
    found = list(pilots(study))
    reads = {part for reading in study.readout.readings for part in reading.parts}
    choice = choose(found, study.method, study.points, reads, extremes(study, reads))
    if isinstance(choice.method, SSA):
        return choice.method, choice.reason
    events = [float(expected_events(runs)[0]) for runs in found]
    cheapest = int(np.argmin(events))
    cells = min(study.method.exact_cells, int(EVENTS_OF_A_CHECK / events[cheapest]))
    if not cells:
        return choice.method, f"{choice.reason}; {_unchecked(study.method, events[cheapest])}"
    runs = found[cheapest]
    ensemble = run_ensemble(runs.with_replicates(0, CHECK_REPLICATES), choice.method, False)
    return choice.method, checked_choice(runs, choice, cells, ensemble)


def _unchecked(method: Auto, events: float) -> str:
    if not method.exact_cells:
        return "no exact cell was asked for"
    return f"no exact cell was run beside it, since one takes {events:.1e} events"


def settled(study: Study) -> tuple[Study, str]:
    """The study with its method settled, and why it is this one."""
    method, reason = chosen(study)
    return (study if method is study.method else dataclasses.replace(study, method=method)), reason


def pilots(study: Study) -> Iterator[Runs]:
    """The middle point of several combinations of named values."""
    step = max(1, math.ceil(len(study.combinations) / MOST_PILOTS))
    for combination in study.combinations[::step]:
        yield _points(study, combination, [_flat(combination, _middle(combination))])


def extremes(study: Study, reads: Collection[str]) -> Iterator[Runs]:
    """Points of every combination at which a read-out may come nearest zero.

    These are the ends of every numeric dim, with the others in the middle, and for each read-out
    the point where its mean is least. Where they are very many, those with fewest molecules.
    """
    found = [_candidates(study, combination, reads) for combination in study.combinations]
    least = np.concatenate([of_one for _, of_one in found])
    kept = np.isfinite(least)
    kept[np.argsort(least, kind="stable")[MOST_EXTREMES:]] = False
    for runs, _ in found:
        own, kept = kept[: len(runs.rates)], kept[len(runs.rates) :]
        if own.any():
            yield runs.at(np.flatnonzero(own))


def _candidates(
    study: Study, combination: Combination, reads: Collection[str]
) -> tuple[Runs, Floats]:
    """Points of one combination whose noise is worth a look, and their least mean (p,)."""
    ends = _ends(combination)
    most = min(MOST_MEANS_OF_ONE, max(1, MOST_MEANS // len(study.combinations)))
    places = sorted({*ends, *_corners(combination), *_spread(combination, most)})
    runs = _points(study, combination, places)
    least = least_means(runs, reads)
    rows = sorted({places.index(end) for end in ends} | set(least.argmin(axis=0).tolist()))
    return runs.at(rows), least[rows].min(axis=1, initial=np.inf)


def _ends(combination: Combination) -> list[int]:
    """Points at both ends of each numeric dim, the others in the middle."""
    middle = _middle(combination)
    return [
        _flat(combination, middle | {dim: place})
        for dim, places in _extreme_places(combination).items()
        for place in places
    ] or [_flat(combination, middle)]


def _corners(combination: Combination) -> list[int]:
    """Points at an end of every numeric dim, unless they are too many."""
    places = _extreme_places(combination)
    if math.prod(map(len, places.values())) > MOST_CORNERS:
        return []
    every = itertools.product(*places.values())
    return [_flat(combination, dict(zip(places, each, strict=True))) for each in every]


def _spread(combination: Combination, most: int) -> list[int]:
    """Points spread evenly over the grid of one combination, all if there are no more."""
    points = math.prod(combination.shape.values())
    even = np.linspace(0.0, points - 1.0, min(points, most))
    return [int(place) for place in even]


def _extreme_places(combination: Combination) -> dict[str, list[int]]:
    """Where the numbers along each dim are least and largest."""
    found: dict[str, set[int]] = {}
    for axis in combination.numeric:
        column = axis.column(slice(0, axis.size), combination.scenario)
        found.setdefault(axis.dim, set()).update({int(column.argmin()), int(column.argmax())})
    return {dim: sorted(places) for dim, places in found.items()}


def _middle(combination: Combination) -> dict[str, int]:
    return {dim: n // 2 for dim, n in combination.shape.items()}


def _flat(combination: Combination, place: Mapping[str, int]) -> int:
    """Number of a point in the grid of one combination."""
    flat = 0
    for dim, n in combination.shape.items():
        flat = flat * n + place[dim]
    return flat


def _points(study: Study, combination: Combination, places: Sequence[int]) -> Runs:
    """Numbers of some points of one combination."""
    return points_of_scenario(
        combination.scenario,
        _values(combination, places),
        np.asarray(study.readout.times_h, float),
        seed=study.seed,
        varied=combination.varied,
        species=study.readout.species,
    )


def _values(combination: Combination, places: Sequence[int]) -> dict[str, Any]:
    """Numbers by path at some points: what varies is looked up dim by dim."""
    shape = combination.shape
    first = {dim: slice(0, 1) for dim in shape}
    values, _ = combination.values(first)
    if shape:
        for dim, at in zip(shape, np.unravel_index(places, tuple(shape.values())), strict=True):
            along, _ = combination.values(first | {dim: slice(0, shape[dim])})
            values |= {path: along[path][at] for path in combination.paths_along(dim)}
    return values


def seconds(study: Study) -> float:
    """Static estimate of one cell of a study whose method is settled."""
    return seconds_per_cell(list(pilots(study)), study.method)
