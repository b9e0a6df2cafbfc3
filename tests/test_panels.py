"""What `check` accepts is drawn: random choices of columns, hue, axes and select of each kind."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import pytest
from hypothesis import HealthCheck, given, settings

import protacsim as ps
from protacsim.cli.figures import drawn
from protacsim.config import FIGURES, load
from protacsim.config.panels import ROLES
from protacsim.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"
HEAD = 'schema = "protacsim/1"\ntitle = "panels"\n[scenario]\ncell = "molm14"\n'
ONE = '[[treatment]]\nname = "MT-802"\ncompounds = ["mt-802"]\n'
TWO = ONE + '[[treatment]]\nname = "ibrutinib"\ncompounds = ["ibrutinib"]\n'
BOTH = '[[treatment]]\ncompounds = ["mt-802", "ibrutinib"]\n'
SAMPLE = """[[sample]]
dim = "patient"
n = 3
over."cell.proteins.CRBN.abundance_nM" = { distribution = "lognormal", median = 13.0, cv = 0.4 }
"""


def axis(path: str, values: str, zip_: str = "") -> str:
    end = f'zip = "{zip_}"\n' if zip_ else ""
    return f'[[axis]]\npath = "{path}"\nvalues = {values}\n{end}'


def readout(relative_to: str = "vehicle", times_h: str = "[4.0, 24.0]") -> str:
    names = '["target_total", "target_active", "target_unoccupied", "ternary"]'
    base = f'relative_to = "{relative_to}"\n' if relative_to else ""
    return f"[readout]\nobservables = {names}\ntimes_h = {times_h}\n{base}"


ALLELES = axis("target.allele", '["WT", "C481S"]')
DOSES = axis("compound.dose_nM", "[1.0, 10.0, 100.0, 1000.0]")
DESIGNS = axis("compound.cooperativity", "[1.0, 10.0]")
ZIPPED = axis("cell.proteins.CRBN.abundance_nM", "[5.0, 10.0]", "pair") + axis(
    "cell.proteins.BTK.half_life_h", "[20.0, 40.0]", "pair"
)
CHECKERBOARD = axis("compounds.mt-802.dose_nM", "[1.0, 10.0, 100.0]") + axis(
    "compounds.ibrutinib.dose_nM", "[0.0, 10.0]"
)
CELLS = '[method]\nkind = "auto"\n[run]\nreplicates = 3\n'
BASES = {
    "treatments": HEAD + TWO + ALLELES + DOSES + readout(),
    "designs": HEAD + ONE + ALLELES + DESIGNS + DOSES + readout(),
    "patients": HEAD + ONE + ALLELES + DOSES + SAMPLE + readout(),
    "zipped": HEAD + ONE + ZIPPED + DOSES + readout(),
    "checkerboard": HEAD + BOTH + CHECKERBOARD + readout("untreated"),
    "no reference": HEAD + ONE + ALLELES + DOSES + readout(""),
    "cells": HEAD + TWO + ALLELES + DOSES + readout() + CELLS,
    "one time": HEAD + ONE + DESIGNS + DOSES + readout(times_h="[24.0]"),
}
VEHICLE_ONLY = HEAD + ONE + axis("compound.dose_nM", "[0.0]") + readout()
VALUES = {
    "target.allele": '"C481S"',
    "treatment": '"ibrutinib"',
    "compound.dose_nM": "10.0",
    "compound.cooperativity": "1.0",
    "cell.proteins.CRBN.abundance_nM": "5.0",
    "compounds.mt-802.dose_nM": "10.0",
    "compounds.ibrutinib.dose_nM": "10.0",
}
KINDS = sorted(set(ROLES) - {"single-cell"})


@st.composite
def figures(draw: st.DrawFn, kinds: list[str], dims: list[str]) -> str:
    kind = draw(st.sampled_from(kinds))
    lines = [f'kind = "{kind}"']
    for what in ("columns", "hue", "x", "y"):
        chosen = draw(st.sampled_from([None, *dims])) if what in FIGURES[kind] else None
        lines += [f'{what} = "{chosen}"'] if chosen else []
    if kind == "heatmap":
        lines.append(f'rows = ["{draw(st.sampled_from(["ternary", "dmax_percent"]))}"]')
    known = [dim for dim in dims if dim in VALUES]
    chosen = draw(st.lists(st.sampled_from(known), max_size=2, unique=True))
    select = ", ".join(f'"{dim}" = {VALUES[dim]}' for dim in chosen)
    return "\n".join(["[[figure]]", *lines, f"select = {{ {select} }}"])


@pytest.mark.jit_only
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("base", BASES)
def test_what_is_accepted_is_drawn(tmp_path: Path, base: str) -> None:
    config = tmp_path / "a.toml"
    config.write_text(BASES[base])
    data = ps.run(load(config).study)
    dims = [str(dim) for dim in (*data.dims, *data.coords) if str(dim) in (*VALUES, *data.dims)]
    dims = [dim for dim in dict.fromkeys(dims) if dim not in ("time_h", "replicate")]
    accepted = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(figures(["single-cell"] if base == "cells" else KINDS, dims))
    def check(figure: str) -> None:
        config.write_text(f"{BASES[base]}{figure}\n")
        try:
            job = load(config)
        except ConfigError:
            return
        drawn(data, job.figures[0], job.study, tmp_path)
        plt.close("all")
        accepted.add(job.figures[0].kind)

    check()
    assert accepted


@pytest.mark.parametrize(
    ("base", "figure", "words"),
    [
        ("patients", 'kind = "dose-response"', "does not show patient; make it the columns or"),
        (
            "checkerboard",
            'kind = "ternary-bell"',
            "drawn against one dose, but the axes have compounds.mt-802.dose_nM and "
            "compounds.ibrutinib.dose_nM; choose one value of the other with select",
        ),
        (
            "designs",
            'kind = "heatmap"\nrows = ["dmax_percent"]\ny = "compound.cooperativity"',
            "shows dmax_percent, which is read off curves: it needs readout.relative_to, and an "
            "axis compound.dose_nM that is not shown",
        ),
        (
            "designs",
            'kind = "heatmap"\ny = "compound.cooperativity"\n'
            'select = { "target.allele" = "WT", "compound.dose_nM" = 10.0 }',
            "has x = 'compound.dose_nM', of which select takes one value; drop either",
        ),
        (
            "one time",
            'kind = "species-flow"\ncolumns = "compound.cooperativity"\n'
            'select = { "compound.dose_nM" = 10.0 }',
            "needs several doses or times; add an axis compound.dose_nM, or times to readout",
        ),
        (
            "vehicle only",
            'kind = "dose-response"',
            "has no dose above 0 nM to draw; add one to the axis compound.dose_nM",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told_before_the_run(
    tmp_path: Path, base: str, figure: str, words: str
) -> None:
    config = tmp_path / "a.toml"
    config.write_text(f"{(BASES | {'vehicle only': VEHICLE_ONLY})[base]}[[figure]]\n{figure}\n")
    with pytest.raises(ConfigError) as caught:
        load(config)
    (line,) = caught.value.problems
    assert words in line


@pytest.mark.jit_only
def test_curves_run_along_the_only_dose_by_whatever_name(tmp_path: Path) -> None:
    from protacsim import pharmacology

    found = []
    for path in ("compound.dose_nM", "compounds.mt-802.dose_nM"):
        config = tmp_path / "a.toml"
        config.write_text(HEAD + ONE + axis(path, "[1.0, 10.0, 100.0, 1000.0]") + readout())
        found.append(pharmacology.summary(ps.run(load(config).study)))
    assert found[0].equals(found[1])


@pytest.mark.jit_only
def test_a_dose_of_one_compound_among_several_has_its_name_on_the_axis(tmp_path: Path) -> None:
    from protacsim import plot

    config = tmp_path / "a.toml"
    config.write_text(BASES["checkerboard"])
    data = ps.run(load(config).study)
    hue = "compounds.ibrutinib.dose_nM"
    assert plot.dose_response(data, hue=hue).get_xlabel() == "mt-802 dose (nM)"
    figure = plot.species_flow_sheet(data, columns=hue)
    assert {ax.get_xlabel() for ax in figure.axes} == {"mt-802 dose (nM)"}


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("", 'write select = { neosubstrate = "IKZF1" } or another; known: IKZF1, IKZF3'),
        ('select = { neosubstrate = "IKZF2" }', "did you mean 'IKZF"),
    ],
)
def test_a_figure_shows_one_neosubstrate(tmp_path: Path, select: str, words: str) -> None:
    shipped = (CONFIGS / "neosubstrates.toml").read_text()
    config = tmp_path / "a.toml"
    config.write_text(shipped.replace('select   = { neosubstrate = "IKZF1" }', select))
    with pytest.raises(ConfigError) as caught:
        load(config)
    (line,) = caught.value.problems
    assert "figure[2] shows neosubstrate_total of one neosubstrate" in line
    assert words in line
