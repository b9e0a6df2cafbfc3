"""Speed and accuracy against the peers on the reference network: `make peers`.

libRoadRunner and SciPy's LSODA take turns with both engines of this package in one process; CPU
time counts, and both error norms stand beside it. Our engines run at three tolerances, because a
ratio of times says something at equal errors only. Costs of whole processes follow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from accuracy import Errors, errors, tight
from costs import all_costs, probe
from problem import Floats, Points, Problem, reference_problem
from solvers import LSODA, TOLERANCES, RoadRunner, Solver, engines

PARTS = 5  # of the grid, between which the solvers take turns
LSODA_SHARE = 10  # LSODA runs every tenth point of each part: it is the slowest
REFEREES = 6
PACKAGES = ("protacsim", "libroadrunner", "scipy", "numba", "llvmlite", "numpy")


class Entry(NamedTuple):
    """One solver, and the points that it runs in each turn."""

    solver: Solver
    turns: list[Points]


class Line(NamedTuple):
    """One line of the table."""

    solver: str
    settings: str
    us_per_run: list[float]
    errors: Errors
    gain: list[float]
    peak_MiB: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the numbers if asked to."""
    options = _parser().parse_args(arguments)
    problem = reference_problem()
    right, doubt = tight(problem, REFEREES)
    print(f"{machine()}\n{versions()}\n")
    print(f"Right to {doubt} (totals / species), judged by Radau on {REFEREES} points.\n")
    lines = table(problem, right, options.rounds)
    print("\n".join(printed(lines)), end="\n\n")
    found = []
    for cost in all_costs(options.runs, options.rounds):
        print(f"{cost.subject}: {cost.text}", flush=True)
        found.append(cost)
    if options.json:
        report = {
            "machine": machine(),
            "versions": versions(),
            "reference": doubt._asdict(),
            "table": [line._asdict() | {"errors": line.errors._asdict()} for line in lines],
            "costs": [cost._asdict() for cost in found],
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="times that all solvers take turns")
    parser.add_argument("--runs", type=int, default=100_000, help="size of the large sweeps")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    return parser


def entries(problem: Problem) -> list[Entry]:
    """libRoadRunner first; the engines run the whole grid in each turn, as a sweep would."""
    parts = np.array_split(np.random.default_rng(0).permutation(problem.points), PARTS)
    whole = [np.arange(problem.points)] * PARTS
    own = [engine for rank in range(len(TOLERANCES)) for engine in engines(problem, rank)]
    return [
        Entry(RoadRunner(problem), parts),
        *(Entry(engine, whole) for engine in own),
        Entry(LSODA(problem), [part[::LSODA_SHARE] for part in parts]),
    ]


def table(problem: Problem, right: Floats, rounds: int) -> list[Line]:
    """Errors of each solver, then their times in turns."""
    competing = entries(problem)
    accuracy = [_accuracy(problem, entry, right) for entry in competing]
    times = np.array([_round(competing) for _ in range(rounds)])
    lines = []
    for column, (entry, off) in enumerate(zip(competing, accuracy, strict=True)):
        gain = (times[:, 0] / times[:, column]).tolist()
        us = (1e6 * times[:, column]).tolist()
        peak = probe("peak_memory", entry.solver.name).answer["peak_MiB"]
        lines.append(Line(entry.solver.name, entry.solver.settings, us, off, gain, peak))
    return lines


def _accuracy(problem: Problem, entry: Entry, right: Floats) -> Errors:
    """Also the first call of each solver, which may compile."""
    points = np.unique(np.concatenate(entry.turns))
    entry.solver.observables(points[:1])
    return errors(problem, entry.solver.states(points), right[points])


def _round(competing: list[Entry]) -> list[float]:
    """CPU seconds per run of each solver, over one pass through all parts of the grid."""
    spent = np.zeros(len(competing))
    for turn in range(PARTS):
        for column, entry in enumerate(competing):
            started = time.process_time()
            entry.solver.observables(entry.turns[turn])
            spent[column] += time.process_time() - started
    return [
        float(seconds) / sum(map(len, entry.turns))
        for seconds, entry in zip(spent, competing, strict=True)
    ]


def printed(lines: list[Line]) -> Iterator[str]:
    """The table as text."""
    form = "{:<24} {:<26} {:>11} {:>19} {:>24} {:>9}"
    heads = "solver", "settings", "µs per run", "error totals / all"
    yield form.format(*heads, "libRoadRunner over it", "peak MiB")
    for line in lines:
        gain = f"{statistics.median(line.gain):.1f} ({min(line.gain):.1f} to {max(line.gain):.1f})"
        us, peak = f"{statistics.median(line.us_per_run):,.0f}", f"{line.peak_MiB:.0f}"
        yield form.format(line.solver, line.settings, us, str(line.errors), gain, peak)


def machine() -> str:
    """Processor and the cores that this process may use."""
    listing = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (listing.read_text().splitlines() if listing.exists() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def versions() -> str:
    """Interpreter and packages that take part."""
    found: dict[str, Any] = {"Python": platform.python_version()}
    found |= {name: version(name) for name in PACKAGES}
    return ", ".join(f"{name} {number}" for name, number in found.items())


if __name__ == "__main__":
    main()
