"""Benchmarks: what they call a regression, and what they do not.

No verdict here rests on a clock except in one test marked `long`, where a real slow-down is put
into a kernel; elsewhere cases have ratios that the test chose. Whether unchanged code raises an
alarm is for `benchmarks/false_alarms.py` to say.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bars
import costs
from history import history
from protacsim import cli
from protacsim.bench import (
    FAIL,
    NOTE,
    WARN,
    Case,
    Error,
    Found,
    Measured,
    Record,
    Session,
    Trial,
    as_json,
    cases,
    cases_of,
    compared,
    limit_of,
    read_record,
    recorded,
    softened,
    updated,
    write_record,
)
from protacsim.bench import records as bench_records
from protacsim.bench.harness import cpu_of, together
from protacsim.config import load
from protacsim.errors import ConfigError
from protacsim.kernels import jumps, repeats
from protacsim.mechanisms import build_network
from protacsim.methods import ODE

CONFIG = """schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
values = [0.0, 10.0, 1000.0]
[readout]
observables = ["target_total"]
times_h = [2.0]
"""


def outcome(ratio: float = 2.0, name: str = "case", **found: Any) -> Measured:
    given = {"counts": {"steps": 100}, "errors": {"error": Error(1e-6, 1e-4, 1e-9)}, **found}
    return Measured(name, "compiled", (ratio,), 0.1, Found(**given))


BASELINE = recorded([outcome()], "for this test")


def verdicts(now: Measured, baseline: Record = BASELINE) -> list[tuple[str, str]]:
    return [(v.tier, v.level) for v in compared([now], baseline, "baseline.json")]


def test_an_unchanged_case_has_nothing_said_about_it() -> None:
    assert verdicts(outcome()) == []
    assert verdicts(outcome(2.19)) == []
    assert verdicts(outcome(0.5)) == []


@pytest.mark.parametrize(
    ("ratio", "level"), [(2.21, WARN), (2.49, WARN), (2.51, FAIL), (20.0, FAIL)]
)
def test_ratios_warn_above_a_tenth_and_fail_above_a_quarter(ratio: float, level: str) -> None:
    assert verdicts(outcome(ratio)) == [("ratio", level)]
    (said,) = compared([outcome(ratio)], BASELINE, "baseline.json")
    assert said.sentence.startswith("case: ")
    assert said.factor == pytest.approx(ratio / 2.0)
    assert f"{ratio / 2.0:.2f} times" in said.sentence


def test_warnings_alone_are_left_of_slow_cases_where_ratios_are_not_to_fail() -> None:
    found = compared([outcome(9.0, counts={"steps": 7})], BASELINE, "b")
    assert [(v.tier, softened(v).level) for v in found] == [("exact", FAIL), ("ratio", WARN)]


@pytest.mark.parametrize("counts", [{"steps": 101}, {"steps": 99}, {}, {"steps": 100, "new": 1}])
def test_any_other_count_is_a_regression(counts: dict[str, int]) -> None:
    assert verdicts(outcome(counts=counts)) == [("exact", FAIL)]


def test_errors_fail_above_their_bound_and_above_twice_the_baseline() -> None:
    def of(value: float) -> list[tuple[str, str]]:
        return verdicts(outcome(errors={"error": Error(value, 1e-4, 1e-9)}))

    assert of(1.9e-6) == []
    assert of(2.1e-6) == [("accuracy", FAIL)]
    assert of(2e-4) == [("accuracy", FAIL)] * 2
    assert of(math.nan)[0] == ("accuracy", FAIL)
    assert verdicts(outcome(errors={})) == [("accuracy", FAIL)]


def test_an_error_as_good_as_none_may_move() -> None:
    before = recorded([outcome(errors={"error": Error(1e-12, 1e-4, 1e-9)})])
    assert verdicts(outcome(errors={"error": Error(5e-10, 1e-4, 1e-9)}), before) == []


def test_local_counts_hold_for_one_machine_with_one_set_of_packages() -> None:
    before = recorded([outcome(local_counts={"bytes": 10})])
    (name,) = before.machines
    other = dataclasses.replace(before.machines[name], versions={"numpy": "0"})
    changed = outcome(local_counts={"bytes": 11})
    assert verdicts(changed, before) == [("exact", FAIL)]
    assert verdicts(changed, dataclasses.replace(before, machines={name: other})) == []


def test_another_machine_is_told_how_to_make_a_baseline_and_still_compared() -> None:
    elsewhere = dataclasses.replace(
        BASELINE, machines={"Z80": next(iter(BASELINE.machines.values()))}
    )
    slow = outcome(200.0, counts={"steps": 7})
    first, second = compared([slow], elsewhere, "b.json")
    assert (first.tier, first.level) == ("exact", FAIL)
    assert (second.tier, second.level) == ("baseline", NOTE)
    assert "Z80" in second.sentence
    assert "protacsim bench --compare b.json --update --reason" in second.sentence


def test_a_case_that_is_not_in_the_baseline_is_told() -> None:
    assert verdicts(outcome(name="new")) == [("baseline", NOTE)]


def case_of(ratios: Sequence[float], log: list[str] | None = None) -> Case:
    """A case whose body does nothing; its ratios are set by `fixed`."""
    seen = log if log is not None else []
    return Case(
        "case",
        lambda: Trial(lambda: seen.append("run"), lambda _: Found({"steps": 1}),
                      lambda: seen.append("close")),
        turns=len(ratios),
    )  # fmt: skip


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ratios of successive measurements, in place of the clock."""

    def set_to(*ratios: float) -> list[float]:
        left = list(ratios)
        monkeypatch.setattr(
            "protacsim.bench.harness._turns", lambda case, trial: ((left.pop(0),), [0.1])
        )
        return left

    return set_to


def test_a_suspicious_case_is_measured_again_and_all_turns_count(fixed: Any) -> None:
    left = fixed(3.0, 2.0, 2.1, 9.0)
    with Session([case_of([1.0])]) as session:
        (found,) = session.measure(lambda name: 2.2)
    assert found.ratios == (3.0, 2.0, 2.1)
    assert found.ratio == 2.1
    assert left == [9.0]


def test_a_case_that_stays_slow_is_measured_five_times_and_stays_slow(fixed: Any) -> None:
    left = fixed(3.0, 3.1, 3.2, 2.9, 3.0, 0.0)
    with Session([case_of([1.0])]) as session:
        (found,) = session.measure(lambda name: 2.2)
    assert found.ratio == 3.0
    assert left == [0.0]


def test_a_baseline_is_the_middle_of_all_turns_of_its_passes(fixed: Any) -> None:
    fixed(3.0, 1.0, 2.0)
    with Session([case_of([1.0])]) as session:
        assert session.measure(passes=3)[0].ratio == 2.0


def test_a_session_sets_up_once_and_clears_up() -> None:
    log: list[str] = []
    with Session([dataclasses.replace(case_of([1.0, 1.0], log), ruler="python")]) as session:
        first = session.measure()
        session.measure()
        assert log == ["run"] * 7
    assert log[7:] == ["close"]
    assert len(first[0].ratios) == 2
    assert all(ratio >= 0.0 for ratio in first[0].ratios)


def test_cpu_time_counts_children_that_ended() -> None:
    import subprocess
    import sys

    words = [sys.executable, "-c", "sum(range(3_000_000))"]
    spent = cpu_of(lambda: subprocess.run(words, check=True))
    assert spent > cpu_of(lambda: None)


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "there" / "baseline.json"
    write_record(BASELINE, path)
    assert read_record(path) == BASELINE
    assert path.read_text() == as_json(BASELINE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "protacsim-bench/0"}', "nonsense"])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no record"):
        read_record(path)


def test_a_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--update --reason"):
        read_record(tmp_path / "none.json")


def test_an_update_keeps_other_cases_and_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_records, "family", lambda: "Z80")
    before = recorded([outcome(1.0), outcome(3.0, "other")], "old")
    monkeypatch.undo()
    both = updated(before, recorded([outcome(5.0, counts={"steps": 3})], "new"))
    assert both.reason == "new"
    assert both.counts == {"case": {"steps": 3}, "other": {"steps": 100}}
    assert {tuple(machine.ratios.items()) for machine in both.machines.values()} == {
        (("case", 1.0), ("other", 3.0)),
        (("case", 5.0),),
    }
    again = updated(both, recorded([outcome(6.0, "other")], "again"))
    assert again.machines[bench_records.family()].ratios == {"case": 5.0, "other": 6.0}


def test_the_family_names_cpu_system_and_python() -> None:
    import platform

    assert platform.system() in bench_records.family()
    assert "Python 3." in bench_records.family()


def test_names_of_cases_are_unique_and_long_ones_have_to_be_asked_for() -> None:
    quick, all_of_them = cases(), cases(full=True)
    names = [case.name for case in all_of_them]
    assert len(set(names)) == len(names)
    assert {case.name for case in quick} < set(names)


def test_the_committed_baseline_knows_every_case() -> None:
    baseline = read_record(Path(__file__).parents[1] / "benchmarks" / "baseline.json")
    timed = {name for machine in baseline.machines.values() for name in machine.ratios}
    assert {case.name for case in cases()} <= {*baseline.counts, *baseline.errors, *timed}
    assert baseline.reason


# Pages and promises


def test_the_history_has_a_line_per_record_and_a_table_per_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench_records, "family", lambda: "Z80")
    old = recorded([outcome(1.234), outcome(3.0, "gone")], "why it began")
    monkeypatch.setattr(bench_records, "family", lambda: "6502")
    new = recorded([outcome(5.0), outcome(6.0, "added")], "why it moved")
    page = "\n".join(history({"one": old, "two": updated(old, new)}))
    assert "| one | 0.1.0 | why it began |" in page
    assert "| case | 1.23 | 1.23 |" in page
    assert "| added | 6 |" in page
    assert page.index("on `6502`") < page.index("on `Z80`")


@pytest.mark.parametrize(
    ("better", "value", "said"),
    [
        ("more", 9.0, "MISSED"), ("more", 10.0, "must"), ("more", 20.0, "goal"),
        ("less", 21.0, "MISSED"), ("less", 20.0, "must"), ("less", 10.0, "goal"),
    ],
)  # fmt: skip
def test_a_promise_is_missed_kept_or_surpassed(
    better: Any, value: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    must, goal = (10.0, 20.0) if better == "more" else (20.0, 10.0)
    bar = bars.Bar("speed", must, goal, better, "x", lambda: [value])
    monkeypatch.setattr(bars, "BARS", {"part": (bar,)})
    assert list(bars.printed())[-1].split()[-1] == said


def test_what_nobody_recorded_says_which_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "RECORDED", tmp_path)
    bar = bars.Bar("speed", 1.0, None, "more", "x", bars.gain(bars.EMITTED))
    monkeypatch.setattr(bars, "BARS", {"part": (bar,)})
    assert list(bars.printed())[-1].endswith("run: make peers")


PEER = {"solver": "libRoadRunner", "errors": {"totals": 4e-5, "species": 5e-5}, "gain": [1.0]}


def test_engines_are_compared_at_errors_no_larger_than_the_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [
        {"solver": bars.EMITTED, "errors": {"totals": totals, "species": species}, "gain": [gain]}
        for totals, species, gain in ((2e-6, 5e-6, 39.0), (6e-6, 2e-5, 48.0), (3e-5, 7e-5, 60.0))
    ]
    (tmp_path / "deterministic.json").write_text(json.dumps({"table": [PEER, *own]}))
    monkeypatch.setattr(bars, "RECORDED", tmp_path)
    assert bars.gain(bars.EMITTED)() == [39.0]
    assert bars.gain(bars.EMITTED, "totals", "species")() == [48.0]
    assert bars.gain(bars.EMITTED, "totals")() == [60.0]
    own[0]["errors"] = own[1]["errors"] = own[2]["errors"]
    (tmp_path / "deterministic.json").write_text(json.dumps({"table": [PEER, *own]}))
    with pytest.raises(LookupError, match="nowhere as accurate"):
        bars.gain(bars.EMITTED, "species")()


@pytest.mark.parametrize("work", costs.WORK)
@pytest.mark.parametrize("timed", costs.STUDIES, ids=lambda timed: timed.about)
def test_studies_that_are_timed_have_the_species_they_are_said_to_have(
    tmp_path: Path, timed: costs.Study, work: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(timed.config(4, 2, work))
    (only,) = load(path).study.combinations
    assert len(build_network(only.scenario, only.varied).species) == timed.species


def test_configurations_of_the_promises_are_correct(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(bars.POPULATION.format(patients=40))
    assert load(path).study.points == 1000
    path.write_text(bars.SENSITIVITY.format(n=8))
    job = load(path)
    assert job.sensitivity is not None
    assert len(job.sensitivity.over) == 12


# The command


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The command measures one small case that counts what the list says."""
    steps = [100]

    def chosen(*, full: bool = False) -> list[Case]:
        return [
            Case("tiny", lambda: Trial(lambda: None, lambda _: Found({"steps": steps[0]})), turns=1)
        ]

    monkeypatch.setattr("protacsim.cli.benching.cases", chosen)
    monkeypatch.setattr("protacsim.bench.harness._turns", lambda case, trial: ((2.0,), [0.1]))
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    return steps


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["protacsim", "bench", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_bench_writes_compares_and_exits_with_1_on_a_regression(
    tiny: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path, report = tmp_path / "baseline.json", tmp_path / "report.json"
    assert called(monkeypatch, "--compare", str(path), "--update", "--reason", "first") == cli.OK
    assert called(monkeypatch, "--compare", str(path), "--json", str(report)) == cli.OK
    assert "tiny" in capsys.readouterr().out
    assert json.loads(report.read_text())["counts"] == {"tiny": {"steps": 100}}
    tiny[0] = 200
    assert called(monkeypatch, "--compare", str(path)) == cli.INTERNAL
    assert "regression: tiny: steps is 200, was 100" in capsys.readouterr().err
    assert called(monkeypatch, "--compare", str(report)) == cli.INTERNAL


def test_bench_prints_its_report_when_asked_to(
    tiny: list[int], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert called(monkeypatch, "--json", "-") == cli.OK
    assert json.loads(capsys.readouterr().out)["schema"] == "protacsim-bench/1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--update",), "--update needs --compare FILE"),
        (("--update", "--compare", "b.json"), "--reason TEXT"),
        (("--reason", "x"), "--reason is for --update"),
        (("--only", "nothing"), "no such case; there are tiny"),
        (("--compare", "none.json"), "none.json: cannot be read"),
        (("--set", "a=1"), "--set changes a configuration"),
        (("none.toml",), "none.toml"),
    ],
)
def test_bench_says_what_is_wrong(
    tiny: list[int], words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch,
    capsys: Any, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert called(monkeypatch, *words) == cli.USAGE
    assert says in capsys.readouterr().err


def test_without_compiled_kernels_there_is_nothing_to_time(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert called(monkeypatch) == cli.USAGE
    assert "unset it" in capsys.readouterr().err


@pytest.mark.jit_only
def test_a_scientists_own_configuration_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(CONFIG)
    with Session(cases_of(load(path))) as session:
        check, points = session.measure()
    assert (check.name, points.name) == ("mine: check", "mine: points")
    assert check.found.counts == {"points": 3}
    assert points.found.counts["points"] == 3
    assert points.found.counts["failed"] == 0
    assert points.found.errors["error of read-outs"].value < 1e-4


# What is put in on purpose must be found, by name


def named(name: str, turns: int = 1) -> list[Case]:
    return [dataclasses.replace(case, turns=turns) for case in cases() if case.name == name]


def worse(chosen: list[Case], change: Any) -> set[tuple[str, str]]:
    """Failures (case, tier) after a change, against a baseline made just before."""
    with Session(chosen) as session:
        baseline = recorded(session.measure())
    change()
    with Session(chosen) as session:
        outcomes = session.measure(partial(limit_of, baseline=baseline))
    return {(v.case, v.tier) for v in compared(outcomes, baseline, "b") if v.level == FAIL}


@pytest.mark.jit_only
def test_a_doubled_allocation_in_the_event_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from protacsim.kernels import rejection

    real = jumps.sample_batch

    def doubled(net: Any, *rest: Any) -> None:
        rejection.new_table(len(net.moves), len(net.reactants))
        real(net, *rest)

    name = "cell: exact, rejection"
    found = worse(named(name), lambda: monkeypatch.setattr(jumps, "sample_batch", doubled))
    assert (name, "exact") in found


@pytest.mark.jit_only
def test_a_loosened_tolerance_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def loosen() -> None:
        monkeypatch.setattr("protacsim.bench.engine_cases.ODE", partial(ODE, rtol=1e-4))

    name = "engine: 1,000 runs, interpreted"
    found = worse(named(name), loosen)
    assert {(name, "accuracy"), (name, "exact")} <= found


@pytest.mark.long
def test_a_step_that_takes_30_percent_longer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both take turns, so that a machine whose clock changes meanwhile decides nothing."""
    real = repeats.steps

    def slower(*arguments: Any) -> None:
        *others, times = arguments
        real(*others, round(1.3 * times))

    name = "kernel: step"
    usual, slow = [], []
    with Session(named(name, turns=45)) as session:
        for _ in range(6):
            usual += session.measure()
            with monkeypatch.context() as change:
                change.setattr(repeats, "steps", slower)
                slow += session.measure()
    found = compared([together(slow)], recorded([together(usual)]), "b")
    assert [(v.case, v.tier, v.level) for v in found] == [(name, "ratio", FAIL)]


def test_errors_of_the_reference_grid_are_those_of_another_reading() -> None:
    """The committed values conserve the ligase, which no solver of ours had a part in."""
    from protacsim.bench import engine_cases
    from protacsim.bench.reference_network import ABUNDANCE_NM, reference_network

    species = reference_network().species
    states = np.array(engine_cases.right()["grid"]["states"])
    holds = [i for i, name in enumerate(species) if "ligase" in name]
    np.testing.assert_allclose(states[..., holds].sum(axis=-1), ABUNDANCE_NM, rtol=1e-10)
