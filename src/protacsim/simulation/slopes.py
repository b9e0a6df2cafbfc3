"""Local sensitivities: derivatives of read-outs with respect to a scenario's own numbers.

`offsets` and `differences` pack and unpack extrapolated central differences, for whoever runs the
points in between; `gradients` runs them for one scenario. A fit takes half the points and plain
differences, which its steps do not need any better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError, SimulationError
from protacsim.mechanisms import Reading, parse, rate_constants
from protacsim.methods import ODE, Method
from protacsim.scenario import Scenario, displace, full_path, is_structural, numbers
from protacsim.simulation.batch import Solution
from protacsim.simulation.readings import members, read_out
from protacsim.simulation.statuses import OK, failure
from protacsim.validation import check_kind, one_of

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

STEP = 0.05
PLACES = np.array([0.5, -0.5, 1.0, -1.0])
HALVINGS = 5
"""How often a step that leads to an impossible number is halved; below, solvers' errors show."""


def offsets(count: int, step: ArrayLike = STEP) -> Floats:
    """Where to evaluate a function of `count` variables, (4 count + 1, count).

    The first row is the centre; four rows per variable follow, half a step and a whole one to
    either side. `step` is one for all or one each. Raises `ParameterError` unless it is above 0.
    """
    given = np.asarray(step, float)
    if not ((given > 0.0) & (given < np.inf)).all():
        raise ParameterError(f"step is {given}; must be above 0, such as {STEP}.")
    steps = np.broadcast_to(given, (count,))
    return np.concatenate([np.zeros((1, count)), np.kron(np.diag(steps), PLACES[:, None])])


def differences(values: ArrayLike, step: ArrayLike = STEP) -> tuple[Floats, Floats]:
    """Slopes and their errors from values at the `offsets`, (4 k + 1, ...) each to (k, ...).

    Central differences of half and of whole steps, extrapolated to none (Richardson 1911, Phil.
    Trans. A 210:307), which leaves a truncation error of order `step**4`. The error is how much
    the extrapolation changed the finer difference: a bound on what it may have left.
    """
    found = np.asarray(values, float)
    found = found[1:].reshape(len(found) // len(PLACES), len(PLACES), *found.shape[1:])
    steps = np.reshape(step, (-1, *[1] * (found.ndim - 2)))
    fine = (found[:, 0] - found[:, 1]) / steps
    coarse = (found[:, 2] - found[:, 3]) / (2.0 * steps)
    slopes = fine + (fine - coarse) / 3.0
    return slopes, np.abs(slopes - fine)


def gradients(
    scenario: Scenario,
    paths: str | Sequence[str],
    times_h: ArrayLike,
    observables: str | Sequence[str] = ("target_total",),
    *,
    log: bool = True,
    step: float = STEP,
    method: Method | None = None,
) -> xr.Dataset:
    """Derivatives of read-outs with respect to a scenario's numbers, all runs in one batch.

    Parameters
    ----------
    paths
        Numbers above 0 of the scenario, by path, each once; one path, or several. Other ways of
        stating the same number give way, as they do for an axis. Numbers that decide which
        reactions or doses there are (`chain_length`, `destroyed_from`, `chain_on_release`,
        `doses`) are refused.
    times_h
        Times of the read-outs in h.
    observables
        Observables, or arithmetic on them, such as "occupancy = target_occupied / target_total".
    log
        Differentiate with respect to the natural logarithm of a number; otherwise with respect to
        the number itself.
    step
        Of the logarithm; 0.05 is 5 %. For a number near its bound it is halved, up to five times,
        until no rate constant is negative and no washout comes before its dose; kon just above
        kinact/KI is such a number.
    method
        By default the deterministic engine at rtol 1e-8 and atol 1e-11 nM, because a difference of
        two runs is small.

    Returns
    -------
    xarray.Dataset
        For each read-out `x`: its value `x` over `time_h` (and its own dim, if it has one), the
        derivative `x_gradient` over `parameter` too, and `x_error`, an estimate of its truncation
        error.

    Raises
    ------
    ParameterError
        For a path without a number above 0, one that is named twice or decides which reactions or
        doses there are, a number too close to what is impossible, or an unknown observable.
    SimulationError
        When any of the runs fails.
    """
    import xarray as xr

    check_kind("scenario", scenario, Scenario)
    method = method or ODE(rtol=1e-8, atol_nM=1e-11)
    check_kind("method", method, Method)
    paths = [paths] if isinstance(paths, str) else paths
    observables = [observables] if isinstance(observables, str) else observables
    read = [parse(text) for text in observables]
    centre = numbers(scenario)
    _refuse_twice(scenario, paths)
    bases = {path: _base(scenario, centre, path) for path in paths}
    steps = _possible(scenario, centre, bases, step)
    moves = offsets(len(paths), steps)
    values = _varied(scenario, centre, bases, moves)
    readings, solution, _ = read_out(
        scenario,
        values,
        times_h,
        method,
        varied=[full_path(scenario, path) for path in paths],
        species=sorted(
            {part[8:-1] for r in read for part in r.parts if part.startswith("species[")}
        ),
    )
    _refuse_failures(solution)
    per = np.ones(len(paths)) if log else 1.0 / np.array(list(bases.values()))
    coords: dict[str, Any] = {"time_h": ("time_h", solution.times_h, {"units": "h"})}
    data = xr.Dataset(coords={**coords, "parameter": list(paths)})
    for reading in read:
        names = members(scenario, reading.dim) if reading.dim else []
        runs = _stacked(reading, names, readings)
        runs = np.broadcast_to(runs, (len(moves), *runs.shape[1:]))
        slopes, error = (x.T * per for x in differences(runs, steps))
        dims = ("time_h", reading.dim) if reading.dim else ("time_h",)
        if reading.dim:
            data = data.assign_coords({reading.dim: np.array(names, dtype=object)})
        attrs = {"units": reading.unit, "long_name": reading.long_name}
        data[reading.name] = (dims, runs[0], attrs)
        moved = "per unit of the logarithm" if log else "per unit of the number"
        back = (*reversed(dims), "parameter")
        data[f"{reading.name}_gradient"] = (back, slopes, {**attrs, "long_name": moved})
        data[f"{reading.name}_error"] = (back, error, attrs)
    return data


def _stacked(reading: Reading, names: Sequence[str], readings: Mapping[str, Floats]) -> Floats:
    """A read-out of every run, (runs, times) or (runs, times, members)."""
    if not reading.dim:
        return np.asarray(reading.value(readings), float)
    return np.stack([reading.value(readings, name) for name in names], axis=-1)


def _refuse_twice(scenario: Scenario, paths: Sequence[str]) -> None:
    """Refuse two steps of one number, by one spelling of its path or by two."""
    seen: dict[str, str] = {}
    for path in paths:
        full = full_path(scenario, path)
        if seen.get(full) == path:
            raise ParameterError(f"{path} is named twice; keep one.")
        if full in seen:
            raise ParameterError(f"{seen[full]} and {path} are the same number; keep one.")
        seen[full] = path


def _base(scenario: Scenario, centre: dict[str, float], path: str) -> float:
    full = full_path(scenario, path)
    if is_structural(full):
        raise ParameterError(
            f"{path} decides which reactions or doses there are and cannot be moved by a small "
            "step; compare runs at several values of it, such as along an axis of a study."
        )
    if full not in centre:
        raise ParameterError(f"{path} has no number in the scenario; {one_of(full, centre)}.")
    if not centre[full] > 0.0:
        raise ParameterError(
            f"{path} is {centre[full]:g}; its derivative is taken by steps of its logarithm and "
            "needs a number above 0. Leave it out, or give it a value."
        )
    return centre[full]


def _possible(
    scenario: Scenario, centre: dict[str, float], bases: dict[str, float], step: float
) -> Floats:
    """A step for each path, halved as long as it leads to what is not possible."""
    steps = np.full(len(bases), step, float)
    wrong = _impossible(scenario, centre, bases, steps)
    for _ in range(HALVINGS):
        if not wrong:
            break
        steps[[path in wrong for path in bases]] /= 2.0
        wrong = _impossible(scenario, centre, bases, steps)
    for (path, base), width in zip(bases.items(), steps, strict=True):
        if path in wrong:
            raise ParameterError(
                f"{path} is {base:g}, so close to a bound that a step of {100.0 * width:.2g} % "
                f"makes {wrong[path]}; take a smaller step, set it further off, or leave it out."
            )
    return steps


def _impossible(
    scenario: Scenario, centre: dict[str, float], bases: dict[str, float], steps: Floats
) -> dict[str, str]:
    """Paths that a step takes to what is not possible, and that: "<name> -0.01"."""
    moves, found = offsets(len(bases), steps), {}
    for name, values in _bounded(scenario, _varied(scenario, centre, bases, moves)).items():
        rows = np.broadcast_to(values, len(moves))
        possible = (rows >= 0.0) & (rows < np.inf)
        for row in np.flatnonzero(possible[0] & ~possible[1:]):
            found[list(bases)[row // len(PLACES)]] = f"{name} {rows[1 + row]:.2g}"
    return found


def _bounded(scenario: Scenario, values: Mapping[str, Any]) -> dict[str, Any]:
    """What must stay finite and at least 0: rate constants, and times from dose to washout."""
    found = rate_constants(scenario, values)
    for entry in scenario.treatment.compounds:
        start, stop = (values.get(f"compounds.{entry.name}.{x}_h") for x in ("start", "stop"))
        if stop is not None:
            found[f"the time from start_h to stop_h of {entry.name}"] = stop - start
    return found


def _varied(
    scenario: Scenario, centre: dict[str, float], bases: dict[str, float], rows: Floats
) -> dict[str, Any]:
    """Numbers by path, with one entry per run where a path is moved."""
    values: dict[str, Any] = dict(centre)
    for (path, base), column in zip(bases.items(), rows.T, strict=True):
        full = full_path(scenario, path)
        displace(values, full)
        values[full] = base * np.exp(column)
    return values


def _refuse_failures(solution: Solution) -> None:
    failed = np.flatnonzero(solution.status != OK)
    if failed.size:
        status, time_h = int(solution.status[failed[0]]), float(solution.reached_h[failed[0]])
        raise SimulationError(failure(status, time_h), status, time_h)
