"""Scenarios through the solvers: many points of one scenario, or one run as a Dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError, SimulationError
from protacsim.mechanisms import (
    OBSERVABLES,
    build_network,
    compartment_volumes,
    doses,
    genes,
    initial_amounts,
    outer_species,
    rate_constants,
)
from protacsim.methods import ODE, Method, Reference, Stochastic
from protacsim.network import Dose, Network
from protacsim.scenario import Scenario, molecules, numbers
from protacsim.simulation.batch import Solution, settle, solve
from protacsim.simulation.ensembles import Ensemble, run_ensemble
from protacsim.simulation.points import Runs, points_of
from protacsim.simulation.statuses import OK, failure
from protacsim.validation import check_kind

if TYPE_CHECKING:
    import xarray as xr

    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observables(Mapping[str, Floats]):
    """Observables by name, each in its own unit, worked out when it is asked for.

    Attributes
    ----------
    amounts
        (p, ..., o) in the units of the state.
    place
        Index of each observable among the o.
    units
        Molecules in the unit of an observable.
    """

    amounts: Floats
    place: Mapping[str, int]
    units: _Units

    @classmethod
    def of(
        cls,
        amounts: Floats,
        compiled: CompiledNetwork,
        scenario: Scenario,
        values: Mapping[str, Any],
    ) -> Self:
        """Those of the network of a scenario whose runs have these numbers."""
        place = {name: o for o, name in enumerate(compiled.observables)}
        return cls(amounts, place, _Units.of(scenario, values))

    def __getitem__(self, name: str) -> Floats:
        amounts = self.amounts[..., self.place[name]]
        unit = np.reshape(self.units.of_observable(name), (-1, *[1] * (amounts.ndim - 1)))
        return np.asarray(amounts / unit)

    def __iter__(self) -> Iterator[str]:
        return iter(self.place)

    def __len__(self) -> int:
        return len(self.place)


def read_out(
    scenario: Scenario,
    values: Mapping[str, Any],
    times_h: ArrayLike,
    method: Method,
    *,
    varied: Collection[str] = (),
    species: Collection[str] = (),
    observables: Collection[str] | None = None,
    states: bool = False,
    runs: int | None = None,
) -> tuple[Observables, Solution, CompiledNetwork]:
    """Run p points of one scenario: observables by name, each (p, t) in its own unit.

    `values` maps paths to floats or arrays (p,); paths in `varied` may be zero in some points
    without changing the topology. Each of `species` is read as `species[<name>]`, 0 where the
    scenario cannot reach it. `observables` are the other names to read out, of every compound or
    neosubstrate; by default all there are. `runs` is the number of runs of the whole study (see
    `engine_of`).
    """
    network, compiled, initial, changes = _numbers(scenario, values, varied, species, observables)
    units = _Units.of(scenario, values)
    solution = solve(
        network,
        rate_constants(scenario, values),
        initial,
        times_h,
        method=method,
        changes=changes,
        units_per_nM={name: units.of_species(name) for name in compiled.species},
        states=states,
        runs=runs,
    )
    return Observables.of(solution.observables, compiled, scenario, values), solution, compiled


def read_out_ensemble(
    scenario: Scenario,
    values: Mapping[str, Any],
    times_h: ArrayLike,
    method: Stochastic,
    *,
    seed: int,
    replicates: int,
    first_replicate: int = 0,
    point_ids: Sequence[int] | None = None,
    varied: Collection[str] = (),
    species: Collection[str] = (),
    states: bool = False,
) -> tuple[Observables, Ensemble, CompiledNetwork]:
    """Single cells at p points of one scenario: observables by name, (p, r, t) in their own unit.

    Arguments are those of `read_out` and, for seeds and replicates, of `sample`. Cells start from
    the drug-free steady state: proteins that are made and lost have Poisson counts, those that are
    made from mRNA the spread that their promoter brings about.
    """
    runs = points_of_scenario(
        scenario,
        values,
        times_h,
        seed=seed,
        replicates=replicates,
        first_replicate=first_replicate,
        point_ids=point_ids,
        varied=varied,
        species=species,
    )
    ensemble, compiled = run_ensemble(runs, method, states), runs.compiled
    return Observables.of(ensemble.observables, compiled, scenario, values), ensemble, compiled


def points_of_scenario(
    scenario: Scenario,
    values: Mapping[str, Any],
    times_h: ArrayLike,
    *,
    varied: Collection[str] = (),
    species: Collection[str] = (),
    **keys: Any,
) -> Runs:
    """Numbers of p points of one scenario, as stochastic methods take them; `keys` of `sample`."""
    network, compiled, initial, changes = _numbers(scenario, values, varied, species)
    return points_of(
        network,
        rate_constants(scenario, values),
        initial,
        times_h,
        changes=changes,
        poisson=[name for name in initial if f"synthesis[{name}]" in compiled.rates],
        genes=genes(scenario, compiled.species),
        **keys,
    )


def _numbers(
    scenario: Scenario,
    values: Mapping[str, Any],
    varied: Collection[str],
    species: Collection[str],
    observables: Collection[str] | None = None,
) -> tuple[Network, CompiledNetwork, dict[str, Any], list[Dose]]:
    """Network with read-outs, amounts at the start, and what is given, of p points."""
    wanted = None if observables is None else frozenset(observables)
    network, compiled = _compiled(scenario, frozenset(varied), tuple(species), wanted)
    there = compiled.species
    initial = {n: x for n, x in initial_amounts(scenario, values).items() if n in there}
    given = doses(scenario, values)
    kept = [d for d in given if d.species in there or np.any(d.amount)]  # a lost dose is an error
    return network, compiled, initial, kept


@lru_cache(maxsize=256)
def _compiled(
    scenario: Scenario,
    varied: frozenset[str],
    species: tuple[str, ...],
    wanted: frozenset[str] | None,
) -> tuple[Network, CompiledNetwork]:
    """Network with read-outs of a scenario, made once: fits and studies come back to it."""
    network = build_network(scenario, varied)
    if wanted is not None:
        network.keep_observables(
            [n for n in network.observables if n in wanted or n.partition("[")[0] in wanted]
        )
    for name in species:
        network.add_observable(f"species[{name}]", [name] if name in network.species else [])
    return network, network.compile()


@dataclass(frozen=True, eq=False)
class _Units:
    """Molecules in the unit of what is read: 1 nM of its compartment, or one where it is counted.

    Attributes
    ----------
    cell, medium
        Molecules in 1 nM, floats or (p,).
    outer
        Species of the medium.
    """

    cell: Any
    medium: Any
    outer: frozenset[str]

    @classmethod
    def of(cls, scenario: Scenario, values: Mapping[str, Any]) -> Self:
        """Those of a scenario whose runs have these numbers."""
        volumes = compartment_volumes(values)
        nM = {place: molecules(1.0, volume) for place, volume in volumes.items()}
        return cls(nM["cell"], nM["medium"], outer_species(scenario))

    def of_species(self, name: str) -> Any:
        """1 nM of the species' compartment."""
        return self.medium if name in self.outer else self.cell

    def of_observable(self, name: str) -> Any:
        """The unit of an observable, per compound or species where its name has brackets."""
        if name in OBSERVABLES and OBSERVABLES[name].unit == "molecules/cell":
            return 1.0
        kind, _, member = name.partition("[")
        if kind == "species":
            return self.of_species(member.removesuffix("]"))
        return self.medium if kind == "compound_medium" else self.cell


def simulate(
    scenario: Scenario,
    times_h: ArrayLike,
    *,
    method: Method | Stochastic | None = None,
    seed: int = 1,
    replicates: int = 1,
    species: bool = False,
) -> xr.Dataset:
    """One run as a Dataset over `time_h` (h): every observable in nM or nM/h.

    With `species=True` it also holds `species_amount` (species, time_h) in molecules per cell. A
    stochastic method draws `replicates` cells from `seed`; every variable then has a dim
    `replicate` first, and attrs say which method was used and why.

    Raises `SimulationError` when a run does not reach its last time, and `ParameterError` for
    replicates of a deterministic method.
    """
    method = method or ODE()
    check_kind("scenario", scenario, Scenario, "; run takes a Study")
    check_kind("method", method, Method | Stochastic)
    if isinstance(method, ODE | Reference):
        if replicates != 1:
            raise ParameterError(
                f"replicates is {replicates}, but {type(method).__name__} gives the same run every "
                "time; leave replicates out, or use a stochastic method such as SSA()."
            )
        readings, solution, compiled = read_out(
            scenario, numbers(scenario), times_h, method, states=species
        )
        _raise_failed(solution.status, solution.reached_h)
        return _dataset(scenario, solution.times_h, readings, solution.states, compiled, species)
    readings, ensemble, compiled = read_out_ensemble(
        scenario, numbers(scenario), times_h, method,
        seed=seed, replicates=replicates, states=species,
    )  # fmt: skip
    _raise_failed(ensemble.status[0], ensemble.reached_h[0])
    data = _dataset(scenario, ensemble.times_h, readings, ensemble.states, compiled, species)
    data = data.assign_coords(replicate=("replicate", np.arange(replicates)))
    return data.assign_attrs(method=str(ensemble.method), method_reason=ensemble.reason, seed=seed)


def _raise_failed(status: NDArray[np.int8], reached_h: Floats) -> None:
    failed = np.flatnonzero(status != OK)
    if failed.size:
        code, time_h = int(status[failed[0]]), float(reached_h[failed[0]])
        raise SimulationError(failure(code, time_h), code, time_h)


def steady_state(
    scenario: Scenario,
    *,
    method: ODE | None = None,
    time_scale_h: float = 1e5,
    species: bool = False,
) -> xr.Dataset:
    """Where a scenario settles under constant exposure: as `simulate`, without a time.

    Doses at or before 0 h are there at the start. What is then in a medium that is not buffered is
    shared between medium and cell, and may be lost or used up; `cell.medium_buffered` holds it.
    A state is steady when one implicit step of `time_scale_h` moves it by less than the tolerance
    of `method`.
    Where the state depends on the way there (drugs that compete to bind for good), the run is
    followed up to `time_scale_h` first. Oscillations are not told from a steady state, nor does a
    steady state have to be the one a run ends in where there are several; `simulate` shows both.

    Raises
    ------
    ParameterError
        For doses after 0 h and for washouts, which are no constant exposure.
    SimulationError
        When nothing steady is reached on the time scale.
    """
    check_kind("scenario", scenario, Scenario)
    check_kind("method", method or ODE(), ODE)
    values = numbers(scenario)
    network, compiled, start, changes = _numbers(scenario, values, (), ())
    for dose in changes:
        _refuse_change(dose)
        start[dose.species] = start.get(dose.species, 0.0) + dose.amount
    units = _Units.of(scenario, values)
    solution = settle(
        network,
        rate_constants(scenario, values),
        start,
        method=method,
        units_per_nM={name: units.of_species(name) for name in compiled.species},
        time_scale_h=time_scale_h,
        states=species,
    )
    _raise_failed(solution.status, solution.reached_h)
    readings = Observables.of(solution.observables, compiled, scenario, values)
    data = _dataset(scenario, solution.times_h, readings, solution.states, compiled, species)
    return data.isel(time_h=0, drop=True)


def _refuse_change(dose: Dose) -> None:
    name = dose.species.rpartition("_")[0]
    if dose.replaces:
        raise ParameterError(
            f"compounds.{name}.stop_h is {dose.time_h:g} h; a steady state is one of constant "
            "exposure, so leave the washout out, or use simulate."
        )
    if dose.time_h > 0.0:
        raise ParameterError(
            f"compounds.{name} is dosed at {dose.time_h:g} h; a steady state takes doses at or "
            "before 0 h only. Set start_h = 0, or use simulate."
        )


def _dataset(
    scenario: Scenario,
    times_h: Floats,
    readings: Mapping[str, Floats],
    states: Floats,
    compiled: CompiledNetwork,
    species: bool,
) -> xr.Dataset:
    """The first point's read-outs, (t,) or (replicates, t), as variables with units."""
    import xarray as xr

    data = xr.Dataset(coords={"time_h": ("time_h", times_h, {"units": "h"})})
    cells = ("replicate",) if states.ndim == 4 else ()
    for name, (unit, long_name, dim) in OBSERVABLES.items():
        attrs = {"units": unit, "long_name": long_name.format(target=scenario.target.name)}
        if not dim:
            data[name] = ((*cells, "time_h"), readings[name][0], attrs)
        elif names := members(scenario, dim):
            each = [readings[f"{name}[{member}]"][0] for member in names]
            data[name] = ((*cells, dim, "time_h"), np.stack(each, axis=-2), attrs)
            data = data.assign_coords({dim: (dim, np.array(names, dtype=object))})
    if species:
        attrs = {"units": "molecules/cell", "long_name": "amount of each species"}
        amounts = np.swapaxes(states[0], -1, -2)
        data["species_amount"] = ((*cells, "species", "time_h"), amounts, attrs)
        data = data.assign_coords(species=("species", np.array(compiled.species, dtype=object)))
    return data


def members(scenario: Scenario, dim: str) -> list[str]:
    """Names along the extra dim of a read-out: compounds, or neosubstrates."""
    if dim == "neosubstrate":
        return list(scenario.neosubstrates)
    return [entry.name for entry in scenario.treatment.compounds]
