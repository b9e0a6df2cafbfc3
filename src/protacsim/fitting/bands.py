"""Fitted curves and predictions with bands, by the curvature of the objective at its minimum.

Bounds count as weak priors of the same spread, so that what the data leave open stays as wide as
its bounds and no wider.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protacsim.fitting.data import Measurement
from protacsim.fitting.estimation import STEP, Estimate, Objective
from protacsim.fitting.model import Model
from protacsim.fitting.parameters import FLOOR, labels_of, log_bounds
from protacsim.mechanisms import parse
from protacsim.scenario import full_path
from protacsim.study import DOSE, attributes

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


def covariance(model: Model, best: Estimate) -> Floats:
    """Covariance of the logarithms of the unknowns (unknowns, unknowns)."""
    slopes = Objective(model).slopes(best.log_values)
    low, high = log_bounds(model.unknowns)
    weak = np.diag(12.0 / (high - low) ** 2)
    return np.asarray(np.linalg.inv(slopes.T @ slopes + weak))


def predictions(model: Model, best: Estimate, data: Sequence[Measurement]) -> tuple[Floats, Floats]:
    """Predicted values of measurements, fitted or not, and standard deviations of their scale.

    The deviations are those of the prediction alone, of the logarithm for potencies and in
    percentage points otherwise; that of a new measurement adds its own.
    """
    asked = Model(model.study, data, model.unknowns)
    centre, slopes = asked.jacobian(best.log_values, STEP)
    logs = np.array([m.on_log_scale for m in data])
    steep = np.where(logs[:, None], slopes / centre[:, None], slopes)
    variance = np.einsum("ij,jk,ik->i", steep, covariance(model, best), steep)
    return centre, np.sqrt(np.maximum(variance, 0.0))


def fitted_curves(model: Model, best: Estimate, level: float) -> xr.Dataset:
    """Curves of every fitted combination: `<observable>_percent` with `_low` and `_high`.

    A band ends at zero: there is no negative amount. Dims are `curve` (with a coordinate per named
    dim), the doses and `time_h`; doses that a curve has not are NaN. attrs are those of the study's
    result; what was fitted is no longer among the constants without a measurement.
    """
    import xarray as xr
    from scipy.special import ndtri

    spread = covariance(model, best)
    width = float(ndtri(0.5 + level / 2.0))
    parts = []
    for number, curves in enumerate(model.curves):
        k = curves.active
        variants = np.repeat(best.log_values[None, :], 1 + 2 * len(k), axis=0)
        for place, j in enumerate(k):
            variants[1 + 2 * place, j] += STEP
            variants[2 + 2 * place, j] -= STEP
        doses = curves.doses_nM[:-1]
        variables = {}
        for name, percent in model.percent(curves, variants).items():
            centre = percent[0, :-1]
            steep = (percent[1::2, :-1] - percent[2::2, :-1]) / (2.0 * STEP)
            some = spread[np.ix_(k, k)]
            sd = np.sqrt(np.einsum("idt,ij,jdt->dt", steep, some, steep))
            for end, value in (
                ("", centre),
                ("_low", np.maximum(centre - width * sd, 0.0)),
                ("_high", centre + width * sd),
            ):
                long_name = f"{_long_name(model, name)}, fitted{end.replace('_', ', ')}"
                attrs = {"units": "%", "long_name": long_name, "relative_to": model.relative_to}
                variables[f"{name}_percent{end}"] = (("curve", DOSE, "time_h"), value[None], attrs)
        labels = labels_of(model.study, curves.combination)
        coords: dict[str, Any] = {dim: ("curve", [label]) for dim, label in labels.items()}
        coords |= {"curve": [number], DOSE: (DOSE, doses, {"units": "nM"})}
        coords["time_h"] = ("time_h", model.times, {"units": "h"})
        parts.append(xr.Dataset(variables, coords=coords))
    joined = xr.concat(parts, "curve", join="outer", combine_attrs="override")
    return joined.assign_attrs(_attributes(model))


def _attributes(model: Model) -> dict[str, Any]:
    found = attributes(model.study)
    scenarios = [curves.combination.scenario for curves in model.curves]
    paths = [u.path for u in model.unknowns if u.path != FLOOR]
    fitted = {full_path(scenario, path) for scenario in scenarios for path in paths}
    left = [c for c in json.loads(found["unverified"]) if c["path"] not in fitted]
    return found | {"unverified": json.dumps(left)}


def _long_name(model: Model, observable: str) -> str:
    """What a read-out of the study, or an observable that potencies are read from, is called."""
    asked = {reading.name: reading for reading in model.study.readout.readings}
    reading = asked.get(observable) or parse(observable)
    return reading.long_name.format(target=model.study.scenario.target.name)
