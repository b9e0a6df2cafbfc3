"""From a figure of a configuration to a drawn one: which function of `plot` draws which kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protacsim.cli.tables import HEADINGS
from protacsim.config import Figure
from protacsim.study import DOSE, Study

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure as MatplotlibFigure

    from protacsim.network import Network

MOST_NETWORKS = 3
Draw = Callable[["xr.Dataset", Figure, Study], "MatplotlibFigure"]


def drawn(data: xr.Dataset, figure: Figure, study: Study, results: Path) -> MatplotlibFigure:
    """Draw one figure of a configuration from a result, its study and the folder of results."""
    if figure.kind == "sensitivity":
        return _sensitivity(data, figure, results)
    return DRAW[figure.kind](data, figure, study)


def _sensitivity(data: xr.Dataset, figure: Figure, results: Path) -> MatplotlibFigure:
    from protacsim import plot
    from protacsim.cli.sensitivity import read_indices

    told = {key: data.attrs[key] for key in ("title", "unverified", "hypothetical")}
    found = [each.assign_attrs(told) for each in read_indices(results)]
    return plot.sensitivity(found, width_mm=figure.width_mm, select=dict(figure.select))


def _heatmap(data: xr.Dataset, figure: Figure, _: Study) -> MatplotlibFigure:
    from protacsim import plot

    return plot.heatmap(
        data,
        figure.rows[0],
        x=figure.x or DOSE,
        y=str(figure.y),
        columns=figure.columns,
        time_h=figure.time_h,
        width_mm=figure.width_mm,
        select=dict(figure.select),
    )


def _dose_response(data: xr.Dataset, figure: Figure, _: Study) -> MatplotlibFigure:
    from protacsim import plot

    return plot.dose_response_grid(
        data,
        figure.rows,
        columns=figure.columns,
        hue=figure.hue,
        time_h=figure.time_h,
        width_mm=figure.width_mm,
        select=dict(figure.select),
        points=_points(figure) if figure.points else None,
        fit=figure.fit,
    )


def _time_course(data: xr.Dataset, figure: Figure, _: Study) -> MatplotlibFigure:
    from protacsim import plot

    return plot.time_course_grid(
        data,
        figure.rows,
        columns=figure.columns,
        hue=figure.hue,
        width_mm=figure.width_mm,
        select=dict(figure.select),
    )


def _sheet(name: str, data: xr.Dataset, figure: Figure, study: Study) -> MatplotlibFigure:
    """Draw a kind whose function takes what can be chosen by the same names."""
    from protacsim import pharmacology, plot
    from protacsim.config import FIGURES

    given: dict[str, Any] = {
        "columns": figure.columns,
        "hue": figure.hue,
        "time_h": figure.time_h,
        "select": dict(figure.select),
    }
    chosen = {key: value for key, value in given.items() if key in FIGURES[figure.kind]}
    if name == "ternary_bell":
        chosen["peaks"] = pharmacology.ternary_peaks(study)
    rows = (figure.rows,) if "rows" in FIGURES[figure.kind] else ()
    sheet: Callable[..., MatplotlibFigure] = getattr(plot, f"{name}_sheet")
    return sheet(data, *rows, width_mm=figure.width_mm, **chosen)


def _observed_vs_predicted(data: xr.Dataset, figure: Figure, _: Study) -> MatplotlibFigure:
    from protacsim import pharmacology, plot

    table = pharmacology.compared(data, _points(figure))
    tables = [
        (_quantity(str(quantity)), str(rows["unit"].iloc[0]), rows)
        for quantity, rows in table.groupby("quantity", sort=False)
    ]
    return plot.observed_vs_predicted_sheet(data, tables, width_mm=figure.width_mm)


def _quantity(name: str) -> str:
    """DC50 for dc50_relative_nM: the heading of its column without the unit."""
    return HEADINGS.get(name, name.replace("_", " ")).partition(" (")[0]


def _points(figure: Figure) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([*figure.points])


def _network(_: xr.Dataset, figure: Figure, study: Study) -> MatplotlibFigure:
    from protacsim import plot

    found = networks(study, dict(figure.select))
    return plot.network_sheet(
        found[:MOST_NETWORKS], width_mm=figure.width_mm, left_out=len(found[MOST_NETWORKS:])
    )


def networks(study: Study, select: dict[str, Any]) -> list[Network]:
    """Networks of a study that differ in their reactions, each under the name of its first run."""
    from protacsim.mechanisms import build_network

    found: dict[tuple[str, ...], Network] = {}
    for combination in study.combinations:
        axes = {axis.path: axis for axis in study.axes if axis.dim in combination.index}
        at = {path: axis.coordinate[combination.index[axis.dim]] for path, axis in axes.items()}
        if all(at.get(path, value) == value for path, value in select.items()):
            net = build_network(combination.scenario, combination.varied)
            found.setdefault(tuple(map(str, net.reactions)), net)
    return list(found.values())


DRAW: dict[str, Draw] = {
    "dose-response": _dose_response,
    "time-course": _time_course,
    "allele-shift": partial(_sheet, "allele_shift"),
    "occupancy-vs-degradation": partial(_sheet, "occupancy_vs_degradation"),
    "ternary-bell": partial(_sheet, "ternary_bell"),
    "species-flow": partial(_sheet, "species_flow"),
    "observed-vs-predicted": _observed_vs_predicted,
    "network": _network,
    "heatmap": _heatmap,
    "single-cell": partial(_sheet, "single_cell"),
}
