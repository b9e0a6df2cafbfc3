"""Where the closed form puts the maximum of the ternary complex, in the dose that is given.

The equilibrium is that of `reduced.three_body_maximum`, at the drug-free amounts of target and
ligase; permeation, binding in medium and cell, and ATP come in through the rate constants.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim import reduced
from protacsim.entities import Compound
from protacsim.mechanisms import compartment_volumes, rate_constants
from protacsim.mechanisms.rates import abundance
from protacsim.scenario import Scenario, molecules, numbers
from protacsim.study import Study
from protacsim.validation import check_kind

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


class TernaryPeak(NamedTuple):
    """Dose (nM, of each addition) at which the ternary complex is highest, and its height (nM)."""

    dose_nM: Array
    ternary_nM: Array


def ternary_peak(scenario: Scenario, values: Any = None) -> TernaryPeak:
    """Maximum of the ternary complex at equilibrium, before any target is destroyed.

    `values` are numbers by path, floats or arrays of one shape; those of the scenario by default.
    Both are NaN where this equilibrium does not exist: without a single degrader, with a covalent
    bond, with a neosubstrate that competes for the ligase, with a washout, and where compound or
    ligase is lost by more than turnover. Destruction lowers the complex; the free degrader at
    which it is highest stays the same. Of repeated doses it is the equilibrium after the last.
    """
    check_kind("scenario", scenario, Scenario)
    values = numbers(scenario) if values is None else values
    entries = scenario.treatment.compounds
    if len(entries) != 1 or not _is_three_body(entries[0].compound, scenario):
        return TernaryPeak(np.asarray(np.nan), np.asarray(np.nan))
    x, ligase = entries[0].name, entries[0].compound.ligase or ""
    schedule = entries[0].schedule
    rates = rate_constants(scenario, values)
    unbound = values[f"compounds.{x}.fraction_unbound_cell"]
    kd_target = unbound * rates[f"koff_target[{x}]"] / rates[f"kon_target[{x}]"]
    kd_ligase = unbound * rates[f"koff_ligase[{x}]"] / rates[f"kon_ligase[{x}]"]
    kd_late = rates[f"koff_target_ternary[{x}]"] / rates[f"kon_target_ternary[{x}]"]
    found = reduced.three_body_maximum(
        abundance(scenario.target.name, values),
        abundance(ligase, values),
        kd_target,
        kd_ligase,
        kd_target / kd_late,
    )
    in_cell = found.degrader_free / unbound
    bound = found.degrader_total - found.degrader_free
    with np.errstate(divide="ignore", invalid="ignore"):
        in_medium = in_cell * rates[f"release[{x}]"] / rates[f"uptake[{x}]"]
    given = in_medium if scenario.cell.medium_buffered else in_medium + in_cell + bound
    ways = ("kinact", "kinact_ternary", "loss_medium", "loss_cell", "ligase_loss", "elimination")
    lost = sum(rates.get(f"{way}[{x}]", 0.0) for way in ways)
    stays = values.get(f"compounds.{x}.stop_h") is None and not (
        scenario.cell.medium_buffered and schedule.compartment == "cell"
    )
    exists = np.isfinite(given) & (np.asarray(lost) == 0.0) & stays
    per_nM = {place: molecules(1.0, v) for place, v in compartment_volumes(values).items()}
    return TernaryPeak(
        np.where(exists, given / schedule.doses / per_nM[schedule.compartment], np.nan),
        np.where(exists, found.ternary / per_nM["cell"], np.nan),
    )


def _is_three_body(compound: Compound, scenario: Scenario) -> bool:
    """Whether target, degrader and ligase bind one another and nothing else."""
    neosubstrates = {entry.name for entry in compound.neosubstrates}
    return compound.is_degrader and not neosubstrates & set(scenario.neosubstrates)


def ternary_peaks(study: Study) -> xr.Dataset:
    """`ternary_peak` of every curve of a study along its dose axis.

    Returns
    -------
    xarray.Dataset
        `peak_dose_nM` and `peak_ternary_nM` over the dims of the study without those of doses,
        NaN where the closed form does not hold.
    """
    import xarray as xr

    check_kind("study", study, Study)
    doses = {
        dim
        for combination in study.combinations
        for dim in combination.shape
        if all(path.endswith(".dose_nM") for path in combination.paths_along(dim))
    }
    window = {dim: slice(0, 1 if dim in doses else size) for dim, size in study.dims.items()}
    shape = [part.stop for part in window.values()]
    found = {name: np.full(shape, np.nan) for name in ("peak_dose_nM", "peak_ternary_nM")}
    for combination in study.combinations:
        values, inner = combination.values(window)
        where = tuple(
            slice(i, i + 1) if (i := combination.index.get(dim)) is not None else slice(None)
            for dim in window
        )
        sizes = [1 if dim in combination.index else window[dim].stop for dim in window]
        for array, peak in zip(
            found.values(), ternary_peak(combination.scenario, values), strict=True
        ):
            array[where] = np.broadcast_to(peak, math.prod(inner)).reshape(sizes)
    labels = {a.path: (a.dim, list(a.coordinate)) for a in study.axes if a.dim not in doses}
    attrs = {"units": "nM", "long_name": "closed-form maximum of the ternary complex"}
    variables = {name: (tuple(window), array, attrs) for name, array in found.items()}
    return xr.Dataset(variables, coords=labels).isel(dict.fromkeys(doses, 0))
