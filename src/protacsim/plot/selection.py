"""The part of a result Dataset that a panel shows: which variable, which point of every dim.

Also how coordinates are written in titles and legends; curves are read in `protacsim.plot.curves`
and `protacsim.plot.time_curves`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from protacsim.errors import ParameterError
from protacsim.mechanisms.observables import COMPOUND, NEOSUBSTRATE
from protacsim.plot import style, wording
from protacsim.study import DOSE, TREATMENT, dim_of_doses

TIME, ALLELE = "time_h", "target.allele"
# Where an observable is zero by definition in the reference, this one still says something.
STAND_IN = {"target_active": "target_unoccupied"}

DIGITS = (3, 4, 6, 9, 17)
"""How many are tried until names differ."""

Selection = Mapping[str, Any]


def attrs_json(data: xr.Dataset, key: str, default: Any) -> Any:
    """Return the JSON attribute `key` of `data`, or `default` when it is absent."""
    raw = data.attrs.get(key)
    return json.loads(raw) if isinstance(raw, str) and raw else (default if raw is None else raw)


def part_with(data: xr.Dataset, observable: str) -> tuple[xr.Dataset, str]:
    """Return what is needed to draw `observable`, and the name of the variable drawn.

    Raises
    ------
    ParameterError
        When the Dataset does not have the observable.
    """
    name = variable_name(data, observable)
    stand_in = STAND_IN.get(observable, "")
    band = (f"{name}_low", f"{name}_high")
    wanted = dict.fromkeys((name, *band, f"{stand_in}_percent", observable, stand_in, "status"))
    return data[[n for n in wanted if n in data]], name


def variable_name(data: xr.Dataset, observable: str) -> str:
    """Return the name of the percentage, or of the amount where no percentage exists."""
    for name in (f"{observable}_percent", observable):
        if name in data:
            return name
    known = sorted(
        {str(n).removesuffix("_percent") for n in data.data_vars} - {"status", "reached_h"}
    )
    raise ParameterError(
        f"plot: the Dataset has no observable {observable!r}; it has {', '.join(known)}."
    )


def choose(part: xr.Dataset, select: Selection, name: str, data: xr.Dataset) -> xr.Dataset:
    """Take one value of every dim in `select`; a dim of `data` that `part` lacks is no mistake.

    Zipped axes can be chosen by the path of either, or by the number along their common dim.
    """
    for dim, value in select.items():
        known = (*data.coords, *data.dims)
        if dim in (*part.coords, *part.dims) or dim not in known:
            part = _choose_one(part, dim, value, name)
    return part


def _choose_one(part: xr.Dataset, dim: str, value: Any, name: str) -> xr.Dataset:
    if dim in part.dims and dim not in part.coords:
        return part.isel({dim: int(value)})
    if dim not in part.coords:
        known = ", ".join(map(repr, part[name].dims))
        raise ParameterError(f"plot: select has no dim {dim!r}; {name!r} has {known}.")
    values = np.atleast_1d(part[dim].values)
    hits = np.flatnonzero([same(v, value) for v in values.tolist()])
    if not hits.size:
        allowed = ", ".join(map(str, values.tolist()[:12])) + (" ..." if values.size > 12 else "")
        raise ParameterError(f"plot: {dim} is {value!r}; the Dataset has {allowed}.")
    return part.isel({along: int(hits[0]) for along in part[dim].dims})


def columns_and_curves(columns: str | None, hue: str | None) -> tuple[str | None, str]:
    """Return the dims of columns and curves: treatments and alleles, or the other way round.

    Where one of the two is given and is the other's default, the other gives way.

    Raises
    ------
    ParameterError
        When both are given and are one dim.
    """
    if columns is not None and columns == hue:
        raise ParameterError(f"plot: {hue} is both hue and columns; make one of them another dim.")
    columns = columns or (TREATMENT if hue != TREATMENT else None)
    return columns, hue or (ALLELE if columns != ALLELE else TREATMENT)


def at_last(part: Any) -> Any:
    """The part of a Dataset or DataArray at its last time, whatever the order of its times."""
    return part.isel({TIME: int(np.argmax(part[TIME].values))}) if TIME in part.dims else part


def same(found: Any, wanted: Any) -> bool:
    """Tell whether two coordinates are the same name, or the same number up to round-off."""
    if isinstance(found, str) or isinstance(wanted, str):
        return bool(found == wanted)
    return bool(np.isclose(found, wanted, rtol=1e-9, atol=0.0))


def dose_dim(variable: xr.DataArray, shown: Collection[Hashable] = ()) -> str:
    """Return the dim of doses to draw along: none of those that are `shown` in another way.

    Raises
    ------
    ParameterError
        When there is none, or several.
    """
    found = dim_of_doses(dim for dim in variable.dims if dim not in shown)
    if found is not None:
        return found
    dims = ", ".join(map(str, variable.dims)) or "none"
    raise ParameterError(
        f"plot: a figure along doses needs one dim of them, such as {DOSE!r}; "
        f"{variable.name!r} has the dims {dims}. Add that axis to the study, or of several choose "
        "one value each, or make one the hue."
    )


def left_over(variable: xr.DataArray, shown: Collection[Hashable]) -> list[str]:
    """Return the dims of several values that are not among those `shown`."""
    return [str(d) for d in variable.dims if d not in shown and variable.sizes[d] > 1]


def undecided(variable: xr.DataArray, left: Sequence[str]) -> ParameterError:
    """Name the dims that are left, and the way out."""
    sizes = ", ".join(f"{d} ({variable.sizes[d]} values)" for d in left)
    example = ", ".join(f"{d!r}: {_first(variable, d)!r}" for d in left)
    return ParameterError(
        f"plot: {variable.name!r} has more dims than one panel shows: {sizes}. "
        f"Choose one value of each, e.g. select={{{example}}}, make one the hue, "
        "or average over it first with data.mean(...)."
    )


def no_such_hue(variable: xr.DataArray, hue: str, along: str) -> ParameterError:
    """Say which dims can be the hue."""
    known = ", ".join(repr(str(d)) for d in variable.dims if d != along)
    remedy = f"choose from {known}" if known else "it has no other, so leave hue out"
    return ParameterError(f"plot: hue {hue!r} is no dim of the Dataset; {remedy}.")


def _first(variable: xr.DataArray, dim: str) -> Any:
    return variable[dim].values.tolist()[0] if dim in variable.coords else 0


def shown_instead(row: xr.Dataset, observable: str) -> tuple[str, str]:
    """Return the observable that a curve shows, and why when it is another one or empty."""
    variable = row[variable_name(row, observable)]
    if np.isfinite(variable.values).any():
        return observable, ""
    if not is_zero_reference(row, variable):
        return observable, "no valid point"
    stand_in = STAND_IN.get(observable, "")
    if f"{stand_in}_percent" in row:
        return stand_in, _long_name(row, stand_in)
    return observable, "zero in the reference"


def is_zero_reference(part: xr.Dataset, variable: xr.DataArray) -> bool:
    """Tell whether a percentage is undefined because the reference is zero, not by failure."""
    some_point_is_ok = "status" not in part or bool((part["status"] == 0).any())
    return some_point_is_ok and variable.attrs.get("null_reason") == "zero_reference"


def with_amount(data: xr.Dataset, observable: str) -> tuple[xr.Dataset, str]:
    """Leave a percentage out where it is undefined everywhere and nothing stands in for it."""
    part, name = part_with(data, observable)
    stands_in = f"{STAND_IN.get(observable, '')}_percent" in part
    nowhere = name != observable and not np.isfinite(part[name].values).any()
    if nowhere and observable in part and not stands_in and is_zero_reference(part, part[name]):
        return part.drop_vars(name), observable
    return part, name


def _long_name(part: xr.Dataset, observable: str) -> str:
    return long_name(part[variable_name(part, observable)], observable.replace("_", " "))


def long_name(variable: xr.DataArray, otherwise: str) -> str:
    """Say what is read, a chosen compound or neosubstrate by its name: "total IKZF1"."""
    words = str(variable.attrs.get("long_name", otherwise))
    for dim in (COMPOUND, NEOSUBSTRATE):
        if dim in variable.coords and variable[dim].size == 1:
            words = str(variable[dim].item()).join(re.split(rf"\b{dim}\b", words))
    return words


def unit_shown(variable: xr.DataArray) -> str:
    """Return the unit as the value axis names it, e.g. "% of vehicle"."""
    units = str(variable.attrs.get("units", ""))
    relative_to = variable.attrs.get("relative_to", "")
    return f"{units} of {relative_to}" if units == "%" and relative_to else wording.symbol(units)


def title(part: xr.Dataset, data: xr.Dataset, hue: str, along: str = "") -> tuple[str, str]:
    """Return the fixed coordinates as a title, and the hypothetical compounds in it.

    Neither the hue nor the axis that the panel is drawn `along` is in it, even of one value.
    """
    fixed = {
        str(k): coordinate_text(c)
        for k, c in part.coords.items()
        if c.size == 1 and k not in (hue, along, TIME)
    }
    star = "" if hue == TREATMENT else hypothetical(data, fixed.get(TREATMENT))
    texts = [starred(v, data) if k == TREATMENT else v for k, v in fixed.items()]
    return ", ".join(texts), star


def hypothetical(data: xr.Dataset, treatment: str | None = None) -> str:
    """Return the hypothetical compounds of a treatment, or of all that the Dataset has."""
    found: dict[str, list[str]] = attrs_json(data, "hypothetical", {})
    shown = [treatment] if treatment is not None else _treatments(data, found)
    return ", ".join(dict.fromkeys(name for each in shown for name in found.get(each, [])))


def starred(treatment: str, data: xr.Dataset) -> str:
    """Return a treatment's name, with an asterisk where it has a hypothetical compound."""
    return f"{treatment}*" if hypothetical(data, treatment) else treatment


def _treatments(data: xr.Dataset | xr.DataArray, otherwise: Iterable[str]) -> list[str]:
    """Names of the treatments in a Dataset; of one treatment alone there is no coordinate."""
    there = TREATMENT in data.coords
    return list(map(str, np.atleast_1d(data[TREATMENT]) if there else otherwise))


def coordinate_text(coordinate: xr.DataArray, digits: int = 3) -> str:
    """Write a scalar coordinate: "C481S" as it is, doses "10 µM", else "cooperativity = 10"."""
    value = coordinate.item()
    if isinstance(value, str):
        return value
    path = str(coordinate.name)
    if path == DOSE:
        return style.dose_name(value, digits) if value else "vehicle"
    units = str(coordinate.attrs.get("units", ""))
    return f"{short_path(path, units)} = {value:g} {wording.unit(units)}".rstrip()


def names_along(part: xr.Dataset, dim: str) -> list[str]:
    """Name every value along a dim with as many digits as keep them apart."""
    # A dim of zipped axes has no coordinate of its own, but those of its axes.
    along = [dim] if dim in part.coords else [c for c in part.coords if c != TIME]
    coordinates = [part[c] for c in along if part[c].dims == (dim,)]
    for digits in DIGITS:
        names = [
            ", ".join(coordinate_text(c[i], digits) for c in coordinates)
            for i in range(part.sizes[dim])
        ]
        if len(set(names)) == len(names):
            break
    return names


def short_path(path: str, units: str) -> str:
    """Name a path for a reader: "cell.proteins.BTK.half_life_h" gives "BTK half life"."""
    *above, field = path.split(".")
    named = above and (above[0] == "compounds" or "proteins" in above)
    words = wording.quantity(field.removesuffix(unit_suffix(units)).replace("_", " "))
    return f"{above[-1]} {words}" if named else words


def dose_label(dim: str, part: xr.Dataset | xr.DataArray, data: xr.Dataset) -> str:
    """Label an axis of doses, with the compound whose dose it is where there are several."""
    varied: dict[str, str] = attrs_json(data, "varied_compound", {})
    kept: dict[str, list[str]] = attrs_json(data, "kept_compounds", {})
    shown = _treatments(part, varied)
    names = {varied.get(treatment) for treatment in shown}
    named = dim == DOSE and len(names) == 1 and any(map(kept.get, shown))
    return f"{f'{names.pop()} ' if named else ''}{short_path(dim, 'nM')} (nM)"


def unit_suffix(units: str) -> str:
    """Return how a unit ends a name: "pL/h" gives "_pL_per_h", "1/h" gives "_per_h"."""
    if not units:
        return ""
    above, *below = units.split("/")
    parts = ["" if above == "1" else f"_{above}", *(f"_per_{unit}" for unit in below)]
    return "".join(parts).replace(" ", "_")
