"""A hypothetical compound is called so wherever it appears: figures, tables, exports."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import protacsim as ps
from protacsim.cli import app

pytestmark = pytest.mark.jit_only

STUDY = """schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
name = "A"
compounds = ["apg-3288"]
[[treatment]]
name = "B"
compounds = ["mt-802"]
[[treatment]]
name = "C"
compounds = [{ name = "apg-3288", dose_nM = 10.0 }, "mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [0.1, 1e4, 5]
[readout]
observables = ["target_total"]
times_h = [4.0, 24.0]
relative_to = "vehicle"
"""


@pytest.fixture(scope="module")
def data():
    compounds = [
        ps.Treatment("apg-3288", name="A"),
        ps.Treatment("mt-802", name="B"),
        ps.Treatment(({"name": "apg-3288", "dose_nM": 10.0}, "mt-802"), name="C"),
    ]
    return ps.run(
        ps.Study(
            ps.Scenario(cell="molm14"),
            axes={"treatment": compounds, "compound.dose_nM": np.geomspace(0.1, 1e4, 5)},
            readout=ps.Readout(["target_total"], times_h=[4.0, 24.0], relative_to="vehicle"),
        )
    )


def words(figure):
    texts = [text.get_text() for text in figure.texts]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return texts, " ".join(" ".join(texts).split())


def test_a_result_names_the_hypothetical_compounds_of_every_treatment(data):
    assert json.loads(data.attrs["hypothetical"]) == {"A": ["apg-3288"], "C": ["apg-3288"]}


@pytest.mark.parametrize("draw", ["dose", "time"])
def test_treatments_as_curves_carry_an_asterisk(data, draw):
    if draw == "dose":
        figure = ps.plot.dose_response_grid(data, ["target_total"], hue="treatment")
    else:
        select = {"compound.dose_nM": data["compound.dose_nM"].values[2]}
        figure = ps.plot.time_course_grid(data, hue="treatment", select=select)
    assert len(figure.axes) == 1
    legend, said = words(figure)
    assert {"A*", "B", "C*"} <= set(legend)
    assert "* Hypothetical (apg-3288): a class prior" in said


def test_treatments_as_columns_carry_an_asterisk(data):
    figure = ps.plot.dose_response_grid(data, ["target_total"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["A*", "B", "C*"]
    assert "* Hypothetical (apg-3288): a class prior" in words(figure)[1]


def test_a_figure_without_a_hypothetical_compound_does_not_speak_of_one(data):
    figure = ps.plot.dose_response_grid(data, ["target_total"], select={"treatment": "B"})
    assert "ypothetical" not in words(figure)[1]


@pytest.mark.parametrize("chosen", [True, False])
def test_the_caption_has_an_asterisk_where_the_figure_has_one(data, chosen):
    one = data.sel(treatment="A")
    figure = ps.plot.dose_response_grid(
        one if chosen else one.drop_vars("treatment"), ["target_total"]
    )
    seen, said = [ax.get_title(loc="left") for ax in figure.axes], words(figure)[1]
    assert "Hypothetical (apg-3288)" in said
    assert ("* Hypothetical" in said) == chosen == any("*" in text for text in seen)


@pytest.mark.parametrize("columns", ["treatment", None])
def test_a_heatmap_says_so(data, columns):
    wide = data.expand_dims({"cell.volume_pL": [1.0, 2.0]})
    select = {} if columns else {"treatment": "A"}
    figure = ps.plot.heatmap(wide, y="cell.volume_pL", columns=columns, select=select)
    assert "* Hypothetical (apg-3288): a class prior" in words(figure)[1]
    if columns:
        titles = [ax.get_title(loc="left") for ax in figure.axes]
        assert [title for title in titles if title] == ["A*", "B", "C*"]


def test_tables_and_exports_name_it(tmp_path):
    (tmp_path / "a.toml").write_text(STUDY)
    out = tmp_path / "r"
    done = CliRunner().invoke(app, ["run", str(tmp_path / "a.toml"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "hypothetical" in done.stdout
    exported = tmp_path / "a.csv"
    assert CliRunner().invoke(app, ["export", str(out), "--to", str(exported)]).exit_code == 0
    for path in (out / "summary.csv", exported):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert {(row["treatment"], row["hypothetical"]) for row in rows} == {
            ("A", "apg-3288"), ("B", ""), ("C", "apg-3288"),
        }  # fmt: skip


def test_a_single_treatment_is_labelled_too(tmp_path):
    text = STUDY.replace('[[treatment]]\nname = "B"\ncompounds = ["mt-802"]\n', "")
    head, _, rest = text.partition('[[treatment]]\nname = "C"')
    (tmp_path / "a.toml").write_text(head + rest[rest.index("[[axis]]") :])
    out, exported = tmp_path / "r", tmp_path / "a.csv"
    assert (
        CliRunner().invoke(app, ["run", str(tmp_path / "a.toml"), "--out", str(out)]).exit_code == 0
    )
    assert CliRunner().invoke(app, ["export", str(out), "--to", str(exported)]).exit_code == 0
    for path in (out / "summary.csv", exported):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert {row["hypothetical"] for row in rows} == {"apg-3288"}


@pytest.mark.parametrize(
    "draw", [ps.plot.ternary_bell_sheet, ps.plot.occupancy_vs_degradation_sheet]
)
def test_treatments_as_curves_are_no_columns_in_sheets(draw):
    compounds = [ps.Treatment("apg-3288", name="A"), ps.Treatment("mt-802", name="B")]
    observables = ["target_total", "target_unoccupied", "ternary"]
    data = ps.run(
        ps.Study(
            ps.Scenario(cell="molm14"),
            axes={"treatment": compounds, "compound.dose_nM": np.geomspace(0.1, 1e4, 5)},
            readout=ps.Readout(observables, times_h=[24.0], relative_to="vehicle"),
        )
    )
    figure = draw(data, hue="treatment")
    assert len(figure.axes) == 1
    assert {"A*", "B"} <= set(words(figure)[0])
    with pytest.raises(ps.ParameterError, match="both hue and columns"):
        draw(data, hue="treatment", columns="treatment")
    assert len(draw(data, columns="target.allele").axes) == 1
    with pytest.raises(ps.ParameterError, match="both hue and group"):
        ps.plot.allele_shift_sheet(data, hue="treatment")


@pytest.mark.jit_only
@pytest.mark.parametrize("doses", [5, 101])
def test_the_terminal_names_it_without_curves_too(tmp_path, doses):
    times = ", ".join(str(0.25 * i) for i in range(100))
    text = STUDY.replace('relative_to = "vehicle"', "").replace("4.0, 24.0", times)
    (tmp_path / "a.toml").write_text(text.replace("1e4, 5", f"1e4, {doses}"))
    out = tmp_path / "r"
    done = CliRunner().invoke(app, ["run", str(tmp_path / "a.toml"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "apg-3288" in done.stdout
    assert ("all points together" in done.stdout) == (doses > 100)
