"""Any network, one run or a batch of runs, by either deterministic solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError
from protacsim.kernels import drivers, records, tape
from protacsim.kernels.tableau import DENSE_STAGES
from protacsim.methods import ODE, Method, Reference
from protacsim.network import Dose, Network
from protacsim.simulation.engines import prepared
from protacsim.simulation.referee import FluxTable
from protacsim.validation import check_kind, one_of, quoted

if TYPE_CHECKING:
    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]

RUNS_OF_A_BLOCK = 16_384
"""Runs whose rates, tolerances and initial states lie in memory at once: 14 MiB for 40 species."""

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
    with NaN and keep their status; nothing is raised for them. Raises `ParameterError` for numbers
    that cannot be run: rates, amounts, times and changes.
    """
    check_kind("network", network, Network)
    method = method or ODE()
    check_kind("method", method, Method)
    referee = isinstance(method, Reference)
    given = _Given(
        network.compile(), rates, initial, changes, units_per_nM, method.atol_nM, finite=referee
    )
    times = checked_times(times_h)
    if isinstance(method, Reference):
        return _masked(_by_reference(network, given, times, method))
    return _masked(_integrated(given, times, method, states, runs or given.points))


def settle(
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
    Where the state depends on the way there, the run is followed up to `time_scale_h` first.
    Oscillations and several stable states are not told apart; `solve` over a long time shows both.
    Raises `ParameterError` unless `time_scale_h` is above 0 h.
    """
    if not 0.0 < time_scale_h < np.inf:
        raise ParameterError(
            f"time_scale_h is {time_scale_h}; must be a finite time above 0 h, such as 1e5."
        )
    check_kind("network", network, Network)
    method = method or ODE()
    check_kind("method", method, ODE)
    given = _Given(network.compile(), rates, initial, (), units_per_nM, method.atol_nM)
    return _masked(_settled(given, method, float(time_scale_h), states, runs or given.points))


def _masked(solution: Solution) -> Solution:
    """The solution with NaN in place of what failed runs left."""
    failed = solution.status != records.OK
    solution.observables[failed] = np.nan
    solution.states[failed] = np.nan
    return solution


def checked_times(times_h: ArrayLike) -> Floats:
    """Output times as a float array; raises `ParameterError` unless finite and increasing."""
    try:
        given = np.asarray(times_h)
        if given.dtype.kind not in "iufO":  # text and truth values would become numbers
            raise TypeError(given.dtype)
        times = np.atleast_1d(np.ascontiguousarray(given, float))
    except (TypeError, ValueError):
        raise ParameterError(f"times_h is {quoted(times_h)}; give numbers, in h.") from None
    if times.ndim != 1:
        raise ParameterError(f"times_h has the shape {times.shape}; give one list of times in h.")
    if not times.size:
        raise ParameterError("times_h is empty; give at least one time in h.")
    if not np.isfinite(times).all():
        raise ParameterError("times_h has a value that is not finite; give times in h.")
    if (np.diff(times) <= 0).any():
        raise ParameterError("times_h must increase; sort it and drop repeats.")
    return times


def check_change(species: Sequence[str], dose: Dose, *, finite: bool = True) -> None:
    """Refuse an unknown species, a time that is none, and an amount that cannot be given.

    A change at infinity is never made. Unless they have to be `finite`, numbers that are none are
    left to the run, which has a status for them.
    """
    if dose.species not in species:
        raise ParameterError(
            f"a change names {dose.species!r}, which the network does not have; "
            f"{one_of(str(dose.species), species)}."
        )
    times, amounts = np.ravel(dose.time_h).astype(float), np.ravel(dose.amount).astype(float)
    for time_h in times[(finite & np.isnan(times)) | (times == -np.inf)]:
        raise ParameterError(
            f"a change of {dose.species} is at {time_h:g} h; must be a time in h, or inf for never."
        )
    for amount in amounts[(amounts < 0.0) | (finite & ~np.isfinite(amounts))]:
        raise ParameterError(
            f"a change of {dose.species} has the amount {amount:g}; must be a finite number of "
            "molecules, at least 0."
        )


def common_length(shapes: Sequence[tuple[int, ...]]) -> int:
    """Number of points of numbers that are given once or for each point."""
    lengths = sorted({n for shape in shapes for n in shape} - {1})
    if len(lengths) > 1 or 0 in lengths or any(len(shape) > 1 for shape in shapes):
        found = ", ".join(str(shape) for shape in sorted(set(shapes)) if shape)
        raise ParameterError(
            f"rates, initial amounts and changes have the shapes {found}; give each as one "
            "number, or as an array with one number for each point."
        )
    return lengths[0] if lengths else 1


class _Block(NamedTuple):
    """Some runs as the kernels take them: rates (b, m), states (b, n), tolerances and changes."""

    rates: Floats
    initial: Floats
    atol: Floats
    when: Floats
    amount: Floats

    def start(self, first_h: float) -> Floats:
        """Start of each run in h: 0, its first change, or the first output."""
        first = np.full(len(self.rates), min(0.0, first_h))
        return np.minimum(first, self.when.min(axis=1)) if self.when.size else first


@dataclass(frozen=True, eq=False)
class _Given:
    """The numbers of p runs as they were given, expanded into rows one block at a time."""

    compiled: CompiledNetwork
    rates: Mapping[str, Any]
    initial: Mapping[str, Any]
    changes: Sequence[Dose]
    units_per_nM: Mapping[str, Any] | float
    atol_nM: float
    finite: bool = False

    def __post_init__(self) -> None:
        for dose in self.changes:
            check_change(self.compiled.species, dose, finite=self.finite)

    @cached_property
    def points(self) -> int:
        """Number of runs."""
        values = [self.rates[name] for name in self.compiled.rates if name in self.rates]
        values += [x for dose in self.changes for x in (dose.time_h, dose.amount)]
        return common_length([np.shape(value) for value in (*values, *self.initial.values())])

    def blocks(self) -> Iterator[tuple[slice, _Block]]:
        """All runs, some at a time; no run depends on where a block ends."""
        for begin in range(0, self.points, RUNS_OF_A_BLOCK):
            part = slice(begin, min(begin + RUNS_OF_A_BLOCK, self.points))
            yield part, self._block(part)

    def _block(self, part: slice) -> _Block:
        named = {n: self.rates[n] for n in self.compiled.rates if n in self.rates}
        rates = self.compiled.rate_vector(self._cut_all(named, part))
        initial = self.compiled.state_vector(self._cut_all(self.initial, part))
        when = [self._cut(dose.time_h, part) for dose in self.changes]
        amount = [self._cut(dose.amount, part) for dose in self.changes]
        return _Block(
            self._rows(rates, part),
            self._rows(initial, part),
            self.atol_nM * self._scale(part),
            self._columns(when, part),
            self._columns(amount, part),
        )

    def _cut(self, value: Any, part: slice) -> Any:
        """One number's share of a block: all of it where there is one for all runs."""
        return value if np.size(value) == 1 else np.asarray(value, float)[part]

    def _cut_all(self, values: Mapping[str, Any], part: slice) -> dict[str, Any]:
        return {name: self._cut(value, part) for name, value in values.items()}

    def _rows(self, values: Floats, part: slice) -> Floats:
        """One row per run: kernels are compiled for one array type only."""
        shape = (part.stop - part.start, values.shape[-1])
        if values.shape == shape:
            return values
        return np.array(np.broadcast_to(values, shape), order="C")

    def _columns(self, values: Sequence[Any], part: slice) -> Floats:
        found = np.empty((part.stop - part.start, len(values)))
        for column, value in enumerate(values):
            found[:, column] = value
        return found

    def _scale(self, part: slice) -> Floats:
        """Units of the state per nM, (b, n)."""
        scale = self.units_per_nM
        named = isinstance(scale, Mapping)
        each = [scale[n] if named else scale for n in self.compiled.species]  # type: ignore[index]
        return self._columns([self._cut(value, part) for value in each], part)

    def events(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Kinds (e,) and species (e,) of the changes."""
        kinds = [records.EVENT_SET if d.replaces else records.EVENT_ADD for d in self.changes]
        species = [self.compiled.species.index(dose.species) for dose in self.changes]
        return np.array(kinds, np.int32), np.array(species, np.int32)

    def solution(self, times: Floats, out: Floats, engine: str) -> Solution:
        """An empty solution whose numbers stand in `out`: named observables first, then states."""
        seen = len(self.compiled.observables)
        return Solution(
            times,
            out[..., :seen],
            out[..., seen:],
            np.zeros(self.points, np.int8),
            np.zeros(self.points),
            np.zeros((self.points, len(COUNTERS)), np.int64),
            engine,
        )


class _Engine:
    """The compiled engine set up for one network, its changes and what is read out."""

    def __init__(self, given: _Given, method: ODE, states: bool, runs: int, times: Floats) -> None:
        programs = given.compiled.programs
        read = programs.with_states() if states else programs
        engine, self.machine, width = prepared(given.compiled, read, method, runs)
        self.code, self.factors = tape.pack(read, *given.events(), DENSE_STAGES)
        self.work = tape.workspace(self.code, width)
        self.desk = records.desk(width)
        self.out = np.full((given.points, len(times), len(read.obs_ptr) - 1), np.nan)
        self.solution = given.solution(times, self.out, engine)

    def run(self, compiled: Callable[..., None], part: slice, out: Floats, *numbers: Any) -> None:
        """One block through a kernel: `numbers` lie between its workspace and its results."""
        self.work[:] = 0.0
        report = np.zeros((part.stop - part.start, records.REPORT), np.int64)
        reached = self.solution.reached_h[part]
        with np.errstate(all="ignore"):  # with the JIT off, numpy would warn of what is checked
            compiled(
                self.code, self.factors, self.machine, self.work, *self.desk,
                *numbers, out, report, reached,
            )  # fmt: skip
        self.solution.status[part] = report[:, records.STATUS]
        self.solution.counters[part] = report[:, records.STEPS :]


def _integrated(given: _Given, times: Floats, method: ODE, states: bool, runs: int) -> Solution:
    """All runs by the compiled engine."""
    engine = _Engine(given, method, states, runs, times)
    for part, block in given.blocks():
        start = block.start(times[0])
        span = np.stack([start, np.full(len(start), times[-1])], axis=1)
        engine.run(
            drivers.integrate_batch, part, engine.out[part],
            block.rates, block.initial, block.atol, span, block.when, block.amount, times,
            float(method.rtol), int(method.max_steps),
        )  # fmt: skip
    return engine.solution


def _settled(given: _Given, method: ODE, time_scale_h: float, states: bool, runs: int) -> Solution:
    """Steady states of all runs by the compiled engine."""
    engine = _Engine(given, method, states, runs, np.array([np.inf]))
    for part, block in given.blocks():
        engine.run(
            drivers.settle_batch, part, engine.out[part, 0], block.rates, block.initial, block.atol,
            float(method.rtol), time_scale_h, int(method.max_steps),
        )  # fmt: skip
    return engine.solution


def _by_reference(network: Network, given: _Given, times: Floats, method: Reference) -> Solution:
    """All runs by SciPy, straight from the reaction table and not from the programs."""
    table = FluxTable(network, given.compiled)
    width = len(given.compiled.observables) + len(given.compiled.species)
    result = given.solution(times, np.full((given.points, len(times), width), np.nan), "reference")
    for part, block in given.blocks():
        starts = block.start(times[0])
        for b, run in enumerate(range(part.start, part.stop)):
            events = (block.when[b], *given.events(), block.amount[b])
            reached = table.run(
                block.rates[b], block.initial[b].copy(), starts[b], events, times,
                method, block.atol[b], result.states[run],
            )  # fmt: skip
            result.reached_h[run] = reached
            done = reached >= times[-1] and np.isfinite(result.states[run]).all()
            result.status[run] = records.OK if done else records.STEP_UNDERFLOW
            result.observables[run] = table.observe(block.rates[b], result.states[run])
    return result
