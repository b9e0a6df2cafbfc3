"""Reduced forms of the model: exact equilibria, closed-form steady states and passage times.

Each stands alone and checks the network in one limit. Nothing here knows the network, a solver
of it, or a unit registry: concentrations share any one unit, times are hours, and every argument
may be a float or an array that broadcasts with the others.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError, SimulationError

Array: TypeAlias = NDArray[np.float64]


class ThreeBody(NamedTuple):
    """Concentrations at equilibrium, in the unit of the totals."""

    target_free: Array
    degrader_free: Array
    ligase_free: Array
    binary_target: Array
    binary_ligase: Array
    ternary: Array

    @property
    def degrader_total(self) -> Array:
        """Degrader in all its forms."""
        return self.degrader_free + self.binary_target + self.binary_ligase + self.ternary


class ThreeBodyMaximum(NamedTuple):
    """Where the ternary complex peaks, in free and in total degrader, and how high."""

    degrader_free: Array
    degrader_total: Array
    ternary: Array


class DoseWindow(NamedTuple):
    """Free degrader at which one level is crossed, falling (DC50) and recovering (HC50)."""

    dc50: Array
    hc50: Array


class HookDegradation(NamedTuple):
    """Largest and actual steady-state degradation (fractions), and the rate of approach (1/h)."""

    dmax: Array
    lambda_per_h: Array
    degraded_steady_state: Array


def three_body(
    target_total: ArrayLike,
    degrader_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    cooperativity: ArrayLike = 1.0,
) -> ThreeBody:
    """Exact equilibrium of target, degrader and ligase, for any cooperativity.

    The total degrader rises with the free degrader `b`, and no faster than `b` does, so that one
    bracketed root in `log b` decides everything: the free fraction `b / B_t` lies between
    `1 / ((1 + A_t/K_A)(1 + C_t/K_C) + (alpha - 1) A_t C_t/(K_A K_C))` and 1.

    Sources: Douglass et al. 2013 (doi 10.1021/ja311795d) for the equilibrium; Han 2020
    (doi 10.1074/jbc.RA120.014715) for exact solutions with cooperativity.
    """
    from scipy.optimize.elementwise import find_root

    target, degrader, ligase = _non_negative(
        target_total=target_total, degrader_total=degrader_total, ligase_total=ligase_total
    )
    k_t, k_l, alpha = _positive(
        kd_target=kd_target, kd_ligase=kd_ligase, cooperativity=cooperativity
    )
    capacity = 1 + target / k_t + ligase / k_l + alpha * (target / k_t) * (ligase / k_l)
    # Without degrader the free fraction is still defined; any scale gives a free degrader of 0.
    scale = np.where(degrader > 0, degrader, 1.0)

    def excess(log_free: Array, scale: Array, *others: Array) -> Array:
        return np.log(_at_free(scale * np.exp(log_free), *others).degrader_total / scale)

    bracket = (-np.log(capacity) - 1, np.zeros_like(capacity))  # -1: room for rounding
    root = find_root(excess, bracket, args=(scale, target, ligase, k_t, k_l, alpha))
    return _at_free(degrader * np.exp(root.x), target, ligase, k_t, k_l, alpha)


def three_body_at_free_degrader(
    free_degrader: ArrayLike,
    target_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    cooperativity: ArrayLike = 1.0,
) -> ThreeBody:
    """Equilibrium at a given free degrader `b`, closed form.

    `ternary = 2 A_t C_t / (Q + sqrt(Q^2 - 4 A_t C_t))` with `Q = A_t + C_t + K(b)` and
    `K(b) = (K_A + b)(K_C + b) / (alpha b)`. Source: as `three_body`.
    """
    return _at_free(
        *_non_negative(
            free_degrader=free_degrader, target_total=target_total, ligase_total=ligase_total
        ),
        *_positive(kd_target=kd_target, kd_ligase=kd_ligase, cooperativity=cooperativity),
    )


def three_body_maximum(
    target_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    cooperativity: ArrayLike = 1.0,
) -> ThreeBodyMaximum:
    """Peak of the ternary complex; its place, free or total, does not depend on cooperativity.

    `b* = sqrt(K_A K_C)`, `B_t* = b* + (A_t sqrt(K_C) + C_t sqrt(K_A))/(sqrt(K_A) + sqrt(K_C))`.
    Sources: as `three_body`.
    """
    target, ligase = _non_negative(target_total=target_total, ligase_total=ligase_total)
    k_t, k_l, alpha = _positive(
        kd_target=kd_target, kd_ligase=kd_ligase, cooperativity=cooperativity
    )
    root_t, root_l = np.sqrt(k_t), np.sqrt(k_l)
    ternary = _pair(target, ligase, alpha / (root_t + root_l) ** 2)[2]
    free = root_t * root_l + 0 * ternary
    bound = (target * root_l + ligase * root_t) / (root_t + root_l)
    return ThreeBodyMaximum(free, free + bound, ternary)


def turnover_steady_state(
    free_degrader: ArrayLike,
    target_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    k_degrade: ArrayLike,
    k_turnover: ArrayLike,
    cooperativity: ArrayLike = 1.0,
) -> Array:
    """Fraction of target left when the ternary complex is destroyed with `k_degrade` (1/h).

    Zero of `P' = k_turnover (T_P - P) - k_degrade ABC(P)` at fixed free degrader; `target_total`
    is `T_P`, the drug-free level. With `r = k_degrade/k_turnover`, `(1 + r) ABC` obeys the
    equilibrium of `T_P` with a ligase `1 + r` times as abundant. Source: preset `du2024`.
    """
    free, ligase, k_deg = _non_negative(
        free_degrader=free_degrader, ligase_total=ligase_total, k_degrade=k_degrade
    )
    target, k_t, k_l, k_turn, alpha = _positive(
        target_total=target_total,
        kd_target=kd_target,
        kd_ligase=kd_ligase,
        k_turnover=k_turnover,
        cooperativity=cooperativity,
    )
    gain = 1 + k_deg / k_turn
    unpaired, _, paired = _pair(target, gain * ligase, _pairing(free, k_t, k_l, alpha))
    return (unpaired + paired / gain) / target


def turnover_time_course(
    time_h: ArrayLike,
    free_degrader: ArrayLike,
    target_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    k_degrade: ArrayLike,
    k_turnover: ArrayLike,
    cooperativity: ArrayLike = 1.0,
) -> Array:
    """Fraction of target left at `time_h` after free degrader is set, from the drug-free level.

    Integrates `P' = k_turnover (T_P - P) - k_degrade ABC(P)`, rates in 1/h, with SciPy's LSODA
    (rtol 1e-10). Shape: that of the other arguments broadcast, then that of `time_h`.
    Source: preset `du2024`.
    """
    times, free, ligase, k_deg = _non_negative(
        time_h=time_h, free_degrader=free_degrader, ligase_total=ligase_total, k_degrade=k_degrade
    )
    target, k_t, k_l, k_turn, alpha = _positive(
        target_total=target_total,
        kd_target=kd_target,
        kd_ligase=kd_ligase,
        k_turnover=k_turnover,
        cooperativity=cooperativity,
    )
    pairing = _pairing(free, k_t, k_l, alpha)
    curves = np.broadcast_arrays(target, ligase, pairing, k_deg, k_turn)
    shape = curves[0].shape
    target, ligase, pairing, k_deg, k_turn = (curve.ravel() for curve in curves)

    def rate(_: float, left: Array) -> Array:
        ternary = _pair(left * target, ligase, pairing)[2]
        return k_turn * (1 - left) - k_deg * ternary / target

    return _from_one(rate, target.size, times).reshape(shape + times.shape)[()]


def turnover_best_dose(kd_target: ArrayLike, kd_ligase: ArrayLike) -> Array:
    """Free degrader of the deepest loss, `sqrt(K_P K_E)`: the same at every time."""
    k_t, k_l = _positive(kd_target=kd_target, kd_ligase=kd_ligase)
    return np.sqrt(k_t) * np.sqrt(k_l)


def turnover_dose_window(
    target_total: ArrayLike,
    ligase_total: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    k_degrade: ArrayLike,
    k_turnover: ArrayLike,
    cooperativity: ArrayLike = 1.0,
    fraction_remaining: ArrayLike = 0.5,
) -> DoseWindow:
    """Free degrader between whose values less than `fraction_remaining` is left at steady state.

    At 0.5 these are the absolute DC50 and HC50; at `1 - Dmax/2` the relative pair. Both are NaN
    when the curve never goes so low. The level fixes `ABC = T_P (1 - f) k_turnover/k_degrade`,
    hence `K(b)`, hence a quadratic in `b` whose roots multiply to `K_P K_E`.
    Source: preset `du2024`.
    """
    target, ligase, k_t, k_l, k_deg, k_turn, alpha, left = _positive(
        target_total=target_total,
        ligase_total=ligase_total,
        kd_target=kd_target,
        kd_ligase=kd_ligase,
        k_degrade=k_degrade,
        k_turnover=k_turnover,
        cooperativity=cooperativity,
        fraction_remaining=fraction_remaining,
    )
    ternary = target * (1 - left) * k_turn / k_deg
    unpaired, ligase_unpaired = left * target - ternary, ligase - ternary
    reachable = (ternary > 0) & (unpaired > 0) & (ligase_unpaired > 0)
    k_pair = unpaired * ligase_unpaired / np.where(reachable, ternary, np.nan)
    depth = alpha * k_pair - (np.sqrt(k_t) + np.sqrt(k_l)) ** 2
    depth = np.where(depth >= 0, depth, np.nan)
    best = np.sqrt(k_t) * np.sqrt(k_l)
    hc50 = best + (depth + np.sqrt(depth * (depth + 4 * best))) / 2
    return DoseWindow(k_t * k_l / hc50, hc50)


def hook_curve(free_degrader: ArrayLike, kd_target: ArrayLike, kd_ligase: ArrayLike) -> Array:
    """Ternary complex relative to its peak when target and ligase are traces.

    `g(L) = (2 L_m + s) L / (L^2 + s L + L_m^2)`, `L_m = sqrt(K_P K_E)`, `s = K_P + K_E`: the trace
    limit of the equilibrium of Douglass et al. 2013 (doi 10.1021/ja311795d).
    """
    (free,) = _non_negative(free_degrader=free_degrader)
    k_t, k_l = _positive(kd_target=kd_target, kd_ligase=kd_ligase)
    return (np.sqrt(k_t) + np.sqrt(k_l)) ** 2 * _pairing(free, k_t, k_l, np.ones(()))


def hook_degradation(
    free_degrader: ArrayLike,
    kd_target: ArrayLike,
    kd_ligase: ArrayLike,
    rho: ArrayLike,
    k_deg_per_h: ArrayLike,
) -> HookDegradation:
    """Lumped degradation: `rho` is the induced over the basal loss rate at the best dose.

    `Dmax = rho/(1 + rho)`, `lambda = k_deg (1 + rho g)`, `D_ss = rho g/(1 + rho g)` with `g` from
    `hook_curve`; hence `lambda (1 - D_ss) = k_deg` at every dose.
    """
    (ratio,) = _non_negative(rho=rho)
    (k_deg,) = _positive(k_deg_per_h=k_deg_per_h)
    induced = ratio * hook_curve(free_degrader, kd_target, kd_ligase)
    return HookDegradation(ratio / (1 + ratio), k_deg * (1 + induced), induced / (1 + induced))


def covalent_rate(inhibitor_nM: ArrayLike, kinact_per_h: ArrayLike, ki_nM: ArrayLike) -> Array:
    """Rate of bond formation on an empty target, `kobs = kinact I/(KI + I)`, in 1/h."""
    inhibitor, kinact = _non_negative(inhibitor_nM=inhibitor_nM, kinact_per_h=kinact_per_h)
    (ki,) = _positive(ki_nM=ki_nM)
    return kinact * (inhibitor / (ki + inhibitor))


def covalent_occupancy_steady_state(
    inhibitor_nM: ArrayLike, kinact_per_h: ArrayLike, ki_nM: ArrayLike, k_deg_per_h: ArrayLike
) -> Array:
    """Covalently bound fraction under turnover, `kobs/(kobs + k_deg)`.

    Exact, without rapid equilibrium, when `ki_nM` is the `apparent_ki` under turnover.
    """
    (k_deg,) = _positive(k_deg_per_h=k_deg_per_h)
    kobs = covalent_rate(inhibitor_nM, kinact_per_h, ki_nM)
    return kobs / (kobs + k_deg)


def covalent_occupancy_time_course(
    time_h: ArrayLike,
    inhibitor_nM: ArrayLike,
    kinact_per_h: ArrayLike,
    ki_nM: ArrayLike,
    k_deg_per_h: ArrayLike,
) -> Array:
    """Covalently bound fraction at `time_h` of constant inhibitor, reversible step at equilibrium.

    `occ(t) = kobs/(kobs + k_deg) (1 - exp(-(kobs + k_deg) t))`, from an untouched target.
    """
    (time,) = _non_negative(time_h=time_h)
    (k_deg,) = _positive(k_deg_per_h=k_deg_per_h)
    kobs = covalent_rate(inhibitor_nM, kinact_per_h, ki_nM)
    return -np.expm1(-(kobs + k_deg) * time) * (kobs / (kobs + k_deg))


def covalent_occupancy_after_washout(
    occupancy_at_washout: ArrayLike, time_h: ArrayLike, k_deg_per_h: ArrayLike
) -> Array:
    """Covalently bound fraction `time_h` after washout, `occ0 exp(-k_deg t)`.

    Only resynthesis frees target, so the free fraction is `1 - occ0 exp(-k_deg t)`.
    """
    occupancy, time, k_deg = _non_negative(
        occupancy_at_washout=occupancy_at_washout, time_h=time_h, k_deg_per_h=k_deg_per_h
    )
    return occupancy * np.exp(-k_deg * time)


def apparent_ki(koff: ArrayLike, kinact: ArrayLike, kdeg: ArrayLike, kon: ArrayLike) -> Array:
    """KI that makes the covalent steady state exact, `(koff + kinact + kdeg)/kon`.

    Rates in 1/h and `kon` in 1/(concentration h); the result is a concentration.
    """
    off, inactivation, loss = _non_negative(koff=koff, kinact=kinact, kdeg=kdeg)
    (on,) = _positive(kon=kon)
    return (off + inactivation + loss) / on


def chain_passage_time(n: int, k_ub: ArrayLike, k_dub: ArrayLike) -> Array:
    """Mean time (h) to the first chain of `n` ubiquitins, `sum_{i<n} sum_{j<=i} (kd/ku)^j / ku`.

    Birth-death chain from the bare target, reflecting at zero; rates in 1/h.
    """
    (add,) = _positive(k_ub=k_ub)
    (remove,) = _non_negative(k_dub=k_dub)
    # Power j of kd/ku appears n - j times.
    return np.polyval(np.arange(1.0, _count(n) + 1), remove / add) / add


def chain_success(n: int, k_ub: ArrayLike, k_off: ArrayLike) -> Array:
    """Chance that one visit to the ligase lasts for `n` steps, `(k_ub/(k_ub + k_off))^n`.

    `k_off` sums every exit that competes with a step: both openings of the complex, and turnover.
    Source: kinetic proofreading of Bartlett & Gilbert 2021, where the last step destroys.
    """
    (add,) = _positive(k_ub=k_ub)
    (leave,) = _non_negative(k_off=k_off)
    return (add / (add + leave)) ** _count(n)


def _at_free(
    free: Array, target: Array, ligase: Array, k_t: Array, k_l: Array, alpha: Array
) -> ThreeBody:
    """Equilibrium at free degrader; every sum below is of positive terms, so nothing cancels."""
    target_left, ligase_left, ternary = _pair(target, ligase, _pairing(free, k_t, k_l, alpha))
    target_free, ligase_free = (
        target_left * (k_t / (k_t + free)),
        ligase_left * (k_l / (k_l + free)),
    )
    return ThreeBody(
        target_free,
        free + 0 * ternary,
        ligase_free,
        target_left * (free / (k_t + free)),
        ligase_left * (free / (k_l + free)),
        ternary,
    )


def _pairing(free: Array, k_t: Array, k_l: Array, alpha: Array) -> Array:
    """Association constant of target with ligase at free degrader, `1/K(b)`; 0 without it."""
    return alpha * (free / (k_t + free)) / (k_l + free)


def _pair(target: Array, ligase: Array, pairing: Array) -> tuple[Array, Array, Array]:
    """Unpaired target, unpaired ligase and pairs when `pairs = pairing * unpaired * unpaired`.

    The scarcer partner comes from the root without cancellation, the other from its own balance.
    """
    few, many = np.minimum(target, ligase), np.maximum(target, ligase)
    root = np.hypot(pairing * (many - few), np.sqrt(1 + 2 * pairing * (many + few)))
    few_left = 2 * few / (1 + pairing * (many - few) + root)
    many_left = many / (1 + pairing * few_left)
    target_scarce = target <= ligase
    target_left = np.where(target_scarce, few_left, many_left)[()]
    ligase_left = np.where(target_scarce, many_left, few_left)[()]
    return target_left, ligase_left, pairing * few_left * many_left


def _from_one(rate: Callable[[float, Array], Array], size: int, times: Array) -> Array:
    """Integrate `size` uncoupled curves that start at 1; shape (size, *times.shape)."""
    from scipy.integrate import solve_ivp

    if not times.any():
        return np.ones((size, *times.shape))
    grid, where = np.unique(times, return_inverse=True)
    solution = solve_ivp(
        rate,
        (0.0, grid[-1]),
        np.ones(size),
        method="LSODA",
        t_eval=grid,
        rtol=1e-10,
        atol=1e-13,
        lband=0,
        uband=0,
    )
    if not solution.success:
        raise SimulationError(
            f"turnover_time_course: {solution.message} Check k_degrade and k_turnover (1/h).",
            status=solution.status,
            time_h=float(solution.t[-1]) if solution.t.size else 0.0,
        )
    return solution.y[:, where.reshape(times.shape)]


def _positive(**values: ArrayLike) -> tuple[Array, ...]:
    return tuple(_checked(name, value, strict=True) for name, value in values.items())


def _non_negative(**values: ArrayLike) -> tuple[Array, ...]:
    return tuple(_checked(name, value, strict=False) for name, value in values.items())


def _checked(name: str, value: ArrayLike, *, strict: bool) -> Array:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is {value!r:.60}; must be a number or an array.") from None
    bad = ~(np.isfinite(array) & ((array > 0) if strict else (array >= 0)))
    if bad.any():
        bound = "above 0" if strict else "at least 0"
        raise ParameterError(f"{name} is {array[bad][0]:g}; must be finite and {bound}.")
    return array


def _count(n: Any) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        count = -1
    if count < 0:
        raise ParameterError(f"n is {n!r}; must be a whole number of at least 0.")
    return count
