"""Scenarios through the solvers: many points of one scenario, or one run as a Dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import SimulationError
from protacsim.kernels.rodas5p import STAGES
from protacsim.mechanisms import (
    OBSERVABLES,
    build_network,
    compartment_volumes,
    doses,
    initial_amounts,
    rate_constants,
)
from protacsim.methods import ODE, Method, Reference
from protacsim.network import Network
from protacsim.scenario import Scenario, molecules, numbers
from protacsim.simulation.batch import Solution, solve
from protacsim.simulation.statuses import OK, failure

if TYPE_CHECKING:
    import xarray as xr

    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]

TYPICAL_STEPS = 100
SECONDS_PER_OPERATION = 2.5e-10
SECONDS_PER_REFERENCE_RUN = 0.2


def read_out(
    scenario: Scenario,
    values: Mapping[str, Any],
    times_h: ArrayLike,
    method: Method,
    *,
    varied: Collection[str] = (),
    species: Collection[str] = (),
    states: bool = False,
    runs: int | None = None,
) -> tuple[dict[str, Floats], Solution, CompiledNetwork]:
    """Run p points of one scenario: observables by name, each (p, t) in its own unit.

    `values` maps paths to floats or arrays (p,); paths in `varied` may be zero in some points
    without changing the topology. Each of `species` is read as `species[<name>]`, 0 where the
    scenario cannot reach it. `runs` is the number of runs of the whole study (see `engine_of`).
    """
    network = build_network(scenario, varied)
    for name in species:
        network.add_observable(f"species[{name}]", [name] if name in network.species else [])
    compiled = network.compile()
    volumes = compartment_volumes(values)
    per_nM = {place: molecules(1.0, volume) for place, volume in volumes.items()}
    solution = solve(
        network,
        rate_constants(scenario, values),
        {n: x for n, x in initial_amounts(scenario, values).items() if n in compiled.species},
        times_h,
        method=method,
        changes=[dose for dose in doses(scenario, values) if dose.species in compiled.species],
        units_per_nM={name: per_nM[_compartment(name)] for name in compiled.species},
        states=states,
        runs=runs,
    )
    readings = {
        name: solution.observables[..., o] / np.reshape(per_nM[_compartment(name)], (-1, 1))
        for o, name in enumerate(compiled.observables)
    }
    return readings, solution, compiled


def _compartment(name: str) -> str:
    """Compartment of a species or per-compound observable, from its name."""
    medium = name.rstrip("]").endswith("_medium") or name.startswith("compound_medium")
    return "medium" if medium else "cell"


def simulate(
    scenario: Scenario,
    times_h: ArrayLike,
    *,
    method: Method | None = None,
    species: bool = False,
) -> xr.Dataset:
    """One run as a Dataset over `time_h` (h): every observable in nM or nM/h.

    With `species=True` it also holds `species_amount` (species, time_h) in molecules per cell.
    Raises `SimulationError` when the run does not reach its last time.
    """
    import xarray as xr

    readings, solution, compiled = read_out(
        scenario, numbers(scenario), times_h, method or ODE(), states=species
    )
    if solution.status[0] != OK:
        status, time_h = int(solution.status[0]), float(solution.reached_h[0])
        raise SimulationError(failure(status, time_h), status, time_h)
    data = xr.Dataset(coords={"time_h": ("time_h", solution.times_h, {"units": "h"})})
    for name, (unit, long_name, dim) in OBSERVABLES.items():
        attrs = {"units": unit, "long_name": long_name.format(target=scenario.target.name)}
        if not dim:
            data[name] = ("time_h", readings[name][0], attrs)
        elif names := members(scenario, dim):
            columns = np.stack([readings[f"{name}[{member}]"][0] for member in names])
            data[name] = ((dim, "time_h"), columns, attrs)
            data = data.assign_coords({dim: (dim, np.array(names, dtype=object))})
    if species:
        attrs = {"units": "molecules/cell", "long_name": "amount of each species"}
        data["species_amount"] = (("species", "time_h"), solution.states[0].T, attrs)
        data = data.assign_coords(species=("species", np.array(compiled.species, dtype=object)))
    return data


def members(scenario: Scenario, dim: str) -> list[str]:
    """Names along the extra dim of a read-out: compounds, or neosubstrates."""
    if dim == "neosubstrate":
        return list(scenario.neosubstrates)
    return [entry.name for entry in scenario.treatment.compounds]


def seconds_per_run(network: Network, method: Method) -> float:
    """Static estimate of one run's time on one core, from the size of its programs.

    It decides how much work goes together, never what comes out; a loaded machine is slower.
    """
    if isinstance(method, Reference):
        return SECONDS_PER_REFERENCE_RUN
    programs = network.compile().programs
    terms = len(programs.rhs_coef) + len(programs.l_slot) + 2 * len(programs.u_slot)
    sums = STAGES * (STAGES - 1) * len(programs.order)
    operations = STAGES * terms + sums + len(programs.jac_coef) + len(programs.t_slot)
    return SECONDS_PER_OPERATION * TYPICAL_STEPS * operations
