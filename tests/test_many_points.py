"""Summaries of more points than anyone reads: spreads against NumPy, and what a run says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protacsim import pharmacology, store
from protacsim.cli import overviews, running
from protacsim.errors import ParameterError

KON, DOSE = "compound.kon_target_per_nM_per_h", "compound.dose_nM"
NUMBERS = hnp.arrays(
    float,
    (3, 4, 2),
    elements=st.one_of(st.just(np.nan), st.floats(0.0, 1e6), st.sampled_from([1.0, 2.0])),
)
STUDY = """schema = "protacsim/1"
title = "Many"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["pirtobrutinib"]
[[treatment]]
name = "nothing else"
compounds = ["zanubrutinib"]
[readout]
observables = ["target_active", "target_total"]
times_h = [{times}]
"""
AXIS = '[[axis]]\npath = "compound.dose_nM"\ngeomspace = [1.0, 100.0, {doses}]\n'
PATIENTS = (
    '[[sample]]\ndim = "patient"\nn = {n}\ndesign = "random"\n'
    'over."cell.proteins.BTK.abundance_nM" = '
    '{{ distribution = "lognormal", median = 780.0, cv = 0.5 }}\n'
)


def grid(values):
    """Values (rates, doses, times) as a result has them, with labels beside the doses."""
    dims = (KON, DOSE, "time_h")
    return xr.Dataset(
        {
            "target_total": (dims, values, {"units": "nM"}),
            "status": (dims[:2], np.zeros(values.shape[:2], np.int8)),
            "reached_h": (dims[:2], np.full(values.shape[:2], 2.0)),
        },
        coords={
            KON: [1.0, 2.0, 3.0],
            DOSE: [0.1, 1.0, 10.0, 100.0],
            "plate": (DOSE, ["a", "b", "c", "d"]),
            "time_h": [1.0, 2.0],
        },
    )


@given(NUMBERS)
def test_a_row_is_the_spread_of_the_points_that_have_a_number(values):
    table = pharmacology.point_summary(grid(values), [DOSE, KON])
    assert table["time_h"].tolist() == [1.0, 2.0]
    assert set(table["observable"]) == {"target_total"}
    assert set(table["units"]) == {"nM"}
    for at, row in zip(np.moveaxis(values, -1, 0), table.to_dict("records"), strict=True):
        known = at[~np.isnan(at)]
        assert row["points"] == known.size
        if not known.size:
            assert np.isnan(
                [row[name] for name in ("lowest", "q05", "q50", "q95", "highest")]
            ).all()
            assert pd.isna([row[f"lowest at {DOSE}"], row["highest at plate"]]).all()
            continue
        expected = np.percentile(known, [0, 5, 50, 95, 100])
        found = [row[name] for name in ("lowest", "q05", "q50", "q95", "highest")]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        for end, value in (("lowest", expected[0]), ("highest", expected[-1])):
            place = {name: row[f"{end} at {name}"] for name in (KON, DOSE)}
            there = grid(values).isel(time_h=int(row["time_h"]) - 1).sel(place)
            assert float(there["target_total"]) == value
            assert str(there["plate"].item()) == row[f"{end} at plate"]
            i, j = np.argwhere(at == value)[0]
            assert (place[KON], place[DOSE]) == (i + 1.0, 10.0 ** (j - 1))


@given(NUMBERS)
def test_dims_that_are_not_summarised_keep_rows_of_their_own(values):
    table = pharmacology.point_summary(grid(values), [KON])
    assert len(table) == 4 * 2
    row = table[(table["plate"] == "c") & (table["time_h"] == 2.0)]
    assert row[DOSE].tolist() == [10.0]
    assert row["points"].item() == np.count_nonzero(~np.isnan(values[:, 2, 1]))
    assert f"lowest at {KON}" in table
    assert f"lowest at {DOSE}" not in table


@pytest.mark.parametrize("over", [["dose"], [], ["compound"]])
def test_a_dim_that_is_not_there_is_refused(over):
    data = grid(np.ones((3, 4, 2))).assign_coords(compound=["a"])
    with pytest.raises(ParameterError, match=r"^over"):
        pharmacology.point_summary(data, over)


def ran(tmp_path, text, *, as_json=False):
    """What `protacsim run` leaves: the results and the table of its summary."""
    path, out = tmp_path / "many.toml", tmp_path / "out"
    path.write_text(text)
    options = running.Options(out=out, as_json=as_json)
    assert running.run_all([path], [], options, dry_run=False) == 0
    return store.open_results(out), pd.read_csv(out / "summary.csv"), out


def dosed(text):
    """The study with a dose of 100 nM of each compound."""
    for name in ("pirtobrutinib", "zanubrutinib"):
        text = text.replace(f'["{name}"]', f'[{{ name = "{name}", dose_nM = 100.0 }}]')
    return text


def times(count):
    return ", ".join(str(0.25 * i) for i in range(count))


@pytest.mark.jit_only
def test_a_run_of_very_many_points_says_how_they_spread(tmp_path, capsys):
    text = STUDY.format(times=times(100)) + AXIS.format(doses=51)
    data, table, out = ran(tmp_path, text)
    said = capsys.readouterr().out
    assert len(table) == 2 * 100 * 2  # treatments, times, observables
    last = data["target_active"].isel(time_h=-1)
    rows = table[(table["time_h"] == 24.75) & (table["observable"] == "target_active")]
    for name, row in rows.set_index("treatment").iterrows():
        curve = last.sel(treatment=name)
        assert row["lowest"] == pytest.approx(float(curve.min()), rel=1e-12)
        assert row[f"lowest at {DOSE}"] == pytest.approx(100.0)
        assert row["highest"] == pytest.approx(float(curve.max()), rel=1e-12)
        assert row["points"] == 51
    assert "Many (all points together)" in said
    assert f"{DOSE} = 100" in said
    assert f"protacsim export {out} --to points.csv" in said
    page = (out / "report.html").read_text()
    assert "Values of all points together" in page
    assert "of the first point with the lowest value" in page
    assert "a coordinate of the study" not in page


@pytest.mark.jit_only
def test_few_points_are_listed_one_by_one(tmp_path, capsys):
    text = STUDY.format(times=times(201)) + AXIS.format(doses=50)
    data, table, _ = ran(tmp_path, text)
    assert len(table) == 2 * 50 * 201
    both = table.set_index(["treatment", DOSE, "time_h"])["target_active [nM]"].to_xarray()
    assert "export" not in capsys.readouterr().out
    xr.testing.assert_allclose(both, data["target_active"].reindex_like(both).drop_attrs())


@pytest.mark.jit_only
def test_members_of_a_sample_are_put_together_and_axes_kept(tmp_path, capsys):
    doses = '[[axis]]\npath = "cell.volume_pL"\nvalues = [0.5, 1.0]\n'
    text = dosed(STUDY.format(times=times(50)))
    data, table, _ = ran(tmp_path, text + doses + PATIENTS.format(n=60), as_json=True)
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert len(summary) == len(table) == 2 * 2 * 50 * 2
    row = table[
        (table["treatment"] == "nothing else")
        & (table["cell.volume_pL"] == 0.5)
        & (table["time_h"] == 12.0)
        & (table["observable"] == "target_total")
    ]
    at = {"treatment": "nothing else", "cell.volume_pL": 0.5, "time_h": 12.0}
    patients = data["target_total"].sel(at)
    assert row["points"].item() == 60
    for name, level in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        assert row[name].item() == pytest.approx(float(patients.quantile(level)), rel=1e-9)
    lowest = int(patients.to_numpy().argmin())
    assert row["lowest at patient"].item() == lowest
    drawn = "cell.proteins.BTK.abundance_nM"
    assert row[f"lowest at {drawn}"].item() == pytest.approx(float(data[drawn][lowest]))


@pytest.mark.jit_only
@pytest.mark.parametrize("relative", ["", 'relative_to = "vehicle"\n'])
def test_few_members_without_doses_are_listed_in_the_file_and_put_together_for_people(
    tmp_path, capsys, relative
):
    text = dosed(STUDY.format(times="4.0, 24.0")) + relative + PATIENTS.format(n=20)
    data, table, out = ran(tmp_path, text)
    assert len(table) == 2 * 20 * 2
    said = capsys.readouterr().out
    assert "(median, and 5 % to 95 % of the members)" in said
    seen = "target_active_percent" if relative else "target_active"
    at = {"treatment": "nothing else", "time_h": 24.0}
    low, middle, high = (float(data[seen].sel(at).quantile(q)) for q in (0.05, 0.5, 0.95))
    (row,) = [line for line in said.splitlines() if "nothing else" in line and " 24 " in line]
    assert " 20 " in row
    spread = f"{middle:.4g} ({low:.4g} to {high:.4g})"
    assert spread in row
    _, _, findings = (out / "report.html").read_text().partition("All members together</h2>")
    assert spread in findings.partition("</section>")[0]


CURVES = """schema = "protacsim/1"
title = "Curves"
[scenario]
cell = "molm14"
[[axis]]
path = "target.allele"
values = ["WT", "T474I"]
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "ubiquitination.k_ub_per_h"
geomspace = [1.0, 5000.0, {rates}]
[[axis]]
path = "compound.dose_nM"
geomspace = [1.0, 10000.0, 9]
[readout]
observables = ["target_total"]
times_h = [4.0, 24.0]
relative_to = "vehicle"
"""
RATE = "ubiquitination.k_ub_per_h"


@pytest.mark.jit_only
def test_curves_that_are_too_many_to_list_are_told_by_their_spread(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, table, out = ran(tmp_path, CURVES.format(rates=35))
    said = capsys.readouterr().out
    assert "Curves (all curves together)" in said
    assert f"Each by itself: {out / 'summary.csv'}" in said
    last = table[table["time_h"] == 24.0]
    assert len(last) == 2 * 35
    lines = [line for line in said.splitlines() if "24" in line]
    _, _, page = (out / "report.html").read_text().partition("All curves together</h2>")
    for allele in ("WT", "T474I"):
        for name, heading in (("dc50_relative_nM", "DC50 (nM)"), ("dmax_percent", "Dmax (%)")):
            (row,) = [line for line in lines if allele in line and heading in line]
            curves = last[last["target.allele"] == allele].set_index(RATE)
            known = curves[name].dropna()
            low, middle, high = np.percentile(known, [5, 50, 95])
            assert f"{known.size} of 35" in row
            assert f"{middle:.4g} ({low:.4g} to {high:.4g})" in row
            for end, place in ((known.min(), known.idxmin()), (known.max(), known.idxmax())):
                dmax = f" (Dmax {curves['dmax_percent'][place]:.4g} %)"
                beside = dmax if name == "dc50_relative_nM" else ""
                where = f"{end:.4g}{beside} at {RATE} = {place:.4g}"
                assert where in row
                assert where in page.partition("</section>")[0]
    assert 0 < last["dc50_relative_nM"].isna().sum() < len(last)


@pytest.mark.jit_only
def test_curves_that_a_table_can_hold_are_listed(tmp_path, capsys):
    ran(tmp_path, CURVES.format(rates=30))
    said = capsys.readouterr().out
    assert "together" not in said
    assert said.count("T474I") == 30


def test_curves_without_numbers_on_an_axis_are_listed():
    """A hundred treatments have a row each: their names are no axis on which an end could be."""
    table = pd.DataFrame(
        {
            "treatment": [f"drug {i}" for i in range(100)],
            "time_h": 24.0,
            "dmax_percent": np.linspace(0.0, 99.0, 100),
            "dmax_percent_reason": "",
        }
    )
    assert overviews._of_curves(table) is None


def test_a_reading_that_no_curve_has_says_so():
    table = pd.DataFrame(
        {
            KON: np.arange(100.0),
            "time_h": 24.0,
            "dc50_relative_nM": np.nan,
            "dmax_percent": 1.0,
        }
    )
    found = overviews._of_curves(table)
    assert found is not None
    rows = found.table.set_index("reading").to_dict("index")
    assert rows["DC50 (nM)"]["curves"] == "0 of 100"
    assert rows["DC50 (nM)"]["lowest"] == ""
    assert rows["Dmax (%)"]["highest"] == f"1 at {KON} = 0"
