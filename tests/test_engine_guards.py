"""Guards of the ODE engine: every status, and no bad lane that reaches its neighbours."""

import numpy as np
import pytest
from numpy.typing import NDArray

from machine import Machine, integrated
from protacsim.kernels import integrate, programs, records, tableau, tape
from protacsim.network import Network
from protacsim.simulation import solve

Floats = NDArray[np.float64]

ENGINES = ("interpreted", "emitted")
RUNS = 19  # more than any lane count, so that bad lanes are refilled
BAD = (0, 7, 18)
TIMES = np.array([0.1, 1.0, 4.0])


def binding() -> Network:
    net = Network("binding")
    net.add("bind", ("A", "B"), "C", "kon")
    net.add("part", "C", ("A", "B"), "koff")
    net.add("make", (), "A", "make")
    net.add("grow", {"A": 2}, {"A": 3}, "grow")
    return net


def numbers(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Rates kon, koff, make and grow (none), and amounts of A, B and C, of RUNS good runs."""
    rates = rng.lognormal(0.0, 1.0, (RUNS, 4))
    rates[:, 3] = 0.0
    return rates, rng.lognormal(0.0, 1.0, (RUNS, 3))


TROUBLE = {
    "rate NaN": ("rates", 0, np.nan),
    "rate infinite": ("rates", 1, np.inf),
    "rate huge": ("rates", 0, 1e300),
    "source overflows": ("rates", 2, 1.7e308),
    "explosion": ("rates", 3, 50.0),
    "amount NaN": ("initial", 1, np.nan),
    "amount infinite": ("initial", 2, np.inf),
    "amount huge": ("initial", 0, 1e200),
    "very stiff": ("rates", 1, 1e15),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_bad_lane_never_touches_its_neighbours(engine: str, trouble: str) -> None:
    """Neighbours keep their bytes: states, statuses, counters and times."""
    field, column, value = TROUBLE[trouble]
    rates, initial = numbers(np.random.default_rng(1))
    good = integrated(binding().compile(), rates, initial, TIMES, engine=engine)
    (rates if field == "rates" else initial)[BAD, column] = value
    mixed = integrated(binding().compile(), rates, initial, TIMES, engine=engine, max_steps=2_000)
    neighbours = [run for run in range(RUNS) if run not in BAD]
    assert (good[1][:, records.STATUS] == records.OK).all()
    for one, other in zip(good, mixed, strict=True):
        np.testing.assert_array_equal(one[neighbours], other[neighbours])
    if trouble not in ("rate huge", "very stiff", "amount huge"):
        assert (mixed[1][BAD, records.STATUS] != records.OK).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_out_of_steps_never_touches_its_neighbours(engine: str) -> None:
    """With a budget between the least and the most that these runs take."""
    rates, initial = numbers(np.random.default_rng(2))
    free = integrated(binding().compile(), rates, initial, TIMES, engine=engine)
    spent = free[1][:, records.STEPS] + free[1][:, records.REJECTED]
    budget = int(np.sort(spent)[RUNS // 2])
    bound = integrated(binding().compile(), rates, initial, TIMES, engine=engine, max_steps=budget)
    within = spent <= budget
    assert 0 < within.sum() < RUNS
    assert (bound[1][~within, records.STATUS] == records.STEP_BUDGET).all()
    for one, other in zip(free, bound, strict=True):
        np.testing.assert_array_equal(one[within], other[within])


# The statuses that `shrink` tells apart, from the rows of a failed attempt.


def failed_attempt(pivot: float, error: float, state: float, h: float) -> tuple[int, float]:
    """Status and next step of lane 0 at 1 h after a failed attempt."""
    net = Network()
    net.add("decay", "A", (), "k")
    machine = Machine(net.compile(), [1.0])
    clock, _ = records.desk(machine.work.shape[1])
    clock[records.NOW], clock[records.STEP] = 1.0, h
    machine.write(tape.ROW_STATE, [state])
    machine.write(tape.ROW_PIVOT, pivot)
    machine.write(tape.ROW_ERROR, error)
    machine.write(tape.ROW_FACTOR, error**-0.1)
    status = integrate.shrink(machine.code, machine.work, clock, 0)
    return status, float(clock[records.STEP, 0])


@pytest.mark.parametrize("pivot", [0.0, -1e-301, np.nan])
def test_a_vanishing_pivot_shortens_the_step_to_a_quarter(pivot: float) -> None:
    singular = not np.isnan(pivot)  # a NaN pivot shows as an error that is not finite
    error = 0.5 if singular else np.nan
    assert failed_attempt(pivot, error, 1.0, 0.4) == (records.OK, 0.1)


def test_a_pivot_that_vanishes_at_the_smallest_step_is_singular() -> None:
    assert failed_attempt(0.0, 0.5, 1.0, 1e-17)[0] == records.SINGULAR


def test_an_error_that_stays_large_underflows() -> None:
    assert failed_attempt(-1.0, 100.0, 1.0, 1e-17)[0] == records.STEP_UNDERFLOW


def test_an_error_that_stays_infinite_is_not_finite() -> None:
    assert failed_attempt(-1.0, np.inf, 1.0, 1e-17)[0] == records.NOT_FINITE
    assert failed_attempt(-1.0, 100.0, np.nan, 0.1)[0] == records.NOT_FINITE


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_steps_around_a_singular_matrix(engine: str) -> None:
    """Growth at exactly the rate 1 / (h gamma) of the first step, which an empty state sets to
    1e-6 of the run: one rejection, and the run ends well.
    """
    net = Network()
    net.add("grow", "A", {"A": 2}, "k")
    shift = 1.0 / (1e-6 * tableau.GAMMA)
    states, report, _ = integrated(
        net.compile(), np.array([[shift]]), np.zeros((1, 1)), np.array([1.0]), engine=engine
    )
    assert report[0, records.STATUS] == records.OK
    assert report[0, records.REJECTED] == 1
    assert states[0, 0, 0] == 0.0


def test_the_step_factor_is_the_root_of_the_error() -> None:
    """The norm of the error to the power -1/5, over 12 decades; below them it grows no further."""
    machine = Machine(binding().compile(), [1.0, 2.0, 3.0, 0.0])
    found = [
        machine.attempt([1.0, 2.0, 3.0], h, rtol, emitted=False)[3:5]
        for h in np.geomspace(1e-4, 30.0, 25)
        for rtol in (1e-10, 1e-6, 1e-2)
    ]
    squared_error, factor = np.array(found).T
    assert squared_error.min() < 1e-12 < 1e4 < squared_error.max()
    bounded = np.maximum(squared_error, tableau.SMALLEST_ERROR)
    np.testing.assert_allclose(factor, np.sqrt(bounded) ** -0.2, rtol=2e-4)


@pytest.mark.parametrize(("share", "restored"), [(3e-12, True), (-3e-12, True), (3e-15, False)])
def test_only_a_drift_beyond_round_off_is_shared_out(share: float, restored: bool) -> None:
    """A and B move alike, relative to what they are, by what the total A + B has drifted."""
    net = Network("exchange")
    net.add("there", "A", "B", "k")
    net.add("back", "B", "A", "k")
    small, large = 2.0**-30, 1.0
    machine = Machine(net.compile(), [1.0])
    machine.write(tape.ROW_TOTALS, small + large)
    machine.write(tape.ROW_NEW, [small, large * (1.0 + share)])
    programs.restore_totals(machine.code, machine.factors, machine.work)
    a, b = machine.read(tape.ROW_NEW, 2)
    moved = -share if restored else 0.0
    assert b == pytest.approx(large * (1.0 + share) * (1.0 + moved), rel=3e-16)
    assert a == pytest.approx(small * (1.0 + moved), rel=3e-16)


def test_factorisations_are_steps_and_rejections() -> None:
    rates, initial = numbers(np.random.default_rng(3))
    names = binding().compile()
    solution = solve(
        binding(),
        {name: rates[:, i] for i, name in enumerate(names.rates)},
        {name: initial[:, i] for i, name in enumerate(names.species)},
        TIMES,
    )
    steps, rejected, factorisations = solution.counters.T
    np.testing.assert_array_equal(factorisations, steps + rejected)
