"""What the columns of the summary and the words of a page mean, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from protacsim.mechanisms.readings import Reading
from protacsim.study import Study
from protacsim.units import unit_of

READINGS = {
    "dmax_percent": "Dmax: the greatest loss of total target over the doses, in %.",
    "dmax_dose_nM": "The dose at which the loss is greatest, in nM.",
    "dc50_absolute_nM": "Absolute DC50: the lowest dose that leaves 50 % of the target, in nM.",
    "dc50_relative_nM": "Relative DC50: the lowest dose at which half of Dmax is lost, in nM.",
    "hc50_absolute_nM": "Absolute HC50: the dose above that of Dmax at which 50 % of the target is "
    "back, in nM (hook effect).",
    "hc50_relative_nM": "Relative HC50: the dose above that of Dmax at which half of Dmax is left, "
    "in nM (hook effect).",
    "hook_depth_percent": "Hook depth: Dmax less the loss at the highest dose, in points of %.",
    "multimodal": "Whether the loss has two or more separate maxima over the doses.",
    "imax_percent": "The greatest inhibition of active target over the doses, in %.",
    "ic50_nM": "IC50: the lowest dose that leaves 50 % of the active target, in nM.",
    "dc50_relative_fold_shift": "Relative DC50 divided by that of wild type at the same point.",
    "ic50_fold_shift": "IC50 divided by that of wild type at the same point.",
}
OTHERS = {
    "treatment": "The treatment, by its name in the configuration.",
    "hypothetical": "Compounds of the treatment that are class priors, without public constants.",
    "target.allele": "The allele of the target.",
    "time_h": "Time, in h, on the clock on which doses have their start_h (0 h by default).",
    "compound": "The compound.",
    "neosubstrate": "The neosubstrate.",
    "status": "How the simulation of the point ended.",
    "reached_h": "The time that the simulation reached, in h.",
}
OF_CELLS = {
    "observable": "What was read of every cell.",
    "units": "The unit of mean, sd and quantiles; a percentage is of the mean reference cell.",
    "mean": "The mean over the cells.",
    "sd": "The standard deviation over the cells.",
    "q05": "The 5 % quantile over the cells.",
    "q50": "The median cell.",
    "q95": "The 95 % quantile over the cells.",
    "fraction_lost": "The fraction of cells that have lost more than 90 %: below 10 % of the "
    "reference.",
    "cells": "The number of cells whose run succeeded.",
}
OF_POINTS = {
    "observable": "What was read at every point.",
    "units": "The unit of the lowest to the highest value.",
    "points": "How many points have a number. Each is in data.zarr; protacsim export lists them.",
    "lowest": "The lowest value.",
    "q05": "The 5 % quantile over the points.",
    "q50": "The median over the points.",
    "q95": "The 95 % quantile over the points.",
    "highest": "The highest value.",
}
CONFIDENCES = {
    "none": "no value; a run that needs it must be given one",
    "assumed": "not found; a stand-in or a default, with its reason",
    "recalled": "general knowledge, not checked",
    "calibrated": "set so that another observation comes out",
    "given": "set in the configuration",
    "derived": "worked out from numbers that stand there",
    "read": "stands in the cited source",
}
"""The words of the README and of docs/library.md."""
LISTED_VALUES = 12


def column(name: str, data: xr.Dataset, study: Study) -> str:
    """Say what a column of the summary means."""
    plain = name.partition("[")[0]
    if name in READINGS:
        return READINGS[name]
    if name in OTHERS:
        return OTHERS[name]
    if study.is_stochastic and name in OF_CELLS:
        return OF_CELLS[name]
    if name in OF_POINTS:
        return OF_POINTS[name]
    end, at, place = name.partition(" at ")
    if at:
        return f"{place} of the first point with the {end} value{_in(unit_of(place))}."
    if name in study.axis_paths:
        return f"The axis {name}{_in(unit_of(name))}, as the configuration names it."
    for sample in study.samples:
        if name == sample.dim:
            return f"The number of the {'draw' if name == 'sensitivity' else name}."
        if name.removesuffix(" quantile") in (draw.name for draw in sample.over):
            return f"Drawn for each {sample.dim}: {name}{_in(unit_of(name))}."
    for variable in (name, plain):
        if variable in data:
            return _observable(data[variable])
    return f"{name.replace('_', ' ')}{_in(unit_of(name))}: a coordinate of the study."


def _observable(variable: xr.DataArray) -> str:
    long_name = str(variable.attrs.get("long_name", variable.name)).strip()
    reference = variable.attrs.get("relative_to", "")
    of = f" of {reference}" if reference else ""
    made_of = f" ({variable.attrs['expression']})" if "expression" in variable.attrs else ""
    said = f"{long_name[:1].upper()}{long_name[1:]}{made_of}"
    return f"{said}{_in(variable.attrs.get('units', ''), of)}."


def _in(unit: str, of: str = "") -> str:
    return f", in {unit}{of}" if unit else ""


def scenario(study: Study) -> Iterable[tuple[str, str]]:
    """Say in words what is simulated."""
    combinations = study.combinations
    cells = dict.fromkeys(c.scenario.cell.name for c in combinations)
    alleles = dict.fromkeys(c.scenario.allele.name for c in combinations)
    treatments = dict.fromkeys(c.scenario.treatment.name for c in combinations)
    yield "Cell", ", ".join(cells)
    yield "Target", f"{study.scenario.target.name}, allele {', '.join(alleles)}"
    yield "Treatments", "; ".join(treatments)
    if study.scenario.neosubstrates:
        yield "Neosubstrates", ", ".join(study.scenario.neosubstrates)
    for axis in study.axes:
        if axis.path not in ("treatment", "target.allele"):
            yield axis.path, _values(axis.coordinate, unit_of(axis.path))
    for sample in study.samples:
        drawn = ", ".join(draw.name for draw in sample.over)
        yield sample.dim, f"{sample.n} draws ({sample.design}) of {drawn}"
    yield "Read out", ", ".join(_read_out(reading, study) for reading in study.readout.readings)
    yield "At", _values(study.readout.times_h, "h")
    if study.readout.relative_to:
        yield "100 %", _REFERENCES[study.readout.relative_to]


def _read_out(reading: Reading, study: Study) -> str:
    made_of = f" ({reading.expression})" if reading.expression else ""
    return reading.long_name.format(target=study.scenario.target.name) + made_of


_REFERENCES = {
    "vehicle": "the same without the varied compound, at the same time (vehicle)",
    "untreated": "the same without any compound, at the same time (untreated)",
    "start": "the same at its first moment, without any compound (start)",
}


def _values(values: Iterable[object], unit: str) -> str:
    shown = [f"{v:,.6g}" if isinstance(v, float) else str(v) for v in values]
    if len(shown) > LISTED_VALUES:
        return f"{len(shown)} values from {shown[0]} to {shown[-1]} {unit}".rstrip()
    return f"{', '.join(shown)} {unit}".rstrip()
