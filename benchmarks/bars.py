"""Every must and goal for speed and memory: `make bars`.

    python benchmarks/bars.py [--long]

What is cheap is measured now. What takes long, or needs other programs, is read from
`benchmarks/recorded/`: `deterministic.json` and `stochastic.json` come from `make peers`,
`long.json` from `--long` (half an hour on idle cores). Seconds are CPU seconds unless they say
wall. A figure that nobody has recorded yet says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import costs
from protacsim.bench import reference_network as reference
from protacsim.bench import stochastic_network as stochastic
from protacsim.methods import ODE, SSA, Hybrid
from protacsim.simulation import moments, sample, settle

ROOT = Path(__file__).parents[1]
RECORDED = Path(__file__).with_name("recorded")
LONG = RECORDED / "long.json"
ROUNDS = 5
INTERPRETED, EMITTED = "protacsim, interpreted", "protacsim, emitted"
NORMS = ("totals", "species")
Values = list[float]


class Bar(NamedTuple):
    """One promise: what is asked for, in which direction, and where its figure comes from."""

    figure: str
    must: float
    goal: float | None
    better: Literal["more", "less"]
    unit: str
    values: Callable[[], Values]

    def meets(self, values: Values, bar: float | None) -> bool:
        """Whether the median is on the right side."""
        if bar is None:
            return False
        middle = statistics.median(values)
        return middle >= bar if self.better == "more" else middle <= bar


class NotRecordedError(LookupError):
    """A figure that has to be measured by a longer run first; the message says by which."""


def recorded(name: str, command: str) -> Any:
    path = RECORDED / f"{name}.json"
    if not path.exists():
        raise NotRecordedError(command)
    return json.loads(path.read_text(encoding="utf-8"))


def lines(solver: str) -> list[dict[str, Any]]:
    """A solver's lines of the comparison with libRoadRunner, in the order of `TOLERANCES`."""
    table = recorded("deterministic", "make peers")["table"]
    return [entry for entry in table if entry["solver"] == solver]


def gain(solver: str, *norms: str) -> Callable[[], Values]:
    """libRoadRunner's time over a solver's, at errors no larger; of no norm: at the defaults."""
    return lambda: list(lines(solver)[loosest(solver, *norms) if norms else 0]["gain"])


def loosest(solver: str, *norms: str) -> int:
    """Rank of the loosest tolerances at which a solver's errors are no larger than its.

    Raises `LookupError` if there are none.
    """
    (peer,), own = lines("libRoadRunner"), lines(solver)
    for rank in range(len(own) - 1, -1, -1):
        if all(own[rank]["errors"][norm] <= peer["errors"][norm] for norm in norms):
            return rank
    raise LookupError(f"{solver} is nowhere as accurate as libRoadRunner.")


def cost(subject: str, read: Callable[[dict[str, Any]], Values]) -> Callable[[], Values]:
    """Numbers behind a cost of a whole process."""

    def values() -> Values:
        for entry in recorded("deterministic", "make peers")["costs"]:
            if subject in entry["subject"]:
                return read(entry["numbers"])
        raise NotRecordedError("make peers")

    return values


def rebop(network: str) -> Callable[[], Values]:
    def values() -> Values:
        table = recorded("stochastic", "make peers")["table"]
        (found,) = [
            e for e in table if (e["network"], e["solver"]) == (network, "rejection")
        ]  # fmt: skip
        return list(found["gain"])

    return values


def kept(name: str) -> Callable[[], Values]:
    """A figure of `--long`."""

    def values() -> Values:
        found = recorded("long", "make bars BARS_FLAGS=--long")
        if name not in found:
            raise NotRecordedError("make bars BARS_FLAGS=--long")
        return list(found[name])

    return values


def cpu_s(work: Callable[[], object], rounds: int = ROUNDS) -> Values:
    """CPU seconds of each round, after one that is not counted."""
    work()
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return spent


def steady_states_per_s() -> Values:
    dose, cooperativity = reference.grid()
    rates = reference.rate_constants(cooperativity)
    start = reference.initial_amounts(dose) | {"inhibitor_medium": 0.0}
    net = reference.reference_network()
    spent = cpu_s(lambda: settle(net, rates, start, method=ODE(engine="emitted"), states=False))
    return [len(dose) / seconds for seconds in spent]


def exact_day() -> Values:
    cell = stochastic.build("large")
    return cpu_s(
        lambda: sample(
            cell.network, cell.rates, cell.initial, [stochastic.DAY_S],
            method=SSA(), seed=1, replicates=1, states=False,
        ),
        rounds=2,
    )  # fmt: skip


def hybrid_day_ms() -> Values:
    """What one more path takes: the transitions of the first are shared by all."""
    cell = stochastic.build("large")

    def paths(count: int) -> Callable[[], object]:
        return lambda: sample(
            cell.network, cell.rates, cell.initial, [stochastic.DAY_S],
            method=Hybrid(), seed=1, replicates=count, states=False,
        )  # fmt: skip

    few, many = cpu_s(paths(100)), cpu_s(paths(1100))
    return [1e3 * (b - a) / 1000 for a, b in zip(few, many, strict=True)]


def moments_ms() -> Values:
    cell = stochastic.build("large")
    spent = cpu_s(lambda: moments(cell.network, cell.rates, cell.initial, [stochastic.DAY_S]))
    return [1e3 * seconds for seconds in spent]


def dry_run(key: str) -> Callable[[], Values]:
    return lambda: [float(answer[key]) for answer in [_dry_run()]]


def _dry_run() -> dict[str, Any]:
    text = costs.DEGRADER.config(31_623, 31_623, "and its curves read")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "billion.toml"
        config.write_text(text, encoding="utf-8")
        return costs.probe("dry_run", config).answer


def shares(found: dict[str, Any]) -> Values:
    return [own / other for own, other in zip(found["engine"], found["trivial"], strict=True)]


BARS: dict[str, tuple[Bar, ...]] = {
    "Sweeps and their store": (
        Bar("10⁶ points stored: peak memory", 700, None, "less", "MiB", kept("population_MiB")),
        Bar("dry run of 10⁹ points", 2.0, None, "less", "s", dry_run("cpu_s")),
        Bar("dry run of 10⁹ points: memory", 300, None, "less", "MiB", dry_run("peak_MiB")),
    ),
    "Deterministic engine": (
        Bar("libRoadRunner over interpreted, default tolerances", 15, 18, "more", "x",
            gain(INTERPRETED)),
        Bar("libRoadRunner over interpreted, no larger errors", 15, 18, "more", "x",
            gain(INTERPRETED, *NORMS)),
        Bar("libRoadRunner over emitted, default tolerances", 30, 45, "more", "x",
            gain(EMITTED)),
        Bar("libRoadRunner over emitted, no larger errors", 30, 45, "more", "x",
            gain(EMITTED, *NORMS)),
        Bar("the same, no larger error of totals", 45, 60, "more", "x",
            gain(EMITTED, "totals")),
        Bar("steady states per s and core", 1e5, 2e5, "more", "", steady_states_per_s),
        Bar("10⁶ runs, default tolerances", 40, 25, "less", "s", kept("million_s")),
        Bar("10⁶ runs, errors no larger than libRoadRunner's", 40, 25, "less", "s",
            kept("million_no_less_accurate_s")),
        Bar("10⁶ runs: memory beyond results", 600, 400, "less", "MiB", kept("million_MiB")),
        Bar("two threads, share of a trivial kernel's gain", 0.90, 0.95, "more", "",
            cost(f"{EMITTED}: two threads", shares)),
        Bar("first result, warm cache, over libRoadRunner's", 1.6, 1.3, "less", "x",
            cost("first result, warm", lambda n: [
                a / b for a, b in zip(n["protacsim_s"], n["roadrunner_s"], strict=True)])),
        Bar("first result ever", 12, 5, "less", "s",
            cost("first result ever", lambda n: [n["cpu_s"]])),
        *(
            Bar(f"run over the kernel, {study.species} species, {work}", 1.5, 1.2, "less",
                "x", cost(f"{study.species} species, {work}", costs.over_kernel))
            for study in costs.STUDIES for work in costs.WORK
        ),
    ),
    "Stochastic engine": (
        Bar("rebop over exact, large", 20, 30, "more", "x", rebop("large")),
        Bar("rebop over exact, small", 8, 12, "more", "x", rebop("small")),
        Bar("exact day of the large cell", 2.5, 1.5, "less", "s", exact_day),
        Bar("hybrid day of the large cell", 1.0, 0.2, "less", "ms", hybrid_day_ms),
        Bar("moments of the large cell", 100, 20, "less", "ms", moments_ms),
        Bar("two threads, share of a trivial kernel's gain", 0.90, 0.95, "more", "",
            kept("cells_share")),
        Bar("configs/single_cell.toml", 60, None, "less", "s wall", kept("single_cell_wall_s")),
    ),
    "Populations and sensitivity": (
        Bar("10⁶ simulations on two cores", 60, 25, "less", "s wall", kept("population_wall_s")),
        Bar("10⁶ simulations: peak memory", 700, None, "less", "MiB", kept("population_MiB")),
        Bar("DC50 against 12 constants, n = 4,096", 120, None, "less", "s wall",
            kept("sensitivity_wall_s")),
    ),
}  # fmt: skip

POPULATION = """schema = "protacsim/1"
[scenario]
cell = "molm14"
target = "BTK"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-1, 1e5, 25]
[[sample]]
dim = "patient"
n = {patients}
design = "random"
over."cell.proteins.BTK.abundance_nM"  = {{ distribution = "lognormal", median = 780.0, cv = 0.5 }}
over."cell.proteins.CRBN.abundance_nM" = {{ distribution = "lognormal", median = 13.0, cv = 0.4 }}
[readout]
observables = ["target_total", "target_active", "ternary"]
times_h = [24.0]
"""

SENSITIVITY = """schema = "protacsim/1"
[scenario]
cell = "molm14"
target = "BTK"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-1, 1e5, 29]
[readout]
observables = ["target_total"]
times_h = [24.0]
relative_to = "vehicle"
[sensitivity]
method = "sobol"
n = {n}
readouts = ["dc50_relative_nM"]
over."compound.kd_target_nM" = {{ distribution = "loguniform", low = 6.0, high = 60.0 }}
over."compound.kd_ligase_nM" = {{ distribution = "loguniform", low = 500.0, high = 5000.0 }}
over."compound.cooperativity" = {{ distribution = "loguniform", low = 1.0, high = 10.0 }}
over."compound.permeability_pL_per_h" = {{ distribution = "loguniform", low = 20.0, high = 500.0 }}
over."compound.kon_target_per_nM_per_h" = {{ distribution = "loguniform", low = 1.0, high = 10.0 }}
over."compound.kon_ligase_per_nM_per_h" = {{ distribution = "loguniform", low = 1.0, high = 10.0 }}
over."ubiquitination.k_ub_per_h" = {{ distribution = "loguniform", low = 1000.0, high = 3000.0 }}
over."ubiquitination.k_dub_free_per_h" = {{ distribution = "loguniform", low = 10.0, high = 100.0 }}
over."ubiquitination.k_proteasome_free_per_h" = {{distribution = "loguniform", low = 5, high = 50}}
over."cell.proteins.CRBN.abundance_nM" = {{ distribution = "lognormal", median = 13.0, cv = 0.4 }}
over."cell.proteins.BTK.abundance_nM" = {{ distribution = "lognormal", median = 780.0, cv = 0.5 }}
over."cell.proteins.BTK.half_life_h" = {{ distribution = "loguniform", low = 15.0, high = 60.0 }}
"""


def measure_long(scale: float = 1.0) -> Iterator[tuple[str, Values]]:
    """Figures of `--long`; a smaller `scale` tries the way there, not the figures."""
    million = costs.probe("many_runs", EMITTED, int(1e6 * scale)).answer
    yield "million_s", [million["cpu_s"]]
    looser = costs.probe("many_runs", EMITTED, int(1e6 * scale), loosest(EMITTED, *NORMS))
    yield "million_no_less_accurate_s", [looser.answer["cpu_s"]]
    yield "million_MiB", [million["beyond_results_MiB"]]
    cells = costs.probe("two_threads_of_cells", ROUNDS).answer
    yield "cells_share", shares(cells)
    single = ROOT / "configs" / "single_cell.toml"
    yield "single_cell_wall_s", [_run(single.read_text(encoding="utf-8")).wall_s]
    population = _run(POPULATION.format(patients=int(40_000 * scale)))
    yield "population_wall_s", [population.wall_s]
    yield "population_MiB", [population.answer["peak_MiB"]]
    base_points = 2 ** max(3, int(4096 * scale).bit_length() - 1)
    yield "sensitivity_wall_s", [_run(SENSITIVITY.format(n=base_points)).wall_s]


def _run(text: str) -> costs.Child:
    """`protacsim run` of a configuration on two cores."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "study.toml"
        config.write_text(text, encoding="utf-8")
        return costs.probe("study_run", config, Path(folder) / "results", 2)


def printed() -> Iterator[str]:
    """One line per bar, under the name of its part."""
    form = "{:<56} {:>9} {:>9}   {:<28} {}"
    yield form.format("figure", "must", "goal", "measured (range)", "")
    for part, bars in BARS.items():
        yield f"\n{part}"
        for bar in bars:
            must, goal = (_amount(bar, value) for value in (bar.must, bar.goal))
            try:
                values = bar.values()
            except NotRecordedError as error:
                yield form.format(bar.figure, must, goal, "not recorded", f"run: {error}")
                continue
            yield form.format(bar.figure, must, goal, _ranged(values, bar.unit), _said(bar, values))


def _amount(bar: Bar, value: float | None) -> str:
    sign = "≥" if bar.better == "more" else "≤"
    return "" if value is None else f"{sign} {value:,g}"


def _ranged(values: Values, unit: str) -> str:
    middle = f"{statistics.median(values):,.3g} {unit}".strip()
    return middle if len(values) == 1 else f"{middle} ({min(values):,.3g} to {max(values):,.3g})"


def _said(bar: Bar, values: Values) -> str:
    if bar.meets(values, bar.goal):
        return "goal"
    return "must" if bar.meets(values, bar.must) else "MISSED"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="also measure what takes long")
    if parser.parse_args(arguments).long:
        found = dict(measure_long())
        LONG.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for text in printed():
        print(text, flush=True)


if __name__ == "__main__":
    main()
