"""Emitted machine code against the interpreted lanes, its cache on disk, and what falls back."""

import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from machine import Machine
from protacsim.errors import EngineWarning
from protacsim.kernels import cache, emit, machine_code, objects
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import ODE, Reference
from protacsim.network import Dose, Network
from protacsim.scenario import numbers
from protacsim.simulation import Solution, engine_of, engines, read_out, solve
from random_networks import chained_network, networks
from random_scenarios import random_scenarios

Floats = NDArray[np.float64]

ENGINES = (ODE(engine="interpreted"), ODE(engine="emitted"))


def assert_same_bytes(one: Solution, other: Solution) -> None:
    for field in ("observables", "states", "status", "reached_h", "counters"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), field)


def small() -> Network:
    net = Network("small")
    net.add("bind", ("A", "B"), "C", "kon")
    net.add("part", "C", ("A", "B"), "koff")
    net.add("lose", "C", "B", "loss")
    net.add("make", (), "A", "make")
    net.add_observable("bound", ["C"])
    return net


SMALL = {"kon": 0.3, "koff": 1.0, "loss": 0.2, "make": 5.0}


def run_small(engine: str, **more: object) -> Solution:
    return solve(
        small(), SMALL, {"A": 3.0, "B": 2.0}, [0.1, 5.0], method=ODE(engine=engine), **more
    )  # type: ignore[arg-type]


# The same numbers.


@pytest.mark.jit_only
@pytest.mark.parametrize("i", range(4))
def test_scenarios_give_the_same_bytes(i: int) -> None:
    """Doses, washouts, 24 points in more lanes than runs and more runs than lanes."""
    scenario = random_scenarios(4, 7)[i]
    name = scenario.treatment.compounds[-1].name
    values = {**numbers(scenario), f"compounds.{name}.dose_nM": np.geomspace(0.01, 1e5, 24)}
    times = np.linspace(0.0, 24.0, 9)
    solutions = [read_out(scenario, values, times, m, states=True)[1] for m in ENGINES]
    assert [s.engine for s in solutions] == ["interpreted", "emitted"]
    assert_same_bytes(*solutions)


@pytest.mark.jit_only
@settings(max_examples=12)
@given(networks(), st.integers(0, 2**32))
def test_random_networks_give_the_same_bytes(net: Network, seed: int) -> None:
    if not net.species:
        net.add_species("S0")
    rng = np.random.default_rng(seed)
    rates = {name: rng.lognormal(-1.0, 2.0, 11) for name in net.rates}
    initial = {name: rng.lognormal(0.0, 2.0, 11) for name in net.species}
    changes = [Dose(0.2, net.species[0], 1.5, False), Dose(0.4, net.species[-1], 0.0, True)]
    solutions = [
        solve(net, rates, initial, [0.1, 0.4, 1.0], method=m, changes=changes) for m in ENGINES
    ]
    assert_same_bytes(*solutions)


@pytest.mark.jit_only
def test_one_step_gives_the_same_bytes() -> None:
    """New state, error and pivot of one attempt, from a tiny step to a failing one."""
    net = chained_network(20, np.random.default_rng(3))
    compiled = net.compile()
    rates = np.random.default_rng(4).lognormal(0.0, 1.0, len(compiled.rates))
    y = np.random.default_rng(5).lognormal(0.0, 1.0, len(compiled.species))
    for h in (1e-9, 1e-3, 0.1, 10.0, 1e300):
        found = [
            Machine(compiled, rates, width).attempt(y, h, 1e-5, emitted)
            for width, emitted in ((16, False), (objects.width(), True))
        ]
        np.testing.assert_array_equal(*found)


def test_emitted_code_agrees_with_the_referee() -> None:
    found = run_small("emitted")
    referee = solve(small(), SMALL, {"A": 3.0, "B": 2.0}, [0.1, 5.0], method=Reference())
    np.testing.assert_allclose(found.states, referee.states, rtol=1e-5)
    np.testing.assert_allclose(found.observables, referee.observables, rtol=1e-5)


# The cache on disk.


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and a count of what was compiled in `fresh / "count"`."""
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path / "cache")
    monkeypatch.setattr(machine_code, "_placed", {})
    written = emit.assembly

    def counting(*given: object) -> str:
        with (tmp_path / "count").open("a") as file:
            file.write("x")
        return written(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(emit, "assembly", counting)
    return tmp_path


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a new process knows."""
    monkeypatch.setattr(machine_code, "_placed", {})


def compiled(fresh: Path) -> int:
    return len((fresh / "count").read_text())


def test_code_is_kept_on_disk(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_small("emitted")
    forget(monkeypatch)
    assert_same_bytes(first, run_small("emitted"))
    assert compiled(fresh) == 1
    assert [path.suffix for path in (fresh / "cache").iterdir()] == [".o"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_object_is_made_anew(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    first = run_small("emitted")
    (path,) = (fresh / "cache").iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "truncate": whole[:middle],
            "empty": b"",
        }[damage]
    )
    forget(monkeypatch)
    assert_same_bytes(first, run_small("emitted"))
    assert compiled(fresh) == 2
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_only_costs_time(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fresh / "cache").write_text("a file where a folder should be")
    assert run_small("emitted").engine == "emitted"


def test_other_numbers_need_no_other_code(fresh: Path) -> None:
    """Doses, tolerances and rates are data; a law's weight is code."""
    run_small("emitted")
    run_small("emitted", changes=[Dose(1.0, "A", 2.0, False)])
    assert compiled(fresh) == 1


# What is chosen, and what falls back.


def test_auto_emits_for_large_studies_alone() -> None:
    few, many = engines.RUNS_WORTH_EMITTING - 1, engines.RUNS_WORTH_EMITTING
    large = "emitted" if JIT_ENABLED else "interpreted"
    assert [engine_of(small(), ODE(), runs) for runs in (1, few, many)] == [
        "interpreted", "interpreted", large,
    ]  # fmt: skip
    assert engine_of(small(), ODE(engine="interpreted"), many) == "interpreted"
    assert engine_of(small(), Reference(), many) == "reference"


@pytest.mark.jit_only
def test_a_block_runs_as_its_whole_study() -> None:
    assert run_small("auto").engine == "interpreted"
    block = run_small("auto", runs=engines.RUNS_WORTH_EMITTING)
    assert block.engine == "emitted"
    assert_same_bytes(run_small("auto"), block)


@pytest.mark.jit_only
def test_a_network_too_large_to_emit_falls_back_with_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "OPERATIONS_AT_MOST", 3)
    with pytest.warns(EngineWarning, match="multiply-adds per step, more than 3") as caught:
        found = run_small("emitted")
    assert len(caught) == 1
    assert found.engine == "interpreted"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run_small("auto", runs=10**9).engine == "interpreted"


def test_code_that_cannot_be_made_falls_back(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("out of registers")

    monkeypatch.setattr(emit, "assembly", broken)
    with pytest.warns(EngineWarning, match="out of registers"):
        assert run_small("emitted").engine == "interpreted"


# Threads.


def at_once(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.jit_only
def test_threads_share_nothing() -> None:
    """Four threads at once, each with its own points: the bytes of one run after another."""
    starts = [np.linspace(0.1 * k, 10.0, 40) for k in range(1, 5)]

    def part(k: int, method: ODE) -> Solution:
        return solve(small(), SMALL, {"A": starts[k], "B": 2.0}, [0.1, 5.0], method=method)

    for method in ENGINES:
        found: dict[int, Solution] = {}
        at_once(4, lambda k, m=method, f=found: f.update({k: part(k, m)}))  # type: ignore[misc]
        for k in range(4):
            assert_same_bytes(part(k, method), found[k])


def test_threads_make_the_code_once(fresh: Path) -> None:
    found: dict[int, Solution] = {}
    at_once(4, lambda k: found.update({k: run_small("emitted")}))
    assert compiled(fresh) == 1
    for k in range(4):
        assert_same_bytes(found[0], found[k])
