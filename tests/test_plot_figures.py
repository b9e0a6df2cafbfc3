"""The further figures: each draws the numbers it was given, and every text can be read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import protacsim as ps
from protacsim import pharmacology, plot
from protacsim.errors import ParameterError
from protacsim.plot.graph import read_graph
from protacsim.plot.shift import read_shift
from test_plot import (
    ALLELES,
    DEGRADERS,
    DOSES_NM,
    INHIBITORS,
    caption_of,
    cut_off,
    hook,
    labels,
    line,
    make_data,
    one_treatment,
    overlaps,
    rendered,
    total_and_free,
)

WIDTHS_MM = (85.0, 180.0)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    """Totals and unoccupied target from closed forms; a ternary complex of the lumped hook form."""
    found = make_data()
    shape = found["target_total"].shape
    ternary = np.zeros(shape)
    for i, (_, alleles) in enumerate(DEGRADERS.items()):
        for j, (_, kd_target, kd_ligase) in enumerate(alleles):
            ternary[i, j] = 3.0 * hook(DOSES_NM, kd_target, kd_ligase)[:, None]
    dims = found["target_total"].dims
    attrs = {"long_name": "ternary complex", "units": "nM"}
    found["ternary"] = (dims, ternary, attrs)
    found["ternary_percent"] = (dims, np.full(shape, np.nan), {"units": "%"})
    for name, factor in (("degraded", 0.5), ("turned_over", 0.02)):
        flux = {"long_name": f"BTK {name.replace('_', ' ')}", "units": "nM/h"}
        found[name] = (dims, factor * ternary, flux)
    found["target_total"] = found["target_total"] + found["ternary"]
    found["target_total"].attrs = {"long_name": "total BTK", "units": "nM"}
    return found


@pytest.fixture(scope="module")
def peaks() -> xr.Dataset:
    """Where the lumped hook form peaks: sqrt(kd_target kd_ligase)."""
    treatments = [*DEGRADERS, *INHIBITORS]
    dose = np.full((len(treatments), len(ALLELES)), np.nan)
    for i, alleles in enumerate(DEGRADERS.values()):
        dose[i] = [np.sqrt(kd * ligase) for _, kd, ligase in alleles]
    dims = ("treatment", "target.allele")
    reason = np.where(dose > 0.0, "", "no_degrader").astype(object)
    return xr.Dataset(
        {
            "peak_dose_nM": (dims, dose),
            "peak_ternary_nM": (dims, np.where(dose > 0.0, 3.0, np.nan)),
            "peak_reason": (dims, reason),
        },
        {"treatment": treatments, "target.allele": ALLELES},
    )


def agreement() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    measured = 10.0 ** rng.uniform(-1.0, 3.0, 20)
    predicted = measured * 10.0 ** rng.normal(0.0, 0.35, 20)
    return pd.DataFrame(
        {
            "measured": measured,
            "predicted": predicted,
            "low": predicted / 2.0,
            "high": predicted * 2.0,
            "class": ["degrader", "inhibitor"] * 10,
        }
    )


def network_of(treatment: str, **changes: object) -> ps.Network:
    return ps.build_network(ps.Scenario(cell="molm14", treatment=treatment, **changes))


SHEETS = {
    "allele-shift": lambda d, p, w: plot.allele_shift_sheet(
        d, ("target_total", "target_active"), width_mm=w
    ),
    "occupancy": lambda d, p, w: plot.occupancy_vs_degradation_sheet(d, width_mm=w),
    "ternary-bell": lambda d, p, w: plot.ternary_bell_sheet(d, peaks=p, width_mm=w),
    "species-flow": lambda d, p, w: plot.species_flow_sheet(
        d, select={"target.allele": "WT"}, width_mm=w
    ),
    "observed": lambda d, p, w: plot.observed_vs_predicted_sheet(
        d, [("DC50", "nM", agreement()), ("Dmax", "%", agreement())], width_mm=w
    ),
    "network": lambda d, p, w: plot.network_sheet(
        [network_of("mt-802"), network_of("ir-1")], width_mm=w
    ),
    "points": lambda d, p, w: plot.dose_response_grid(
        d.isel(treatment=[0, 1]), ("target_total",), points=measured(), fit="hill", width_mm=w
    ),
}
SINGLES = {
    "allele-shift": lambda d, p: plot.allele_shift(d, "target_active"),
    "occupancy": lambda d, p: plot.occupancy_vs_degradation(d, select={"treatment": "MT-802"}),
    "ternary-bell": lambda d, p: plot.ternary_bell(d, peaks=p, select={"treatment": "MT-802"}),
    "species-flow": lambda d, p: plot.species_flow(
        d, select={"treatment": "MT-802", "target.allele": "WT"}
    ),
    "observed": lambda d, p: plot.observed_vs_predicted(agreement(), quantity="DC50", unit="nM"),
    "network": lambda d, p: plot.network(network_of("mt-802")),
    "points": lambda d, p: plot.dose_response(
        d, points=measured(), fit="bell", select={"treatment": "MT-802"}
    ),
}


def measured() -> pd.DataFrame:
    rows = []
    for allele in ("WT", "C481S"):
        doses = np.array([0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 1e4])
        values, _ = total_and_free("MT-802", ALLELES.index(allele), doses, 24.0)
        rows += [
            {
                "treatment": "MT-802",
                "target.allele": allele,
                "compound.dose_nM": dose,
                "time_h": 24.0,
                "quantity": "target_total_percent",
                "value": value,
                "sd": 4.0,
            }
            for dose, value in zip(doses, values, strict=True)
        ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("width_mm", WIDTHS_MM)
@pytest.mark.parametrize("kind", SHEETS)
def test_texts_of_a_sheet_do_not_touch(
    data: xr.Dataset, peaks: xr.Dataset, kind: str, width_mm: float
) -> None:
    figure = rendered(SHEETS[kind](data, peaks, width_mm))
    assert not overlaps(figure)
    assert not cut_off(figure)
    assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)
    check_units(figure)


@pytest.mark.parametrize("kind", SINGLES)
def test_texts_of_a_panel_do_not_touch(data: xr.Dataset, peaks: xr.Dataset, kind: str) -> None:
    figure = rendered(SINGLES[kind](data, peaks).figure)
    assert not overlaps(figure)
    assert not cut_off(figure)
    check_units(figure)


def check_units(figure: Figure) -> None:
    """Every axis that has a label has a unit in brackets, and every column has an x label."""
    written = [t for ax in figure.axes for t in (ax.get_xlabel(), ax.get_ylabel()) if t]
    assert written
    assert all("(" in text and text.endswith(")") for text in written)


@pytest.mark.parametrize("kind", SINGLES)
def test_axes_given_are_used(data: xr.Dataset, peaks: xr.Dataset, kind: str) -> None:
    ax = Figure().add_subplot()
    given = {
        "allele-shift": lambda: plot.allele_shift(data, "target_active", ax=ax),
        "occupancy": lambda: plot.occupancy_vs_degradation(
            data, select={"treatment": "MT-802"}, ax=ax
        ),
        "ternary-bell": lambda: plot.ternary_bell(data, select={"treatment": "MT-802"}, ax=ax),
        "species-flow": lambda: plot.species_flow(
            data, select={"treatment": "MT-802", "target.allele": "WT"}, ax=ax
        ),
        "observed": lambda: plot.observed_vs_predicted(agreement(), ax=ax),
        "network": lambda: plot.network(network_of("mt-802"), ax=ax),
        "points": lambda: plot.dose_response(data, select={"treatment": "MT-802"}, ax=ax),
    }
    assert given[kind]() is ax


def dot(ax: Axes, row: str, name: str) -> float:
    return float(line(ax, f"_{row} {name}").get_xdata()[0])


def test_dots_of_an_allele_shift_stand_at_the_closed_form(data: xr.Dataset) -> None:
    ax = plot.allele_shift(data, "target_unoccupied")
    for treatment, ic50s in INHIBITORS.items():
        for allele, ic50 in zip(ALLELES, ic50s, strict=True):
            if ic50 < 1e4:
                assert dot(ax, treatment, allele) == pytest.approx(ic50, rel=0.02)
    ax = plot.allele_shift(data)
    for treatment, alleles in DEGRADERS.items():
        row = f"{treatment}*" if treatment == "Zorba PROTAC 10" else treatment
        for allele, (_, kd, ligase) in zip(ALLELES, alleles, strict=True):
            best, total = np.sqrt(kd * ligase), kd + ligase
            half = min(np.roots([1.0, total - 2.0 * (2.0 * best + total), best**2]))
            assert dot(ax, row, allele) == pytest.approx(half, rel=0.03)


def test_what_has_no_dc50_says_why(data: xr.Dataset) -> None:
    ax = plot.allele_shift(data)
    assert [t.get_text() for t in ax.texts] == ["no effect"] * 3
    figure = plot.allele_shift_sheet(data, ("target_total", "target_active"))
    said = caption_of(figure)
    assert "No DC50 of total BTK (no effect): ibrutinib, zanubrutinib, pirtobrutinib." in said
    assert "No IC50 of active BTK (zero reference): L528W." in said
    assert "* Hypothetical (zorba-protac-10)" in said


def test_what_lies_beyond_the_doses_stands_at_the_edge(data: xr.Dataset) -> None:
    few = data.sel({"compound.dose_nM": slice(10.0, 600.0)})
    found = read_shift(few, "target_unoccupied", "target.allele", "treatment", None, {})
    assert found.reason[2, 0] == "below_lowest_dose"
    assert found.reason[2, 1] == "not_reached"
    ax = plot.allele_shift(few, "target_unoccupied")
    assert dot(ax, "ibrutinib", "WT") == few["compound.dose_nM"].values[0]
    assert dot(ax, "ibrutinib", "C481S") == few["compound.dose_nM"].values[-1]


def test_an_allele_shift_needs_a_potency(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match="'ternary' has neither a DC50 nor an IC50"):
        plot.allele_shift(data, "ternary")
    with pytest.raises(ParameterError, match=r"replicate \(2 values\)"):
        plot.allele_shift(data.expand_dims(replicate=2))


def test_occupancy_is_of_what_is_left(data: xr.Dataset) -> None:
    ax = plot.occupancy_vs_degradation(data, select={"treatment": "MT-802"})
    drawn = line(ax, "WT")
    at = {"treatment": "MT-802", "target.allele": "WT", "time_h": 24.0}
    total, free = (data[n].sel(at).values for n in ("target_total", "target_unoccupied"))
    np.testing.assert_allclose(drawn.get_xdata(), 100.0 * (1.0 - free / total), rtol=1e-12)
    given, _ = total_and_free("MT-802", 0, DOSES_NM, 24.0)
    np.testing.assert_allclose(drawn.get_ydata(), 100.0 - given, rtol=1e-12)
    assert line(ax, "_end WT").get_ydata()[0] == drawn.get_ydata()[-1]


def test_the_bell_is_drawn_in_nM_with_its_peaks(data: xr.Dataset, peaks: xr.Dataset) -> None:
    ax = plot.ternary_bell(data, peaks=peaks, select={"treatment": "MT-802"})
    _, kd, ligase = DEGRADERS["MT-802"][0]
    np.testing.assert_allclose(line(ax, "WT").get_ydata(), 3.0 * hook(DOSES_NM, kd, ligase))
    assert line(ax, "_peak WT").get_xdata()[0] == np.sqrt(kd * ligase)
    assert ax.get_ylabel() == "ternary complex (nM)"
    assert "_vehicle" not in [n for n in labels(ax) if len(line(ax, n).get_xdata())]
    assert "_break" not in labels(ax)
    assert "0" not in [tick.get_text() for tick in ax.get_xticklabels()]
    bare = plot.ternary_bell(data, select={"treatment": "MT-802"})
    assert "_peak WT" not in labels(bare)
    inhibitor = plot.ternary_bell(data, peaks=peaks, select={"treatment": "ibrutinib"})
    assert "_peak WT" not in labels(inhibitor)


def test_the_caption_says_why_a_bell_has_no_diamond(data: xr.Dataset, peaks: xr.Dataset) -> None:
    low = data.sel({"compound.dose_nM": slice(0.0, 100.0)})
    # Of MT-802 the closed form puts WT and C481S at 52 and 77 nM, T474I and L528W at 250 and 566.
    said = caption_of(plot.ternary_bell_sheet(low, peaks=peaks))
    assert "marked (beyond the doses): MT-802, T474I; MT-802, L528W; Zorba PROTAC 10*," in said
    assert (
        "No maximum at equilibrium marked (no degrader): ibrutinib; zanubrutinib; pirtobrutinib."
        in said
    )
    assert "No maximum" not in caption_of(plot.ternary_bell_sheet(data))
    one = data.sel(treatment=["MT-802"])
    assert "No maximum" not in caption_of(plot.ternary_bell_sheet(one, peaks=peaks))


def test_the_caption_of_many_bells_says_which_the_legend_names(data: xr.Dataset) -> None:
    one = data.sel({"treatment": "MT-802", "target.allele": "WT"}, drop=True)
    many = xr.concat([one] * 9, "compound.cooperativity")
    many = many.assign_coords({"compound.cooperativity": np.geomspace(0.1, 1000.0, 9)})
    figure = plot.ternary_bell_sheet(many, hue="compound.cooperativity")
    assert "The legend names 5 of 9 curves." in " ".join(
        text.get_text().replace("\n", " ") for text in figure.texts
    )


@pytest.mark.parametrize("columns", [1, 2])
def test_a_figure_of_one_column_is_narrow_unless_a_width_is_given(
    data: xr.Dataset, columns: int
) -> None:
    part = data.isel(treatment=slice(columns))
    at = {"target.allele": "WT"}
    widths = {1: 88.0, 2: 180.0}
    for draw in (
        plot.dose_response_grid,
        plot.occupancy_vs_degradation_sheet,
        plot.ternary_bell_sheet,
        lambda d, **more: plot.species_flow_sheet(d, select=at, **more),
    ):
        own, given = draw(part), draw(part, width_mm=120.0)
        assert own.get_size_inches()[0] * 25.4 == pytest.approx(widths[columns])
        assert given.get_size_inches()[0] * 25.4 == pytest.approx(120.0)


def test_layers_add_up_to_the_total(data: xr.Dataset) -> None:
    at = {"treatment": "MT-802", "target.allele": "C481S"}
    ax = plot.species_flow(data, select=at)
    total = data["target_total"].sel({**at, "time_h": 24.0}).values
    top = line(ax, "_top BTK in a ternary complex")
    np.testing.assert_allclose(top.get_ydata(), total, rtol=1e-9)
    free = data["target_unoccupied"].sel({**at, "time_h": 24.0}).values
    np.testing.assert_allclose(line(ax, "_top free BTK").get_ydata(), free, rtol=1e-12)


def test_layers_run_along_time_where_the_dose_is_chosen(data: xr.Dataset) -> None:
    at = {"treatment": "MT-802", "target.allele": "WT", "compound.dose_nM": DOSES_NM[12]}
    ax = plot.species_flow(data, select=at)
    assert ax.get_xlabel() == "time (h)"
    np.testing.assert_array_equal(line(ax, "_top free BTK").get_xdata(), [1.0, 4.0, 24.0])


def test_fluxes_have_a_row_of_their_own(data: xr.Dataset) -> None:
    chosen = {"treatment": "MT-802", "target.allele": "WT"}
    figure = plot.species_flow_sheet(data, select=chosen)
    assert [ax.get_ylabel() for ax in figure.axes] == ["amount (nM)", "flux (nM/h)"]


def test_layers_of_two_units_are_refused(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match="ternary in nM, degraded in nM/h"):
        plot.species_flow(data, ("ternary", "degraded"), select={"treatment": "MT-802"})
    with pytest.raises(ParameterError, match="no observable 'binary'; it has degraded"):
        plot.species_flow(data, ("binary",))
    with pytest.raises(ParameterError, match=r"treatment \(5 values\)"):
        plot.species_flow(data)


def test_points_of_an_agreement_are_those_of_the_table() -> None:
    table = agreement()
    ax = plot.observed_vs_predicted(table, quantity="DC50", unit="nM")
    own = table[table["class"] == "degrader"]
    np.testing.assert_array_equal(line(ax, "degrader").get_xdata(), own["measured"])
    np.testing.assert_array_equal(line(ax, "degrader").get_ydata(), own["predicted"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("measured DC50 (nM)", "predicted DC50 (nM)")
    fold = np.exp(np.abs(np.log(table["predicted"] / table["measured"])))
    said = [t.get_text() for t in ax.figure.legends[0].get_texts()]
    inside = int((fold <= 3.0).sum())
    assert f"{inside} of 20 within 3-fold, median {fold.median():.2g}-fold" in said


def test_rows_without_two_numbers_are_counted() -> None:
    table = agreement()
    table.loc[0, "predicted"] = np.nan
    table.loc[1, "measured"] = 0.0
    ax = plot.observed_vs_predicted(xr.Dataset.from_dataframe(table))
    said = " ".join(t.get_text() for t in ax.figure.legends[0].get_texts())
    assert "2 without a number" in " ".join(said.split())
    with pytest.raises(ParameterError, match="no predicted"):
        plot.observed_vs_predicted(table.drop(columns="predicted"))
    with pytest.raises(ParameterError, match="none of the 20 rows"):
        plot.observed_vs_predicted(table.assign(predicted=np.nan))


@pytest.mark.parametrize("treatment", ["mt-802", "ir-1", "gabizon-rc-1", "ibrutinib", "nx-2127"])
def test_every_species_has_a_place_and_every_reaction_a_line(treatment: str) -> None:
    net = network_of(treatment)
    graph = read_graph(net)
    assert set(graph.dots) == set(net.species)
    assert len(set(graph.dots.values())) == len(net.species)
    ends = {place for arrow in graph.arrows for place in (arrow.start, arrow.end)}
    ends |= {place for place, _, _ in graph.stubs}
    touched = {s for r in net.reactions for s, _ in r.reactants + r.products}
    assert {graph.dots[s] for s in touched if s != "CRBN"} <= ends | partners(graph.dots)
    grown = [r for r in net.reactions if r.name.startswith("ubiquitination of")]
    for reaction in grown:
        start, end = (graph.dots[side[0][0]] for side in (reaction.reactants, reaction.products))
        assert end == (start[0], start[1] + 1)
        assert any({a.start, a.end} == {start, end} for a in graph.arrows)


def partners(dots: dict[str, tuple[int, int]]) -> set[tuple[int, int]]:
    """Compounds in the cell are reached by their permeation alone."""
    return {place for name, place in dots.items() if name.endswith("_cell")}


def test_any_network_can_be_drawn() -> None:
    net = ps.Network("binding")
    net.add("association", ("T", "X"), "T:X", "kon")
    net.add("dissociation", "T:X", ("T", "X"), "koff")
    net.add("synthesis", (), "T", "k")
    graph = read_graph(net)
    assert graph.rows == ("T", "X", "T:X")
    assert [(a.start, a.end, a.both) for a in graph.arrows] == [((0, 0), (2, 0), True)]
    assert graph.stubs == (((0, 0), "turnover", True),)
    assert plot.network(net).get_title(loc="left") == "binding"


def test_measured_points_stand_where_they_were_measured(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, points=measured(), select={"treatment": "MT-802"})
    rows = measured()[measured()["target.allele"] == "C481S"]
    points = line(ax, "_measured C481S")
    np.testing.assert_array_equal(points.get_xdata(), rows["compound.dose_nM"])
    np.testing.assert_array_equal(points.get_ydata(), rows["value"])
    assert line(ax, "C481S").get_marker() == "none"
    other = plot.dose_response(data, points=measured(), select={"treatment": "ibrutinib"})
    assert len(line(other, "_measured WT").get_xdata()) == 0


@pytest.mark.parametrize(
    ("loss", "said"), [(0.0, False), (0.005, False), (1.5, True), (40.0, False)]
)
def test_a_caption_says_that_small_losses_are_not_marked(loss: float, said: bool) -> None:
    """Table and figure agree: 1.5 % has a DC50 in the table, and no mark."""
    doses = np.geomspace(1.0, 1e4, 9)
    values = 100.0 - loss * doses / (doses + 100.0) * 1.01
    one = xr.Dataset(
        {"target_total_percent": ("compound.dose_nM", values, {"units": "%"})},
        {"compound.dose_nM": doses},
    )
    caption = caption_of(plot.dose_response_grid(one, ["target_total"]))
    assert ("Losses of at most 2" in caption) == said


@pytest.mark.parametrize("relative_to", ["vehicle", "untreated"])
@pytest.mark.parametrize("measured_at_zero", [False, True])
def test_the_axis_is_broken_where_something_stands_at_dose_zero(
    relative_to: str, measured_at_zero: bool
) -> None:
    doses = np.geomspace(1.0, 1e4, 9)
    attrs = {"units": "%", "relative_to": relative_to}
    one = xr.Dataset(
        {"target_total_percent": ("compound.dose_nM", 100.0 - 9.0 * np.log10(doses), attrs)},
        {"compound.dose_nM": doses},
    )
    zero = pd.DataFrame({"compound.dose_nM": [0.0, 10.0], "value": [98.0, 90.0]})
    points = zero if measured_at_zero else None
    for ax in (
        plot.dose_response(one, "target_total", points=points),
        *plot.dose_response_grid(one, ["target_total"], points=points).axes,
    ):
        broken = any(line.get_label() == "_break" for line in ax.get_lines())
        assert broken == (measured_at_zero or relative_to == "vehicle")


def test_measurements_that_belong_to_no_curve_are_counted(data: xr.Dataset) -> None:
    rows = measured()  # 8 doses of each allele of MT-802
    later = rows.assign(time_h=[24.0] * 13 + [4.0] * 3)
    potency = later.assign(quantity=["dc50_relative_nM"] + ["target_total_percent"] * 15)
    for points, missing in ((rows, 0), (later, 3), (potency, 4)):
        grid = plot.dose_response_grid(data, ["target_total"], points=points)
        said = caption_of(grid).replace("\N{NO-BREAK SPACE}", " ")
        wanted = f"Not drawn: {missing} of 16 measurements, of other times, curves or quantities."
        assert (wanted in said) == (missing > 0), said
        assert ("Not drawn" in said) == (missing > 0)


@pytest.mark.parametrize("highest", [98.0, 140.0, 400.0, 9000.0, 50_000.0])
def test_the_ticks_of_a_high_percentage_can_be_read(data: xr.Dataset, highest: float) -> None:
    points = pd.DataFrame({"compound.dose_nM": [1.0, 10.0], "value": [90.0, highest]})
    select = {"treatment": ["MT-802", "ibrutinib"]}
    for figure in (
        plot.dose_response_grid(data.sel(select), ["target_total"], points=points),
        plot.dose_response(data.sel(treatment="MT-802"), points=points).figure,
    ):
        rendered(figure)
        assert not overlaps(figure)
        assert not cut_off(figure)
        ticks = figure.axes[0].get_yticks()
        ticks = ticks[(ticks >= 0.0) & (ticks <= figure.axes[0].get_ylim()[1])]
        assert 3 <= len(ticks) <= 10
        assert ticks[-1] > 0.7 * highest
        assert (ticks[1] - ticks[0] == 25.0) == (highest < 150.0)


def test_a_fit_goes_through_the_curve_it_describes(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, fit="bell", select={"treatment": "MT-802"})
    drawn = line(ax, "_fit WT")
    given, _ = total_and_free("MT-802", 0, np.asarray(drawn.get_xdata()), 24.0)
    assert np.abs(drawn.get_ydata() - given).max() < 2.0
    half = line(ax, "_fitted DC50 WT").get_xdata()[0]
    assert half == pytest.approx(line(ax, "_DC50 WT").get_xdata()[0], rel=0.05)


def test_a_band_lies_where_the_dataset_says(data: xr.Dataset) -> None:
    banded = one_treatment(data).copy()
    banded["target_total_percent_low"] = 0.9 * banded["target_total_percent"]
    banded["target_total_percent_high"] = 1.1 * banded["target_total_percent"]
    ax = plot.dose_response(banded)
    shape = next(c for c in ax.collections if c.get_label() == "_band WT")
    given, _ = total_and_free("MT-802", 0, DOSES_NM, 24.0)
    vertices = shape.get_paths()[0].vertices[:, 1]
    assert vertices.min() == pytest.approx(0.9 * given.min())
    assert vertices.max() == pytest.approx(1.1 * given.max())


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (pd.DataFrame({"dose": [1.0], "value": [1.0]}), "no column 'compound.dose_nM'"),
        (
            pd.DataFrame({"compound.dose_nM": [1.0], "value": [1.0], "line": ["x"]}),
            "a column 'line', which is no axis",
        ),
    ],
)
def test_points_with_wrong_columns_are_refused(
    data: xr.Dataset, points: pd.DataFrame, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        plot.dose_response(data, points=points, select={"treatment": "MT-802"})
    with pytest.raises(ParameterError, match="fit is 'cubic'; allowed are hill, bell"):
        plot.dose_response(data, fit="cubic", select={"treatment": "MT-802"})  # type: ignore[arg-type]


def test_measurements_find_their_predictions(data: xr.Dataset) -> None:
    table = pd.DataFrame(
        {
            "quantity": ["ic50_nM", "target_total_percent", "dc50_relative_nM"],
            "value": [4.0, 30.0, 5.0],
            "sd": [0.5, 7.0, np.nan],
            "treatment": ["pirtobrutinib", "MT-802", "ibrutinib"],
            "target.allele": ["WT", "WT", "WT"],
            "compound.dose_nM": [np.nan, DOSES_NM[14], np.nan],
        }
    )
    found = pharmacology.compared(data, table)
    assert found["predicted"][0] == pytest.approx(4.0, rel=0.02)
    given, _ = total_and_free("MT-802", 0, DOSES_NM, 24.0)
    assert found["predicted"][1] == pytest.approx(given[14], rel=1e-9)
    assert np.isnan(found["predicted"][2])
    assert found["measured_high"][0] == pytest.approx(4.0 * np.exp(0.5))
    assert found["measured_low"][1] == pytest.approx(23.0)
    with pytest.raises(ParameterError, match="names 5 curves of the study"):
        pharmacology.compared(data, table.drop(columns="treatment"))
    with pytest.raises(ParameterError, match="a column 'line', which is no axis"):
        pharmacology.compared(data, table.assign(line="x"))


def test_unverified_constants_are_in_every_caption(data: xr.Dataset, peaks: xr.Dataset) -> None:
    for kind, make in SHEETS.items():
        if kind != "network":
            said = caption_of(make(data, peaks, 180.0))
            assert said.startswith(data.attrs["title"])
            assert "Constants without a public measurement (assumed)" in said
