"""The sheet of a fit draws the fitted curves, each beside its own measurements, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

import protacsim as ps
from protacsim.errors import ParameterError

DOSE = "compound.dose_nM"
DOSES = np.geomspace(0.1, 1e5, 7)


def fit(places, times=(24.0,), observables=("target_total",)):
    """The two Datasets of a fit, made up: every number says which curve it belongs to.

    `places` are the names of each curve; doses 3 and 30 nM are measured at each, 300 nM at the
    first one only.
    """
    doses = np.sort([*DOSES, 3.0, 30.0, 300.0])
    shape = (len(places), doses.size, len(times))
    values = 90.0 - 5.0 * np.arange(np.prod(shape[::2])).reshape(shape[0], 1, shape[2])
    values = np.broadcast_to(values, shape).copy() - 2.0 * np.log10(doses)[None, :, None]
    values[1:, doses == 300.0] = np.nan
    variables = {}
    for k, name in enumerate(observables):
        for end, shift in (("", 0.0), ("_low", -1.5), ("_high", 1.5)):
            attrs = {"units": "%", "long_name": f"{name}, fitted", "relative_to": "vehicle"}
            variables[f"{name}_percent{end}"] = (
                ("curve", DOSE, "time_h"), values - 40.0 * k + shift, attrs
            )  # fmt: skip
    names = {n: ("curve", [place[n] for place in places]) for n in places[0]}
    coords = names | {"curve": range(len(places)), DOSE: doses, "time_h": list(times)}
    curves = xr.Dataset(variables, coords=coords, attrs={"title": "Made up"})
    rows = [
        (place, time, dose, name)
        for name in observables
        for i, place in enumerate(places)
        for time in times
        for dose in ((3.0, 30.0, 300.0) if i == 0 else (3.0, 30.0))
    ]
    measured = [
        float(curves[f"{name}_percent"].sel({DOSE: d, "time_h": t})[places.index(p)]) + 0.5
        for p, t, d, name in rows
    ]
    along = {n: ("measurement", [p[n] for p, *_ in rows]) for n in places[0]}
    found = xr.Dataset(
        {
            "estimate": ("parameter", [1.0]),
            "measured": ("measurement", measured),
            "predicted": ("measurement", measured),
            "residual": ("measurement", np.zeros(len(rows))),
            "sd": ("measurement", np.full(len(rows), 4.0)),
            "time_h": ("measurement", [t for _, t, _, _ in rows]),
        },
        coords={
            "parameter": ["cell.volume_pL"],
            "quantity": ("measurement", [f"{n}_percent" for *_, n in rows]),
            "operator": ("measurement", ["="] * len(rows)),
            DOSE: ("measurement", [d for _, _, d, _ in rows]),
            **along,
        },
        attrs={"level": 0.9},
    )
    return curves, found


def curves_in(ax):
    """The drawn curves of a panel by colour: what is not a mark, a reference or a measurement."""
    return {
        to_hex(line.get_color()): line
        for line in ax.get_lines()
        if not line.get_label().startswith("_") or line.get_label() == "_curve"
    }


def at(line, doses):
    """Values of a line at its points, which are among those drawn."""
    places = [np.argmin(np.abs(line.get_xdata() - dose)) for dose in doses]
    np.testing.assert_allclose(line.get_xdata()[places], doses)
    return line.get_ydata()[places]


def points_in(ax):
    return {
        to_hex(line.get_color()): line
        for line in ax.get_lines()
        if line.get_label().startswith("_measured")
    }


def look(line):
    return to_hex(line.get_color()), str(line._dash_pattern)


def bars_in(ax):
    """How many error bars have a length."""
    segments = [
        s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()
    ]
    return sum(bool(len(s) and np.isfinite(s).all() and np.ptp(s[:, 1]) > 0.0) for s in segments)


def caption_of(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_every_line_is_its_curve_and_has_its_own_points():
    places = [{"target.allele": "WT"}, {"target.allele": "C481S"}]
    curves, found = fit(places, times=(4.0, 24.0))
    (ax,) = (figure := ps.plot.fit_sheet(curves, found)).axes
    lines, points = curves_in(ax), points_in(ax)
    assert [line.get_label() for line in lines.values()] == [
        "WT, 4 h", "WT, 24 h", "C481S, 4 h", "C481S, 24 h",
    ]  # fmt: skip
    assert lines.keys() == points.keys()
    for colour, line in lines.items():
        allele, time = line.get_label().split(", ")
        one = curves["target_total_percent"].sel(time_h=float(time.removesuffix(" h")))
        one = one[["WT", "C481S"].index(allele)].dropna(DOSE)
        np.testing.assert_allclose(at(line, one[DOSE].values), one)
        assert line.get_xdata()[[0, -1]] == pytest.approx(one[DOSE].values[[0, -1]])
        doses = points[colour].get_xdata()
        np.testing.assert_array_equal(doses, [3.0, 30.0, 300.0] if allele == "WT" else [3.0, 30.0])
        np.testing.assert_allclose(points[colour].get_ydata(), one.sel({DOSE: doses}) + 0.5)
    assert "All at 4, 24 h. Bands: 90" in caption_of(figure).replace("\N{NO-BREAK SPACE}", " ")


def test_what_is_not_drawn_is_named_and_an_assumed_error_has_no_bar():
    curves, found = fit([{"target.allele": "WT"}])
    given = ps.plot.fit_sheet(curves, found)
    assert "not drawn" not in caption_of(given)
    assert "assumed" not in caption_of(given)
    assert bars_in(given.axes[0]) == 3
    rows = found.isel(measurement=[0, 1, 2, 0, 1]).copy(deep=True)
    rows["quantity"].values[3:] = ["dc50_relative_nM", "dmax_percent"]
    rows[DOSE].values[3:] = np.nan
    rows = rows.assign_coords(sd_assumed=("measurement", [True] * 5))
    figure = ps.plot.fit_sheet(curves, rows)
    said = caption_of(figure).replace("\N{NO-BREAK SPACE}", " ")
    assert "Fitted, not drawn: measured DC50 (1), Dmax (1)." in said
    assert "Points without bars: error assumed." in said
    assert bars_in(figure.axes[0]) == 0
    assert len(points_in(figure.axes[0])) == 1


def test_a_dose_that_only_another_curve_has_leaves_no_gap():
    curves, found = fit([{"target.allele": "WT"}, {"target.allele": "C481S"}])
    (ax,) = ps.plot.fit_sheet(curves, found).axes
    drawn = {line.get_label(): line for line in curves_in(ax).values()}
    assert len(drawn) == 2
    assert all(np.isfinite(line.get_ydata()).all() for line in drawn.values())


def test_treatments_are_columns_and_observables_rows():
    places = [
        {"treatment": treatment, "target.allele": allele}
        for treatment in ("MT-802", "P13I")
        for allele in ("WT", "C481S")
    ]
    figure = ps.plot.fit_sheet(*fit(places, observables=("target_total", "ternary")))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["MT-802", "P13I", "", ""]
    for ax, level in zip(figure.axes, (90.0, 80.0, 50.0, 40.0), strict=True):
        lines = list(curves_in(ax).values())
        assert [line.get_label() for line in lines] == ["WT", "C481S"]
        assert [at(line, [3.0])[0] for line in lines] == pytest.approx(
            [level - 2 * np.log10(3.0), level - 5.0 - 2 * np.log10(3.0)]
        )
        assert points_in(ax).keys() == curves_in(ax).keys()


def test_a_panel_with_some_of_the_curves_draws_them_as_the_legend_says():
    places = [
        {"treatment": treatment, "target.allele": allele}
        for treatment in ("MT-802", "P13I")
        for allele in ("C481S", "WT")
    ]
    curves, found = fit(places, times=(4.0, 24.0))
    spare = (found["treatment"] == "P13I") & (found["time_h"] == 4.0)
    figure = ps.plot.fit_sheet(curves, found.isel(measurement=np.flatnonzero(~spare)))
    entries = {line.get_label(): look(line) for line in figure.legends[0].get_lines()}
    drawn = [list(curves_in(ax).values()) for ax in figure.axes]
    assert [len(lines) for lines in drawn] == [4, 2]
    for line in (line for lines in drawn for line in lines):
        assert look(line) == entries[line.get_label()]


def test_a_treatment_that_lacks_an_observable_has_an_empty_panel():
    places = [{"treatment": "MT-802"}, {"treatment": "P13I"}]
    curves, found = fit(places, observables=("target_total", "ternary"))
    for end in ("", "_low", "_high"):
        curves[f"ternary_percent{end}"][1] = np.nan
    here = (found["treatment"] == "P13I") & (found["quantity"] == "ternary_percent")
    figure = ps.plot.fit_sheet(curves, found.isel(measurement=np.flatnonzero(~here)))
    assert [len(curves_in(ax)) for ax in figure.axes] == [1, 1, 1, 0]
    assert "Not drawn (the curve): ternary, fitted, P13I" in caption_of(figure)


def test_limits_are_triangles_and_potencies_are_not_drawn():
    curves, found = fit([{"target.allele": "WT"}])
    found["operator"][0] = "<"
    found[DOSE][1] = np.nan
    figure = ps.plot.fit_sheet(curves, found)
    (ax,) = figure.axes
    (points,) = points_in(ax).values()
    np.testing.assert_array_equal(points.get_xdata(), [300.0])
    (limit,) = [ln for ln in ax.get_lines() if ln.get_label() == "_limit < "]
    np.testing.assert_array_equal(limit.get_xdata(), [3.0])
    assert "the value lies where they point." in caption_of(figure)


def test_a_fit_to_potencies_alone_shows_its_curve():
    curves, found = fit([{"target.allele": "WT"}])
    found[DOSE][:] = np.nan
    figure = ps.plot.fit_sheet(curves, found)
    assert len(curves_in(figure.axes[0])) == 1
    assert "measured" not in [t.get_text() for t in figure.legends[0].get_texts()]


def test_a_fit_that_misses_the_data_says_that_its_bands_do_not_hold():
    curves, found = fit([{"target.allele": "WT"}])
    assert "do not hold" not in caption_of(ps.plot.fit_sheet(curves, found))
    found.attrs |= {"misses_data": 1, "cost": 26.13, "degrees_of_freedom": 3}
    said = caption_of(ps.plot.fit_sheet(curves, found))
    assert "do not hold: the sum of squares is 26.13 where about 3 would be expected." in said


def test_what_is_no_fit_is_refused():
    curves, found = fit([{"target.allele": "WT"}])
    for wrong in ((found, curves), (curves, curves)):
        with pytest.raises(ParameterError, match=r"both Datasets of protacsim\.fitting\.fitted"):
            ps.plot.fit_sheet(*wrong)
