"""What is right: tight solutions of a problem, and how far a result is from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from problem import Floats, Points, Problem
from solvers import Engine, compiled_slopes

TINY_NM = 1e-3  # below it, errors of single species are absolute


class Errors(NamedTuple):
    """Largest errors over all points, times and (for `species`) species.

    `totals` is relative, of the two target totals; `species` is over the value plus 1e-3 nM.
    """

    totals: float
    species: float

    def __str__(self) -> str:
        return f"{self.totals:.1e} / {self.species:.1e}"


def errors(problem: Problem, found: Floats, right: Floats) -> Errors:
    """Both norms of states (p, t, n) against the right ones."""
    totals = problem.weights[:2].T
    off = np.abs((found - right) @ totals) / (right @ totals)
    each = np.abs(found - right) / (np.abs(right) + TINY_NM)
    return Errors(float(off.max()), float(each.max()))


def radau(problem: Problem, points: Points) -> Floats:
    """States (p, t, n) by SciPy's Radau at rtol 3e-13, straight from the reaction table."""
    from scipy.integrate import solve_ivp

    slopes, jacobian = compiled_slopes(problem.network)
    runs = []
    for p in points:
        run = solve_ivp(
            slopes, (0.0, problem.times_h[-1]), problem.initial[p], "Radau", problem.times_h,
            args=(problem.rates[p],), jac=jacobian, rtol=3e-13, atol=1e-15,
        )  # fmt: skip
        if not run.success:
            raise RuntimeError(f"Radau failed at point {p}: {run.message}")
        runs.append(run.y.T)
    return np.array(runs)


def tight(problem: Problem, referees: int) -> tuple[Floats, Errors]:
    """States at every point by the engine at rtol 1e-12, and how far Radau is from them.

    Radau takes seconds per point, so it judges only `referees` of them, spread over the grid.
    """
    everywhere = np.arange(problem.points)
    states = Engine(problem, "tight", rtol=1e-12, atol_nM=1e-15).states(everywhere)
    judged = np.linspace(0, problem.points - 1, referees).astype(np.int64)
    return states, errors(problem, states[judged], radau(problem, judged))
