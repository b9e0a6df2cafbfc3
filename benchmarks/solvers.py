"""The solvers of the comparison, each in the fastest way that its documentation offers.

Every solver gives `observables` (what is timed) and `states` (what errors are read from) for some
points of a `Problem`. Nothing here measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from problem import Floats, Points, Problem
from protacsim.interop import sbml_names, to_sbml
from protacsim.methods import ODE
from protacsim.network import Network
from protacsim.simulation import Solution, solve

PEER_RTOL, PEER_ATOL_NM = 1e-6, 1e-9

TOLERANCES = ((1e-5, 1e-8), (3e-5, 3e-8), (1e-4, 1e-7))
"""rtol and atol in nM of our engines: the defaults, then looser in the same proportion."""


class Solver(Protocol):
    """Runs points of the problem that it was made for."""

    name: str
    settings: str

    def observables(self, points: Points) -> Floats:
        """Observables (p, t, o)."""

    def states(self, points: Points) -> Floats:
        """Species (p, t, n)."""


class Engine:
    """The package itself, one call of `solve` for all points."""

    def __init__(self, problem: Problem, name: str, **options: Any) -> None:
        self.problem = problem
        self.method = ODE(**options)
        self.name = name
        self.settings = f"rtol {self.method.rtol:.0e}, atol {self.method.atol_nM:.0e} nM"

    def observables(self, points: Points) -> Floats:
        return self.solution(points, states=False).observables

    def states(self, points: Points) -> Floats:
        return self.solution(points, states=True).states

    def solution(self, points: Points, *, states: bool) -> Solution:
        """The package's own result, with status and counters."""
        problem = self.problem
        return solve(
            problem.network,
            problem.named_rates(points),
            problem.named_amounts(points),
            problem.times_h,
            method=self.method,
            states=states,
        )


def engines(problem: Problem, rank: int = 0) -> Iterator[Engine]:
    """Both back ends, with tolerances by their rank in `TOLERANCES`."""
    rtol, atol_nM = TOLERANCES[rank]
    for engine in ("interpreted", "emitted"):
        name = f"protacsim, {engine}"
        yield Engine(problem, name, engine=engine, rtol=rtol, atol_nM=atol_nM)


def solver_named(problem: Problem, name: str, rank: int = 0) -> Solver:
    """The solver that calls itself so; `rank` is of our own tolerances."""
    own = {engine.name: engine for engine in engines(problem, rank)}
    if name in own:
        return own[name]
    return {peer.name: peer for peer in (RoadRunner, LSODA)}[name](problem)


class RoadRunner:
    """libRoadRunner (CVODE, BDF): one model, loaded once; numbers are set before each run."""

    name = "libRoadRunner"
    settings = f"rtol {PEER_RTOL:.0e}, atol {PEER_ATOL_NM:.0e} nM"

    def __init__(self, problem: Problem) -> None:
        import roadrunner

        first = np.array([0])
        rates = {name: k[0] for name, k in problem.named_rates(first).items()}
        self.problem = problem
        self.names = sbml_names(problem.network)
        self.runner = roadrunner.RoadRunner(to_sbml(problem.network, rates, {}))
        self.rate_places = self._places("getGlobalParameterIds", self.names.rates)
        self.state_places = self._places("getFloatingSpeciesIds", self.names.species)
        self._set_up()

    def _places(self, listing: str, names: dict[str, str]) -> list[int]:
        ids = list(getattr(self.runner.model, listing)())
        return [ids.index(name) for name in names.values()]

    def _set_up(self) -> None:
        options = {
            "relative_tolerance": PEER_RTOL,
            "absolute_tolerance": PEER_ATOL_NM,
            "stiff": True,
            "maximum_num_steps": 100_000,
        }
        for option, value in options.items():
            self.runner.integrator.setValue(option, value)

    def observables(self, points: Points) -> Floats:
        return self._run(points, list(self.names.observables.values()))

    def states(self, points: Points) -> Floats:
        return self._run(points, list(self.names.species.values()))

    def _run(self, points: Points, selections: list[str]) -> Floats:
        runner, model, problem = self.runner, self.runner.model, self.problem
        runner.timeCourseSelections = selections
        times = problem.times_h.tolist()
        out = np.empty((len(points), len(times), len(selections)))
        for row, point in zip(out, points, strict=True):
            runner.reset()
            model.setGlobalParameterValues(self.rate_places, problem.rates[point])
            model.setFloatingSpeciesAmounts(self.state_places, problem.initial[point])
            row[:] = runner.simulate(times=times)
        return out


class LSODA:
    """SciPy's LSODA (`odeint`) with a compiled right-hand side and Jacobian."""

    name = "SciPy LSODA, numba"
    settings = RoadRunner.settings

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.slopes, self.jacobian = compiled_slopes(problem.network)

    def observables(self, points: Points) -> Floats:
        return self.states(points) @ self.problem.weights.T

    def states(self, points: Points) -> Floats:
        from scipy.integrate import odeint

        problem = self.problem
        runs = [
            odeint(
                self.slopes, problem.initial[p], problem.times_h, args=(problem.rates[p],),
                Dfun=self.jacobian, tfirst=True, rtol=PEER_RTOL, atol=PEER_ATOL_NM, mxstep=100_000,
            )
            for p in points
        ]  # fmt: skip
        return np.array(runs)


def compiled_slopes(network: Network) -> tuple[Any, Any]:
    """Rates of change `(t, y, k) -> (n,)` and their Jacobian `-> (n, n)`, reaction by reaction.

    Made from the reaction table alone, so that they also judge the package's own programs.
    """
    import numba

    n = len(network.species)
    rate, first, second, ptr, row, count = _table(network)

    def slopes(t: float, y: Floats, k: Floats) -> Floats:
        out = np.zeros(n)
        for j in range(rate.size):
            flux = k[rate[j]]
            if first[j] >= 0:
                flux *= y[first[j]]
            if second[j] >= 0:
                flux *= y[second[j]]
            for e in range(ptr[j], ptr[j + 1]):
                out[row[e]] += count[e] * flux
        return out

    def jacobian(t: float, y: Floats, k: Floats) -> Floats:
        out = np.zeros((n, n))
        for j in range(rate.size):
            by_first = k[rate[j]] * (y[second[j]] if second[j] >= 0 else 1.0)
            by_second = k[rate[j]] * (y[first[j]] if second[j] >= 0 else 0.0)
            for e in range(ptr[j], ptr[j + 1]):
                if first[j] >= 0:
                    out[row[e], first[j]] += count[e] * by_first
                if second[j] >= 0:
                    out[row[e], second[j]] += count[e] * by_second
        return out

    return numba.njit(slopes), numba.njit(jacobian)


def _table(network: Network) -> tuple[Points, ...]:
    """Per reaction: rate, two reactants (-1: none), and where its changes (row, count) begin."""
    place = {name: i for i, name in enumerate(network.species)}
    rate = {name: i for i, name in enumerate(network.rates)}
    reactants = [
        [place[name] for name, count in reaction.reactants for _ in range(count)]
        for reaction in network.reactions
    ]
    pairs = np.array([[*found, -1, -1][:2] for found in reactants])
    reaction, row = np.nonzero(network.stoichiometry().T)
    ptr = np.searchsorted(reaction, np.arange(len(reactants) + 1))
    rates = np.array([rate[r.rate] for r in network.reactions])
    return rates, pairs[:, 0], pairs[:, 1], ptr, row, network.stoichiometry()[row, reaction]
