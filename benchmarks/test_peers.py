"""Programs of others on the SBML that this package writes: is it valid, and do they agree?

Run by `make peers`, in the environment that has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from problem import Floats, reference_problem
from protacsim.interop import sbml_names, to_sbml
from protacsim.mechanisms import build_network, doses, initial_amounts, rate_constants
from protacsim.methods import ODE
from protacsim.network import Dose, Network, Term
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import solve
from solvers import LSODA, Engine, RoadRunner

TIGHT = ODE(rtol=1e-11, atol_nM=1e-14)
TIMES_H = np.linspace(0.0, 6.0, 13)


class Case:
    """A network, its numbers, and what the engine makes of them."""

    def __init__(
        self, network: Network, rates: Any, initial: Any, changes: tuple[Dose, ...] = ()
    ) -> None:
        self.network = network
        self.sbml = to_sbml(network, rates, initial, changes=changes)
        self.solution = solve(network, rates, initial, TIMES_H, method=TIGHT, changes=changes)


def every_feature() -> Case:
    """Dimers, catalysts, a buffered species, read-outs, names that SBML lacks, doses, washouts."""
    net = Network("every <feature>")
    net.add("pairing", {"T:D": 2}, "(T:D)2", "k on")
    net.add("splitting", "(T:D)2", {"T:D": 2}, "k/off")
    net.add("feeding", ("time", "T:D"), {"time": 1, "T:D": 1, "species[x]": 3}, "1")
    net.add("loss", "species[x]", (), "k on")
    net.add("making", (), "T:D", "source")
    net.add_species("time", buffered=True)
    net.add_observable("total", [Term("T:D"), Term("(T:D)2", 2.0)])
    net.add_observable("flux", [Term("species[x]", 1e-3, "k on")])
    rates = {"k on": 0.02, "k/off": 0.3, "1": 0.1, "source": 2.0}
    changes = (
        Dose(0.0, "T:D", 5.0, False),
        Dose(1.25, "T:D", 30.0, False),
        Dose(2.75, "species[x]", 0.0, True),
        Dose(2.75, "species[x]", 4.0, False),
        Dose(2.75, "T:D", 1.0, True),
        Dose(4.0, "time", 7.0, True),
    )
    return Case(net, rates, {"T:D": 10.0, "time": 2.0}, changes)


def btk() -> Case:
    """A degrader after an inhibitor, in molecules per cell."""
    settings: dict[str, Any] = {
        "cell": "molm14",
        "target": "BTK",
        "treatment": [
            {"name": "ibrutinib", "dose_nM": 10.0, "stop_h": 2.0},
            {"name": "mt-802", "dose_nM": 100.0, "start_h": 2.0},
        ],
    }
    scenario = Scenario(**settings)
    network, values = build_network(scenario), numbers(scenario)
    amounts = initial_amounts(scenario, values)
    known = {name: float(x) for name, x in amounts.items() if name in network.species}
    given = tuple(dose for dose in doses(scenario, values) if dose.species in network.species)
    return Case(network, rate_constants(scenario, values), known, given)


CASES = [every_feature, btk]


@pytest.mark.parametrize("make", CASES)
def test_libsbml_finds_no_error(make: Any) -> None:
    import libsbml

    document = libsbml.readSBMLFromString(make().sbml)
    document.checkConsistency()
    found = [document.getError(i) for i in range(document.getNumErrors())]
    serious = [e.getMessage() for e in found if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]
    assert not serious


@pytest.mark.parametrize("make", CASES)
def test_roadrunner_agrees(make: Any) -> None:
    import roadrunner

    case = make()
    names = sbml_names(case.network)
    runner = roadrunner.RoadRunner(case.sbml)
    runner.integrator.setValue("relative_tolerance", 1e-11)
    runner.integrator.setValue("absolute_tolerance", 1e-12)
    runner.timeCourseSelections = [*names.species.values(), *names.observables.values()]
    agree(case, np.array(runner.simulate(times=TIMES_H.tolist())))


@pytest.mark.parametrize("make", CASES)
def test_copasi_agrees(make: Any) -> None:
    import basico

    case = make()
    basico.load_model_from_string(case.sbml)
    basico.set_task_settings(
        "Time-Course", {"method": {"Relative Tolerance": 1e-11, "Absolute Tolerance": 1e-13}}
    )
    found = basico.run_time_course(0.0, 6.0, 12, use_numbers=True, use_sbml_id=True)
    names = sbml_names(case.network)
    seen = [*names.species.values(), *names.observables.values()]
    agree(case, found[seen].to_numpy())


def agree(case: Case, found: Floats) -> None:
    """States and observables within 1e-6 of their largest value over the run."""
    right = np.hstack([case.solution.states[0], case.solution.observables[0]])
    largest = np.where(right.max(0) > 0.0, right.max(0), 1.0)  # what is never there stays 0
    np.testing.assert_allclose(found / largest, right / largest, rtol=0, atol=1e-6)


@pytest.mark.parametrize("peer", [RoadRunner, LSODA])
def test_the_solvers_of_the_benchmark_solve_one_problem(peer: type[RoadRunner | LSODA]) -> None:
    problem = reference_problem(3, 2)
    points = np.array([4, 0, 3])
    right = Engine(problem, "tight", rtol=1e-11, atol_nM=1e-14)
    solver = peer(problem)
    for reading in ("observables", "states"):
        expected = getattr(right, reading)(points)
        scale = 1e-3 + np.abs(expected)
        np.testing.assert_array_less(
            np.abs(getattr(solver, reading)(points) - expected) / scale, 1e-3
        )
