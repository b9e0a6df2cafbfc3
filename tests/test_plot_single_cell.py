"""Figures of single cells: quantiles and fractions as drawn, their units, and room for words."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from protacsim import plot
from protacsim.errors import ParameterError
from test_plot import caption_of, cut_off, line, overlaps, rendered
from test_plot_figures import check_units

DOSE, ALLELE = "compound.dose_nM", "target.allele"
TIMES_H = np.array([0.0, 4.0, 12.0, 24.0, 48.0])
DOSES_NM = np.array([1.0, 10.0, 100.0, 1000.0])
WIDTHS_MM = (85.0, 180.0)


def cells(*, doses: bool) -> xr.Dataset:
    """200 log-normal cells of two treatments and alleles that lose with time, and with dose."""
    dims = ("treatment", ALLELE, *([DOSE] if doses else []), "replicate", "time_h")
    shape = (2, 2, *([len(DOSES_NM)] if doses else []), 200, len(TIMES_H))
    draws = np.exp(0.4 * np.random.default_rng(6).normal(size=shape))
    strength = DOSES_NM[:, None, None] / 100.0 if doses else 1.0
    percent = 100.0 * draws * np.exp(-0.1 * strength * TIMES_H)
    percent[1] = 100.0 * draws[1]
    named = {"long_name": "total BTK"}
    data = xr.Dataset(
        {
            "target_total": (dims, 0.2 * percent, named | {"units": "nM"}),
            "target_total_percent": (
                dims, percent, named | {"units": "%", "relative_to": "vehicle"}
            ),
            "status": (dims[:-1], np.zeros(shape[:-1], np.int8)),
        },
        {
            "treatment": ["MT-802", "ibrutinib"],
            ALLELE: ["WT", "C481S"],
            "replicate": np.arange(200),
            "time_h": TIMES_H,
        },
        {"title": "Single cells", "relative_to": "vehicle", "method": "LNA(rtol=0.001)"},
    )  # fmt: skip
    return data.assign_coords({DOSE: (DOSE, DOSES_NM, {"units": "nM"})}) if doses else data


def quantiles(data: xr.Dataset, allele: str, **at: float) -> np.ndarray:
    """5, 25, 50, 75 and 95 % over cells of MT-802, by numpy."""
    values = data["target_total_percent"].sel(treatment="MT-802", **{ALLELE: allele}, **at)
    return np.quantile(values.values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=-2 if not at else -1)


@pytest.mark.parametrize("allele", ["WT", "C481S"])
def test_a_fan_is_the_quantiles_of_the_cells(allele: str) -> None:
    data = cells(doses=False)
    ax = plot.single_cell(data, select={"treatment": "MT-802"})
    expected = quantiles(data, allele)
    np.testing.assert_array_equal(line(ax, allele).get_xdata(), TIMES_H)
    np.testing.assert_allclose(line(ax, allele).get_ydata(), expected[2])
    for label, low, high in (("5-95 %", 0, 4), ("25-75 %", 1, 3)):
        (band,) = [c for c in ax.collections if c.get_label() == f"_{label} of cells {allele}"]
        drawn = band.get_paths()[0].vertices
        for k, time in enumerate(TIMES_H):
            at = drawn[drawn[:, 0] == time, 1]
            assert at.min() == pytest.approx(expected[low, k])
            assert at.max() == pytest.approx(expected[high, k])
    assert ax.get_ylim()[1] > quantiles(data, "C481S").max()
    assert ax.get_ylabel() == "total BTK\n(% of vehicle)"
    assert ax.get_xlabel() == "time (h)"


@pytest.mark.parametrize("allele", ["WT", "C481S"])
def test_bars_at_every_dose_are_the_quantiles_of_the_cells(allele: str) -> None:
    data = cells(doses=True)
    ax = plot.single_cell(data, time_h=24.0, select={"treatment": "MT-802"})
    expected = quantiles(data, allele, time_h=24.0)
    np.testing.assert_allclose(line(ax, allele).get_ydata(), expected[2])
    for label, low, high in (("5-95 %", 0, 4), ("25-75 %", 1, 3)):
        (bars,) = [c for c in ax.collections if c.get_label() == f"_{label} of cells {allele}"]
        ends = np.array([path.vertices[:, 1] for path in bars.get_paths()])
        np.testing.assert_allclose(ends, expected[[low, high]].T)
    shift = np.log10(line(ax, "C481S").get_xdata() / line(ax, "WT").get_xdata())
    np.testing.assert_allclose(shift, shift[0])
    assert 0.0 < shift[0] < 0.5  # doses are a power of ten apart


def test_the_fraction_counts_cells_below_ten_percent() -> None:
    data = cells(doses=True)
    data["target_total_percent"][0, 0, 0, :50] = np.nan  # failed cells are no cells
    ax = plot.single_cell(data, show="fraction", time_h=24.0, select={"treatment": "MT-802"})
    values = data["target_total_percent"].sel({"treatment": "MT-802", ALLELE: "WT"}).values[..., 3]
    expected = [100.0 * np.mean(row[np.isfinite(row)] < 10.0) for row in values]
    np.testing.assert_allclose(line(ax, "WT").get_ydata(), expected)
    assert 0.0 < max(expected) <= 100.0
    assert ax.get_ylabel() == "> 90 % loss of total BTK\n(% of cells)"
    assert ax.get_xlabel() == "dose (nM)"


@pytest.mark.parametrize("width_mm", WIDTHS_MM)
@pytest.mark.parametrize("doses", [False, True])
def test_texts_of_a_sheet_do_not_touch(doses: bool, width_mm: float) -> None:
    data = cells(doses=doses)
    figure = plot.single_cell_sheet(
        data, time_h=24.0 if doses else None, columns="treatment", width_mm=width_mm
    )
    assert len(figure.axes) == (4 if doses else 2)
    assert not overlaps(rendered(figure))
    assert not cut_off(figure)
    assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)
    check_units(figure)
    said = caption_of(figure)
    assert "200 cells of each kind by the linear noise approximation." in said
    assert "100 %: mean vehicle cell." in said
    assert ("All at 24 h" in said) == doses


@pytest.mark.parametrize("doses", [False, True])
def test_one_cell_has_no_spread(doses: bool) -> None:
    data = cells(doses=doses).isel(replicate=[0])
    time_h = 24.0 if doses else None
    figure = rendered(plot.single_cell_sheet(data, time_h=time_h, columns="treatment"))
    said = caption_of(figure)
    assert (
        "1 cell of each kind by the linear noise approximation. 100 %: mean vehicle cell." in said
    )
    assert not {"bands", "bars", "median"} & set(said.split())
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text for text in legend if text.strip()] == ["WT", "C481S"]
    ax = figure.axes[0]
    only = data["target_total_percent"].sel(treatment="MT-802", **{ALLELE: "WT"}).isel(replicate=0)
    np.testing.assert_allclose(line(ax, "WT").get_ydata(), only.values[:, 3] if doses else only)
    assert not [each for each in ax.collections if "% of cells" in str(each.get_label())]
    assert ax.get_ylim()[1] > float(data["target_total_percent"].sel(treatment="MT-802").max())


@pytest.mark.parametrize(
    ("factor", "unit"), [(1e-4, "10⁻³ nM"), (1.0, "nM"), (1e4, "10³ nM"), (1e7, "10⁶ nM")]
)
def test_amounts_of_any_size_fit_beside_a_sheet(factor: float, unit: str) -> None:
    data = cells(doses=False).drop_vars("target_total_percent")
    data["target_total"] = (factor * data["target_total"]).assign_attrs(data["target_total"].attrs)
    figure = rendered(plot.single_cell_sheet(data, columns="treatment"))
    assert not cut_off(figure)
    first = figure.axes[0]
    assert first.get_ylabel() == f"total BTK\n({unit})"
    power = {"10⁻³ nM": 1e-3, "nM": 1.0, "10³ nM": 1e3, "10⁶ nM": 1e6}[unit]
    texts = [label.get_text().replace("\N{MINUS SIGN}", "-") for label in first.get_yticklabels()]
    np.testing.assert_allclose(
        power * np.array(texts, float), first.get_yticks(), atol=1e-12 * power
    )


@pytest.mark.parametrize("show", ["spread", "fraction"])
def test_texts_of_a_panel_do_not_touch(show: str) -> None:
    ax = plot.single_cell(cells(doses=False), show=show, select={"treatment": "MT-802"})
    figure = rendered(ax.figure)
    assert not overlaps(figure)
    assert not cut_off(figure)
    check_units(figure)


def test_axes_given_are_used() -> None:
    ax = Figure().add_subplot()
    assert plot.single_cell(cells(doses=False), select={"treatment": "MT-802"}, ax=ax) is ax


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (cells(doses=False).isel(replicate=0), {}, "no cells to show"),
        (cells(doses=False), {"show": "both"}, "show is 'both'"),
        (cells(doses=False), {}, "more dims than one panel shows"),
        (cells(doses=False), {"time_h": 24.0}, "one dim of them"),
        (
            cells(doses=False).drop_vars("target_total_percent"),
            {"show": "fraction"},
            "set relative_to",
        ),
        (cells(doses=False), {"observable": "ternary"}, "no observable 'ternary'"),
    ],
)
def test_what_cannot_be_drawn_says_why(data: xr.Dataset, options: dict, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        plot.single_cell(data, **options)
