"""Costs of whole processes: starts, memory, threads, studies. Each function gives one line.

What the processes do is in `probes`; runs that are compared alternate.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from problem import reference_problem
from protacsim.interop import to_sbml
from solvers import engines

PROBES = Path(__file__).with_name("probes.py")

CONFIG = """schema = "protacsim/1"
[scenario]
cell = "molm14"
target = "BTK"
neosubstrates = [{neosubstrates}]
[[treatment]]
compounds = [{compounds}]
[[axis]]
path = "compound.cooperativity"
geomspace = [0.1, 1000.0, {cooperativities}]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-2, 1e5, {doses}]
[readout]
observables = ["target_total", "target_active", "ternary"]
times_h = [{times}]
{against}
"""

WORK = {"stored": "", "and its curves read": 'relative_to = "vehicle"'}
"""What a run does with its observables: keep them, or relate them and read every curve too."""


class Study(NamedTuple):
    """A sweep over doses and cooperativities with 25 outputs, and the species of its network."""

    about: str
    species: int
    compounds: str
    neosubstrates: str = ""

    def config(self, doses: int, cooperativities: int, work: str) -> str:
        """The sweep as a configuration; `work` is one of `WORK`."""
        return CONFIG.format(
            against=WORK[work],
            compounds=self.compounds,
            neosubstrates=self.neosubstrates,
            doses=doses,
            cooperativities=cooperativities,
            times=", ".join(f"{t}.0" for t in range(25)),
        )


IBRUTINIB = '{ name = "ibrutinib", dose_nM = 20.0 }'
DEGRADER = Study("of a degrader", 19, '"mt-802"')
STUDIES = (
    DEGRADER,
    Study("beside an inhibitor", 31, f'{IBRUTINIB}, "mt-802"'),
    Study("of a degrader with two neosubstrates", 39, '"nx-2127"', '"IKZF1", "IKZF3"'),
    Study("of all that the reference network has", 41, f'{IBRUTINIB}, "nx-2127"', '"IKZF1"'),
)
"""The last has an inhibitor that traps the target, a degrader, both in and out of the cell, and two
proteins that are lost by chains of 4, in 133 reactions; the reference, 40 species and 146."""


class Child(NamedTuple):
    """What a probe answered, and what its process took."""

    answer: dict[str, Any]
    cpu_s: float
    wall_s: float


class Cost(NamedTuple):
    """One figure: what it is, its value, in words, and the numbers behind it."""

    subject: str
    text: str
    numbers: dict[str, Any]


def probe(name: str, *arguments: object, **environment: str) -> Child:
    """Run one probe in a fresh interpreter; raises `RuntimeError` with what it printed last."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(PROBES), name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"probe {name} failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Child(json.loads(done.stdout), cpu, wall)


def all_costs(runs: int, rounds: int) -> Iterator[Cost]:
    """Every cost, one after the other."""
    for engine in engines(reference_problem(1, 1)):
        yield many_runs(engine.name, runs)
        yield two_threads(engine.name, 3 * rounds)  # other programs take cores now and then
    yield warm_start(rounds)
    yield first_ever()
    for study in STUDIES:
        for work in WORK:
            yield study_run(runs, study, work, rounds)


def many_runs(engine: str, runs: int) -> Cost:
    """CPU time and memory of many runs in one call."""
    found = probe("many_runs", engine, runs).answer
    text = (
        f"{found['cpu_s']:.1f} s CPU; {found['beyond_results_MiB']:.0f} MiB beyond "
        f"{found['results_MiB']:.0f} MiB of results"
    )
    return Cost(f"{engine}: {found['runs']} runs in one call of solve", text, found)


def two_threads(engine: str, rounds: int) -> Cost:
    """The engine's gain from a second thread, as a share of what a trivial kernel gains."""
    found = probe("two_threads", engine, rounds).answer
    shares = [own / other for own, other in zip(found["engine"], found["trivial"], strict=True)]
    own, other = (statistics.median(found[name]) for name in ("engine", "trivial"))
    text = f"{with_range(shares)} of a trivial kernel's gain ({own:.2f} against {other:.2f})"
    return Cost(f"{engine}: two threads over one", text, found | {"shares": shares})


def warm_start(rounds: int) -> Cost:
    """First result of a process with a warm cache, over libRoadRunner's from its SBML file."""
    problem = reference_problem(1, 1)
    only = np.array([0])
    rates = {name: k[0] for name, k in problem.named_rates(only).items()}
    amounts = {name: x[0] for name, x in problem.named_amounts(only).items()}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.xml"
        model.write_text(to_sbml(problem.network, rates, amounts), encoding="utf-8")
        probe("first_result_protacsim"), probe("first_result_roadrunner", model)
        pairs = [
            (probe("first_result_protacsim").cpu_s, probe("first_result_roadrunner", model).cpu_s)
            for _ in range(rounds)
        ]
    ratios = [own / peer for own, peer in pairs]
    own, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    text = f"{with_range(ratios)} of libRoadRunner's ({own:.2f} s against {peer:.2f} s CPU)"
    numbers = {"protacsim_s": [own for own, _ in pairs], "roadrunner_s": [p for _, p in pairs]}
    return Cost("first result, warm cache", text, numbers)


def first_ever() -> Cost:
    """First result after installation: nothing compiled yet."""
    with tempfile.TemporaryDirectory() as folder:
        child = probe("first_result_protacsim", PROTACSIM_CACHE_DIR=folder)
    text = f"{child.wall_s:.1f} s, {child.cpu_s:.1f} s CPU"
    return Cost(
        "first result ever, empty cache", text, {"wall_s": child.wall_s, "cpu_s": child.cpu_s}
    )


def study_run(runs: int, study: Study, work: str, rounds: int) -> Cost:
    """`protacsim run` from the start of the process, over the compiled driver inside it."""
    doses = max(2, round((runs * 1.6) ** 0.5))
    cooperativities = max(2, runs // doses)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "study.toml"
        config.write_text(study.config(doses, cooperativities, work), encoding="utf-8")
        out = [Path(folder) / str(number) for number in range(rounds)]
        found = [probe("study_run", config, each).answer for each in out]
    numbers = {name: [answer[name] for answer in found] for name in found[0]}
    own, kernel = (statistics.median(numbers[name]) for name in ("cpu_s", "kernel_s"))
    text = (
        f"{with_range(over_kernel(numbers))} times the bare kernel "
        f"({own:.1f} s against {kernel:.1f} s CPU), peak {max(numbers['peak_MiB']):.0f} MiB"
    )
    points = doses * cooperativities
    subject = f"protacsim run of {points} points {study.about}: {study.species} species, {work}"
    return Cost(subject, text, numbers)


def over_kernel(numbers: dict[str, list[float]]) -> list[float]:
    """A run's CPU time over its kernel's, round by round."""
    return [own / kernel for own, kernel in zip(numbers["cpu_s"], numbers["kernel_s"], strict=True)]


def with_range(values: list[float]) -> str:
    """Median, and the lowest and highest value."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
