"""Heatmaps and sensitivity bars: what they show, and that no text meets another."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.text import Text

from protacsim import pharmacology, plot
from protacsim.errors import ParameterError

DOSE = "compound.dose_nM"
KD, ALPHA = "compound.kd_ligase_nM", "compound.cooperativity"
PATHS = [
    "compound.kd_target_nM",
    "cell.proteins.BTK.half_life_h",
    "cell.proteins.CRBN.abundance_nM",
    "ubiquitination.k_proteasome_free_per_h",
]


def hooks(patients: int = 0) -> xr.Dataset:
    """Lumped hook curves over dose, affinity and cooperativity, or over patients."""
    doses = np.geomspace(1e-2, 1e5, 29)
    kd, alpha = np.geomspace(10.0, 1e4, 7), np.geomspace(1.0, 100.0, 5)
    if patients:
        kd = np.random.default_rng(1).permutation(np.geomspace(10.0, 1e3, patients))
        alpha = np.array([10.0])
    free = doses / (doses + kd[:, None, None]) * 30.0 / (doses + 30.0)
    percent = 100.0 / (1.0 + alpha[:, None] * free)
    member = {KD: (KD, kd, {"units": "nM"})}
    if patients:
        member = {"patient": ("patient", np.arange(kd.size))}
    dim = "patient" if patients else KD
    return xr.Dataset(
        {
            "target_total_percent": (
                (dim, ALPHA, DOSE, "time_h"),
                percent[..., None] * np.array([1.0, 0.9]),
                {"units": "%", "relative_to": "vehicle", "long_name": "total BTK"},
            )
        },
        coords={
            **member,
            ALPHA: (ALPHA, alpha),
            DOSE: (DOSE, doses, {"units": "nM"}),
            "time_h": ("time_h", [4.0, 24.0], {"units": "h"}),
        },
        attrs={"title": "Where potency lies"},
    )


def texts(figure: Any) -> list[Any]:
    """Boxes of all visible words."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    found = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    hidden = set()
    for ax in figure.axes:
        for axis, ends in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks():
                if not min(ends) <= tick.get_loc() <= max(ends):
                    hidden |= {tick.label1, tick.label2}
    found = [t for t in found if t not in hidden]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in found]
    return [(words, box) for words, box in boxes if box.width > 0.0]


def assert_readable(figure: Any) -> None:
    """No words overlap, and none leaves the figure."""
    boxes = texts(figure)
    width, height = figure.canvas.get_width_height()
    for words, box in boxes:
        assert box.x0 >= -1.0, words
        assert box.y0 >= -1.0, words
        assert box.x1 <= width + 1.0, words
        assert box.y1 <= height + 1.0, words
    for i, (words, box) in enumerate(boxes):
        for other, its in boxes[i + 1 :]:
            wide = min(box.x1, its.x1) - max(box.x0, its.x0)
            high = min(box.y1, its.y1) - max(box.y0, its.y0)
            assert wide <= 0.5 or high <= 0.5, (words, other)


def caption(figure: Any) -> str:
    return " ".join(figure.texts[-1].get_text().split())


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
def test_a_map_over_dose_shows_the_dc50_of_every_row(width_mm):
    data = hooks()
    figure = plot.heatmap(data, y=ALPHA, select={KD: 10.0}, time_h=4.0, width_mm=width_mm)
    ax, bar = figure.axes
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    shown = data["target_total_percent"].sel({KD: 10.0, "time_h": 4.0}).transpose(ALPHA, DOSE)
    np.testing.assert_allclose(mesh.get_array().reshape(5, 29), shown.values)
    (line,) = [each for each in ax.lines if len(each.get_xdata()) == 5]
    dc50 = pharmacology.dose_response(data)["dc50_relative_nM"].sel({KD: 10.0, "time_h": 4.0})
    np.testing.assert_allclose(line.get_xdata(), dc50.values)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert bar.get_ylabel() == "total BTK (% of vehicle)"
    assert "All at 4 h, kd ligase = 10 nM." in caption(figure)
    assert_readable(figure)


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
def test_a_map_of_a_reading_has_contours_of_the_dc50(width_mm):
    data = hooks()
    figure = plot.heatmap(data, "dmax_percent", x=KD, y=ALPHA, width_mm=width_mm)
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    dmax = pharmacology.dose_response(data)["dmax_percent"].isel(time_h=-1).transpose(ALPHA, KD)
    np.testing.assert_allclose(mesh.get_array().reshape(5, 7), dmax.values)
    assert any("nM" in words for words, _ in texts(figure))
    assert "Lines: DC50" in caption(figure)
    assert_readable(figure)


def test_the_bar_of_a_pure_number_names_no_unit():
    data = hooks()
    data["target_total_percent"].attrs = {"units": "1", "long_name": "share"}
    figure = plot.heatmap(data, y=ALPHA, select={KD: 10.0})
    assert "share" in {ax.get_ylabel() for ax in figure.axes}


def test_cells_lie_in_order_however_an_axis_lists_them():
    """Doses and designs in any order, dose 0 among them, give the map of the ordered ones."""
    ordered = hooks()
    rng = np.random.default_rng(2)
    zero = ordered.isel({DOSE: [0]}).assign_coords({DOSE: (DOSE, [0.0], {"units": "nM"})})
    listed = xr.concat([ordered, zero], DOSE)
    listed = listed.isel({DOSE: rng.permutation(30), ALPHA: rng.permutation(5)})
    maps = [plot.heatmap(data, y=ALPHA, select={KD: 10.0}) for data in (ordered, listed)]
    first, second = (
        next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh)) for figure in maps
    )
    np.testing.assert_array_equal(first.get_array(), second.get_array())
    np.testing.assert_array_equal(first.get_coordinates(), second.get_coordinates())
    assert "Not drawn: dose 0." in caption(maps[1])
    assert "Not drawn" not in caption(maps[0])
    assert_readable(maps[1])


def test_captions_name_what_was_assumed():
    constants = [{"path": "ubiquitination.k_ub_per_h", "value": 5.0, "unit": "1/h",
                  "confidence": "assumed", "source": ""}]  # fmt: skip
    assumed = {"unverified": json.dumps(constants)}
    bars = plot.sensitivity([indices("dmax_percent", "sobol", **assumed)])
    for figure in (plot.heatmap(hooks().assign_attrs(assumed), y=ALPHA, select={KD: 10.0}), bars):
        assert "Constants without a public measurement (assumed): k ub" in caption(figure)
        assert_readable(figure)


def test_columns_share_one_colour_scale():
    figure = plot.heatmap(hooks().isel({ALPHA: [0, 4]}), y=KD, columns=ALPHA)
    meshes = [c for ax in figure.axes for c in ax.collections if isinstance(c, QuadMesh)]
    limits = {mesh.get_clim() for mesh in meshes[:2]}
    assert len(limits) == 1
    titles = [ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["cooperativity = 1", "cooperativity = 100"]
    assert_readable(figure)


def test_patients_are_sorted_by_their_dc50():
    figure = plot.heatmap(hooks(patients=40), y="patient", width_mm=85.0)
    ax = figure.axes[0]
    (line,) = [each for each in ax.lines if len(each.get_xdata()) == 40]
    assert (np.diff(line.get_xdata()) >= 0.0).all()
    assert ax.get_ylabel() == "patient, by DC50"
    assert_readable(figure)


def test_patients_without_curves_are_sorted_by_their_mean():
    data = hooks(patients=40)
    shares = data["target_total_percent"] / 100.0
    data["occupancy"] = shares.assign_attrs(long_name="occupancy", expression="a / b")
    shuffled = data.drop_vars("target_total_percent")
    figure = plot.heatmap(shuffled, "occupancy", y="patient", width_mm=85.0)
    (mesh,) = [c for ax in figure.axes[:1] for c in ax.collections if isinstance(c, QuadMesh)]
    means = mesh.get_array().reshape(40, -1).mean(axis=1)
    assert (np.diff(means) >= 0.0).all()
    seen = shuffled["occupancy"].isel(time_h=-1)
    expected = seen.mean([dim for dim in seen.dims if dim != "patient"])
    np.testing.assert_allclose(means, np.sort(expected), rtol=1e-12)
    assert figure.axes[0].get_ylabel() == "patient, by mean occupancy"


ALLELES = ["WT", "T474I", "C481S"]


@pytest.mark.parametrize("width_mm", [88.0, 180.0])
@pytest.mark.parametrize("zipped", [False, True])
def test_rows_of_names_keep_their_order_and_their_names(width_mm, zipped):
    data = hooks().isel({ALPHA: [4, 0, 2]}).sel({KD: 10.0})
    if zipped:
        data = data.rename_dims({ALPHA: "line"}).reset_index(ALPHA)
        data = data.assign_coords({"target.allele": ("line", ALLELES)})
        names = [f"cooperativity = {a:g},\n{n}" for a, n in zip([100, 1, 10], ALLELES, strict=True)]
    else:
        data = data.rename({ALPHA: "target.allele"}).assign_coords({"target.allele": ALLELES})
        names = ALLELES
    data["target_total_percent"].loc[{"target.allele": "C481S"} if not zipped else {"line": 2}] = (
        np.nan
    )
    dim = "line" if zipped else "target.allele"
    figure = plot.heatmap(data, y=dim, width_mm=width_mm)
    ax, _ = figure.axes
    shown = [" ".join(t.get_text().split()) for t in ax.get_yticklabels()]
    assert shown == [" ".join(name.split()) for name in names]
    heights = [ax.transData.transform((1.0, y))[1] for y in ax.get_yticks()]
    assert heights == sorted(heights, reverse=True)  # the first at the top
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    expected = data["target_total_percent"].isel(time_h=-1).transpose(dim, DOSE)
    np.testing.assert_allclose(mesh.get_array().reshape(3, 29), expected.values)
    assert "Blank: the reference has none of it, or the run failed." in caption(figure)
    assert_readable(figure)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"y": "patient"}, "no dim 'patient', only"),
        ({"y": ALPHA}, r"more dims than one panel shows: compound.kd_ligase_nM \(7 values\)"),
        ({"y": ALPHA, "observable": "ternary"}, "no observable 'ternary'"),
        ({"y": ALPHA, "select": {KD: 11.0}}, "compound.kd_ligase_nM is 11.0"),
    ],
)
def test_mistakes_in_a_map(ask, message):
    with pytest.raises(ParameterError, match=message):
        plot.heatmap(hooks(), **ask)


# Sensitivity.


def indices(readout: str = "dc50_relative_nM", method: str = "sobol", **changes: Any) -> xr.Dataset:
    """Indices that rise along the paths."""
    rising = np.linspace(0.05, 0.6, len(PATHS))
    names = ("first", "total") if method == "sobol" else ("mu_star", "sigma")
    values = {name: ("parameter", rising * (i + 1) / 2) for i, name in enumerate(names)}
    halves = {f"{name}_half_width": ("parameter", 0.1 * rising) for name in names}
    attrs = {"readout": readout, "scale": "log10", "method": method, "base_points": 512,
             "title": "What decides?"}  # fmt: skip
    return xr.Dataset({**values, **halves}, {"parameter": PATHS}, {**attrs, **changes})


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
@pytest.mark.parametrize("method", ["sobol", "morris"])
@pytest.mark.parametrize("count", [1, 3])
def test_bars_are_the_indices_greatest_first(width_mm, method, count):
    readouts = ["dc50_relative_nM", "dmax_percent", "hook_depth_percent"][:count]
    given = [indices(name, method) for name in readouts]
    figure = plot.sensitivity(given, width_mm=width_mm)
    main = [bar.get_width() for bar in figure.axes[0].patches]
    first, second = ("first", "total") if method == "sobol" else ("mu_star", "sigma")
    np.testing.assert_allclose(main[:4], given[0][first].values[::-1])
    np.testing.assert_allclose(main[4:], given[0][second].values[::-1])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0].replace("\n", " ") == "k proteasome free"
    assert labels[-1] == "kd target"
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["DC50", "Dmax", "hook depth"][
        :count
    ]
    assert caption(figure).startswith("What decides? ")
    assert_readable(figure)


def test_morris_effects_say_their_unit_and_that_they_are_scaled_up():
    dmax = indices("dmax_percent", "morris", scale="linear")
    figure = plot.sensitivity([indices(method="morris"), dmax])
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["elementary effect (decades)", "elementary effect (%)"]
    assert "steps of two thirds of the way" in caption(figure)
    assert "times 1.5 for the whole way" in caption(figure)


def test_only_the_constants_that_matter_most_are_shown():
    figure = plot.sensitivity(indices(), most=2)
    assert len(figure.axes[0].get_yticklabels()) == 2


def test_mistakes_in_bars():
    with pytest.raises(ParameterError, match="of one method"):
        plot.sensitivity([indices(), indices(method="morris")])
    with pytest.raises(ParameterError, match="of one method"):
        plot.sensitivity([])
    several = indices().expand_dims({"target.allele": ["WT", "C481S"]})
    with pytest.raises(ParameterError, match=r"target\.allele"):
        plot.sensitivity(several)
    one = plot.sensitivity(several, select={"target.allele": "WT"})
    assert len(one.axes) == 1
