"""First steps, at the start and after each dose: against closed forms, beside species at rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protacsim.methods import ODE
from protacsim.network import Dose, Network
from protacsim.simulation import STATUS, solve

ENGINES = ("interpreted", "emitted")


def beside_a_protein_at_rest() -> Network:
    """A protein at its steady state of 100 nM, which nothing else touches."""
    net = Network("at rest")
    net.add("make", (), "protein", "make")
    net.add("lose", "protein", (), "lose")
    return net


AT_REST = {"make": 2.0, "lose": 0.02}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start_nM", [1e-5, 1e-6, 1e-7])
def test_growth_from_next_to_nothing(engine: str, start_nM: float) -> None:
    """By default tolerances, until what grows is there."""
    net = beside_a_protein_at_rest()
    net.add("grow", "X", {"X": 2}, "grow")
    net.add("crowd", {"X": 2}, "X", "grow")
    times_h = np.array([24.0, 72.0, 240.0])
    found = solve(
        net, {**AT_REST, "grow": 1.0}, {"protein": 100.0, "X": start_nM}, times_h,
        method=ODE(engine=engine),
    )  # fmt: skip
    grown = start_nM * np.exp(times_h)
    exact = grown / (1.0 + start_nM * np.expm1(times_h))
    assert found.status[0] == 0
    assert found.states[0, :, net.species.index("X")] == pytest.approx(exact, rel=1e-3)


@settings(max_examples=100, deadline=None)
@given(
    speed=st.floats(0.0, 3.0), tolerances=st.floats(0.5, 6.0), digits=st.integers(5, 9),
    dose_h=st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_outputs_inside_the_first_step(
    speed: float, tolerances: float, digits: int, dose_h: float
) -> None:
    """Exchange of an amount that is there, or is given later, beside the protein at rest.

    The amount is so many decades above the tolerance; the run goes on long after the exchange.
    """
    net = beside_a_protein_at_rest()
    net.add("there", "A", "B", "k")
    net.add("back", "B", "A", "k")
    method = ODE(rtol=10.0**-digits, atol_nM=10.0 ** (-digits - 3))
    k, amount = 10.0**speed, method.atol_nM * 10.0**tolerances
    times_h = dose_h + np.append(np.geomspace(1e-2, 10.0, 31), 1e4) / k
    found = solve(
        net, {**AT_REST, "k": k}, {"protein": 100.0, "A": 0.0 if dose_h else amount}, times_h,
        method=method, changes=[Dose(dose_h, "A", amount, replaces=True)],
    )  # fmt: skip
    exact = -0.5 * amount * np.expm1(-2.0 * k * (times_h - dose_h))
    off = np.abs(found.states[0, :, net.species.index("B")] - exact)
    assert (off <= 3.0 * (method.atol_nM + method.rtol * amount)).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dose_h", [0.7000000000000001, 0.8333333333333334, 1.4166666666666667])
def test_an_output_just_before_a_dose_is_of_before(engine: str, dose_h: float) -> None:
    """The sum of a time and what is left until the dose need not be the dose's time."""
    net = Network("decay")
    net.add("decay", "A", (), "k")
    times_h = np.array([np.nextafter(dose_h, 0.0), dose_h])
    starts = np.array([0.2, 0.3, 1.0 / 3.0, 0.4])  # an earlier change, from which steps are counted
    changes = [Dose(starts, "A", 0.0, replaces=False), Dose(dose_h, "A", 100.0, replaces=False)]

    def run(points: slice) -> np.ndarray:
        cut = [Dose(starts[points], "A", 0.0, replaces=False), changes[1]]
        return solve(
            net, {"k": 0.01}, {"A": 6.0}, times_h, changes=cut, method=ODE(engine=engine)
        ).states

    together = run(slice(None))
    exact = 6.0 * np.exp(-0.01 * dose_h) + np.array([0.0, 100.0])
    assert together[:, :, 0] == pytest.approx(np.tile(exact, (4, 1)), rel=1e-5)
    for point in range(4):
        assert run(slice(point, point + 1)).tobytes() == together[point : point + 1].tobytes()


def test_output_times_may_be_any_part_of_an_array() -> None:
    net = Network("decay")
    net.add("decay", "A", (), "k")
    times_h = np.linspace(0.0, 24.0, 25)
    strided = solve(net, {"k": 0.1}, {"A": 1.0}, times_h[::6])
    packed = solve(net, {"k": 0.1}, {"A": 1.0}, times_h[::6].copy())
    assert strided.states.tobytes() == packed.states.tobytes()


@pytest.mark.parametrize(
    ("dose_h", "amount"), [(1.0, np.nan), (1.0, np.inf), (0.0, np.nan), (np.nan, 1.0)]
)
def test_a_dose_that_is_no_number_has_a_status(dose_h: float, amount: float) -> None:
    net = Network("decay")
    net.add("decay", "A", (), "k")
    changes = [Dose(np.array([0.5, dose_h]), "A", np.array([1.0, amount]), replaces=False)]
    found = solve(net, {"k": 1.0}, {"A": 1.0}, [0.0, 1.0], changes=changes)
    assert [STATUS[int(code)][0] for code in found.status] == ["ok", "not_finite"]
    assert np.isnan(found.states[1]).all()
    assert found.states[0, 1, 0] == pytest.approx(np.exp(-1.0) + np.exp(-0.5), rel=1e-5)
