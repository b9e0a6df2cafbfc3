"""Mistakes that users made, and the one sentence each is answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protacsim as ps
from protacsim import config
from protacsim.errors import ConfigError, ParameterError, StoreError
from protacsim.scenario import paths
from protacsim.store import changes, read_manifest
from protacsim.study import run_to_store
from protacsim.validation import closest, one_of

BASE = """schema = "protacsim/1"
title = "t"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1.0, 1e5, 12]
[readout]
observables = ["target_total"]
relative_to = "vehicle"
"""
FIT = """
[fit]
data = "m.csv"
[[fit.parameters]]
path = "compound.kd_ligase_nM"
low = 10.0
high = 1e4
"""
FIGURE = '\n[[figure]]\nkind = "dose-response"\n'
UNQUOTED = """
[[sample]]
dim = "cell_id"
n = 4
over.cell.proteins.BTK.half_life_h.distribution = "library"
"""
SAMPLE = """
[[sample]]
dim = "patient"
n = 4
over."compound.{path}" = {{ distribution = "uniform", low = {low}, high = {high} }}
"""
SENSITIVITY = """
[sensitivity]
n = 8
over."cell.volume_pL" = { distribution = "lognormal", median = 0.5, cv = 0.2 }
"""
ROWS = "quantity,value,unit,compound.dose_nM\ntarget_total_percent,95,%,3\n"
PROTEIN = 'cell = { name = "molm14", proteins.Btk.half_life_h = 5 }'
KEPT = "[1.0, 1e5, 12]"
JSON = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab")
KEYS = st.sampled_from(["name", "path", "compound", "values"])


def changed(old: str, new: str, text: str = BASE) -> str:
    assert old in text
    return text.replace(old, new)


def said(tmp_path: Path, text: str, csv: str = ROWS) -> list[str]:
    """What is wrong with a configuration, without the name of its file."""
    (tmp_path / "m.csv").write_text(csv, encoding="utf-8")
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    return [line.removeprefix(f"{path}: ") for line in caught.value.problems]


MISTAKES = {
    "unknown key in a list": (
        BASE + changed("low =", "lower =", FIT),
        "fit.parameters[1].lower is no known key; did you mean 'low'?",
    ),
    "bounds the wrong way round": (
        BASE + changed("1e4", "1.0", FIT),
        "fit.parameters[1]: low = 10 must be below high = 1.",
    ),
    "bound of zero": (
        BASE + changed("10.0", "0", FIT),
        "fit.parameters[1]: low = 0 must be above 0.",
    ),
    "text for a list": (
        BASE + FIT + 'per = "treatment"\n',
        "fit.parameters[1].per is 'treatment'; must be a list.",
    ),
    "misspelt key that is needed": (
        changed("cell =", "cel ="),
        "scenario.cel is no known key; did you mean 'cell'?",
    ),
    "dose without its unit": (
        changed("compound.dose_nM", "compound.dose"),
        "compound.dose is no known path; did you mean 'compound.dose_nM'?",
    ),
    "protein in other letters": (
        changed('cell = "molm14"', PROTEIN),
        "scenario.cell: proteins.Btk: no such protein; did you mean 'BTK'?",
    ),
    "path without quotes": (
        BASE + UNQUOTED,
        'not quoted; write over."cell.proteins.BTK.half_life_h"',
    ),
    "key twice": (
        changed('title = "t"', 'title = "t"\ntitle = "u"'),
        "line 3, 'title = \"u\"': this key stands twice",
    ),
    "no value": (changed('title = "t"', "title ="), "line 2, 'title =': here a value is missing"),
    "no quotes": (changed('"t"', "t"), "line 2, 'title = t': here a value is missing, or is text"),
    "curly quotes": (changed('"t"', "“t”"), "line 2, 'title = “t”': curly quotes"),
    "open quotes": (changed('"t"', '"t'), "line 2, 'title = \"t': a text lacks its closing"),
    "open list": (
        changed(KEPT, "[1.0, 1e5, 12"),
        "line 9, 'geomspace = [1.0, 1e5, 12': this list lacks its ]",
    ),
    "open table name": (changed("[readout]", "[readout"), "line 10, '[readout': the name of a"),
    "no equals sign": (changed("title =", "title"), "line 2, 'title \"t\"': a key is followed by"),
    "table twice": (BASE + "[readout]\n", "line 13, '[readout]': this table stands twice"),
    "unit without quotes": (
        changed('"t"', "2 day"),
        "line 2, 'title = 2 day': something stands behind the value",
    ),
    "another syntax": (changed('"t"', "0x"), "line 2, 'title = 0x': "),
    "four entries": (
        changed(KEPT, "[0, 1, 1e4, 6]"),
        "axis.geomspace is [0, 1, 10000.0, 6]; write [first, last, number of values]",
    ),
    "no list": (changed(KEPT, "5"), "axis.geomspace is 5; write [first, last, number of values]"),
    "one value between two": (
        changed(KEPT, "[0.1, 1e4, 1]"),
        "one value between 0.1 and 10000; raise the number of values, or write values = [0.1]",
    ),
    "one value on a line": (
        changed(f"geomspace = {KEPT}", "linspace = [0, 5, 1]"),
        "one value between 0 and 5;",
    ),
    "single brackets": (
        BASE + changed("[[fit.parameters]]", "[fit.parameters]", FIT),
        "write each as a [[fit.parameters]] table",
    ),
    "times out of order": (
        changed("[readout]", "[readout]\ntimes_h = [24, 5]"),
        "readout.times_h: times_h must increase, but 5 h stands after 24 h",
    ),
    "per what does not vary": (
        BASE + FIT + 'per = ["treatment"]\n',
        'per = ["treatment"] needs several treatments, cells or alleles; this study has one: leave',
    ),
    "draws of a single dose's interval": (
        BASE + SAMPLE.format(path="every_h", low=6, high=24),
        "sample patient, path compound.every_h: draws reach 6, where every_h = 6 and "
        "doses = 1: repeated dosing needs both, every_h in h and doses of at least 2.",
    ),
    "draws out of bounds": (
        BASE + SAMPLE.format(path="fraction_unbound_cell", low=0.5, high=1.5),
        "path compound.fraction_unbound_cell: draws reach 1.5, but must be at most 1; move low and",
    ),
    "axis in words": (
        changed(f"geomspace = {KEPT}", 'values = ["1,5 uM", 3]'),
        "axis compound.dose_nM: '1,5 uM' is no quantity; write a number in nM, or text such as "
        '"0.1 uM", with a point for the decimals',
    ),
    "reading of a curve without doses": (
        changed("[[axis]]", "[[axis]]\nzip = 'x'", BASE)
        .replace("compound.dose_nM", "cell.atp_uM")
        .replace('["mt-802"]', '[{ name = "mt-802", dose_nM = 10 }]')
        + '[sensitivity]\nreadouts = ["dc50_relative_nM"]\n'
        'over."cell.volume_pL" = { distribution = "uniform", low = 1, high = 2 }\n',
        "names 'dc50_relative_nM', which is read off a curve over doses; add an axis compound.dose",
    ),
    "no such ligase": (
        changed(
            '["mt-802"]', '[{ name = "x", custom = true, kind = "degrader", kd_target_nM = 1 }]'
        ),
        'compound x: a degrader needs its ligase, such as ligase = "CRBN", and kd_ligase_nM',
    ),
    "own compound": (
        changed('["mt-802"]', '[{ name = "my-drug", kd_target_nM = 1 }]'),
        "use one of these, or set custom = true for a compound of your own",
    ),
    "draws in a curve": (
        BASE + SENSITIVITY + FIGURE,
        "figure is a dose-response, which cannot show the 32 draws of [sensitivity]; use "
        'kind = "sensitivity"',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_once_and_in_own_words(tmp_path: Path, name: str) -> None:
    text, words = MISTAKES[name]
    (line,) = said(tmp_path, text)
    assert words in line


BAD_DATA = {
    "limit": (ROWS.replace("95", "<95"), "line 2: value is '<95'; write the number alone, and <"),
    "empty": ("", "m.csv: has no measurement"),
    "header alone": ("quantity,value,unit\n", "m.csv: has no measurement"),
    "column": (
        ROWS.replace("unit", "units") + "target_total_percent,60,%,30\n",
        "m.csv, line 1: column 'units' is not known; did you mean 'unit'?",
    ),
    "no column": ("value,unit\n5,%\n6,%\n", "m.csv, line 1: the header has no column quantity"),
    "part of a name": (
        ROWS.replace("target_total_percent", "dc50_nM"),
        "quantity 'dc50_nM': did you mean 'dc50_relative_nM' or 'dc50_absolute_nM'?",
    ),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_a_file_that_is_fitted_and_drawn_is_complained_of_once(tmp_path: Path, name: str) -> None:
    csv, words = BAD_DATA[name]
    (line,) = said(tmp_path, BASE + FIT + FIGURE + 'points = "m.csv"\n', csv)
    assert words in line


def test_words_that_contain_all_parts_of_what_was_typed_come_first() -> None:
    doses = ["compound.dose_nM", "compounds.mt-802.doses"]
    assert closest("compound.dose", doses) == "compound.dose_nM"
    potencies = ["ic50_nM", "dc50_relative_nM", "dc50_absolute_nM"]
    assert one_of("dc50_nM", potencies).startswith(
        "did you mean 'dc50_relative_nM' or 'dc50_absolute_nM'? Known: "
    )
    assert closest("ic50_nM", potencies) == "ic50_nM"
    assert closest("k_ub", ["k_dub_free_per_h", "k_ub_per_h"]) == "k_ub_per_h"


def test_only_what_can_be_an_axis_is_listed() -> None:
    listed = paths(ps.Scenario(cell="molm14", treatment="mt-802"))
    fields = {path.removeprefix("compound.") for path in listed if path.startswith("compound.")}
    assert {"dose_nM", "ki_target_nM", "cooperativity", "basis"} <= fields
    assert not {"folds", "kind", "hypothetical", "neosubstrates", "compartment"} & fields


def test_an_axis_of_equal_ends_may_have_one_value(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(changed(KEPT, "[3.0, 3.0, 1]"))
    assert config.load(path).study.axes[0].values == (3.0,)


# ---- results of another study ---------------------------------------------------------------


def loaded(tmp_path: Path, *changes: str, text: str = BASE) -> config.Job:
    (tmp_path / "a.toml").write_text(changed(KEPT, "[1.0, 10.0, 2]", text))
    return config.load(tmp_path / "a.toml", changes)


def numbers_of(folder: Path) -> dict[str, bytes]:
    data = folder / "data.zarr"
    files = (path for path in data.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {str(path.relative_to(data)): path.read_bytes() for path in files}


def test_a_new_title_keeps_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "r"
    run_to_store(loaded(tmp_path).study, folder)
    before = numbers_of(folder)
    monkeypatch.setattr("protacsim.study.running.compute", lambda *_: pytest.fail("computed anew"))
    run_to_store(loaded(tmp_path, "title=new").study, folder)
    assert numbers_of(folder) == before
    assert ps.open_results(folder).attrs["title"] == "new"
    assert read_manifest(folder)["resolved"]["title"] == "new"


OTHER_STUDIES = {
    "doses": (
        changed("[1.0, 1e5, 12]", "[1.0, 100.0, 3]"),
        "axis compound.dose_nM had [1.0, 10.0], has [1.0, 10.0, 100.0].",
    ),
    "many doses": (
        changed("1e5, 12", "1e4, 9"),
        "axis compound.dose_nM had [1.0, 10.0], has 9 values (1 to 10000).",
    ),
    "cell": (changed('"molm14"', '"ramos"'), 'cell was "molm14", is "ramos".'),
    "constants": (
        changed('"mt-802"', '{ name = "mt-802", kd_ligase_nM = 50.0, start_h = 1.0 }'),
        "compounds.mt-802.kd_ligase_nM was 157.0, is 50.0; compounds.mt-802.start_h was 0.0",
    ),
    "protein": (
        changed('"molm14"', '{ name = "molm14", proteins.BTK.half_life_h = 5.0 }'),
        "cell.proteins.BTK.half_life_h was 30.0, is 5.0.",
    ),
    "axis": (
        changed("[readout]", '[[axis]]\npath = "target.allele"\nvalues = ["WT"]\n[readout]'),
        "axis target.allele is new.",
    ),
    "seed": (BASE + "[run]\nseed = 2\n", "run.seed was 1, is 2."),
}


@pytest.mark.parametrize("name", OTHER_STUDIES)
def test_another_study_is_told_apart_by_paths_of_the_configuration(
    tmp_path: Path, name: str
) -> None:
    text, words = OTHER_STUDIES[name]
    run_to_store(loaded(tmp_path).study, tmp_path / "r")
    text = text.replace(KEPT, "[1.0, 10.0, 2]")
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(StoreError) as caught:
        run_to_store(config.load(tmp_path / "a.toml").study, tmp_path / "r")
    sentence = str(caught.value)
    assert f"something else: {words}" in sentence
    assert "grid" not in sentence
    assert "resolved" not in sentence


def test_lists_of_equal_ends_are_told_apart() -> None:
    old, new = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.5, 3.0, 4.0, 5.0]
    (phrase,) = changes.differences(old, new, "resolved.axes.x")
    assert phrase == "axis x had other values, has 5 values (1 to 5)"


def test_the_order_of_axes_counts() -> None:
    axes = [{"path": "a", "values": [1.0]}, {"path": "b", "values": [1.0]}]
    (phrase,) = changes.differences(axes, axes[::-1], "resolved.axes")
    assert phrase == "axes had the order a, b, has b, a"


@given(st.recursive(JSON, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)), st.data())
def test_no_difference_goes_unnoticed(plan: Any, data: st.DataObject) -> None:
    other = data.draw(st.recursive(JSON, st.lists))
    for now in (plan, other):
        found = changes.changed({"resolved": plan}, {"resolved": now}, ["resolved"])
        assert bool(found) == (plan != now)


# ---- fits that miss the data ----------------------------------------------------------------


def fitted(values: list[float]):
    """A fit of one constant to percentages at four doses."""
    treated = ps.Scenario(cell="molm14", treatment="mt-802")
    study = ps.Study(
        treated,
        axes={"compound.dose_nM": np.geomspace(1.0, 1e5, 12)},
        readout=ps.Readout(["target_total"], relative_to="vehicle"),
    )
    rows = [
        {
            "quantity": "target_total_percent",
            "value": value,
            "unit": "%",
            "sd": 5.0,
            "compound.dose_nM": dose,
        }
        for value, dose in zip(values, (3.0, 30.0, 300.0, 1e4), strict=True)
    ]
    rows.append({"quantity": "dmax_percent", "value": 10.0, "unit": "%", "operator": ">"})
    unknown = ps.Parameter("compound.kd_ligase_nM", low=10.0, high=1e4)
    return ps.fit(study, rows, [unknown], starts=1)


@pytest.mark.parametrize(
    ("values", "misses"), [([97.0, 58.0, 25.0, 71.0], 0), ([95.0, 62.0, 22.0, 40.0], 1)]
)
def test_a_fit_says_whether_it_meets_the_data(values: list[float], misses: int) -> None:
    found = fitted(values)
    assert found.attrs["misses_data"] == misses
    assert found.attrs["degrees_of_freedom"] == 3


def test_a_quantity_of_rows_in_python_is_checked_likewise() -> None:
    with pytest.raises(ParameterError, match=r"write the number alone, and > in the column"):
        fitted(["> 97", 58.0, 25.0, 71.0])  # type: ignore[list-item]
