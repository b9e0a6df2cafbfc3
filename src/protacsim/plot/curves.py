"""What one dose-response panel shows, taken out of a result Dataset as plain arrays.

The nouns serve time courses too, which `protacsim.plot.time_curves` reads. Nothing is drawn here;
DC50, Dmax and the hook are read by `protacsim.pharmacology`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.plot.selection import (
    ALLELE,
    TIME,
    Selection,
    at_last,
    choose,
    coordinate_text,
    dose_dim,
    dose_label,
    hypothetical,
    left_over,
    long_name,
    names_along,
    no_such_hue,
    shown_instead,
    starred,
    title,
    undecided,
    unit_shown,
    variable_name,
    with_amount,
)
from protacsim.study import TREATMENT

DEFAULT_HUE = ALLELE
# Smaller effects, in percentage points, would mark a line that looks flat.
LEGIBLE_PERCENT = 2.0
DEGRADATION = ("target_total",)
INHIBITION = ("target_active", "target_unoccupied")


@dataclass(frozen=True)
class Reading:
    """Numbers read off one curve; NaN where the definition has none.

    `half_kind` is "DC50" (half of Dmax) or "IC50" (50 % of the reference) with `half_at` in nM, or
    "D50" (50 % of the reference) with `half_at` in h. `half_before` is given instead where the
    curve falls through it between its first two times. The hook depth is in percentage points.
    """

    half_kind: str
    half_at: float
    half_percent: float
    dmax_percent: float = np.nan
    dmax_dose_nM: float = np.nan
    hook_depth_percent: float = 0.0
    half_before: float = np.nan


@dataclass(frozen=True)
class Curve:
    """One line of a panel: `x` increasing, in nM (positive) or h; `value` in the panel's unit.

    `zero_dose` is the value left of the axis break, NaN when there is none. `note` says why the
    curve is empty or shows `observable` instead of the panel's observable. `key` is the value of
    the hue; `low` and `high` bound a band where the Dataset has one.
    """

    name: str
    observable: str
    x: NDArray[np.float64]
    value: NDArray[np.float64]
    zero_dose: float = np.nan
    note: str = ""
    reading: Reading | None = None
    key: Any = None
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None

    @property
    def drawn(self) -> bool:
        """Whether at least one point is finite."""
        return bool(np.isfinite(self.value).any())


@dataclass(frozen=True)
class Panel:
    """All curves of one observable against dose or time, with what the axes and the title say.

    `hypothetical` names the hypothetical compounds shown, or is empty;
    `reference` is the index of the curve that is drawn solid (WT, else the first). `fixed` are the
    coordinates that all curves share; `dose_label` is empty along time. `among` names the curves
    of the whole figure where a panel has only some of them; then looks, and `reference`, go by it.
    """

    along: Literal["dose", "time"]
    dose_label: str
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
    hue: str = ""
    fixed: tuple[tuple[str, Any], ...] = ()
    among: tuple[str, ...] = ()


def read_panel(
    data: xr.Dataset,
    observable: str,
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    select: Selection | None = None,
) -> Panel:
    """Take one panel out of a result Dataset; ParameterError when a dim is left undecided.

    An observable whose percentage is undefined everywhere, since the reference has none of it, is
    shown as an amount.
    """
    part, name = with_amount(data, observable)
    chosen = dict(select or {}) | ({TIME: time_h} if time_h is not None else {})
    part = choose(part, chosen, name, data)
    dose = dose_dim(part[name], (hue,))
    part = (at_last(part) if TIME in part[name].dims else part).sortby(dose)
    hue_dim = _check_dims(part[name], dose, hue, data)
    if hue_dim and np.issubdtype(part[hue_dim].dtype, np.number):
        part = part.sortby(hue_dim)
    curves = _curves(part, observable, dose, hue_dim, hue)
    return panel_of(part, data, observable, curves, hue, "dose", dose)


def panel_of(
    part: xr.Dataset,
    data: xr.Dataset,
    observable: str,
    curves: tuple[Curve, ...],
    hue: str,
    along: Literal["dose", "time"],
    dose: str = "",
) -> Panel:
    """Put the curves of `part` together with the labels of the panel."""
    variable = part[variable_name(part, observable)]
    text, star = title(part, data, hue, dose)
    names = [c.name for c in curves]
    if hue == TREATMENT:
        star = ", ".join(filter(None, (hypothetical(data, name) for name in names)))
        curves = tuple(replace(c, name=starred(c.name, data)) for c in curves)
    at_one_time = along == "dose" and TIME in part.coords
    return Panel(
        along=along,
        dose_label=dose_label(dose, part, data) if dose else "",
        observable=observable,
        long_name=long_name(variable, observable),
        unit=unit_shown(variable),
        is_percent=variable.name != observable,
        time_h=float(part[TIME]) if at_one_time else None,
        title=text,
        hypothetical=star,
        curves=curves,
        is_numeric=hue in variable.dims and np.issubdtype(variable[hue].dtype, np.number),
        reference=reference_of(names),
        hue=hue,
        fixed=tuple(
            (str(k), c.item()) for k, c in part.coords.items() if c.size == 1 and k != dose
        ),
    )


def reference_of(names: Sequence[str]) -> int:
    """Return the index of the curve that the others are compared with: WT, else the first."""
    return list(names).index("WT") if "WT" in names else 0


def _check_dims(variable: xr.DataArray, dose: str, hue: str, data: xr.Dataset) -> str:
    """Return the hue dim ("" when there is one curve) or say which dims are left."""
    if hue not in (DEFAULT_HUE, TREATMENT) and hue not in (*data.coords, *data.dims):
        raise no_such_hue(variable, hue, dose)
    left = left_over(variable, (dose, hue))
    if left:
        raise undecided(variable, left)
    return hue if hue in variable.dims else ""


def _curves(
    part: xr.Dataset, observable: str, dose: str, hue_dim: str, hue: str
) -> tuple[Curve, ...]:
    part = squeezed(part, (dose, hue_dim))
    rows = [part.isel({hue_dim: i}) for i in range(part.sizes[hue_dim])] if hue_dim else [part]
    names = names_along(part, hue_dim) if hue_dim else [_name(part, hue)]
    curves = [
        _curve(row, observable, dose, hue, name) for row, name in zip(rows, names, strict=True)
    ]
    readings = {shown: _readings(part, shown, dose) for shown in {c.observable for c in curves}}
    return tuple(replace(c, reading=readings[c.observable][i]) for i, c in enumerate(curves))


def squeezed(part: xr.Dataset, shown: Sequence[str]) -> xr.Dataset:
    """Drop the dims of one value that are not `shown`."""
    spare: list[Hashable] = [d for d in part.dims if d not in shown and part.sizes[d] == 1]
    return part.squeeze(spare)


def _name(part: xr.Dataset, hue: str) -> str:
    return coordinate_text(part[hue]) if hue in part.coords else ""


def _curve(row: xr.Dataset, observable: str, dose: str, hue: str, name: str) -> Curve:
    from protacsim import pharmacology

    shown, note = shown_instead(row, observable)
    variable = row[variable_name(row, shown)]
    doses = row[dose].values.astype(np.float64)
    values = variable.values.astype(np.float64)
    used = (doses > 0.0) & runs_of(row, values)
    return Curve(
        name=name,
        observable=shown,
        x=doses[used],
        value=values[used],
        zero_dose=pharmacology.without_dose(variable, dose),
        note=note,
        key=row[hue].item() if hue in row.coords else None,
        low=_bound(row, variable, "low", used),
        high=_bound(row, variable, "high", used),
    )


def runs_of(row: xr.Dataset, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points that a curve has: a run that was never made leaves no gap, a failed one does."""
    finite = np.isfinite(values)
    made = np.isfinite(row["status"].values) if "status" in row else True
    return finite | made if finite.any() else ~finite


def _bound(
    row: xr.Dataset, variable: xr.DataArray, side: str, used: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    name = f"{variable.name}_{side}"
    return row[name].values.astype(np.float64)[used] if name in row else None


def _readings(part: xr.Dataset, observable: str, dose: str) -> list[Reading | None]:
    """Read the IC50 of inhibition curves, or DC50, Dmax and hook of degradation curves."""
    count = part[variable_name(part, observable)].size // part.sizes[dose]
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
