"""What one time-course panel shows, taken out of a result Dataset as plain arrays.

Nothing is drawn here; the D50 time is read by `protacsim.pharmacology`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot.curves import Curve, Panel, Reading, panel_of, runs_of, squeezed
from protacsim.plot.selection import (
    TIME,
    Selection,
    choose,
    left_over,
    names_along,
    no_such_hue,
    shown_instead,
    undecided,
    variable_name,
    with_amount,
)
from protacsim.study.names import FEWEST_TIMES


def read_time_panel(
    data: xr.Dataset,
    observable: str,
    hue: str | None = None,
    select: Selection | None = None,
) -> Panel:
    """Take one panel out of a result Dataset; ParameterError when a dim is left undecided.

    Without `hue`, the one dim that is left becomes the hue. An observable whose percentage is
    undefined everywhere, since the reference has none of it, is shown as an amount.
    """
    part, name = with_amount(data, observable)
    part = choose(part, _without_time(dict(select or {})), name, data)
    _check_times(part[name])
    hue_dim = _hue_dim(part[name], hue, data)
    part = squeezed(part, (TIME, hue_dim)).sortby(TIME)
    if hue_dim and np.issubdtype(part[hue_dim].dtype, np.number):
        part = part.sortby(hue_dim)
    return panel_of(part, data, observable, _curves(part, observable, hue_dim), hue_dim, "time")


def columns_and_hue(
    data: xr.Dataset,
    observables: Sequence[str],
    columns: str | None,
    hue: str | None,
    select: Selection,
) -> tuple[str | None, str | None]:
    """Fill in what is not given: of two dims left, one becomes the columns, the other the hue.

    Treatments come first as columns, numbers such as doses last; a single dim left is the hue.
    """
    shown = [TIME, *filter(None, (columns, hue))]
    if not observables:
        return columns, hue
    parts = [with_amount(data, observable) for observable in observables]
    variables = [choose(part, select, name, data)[name] for part, name in parts]
    widest = max(variables, key=lambda variable: len(left_over(variable, shown)))
    left = left_over(widest, shown)
    if len(left) > (columns is None) + (hue is None):
        raise undecided(widest, left)
    if columns is None and left and (hue is not None or len(left) > 1):
        columns = min(left, key=lambda dim: (_is_numeric(widest, dim), dim != "treatment"))
        left.remove(columns)
    return columns, hue or (left[0] if left else None)


def _is_numeric(variable: xr.DataArray, dim: str) -> bool:
    return bool(np.issubdtype(variable[dim].dtype, np.number))


def _without_time(select: dict[str, object]) -> dict[str, object]:
    if TIME in select:
        raise ParameterError(
            f"plot: select has {TIME!r}, but a time course shows every time; leave it out, or "
            "draw a dose-response figure at that time."
        )
    return select


def _check_times(variable: xr.DataArray) -> None:
    count = variable.sizes.get(TIME, 0)
    if count < FEWEST_TIMES:
        raise ParameterError(
            f"plot: a time-course figure needs a dim {TIME!r} of at least {FEWEST_TIMES} times; "
            f"{variable.name!r} has {count}. Add times to the readout."
        )


def _hue_dim(variable: xr.DataArray, hue: str | None, data: xr.Dataset) -> str:
    """Return the hue dim ("" when there is one curve) or say which dims are left."""
    if hue == TIME or (hue is not None and hue not in (*data.coords, *data.dims)):
        raise no_such_hue(variable, hue, TIME)
    left = left_over(variable, (TIME, *filter(None, (hue,))))
    if hue is None and len(left) == 1:
        return left[0]
    if left:
        raise undecided(variable, left)
    return hue if hue is not None and hue in variable.dims else ""


def _curves(part: xr.Dataset, observable: str, hue_dim: str) -> tuple[Curve, ...]:
    if not hue_dim:
        return (_curve(part, observable, ""),)
    names = names_along(part, hue_dim)
    return tuple(_curve(part.isel({hue_dim: i}), observable, n) for i, n in enumerate(names))


def _curve(row: xr.Dataset, observable: str, name: str) -> Curve:
    shown, note = shown_instead(row, observable)
    variable = row[variable_name(row, shown)]
    times_h = variable[TIME].values.astype(np.float64)
    values = variable.values.astype(np.float64)
    used = runs_of(row, values)
    times_h, values = times_h[used], values[used]
    reading = _d50(times_h, values) if variable.name != shown else None
    return Curve(name=name, observable=shown, x=times_h, value=values, note=note, reading=reading)


def _d50(times_h: NDArray[np.float64], percent: NDArray[np.float64]) -> Reading | None:
    from protacsim import pharmacology

    counts = (times_h >= 0.0) & np.isfinite(percent)
    times_h, percent = times_h[counts], percent[counts]
    found = float(pharmacology.d50_time_h(times_h, percent))
    if not np.isfinite(found):
        return None
    # Between the first two times the fall has no shape: any time up to the second is possible.
    if found < times_h[1]:
        return Reading("D50", np.nan, 50.0, half_before=float(times_h[1]))
    return Reading("D50", found, 50.0)
