"""What one dose-response panel shows, taken out of a result Dataset as plain arrays.

Nothing is drawn here; DC50, Dmax and the hook are read by `protacsim.pharmacology`.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError

DEFAULT_HUE = "target.allele"
DOSE = "compound.dose_nM"
# Smaller effects, in percentage points, would mark a line that looks flat.
LEGIBLE_PERCENT = 2.0
# Where an observable is zero by definition in the reference, this one still says something.
STAND_IN = {"target_active": "target_unoccupied"}
DEGRADATION = ("target_total",)
INHIBITION = ("target_active", "target_unoccupied")

Selection = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """Numbers read off one curve; NaN where the definition has none.

    `half_kind` is "DC50" (half of Dmax) or "IC50" (50 % of the reference); the hook depth is in
    percentage points.
    """

    half_kind: str
    half_dose_nM: float
    half_percent: float
    dmax_percent: float = np.nan
    dmax_dose_nM: float = np.nan
    hook_depth_percent: float = 0.0


@dataclass(frozen=True)
class Curve:
    """One line of a panel: `dose_nM` increasing and positive, `value` in the panel's unit.

    `zero_dose` is the value left of the axis break, NaN when there is none. `note` says why the
    curve is empty or shows `observable` instead of the panel's observable.
    """

    name: str
    observable: str
    dose_nM: NDArray[np.float64]
    value: NDArray[np.float64]
    zero_dose: float
    note: str = ""
    reading: Reading | None = None

    @property
    def drawn(self) -> bool:
        """Whether at least one point is finite."""
        return bool(np.isfinite(self.value).any())


@dataclass(frozen=True)
class Panel:
    """All curves of one observable at one time, with what the axes and the title say.

    `hypothetical` names the varied compound when it is hypothetical, else it is empty;
    `reference` is the index of the curve that is drawn solid (WT, else the first).
    """

    observable: str
    long_name: str
    unit: str
    is_percent: bool
    time_h: float | None
    title: str
    hypothetical: str
    curves: tuple[Curve, ...]
    is_numeric: bool
    reference: int


def attrs_json(data: xr.Dataset, key: str, default: Any) -> Any:
    """Return the JSON attribute `key` of `data`, or `default` when it is absent."""
    raw = data.attrs.get(key)
    return json.loads(raw) if isinstance(raw, str) and raw else (default if raw is None else raw)


def read_panel(
    data: xr.Dataset,
    observable: str,
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    select: Selection | None = None,
) -> Panel:
    """Take one panel out of a result Dataset; ParameterError when a dim is left undecided."""
    name = _variable(data, observable)
    stand_in = STAND_IN.get(observable, "")
    wanted = [n for n in (name, f"{stand_in}_percent", observable, stand_in) if n in data]
    part = data[[*wanted, *(["status"] if "status" in data else [])]]
    dose = _dose_dim(part[name])
    part = _choose(part, dict(select or {}), time_h, name).sortby(dose)
    hue_dim = _check_dims(part[name], dose, hue, data)
    variable = part[name]
    is_numeric = bool(hue_dim) and np.issubdtype(variable[hue_dim].dtype, np.number)
    curves = _curves(part, observable, dose, hue_dim, hue)
    title, hypothetical = _title(part, data, hue)
    names = [c.name for c in curves]
    return Panel(
        observable=observable,
        long_name=str(variable.attrs.get("long_name", observable)),
        unit=_unit(variable),
        is_percent=name != observable,
        time_h=float(part["time_h"]) if "time_h" in part.coords else None,
        title=title,
        hypothetical=hypothetical,
        curves=curves,
        is_numeric=is_numeric,
        reference=names.index("WT") if "WT" in names else 0,
    )


def coordinate_text(coordinate: xr.DataArray) -> str:
    """Write a scalar coordinate: "C481S" as it is, numbers as "cooperativity = 10"."""
    value = coordinate.item()
    if isinstance(value, str):
        return value
    units = str(coordinate.attrs.get("units", ""))
    return f"{short_path(str(coordinate.name), units)} = {value:g} {units}".rstrip()


def short_path(path: str, units: str) -> str:
    """Return the last part of a path without the unit that ends it: "a.b_nM" gives "b"."""
    return path.rsplit(".", 1)[-1].removesuffix(unit_suffix(units))


def unit_suffix(units: str) -> str:
    """Return how a unit ends a name: "pL/h" gives "_pL_per_h", "1/h" gives "_per_h"."""
    if not units:
        return ""
    above, *below = units.split("/")
    parts = ["" if above == "1" else f"_{above}", *(f"_per_{unit}" for unit in below)]
    return "".join(parts).replace(" ", "_")


def _variable(data: xr.Dataset, observable: str) -> str:
    for name in (f"{observable}_percent", observable):
        if name in data:
            return name
    known = sorted({str(n).removesuffix("_percent") for n in data.data_vars} - {"status"})
    raise ParameterError(
        f"plot: the Dataset has no observable {observable!r}; it has {', '.join(known)}."
    )


def _dose_dim(variable: xr.DataArray) -> str:
    doses = [str(d) for d in variable.dims if str(d).endswith(".dose_nM")]
    if DOSE in doses or len(doses) == 1:
        return DOSE if DOSE in doses else doses[0]
    found = ", ".join(map(str, variable.dims)) or "none"
    raise ParameterError(
        f"plot: a dose-response figure needs one dose dim, {DOSE!r}; "
        f"{variable.name!r} has the dims {found}. Add that axis to the study."
    )


def _choose(
    part: xr.Dataset, select: dict[str, Any], time_h: float | None, name: str
) -> xr.Dataset:
    if time_h is not None:
        select = {**select, "time_h": time_h}
    for dim, value in select.items():
        part = _choose_one(part, dim, value, name)
    if "time_h" in part[name].dims:
        part = part.isel(time_h=-1)
    return part


def _choose_one(part: xr.Dataset, dim: str, value: Any, name: str) -> xr.Dataset:
    if dim not in part.coords:
        known = ", ".join(map(repr, part[name].dims))
        raise ParameterError(f"plot: select has no dim {dim!r}; {name!r} has {known}.")
    values = np.atleast_1d(part[dim].values)
    hits = np.flatnonzero([_same(v, value) for v in values.tolist()])
    if not hits.size:
        allowed = ", ".join(map(str, values.tolist()[:12])) + (" ..." if values.size > 12 else "")
        raise ParameterError(f"plot: {dim} is {value!r}; the Dataset has {allowed}.")
    return part.isel({dim: int(hits[0])}) if dim in part.dims else part


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, str) or isinstance(wanted, str):
        return bool(found == wanted)
    return bool(np.isclose(found, wanted, rtol=1e-9, atol=0.0))


def _check_dims(variable: xr.DataArray, dose: str, hue: str, data: xr.Dataset) -> str:
    """Return the hue dim ("" when there is one curve) or say which dims are left."""
    if hue != DEFAULT_HUE and hue not in data.coords:
        known = ", ".join(repr(str(d)) for d in variable.dims if d != dose)
        raise ParameterError(f"plot: hue {hue!r} is no dim of the Dataset; choose from {known}.")
    left = [str(d) for d in variable.dims if d not in (dose, hue) and variable.sizes[d] > 1]
    if left:
        raise ParameterError(_undecided(variable, left))
    return hue if hue in variable.dims else ""


def _undecided(variable: xr.DataArray, left: Sequence[str]) -> str:
    sizes = ", ".join(f"{d} ({variable.sizes[d]} values)" for d in left)
    example = ", ".join(f"{d!r}: {_first(variable, d)!r}" for d in left)
    return (
        f"plot: {variable.name!r} has more dims than one panel shows: {sizes}. "
        f"Choose one value of each, e.g. select={{{example}}}, make one the hue, "
        "or average over it first with data.mean(...)."
    )


def _first(variable: xr.DataArray, dim: str) -> Any:
    return variable[dim].values.tolist()[0] if dim in variable.coords else 0


def _curves(
    part: xr.Dataset, observable: str, dose: str, hue_dim: str, hue: str
) -> tuple[Curve, ...]:
    spare: list[Hashable] = [
        d for d in part.dims if d not in (dose, hue_dim) and part.sizes[d] == 1
    ]
    part = part.squeeze(spare)
    rows = [part.isel({hue_dim: i}) for i in range(part.sizes[hue_dim])] if hue_dim else [part]
    curves = [_curve(row, observable, dose, hue) for row in rows]
    readings = {shown: _readings(part, shown, dose) for shown in {c.observable for c in curves}}
    return tuple(replace(c, reading=readings[c.observable][i]) for i, c in enumerate(curves))


def _curve(row: xr.Dataset, observable: str, dose: str, hue: str) -> Curve:
    shown, note = _shown(row, observable)
    variable = row[_variable(row, shown)]
    doses = row[dose].values.astype(np.float64)
    values = variable.values.astype(np.float64)
    positive = doses > 0.0
    return Curve(
        name=coordinate_text(row[hue]) if hue in row.coords else "",
        observable=shown,
        dose_nM=doses[positive],
        value=values[positive],
        zero_dose=_zero_dose(doses, values, variable),
        note=note,
    )


def _shown(row: xr.Dataset, observable: str) -> tuple[str, str]:
    """Return the observable that a curve shows, and why when it is another one or empty."""
    variable = row[_variable(row, observable)]
    if np.isfinite(variable.values).any():
        return observable, ""
    if not _zero_reference(row, variable):
        return observable, "no valid point"
    stand_in = STAND_IN.get(observable, "")
    if f"{stand_in}_percent" in row:
        return stand_in, _long_name(row, stand_in)
    return observable, "zero in the reference"


def _zero_reference(row: xr.Dataset, variable: xr.DataArray) -> bool:
    some_point_is_ok = "status" not in row or bool((row["status"] == 0).any())
    return some_point_is_ok and variable.attrs.get("null_reason") == "zero_reference"


def _zero_dose(
    doses: NDArray[np.float64], values: NDArray[np.float64], variable: xr.DataArray
) -> float:
    if (doses == 0.0).any():
        return float(values[doses == 0.0][0])
    by_definition = variable.attrs.get("relative_to") == "vehicle" and np.isfinite(values).any()
    return 100.0 if by_definition else np.nan


def _readings(part: xr.Dataset, observable: str, dose: str) -> list[Reading | None]:
    """Read the IC50 of inhibition curves, or DC50, Dmax and hook of degradation curves."""
    count = part[_variable(part, observable)].size // part.sizes[dose]
    if f"{observable}_percent" not in part or observable not in (*DEGRADATION, *INHIBITION):
        return [None] * count
    from protacsim import pharmacology

    if observable in INHIBITION:
        found = pharmacology.inhibition(part, observable=observable, dose_dim=dose)
        return [Reading("IC50", float(ic50), 50.0) for ic50 in np.atleast_1d(found["ic50_nM"])]
    found = pharmacology.dose_response(part, observable=observable, dose_dim=dose)
    names = ("dmax_percent", "dc50_relative_nM", "dmax_dose_nM", "hook_depth_percent")
    columns = [np.atleast_1d(found[name].values) for name in names]
    return [_degradation(*map(float, row)) for row in zip(*columns, strict=True)]


def _degradation(dmax: float, dc50: float, dmax_dose: float, depth: float) -> Reading | None:
    if not dmax > LEGIBLE_PERCENT:
        return None
    return Reading("DC50", dc50, 100.0 - dmax / 2.0, dmax, dmax_dose, float(np.nan_to_num(depth)))


def _long_name(part: xr.Dataset, observable: str) -> str:
    for name in (f"{observable}_percent", observable):
        if name in part:
            return str(part[name].attrs.get("long_name", observable.replace("_", " ")))
    return observable.replace("_", " ")


def _unit(variable: xr.DataArray) -> str:
    units = str(variable.attrs.get("units", ""))
    relative_to = variable.attrs.get("relative_to", "")
    return f"{units} of {relative_to}" if units == "%" and relative_to else units


def _title(part: xr.Dataset, data: xr.Dataset, hue: str) -> tuple[str, str]:
    """Return the fixed coordinates as a title, and the hypothetical compound in it."""
    fixed = {
        str(k): coordinate_text(c)
        for k, c in part.coords.items()
        if c.size == 1 and k not in (hue, "time_h")
    }
    star = hypothetical_compound(data, fixed.get("treatment"))
    texts = [v + "*" if k == "treatment" and star else v for k, v in fixed.items()]
    return ", ".join(texts), star


def hypothetical_compound(data: xr.Dataset, treatment: str | None) -> str:
    """Return the varied compound of `treatment` when it is hypothetical, else ""."""
    varied: dict[str, str] = attrs_json(data, "varied_compound", {})
    only = next(iter(varied.values())) if len(varied) == 1 else ""
    compound = varied.get(treatment or "", only)
    return compound if compound in attrs_json(data, "hypothetical", []) else ""
