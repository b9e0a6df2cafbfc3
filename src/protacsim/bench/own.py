"""Cases made of a configuration: its check, as many of its points as fit a second, its errors."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import numpy as np

from protacsim.bench.harness import Case, Error, Found, Trial
from protacsim.config import Job, load
from protacsim.mechanisms import build_network
from protacsim.methods import Reference
from protacsim.study import Study, grid, seconds_per_point, settled
from protacsim.study.slab import compute

SECONDS, MOST_POINTS = 0.3, 4000
JUDGED = 2
"""Points that the referee runs: it takes a second or two for each."""

SMALL = 1e-6  # of a read-out's largest value: below it, errors count as absolute
TRIVIAL = 1e-9


def cases_of(job: Job) -> list[Case]:
    """Cases of one checked configuration; only a window of a large study is run."""
    stem = job.source.stem
    return [
        Case(f"{stem}: check", partial(_check, job), ruler="python", turns=5),
        Case(f"{stem}: points", partial(points, job.study), turns=5),
    ]


def _check(job: Job) -> Trial:
    def read(found: Job) -> Found:
        return Found({"points": found.study.points})

    return Trial(lambda: load(job.source, job.overrides), read)


def points(study: Study) -> Trial:
    """Runs of a window of the study, with how far the deterministic ones are from the referee."""
    study = settled(study)[0]
    window = window_of(study, max(1, min(MOST_POINTS, int(SECONDS / seconds_per_point(study)))))

    def read(values: dict[str, Any]) -> Found:
        networks = {
            network.name: network
            for network in (build_network(c.scenario, c.varied) for c in study.combinations)
        }
        counts = {
            "points": int(values["status"].size),
            "failed": int(np.count_nonzero(values["status"])),
            "reactions": sum(len(network.reactions) for network in networks.values()),
        }
        return Found(counts, errors=against_the_referee(study))

    return Trial(lambda: compute(study, window), read)


def against_the_referee(study: Study, most: float = 1e-3) -> dict[str, Error]:
    """Largest error of any read-out at a few points, by SciPy on the same reactions.

    Relative to the value, and at small values to a millionth of the read-out's largest one.
    Empty for single cells, which have no one right answer.
    """
    if study.is_stochastic:
        return {}
    window = window_of(study, JUDGED)
    found = compute(study, window)
    right = compute(dataclasses.replace(study, method=Reference()), window)
    worst = 0.0
    for reading in study.readout.readings:
        wanted = right[reading.name]
        scale = np.abs(wanted) + SMALL * np.nanmax(np.abs(wanted), initial=0.0)
        off = np.abs(found[reading.name] - wanted) / np.where(scale > 0.0, scale, 1.0)
        worst = max(worst, float(np.nanmax(off, initial=0.0)))
    return {"error of read-outs": Error(worst, most, TRIVIAL)}


def window_of(study: Study, most: int) -> dict[str, slice]:
    """A box of at most so many points in the middle of the grid, the last dims whole first."""
    window = {}
    for dim, size in reversed(list(grid(study).sizes.items())):
        count = max(1, min(size, most))
        first = (size - count) // 2
        window[dim] = slice(first, first + count)
        most = math.floor(most / count)
    return dict(reversed(window.items()))
