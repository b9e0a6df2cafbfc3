"""What a study predicts for each measurement, for many parameter vectors at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.fitting.data import Measurement
from protacsim.fitting.parameters import FLOOR, Unknown, labels_of
from protacsim.scenario import displace, full_path
from protacsim.simulation import read_out
from protacsim.study import DOSE, Combination, Study
from protacsim.study.slab import first_time_h, percent_of, zeroed_paths

if TYPE_CHECKING:
    from protacsim.pharmacology.readings import Readings

Floats = NDArray[np.float64]

RUNS_OF_A_FIT = 1_000_000
"""Order of magnitude, which decides on the engine's back end."""

ACTIVITY = "target_active"
TOTAL = "target_total"


@dataclass(frozen=True, eq=False)
class Curves:
    """One combination of the study: its doses, its measurements, and what acts on it."""

    combination: Combination
    doses_nM: Floats
    rows: tuple[int, ...]
    active: tuple[int, ...]


class Model:
    """Predictions of a study as functions of the logarithms of the unknowns."""

    def __init__(
        self, study: Study, data: Sequence[Measurement], unknowns: Sequence[Unknown]
    ) -> None:
        relative_to = study.readout.relative_to
        if relative_to is None:
            raise ParameterError("fitting compares percentages; set readout.relative_to")
        extra = [dim for dim in study.dims if dim not in study.combinations[0].index]
        if extra != [DOSE]:
            raise ParameterError(
                f"a fit needs the dose axis {DOSE} and named axes only; found "
                f"{', '.join(extra) or 'no dose axis'}"
            )
        self.study, self.data, self.unknowns = study, tuple(data), tuple(unknowns)
        self.relative_to: str = relative_to
        self.times = np.asarray(study.readout.times_h, float)

    @cached_property
    def curves(self) -> tuple[Curves, ...]:
        """Every combination that some measurement belongs to."""
        found = []
        for combination in self.study.combinations:
            where = labels_of(self.study, combination)
            rows = tuple(i for i, m in enumerate(self.data) if dict(m.where) == where)
            active = tuple(j for j, u in enumerate(self.unknowns) if u.acts_on(where))
            if rows:
                found.append(Curves(combination, self._doses(rows), rows, active))
        return tuple(found)

    def _doses(self, rows: Sequence[int]) -> Floats:
        """The study's doses, those measured at, and zero for the vehicle at the end."""
        axis = next(axis for axis in self.study.axes if axis.path == DOSE)
        measured = {self.data[i].dose_nM for i in rows} - {None}
        tested = {float(v) for v in axis.values if float(v) > 0.0} | measured  # type: ignore[arg-type]
        return np.array([*sorted(tested - {0.0}), 0.0])  # type: ignore[type-var]

    def predict(self, log_values: Floats) -> Floats:
        """Predictions (v, measurements) of v vectors of logarithms (v, unknowns); NaN if failed."""
        found = np.full((len(log_values), len(self.data)), np.nan)
        for curves in self.curves:
            self._predict(curves, log_values, found)
        return found

    def jacobian(self, log_values: Floats, step: float) -> tuple[Floats, Floats]:
        """Predictions (m,) and their slopes (m, unknowns) by central differences.

        Only the combinations that an unknown acts on are run for it, all its variants in one
        batch with the others.
        """
        centre = np.full(len(self.data), np.nan)
        slopes = np.zeros((len(self.data), len(self.unknowns)))
        for curves in self.curves:
            k = len(curves.active)
            variants = np.repeat(log_values[None, :], 2 * k + 1, axis=0)
            for place, j in enumerate(curves.active):
                variants[1 + 2 * place, j] += step
                variants[2 + 2 * place, j] -= step
            found = np.full((2 * k + 1, len(self.data)), np.nan)
            self._predict(curves, variants, found)
            rows = list(curves.rows)
            centre[rows] = found[0, rows]
            for place, j in enumerate(curves.active):
                up, down = found[1 + 2 * place, rows], found[2 + 2 * place, rows]
                slopes[rows, j] = (up - down) / (2.0 * step)
        return centre, slopes

    def _predict(self, curves: Curves, log_values: Floats, out: Floats) -> None:
        percent = self.percent(curves, log_values)
        read: dict[tuple[str, float], dict[str, Readings]] = {}
        for i in curves.rows:
            m = self.data[i]
            name, tested = _observable(m.quantity), curves.doses_nM[:-1]
            remaining = percent[name][:, :, int(np.searchsorted(self.times, m.time_h))]
            if m.dose_nM is not None:
                out[:, i] = remaining[:, int(np.flatnonzero(curves.doses_nM == m.dose_nM)[0])]
                continue
            whole = np.isfinite(remaining).all(axis=1)
            if whole.any():
                if (name, m.time_h) not in read:
                    read[name, m.time_h] = _readings(name, tested, remaining[whole, :-1])
                out[whole, i] = _of_limit(m, read[name, m.time_h][m.quantity], tested)

    def percent(self, curves: Curves, log_values: Floats) -> dict[str, Floats]:
        """Percent of the reference (v, doses, times) of every observable that is measured.

        Variants that differ in the assay's floor alone share their runs.
        """
        floor = self._floor(curves, log_values)[:, None, None]
        chemical = [j for j in curves.active if self.unknowns[j].path != FLOOR]
        _, first, run = np.unique(
            log_values[:, chemical], axis=0, return_index=True, return_inverse=True
        )
        relative = self._relative(curves, log_values[first])
        return {
            name: 100.0 * floor + (1.0 - floor) * found[run.ravel()]
            for name, found in relative.items()
        }

    def _relative(self, curves: Curves, log_values: Floats) -> dict[str, Floats]:
        """Amounts in % of the reference (v, doses, times), NaN where a run failed."""
        amounts = self._amounts(curves, log_values, curves.doses_nM, self.times)
        references = self._references(curves, log_values, amounts)
        return {name: percent_of(amount, references[name]) for name, amount in amounts.items()}

    def _references(
        self, curves: Curves, log_values: Floats, amounts: dict[str, Floats]
    ) -> dict[str, Floats]:
        """Amounts that count as 100 % (v, 1, times); those of the vehicle are among `amounts`."""
        if self.relative_to == "vehicle":
            return {name: amount[:, -1:, :] for name, amount in amounts.items()}
        scenario = curves.combination.scenario
        zeroed = zeroed_paths(scenario, self.relative_to)
        at_start = self.relative_to == "start"
        times = first_time_h(scenario, self.times) if at_start else self.times
        return self._amounts(curves, log_values, np.zeros(1), times, zeroed)

    def _amounts(
        self,
        curves: Curves,
        log_values: Floats,
        doses_nM: Floats,
        times: Floats,
        zeroed: Sequence[str] = (),
    ) -> dict[str, Floats]:
        """Amounts of what is measured (v, doses, times), NaN where a run failed."""
        readings, solution, _ = read_out(
            curves.combination.scenario,
            self._values(curves, log_values, doses_nM) | dict.fromkeys(zeroed, 0.0),
            times,
            self.study.mean_method,
            varied=self._varied(curves),
            species=self.study.readout.species,
            runs=RUNS_OF_A_FIT,
        )
        shape = (len(log_values), len(doses_nM), len(times))
        failed = np.broadcast_to(solution.status != 0, shape[0] * shape[1])[:, None]
        asked = {reading.name: reading for reading in self.study.readout.readings}
        found = {
            name: asked[name].value(readings) if name in asked else readings[name]
            for name in {_observable(self.data[i].quantity) for i in curves.rows}
        }
        return {name: np.where(failed, np.nan, x).reshape(shape) for name, x in found.items()}

    def _varied(self, curves: Curves) -> frozenset[str]:
        scenario = curves.combination.scenario
        fitted = (self.unknowns[j].path for j in curves.active)
        return curves.combination.varied | {full_path(scenario, p) for p in fitted if p != FLOOR}

    def _values(self, curves: Curves, log_values: Floats, doses_nM: Floats) -> dict[str, Any]:
        """Numbers by path, flattened over variants and doses."""
        scenario = curves.combination.scenario
        one = {dim: slice(0, 1) for dim in curves.combination.shape}
        values, _ = curves.combination.values(one)
        found = {path: np.ravel(value)[0] for path, value in values.items()}
        for j in curves.active:
            path = self.unknowns[j].path
            if path != FLOOR:
                full = full_path(scenario, path)
                displace(found, full)
                found[full] = np.repeat(np.exp(log_values[:, j]), len(doses_nM))
        found[full_path(scenario, DOSE)] = np.tile(doses_nM, len(log_values))
        return found

    def _floor(self, curves: Curves, log_values: Floats) -> Floats:
        floors = [j for j in curves.active if self.unknowns[j].path == FLOOR]
        return np.exp(log_values[:, floors[0]]) if floors else np.zeros(len(log_values))


def _observable(quantity: str) -> str:
    """What a quantity is read from."""
    if quantity in ("ic50_nM", "imax_percent"):
        return ACTIVITY
    if quantity.startswith(("dc50", "dmax")):
        return TOTAL
    return quantity.removesuffix("_percent")


def _readings(observable: str, doses_nM: Floats, remaining: Floats) -> dict[str, Readings]:
    """What predicted curves (v, doses) say."""
    from protacsim.pharmacology.dose_curves import degradation_curves, inhibition_curves

    if observable == ACTIVITY:
        return inhibition_curves(doses_nM, remaining)
    return degradation_curves(doses_nM, remaining, min_effect_points=0.0)[0]


def _of_limit(measured: Measurement, readings: Readings, tested: Floats) -> Floats:
    """Readings as numbers (v,), NaN where there are none.

    Beside a limit, a potency beyond the tested doses on the side that the limit allows stands at
    the end it passes.
    """
    from protacsim.pharmacology.readings import Reason

    below = readings.reasons == Reason.BELOW_LOWEST_DOSE
    allowed, end = {
        "<": (below, tested[0]),
        ">": (~below, tested[-1]),
        "=": (np.zeros_like(below), np.nan),
    }[measured.operator]
    beyond = measured.on_log_scale & allowed & ~np.isfinite(readings.values)
    return np.where(beyond, end, readings.values)
