"""Values that errors are measured against: SciPy's Radau at rtol 3e-13 on the reaction table.

    python benchmarks/reference_values.py

Writes `src/protacsim/bench/reference_values.json`. Nothing of the package's own solvers takes
part. To be run again only when one of the two benchmark networks changes; takes a minute.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from problem import Floats, reference_problem
from protacsim.bench import engine_cases, stochastic_network
from protacsim.bench.reference_network import initial_amounts, rate_constants
from protacsim.network import Network
from solvers import compiled_slopes

PAGE = Path(__file__).parents[1] / "src/protacsim/bench/reference_values.json"
POINTS, TIMES = 4, [1, 6, 12, 18, 24]
SETTLED_H = 2.0
MOMENTS_S = [3600.0, 8 * 3600.0, 24 * 3600.0]


def tight(network: Network, rates: Floats, start: Floats, times: Floats) -> Floats:
    """States (t, n) at `times`, the first of which is the start."""
    slopes, jacobian = compiled_slopes(network)
    run = solve_ivp(
        slopes, (times[0], times[-1]), start, "Radau", times, args=(rates,), jac=jacobian,
        rtol=3e-13, atol=1e-15,
    )  # fmt: skip
    if not run.success:
        raise RuntimeError(run.message)
    found: Floats = run.y.T
    return found


def on_the_grid() -> dict[str, Any]:
    problem = reference_problem(engine_cases.DOSES, engine_cases.COOPERATIVITIES)
    points = np.linspace(0, problem.points - 1, POINTS + 2).astype(int)[1:-1].tolist()
    states = [
        tight(problem.network, problem.rates[p], problem.initial[p], problem.times_h)[TIMES]
        for p in points
    ]
    return {"points": points, "times": TIMES, "states": np.array(states).tolist()}


def of_one_step() -> dict[str, Any]:
    problem = reference_problem(1, 1)
    net = problem.network
    rates = named(net.rates, rate_constants(10.0))
    before = tight(net, rates, named(net.species, initial_amounts(100.0)), hours(SETTLED_H))[-1]
    after = tight(net, rates, before, hours(engine_cases.STEP_H))[-1]
    return {"state": before.tolist(), "after": after.tolist()}


def of_the_mean() -> dict[str, Any]:
    cell = stochastic_network.build("large")
    rates, start = named(cell.network.rates, cell.rates), named(cell.network.species, cell.initial)
    states = tight(cell.network, rates, start, np.array([0.0, *MOMENTS_S]))[1:]
    return {"times_s": MOMENTS_S, "mean": states.tolist()}


def hours(end: float) -> Floats:
    return np.array([0.0, end])


def named(names: tuple[str, ...], values: Any) -> Floats:
    return np.array([float(values.get(name, 0.0)) for name in names])


def main() -> None:
    found = {"grid": on_the_grid(), "step": of_one_step(), "moments": of_the_mean()}
    PAGE.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
