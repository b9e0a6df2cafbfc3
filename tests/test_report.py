"""The report: one file that loads nothing, says everything, and survives hostile names."""

from __future__ import annotations

import errno
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import protacsim as ps
from protacsim import provenance
from protacsim.config import load
from protacsim.report import Drawing, Finding, Run, page
from protacsim.study import resolved, restored

HOSTILE = "</title><script>alert(1)</script> & \"q\" 'r' <img src=x onerror=y>"
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr", "col"}
SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C" "http://www.w3.org/a.dtd">\n'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="10pt" viewBox="0 0 10 10">\n<metadata><a href="http://x"/></metadata>'
    '<defs><style type="text/css">*{stroke-linejoin: round}</style>'
    '<path id="m1" d="M0 0"/><clipPath id="c1"/></defs>'
    '<g id="axes_1" clip-path="url(#c1)"><use xlink:href="#m1"/>'
    '<image xlink:href="data:image/png;base64,iVBORw0KGgo=" width="9" height="9"/></g></svg>'
)
CONFIG = """schema = "protacsim/1"
title = "A small run"
[scenario]
cell = "molm14"
[[treatment]]
name = "ibrutinib"
compounds = ["ibrutinib"]
[[axis]]
path = "target.allele"
values = ["WT", "L528W"]
[[axis]]
path = "compound.dose_nM"
values = [0.1, 1.0, 10.0, 100.0]
[readout]
observables = ["target_active", "target_unoccupied"]
relative_to = "vehicle"
[[figure]]
kind = "dose-response"
rows = ["target_active"]
[[figure]]
kind = "allele-shift"
rows = ["target_active"]
[[figure]]
kind = "heatmap"
rows = ["target_active"]
y = "target.allele"
"""


class Reader(HTMLParser):
    """Checks that elements close in order, and collects what tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text.replace("<wbr>", ""))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def small_study(title: str = "Is the mutant still inhibited?") -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", treatment="mt-802"),
        axes={"target.allele": ["WT", "C481S"], "compound.dose_nM": [1.0, 10.0, 100.0, 1e3]},
        readout=ps.Readout(["target_total", "ternary"], times_h=[24.0], relative_to="vehicle"),
        title=title,
    )


def made_up(study: ps.Study) -> xr.Dataset:
    """A result with the layout of the study's, without running it."""
    from protacsim.study.describing import template

    found = template(study, study)
    data = found.coordinates.copy()
    for variable in found.variables:
        values = np.zeros(found.shape(variable), variable.dtype)
        if variable.name.endswith("_percent"):
            values = values + np.array([99.0, 60.0, 20.0, 15.0])[None, :, None]
        data[variable.name] = (variable.dims, values, variable.attrs)
    return data


def a_run(study: ps.Study | None = None, **changes: Any) -> Run:
    study = study or small_study()
    data = made_up(study)
    manifest = {
        "resolved": resolved(study),
        "config_sha256": "c" * 64,
        "method": {"used": "ODE(rtol=1e-05)", "reason": "as asked for"},
        "code_and_library_sha256": "d" * 64,
        "versions": {"numpy": "2.0"},
    }
    run = Run(
        study,
        data,
        ps.pharmacology.summary(data),
        [Drawing("dose-response", "01-dose-response", SVG)] * 2,
        "protacsim run small.toml",
        manifest,
    )
    return replace(run, **changes)


@pytest.fixture(scope="module")
def written() -> str:
    return page(a_run())


def test_every_element_closes_and_headings_go_down_by_one(written: str) -> None:
    reader = Reader(written)
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_nothing_is_loaded(written: str) -> None:
    reader = Reader(written)
    assert not [a for tag in ("link", "img", "iframe", "object", "base") for a in reader.all(tag)]
    for tag, attrs in reader.elements:
        inside = "data:image/png;base64," if tag == "image" else "#"
        for name, value in attrs.items():
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                assert value is not None
                assert value.startswith(inside)
    assert "url(http" not in written
    assert "@import" not in written
    policy = next(a["content"] for a in reader.all("meta") if "http-equiv" in a)
    assert policy is not None
    sources = dict(rule.split(maxsplit=1) for rule in policy.split(";"))
    assert sources.pop("default-src") == "'none'"
    assert sources.pop("img-src") == "data:"  # the pixels of heatmaps
    assert set(sources) == {"style-src", "script-src"}


def test_ids_are_unique_and_references_lead_somewhere(written: str) -> None:
    reader = Reader(written)
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', written)
    assert used
    assert set(used) <= set(ids)


def test_every_figure_has_words_and_its_style_stays_with_it(written: str) -> None:
    drawings = Reader(written).all("svg")
    assert len(drawings) == 2
    for number, attrs in enumerate(drawings, 1):
        assert attrs["role"] == "img"
        assert f"Figure {number}" in str(attrs["aria-label"])
        assert f"#figure-{number} * {{" in written
    assert "metadata" not in written


def test_all_constants_and_their_sources_are_there_unverified_first() -> None:
    run = a_run()
    said = Reader(page(run)).text
    every = [e for c in run.study.combinations for e in provenance.constants(c.scenario)]
    shown = [e for e in every if not e.path.endswith("dose_nM")]
    for entry in shown:
        assert entry.path in said
        assert " ".join(entry.source.split()) in said
    first = next(e for e in shown if e.unverified)
    last = next(e for e in shown if e.confidence == "read")
    assert said.index(first.path) < said.index(last.path)


def test_all_reactions_and_rate_constants_are_there() -> None:
    said = Reader(page(a_run())).text
    network = ps.build_network(ps.Scenario(cell="molm14", treatment="mt-802"))
    for reaction in network.reactions:
        assert " ".join(str(reaction).split()) in said
        assert reaction.rate in said


def test_every_column_of_the_summary_is_defined() -> None:
    run = a_run()
    reader = Reader(page(run))
    shown = [name for name in run.summary.columns if not name.endswith("_reason")]
    terms = re.findall(r"<dt>([^<]*)</dt><dd>([^<]+)</dd>", page(run))
    meanings = dict(terms)
    assert set(shown) <= set(meanings)
    assert "above highest dose" in reader.text
    assert meanings["dc50_relative_nM"].endswith("in nM.")


def test_the_question_the_command_and_the_hashes_are_there(written: str) -> None:
    said = Reader(written).text
    for part in (
        "Is the mutant still inhibited?",
        "molm14",
        "BTK, allele WT, C481S",
        "protacsim run small.toml",
        "ODE(rtol=1e-05): as asked for",
        "c" * 64,
        "No point failed.",
    ):
        assert part in said


def test_hostile_words_stay_words() -> None:
    study = small_study(title=HOSTILE)
    treatment = replace(study.scenario.treatment, name=HOSTILE[:60])
    study = replace(study, scenario=replace(study.scenario, treatment=treatment))
    frame = pd.DataFrame({HOSTILE: [HOSTILE], "x\u202e": ["\u202ey"]})
    run = a_run(
        study, findings=[Finding(HOSTILE, frame, HOSTILE, [(HOSTILE, HOSTILE)])], command=HOSTILE
    )
    text = page(run)
    reader = Reader(text)
    assert len(reader.all("script")) == 1
    assert not reader.all("img")
    assert reader.all("title")
    assert HOSTILE in "".join(reader.words)
    assert "\u202e" not in text


def test_failures_are_told_with_advice() -> None:
    run = a_run()
    failed = run.data.copy(deep=True)
    failed["status"][1, 2] = 1
    said = Reader(page(replace(run, data=failed))).text
    assert "1 of 8 points failed" in said
    assert "max_steps" in said
    assert "No point failed" not in said


def test_long_tables_are_cut_and_say_so() -> None:
    run = a_run()
    frame = pd.concat([run.summary] * 400, ignore_index=True)
    text = page(replace(run, summary=frame))
    assert "The first 500 of 800 rows; summary.csv has them all." in Reader(text).text
    assert len(text) < 1_500_000


def test_of_many_draws_only_the_first_are_listed() -> None:
    run = a_run()
    frame = pd.concat([run.summary] * 40, ignore_index=True)
    said = Reader(page(replace(run, summary=frame, draws=True))).text
    assert "The first 12 of 80 rows; summary.csv has them all." in said


def test_findings_stand_above_the_summary_and_in_the_navigation() -> None:
    frame = pd.DataFrame({"parameter": ["compound.kd_target_nM"], "first": [0.25]})
    found = Finding("Sensitivity indices", frame, "Of 8 points.", [("first", "What it makes.")])
    text = page(a_run(findings=[found]))
    reader = Reader(text)
    assert "#sensitivity-indices" in [link["href"] for link in reader.all("a")]
    for part in ("Of 8 points.", "compound.kd_target_nM", "0.25", "What it makes."):
        assert part in reader.text
    assert text.index('id="sensitivity-indices"') < text.index('id="summary"')


def test_columns_of_cells_and_draws_are_explained() -> None:
    from protacsim.report.words import column

    volume = {"distribution": "normal", "mean": 1.0, "sd": 0.1}
    drawn = ps.Sample("patient", 3, over={"cell.volume_pL": volume})
    study = replace(small_study(), samples=(drawn,), method=ps.SSA(), replicates=3)
    data = made_up(small_study())
    for name in ("mean", "sd", "q05", "q50", "q95", "fraction_lost", "cells"):
        assert "cell" in column(name, data, study)
    assert column("patient", data, study) == "The number of the patient."
    assert column("cell.volume_pL", data, study) == "Drawn for each patient: cell.volume_pL, in pL."


def test_equal_runs_give_equal_pages(written: str) -> None:
    assert page(a_run()) == written
    assert os.uname().nodename not in written


def test_a_study_can_be_restored_from_what_a_manifest_says() -> None:
    study = small_study()
    assert restored(resolved(study)) == study
    with pytest.raises(ps.ParameterError, match="this is no study"):
        restored({"scenario": 3})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in a folder of its own."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "small.toml").write_text(CONFIG, encoding="utf-8")
    assert protacsim(folder, "run", "small.toml", "--set", "cell.volume_pL=0.6").returncode == 0
    return folder


def protacsim(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = "from protacsim.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_a_run_writes_its_report_and_again_the_same(finished: Path) -> None:
    path = finished / "results" / "small" / "report.html"
    first = path.read_bytes()
    text = first.decode()
    assert len(Reader(text).all("svg")) == 3
    assert "protacsim run small.toml --set cell.volume_pL=0.6" in Reader(text).text
    assert str(finished) not in text
    assert protacsim(finished, "run", "small.toml", "--set", "cell.volume_pL=0.6").returncode == 0
    assert path.read_bytes() == first


def test_a_full_disk_leaves_the_old_report(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from protacsim.cli import publishing

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = finished / "results" / "small"
    before = (folder / "report.html").read_bytes()
    data = ps.open_results(folder)
    monkeypatch.setattr(publishing, "write_file", full)
    with pytest.raises(ps.StoreError, match=r"report\.html.*free space") as caught:
        publishing.write_report(
            load(finished / "small.toml"), data, publishing.summary_table(data), folder, []
        )
    assert caught.value.exit_code == 5
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.browser
def test_a_browser_shows_every_figure_and_sorts_tables(finished: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = finished / "results" / "small" / "report.html"
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=os.environ["CHROMIUM"], args=["--no-sandbox", "--disable-gpu"]
        )
        said, asked = [], []
        tab = browser.new_page(viewport={"width": 1100, "height": 900})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        assert asked == [path.as_uri()]
        boxes = [drawing.bounding_box() for drawing in tab.locator("figure svg").all()]
        assert all(box and min(box["width"], box["height"]) > 100 for box in boxes)
        table = tab.locator("#summary table")
        column = [h.inner_text() for h in table.locator("thead th").all()].index("ic50_nM")
        head = table.locator("thead th").nth(column)
        for direction in ("ascending", "descending"):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == direction
            cells = table.locator(f"tbody tr td:nth-child({column + 1})")
            values = [cell.get_attribute("data-value") for cell in cells.all()]
            numbers = [float(value) for value in values if value]
            assert values[: len(numbers)] == [value for value in values if value]
            assert numbers == sorted(numbers, reverse=direction == "descending")
        assert tab.evaluate("document.documentElement.scrollWidth") == 1100
        assert tab.locator("#assumptions .wide").first.evaluate(
            "table => table.scrollWidth <= table.clientWidth"
        )
        tab.set_viewport_size({"width": 400, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") == 400
        narrowed = [drawing.bounding_box() for drawing in tab.locator("figure svg").all()]
        assert [box and box["width"] for box in narrowed] == [box and box["width"] for box in boxes]
        bare = browser.new_context(java_script_enabled=False).new_page()
        bare.goto(path.as_uri())
        assert bare.locator("#summary tbody tr").count() == 2
        assert bare.locator("thead button").count() == 0
        browser.close()
    assert said == []
