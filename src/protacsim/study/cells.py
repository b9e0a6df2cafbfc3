"""Single cells of a study: which stochastic method draws them, and what a cell costs.

`Auto` is resolved once from the whole study, so that every worker, chunk and resumed run uses the
same method; what was chosen, and why, stands in the manifest.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from protacsim.methods import SSA, Auto, Method, Stochastic
from protacsim.simulation import (
    checked_choice,
    choose,
    expected_events,
    points_of_scenario,
    run_ensemble,
    seconds_per_cell,
)
from protacsim.simulation.points import Runs
from protacsim.study.nouns import Study

MOST_PILOTS = 6
CHECK_REPLICATES = 200
EVENTS_OF_A_CHECK = 5e8
"""Events that the exact cells which check an approximate method may take together."""


def chosen(study: Study) -> tuple[Method | Stochastic, str]:
    """The method that a study is run with, and in one sentence why."""
    if not isinstance(study.method, Auto):
        return study.method, "as asked"
    found = list(pilots(study))
    reads = {part for reading in study.readout.readings for part in reading.parts}
    choice = choose(found, study.method, study.points, reads)
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
        middle = {dim: slice(n // 2, n // 2 + 1) for dim, n in combination.shape.items()}
        values, _ = combination.values(middle)
        yield points_of_scenario(
            combination.scenario,
            {path: np.ravel(value)[:1] for path, value in values.items()},
            np.asarray(study.readout.times_h, float),
            seed=study.seed,
            varied=combination.varied,
            species=study.readout.species,
        )


def seconds(study: Study) -> float:
    """Static estimate of one cell of a study whose method is settled."""
    return seconds_per_cell(list(pilots(study)), study.method)
