"""What a comparison with a baseline says: exact, ratio and accuracy, each with its own rule.

Counts are equal or the case fails. A ratio fails above 1.25 times the baseline and warns above
1.10, after it was measured again. An error norm fails above its bound, or above twice the
baseline.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from protacsim.bench.harness import Measured
from protacsim.bench.records import Machine, Record, family, versions

Level = Literal["fail", "warn", "note"]
FAIL, WARN, NOTE = "fail", "warn", "note"

RATIO_FAILS, RATIO_WARNS = 1.25, 1.10
ERROR_FAILS = 2.0


@dataclass(frozen=True)
class Verdict:
    """One thing to say about a case: the tier, how bad, by which factor, in one sentence."""

    case: str
    tier: Literal["exact", "ratio", "accuracy", "baseline"]
    level: str
    sentence: str
    factor: float | None = None


def known_ratio(case: str, baseline: Record | None) -> float | None:
    """The ratio of a case in the baseline of this kind of machine; None where it has none."""
    known = _machine(baseline)
    return known.ratios.get(case) if known else None


def limit_of(case: str, baseline: Record | None) -> float:
    """The ratio above which a case is measured again: where a warning would begin."""
    before = known_ratio(case, baseline)
    return math.inf if before is None else RATIO_WARNS * before


def compared(outcomes: Sequence[Measured], baseline: Record, path: str) -> list[Verdict]:
    """Everything that outcomes have to be told about, worst first."""
    known = _machine(baseline)
    found = [v for outcome in outcomes for v in _of_case(outcome, baseline, known)]
    if known is None:
        found.append(_no_machine(baseline, path))
    order = [FAIL, WARN, NOTE]
    return sorted(found, key=lambda verdict: order.index(verdict.level))


def softened(verdict: Verdict) -> Verdict:
    """The same with a slow case as a warning: only counts and errors fail."""
    slow = verdict.tier == "ratio" and verdict.level == FAIL
    return dataclasses.replace(verdict, level=WARN) if slow else verdict


def _machine(baseline: Record | None) -> Machine | None:
    return baseline.machines.get(family()) if baseline else None


def _no_machine(baseline: Record, path: str) -> Verdict:
    return Verdict(
        "",
        "baseline",
        NOTE,
        f"{path} has no ratios of this machine ({family()}), only of: "
        f"{'; '.join(baseline.machines) or 'none'}. Counts and errors were compared, CPU time was "
        f"not. To make them: protacsim bench --compare {path} --update --reason "
        '"first run on this machine"',
    )


def _of_case(outcome: Measured, baseline: Record, known: Machine | None) -> Iterator[Verdict]:
    name = outcome.name
    yield from _bounds(outcome)
    timed = any(name in machine.ratios for machine in baseline.machines.values())
    if not (timed or name in baseline.counts or name in baseline.errors):
        yield Verdict(name, "baseline", NOTE, f"{name}: not in the baseline; --update adds it")
        return
    yield from _counts(name, outcome.found.counts, baseline.counts.get(name, {}))
    yield from _errors(outcome, baseline)
    if known is None:
        return
    if known.versions == versions():
        local = known.local_counts.get(name, {})
        yield from _counts(name, outcome.found.local_counts, local)
    yield from _ratio(outcome, known)


def _counts(case: str, now: Mapping[str, int], before: Mapping[str, int]) -> Iterator[Verdict]:
    for name in sorted({*now, *before}):
        if now.get(name) == before.get(name):
            continue
        old, new = before.get(name), now.get(name)
        factor = new / old if old and new is not None else None
        yield Verdict(
            case, "exact", FAIL, f"{case}: {name} is {_shown(new)}, was {_shown(old)}", factor
        )


def _shown(count: int | None) -> str:
    return "not counted" if count is None else f"{count:,}"


def _ratio(outcome: Measured, known: Machine) -> Iterator[Verdict]:
    before = known.ratios.get(outcome.name)
    if before is None or before <= 0.0:
        return
    factor = outcome.ratio / before
    if factor <= RATIO_WARNS:
        return
    what = "memory" if outcome.ruler == "memory" else "CPU time"
    level = FAIL if factor > RATIO_FAILS else WARN
    limit = RATIO_FAILS if level == FAIL else RATIO_WARNS
    yield Verdict(
        outcome.name,
        "ratio",
        level,
        f"{outcome.name}: {what} is {factor:.2f} times the baseline (above {limit:.2f})",
        factor,
    )


def _bounds(outcome: Measured) -> Iterator[Verdict]:
    for name, error in outcome.found.errors.items():
        if not error.value <= error.most:
            yield Verdict(
                outcome.name,
                "accuracy",
                FAIL,
                f"{outcome.name}: {name} is {error.value:.2g}; must be at most {error.most:.2g}",
                error.value / error.most,
            )


def _errors(outcome: Measured, baseline: Record) -> Iterator[Verdict]:
    for name, before in baseline.errors.get(outcome.name, {}).items():
        now = outcome.found.errors.get(name)
        if now is None:
            yield Verdict(
                outcome.name, "accuracy", FAIL, f"{outcome.name}: {name} is no longer measured"
            )
        elif now.value > max(ERROR_FAILS * before.value, now.floor):
            factor = now.value / before.value if before.value else None
            yield Verdict(
                outcome.name,
                "accuracy",
                FAIL,
                f"{outcome.name}: {name} is {now.value:.2g}, was {before.value:.2g}",
                factor,
            )
