"""Any network, one run or a batch of runs, by either deterministic solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError
from protacsim.kernels import integrate as kernel
from protacsim.kernels import tape
from protacsim.kernels.rodas5p import DENSE_STAGES
from protacsim.kernels.steady import settle_batch
from protacsim.mechanisms import Dose
from protacsim.methods import ODE, Method, Reference
from protacsim.network import Network
from protacsim.simulation.engines import prepared
from protacsim.simulation.referee import FluxTable

if TYPE_CHECKING:
    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]

COUNTERS = ("steps", "rejected", "factorisations")


@dataclass(frozen=True, eq=False)
class Solution:
    """What a batch of p runs gave at t times: o observables, n species (or 0), per-run status.

    `observables` (p, t, o) and `states` (p, t, n) in the units of the state; NaN where a run
    failed. `reached_h` (p,) is the time reached, `counters` (p, 3) are steps, rejected steps and
    factorisations. `engine` says what ran: "interpreted", "emitted" or "reference".
    """

    times_h: Floats
    observables: Floats
    states: Floats
    status: NDArray[np.int8]
    reached_h: Floats
    counters: NDArray[np.int64]
    engine: str


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
    runs: int | None = None,
) -> Solution:
    """Run any network from time 0 (or its first change) through `times_h`.

    `rates` and `initial` map names to floats, or to arrays (p,) for a batch. `units_per_nM` scales
    the absolute tolerance to the state's unit, for all species or by name. `runs` is the number of
    runs of the whole study of which this batch is a part (see `engine_of`). Failed runs are masked
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
        batch.integrate(method, atol, states, runs or len(rate_rows))
    )  # fmt: skip
    return _masked(solution)


def steady_state(
    network: Network,
    rates: Mapping[str, Any],
    initial: Mapping[str, Any],
    *,
    method: ODE | None = None,
    units_per_nM: Mapping[str, Any] | float = 1.0,
    time_scale_h: float = 1e5,
    states: bool = True,
    runs: int | None = None,
) -> Solution:
    """Steady states that a network settles in from `initial`; arguments as for `solve`.

    Conserved totals are those of `initial`. A state is steady when one implicit step of
    `time_scale_h` moves it by less than the tolerance; a run without such a state has the status
    "not_steady". The solution has one time, infinity; `reached_h` is the time that was followed.
    Raises `ParameterError` unless `time_scale_h` is above 0 h.
    """
    if not 0.0 < time_scale_h < np.inf:
        raise ParameterError(
            f"time_scale_h is {time_scale_h}; must be a finite time above 0 h, such as 1e5."
        )
    method = method or ODE()
    compiled = network.compile()
    rows = _batched(compiled.rate_vector(rates), compiled.state_vector(initial), ())
    batch = _Batch(network, compiled, *rows, np.array([np.inf]), ())
    atol = method.atol_nM * _scale(compiled.species, units_per_nM, len(rows[0]))
    return _masked(batch.settle(method, atol, time_scale_h, states, runs or len(rows[0])))


def _masked(solution: Solution) -> Solution:
    """The solution with NaN in place of what failed runs left."""
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

    def _empty(self, states: bool, engine: str) -> Solution:
        points, times = len(self.rates), len(self.times)
        return Solution(
            self.times,
            np.full((points, times, len(self.compiled.observables)), np.nan),
            np.full((points, times, len(self.compiled.species) if states else 0), np.nan),
            np.zeros(points, np.int8),
            np.zeros(points),
            np.zeros((points, len(COUNTERS)), np.int64),
            engine,
        )

    def integrate(self, method: ODE, atol: Floats, states: bool, runs: int) -> Solution:
        """All runs by the compiled engine."""
        when, kinds, species, amount = self._change_arrays()
        programs = self.compiled.programs
        read = programs.with_states() if states else programs
        engine, machine, width = prepared(self.compiled, read, method, runs)
        result = self._empty(states, engine)
        code, factors = tape.pack(read, kinds, species, DENSE_STAGES)
        out = np.full((len(self.rates), len(self.times), len(read.obs_ptr) - 1), np.nan)
        span = np.stack([self._start(when), np.full(len(self.rates), self.times[-1])], axis=1)
        report = np.zeros((len(self.rates), kernel.REPORT), np.int64)
        clock, book = kernel.desk(width)
        with np.errstate(all="ignore"):  # with the JIT off, numpy would warn of what is checked
            kernel.integrate_batch(
                code, factors, machine, tape.workspace(code, width), clock, book,
                self.rates, self.initial, atol, span, when, amount, self.times,
                method.rtol, method.max_steps, out, report, result.reached_h,
            )  # fmt: skip
        return self._filled(result, out, report)

    def settle(
        self, method: ODE, atol: Floats, time_scale_h: float, states: bool, runs: int
    ) -> Solution:
        """Steady states of all runs by the compiled engine."""
        programs = self.compiled.programs
        read = programs.with_states() if states else programs
        engine, machine, width = prepared(self.compiled, read, method, runs)
        result = self._empty(states, engine)
        code, factors = tape.pack(read, *self._change_arrays()[1:3], DENSE_STAGES)
        out = np.full((len(self.rates), len(read.obs_ptr) - 1), np.nan)
        report = np.zeros((len(self.rates), kernel.REPORT), np.int64)
        clock, book = kernel.desk(width)
        with np.errstate(all="ignore"):
            settle_batch(
                code, factors, machine, tape.workspace(code, width), clock, book,
                self.rates, self.initial, atol, method.rtol, float(time_scale_h),
                method.max_steps, out, report, result.reached_h,
            )  # fmt: skip
        return self._filled(result, out[:, None], report)

    def _filled(self, result: Solution, out: Floats, report: NDArray[np.int64]) -> Solution:
        """The result with what a kernel wrote: named observables first, then states."""
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
        result = self._empty(states=True, engine="reference")
        start = self._start(when)
        table = FluxTable(self.network, self.compiled)
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
