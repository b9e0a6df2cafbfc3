"""Running networks: the one place where kernels are called, for one run or a batch of runs.

`solve` runs any `Network`; `simulate` runs one `Scenario`; `read_out` runs many points of one
scenario at once. Axes, designs and references belong to `study`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError, SimulationError
from protacsim.kernels import integrate as kernel
from protacsim.kernels import jit, tape
from protacsim.kernels.rodas5p import STAGES
from protacsim.mechanisms import (
    OBSERVABLES,
    Dose,
    build_network,
    compartment_volumes,
    doses,
    initial_amounts,
    rate_constants,
)
from protacsim.methods import ODE, Method, Reference
from protacsim.network import Network
from protacsim.scenario import Scenario, molecules, numbers

if TYPE_CHECKING:
    import xarray as xr

    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]

STATUS = {
    kernel.OK: ("ok", ""),
    kernel.STEP_BUDGET: ("step_budget", "raise max_steps, or loosen rtol"),
    kernel.STEP_UNDERFLOW: ("step_underflow", "loosen rtol, or check for extreme rate constants"),
    kernel.NOT_FINITE: ("not_finite", "check for extreme rate constants or amounts"),
    kernel.SINGULAR: ("singular", "check for extreme rate constants"),
}
"""Status of a run: its name, and what to do about it."""

COUNTERS = ("steps", "rejected", "factorisations")


@dataclass(frozen=True, eq=False)
class Solution:
    """What a batch of p runs gave at t times: o observables, n species (or 0), per-run status.

    `observables` (p, t, o) and `states` (p, t, n) in the units of the state; NaN where a run
    failed. `reached_h` (p,) is the time reached, `counters` (p, 3) are steps, rejected steps and
    factorisations.
    """

    times_h: Floats
    observables: Floats
    states: Floats
    status: NDArray[np.int8]
    reached_h: Floats
    counters: NDArray[np.int64]


def solve(
    network: Network,
    rates: Mapping[str, Any],
    initial: Mapping[str, Any],
    times_h: ArrayLike,
    *,
    method: Method | None = None,
    changes: Sequence[Dose] = (),
    units_per_nM: Mapping[str, Any] | float = 1.0,
    states: bool = True,
) -> Solution:
    """Run any network from time 0 (or its first change) through `times_h`.

    `rates` and `initial` map names to floats, or to arrays (p,) for a batch. `units_per_nM` scales
    the absolute tolerance to the state's unit, for all species or by name. Failed runs are masked
    with NaN and keep their status; nothing is raised for them.
    """
    method = method or ODE()
    compiled = network.compile()
    rate_rows, initial_rows = _batched(
        compiled.rate_vector(rates), compiled.state_vector(initial), changes
    )
    times = checked_times(times_h)
    batch = _Batch(network, compiled, rate_rows, initial_rows, times, tuple(changes))
    atol = method.atol_nM * _scale(compiled.species, units_per_nM, len(rate_rows))
    solution = batch.reference(method, atol) if isinstance(method, Reference) else (
        batch.integrate(method, atol, states)
    )  # fmt: skip
    failed = solution.status != kernel.OK
    solution.observables[failed] = np.nan
    solution.states[failed] = np.nan
    return solution


def checked_times(times_h: ArrayLike) -> Floats:
    """Output times as a float array; raises `ParameterError` unless finite and increasing."""
    times = np.atleast_1d(np.asarray(times_h, float))
    if times.ndim != 1 or not times.size:
        raise ParameterError("times_h is empty; give at least one time in h.")
    if not np.isfinite(times).all():
        raise ParameterError("times_h has a value that is not finite; give times in h.")
    if (np.diff(times) <= 0).any():
        raise ParameterError("times_h must increase; sort it and drop repeats.")
    return times


def _batched(rates: Floats, initial: Floats, changes: Sequence[Dose]) -> tuple[Floats, Floats]:
    """Rates (p, m) and initial states (p, n) of one common batch size p."""
    shapes = [rates.shape[:-1], initial.shape[:-1]]
    shapes += [np.shape(value) for dose in changes for value in (dose.time_h, dose.amount)]
    (points,) = np.broadcast_shapes((1,), *shapes)
    return (  # writable copies: kernels are compiled for one array type only
        np.array(np.broadcast_to(rates, (points, rates.shape[-1])), order="C"),
        np.array(np.broadcast_to(initial, (points, initial.shape[-1])), order="C"),
    )


def _scale(species: Sequence[str], units_per_nM: Mapping[str, Any] | float, points: int) -> Floats:
    if not isinstance(units_per_nM, Mapping):
        return np.full((points, len(species)), float(units_per_nM))
    columns = [np.broadcast_to(units_per_nM[name], (points,)) for name in species]
    return np.array(np.stack(columns, axis=-1), dtype=float, order="C")


@dataclass(frozen=True, eq=False)
class _Batch:
    """One network, p sets of numbers, ready for either solver."""

    network: Network
    compiled: CompiledNetwork
    rates: Floats
    initial: Floats
    times: Floats
    changes: tuple[Dose, ...]

    def _change_arrays(self) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32], Floats]:
        """Change times (p, e), kinds (e,), species (e,) and amounts (p, e)."""
        shape = (len(self.rates), len(self.changes))
        when, amount = np.empty(shape), np.empty(shape)
        for e, dose in enumerate(self.changes):
            when[:, e], amount[:, e] = dose.time_h, dose.amount
        kinds = [kernel.EVENT_SET if d.replaces else kernel.EVENT_ADD for d in self.changes]
        species = [self.compiled.species.index(dose.species) for dose in self.changes]
        return when, np.array(kinds, np.int32), np.array(species, np.int32), amount

    def _start(self, when: Floats) -> Floats:
        first = np.minimum(0.0, self.times[0])
        return np.minimum(first, when.min(axis=1)) if when.size else np.full(len(self.rates), first)

    def _empty(self, states: bool) -> Solution:
        points, times = len(self.rates), len(self.times)
        return Solution(
            self.times,
            np.full((points, times, len(self.compiled.observables)), np.nan),
            np.full((points, times, len(self.compiled.species) if states else 0), np.nan),
            np.zeros(points, np.int8),
            np.zeros(points),
            np.zeros((points, len(COUNTERS)), np.int64),
        )

    def integrate(self, method: ODE, atol: Floats, states: bool) -> Solution:
        """All runs by the compiled engine."""
        when, kinds, species, amount = self._change_arrays()
        result = self._empty(states)
        programs = self.compiled.programs
        read = programs.with_states() if states else programs
        code, factors = tape.pack(read, kinds, species, STAGES)
        out = np.full((len(self.rates), len(self.times), len(read.obs_ptr) - 1), np.nan)
        span = np.stack([self._start(when), np.full(len(self.rates), self.times[-1])], axis=1)
        report = np.zeros((len(self.rates), kernel.REPORT), np.int64)
        with np.errstate(all="ignore"):  # with the JIT off, numpy would warn of what is checked
            kernel.integrate_batch(
                code, factors, self.rates, self.initial, atol, span, when, amount, self.times,
                method.rtol, method.max_steps, out, report, result.reached_h,
            )  # fmt: skip
        seen = len(self.compiled.observables)
        return dataclasses.replace(
            result,
            observables=out[..., :seen],
            states=out[..., seen:],
            status=report[:, kernel.STATUS].astype(np.int8),
            counters=report[:, kernel.STEPS :],
        )

    def reference(self, method: Reference, atol: Floats) -> Solution:
        """All runs by SciPy, straight from the reaction table and not from the programs."""
        when, kinds, species, amount = self._change_arrays()
        result = self._empty(states=True)
        start = self._start(when)
        table = _FluxTable(self.network, self.compiled)
        for b in range(len(self.rates)):
            events = (when[b], kinds, species, amount[b])
            reached = table.run(
                self.rates[b], self.initial[b].copy(), start[b], events, self.times,
                method, atol[b], result.states[b],
            )  # fmt: skip
            result.reached_h[b] = reached
            done = reached >= self.times[-1] and np.isfinite(result.states[b]).all()
            result.status[b] = kernel.OK if done else kernel.STEP_UNDERFLOW
            result.observables[b] = table.observe(self.rates[b], result.states[b])
        return result


class _FluxTable:
    """Right-hand side and Jacobian as sums over reactions: an independent reading of the table."""

    def __init__(self, network: Network, compiled: CompiledNetwork) -> None:
        self.stoichiometry = network.stoichiometry().astype(float)
        index = {name: i for i, name in enumerate(network.species)}
        rates = {name: i for i, name in enumerate(compiled.rates)}
        self.rate = np.array([rates[r.rate] for r in network.reactions], int)
        self.order = np.zeros((len(network.reactions), len(index)))
        for j, reaction in enumerate(network.reactions):
            for name, count in reaction.reactants:
                self.order[j, index[name]] = count
        self.terms = [
            [(index[t.species], t.weight, rates[t.rate] if t.rate else None) for t in terms]
            for terms in network.observables.values()
        ]

    def flux(self, rates: Floats, y: Floats) -> Floats:
        """Rate of every reaction at state y."""
        return np.asarray(rates[self.rate] * np.prod(y**self.order, axis=1), float)

    def jacobian(self, rates: Floats, y: Floats) -> Floats:
        """d(dy/dt)/dy (n, n)."""
        slope = np.zeros_like(self.order)
        for j, i in zip(*np.nonzero(self.order), strict=True):
            powers = self.order[j].copy()
            powers[i] -= 1
            slope[j, i] = rates[self.rate[j]] * self.order[j, i] * np.prod(y**powers)
        return np.asarray(self.stoichiometry @ slope, float)

    def observe(self, rates: Floats, states: Floats) -> Floats:
        """Observables (t, o) of states (t, n)."""
        columns = np.zeros((len(states), len(self.terms)))
        for o, terms in enumerate(self.terms):
            for i, weight, rate in terms:
                columns[:, o] += weight * states[:, i] * (1.0 if rate is None else rates[rate])
        return columns

    def run(
        self, rates: Floats, y: Floats, t: float, events: tuple[Any, ...], times: Floats,
        method: Reference, atol: Floats, out: Floats,
    ) -> float:  # fmt: skip
        """Fill out (t, n) from change to change; returns the time reached."""
        from scipy.integrate import solve_ivp

        while True:
            when = events[0]
            _apply_changes(events, t, y)
            out[times == t] = y
            if t >= times[-1]:
                return t
            end = min((later for later in when if t < later < times[-1]), default=times[-1])
            inside = times[(times > t) & (times < end)]
            result = solve_ivp(
                lambda _, state: self.stoichiometry @ self.flux(rates, state),
                (t, end), y, method.solver, t_eval=np.append(inside, end),
                jac=lambda _, state: self.jacobian(rates, state), rtol=method.rtol, atol=atol,
            )  # fmt: skip
            if not result.success:
                return float(result.t[-1]) if len(result.t) else t
            out[np.isin(times, inside)] = result.y.T[:-1]
            y, t = result.y[:, -1].copy(), end


def _apply_changes(events: tuple[Any, ...], t: float, y: Floats) -> None:
    """Set, then add, the amounts that change at time t."""
    when, kinds, species, amount = events
    now = when == t
    for i in np.nonzero(now & (kinds == kernel.EVENT_SET))[0]:
        y[species[i]] = amount[i]
    for i in np.nonzero(now & (kinds == kernel.EVENT_ADD))[0]:
        y[species[i]] += amount[i]


def read_out(
    scenario: Scenario,
    values: Mapping[str, Any],
    times_h: ArrayLike,
    method: Method,
    *,
    varied: Collection[str] = (),
    species: Collection[str] = (),
    states: bool = False,
) -> tuple[dict[str, Floats], Solution, CompiledNetwork]:
    """Run p points of one scenario: observables by name, each (p, t) in its own unit.

    `values` maps paths to floats or arrays (p,); paths in `varied` may be zero in some points
    without changing the topology. Each of `species` is read as `species[<name>]`, 0 where the
    scenario cannot reach it.
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
    if solution.status[0] != kernel.OK:
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


def failure(status: int, time_h: float) -> str:
    """One sentence for a failed run: what happened, when, what to do."""
    name, advice = STATUS[status]
    return f"The run stopped at t = {time_h:g} h: {name.replace('_', ' ')}; {advice}."


def warm_up() -> None:
    """Load or compile the kernels by a run that takes no time."""
    network = Network("warm-up")
    network.add("decay", "A", (), "k")
    solve(network, {"k": 1.0}, {"A": 1.0}, [1.0])


def engine_info() -> dict[str, str]:
    """Whether kernels are compiled, and where they are kept."""
    directory = jit.cache_directory()
    return {
        "kernels": "compiled" if jit.JIT_ENABLED else "interpreted (NUMBA_DISABLE_JIT is set)",
        "kernel cache": f"{directory} ({len(list(directory.rglob('*.nbc')))} compiled)",
    }
