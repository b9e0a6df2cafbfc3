"""Measured points beside the curves of a panel, and descriptive fits through either.

The fits themselves are the work of `protacsim.pharmacology`; the points are handed in as a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import style
from protacsim.plot.curves import Curve, Panel
from protacsim.plot.drawing import looks
from protacsim.plot.selection import same
from protacsim.study import DOSE
from protacsim.study.names import MEASUREMENT_COLUMNS
from protacsim.units import PERCENT_IN

if TYPE_CHECKING:
    import pandas as pd

    from protacsim.pharmacology import Fit

Floats = NDArray[np.float64]
Form = Literal["hill", "bell"]
FORMS: Mapping[str, str] = {"hill": "Hill fit", "bell": "hook fit (bell)"}
DOTTED = (0.0, (1.0, 1.2))
OWN_COLUMNS = (*MEASUREMENT_COLUMNS, "low", "high")
MOST_FITS_NAMED = 6
ON_VEHICLE, FULL = "% of vehicle", 100.0
"""Unit of panels whose curves begin at a known value by definition, and that value."""
LIMIT_MARKERS = {"<": "v", ">": "^"}
LIMIT = "limit (points to the value)"
LIMITS_SAID = "Open triangles: limits; the value lies where they point"


@dataclass(frozen=True)
class Points:
    """Measured values of one curve: doses in nM, values and bounds in the panel's unit.

    `operators` are "=", or "<" and ">" for limits, which have no bounds.
    """

    x: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    operators: NDArray[np.str_]

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which are values, not limits."""
        return np.asarray(self.operators == "=")


@dataclass(frozen=True)
class Overlay:
    """One entry per curve of a panel; without points `points` is empty, without a fit `fits`."""

    points: tuple[Points, ...] = ()
    fits: tuple[Fit, ...] = ()
    form: Form | None = None


def read_overlay(
    panel: Panel, table: pd.DataFrame | xr.Dataset | None, form: Form | None
) -> Overlay:
    """Take the points that belong to each curve, and fit each of them, or else the curve.

    Raises
    ------
    ParameterError
        When the table lacks the columns of doses or values, has one that the Dataset does not
        know, or the fit is unknown.
    """
    if form is not None and form not in FORMS:
        raise ParameterError(f"plot: fit is {form!r}; allowed are {', '.join(FORMS)}.")
    points = () if table is None else _points(panel, _plain(table))
    if form is None:
        return Overlay(points)
    top = FULL if panel.unit == ON_VEHICLE else None
    described = [
        _described(curve, points[i] if points else None) for i, curve in enumerate(panel.curves)
    ]
    return Overlay(points, tuple(_fit(form, x, value, top) for x, value in described), form)


def _described(curve: Curve, points: Points | None) -> tuple[Floats, Floats]:
    """Doses and values that a fit describes: the measured values, else the curve."""
    if points is None or not points.exact.any():
        return curve.x, curve.value
    used = points.exact & (points.x > 0.0)
    return points.x[used], points.value[used]


def _fit(form: Form, doses_nM: Floats, values: Floats, top: float | None) -> Fit:
    from protacsim import pharmacology

    fit = pharmacology.fit_hill if form == "hill" else pharmacology.fit_bell
    return fit(doses_nM, values, top)


def _plain(table: pd.DataFrame | xr.Dataset) -> pd.DataFrame:
    return table.to_dataframe().reset_index() if isinstance(table, xr.Dataset) else table


def _points(panel: Panel, table: pd.DataFrame) -> tuple[Points, ...]:
    for needed in (DOSE, "value"):
        if needed not in table:
            raise ParameterError(
                f"plot: points have no column {needed!r}; they need {DOSE!r} in nM and 'value', "
                "and may have quantity, sd, or low and high, and columns named as axes."
            )
    known = {*OWN_COLUMNS, panel.hue, *dict(panel.fixed)}
    unknown = [str(name) for name in table if name not in known]
    if unknown:
        raise ParameterError(
            f"plot: points have a column {unknown[0]!r}, which is no axis of the result; "
            f"allowed are {', '.join(sorted(known - {''}))}."
        )
    rows = _here(panel, table)
    return tuple(_of_curve(curve, rows, panel.hue, panel.unit) for curve in panel.curves)


def _here(panel: Panel, table: pd.DataFrame) -> pd.DataFrame:
    """Rows that belong to the panel: its quantity, treatment, time and so on."""
    drawn = f"{panel.observable}_percent" if panel.is_percent else panel.observable
    wanted = {"quantity": drawn, **dict(panel.fixed)}
    for name, value in wanted.items():
        if name in table and name != panel.hue:
            table = table[_equal(table[name], value)]
    return table


def left_out(panels: Sequence[Panel], table: pd.DataFrame | xr.Dataset | None) -> str:
    """How many measured values belong to no curve that is drawn."""
    if table is None:
        return ""
    rows = _plain(table).reset_index(drop=True)
    seen: set[int] = set()
    for panel in panels:
        here = _here(panel, rows)
        for curve in panel.curves:
            own = _of_same(curve, here, panel.hue)
            seen.update(own.index[own[DOSE].notna() & own["value"].notna()])
    missing = len(rows) - len(seen)
    if not missing:
        return ""
    return f"Not drawn: {missing} of {len(rows)} measurements, of other times, curves or quantities"


def _of_same(curve: Curve, rows: pd.DataFrame, hue: str) -> pd.DataFrame:
    return rows[_equal(rows[hue], curve.key)] if hue in rows and curve.key is not None else rows


def _equal(entries: Iterable[Any], wanted: Any) -> NDArray[np.bool_]:
    return np.array([same(entry, wanted) for entry in entries], np.bool_)


def _of_curve(curve: Curve, rows: pd.DataFrame, hue: str, unit: str) -> Points:
    rows = _of_same(curve, rows, hue)
    factor = _factors(rows, unit)
    x, value = rows[DOSE].to_numpy(np.float64), _column(rows, "value") * factor
    error = _column(rows, "sd") * factor
    low = _column(rows, "low") * factor if "low" in rows else value - error
    high = _column(rows, "high") * factor if "high" in rows else value + error
    operators = operators_of(rows)
    low, high = (np.where(operators == "=", bound, np.nan) for bound in (low, high))
    used = (x >= 0.0) & np.isfinite(value)
    return Points(x[used], value[used], low[used], high[used], operators[used])


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(np.float64) if name in rows else np.full(len(rows), np.nan)


def _factors(rows: pd.DataFrame, unit: str) -> Floats:
    """What turns each row's unit into that of the panel; a row without a unit has the panel's."""
    wanted = unit.partition(" of ")[0]
    known = PERCENT_IN if wanted == "%" else {wanted: 1.0}
    given = rows["unit"] if "unit" in rows else [wanted] * len(rows)
    stated = [each.strip() if isinstance(each, str) and each.strip() else wanted for each in given]
    for found in stated:
        if found not in known:
            raise ParameterError(
                f"plot: points have the unit {found!r}; this figure takes {', '.join(known)}."
            )
    return np.array([known[found] for found in stated])


def operators_of(table: Any) -> NDArray[np.str_]:
    """Return "<" or ">" for each row of a table that is a limit, "=" for all others."""
    from protacsim.pharmacology import operator_of

    size = np.size(table["value" if "value" in table else "measured"])
    given = np.ravel(table["operator"]) if "operator" in table else np.full(size, "=")
    return np.array([operator_of(each) for each in given], np.str_)


def draw_overlay(ax: Axes, panel: Panel, overlay: Overlay, vehicle: float) -> None:
    """Draw points with their bars, and fits as dotted lines with a cross at the fitted DC50.

    `vehicle` is the place of dose 0.
    """
    for i, (curve, look) in enumerate(zip(panel.curves, looks(panel), strict=True)):
        if overlay.points:
            points = overlay.points[i]
            placed = replace(points, x=np.where(points.x > 0.0, points.x, vehicle))
            _draw_points(ax, placed, curve, look)
        if overlay.fits:
            _draw_fit(ax, overlay.fits[i], curve, look)


def _draw_points(ax: Axes, points: Points, curve: Curve, look: style.Look) -> None:
    low, high = (np.where(np.isfinite(b), b, points.value) for b in (points.low, points.high))
    ax.vlines(points.x, low, high, color=look.colour, linewidth=0.7, zorder=3.4)
    ax.plot(
        points.x[points.exact], points.value[points.exact], linestyle="none", marker=look.marker,
        markersize=3.6, color=look.colour, zorder=3.5, label=f"_measured {curve.name}",
    )  # fmt: skip
    draw_limits(ax, points.x, points.value, points.operators, LIMIT_MARKERS, look, curve.name)
    highest = float(high.max(initial=0.0))
    if 1.08 * highest > ax.get_ylim()[1]:
        ax.set_ylim(top=1.08 * highest)


def draw_limits(
    ax: Axes,
    x: Floats,
    y: Floats,
    operators: NDArray[np.str_],
    markers: Mapping[str, str],
    look: style.Look,
    name: str,
) -> None:
    """Draw the points that are limits as open triangles, those of `markers`."""
    for operator, marker in markers.items():
        own = operators == operator
        ax.plot(
            x[own], y[own], linestyle="none", marker=marker, markersize=4.6, color=look.colour,
            markerfacecolor="white", label=f"_limit {operator} {name}", zorder=3.6,
        )  # fmt: skip


def _draw_fit(ax: Axes, fit: Fit, curve: Curve, look: style.Look) -> None:
    if fit.reason:
        return
    doses = np.geomspace(*fit.doses_nM, 201)
    ax.plot(
        doses, fit.at(doses), color=look.colour, linestyle=DOTTED, linewidth=1.0, zorder=3.2,
        label=f"_fit {curve.name}",
    )  # fmt: skip
    ax.plot(
        [fit.dc50_nM], fit.at([fit.dc50_nM]), linestyle="none", marker="x", markersize=4.6,
        color=look.colour, zorder=4.1, label=f"_fitted DC50 {curve.name}",
    )  # fmt: skip


def overlay_keys(overlays: Sequence[Overlay]) -> list[Artist]:
    """Return legend entries for what is laid over the curves."""
    keys: list[Artist] = []
    quiet: dict[str, Any] = {"color": style.TEXT_COLOUR, "linestyle": "none"}
    if any(points.x.size for own in overlays for points in own.points):
        keys.append(Line2D([], [], marker="o", markersize=3.6, label="measured", **quiet))
    if any(_has_limits(own) for own in overlays):
        keys.append(limit_key("v"))
    for form in dict.fromkeys(own.form for own in overlays if own.form):
        keys.append(Line2D([], [], color=style.TEXT_COLOUR, linestyle=DOTTED, label=FORMS[form]))
        keys.append(Line2D([], [], marker="x", markersize=4.6, label="fitted DC50", **quiet))
    return keys


def _has_limits(overlay: Overlay) -> bool:
    return any(not points.exact.all() for points in overlay.points)


def limit_key(marker: str) -> Artist:
    """Return the legend entry of limits."""
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=4.6, color=style.TEXT_COLOUR,
        markerfacecolor="white", label=LIMIT,
    )  # fmt: skip


def overlay_sentences(panels: Sequence[Panel], overlays: Sequence[Overlay]) -> list[str]:
    """Say what the fits found; of many curves only that they describe and explain nothing."""
    found = [
        (panel, curve, fit)
        for panel, own in zip(panels, overlays, strict=True)
        for curve, fit in zip(panel.curves, own.fits, strict=False)
    ]
    limits = [LIMITS_SAID] if any(_has_limits(own) for own in overlays) else []
    if not found:
        return limits
    sentences = [
        *limits,
        "Dotted: a form fitted by least squares, which describes the curve and explains nothing"
        + ("; limits are left out" if limits else ""),
    ]
    if len(found) <= MOST_FITS_NAMED:
        sentences += [
            f"{_whose(panel, curve)}: {fit_text(fit)}{_back(fit)}" for panel, curve, fit in found
        ]
    return sentences


def _whose(panel: Panel, curve: Curve) -> str:
    return " ".join(filter(None, (panel.title, curve.name))) or "Fit"


def fit_text(fit: Fit) -> str:
    """Write the numbers of a fit: "DC50 12 nM, Dmax 91 %, slope 1.0".

    A curve that does not begin at 100 % loses so much of where it begins: "loss 38 of 43".
    """
    if fit.reason:
        return f"no {FORMS[fit.form]} ({fit.reason.value.replace('_', ' ')})"
    numbers = [_loss(fit), f"slope {fit.parameters['slope']:.2g}"]
    if np.isfinite(fit.dc50_nM):
        numbers.insert(0, f"DC50 {style.dose_text(fit.dc50_nM)}")
    return ", ".join(numbers)


def _loss(fit: Fit) -> str:
    top, loss = fit.parameters["top"], fit.dmax_percent
    return f"Dmax {loss:.0f} %" if top == FULL else f"loss {loss:.3g} of {top:.3g}"


def _back(fit: Fit) -> str:
    back = fit.parameters.get("back_nM", np.inf)
    within = back <= fit.doses_nM[1]
    return f", half of it lost again around {style.dose_text(back)}" if within else ""
