"""The reduced forms against reference tables, brute-force numerics and the laws they must obey."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.optimize import OptimizeResult, brentq, minimize_scalar

from protacsim import reduced
from protacsim.errors import ParameterError, SimulationError

REFERENCE = Path(__file__).parent / "reference"

# du2024: copies per 4 pL cell with the authors' Avogadro number; per-minute constants are converted
# where they are used.
DU_TARGET_uM = 22_692 / (6.02e23 * 4e-12) * 1e6
DU_LIGASE_uM = 12_265 / (6.02e23 * 4e-12) * 1e6
DU_KD_LIGASE_uM = 3.84
DU_TURNOVER_PER_H = math.log(2) / 71.9


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / name).open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {
        key: np.array([float(row[key] or "nan") for row in rows])
        for key in rows[0]
        if key not in {"degrader", "cell"}
    }


def decades(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


wide = decades(-12, 12)
near = decades(-3, 3)
mild = decades(-1, 1)
cooperativities = decades(-6, 6)


# --- three-body equilibrium ---------------------------------------------------------------------


def test_three_body_reproduces_the_reference_table() -> None:
    ref = table("threebody_equilibrium.csv")
    found = reduced.three_body(
        *(ref[key] for key in ("A_total", "B_total", "C_total", "K_A", "K_C", "alpha"))
    )
    columns = ("A_free", "B_free", "C_free", "AB", "BC", "ABC")
    for value, column in zip(found, columns, strict=True):
        assert_allclose(value, ref[column], rtol=1e-9, err_msg=column)


@given(mild, mild, mild, mild, mild, decades(-2, 2))
def test_three_body_inverts_mass_action(
    a: float, b: float, c: float, k_a: float, k_c: float, alpha: float
) -> None:
    ab, bc, abc = a * b / k_a, b * c / k_c, alpha * a * b * c / (k_a * k_c)
    found = reduced.three_body(a + ab + abc, b + ab + bc + abc, c + bc + abc, k_a, k_c, alpha)
    # Free species beside totals up to 1e8 times larger are only as sharp as those totals.
    assert_allclose(found, (a, b, c, ab, bc, abc), rtol=1e-7)


@given(wide, wide, wide, wide, wide, cooperativities)
def test_three_body_balances_mass_over_24_decades(
    target: float, degrader: float, ligase: float, k_t: float, k_l: float, alpha: float
) -> None:
    found = reduced.three_body(target, degrader, ligase, k_t, k_l, alpha)
    assert min(found) >= 0
    assert_allclose(found.degrader_total, degrader, rtol=1e-12)
    assert_allclose(found.target_free + found.binary_target + found.ternary, target, rtol=1e-12)
    assert_allclose(found.ligase_free + found.binary_ligase + found.ternary, ligase, rtol=1e-12)


@given(wide, wide, wide, wide, wide, cooperativities)
def test_binding_square_closes(
    target: float, degrader: float, ligase: float, k_t: float, k_l: float, alpha: float
) -> None:
    t, x, e, tx, xe, txe = reduced.three_body(target, degrader, ligase, k_t, k_l, alpha)
    assert_allclose((t * x / tx, x * e / xe), (k_t, k_l), rtol=1e-12)
    assert_allclose((tx * e / txe, t * xe / txe), (k_l / alpha, k_t / alpha), rtol=1e-12)
    assert_allclose((t * x / tx) * (tx * e / txe), (x * e / xe) * (t * xe / txe), rtol=1e-12)


@given(wide, wide, wide, wide, wide, cooperativities)
def test_target_and_ligase_play_the_same_part(
    target: float, degrader: float, ligase: float, k_t: float, k_l: float, alpha: float
) -> None:
    t, x, e, tx, xe, txe = reduced.three_body(target, degrader, ligase, k_t, k_l, alpha)
    swapped = reduced.three_body(ligase, degrader, target, k_l, k_t, alpha)
    # A species next to exhaustion is only as sharp as the total that it is left over from.
    assert_allclose(swapped.ternary, txe, rtol=1e-9)
    assert_allclose(swapped, (e, x, t, xe, tx, txe), rtol=1e-9, atol=1e-12 * (target + ligase))


@pytest.mark.parametrize("alpha", [0.03, 1.0, 40.0])
def test_three_body_agrees_with_brent_on_the_free_species(alpha: float) -> None:
    target, degrader, ligase, k_t, k_l = 0.7, 1.9, 1.1, 0.2, 0.9

    def free_target(x: float, e: float) -> float:
        return target / (1 + x / k_t + alpha * x * e / (k_t * k_l))

    def free_ligase(x: float) -> float:
        return brentq(
            lambda e: e * (1 + x / k_l * (1 + alpha * free_target(x, e) / k_t)) - ligase,
            0,
            ligase,
            xtol=1e-15,
        )

    def excess(x: float) -> float:
        e = free_ligase(x)
        t = free_target(x, e)
        return x * (1 + t / k_t + e / k_l + alpha * t * e / (k_t * k_l)) - degrader

    x = brentq(excess, 0, degrader, xtol=1e-15)
    found = reduced.three_body(target, degrader, ligase, k_t, k_l, alpha)
    assert_allclose(found[:3], (free_target(x, free_ligase(x)), x, free_ligase(x)), rtol=1e-10)


def test_absent_partners_leave_exact_zeros() -> None:
    assert reduced.three_body(2, 0, 3, 1, 1, 5) == (2, 0, 3, 0, 0, 0)
    assert reduced.three_body(0, 4, 0, 1, 1, 5) == (0, 4, 0, 0, 0, 0)
    assert reduced.three_body(0, 0, 0, 1, 1) == (0, 0, 0, 0, 0, 0)
    target, degrader, kd = 2.0, 3.0, 0.5
    total = target + degrader + kd
    pair = (total - math.sqrt(total**2 - 4 * target * degrader)) / 2
    binary = reduced.three_body(target, degrader, 0, kd, 1, 9)
    assert_allclose(binary, (target - pair, degrader - pair, 0, pair, 0, 0), rtol=1e-13)


def test_three_body_broadcasts_like_its_scalar_self() -> None:
    doses = np.array([0.0, 0.3, 5.0])[:, None]
    alphas = np.array([0.1, 1.0, 30.0, 900.0])
    grid = reduced.three_body(1.0, doses, 0.4, 0.2, 3.0, alphas)
    assert all(field.shape == (3, 4) for field in grid)
    one = reduced.three_body(1.0, 5.0, 0.4, 0.2, 3.0, 30.0)
    assert_allclose([field[2, 2] for field in grid], one, rtol=1e-13)


# --- its maximum --------------------------------------------------------------------------------


def test_maximum_reproduces_the_reference_table() -> None:
    ref = table("threebody_max.csv")
    binding = (ref["A_total"], ref["C_total"], ref["K_A"], ref["K_C"])
    peak = reduced.three_body_maximum(*binding)
    assert_allclose(peak.degrader_total, ref["Bt_at_max_numeric"], rtol=1e-8)
    assert_allclose(peak.degrader_free, ref["B_free_at_max_numeric"], rtol=1e-8)
    assert_allclose(peak.ternary, ref["ABCmax_numeric"], rtol=1e-8)
    for side in ("Bt_half_left_numeric", "Bt_half_right_numeric"):
        half = reduced.three_body(binding[0], ref[side], *binding[1:])
        assert_allclose(half.ternary, peak.ternary / 2, rtol=1e-8)


@given(near, near, near, near, cooperativities)
def test_maximum_sits_where_the_equilibrium_puts_it(
    target: float, ligase: float, k_t: float, k_l: float, alpha: float
) -> None:
    peak = reduced.three_body_maximum(target, ligase, k_t, k_l, alpha)
    at_peak = reduced.three_body_at_free_degrader(
        peak.degrader_free, target, ligase, k_t, k_l, alpha
    )
    assert_allclose(peak.ternary, at_peak.ternary, rtol=1e-12)
    assert_allclose(peak.degrader_total, at_peak.degrader_total, rtol=1e-12)
    assert peak[:2] == reduced.three_body_maximum(target, ligase, k_t, k_l)[:2]
    around = peak.degrader_total * np.array([0.5, 0.9, 1.1, 2.0])
    others = reduced.three_body(target, around, ligase, k_t, k_l, alpha).ternary
    assert (others <= peak.ternary * (1 + 1e-12)).all()


@pytest.mark.parametrize("alpha", [0.1, 1.0, 50.0])
def test_maximum_agrees_with_a_numerical_search(alpha: float) -> None:
    binding = (0.4, 0.2, 0.05, 1.3, alpha)
    peak = reduced.three_body_maximum(*binding)
    search = minimize_scalar(
        lambda u: -reduced.three_body(0.4, math.exp(u), *binding[1:]).ternary,
        bracket=(-4.0, -1.0, 3.0),
        tol=1e-9,
    )
    assert_allclose(-search.fun, peak.ternary, rtol=1e-12)
    assert_allclose(math.exp(search.x), peak.degrader_total, rtol=1e-5)


# --- ternary-driven turnover --------------------------------------------------------------------


def du(kd_target: np.ndarray, k_degrade_per_min: np.ndarray) -> dict[str, object]:
    return {
        "target_total": DU_TARGET_uM,
        "ligase_total": DU_LIGASE_uM,
        "kd_target": kd_target,
        "kd_ligase": DU_KD_LIGASE_uM,
        "k_degrade": 60 * k_degrade_per_min,
        "k_turnover": DU_TURNOVER_PER_H,
    }


def test_steady_state_reproduces_the_reference_table() -> None:
    ref = table("du_steady_state.csv")
    system = du(ref["K_BTK_uM"], ref["k_pr_per_min"]) | {"cooperativity": ref["alpha"]}
    best = reduced.turnover_best_dose(ref["K_BTK_uM"], DU_KD_LIGASE_uM)
    assert_allclose(1 - reduced.turnover_steady_state(best, **system), ref["Dmax_ss"], rtol=1e-7)
    window = reduced.turnover_dose_window(**system)
    assert_allclose(window.dc50, ref["DC50_ss_uM"], rtol=1e-7)
    assert_allclose(window.hc50, ref["HC50_ss_uM"], rtol=1e-7)


def test_turnover_after_a_day_reproduces_the_reference_table() -> None:
    ref = table("du_dose.csv")
    system = du(ref["K_BTK_uM"], ref["k_pr_per_min"])
    left = reduced.turnover_time_course(24.0, ref["L_uM"], **system)
    assert_allclose(left, ref["fraction_BTK_remaining_24h"], rtol=1e-4)
    start = reduced.three_body_at_free_degrader(
        ref["L_uM"], DU_TARGET_uM, DU_LIGASE_uM, ref["K_BTK_uM"], DU_KD_LIGASE_uM
    )
    assert_allclose(start.ternary, ref["ternary_uM_at_t0"], rtol=1e-7)


def test_turnover_reproduces_the_published_dmax() -> None:
    ref = table("du_author_outputs.csv")
    doses = np.geomspace(1e-4, 10, 26)
    system = du(ref["K_BTK_grid_uM"][:, None], ref["k_pr_grid_per_min"][:, None])
    dmax = 1 - reduced.turnover_time_course(24.0, doses, **system).min(axis=1)
    assert_allclose(dmax, ref["author_Dmax_pred"], atol=0.005)
    assert_allclose(dmax, ref["recomputed_Dmax_dosegrid"], atol=2e-5)


def naive_turnover(times: np.ndarray, dose: float, alpha: float) -> np.ndarray:
    """The unsimplified ODE with the textbook root, integrated by an implicit Runge-Kutta method."""
    target, ligase, k_t, k_l, k_degrade, k_turnover = 2.0, 0.7, 0.3, 1.5, 4.0, 0.05

    def rate(_: float, p: np.ndarray) -> np.ndarray:
        q = p + ligase + (k_t + dose) * (k_l + dose) / (alpha * dose)
        ternary = (q - np.sqrt(q * q - 4 * p * ligase)) / 2
        return k_turnover * (target - p) - k_degrade * ternary

    solution = solve_ivp(
        rate, (0, times[-1]), [target], t_eval=times, method="Radau", rtol=1e-9, atol=1e-12
    )
    return solution.y[0] / target


@pytest.mark.parametrize("alpha", [0.2, 1.0, 15.0])
def test_turnover_agrees_with_another_integrator_and_ends_at_steady_state(alpha: float) -> None:
    doses, times = np.array([0.02, 0.5, 30.0]), np.array([0.0, 0.4, 3.0, 24.0, 2000.0])
    system = (2.0, 0.7, 0.3, 1.5, 4.0, 0.05, alpha)
    found = reduced.turnover_time_course(times, doses, *system)
    assert_allclose(found, [naive_turnover(times, dose, alpha) for dose in doses], rtol=1e-7)
    assert_allclose(found[:, -1], reduced.turnover_steady_state(doses, *system), rtol=1e-8)


def test_turnover_times_may_come_in_any_order_and_shape() -> None:
    system = (0.5, 2.0, 0.7, 0.3, 1.5, 4.0, 0.05)
    ordered = reduced.turnover_time_course([0.0, 1.0, 5.0], *system)
    shuffled = reduced.turnover_time_course([[5.0, 0.0], [1.0, 5.0]], *system)
    assert_allclose(shuffled, [[ordered[2], 1.0], [ordered[1], ordered[2]]], rtol=1e-12)
    assert reduced.turnover_time_course(0.0, *system) == 1.0
    assert reduced.turnover_time_course([], *system).shape == (0,)


@given(near, near, near, near, near, decades(-2, 2), cooperativities)
def test_turnover_steady_state_has_no_net_flux(
    dose: float,
    target: float,
    ligase: float,
    k_t: float,
    k_l: float,
    k_degrade: float,
    alpha: float,
) -> None:
    system = (target, ligase, k_t, k_l, k_degrade, 1.0, alpha)
    left = reduced.turnover_steady_state(dose, *system)
    ternary = reduced.three_body_at_free_degrader(
        dose, left * target, ligase, k_t, k_l, alpha
    ).ternary
    assert 0 < left <= 1
    assert_allclose(target * (1 - left), k_degrade * ternary, rtol=1e-9, atol=1e-12 * target)


@given(near, near, near, near, decades(0, 4), decades(-2, 4), st.floats(0.05, 0.95))
def test_rising_and_falling_doses_multiply_to_the_product_of_affinities(
    target: float,
    ligase: float,
    k_t: float,
    k_l: float,
    k_degrade: float,
    alpha: float,
    level: float,
) -> None:
    system = (target, ligase, k_t, k_l, k_degrade, 1.0, alpha)
    best = reduced.turnover_best_dose(k_t, k_l)
    deepest = reduced.turnover_steady_state(best, *system)
    window = reduced.turnover_dose_window(*system, fraction_remaining=level)
    if math.isclose(deepest, level, rel_tol=1e-6):
        return
    assert np.isnan(window.dc50) == (deepest > level)
    if deepest < level:
        assert window.dc50 <= best <= window.hc50
        assert_allclose(window.dc50 * window.hc50, k_t * k_l, rtol=1e-12)
        at_edges = reduced.turnover_steady_state(np.array(window), *system)
        assert_allclose(at_edges, level, rtol=1e-6)


def test_relative_dose_pair_obeys_the_same_product() -> None:
    system = (2.0, 0.7, 0.3, 1.5, 0.05, 0.05, 1.0)
    best = reduced.turnover_best_dose(0.3, 1.5)
    dmax = 1 - reduced.turnover_steady_state(best, *system)
    assert dmax < 0.5
    assert np.isnan(reduced.turnover_dose_window(*system)).all()

    def above_half(log_dose: float) -> float:
        left = reduced.turnover_steady_state(math.exp(log_dose), *system)
        return float(left - (1 - dmax / 2))

    middle = math.log(best)
    crossings = [math.exp(brentq(above_half, middle, middle + side)) for side in (-9, 9)]
    window = reduced.turnover_dose_window(*system, fraction_remaining=1 - dmax / 2)
    assert_allclose(window, crossings, rtol=1e-9)
    assert_allclose(crossings[0] * crossings[1], 0.3 * 1.5, rtol=1e-9)


@given(near, near, near)
def test_best_dose_is_best_at_every_time(k_t: float, k_l: float, factor: float) -> None:
    best = reduced.turnover_best_dose(k_t, k_l)
    # exp(ln factor) and its inverse give the same curve: the hook is symmetric in log dose.
    doses = best * np.array([1.0, factor, 1 / factor])
    left = reduced.turnover_time_course([0.5, 8.0], doses, 1.0, 0.3, k_t, k_l, 2.0, 0.1)
    assert_allclose(left[1], left[2], rtol=1e-8)
    assert (left[0] <= left[1] * (1 + 1e-8)).all()


# --- lumped hook curve --------------------------------------------------------------------------


@given(near, near, near)
def test_hook_curve_is_the_trace_limit_of_the_equilibrium(
    free: float, k_t: float, k_l: float
) -> None:
    trace = 1e-12 * min(k_t, k_l)
    best = math.sqrt(k_t * k_l)
    here, peak = (
        reduced.three_body_at_free_degrader(b, trace, trace, k_t, k_l).ternary for b in (free, best)
    )
    curve = reduced.hook_curve(free, k_t, k_l)
    assert_allclose(curve, here / peak, rtol=1e-9)
    assert_allclose(reduced.hook_curve(best, k_t, k_l), 1.0, rtol=1e-12)
    assert_allclose(reduced.hook_curve(best**2 / free, k_t, k_l), curve, rtol=1e-12)


@given(near, near, near, near, near)
def test_hook_rate_times_what_is_left_is_basal_turnover(
    free: float, k_t: float, k_l: float, rho: float, k_deg: float
) -> None:
    dmax, rate, degraded = reduced.hook_degradation(free, k_t, k_l, rho, k_deg)
    assert_allclose(rate * (1 - degraded), k_deg, rtol=1e-9)
    assert degraded <= dmax * (1 + 1e-12)
    at_best = reduced.hook_degradation(math.sqrt(k_t * k_l), k_t, k_l, rho, k_deg)
    assert_allclose(at_best.degraded_steady_state, dmax, rtol=1e-12)


def test_hook_degradation_is_a_relaxation_of_the_lumped_balance() -> None:
    free, k_t, k_l, rho, k_deg = 0.8, 0.1, 5.0, 12.0, 0.07
    s, l_m = k_t + k_l, math.sqrt(k_t * k_l)
    g = (2 * l_m + s) * free / (free**2 + s * free + l_m**2)
    found = reduced.hook_degradation(free, k_t, k_l, rho, k_deg)
    times = np.array([0.0, 0.7, 4.0, 30.0])
    balance = solve_ivp(
        lambda _, p: k_deg - k_deg * (1 + rho * g) * p,
        (0, 30),
        [1.0],
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    decay = np.exp(-found.lambda_per_h * times)
    expected = 1 - found.degraded_steady_state * (1 - decay)
    assert_allclose(balance.y[0], expected, rtol=1e-8)


# --- covalent occupancy -------------------------------------------------------------------------


def covalent_generator(
    inhibitor: float, kon: float, koff: float, kinact: float, kdeg: float
) -> np.ndarray:
    """Free, reversible and covalent target; loss of any state is answered by synthesis of free."""
    return np.array(
        [
            [-kon * inhibitor, koff + kdeg, kdeg],
            [kon * inhibitor, -(koff + kinact + kdeg), 0.0],
            [0.0, kinact, -kdeg],
        ]
    )


@given(near, near, near, near, near)
def test_covalent_steady_state_is_exact_with_the_apparent_ki(
    inhibitor: float, kon: float, koff: float, kinact: float, kdeg: float
) -> None:
    system = covalent_generator(inhibitor, kon, koff, kinact, kdeg)
    system[0] = 1.0
    covalent = np.linalg.solve(system, [1.0, 0.0, 0.0])[2]
    ki = reduced.apparent_ki(koff, kinact, kdeg, kon)
    found = reduced.covalent_occupancy_steady_state(inhibitor, kinact, ki, kdeg)
    assert_allclose(found, covalent, rtol=1e-9)


def test_covalent_time_course_is_the_rapid_equilibrium_limit() -> None:
    inhibitor, kinact, ki, kdeg = 3.0, 0.9, 5.0, 0.06
    times = np.array([0.0, 0.5, 2.0, 10.0, 80.0])
    koff = 1e6
    system = covalent_generator(inhibitor, koff / ki, koff, kinact, kdeg)
    start = np.array([ki, inhibitor, 0.0]) / (ki + inhibitor)
    network = solve_ivp(
        lambda _, y: system @ y,
        (0, 80),
        start,
        t_eval=times,
        method="Radau",
        rtol=1e-9,
        atol=1e-12,
    )
    found = reduced.covalent_occupancy_time_course(times, inhibitor, kinact, ki, kdeg)
    assert_allclose(found, network.y[2], rtol=1e-5, atol=1e-9)
    plateau = reduced.covalent_occupancy_steady_state(inhibitor, kinact, ki, kdeg)
    late = reduced.covalent_occupancy_time_course(1e4, inhibitor, kinact, ki, kdeg)
    assert_allclose(late, plateau, rtol=1e-14)


def test_occupancy_after_washout_decays_with_turnover_alone() -> None:
    times, kdeg = np.array([0.0, 5.0, 50.0]), 0.03
    system = covalent_generator(0.0, 1.0, 2.0, 0.5, kdeg)
    network = solve_ivp(
        lambda _, y: system @ y, (0, 50), [0.2, 0.0, 0.8], t_eval=times, rtol=1e-10, atol=1e-12
    )
    found = reduced.covalent_occupancy_after_washout(0.8, times, kdeg)
    assert_allclose(found, network.y[2], rtol=1e-8)
    assert_allclose(1 - found, network.y[0], rtol=1e-8)


# --- chains -------------------------------------------------------------------------------------


@given(st.integers(1, 6), decades(0, 3), decades(-2, 1))
def test_passage_time_solves_the_backward_equation(n: int, k_ub: float, k_dub: float) -> None:
    generator = np.zeros((n, n))
    for length in range(n):
        generator[length, length] = k_ub + (k_dub if length else 0.0)
        if length + 1 < n:
            generator[length, length + 1] = -k_ub
        if length:
            generator[length, length - 1] = -k_dub
    expected = np.linalg.solve(generator, np.ones(n))[0]
    assert_allclose(reduced.chain_passage_time(n, k_ub, k_dub), expected, rtol=1e-8)


@given(st.integers(1, 20), near, near)
def test_passage_time_is_the_printed_double_sum(n: int, k_ub: float, k_dub: float) -> None:
    double_sum = math.fsum((k_dub / k_ub) ** j / k_ub for i in range(n) for j in range(i + 1))
    assert_allclose(reduced.chain_passage_time(n, k_ub, k_dub), double_sum, rtol=1e-12)


def test_chain_without_removal_takes_n_steps_and_none_takes_no_time() -> None:
    assert_allclose(reduced.chain_passage_time(4, [2.0, 8.0], 0.0), [2.0, 0.5], rtol=1e-15)
    assert reduced.chain_passage_time(0, 3.0, 1.0) == 0.0
    assert reduced.chain_success(0, 3.0, 1.0) == 1.0


def test_success_of_one_visit_is_that_of_bartlett_and_gilbert() -> None:
    k_step, k_off = 4 / 0.0015, 3600 * (0.091 + 3.1) + 0.058
    assert_allclose(reduced.chain_success(1, k_step, k_off), 0.188399, atol=1e-6)
    assert_allclose(reduced.chain_success(4, k_step, k_off), 0.00125985, atol=1e-8)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: reduced.three_body(1, 1, 1, 0, 1), "kd_target is 0; must be finite and above 0"),
        (lambda: reduced.three_body(1, [1, -2], 1, 1, 1), "degrader_total is -2; .* at least 0"),
        (lambda: reduced.three_body(1, 1, math.nan, 1, 1), "ligase_total is nan"),
        (lambda: reduced.three_body(1, 1, 1, 1, "tight"), "kd_ligase is 'tight'; must be a number"),
        (lambda: reduced.chain_passage_time(2.5, 1, 1), "n is 2.5; must be a whole number"),
        (lambda: reduced.chain_success(-1, 1, 1), "n is -1"),
    ],
)
def test_impossible_arguments_are_named(call, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        call()


def test_an_integration_that_stops_early_says_when(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = OptimizeResult(success=False, status=-1, message="Stopped.", t=np.array([0.0, 2.5]))
    monkeypatch.setattr("scipy.integrate.solve_ivp", lambda *_, **__: stopped)
    with pytest.raises(SimulationError, match=r"Stopped\. Check k_degrade") as caught:
        reduced.turnover_time_course([0.0, 9.0], 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert caught.value.time_h == 2.5
