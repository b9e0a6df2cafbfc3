"""Steady states: closed forms, long runs, conserved totals, and states that never come."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from protacsim import reduced
from protacsim.errors import ParameterError
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import ODE, Reference
from protacsim.network import Network
from protacsim.simulation import STATUS, Solution, settle, solve

Floats = NDArray[np.float64]

ENGINES = [ODE(engine="interpreted"), ODE(engine="emitted")]


def status_of(solution: Solution) -> list[str]:
    return [STATUS[int(code)][0] for code in solution.status]


def turnover() -> Network:
    net = Network("turnover")
    net.add("make", (), "A", "make")
    net.add("lose", "A", (), "lose")
    return net


def three_body() -> Network:
    """Target, linker and ligase that bind reversibly; totals are conserved."""
    net = Network("three bodies")
    for complex_, parts, alpha in (
        ("TX", ("T", "X"), ""), ("XE", ("X", "E"), ""),
        ("TXE", ("T", "XE"), "_t"), ("TXE", ("TX", "E"), "_e"),
    ):  # fmt: skip
        name = f"{parts[0]} {parts[1]}"
        net.add(f"bind {name}", parts, complex_, "kon")
        net.add(f"part {name}", complex_, parts, f"koff_{parts[0]}{alpha}")
    return net


@pytest.mark.parametrize("method", ENGINES, ids=["interpreted", "emitted"])
def test_synthesis_over_loss(method: ODE) -> None:
    make, lose = np.array([3.0, 50.0, 0.0, 1e6]), np.array([0.1, 2.0, 1.0, 1e-2])
    found = settle(turnover(), {"make": make, "lose": lose}, {"A": 7.0}, method=method)
    np.testing.assert_allclose(found.states[:, 0, 0], make / lose, rtol=1e-9, atol=1e-9)
    assert status_of(found) == ["ok"] * 4
    assert found.engine == method.engine


@pytest.mark.parametrize("method", ENGINES, ids=["interpreted", "emitted"])
def test_dimer_equilibrium(method: ODE) -> None:
    """A + B = C from the quadratic."""
    net = Network("dimer")
    net.add("bind", ("A", "B"), "C", "kon")
    net.add("part", "C", ("A", "B"), "koff")
    a, b, kd = 5.0, 3.0, np.geomspace(1e-4, 1e4, 23)
    found = settle(net, {"kon": 2.0, "koff": 2.0 * kd}, {"A": a, "B": b}, method=method)
    total = a + b + kd
    expected = 2.0 * a * b / (total + np.sqrt(total**2 - 4.0 * a * b))
    names = list(net.species)
    np.testing.assert_allclose(found.states[:, 0, names.index("C")], expected, rtol=1e-9)
    for free, whole in (("A", a), ("B", b)):
        totals = found.states[:, 0, names.index(free)] + found.states[:, 0, names.index("C")]
        np.testing.assert_allclose(totals, whole, rtol=1e-11)


@pytest.mark.parametrize("method", ENGINES, ids=["interpreted", "emitted"])
def test_three_body_equilibrium(method: ODE) -> None:
    """The closed form over five decades of the linker, with cooperativity 8; totals to 1e-11."""
    net, dose, kon = three_body(), np.geomspace(0.01, 1000.0, 26), 1.5
    koff = {"koff_T": 20.0, "koff_X": 60.0, "koff_T_t": 20.0 / 8.0, "koff_TX_e": 60.0 / 8.0}
    rates = {"kon": kon, **{name: kon * kd for name, kd in koff.items()}}
    initial: dict[str, float | Floats] = {"T": 10.0, "X": dose, "E": 25.0}
    found = settle(net, rates, initial, method=method)
    assert status_of(found) == ["ok"] * len(dose)
    amount = dict(zip(net.species, found.states[:, 0].T, strict=True))
    exact = reduced.three_body(10.0, dose, 25.0, 20.0, 60.0, 8.0)
    np.testing.assert_allclose(amount["TXE"], exact.ternary, rtol=1e-8)
    np.testing.assert_allclose(amount["X"], exact.degrader_free, rtol=1e-8)
    for law in net.conserved():
        start = sum(weight * initial.get(name, 0.0) for name, weight in law.items())
        end = sum(weight * amount[name] for name, weight in law.items())
        np.testing.assert_allclose(end, start, rtol=1e-11)


def degradation() -> tuple[Network, dict[str, float | Floats], dict[str, float | Floats]]:
    """A target that is made, lost and degraded through a ternary complex, over linker doses."""
    net = three_body()
    net.add("make", (), "T", "make")
    for name, left in (("T", ()), ("TX", "X"), ("TXE", "XE")):
        net.add(f"lose {name}", name, left, "loss")
    net.add("degrade", "TXE", "XE", "degrade")
    rates: dict[str, float | Floats] = dict.fromkeys(net.rates, 30.0)
    rates |= {"kon": 2.0, "make": 1.0, "loss": 0.05, "degrade": 2.0, "koff_T_t": 5.0}
    dose = np.geomspace(0.1, 1e4, 6 if JIT_ENABLED else 3)
    return net, rates, {"T": 20.0, "E": 10.0, "X": dose}


@pytest.mark.parametrize("method", ENGINES, ids=["interpreted", "emitted"])
def test_it_is_where_a_long_run_ends(method: ODE) -> None:
    net, rates, initial = degradation()
    found = settle(net, rates, initial, method=method)
    referee = solve(net, rates, initial, [3000.0], method=Reference(rtol=1e-9, atol_nM=1e-11))
    np.testing.assert_allclose(found.states, referee.states, rtol=1e-6, atol=1e-9)


@pytest.mark.jit_only
def test_both_engines_give_the_same_bytes() -> None:
    net, rates, initial = degradation()
    one, other = (settle(net, rates, initial, method=m) for m in ENGINES)
    for field in ("observables", "states", "status", "reached_h", "counters"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), field)


@pytest.mark.jit_only
def test_a_point_does_not_depend_on_its_batch() -> None:
    net, rates, initial = degradation()
    batch = settle(net, rates, initial)
    for b, dose in enumerate(np.atleast_1d(initial["X"])):
        alone = settle(net, rates, {**initial, "X": float(dose)})
        np.testing.assert_array_equal(batch.states[b], alone.states[0])


@pytest.mark.parametrize("method", ENGINES, ids=["interpreted", "emitted"])
def test_what_never_settles_says_so_and_leaves_its_neighbours_alone(method: ODE) -> None:
    """Without a loss the amount grows for ever; a loss far slower than asked does not settle."""
    lose = np.array([0.1, 0.0, 1e-9, 0.2])
    found = settle(turnover(), {"make": 2.0, "lose": lose}, {"A": 1.0}, method=method)
    assert status_of(found) == ["ok", "not_steady", "not_steady", "ok"]
    np.testing.assert_allclose(found.states[[0, 3], 0, 0], [20.0, 10.0], rtol=1e-9)
    assert np.isnan(found.states[[1, 2]]).all()
    slow = settle(
        turnover(), {"make": 2.0, "lose": 1e-9}, {"A": 1.0}, method=method, time_scale_h=1e13
    )
    np.testing.assert_allclose(slow.states[0, 0, 0], 2e9, rtol=1e-6)


def two_covalent_drugs() -> Network:
    """They bind one target for good, and the target is neither made nor lost."""
    net = Network("two covalent drugs")
    net.add("bind X", ("T", "X"), "TX", "kx")
    net.add("bind Y", ("T", "Y"), "TY", "ky")
    return net


def bound_for_good(target: float, x: float, y: float, ratio: float) -> float:
    """TX where both drugs are in excess: (1 - TX/x) = (1 - TY/y)**(kx/ky), as all T is bound."""

    def gap(tx: float) -> float:
        return float(np.log1p(-tx / x) - ratio * np.log1p(-(target - tx) / y))

    return float(brentq(gap, 0.0, min(target, x * (1.0 - 1e-15)), xtol=1e-13))


@pytest.mark.parametrize("engine", ["interpreted", "emitted"])
def test_what_is_bound_for_good_depends_on_the_way_there(engine: str) -> None:
    """Against the closed form, for drugs alike and up to 100 times as fast as one another."""
    method = ODE(rtol=1e-8, atol_nM=1e-9, engine=engine)
    kx, ky = np.array([1.0, 2.0, 5.0, 1.0]), np.array([1.0, 0.7, 0.3, 0.01])
    x, y = np.array([20.0, 90.0, 60.0, 60.0]), np.array([1000.0, 80.0, 300.0, 1000.0])
    net, target = two_covalent_drugs(), 50.0
    found = settle(net, {"kx": kx, "ky": ky}, {"T": target, "X": x, "Y": y}, method=method)
    assert status_of(found) == ["ok"] * 4
    exact = [bound_for_good(target, *point) for point in zip(x, y, kx / ky, strict=True)]
    bound = found.states[:, 0, net.species.index("TX")]
    np.testing.assert_allclose(bound, exact, rtol=1e-6)


@pytest.mark.parametrize("engine", ["interpreted", "emitted"])
def test_what_dimerises_or_converts_depends_on_the_way_there(engine: str) -> None:
    """Converted is k1/(2 k2) ln(1 + 2 k2 A/k1), and so it is after a long run of SciPy."""
    net = Network("dimerise or convert")
    net.add("dimerise", {"A": 2}, "D", "k2")
    net.add("convert", "A", "B", "k1")
    rates = {"k1": 1.0, "k2": np.array([0.1, 1e-4, 0.0, 10.0])}
    method = ODE(rtol=1e-8, atol_nM=1e-9, engine=engine)
    found = settle(net, rates, {"A": 100.0}, method=method)
    converted = found.states[:, 0, net.species.index("B")]
    twice = 2.0 * rates["k2"]
    exact = np.log1p(100.0 * twice) / np.where(twice > 0.0, twice, 1.0)
    np.testing.assert_allclose(converted, np.where(twice > 0.0, exact, 100.0), rtol=1e-6)
    referee = solve(net, rates, {"A": 100.0}, [300.0], method=Reference(rtol=1e-9, atol_nM=1e-11))
    np.testing.assert_allclose(found.states, referee.states, rtol=1e-6, atol=1e-8)


@pytest.mark.jit_only
def test_a_run_that_is_followed_leaves_its_neighbours_alone() -> None:
    """Without a dose of X the way does not count; in any company the bytes are the same."""
    net, rates = two_covalent_drugs(), {"kx": 10.0, "ky": 0.1}
    x = np.array([0.0, 20.0, 0.0, 70.0, 0.0])
    batch = settle(net, rates, {"T": 100.0, "X": x, "Y": 300.0})
    for b, dose in enumerate(x):
        alone = settle(net, rates, {"T": 100.0, "X": dose, "Y": 300.0})
        for field in ("states", "status", "reached_h", "counters"):
            np.testing.assert_array_equal(getattr(batch, field)[b], getattr(alone, field)[0], field)
    assert (batch.reached_h >= 1e5).all()
    assert batch.counters[::2, 0].max() < batch.counters[1::2, 0].min()


def test_what_is_followed_keeps_to_its_step_budget() -> None:
    start = {"T": 100.0, "X": 50.0, "Y": 300.0}
    found = settle(two_covalent_drugs(), {"kx": 10.0, "ky": 0.1}, start, method=ODE(max_steps=30))
    assert status_of(found) == ["step_budget"]


def test_an_explosion_is_no_steady_state() -> None:
    net = Network("explosion")
    net.add("grow", {"A": 2}, {"A": 3}, "k")
    found = settle(net, {"k": 1.0}, {"A": 1.0})
    assert status_of(found)[0] != "ok"
    assert np.isnan(found.states).all()


def test_a_step_budget_holds() -> None:
    net, rates, initial = degradation()
    found = settle(net, rates, initial, method=ODE(max_steps=2))
    assert set(status_of(found)) == {"step_budget"}


def test_nothing_moves_where_nothing_reacts() -> None:
    net = Network("idle")
    net.add_species("A")
    found = settle(net, {}, {"A": [1.0, 5.0]})
    np.testing.assert_array_equal(found.states[:, 0, 0], [1.0, 5.0])


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_the_time_scale_is_checked(scale: float) -> None:
    with pytest.raises(ParameterError, match="time_scale_h"):
        settle(turnover(), {"make": 1.0, "lose": 1.0}, {}, time_scale_h=scale)
