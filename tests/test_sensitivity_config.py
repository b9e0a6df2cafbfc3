"""[sensitivity] and heatmaps in configuration files: what is checked, and what a run writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from protacsim import config, pharmacology, store
from protacsim import sensitivity_analysis as sa
from protacsim.cli import publishing, running
from protacsim.errors import ConfigError, ParameterError, StoreError
from protacsim.study import SENSITIVITY, run

HEAD = """
schema = "protacsim/1"
title = "What decides?"
[scenario]
cell = { name = "molm14", medium_buffered = true }
[[treatment]]
compounds = ["pirtobrutinib"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-2, 1e3, 9]
[readout]
observables = ["target_active"]
times_h = [4.0, 24.0]
relative_to = "vehicle"
"""
KD = '"compound.kd_target_nM" = { distribution = "loguniform", low = 0.3, high = 3.0 }'
UPTAKE = '"compound.unbound_accumulation" = { distribution = "loguniform", low = 0.5, high = 2.0 }'
SECTION = f"""
[sensitivity]
n = 16
readouts = ["ic50_nM", "imax_percent"]
over.{KD}
over.{UPTAKE}
"""
FIGURE = """
[[figure]]
kind = "sensitivity"
width_mm = 85
"""
HEATMAP = """
[[figure]]
kind = "heatmap"
rows = ["target_active"]
y = "cell.atp_uM"
"""
ATP = """
[[axis]]
path = "cell.atp_uM"
values = [0.0, 3000.0]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.toml"
    path.write_text(text)
    return path


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(written(tmp_path, text))
    return [line.partition("a.toml: ")[2] for line in caught.value.problems]


def test_a_section_becomes_a_sample_of_the_study(tmp_path):
    job = config.load(written(tmp_path, HEAD + SECTION + FIGURE))
    (sample,) = job.study.samples
    assert (sample.dim, sample.design, sample.n) == (SENSITIVITY, "saltelli", 16 * 6)
    assert job.sensitivity is not None
    assert job.sensitivity.readouts == ("ic50_nM", "imax_percent")
    assert job.study.points == 9 * 96


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SECTION.replace("n = 16", "n = 1"), "sensitivity.n is 1; must be at least 2"),
        (SECTION.replace("n = 16", 'method = "fast"'), "sensitivity.method is 'fast'; must be"),
        (SECTION.replace('"ic50_nM"', '"ic50"'), "readouts names 'ic50'; did you mean 'ic50_nM'?"),
        (SECTION.replace('"ic50_nM"', '"ternary below 3"'), "names 'ternary below 3'; known:"),
        ('[sensitivity]\nreadouts = ["ic50_nM"]', "sensitivity.over is missing; add it"),
        (SECTION.replace("distribution", "distributio"), "distributio is no known key"),
        (SECTION.replace("compound.kd_target_nM", "target.allele"), "target.allele: this is no"),
        (SECTION + "nn = 3", "nn is no known key"),
        (SECTION.replace("[sensitivity]", "[[sensitivity]]"), "write it as a [sensitivity] table"),
        (FIGURE, "figure shows a sensitivity analysis; add a [sensitivity] table"),
        (HEATMAP, "figure.y is 'cell.atp_uM'; known: compound.dose_nM"),
        (HEATMAP.replace('y = "cell.atp_uM"', ""), "a heatmap needs y, one of the axes; add it"),
        (ATP + HEATMAP + 'hue = "cell.atp_uM"', "figure: hue cannot be chosen in a heatmap"),
        (ATP + HEATMAP.replace("heatmap", "dose-response"), "y cannot be chosen in a dose-"),
        (ATP + HEATMAP.replace('"target_active"', '"dc50"'), "figure.rows names 'dc50'"),
    ],
)  # fmt: skip
def test_each_mistake_is_said(tmp_path, text, words):
    found = mistakes(tmp_path, HEAD + text)
    assert any(words in line for line in found), found


def test_a_heatmap_without_doses_needs_both_axes(tmp_path):
    text = HEAD.replace("compound.dose_nM", "cell.volume_pL").replace(
        '["pirtobrutinib"]', '[{ name = "pirtobrutinib", dose_nM = 3.0 }]'
    )
    found = mistakes(tmp_path, text + ATP + HEATMAP)
    assert any("give x as well as y" in line for line in found), found


@pytest.mark.jit_only
def test_the_terminal_gives_the_unit_of_morris_effects(tmp_path, capsys):
    path = written(tmp_path, HEAD + SECTION.replace("n = 16", 'method = "morris"\nn = 2'))
    options = running.Options(out=tmp_path / "results")
    assert running.run_all([path], [], options, dry_run=False) == 0
    shown = capsys.readouterr().out
    assert "ic50_nM, mu_star (decades)" in shown
    assert "imax_percent, mu_star (%)" in shown


@pytest.mark.jit_only
def test_a_run_writes_tables_and_figures_that_can_be_drawn_again(tmp_path, capsys):
    path = written(tmp_path, HEAD + SECTION + FIGURE + HEATMAP.replace("cell.atp_uM", SENSITIVITY))
    out = tmp_path / "results"
    assert running.run_all([path], [], running.Options(out=out), dry_run=False) == 0
    shown = capsys.readouterr().out
    assert "compound.kd_target_nM" in shown
    assert "ic50_nM, total" in shown
    table = pd.read_csv(out / "sensitivity.csv")
    assert table["readout"].unique().tolist() == ["ic50_nM", "imax_percent"]
    assert len(table) == 2 * 2 * 2  # readouts, times, constants
    job = config.load(path)
    expected = sa.indices(run(job.study), job.study.samples[0], "ic50_nM", seed=job.study.seed)
    late = table[(table["readout"] == "ic50_nM") & (table["time_h"] == 24.0)]
    np.testing.assert_allclose(late["total"], expected["total"].sel(time_h=24.0))
    assert len(pd.read_csv(out / "sensitivity_pairs.csv")) == 2 * 2
    summary = pd.read_csv(out / "summary.csv")
    assert len(summary) == 96 * 2
    assert {"compound.kd_target_nM", "compound.unbound_accumulation"} < set(summary)
    names = sorted(each.name for each in (out / "figures").iterdir())
    assert names == [f"0{i}-{kind}.{end}" for i, kind in ((1, "sensitivity"), (2, "heatmap"))
                     for end in ("png", "svg")]  # fmt: skip
    before = (out / "figures" / "01-sensitivity.svg").read_bytes()
    assert b"Constants without a public measurement" in before
    report = (out / "report.html").read_text()
    assert 'href="#sensitivity-indices"' in report
    assert "Sobol indices: shares of the variance of a reading; " in report
    assert "The first 12 of " in report
    publishing.replot(out, as_json=True)
    assert (out / "figures" / "01-sensitivity.svg").read_bytes() == before
    (out / "sensitivity.csv").unlink()
    with pytest.raises(StoreError, match=r"sensitivity\.csv: cannot be read .*; run again"):
        publishing.replot(out, as_json=True)


@pytest.mark.jit_only
def test_a_run_with_patients_shows_one_row_per_curve(tmp_path, capsys):
    patients = f'[[sample]]\ndim = "patient"\nn = 30\nover.{KD}\n'
    path = written(tmp_path, HEAD + ATP + patients)
    out = tmp_path / "results"
    assert running.run_all([path], [], running.Options(out=out), dry_run=False) == 0
    shown = capsys.readouterr().out
    assert shown.count(" 30 ") == 2
    curves = pharmacology.inhibition(store.open_results(out)).sel(time_h=24.0)
    for atp in (0.0, 3000.0):
        ic50 = curves["ic50_nM"].sel({"cell.atp_uM": atp}).values
        low, median, high = (f"{x:.4g}" for x in np.quantile(ic50, [0.05, 0.5, 0.95]))
        assert f"{median} ({low} to {high})" in shown
    assert len(pd.read_csv(out / "summary.csv")) == 30 * 2 * 2


def test_without_salib_nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib.analyze", None)
    path, out = written(tmp_path, HEAD + SECTION), tmp_path / "results"
    with pytest.raises(ParameterError, match="sensitivity needs the package SALib"):
        running.run_all([path], [], running.Options(out=out), dry_run=False)
    assert not out.exists()


def test_shipped_configurations_of_samples_name_what_they_draw():
    folder = Path(__file__).parents[1] / "configs"
    jobs: dict[str, Any] = {n: config.load(folder / f"{n}.toml")
                            for n in ("virtual_patients", "sensitivity", "design_map")}  # fmt: skip
    assert jobs["virtual_patients"].study.dims["patient"] >= 100
    assert jobs["sensitivity"].sensitivity is not None
    assert 1000 < jobs["design_map"].study.points < 10_000
