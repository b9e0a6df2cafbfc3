"""One case of a benchmark: set up, run in turns with its ruler, and read.

Only CPU time counts, of this process and of the children it waited for, and only as a ratio to a
ruler that takes its turns between the runs.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from protacsim.bench.rulers import Ruler, rulers
from protacsim.errors import ParameterError

AGAIN = 4
"""How often a ratio that looks too large is measured once more before it counts."""


class Error(NamedTuple):
    """An error norm: its value, the most that is allowed, and what is as good as none."""

    value: float
    most: float
    floor: float


@dataclass(frozen=True)
class Found:
    """What a run is judged by, beside its time.

    `counts` are the same on every machine, `local_counts` on one CPU with one set of packages.
    `figure` replaces the ratio where something else than CPU time is measured (MiB of memory).
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    local_counts: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, Error] = field(default_factory=dict)
    figure: float | None = None


class Trial(NamedTuple):
    """What is timed, how its outcome is read, and what clears up; only `run` is timed."""

    run: Callable[[], Any]
    read: Callable[[Any], Found]
    close: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Case:
    """A benchmark: `prepare` sets it up, once, and is not timed.

    `full` cases take long and run only when asked for. `turns` is how often body and ruler take
    turns in one measurement.
    """

    name: str
    prepare: Callable[[], Trial]
    ruler: Ruler = "compiled"
    turns: int = 9
    full: bool = False


@dataclass(frozen=True)
class Measured:
    """A case's outcome: CPU time over its ruler's in each turn, CPU seconds of a run, and counts.

    `cpu_s` is for people; nothing is decided by it.
    """

    name: str
    ruler: Ruler
    ratios: tuple[float, ...]
    cpu_s: float
    found: Found

    @property
    def ratio(self) -> float:
        """Median over the turns."""
        return statistics.median(self.ratios)


def measured(case: Case, limit: float = math.inf, times: int = 1) -> Measured:
    """Run a case; a ratio above `limit` is measured up to `AGAIN` times more, the lowest counts.

    What slows a case down for good slows every measurement, a busy neighbour only some. With
    `times` the middle one of so many measurements counts, for a baseline.
    """
    trial = case.prepare()
    try:
        return _measured(case, trial, limit, times)
    finally:
        trial.close()


def _measured(case: Case, trial: Trial, limit: float, times: int) -> Measured:
    found = trial.read(trial.run())
    if found.figure is not None:
        return Measured(case.name, case.ruler, (found.figure,), math.nan, found)
    each = sorted((_turns(case, trial) for _ in range(times)), key=_median)
    best = each[len(each) // 2]
    for _ in range(AGAIN):
        if _median(best) <= limit:
            break
        best = min(best, _turns(case, trial), key=_median)
    return Measured(case.name, case.ruler, best[0], statistics.median(best[1]), found)


def _median(turns: tuple[tuple[float, ...], list[float]]) -> float:
    return statistics.median(turns[0])


def _turns(case: Case, trial: Trial) -> tuple[tuple[float, ...], list[float]]:
    """Ratio and CPU seconds of each run, against the mean of the rulers before and after it."""
    ruler = rulers()[case.ruler]
    before, ratios, spent = cpu_of(ruler), [], []
    for _ in range(case.turns):
        spent.append(cpu_of(trial.run))
        after = cpu_of(ruler)
        ratios.append(2.0 * spent[-1] / (before + after))
        before = after
    return tuple(ratios), spent


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process, and of children that have ended meanwhile."""
    started = time.process_time() + _children_s()
    work()
    return time.process_time() + _children_s() - started


def _children_s() -> float:
    try:
        import resource
    except ImportError:
        raise ParameterError(
            "bench: this system does not tell the CPU time of processes; use Linux or macOS."
        ) from None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
