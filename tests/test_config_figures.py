"""Figures of configurations: each kind is drawn, and each mistake is told before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import protacsim as ps
from protacsim.cli.figures import DRAW, networks
from protacsim.config import FIGURES, load
from protacsim.errors import ConfigError

BASE = """schema = "protacsim/1"
title = "figures"
[scenario]
cell = "molm14"
[[treatment]]
name = "MT-802"
compounds = ["mt-802"]
[[treatment]]
name = "ibrutinib"
compounds = ["ibrutinib"]
[[axis]]
path = "target.allele"
values = ["WT", "C481S"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1.0, 1e4, 9]
[readout]
observables = ["target_total", "target_unoccupied", "ternary", "bound = target_occupied - ternary"]
times_h = [4.0, 24.0]
relative_to = "vehicle"
"""
POINTS = """quantity,value,unit,treatment,target.allele,time_h,compound.dose_nM
dc50_relative_nM,10,nM,MT-802,WT,24,
dmax_percent,90,%,MT-802,WT,24,
target_total_percent,60,%,MT-802,C481S,24,10
"""
ALL_KINDS = """
[[figure]]
kind = "dose-response"
points = "points.csv"
fit = "hill"
[[figure]]
kind = "time-course"
select = { "compound.dose_nM" = 10.0 }
[[figure]]
kind = "allele-shift"
[[figure]]
kind = "occupancy-vs-degradation"
time_h = 4.0
[[figure]]
kind = "ternary-bell"
[[figure]]
kind = "species-flow"
rows = ["target_unoccupied", "bound", "ternary"]
select = { "target.allele" = "WT" }
[[figure]]
kind = "observed-vs-predicted"
points = "points.csv"
width_mm = 85.0
[[figure]]
kind = "network"
select = { treatment = "MT-802" }
"""

KINDS = [line[8:-1] for line in ALL_KINDS.splitlines() if line.startswith("kind")]

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        (tmp_path / "points.csv").write_text(POINTS, encoding="utf-8")
        (tmp_path / "a.toml").write_text(BASE + text, encoding="utf-8")
        return tmp_path / "a.toml"

    return written


def test_every_kind_has_a_function() -> None:
    assert {*DRAW, "sensitivity"} == set(FIGURES)  # the one that needs no result


@pytest.mark.jit_only
def test_every_kind_is_drawn_and_drawn_again_from_the_manifest(write: Write) -> None:
    from protacsim.cli.publishing import replot
    from protacsim.cli.running import Options, run_all

    path = write(ALL_KINDS)
    out = path.parent / "out"
    assert run_all([path], (), Options(out=out), dry_run=False) == 0
    drawn = {p.name: p.read_bytes() for p in (out / "figures").iterdir()}
    kinds = [name[3:-4] for name in sorted(drawn) if name.endswith(".svg")]
    assert kinds == KINDS
    assert (out / "report.html").read_text(encoding="utf-8").count("<svg") == len(KINDS)
    path.unlink()
    (path.parent / "points.csv").unlink()
    replot(out, as_json=False)
    assert {p.name: p.read_bytes() for p in (out / "figures").iterdir()} == drawn
    assert "points.csv" not in (out / "manifest.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ('kind = "network"\nhue = "target.allele"', "hue cannot be chosen in a network"),
        ('kind = "time-course"\nfit = "hill"', "fit cannot be chosen in a time-course"),
        ('kind = "observed-vs-predicted"', "points is missing"),
        ('kind = "dose-response"\npoints = "no.csv"', "cannot be read"),
        ('kind = "dose-response"\nfit = "cubic"', "'hill' or 'bell'"),
        (
            'kind = "species-flow"\nrows = ["free"]\nselect = { "target.allele" = "WT" }',
            "names 'free', which is not read out",
        ),
        ('kind = "species-flow"', "does not show target.allele; make it the columns, or choose"),
        (
            'kind = "allele-shift"\nhue = "treatment"\nselect = { "target.allele" = "WT" }',
            "shows treatment both as columns and as hue; set columns or hue to another axis",
        ),
        (
            'kind = "dose-response"\nselect = { "compound.dose_nM" = 10.0 }',
            "is drawn against dose; take compound.dose_nM out of select",
        ),
        (
            'kind = "heatmap"\nx = "treatment"\ny = "compound.dose_nM"\n'
            'select = { "target.allele" = "WT" }',
            "has x = 'treatment', whose values are names; take an axis of numbers",
        ),
        ('kind = "dose-response"\nhue = "treatment"', "does not show target.allele"),
        ('kind = "allele-shift"\nselect = { "target.allele" = "X" }', "takes 'X' of"),
    ],
)
def test_a_wrong_figure_is_told_once(write: Write, figure: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(f"[[figure]]\n{figure}\n"))
    assert len(caught.value.problems) == 1
    assert words in caught.value.problems[0]


@pytest.mark.parametrize(
    ("old", "new", "figure", "words"),
    [
        ('"target_unoccupied", ', "", "occupancy-vs-degradation", "needs target_unoccupied"),
        ('relative_to = "vehicle"', "", "allele-shift", "set readout.relative_to"),
        ('"ternary", ', "", "ternary-bell", "names 'ternary', which is not read out"),
    ],
)
def test_what_a_figure_needs_is_asked_for(
    write: Write, old: str, new: str, figure: str, words: str
) -> None:
    path = write(f'[[figure]]\nkind = "{figure}"\n')
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert any(words in line for line in caught.value.problems)


def test_every_wrong_line_of_measurements_is_told(write: Write) -> None:
    path = write('[[figure]]\nkind = "observed-vs-predicted"\npoints = "points.csv"\n')
    bad = POINTS.replace(",10,nM,", ",ten,nM,").replace("C481S", "C481X")
    (path.parent / "points.csv").write_text(bad, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    first, second = caught.value.problems
    assert "points.csv, line 2: value is 'ten'" in first
    assert "points.csv, line 4: target.allele 'C481X'" in second


def test_a_figure_against_dose_needs_that_axis(write: Write) -> None:
    path = write('[[figure]]\nkind = "ternary-bell"\n')
    text = path.read_text(encoding="utf-8").replace("geomspace = [1.0, 1e4, 9]", "values = [5.0]")
    dosed = text.replace('compounds = ["mt-802"]', 'compounds = [{name="mt-802", dose_nM=5.0}]')
    dosed = dosed.replace('compounds = ["ibrutinib"]', 'compounds = [{name="ibrutinib",dose_nM=5}]')
    plain = dosed.replace('[[axis]]\npath = "compound.dose_nM"\nvalues = [5.0]\n', "")
    path.write_text(plain, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"drawn against dose; add an axis compound\.dose_nM"):
        load(path)


def test_networks_of_a_study_are_listed_once(write: Write) -> None:
    study = load(write("")).study
    assert [net.name for net in networks(study, {})] == [
        "BTK WT, MT-802",
        "BTK WT, ibrutinib",
        "BTK C481S, ibrutinib",
    ]
    (one,) = networks(study, {"treatment": "MT-802"})
    assert one.reactions == ps.build_network(study.combinations[0].scenario).reactions


CELLS = '[method]\nkind = "auto"\n[run]\nreplicates = 3\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[figure]]\nkind = "single-cell"\nselect = { "compound.dose_nM" = 10.0 }\n',
            "shows single cells; set method.kind",
        ),
        (CELLS + '[[figure]]\nkind = "dose-response"\n', "but run.replicates is 3"),
    ],
)
def test_figures_of_cells_need_cells_and_others_have_none(
    write: Write, text: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(text))
    (line,) = caught.value.problems
    assert words in line


def test_single_cells_at_one_time_are_drawn_over_doses(write: Write) -> None:
    figure = '[[figure]]\nkind = "single-cell"\ntime_h = 4.0\n'
    assert load(write(CELLS + figure)).figures[0].kind == "single-cell"
    text = (BASE + CELLS + figure).replace('path = "compound.dose_nM"', 'path = "cell.atp_uM"')
    for name in ("mt-802", "ibrutinib"):
        text = text.replace(f'["{name}"]', f'[{{ name = "{name}", dose_nM = 1.0 }}]')
    path = write("")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="is drawn against dose"):
        load(path)
