"""One case of a benchmark: set up, run in turns with its ruler, and read.

Only CPU time counts, of this process and of the children it waited for, and only as a ratio to a
ruler that takes its turns between the runs.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from protacsim.bench.rulers import Ruler, ruler_of
from protacsim.errors import ParameterError

AGAIN = 4
"""How often a ratio that looks too large is measured once more before it counts."""

LONGEST_RULER = 6


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
    turns: int = 7
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


class Session:
    """Cases that stay set up, so that they can be measured again after all others.

    >>> with Session(cases()) as session:
    ...     outcomes = session.measure()
    """

    def __init__(self, cases: Sequence[Case], tell: Callable[[str], object] = str) -> None:
        self.cases = tuple(cases)
        self._tell = tell
        self._ready: dict[str, tuple[Trial, Found]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for trial, _found in self._ready.values():
            trial.close()

    def measure(
        self, limit_of: Callable[[str], float] = lambda name: math.inf, passes: int = 1
    ) -> list[Measured]:
        """One outcome per case, from so many passes over all cases.

        A case whose ratio is above its limit is measured up to `AGAIN` times more, after the
        others, and all turns count: a neighbour that was busy for a while is outvoted.
        """
        each = [[self._measured(case) for case in self.cases] for _ in range(passes)]
        found = [together(column) for column in zip(*each, strict=True)]
        for _ in range(AGAIN):
            for place, (case, outcome) in enumerate(zip(self.cases, found, strict=True)):
                if outcome.ratio > limit_of(case.name):
                    found[place] = together([outcome, self._measured(case)])
        return found

    def _measured(self, case: Case) -> Measured:
        self._tell(case.name)
        trial, found = self._prepared(case)
        if found.figure is not None:
            return Measured(case.name, case.ruler, (found.figure,), math.nan, found)
        ratios, spent = _turns(case, trial)
        return Measured(case.name, case.ruler, ratios, statistics.median(spent), found)

    def _prepared(self, case: Case) -> tuple[Trial, Found]:
        """What is timed, and what its first run gave; later runs give the same."""
        if case.name not in self._ready:
            trial = case.prepare()
            self._ready[case.name] = trial, Found()
            self._ready[case.name] = trial, trial.read(trial.run())
        return self._ready[case.name]


def together(outcomes: Sequence[Measured]) -> Measured:
    """One outcome of all turns."""
    ratios = tuple(ratio for outcome in outcomes for ratio in outcome.ratios)
    spent = statistics.median(outcome.cpu_s for outcome in outcomes)
    return dataclasses.replace(outcomes[0], ratios=ratios, cpu_s=spent)


def _turns(case: Case, trial: Trial) -> tuple[tuple[float, ...], list[float]]:
    """Ratio and CPU seconds of each run, against the mean of the rulers before and after it.

    A neighbour comes and goes within milliseconds: a ruler takes about as long as the case, up to
    `LONGEST_RULER` times over, so that both see the same share of it.
    """
    ruler = ruler_of(case.ruler)
    times = max(1, min(LONGEST_RULER, round(cpu_of(trial.run) / cpu_of(ruler))))

    def unit() -> float:
        return cpu_of(lambda: [ruler() for _ in range(times)]) / times

    before, ratios, spent = unit(), [], []
    for _ in range(case.turns):
        spent.append(cpu_of(trial.run))
        after = unit()
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
