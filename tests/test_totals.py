"""Conserved totals, and small forms beside large ones, in long steps over fast exchange."""

from decimal import Decimal, localcontext
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protacsim.methods import ODE
from protacsim.network import Network
from protacsim.simulation import settle, solve

Engine = Literal["interpreted", "emitted"]
ENGINES: tuple[Engine, Engine] = ("interpreted", "emitted")
WEEKS_H = np.linspace(0.0, 5000.0, 101)


def exchange(order: str) -> Network:
    """B to C and back, fast; now and then B to A, which returns."""
    net = Network("exchange")
    for name in order:
        net.add_species(name)
    net.add("leave", "B", "A", "leave")
    net.add("return", "A", "B", "return")
    net.add("there", "B", "C", "fast")
    net.add("back", "C", "B", "fast")
    return net


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", ["ABC", "CBA"])
@pytest.mark.parametrize("total_nM", [1.0, 1e5, 1e10])
def test_a_small_form_keeps_its_digits_beside_a_large_one(
    total_nM: float, order: str, engine: Engine
) -> None:
    """A is 5e-10 of the total, which round-off of steps of 1,000 h shifts by 5e-9."""
    rates = {"leave": 1e-5, "return": 1e4, "fast": 5e4}
    right = total_nM / (2.0 + rates["leave"] / rates["return"])
    method = ODE(atol_nM=1e-12 * total_nM, engine=engine)
    net = exchange(order)
    run = solve(net, rates, {"C": total_nM}, WEEKS_H, method=method)
    rest = settle(net, rates, {"C": total_nM}, method=method)
    for name, wanted in (("A", right * 1e-9), ("B", right), ("C", right)):
        place = net.species.index(name)
        np.testing.assert_allclose(run.states[0, 1:, place], wanted, rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(rest.states[0, 0, place], wanted, rtol=1e-5, err_msg=name)


def two_partners() -> Network:
    """A complex that turns over fast: the totals of both partners share it."""
    net = Network("two partners")
    net.add("bind", ("T", "X"), "TX", "bind")
    net.add("leave", "TX", ("T", "X"), "leave")
    net.add("turn", "TX", "TX*", "fast")
    net.add("turn back", "TX*", "TX", "fast")
    return net


CHEMISTRY = {
    "target_nM": st.floats(1e-3, 1e6),
    "partner_nM": st.floats(1e-3, 1e6),
    "bind": st.floats(0.1, 1e5),
    "leave": st.floats(0.1, 1e5),
    "fast": st.floats(0.1, 1e5),
}


@pytest.mark.parametrize("engine", ENGINES)
@given(**CHEMISTRY)
def test_totals_hold_at_every_output(
    engine: Engine, target_nM: float, partner_nM: float, **rates: float
) -> None:
    """To 1e-11 at step ends and inside steps, however fast, and whoever is in excess."""
    net = two_partners()
    net.add_observable("T", ["T", "TX", "TX*"])
    net.add_observable("X", ["X", "TX", "TX*"])
    start = {"T": target_nM, "X": partner_nM}
    run = solve(net, rates, start, WEEKS_H, method=ODE(engine=engine))
    assert run.status.tolist() == [0]
    wanted = np.tile([target_nM, partner_nM], (len(WEEKS_H), 1))
    np.testing.assert_allclose(run.observables[0], wanted, rtol=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
@given(**CHEMISTRY)
def test_free_forms_are_those_of_the_equilibrium_however_tight(
    engine: Engine, target_nM: float, partner_nM: float, **rates: float
) -> None:
    """After 5,000 h, when all are bound and what is free is the round-off of the totals."""
    net = two_partners()
    start = {"T": target_nM, "X": partner_nM}
    run = solve(net, rates, start, WEEKS_H, method=ODE(engine=engine))
    assert run.status.tolist() == [0]
    found = [float(run.states[0, -1, net.species.index(name)]) for name in start]
    wanted = free_forms(target_nM, partner_nM, rates["leave"] / rates["bind"] / 2.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=ODE().atol_nM)


def free_forms(target_nM: float, partner_nM: float, kd_nM: float) -> list[float]:
    """What equilibrium leaves free, by 50 digits; half of the complex is TX*."""
    with localcontext(prec=50):
        t, x, kd = Decimal(target_nM), Decimal(partner_nM), Decimal(kd_nM)
        bound = (t + x + kd - ((t + x + kd) ** 2 - 4 * t * x).sqrt()) / 2
        return [float(t - bound), float(x - bound)]


@pytest.mark.jit_only
def test_both_engines_put_back_the_same() -> None:
    """Totals drift by 1e-9 and more in these; neighbours in the lanes change nothing."""
    net = two_partners()
    spread = np.geomspace(1.0, 1e5, 23)
    rates = {"bind": spread, "leave": 1e5 / spread, "fast": 1e5}
    start = {"T": 1e5, "X": 1e4 * np.sqrt(spread)}
    runs = [solve(net, rates, start, WEEKS_H, method=ODE(engine=engine)) for engine in ENGINES]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)
    for i in (0, 11, 22):
        alone = solve(
            net,
            {"bind": spread[i], "leave": 1e5 / spread[i], "fast": 1e5},
            {"T": 1e5, "X": start["X"][i]},
            WEEKS_H,
            method=ODE(engine="interpreted"),
        )
        np.testing.assert_array_equal(alone.states[0], runs[0].states[i])
