"""The ODE engine: order, stiff problems, a referee, failures, batches, output times, doses."""

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pytest
import scipy.integrate
from numpy.typing import NDArray

from machine import Machine
from protacsim.errors import EngineWarning, ParameterError
from protacsim.kernels import tape
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import ODE, Method, Reference
from protacsim.network import Dose, Network
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import STATUS, Solution, read_out, solve
from protacsim.units import MOLECULES_PER_NM_PL
from random_networks import chained_network, naive_rates
from random_scenarios import random_scenarios

Floats = NDArray[np.float64]
Engine = Literal["interpreted", "emitted"]


# The method itself: fixed steps on a predator-prey network.

PREDATION = {"birth": 1.0, "catch": 0.7, "death": 0.9}
START = np.array([1.0, 0.6])


def predators() -> Network:
    net = Network("predators")
    net.add("birth", "prey", {"prey": 2}, "birth")
    net.add("catch", ("prey", "hunter"), {"hunter": 2}, "catch")
    net.add("death", "hunter", (), "death")
    return net


def predation(_: float, y: Floats) -> Floats:
    caught = 0.7 * y[0] * y[1]
    return np.array([y[0] - caught, caught - 0.9 * y[1]])


def exact(t: float) -> Floats:
    return scipy.integrate.solve_ivp(
        predation, (0.0, t), START, "DOP853", rtol=1e-13, atol=1e-14
    ).y[:, -1]


def stepped(t_end: float, steps: int, theta: float = 1.0) -> Floats:
    """The state after equal steps; the last one interpolated at `theta`."""
    net = predators()
    net.add_observable("prey", ["prey"])
    net.add_observable("hunter", ["hunter"])
    compiled = net.compile()
    machine = Machine(compiled, compiled.rate_vector(PREDATION))
    y = START.copy()
    for _ in range(steps):
        before, y = y, machine.step(y, t_end / steps)
    machine.write(tape.ROW_STATE, before)
    return machine.interpolated(theta)


def measured_order(sizes: list[float], errors: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def test_global_error_has_order_five() -> None:
    steps = [16, 32, 64]
    errors = [np.abs(stepped(4.0, n) - exact(4.0)).max() for n in steps]
    assert measured_order([4.0 / n for n in steps], errors) == pytest.approx(5.0, abs=0.3)


@pytest.mark.parametrize("theta", [0.1, 0.5, 0.8])
def test_dense_output_has_order_four(theta: float) -> None:
    """One step of size h: an interpolant of order 4 errs by h**5 at least."""
    sizes = [0.4, 0.2, 0.1, 0.05]
    errors = [np.abs(stepped(h, 1, theta) - exact(theta * h)).max() for h in sizes]
    assert measured_order(sizes, errors) > 4.7


def test_dense_output_meets_the_step_at_both_ends() -> None:
    np.testing.assert_allclose(stepped(0.5, 1, 0.0), START, rtol=1e-15)
    assert np.abs(stepped(0.2, 1, 1.0) - exact(0.2)).max() < 1e-7


def test_a_step_far_beyond_the_time_scale_damps_completely() -> None:
    """L-stability: the stability function vanishes at infinity."""
    net = Network()
    net.add("decay", "A", (), "k")
    solution = solve(net, {"k": 1e12}, {"A": 1.0}, [1.0])
    assert abs(solution.states[0, 0, 0]) < 1e-6


@pytest.mark.parametrize("decade", [3, 5, 7])
def test_error_follows_the_tolerance(decade: int) -> None:
    errors = [
        np.abs(
            solve(predators(), PREDATION, {"prey": 1.0, "hunter": 0.6}, [20.0],
                  method=ODE(rtol=rtol, atol_nM=rtol)).states[0, 0] - exact(20.0)
        ).max()
        for rtol in (10.0**-decade, 10.0 ** -(decade + 2))
    ]  # fmt: skip
    assert errors[0] < 300.0 * 10.0**-decade
    assert 1.2 < np.log10(errors[0] / errors[1]) < 2.8


# Stiff problems of Hairer and Wanner, Solving Ordinary Differential Equations II (IV.10).


class Stiff(NamedTuple):
    """A stiff problem as reactions, and as its authors print it."""

    reactions: list[tuple[object, object, float]]
    initial: dict[str, float]
    digits: float


ROBER = Stiff([
    ("y1", "y2", 0.04), (("y2", "y3"), ("y1", "y3"), 1e4), ({"y2": 2}, ("y2", "y3"), 3e7),
], {"y1": 1.0}, 5.0)  # fmt: skip

HIRES = Stiff([
    ((), "y1", 0.0007), ("y1", "y2", 1.71), ("y2", "y1", 0.43), ("y2", "y4", 8.32),
    ("y3", "y1", 8.32), ("y3", "y4", 1.71), ("y4", "y3", 0.43), ("y4", "y6", 0.69),
    ("y5", "y3", 0.035), ("y5", "y6", 1.71), ("y6", "y5", 0.43), (("y6", "y8"), "y7", 280.0),
    ("y7", ("y5", "y8"), 0.43), ("y7", ("y6", "y8"), 0.69), ("y7", "y8", 0.69),
], {"y1": 1.0, "y8": 0.0057}, 5.0)  # fmt: skip

OREGO = Stiff([
    ("y2", ("y1", "y2"), 77.27), ("y1", {"y1": 2}, 77.27), (("y1", "y2"), "y2", 77.27),
    ({"y1": 2}, "y1", 77.27 * 8.375e-6), ("y2", (), 1 / 77.27), (("y1", "y2"), "y1", 1 / 77.27),
    ("y3", ("y3", "y2"), 1 / 77.27), ("y1", ("y1", "y3"), 0.161), ("y3", (), 0.161),
], {"y1": 1.0, "y2": 2.0, "y3": 3.0}, 4.3)  # fmt: skip

PROBLEMS = {"ROBER": ROBER, "HIRES": HIRES, "OREGO": OREGO}


def rober(y: Floats) -> list[float]:
    return [
        -0.04 * y[0] + 1e4 * y[1] * y[2],
        0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2,
        3e7 * y[1] ** 2,
    ]


def hires(y: Floats) -> list[float]:
    return [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -280.0 * y[5] * y[7] + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        280.0 * y[5] * y[7] - 1.81 * y[6],
        -280.0 * y[5] * y[7] + 1.81 * y[6],
    ]


def orego(y: Floats) -> list[float]:
    return [
        77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1])),
        (y[2] - (1.0 + y[0]) * y[1]) / 77.27,
        0.161 * (y[0] - y[2]),
    ]


PRINTED = {"ROBER": rober, "HIRES": hires, "OREGO": orego}


def stiff_network(problem: Stiff) -> tuple[Network, dict[str, float]]:
    net, rates = Network("stiff"), {}
    names = {n for a, b, _ in problem.reactions for side in (a, b) for n in names_in(side)}
    for name in sorted(names):
        net.add_species(name)
    for j, (left, right, rate) in enumerate(problem.reactions):
        net.add(f"r{j}", left, right, f"k{j}")  # type: ignore[arg-type]
        rates[f"k{j}"] = rate
    return net, rates


def names_in(side: object) -> tuple[str, ...]:
    return (side,) if isinstance(side, str) else tuple(side)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PROBLEMS)
def test_stiff_reactions_are_the_printed_equations(name: str) -> None:
    net, rates = stiff_network(PROBLEMS[name])
    for y in np.random.default_rng(1).uniform(0.0, 2.0, (10, len(net.species))):
        np.testing.assert_allclose(
            naive_rates(net, rates, y), PRINTED[name](y), rtol=1e-12, atol=1e-9
        )


@pytest.mark.parametrize("engine", ["interpreted", "emitted"])
@pytest.mark.parametrize("rtol", [1e-6, 1e-10] if JIT_ENABLED else [1e-6])
@pytest.mark.parametrize("name", PROBLEMS)
def test_correct_digits_on_stiff_problems(
    name: str, rtol: float, engine: Engine, reference_dir: Path
) -> None:
    """With atol = rtol times the smallest component at the end, so that the relative tolerance
    rules every component; at rtol 1e-6: 8e-20 (ROBER), 6e-11 (HIRES), 1e-6 (OREGO).
    """
    with (reference_dir / "stiff_ode.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["problem"] == name]
    expected = np.array([float(row["value"]) for row in rows])
    net, rates = stiff_network(PROBLEMS[name])
    method = ODE(rtol=rtol, atol_nM=rtol * expected.min(), engine=engine)
    solution = solve(net, rates, PROBLEMS[name].initial, [float(rows[0]["t_end"])], method=method)
    assert [f"y{i + 1}" for i in range(expected.size)] == [row["component"] for row in rows]
    assert net.species == tuple(row["component"] for row in rows)
    error = np.abs(solution.states[0, 0] / expected - 1.0)
    assert solution.engine == engine
    assert -np.log10(error.max()) >= (PROBLEMS[name].digits if rtol == 1e-6 else 8.0)


@pytest.mark.parametrize("engine", ["interpreted", "emitted"])
def test_error_falls_with_the_tolerance(engine: Engine) -> None:
    """From 1e-4 to 1e-10, decade by decade."""
    start, expected = {"prey": 1.0, "hunter": 0.6}, exact(20.0)
    errors = []
    for decade in range(4, 11):
        method = ODE(rtol=10.0**-decade, atol_nM=10.0 ** -(decade + 3), engine=engine)
        found = solve(predators(), PREDATION, start, [20.0], method=method)
        errors.append(np.abs(found.states[0, 0] / expected - 1.0).max())
    assert (np.diff(np.log10(errors)) < 0.0).all()
    assert np.log10(errors[0] / errors[-1]) == pytest.approx(6.0, abs=1.2)


# Networks outside this project's chemistry.


def large_network() -> tuple[Network, dict[str, float], dict[str, float]]:
    """120 species, 600 reactions of random conversions, bindings, sources and losses."""
    rng = np.random.default_rng(1)
    net = chained_network(120, rng)
    for i in range(120):
        one, other = rng.choice(net.species, 2, replace=False)
        net.add(f"more {i}", one, other, f"more{i}")
    rates = {name: float(rng.lognormal(-1.0, 1.5)) for name in net.rates}
    return net, rates, {name: float(rng.lognormal()) for name in net.species}


@pytest.mark.jit_only
def test_a_large_random_network_agrees_with_the_referee() -> None:
    """Too large to emit: both engines run it interpreted, and one of them says so."""
    net, rates, initial = large_network()
    times = [0.1, 1.0, 5.0]
    assert len(net.reactions) == 600
    found = solve(net, rates, initial, times, method=TIGHT)
    referee = solve(net, rates, initial, times, method=Reference(rtol=1e-7, atol_nM=1e-9))
    np.testing.assert_allclose(found.states, referee.states, rtol=1e-5, atol=1e-6)
    with pytest.warns(EngineWarning, match="multiply-adds"):
        emitted = solve(net, rates, initial, times, method=replace(TIGHT, engine="emitted"))
    assert_same(found, 0, emitted, 0)


@pytest.mark.jit_only
def test_a_random_network_gives_the_same_bytes_emitted() -> None:
    net = chained_network(40, np.random.default_rng(2))
    rates = {name: np.random.default_rng(3).lognormal(-1.0, 1.5, 9) for name in net.rates}
    found, emitted = (
        solve(net, rates, {}, [0.1, 5.0], method=ODE(engine=engine))
        for engine in ("interpreted", "emitted")
    )
    assert emitted.engine == "emitted"
    for b in range(9):
        assert_same(found, b, emitted, b)


# The referee on random scenarios.

FAST = 20
SHORT = 60
LONG = 200
TIMES = [0.0, 0.02, 0.5, 3.0, 12.0, 24.0]
SEED = 20
TIGHT = ODE(rtol=1e-7, atol_nM=1e-10)


@cache
def drawn(count: int) -> list[Scenario]:
    return random_scenarios(count, SEED)


def scenario(i: int) -> Scenario:
    """One of a series whose beginning does not depend on its length."""
    return drawn(SHORT if i < SHORT else LONG)[i]


@cache
def ran(i: int, method: Method) -> tuple[Solution, Network, Floats]:
    """Solution, network and molecules per nM of each species."""
    values = numbers(scenario(i))
    _, solution, compiled = read_out(scenario(i), values, TIMES, method, states=True)
    volumes = [
        values["cell.medium_volume_pL" if name.endswith("_medium") else "cell.volume_pL"]
        for name in compiled.species
    ]
    return solution, compiled, MOLECULES_PER_NM_PL * np.array(volumes)  # type: ignore[return-value]


def distance_to_referee(i: int, method: Method) -> float:
    """Largest |y - ref| / (|ref| + 1e-3 nM) over species and times."""
    solution, _, per_nM = ran(i, method)
    referee, _, _ = ran(i, Reference())
    assert solution.status.tolist() == referee.status.tolist() == [0]
    found, expected = solution.states[0] / per_nM, referee.states[0] / per_nM
    return float(np.max(np.abs(found - expected) / (np.abs(expected) + 1e-3)))


@pytest.mark.parametrize("i", range(FAST) if JIT_ENABLED else [1, 10])
def test_random_scenarios_agree_with_the_referee(i: int) -> None:
    assert distance_to_referee(i, TIGHT) <= 1e-5
    assert distance_to_referee(i, ODE()) <= 1e-4


@pytest.mark.long
@pytest.mark.jit_only
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(FAST, LONG, 20))
def test_many_random_scenarios_agree_with_the_referee(first: int) -> None:
    for i in range(first, min(first + 20, LONG)):
        assert distance_to_referee(i, TIGHT) <= 1e-5, scenario(i)
        assert distance_to_referee(i, ODE()) <= 1e-4, scenario(i)


INVARIANTS = range(SHORT if JIT_ENABLED else 4)


def last_change(i: int) -> float:
    entries = scenario(i).treatment.compounds
    times = [t for e in entries for t in (e.schedule.start_h, e.schedule.stop_h) if t is not None]
    return max(times)


def test_conserved_totals_never_drift() -> None:
    """Ligase, and drug that nothing destroys, to 1e-11 from the last dose or washout on."""
    for i in INVARIANTS:
        times = last_change(i) + np.array([0.0, 0.003, 0.1, 1.0, 7.0, 24.0])
        values = numbers(scenario(i))
        _, solution, compiled = read_out(scenario(i), values, times, ODE(), states=True)
        assert solution.status.tolist() == [0]
        for law in laws(i):
            weights = np.array([law.get(name, 0) for name in compiled.species])
            totals = solution.states[0] @ weights
            np.testing.assert_allclose(totals, totals[0], rtol=1e-11, err_msg=str(law))


def laws(i: int) -> tuple[dict[str, int], ...]:
    from protacsim.mechanisms import build_network

    return build_network(scenario(i)).conserved()


@pytest.mark.parametrize("method", [ODE(), TIGHT], ids=["default", "tight"])
def test_no_amount_is_negative_beyond_the_tolerance(method: ODE) -> None:
    for i in INVARIANTS:
        solution, _, per_nM = ran(i, method)
        assert (solution.states[0] >= -10.0 * method.atol_nM * per_nM).all(), i


# Failures are data.


def growth() -> Network:
    net = Network("growth")
    net.add("double", "A", {"A": 2}, "linear")
    net.add("meet", {"A": 2}, {"A": 3}, "square")
    net.add_observable("A", ["A"])
    return net


def status_of(solution: Solution) -> list[str]:
    return [STATUS[int(code)][0] for code in solution.status]


def test_step_budget() -> None:
    rates = {"linear": 1.0, "square": 0.0}
    solution = solve(growth(), rates, {"A": 1.0}, [0.01, 5.0], method=ODE(max_steps=3))
    assert status_of(solution) == ["step_budget"]
    assert solution.counters[0, :2].sum() == 3
    assert 0.0 < solution.reached_h[0] < 5.0
    assert np.isnan(solution.observables).all()
    assert np.isnan(solution.states).all()


def test_step_underflow_at_a_singularity() -> None:
    """A' = A**2 from 1 has its pole at t = 1."""
    solution = solve(growth(), {"linear": 0.0, "square": 1.0}, {"A": 1.0}, [0.5, 2.0])
    assert status_of(solution) == ["step_underflow"]
    assert solution.reached_h[0] == pytest.approx(1.0, abs=1e-3)


def test_not_finite() -> None:
    net = Network()
    net.add("meet", {"A": 2}, (), "k")  # the coefficient -2 k overflows
    with np.errstate(over="ignore", invalid="ignore"):  # as compiled kernels do
        solution = solve(net, {"k": 1e308}, {"A": 0.0}, [1.0])
    assert status_of(solution) == ["not_finite"]
    assert solution.reached_h.tolist() == [0.0]
    assert np.isnan(solution.states).all()


def mixed_batch() -> dict[str, Floats]:
    """Rates of runs that end well, underflow, end well and run out of steps."""
    return {
        "linear": np.array([0.3, 0.0, 0.5, 0.1, 0.2]),
        "square": np.array([0.0, 1.0, 0.01, 0.02, 0.9]),
    }


BATCH_START = np.array([1.0, 1.0, 2.0, 0.5, 1.0])


def test_a_failed_point_leaves_its_neighbours_alone() -> None:
    rates = mixed_batch()
    batch = solve(growth(), rates, {"A": BATCH_START}, [0.5, 2.0])
    assert status_of(batch) == ["ok", "step_underflow", "ok", "ok", "step_underflow"]
    for b in range(len(BATCH_START)):
        own = {name: float(values[b]) for name, values in rates.items()}
        alone = solve(growth(), own, {"A": float(BATCH_START[b])}, [0.5, 2.0])
        assert_same(batch, b, alone, 0)


def assert_same(one: Solution, i: int, other: Solution, j: int) -> None:
    """Bitwise equality of one run of each solution."""
    for field in ("observables", "states", "status", "reached_h", "counters"):
        np.testing.assert_array_equal(getattr(one, field)[i], getattr(other, field)[j], field)


def test_points_do_not_depend_on_their_batch() -> None:
    """A point alone, reversed and among others: bitwise the same."""
    base = random_scenarios(3, 5)[0 if JIT_ENABLED else 1]
    name = base.treatment.compounds[-1].name
    doses = np.geomspace(0.1, 1e5, 7 if JIT_ENABLED else 3)

    def run(chosen: Floats) -> Solution:
        values = {**numbers(base), f"compounds.{name}.dose_nM": chosen}
        return read_out(base, values, [1.0, 24.0], ODE(), states=True)[1]

    batch, backwards = run(doses), run(doses[::-1])
    for i, dose in enumerate(doses):
        assert_same(batch, i, backwards, len(doses) - 1 - i)
        if i in (0, len(doses) - 1):
            assert_same(batch, i, run(np.array([dose])), 0)


# Output times.


def test_output_times_change_no_step() -> None:
    start = {"prey": 1.0, "hunter": 0.6}
    coarse = solve(predators(), PREDATION, start, [4.0])
    fine = solve(predators(), PREDATION, start, np.linspace(0.0, 4.0, 101))
    np.testing.assert_array_equal(coarse.states[0, -1], fine.states[0, -1])
    np.testing.assert_array_equal(coarse.counters, fine.counters)
    expected = scipy.integrate.solve_ivp(
        predation, (0.0, 4.0), START, "DOP853", fine.times_h, rtol=1e-12, atol=1e-13
    ).y.T
    np.testing.assert_allclose(fine.states[0], expected, rtol=1e-4)  # the interpolant's share


def test_a_run_in_two_parts_is_the_run_in_one() -> None:
    method = ODE(rtol=1e-6, atol_nM=1e-9)
    whole = solve(predators(), PREDATION, {"prey": 1.0, "hunter": 0.6}, [1.3, 4.0], method=method)
    middle = dict(zip(("prey", "hunter"), whole.states[0, 0], strict=True))
    rest = solve(predators(), PREDATION, middle, [4.0 - 1.3], method=method)
    np.testing.assert_allclose(rest.states[0, 0], whole.states[0, 1], rtol=10.0 * method.rtol)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "empty"),
        ([1.0, np.nan], "not finite"),
        ([1.0, 1.0], "must increase"),
        ([2.0, 1.0], "must increase"),
    ],
)
def test_output_times_are_checked(times: list[float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        solve(predators(), PREDATION, {"prey": 1.0}, times)


# Doses and washouts, against decay between them.


def decay() -> tuple[Network, dict[str, float]]:
    net = Network("decay")
    net.add("decay", "A", "B", "k")
    return net, {"k": 0.5}


def decayed(amount: float, hours: float) -> float:
    return amount * float(np.exp(-0.5 * hours))


@pytest.mark.parametrize("method", [ODE(rtol=1e-9, atol_nM=1e-12), Reference()])
def test_doses_add_and_washouts_set(method: Method) -> None:
    net, rates = decay()
    changes = [
        Dose(1.0, "A", 3.0, False),
        Dose(-2.0, "A", 5.0, False),
        Dose(4.0, "A", 1.5, False),
        Dose(4.0, "A", 0.0, True),  # a washout comes first, so that a dose at its time stays
        Dose(2.5, "B", 7.0, False),
        Dose(90.0, "A", 1e9, False),  # beyond the last time
    ]
    times = [-2.0, -1.0, 1.0, 3.0, 4.0, 6.0]
    found = solve(net, rates, {"A": 1.0}, times, changes=changes, method=method).states[0]
    before = decayed(6.0, 3.0)
    expected = [
        6.0, decayed(6.0, 1.0), before + 3.0, decayed(before + 3.0, 2.0), 1.5, decayed(1.5, 2.0),
    ]  # fmt: skip
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-7)
    assert found[2, 1] == pytest.approx(6.0 - before, rel=1e-7)
    assert found[3, 1] == pytest.approx(7.0 + 6.0 - before + before + 3.0 - expected[3], rel=1e-7)


def test_dose_times_and_amounts_may_differ_per_point() -> None:
    net, rates = decay()
    when, amount = np.array([-3.0, 0.0, 2.0]), np.array([1.0, 2.0, 4.0])
    changes = [Dose(when, "A", amount, False)]
    method = ODE(rtol=1e-9, atol_nM=1e-12)
    found = solve(net, rates, {}, [1.0, 5.0], changes=changes, method=method).states[..., 0]
    expected = [
        [decayed(a, t - w) if t >= w else 0.0 for t in (1.0, 5.0)]
        for w, a in zip(when, amount, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_a_dose_of_nothing_changes_nothing_but_the_steps() -> None:
    net, rates = decay()
    with_break = solve(net, rates, {"A": 1.0}, [2.0], changes=[Dose(0.7, "A", 0.0, False)])
    np.testing.assert_allclose(with_break.states[0, 0, 0], decayed(1.0, 2.0), rtol=1e-5)
