"""Where the closed form puts the maximum of the ternary complex, in the dose that is given.

The equilibrium is that of `reduced.three_body_maximum`, at the drug-free amounts of target and
ligase; permeation, binding in medium and cell, and ATP come in through the rate constants.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim import reduced
from protacsim.mechanisms import compartment_volumes, rate_constants
from protacsim.mechanisms.rates import abundance
from protacsim.scenario import Scenario, molecules, numbers
from protacsim.study import Study
from protacsim.validation import check_kind

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


class NoPeak(StrEnum):
    """Why the closed form has no maximum; the empty string means that it has one."""

    NONE = ""
    SEVERAL_COMPOUNDS = "several_compounds"
    NO_DEGRADER = "no_degrader"
    NEOSUBSTRATES = "neosubstrates_compete_for_the_ligase"
    COVALENT_BOND = "covalent_bond"
    LOSS = "compound_or_ligase_is_lost"
    NO_EXCHANGE = "no_exchange_with_the_medium"
    WASHOUT = "washout"
    DRAINED = "medium_drains_the_cell"


class TernaryPeak(NamedTuple):
    """Dose (nM, of each addition) at which the ternary complex is highest, and its height (nM).

    `reason` is a `NoPeak` for each, empty where both are numbers.
    """

    dose_nM: Array
    ternary_nM: Array
    reason: NDArray[np.str_]


def ternary_peak(scenario: Scenario, values: Any = None) -> TernaryPeak:
    """Maximum of the ternary complex at equilibrium, before any target is destroyed.

    `values` are numbers by path, floats or arrays of one shape; those of the scenario by default.
    Both are NaN where this equilibrium does not exist, and `reason` says why: without a single
    degrader, with a covalent bond, with a neosubstrate that competes for the ligase, with a
    washout, and where compound or ligase is lost by more than turnover. Destruction lowers the
    complex; the free degrader at which it is highest stays the same. Of repeated doses it is the
    equilibrium after the last.
    """
    check_kind("scenario", scenario, Scenario)
    values = numbers(scenario) if values is None else values
    entries = scenario.treatment.compounds
    if why := _ruled_out(scenario, values):
        return TernaryPeak(np.asarray(np.nan), np.asarray(np.nan), np.asarray(str(why)))
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
    reason = _reason(rates, x, given)
    exists = reason == NoPeak.NONE
    per_nM = {place: molecules(1.0, v) for place, v in compartment_volumes(values).items()}
    return TernaryPeak(
        np.where(exists, given / schedule.doses / per_nM[schedule.compartment], np.nan),
        np.where(exists, found.ternary / per_nM["cell"], np.nan),
        reason,
    )


def _ruled_out(scenario: Scenario, values: Mapping[str, Any]) -> NoPeak:
    """Why others than target, one degrader and ligase bind one another, or the dose goes away."""
    entries = scenario.treatment.compounds
    if len(entries) > 1:
        return NoPeak.SEVERAL_COMPOUNDS
    if not entries or not entries[0].compound.is_degrader:
        return NoPeak.NO_DEGRADER
    bound = {entry.name for entry in entries[0].compound.neosubstrates}
    if bound & set(scenario.neosubstrates):
        return NoPeak.NEOSUBSTRATES
    if values.get(f"compounds.{entries[0].name}.stop_h") is not None:
        return NoPeak.WASHOUT
    drained = scenario.cell.medium_buffered and entries[0].schedule.compartment == "cell"
    return NoPeak.DRAINED if drained else NoPeak.NONE


def _reason(rates: Mapping[str, Any], compound: str, dose: Array) -> NDArray[np.str_]:
    """What takes compound, target or ligase out of the equilibrium."""

    def happens(*ways: str) -> NDArray[np.bool_]:
        total = np.asarray(sum(rates.get(f"{way}[{compound}]", 0.0) for way in ways))
        return np.broadcast_to(total != 0.0, np.shape(dose))

    bonds = happens("kinact", "kinact_ternary")
    losses = happens("loss_medium", "loss_cell", "ligase_loss", "elimination")
    reasons = NoPeak.COVALENT_BOND, NoPeak.LOSS, NoPeak.NO_EXCHANGE
    return np.select([bonds, losses, ~np.isfinite(dose)], list(map(str, reasons)), "")


def ternary_peaks(study: Study) -> xr.Dataset:
    """`ternary_peak` of every curve of a study along its dose axis.

    Returns
    -------
    xarray.Dataset
        `peak_dose_nM` and `peak_ternary_nM` over the dims of the study without those of doses,
        NaN where the closed form does not hold, and `peak_reason`, why.
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
    found: dict[str, NDArray[Any]] = {
        "peak_dose_nM": np.full(shape, np.nan),
        "peak_ternary_nM": np.full(shape, np.nan),
        "peak_reason": np.full(shape, "", dtype=object),
    }
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
    variables = {
        name: (tuple(window), array, attrs if name.endswith("_nM") else {})
        for name, array in found.items()
    }
    return xr.Dataset(variables, coords=labels).isel(dict.fromkeys(doses, 0))
