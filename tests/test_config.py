"""Configuration files, good and broken: the whole grammar, and every mistake in one run.

What a message must say is written out here from the design; documents are mutated at random to
show that nothing but a `Job` or a `ConfigError` ever comes back.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protacsim.config import SCHEMA, Document, Job, json_schema, load
from protacsim.errors import ConfigError, ParameterError
from protacsim.scenario import numbers

CONFIGS = sorted((Path(__file__).parents[1] / "configs").rglob("*.toml"))

SMALL = """
schema = "protacsim/1"
title = "small"
[scenario]
cell = "molm14"
target = { name = "BTK", allele = "WT" }
[scenario.ubiquitination]
chain_on_release = "kept"
[[treatment]]
name = "MT-802"
compounds = [{ name = "mt-802" }]
[[treatment]]
name = "ibrutinib, then MT-802"
compounds = [
    { name = "ibrutinib", dose_nM = 1000.0, start_h = -24.0, stop_h = 0.0 },
    { name = "mt-802" },
]
[[axis]]
path = "target.allele"
values = ["WT", "C481S"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-2, 1e5, 8]
[readout]
observables = ["target_total", "target_active", "ternary"]
times_h = [4.0, 24.0]
relative_to = "vehicle"
[method]
kind = "ode"
[run]
seed = 1
replicates = 1
on_error = "mask"
[[figure]]
kind = "dose-response"
rows = ["target_total", "ternary"]
columns = "treatment"
hue = "target.allele"
time_h = 24.0
width_mm = 180
"""

SAMPLE = """
[[sample]]
dim = "cell_id"
n = 200
design = "random"
over."cell.proteins.CRBN.abundance_nM" = { distribution = "lognormal", median = 13.0, cv = 0.4 }
"""
FIT = """
[fit]
data = "a.csv"
parameters = [{ path = "compound.kd_target_nM", low = 1, high = 9 }]
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str | bytes, name: str = "a.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


Writer = Callable[..., Path]


def changed(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


def mistakes(path: Path, overrides: Mapping[str, Any] | Sequence[str] = ()) -> list[str]:
    """What is wrong with a file, without its name; fails when nothing is."""
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    found = list(caught.value.problems)
    assert found
    assert len(found) == len(set(found))
    for problem in found:
        assert problem.startswith(f"{path}: "), problem
        assert problem.isprintable(), problem
        assert problem.endswith(".")
        assert len(problem) < 2000
    return [problem.removeprefix(f"{path}: ") for problem in found]


def scenario_numbers(job: Job) -> dict[str, float]:
    return numbers(job.study.scenario)


# ---- good files -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_configuration_checks(path: Path) -> None:
    job = load(path)
    assert job.study.title
    assert job.source == path


def test_some_configurations_are_shipped() -> None:
    assert len(CONFIGS) >= 2


def test_the_grammar_is_read(written: Writer) -> None:
    job = load(written(SMALL))
    study = job.study
    assert study.title == "small"
    assert study.dims == {"treatment": 2, "target.allele": 2, "compound.dose_nM": 8}
    assert study.points == 32
    assert study.readout.observables == ("target_total", "target_active", "ternary")
    assert study.readout.times_h == (4.0, 24.0)
    assert study.readout.relative_to == "vehicle"
    assert (study.seed, study.replicates, study.on_error) == (1, 1, "mask")
    doses = study.axes[-1].values
    assert doses == pytest.approx([10.0**k for k in range(-2, 6)])
    both = study.axes[0].values
    assert [each.varied for each in both] == ["mt-802", "mt-802"]
    assert both[1].compounds[0].schedule.start_h == -24.0
    (figure,) = job.figures
    assert figure.rows == ("target_total", "ternary")
    assert (figure.columns, figure.hue, figure.time_h) == ("treatment", "target.allele", 24.0)


def test_the_smallest_file(written: Writer) -> None:
    job = load(written('schema = "protacsim/1"\n[scenario]\ncell = "molm14"\n'))
    assert job.study.scenario.target.name == "BTK"
    assert job.study.scenario.allele.name == "WT"
    assert job.study.points == 1
    assert job.figures == ()


@pytest.mark.parametrize(
    "text", [SMALL.replace("\n", "\r\n"), "\ufeff" + SMALL], ids=["crlf", "byte-order mark"]
)
def test_files_of_other_editors(written: Writer, text: str) -> None:
    assert load(written(text)).sha256 == load(written(SMALL, "b.toml")).sha256


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ('cell = "molm14"', 'cell = { name = "molm14" }'),
        ('cell = "molm14"', 'cell = "MOLM-14"'),
        ('{ name = "BTK", allele = "WT" }', '"BTK"'),
        ('allele = "WT"', 'allele = { name = "WT" }'),
        ('compounds = [{ name = "mt-802" }]', 'compounds = ["mt-802"]'),
        ('compounds = [{ name = "mt-802" }]', 'compounds = "MT802"'),
        ("geomspace = [1e-2, 1e5, 8]", "values = [1e-2, 1e-1, 1, 10, 100, 1e3, 1e4, 1e5]"),
        ("times_h = [4.0, 24.0]", "times_h = [4, 24]"),
        ('[method]\nkind = "ode"\n', ""),
    ],
)
def test_two_ways_of_writing_the_same(written: Writer, short: str, long: str) -> None:
    one, other = load(written(SMALL)).study, load(written(changed(short, long))).study
    assert one.scenario == other.scenario
    assert one.readout == other.readout
    assert one.method == other.method
    for mine, theirs in zip(one.axes[1:], other.axes[1:], strict=True):
        assert mine.path == theirs.path
        if isinstance(mine.values[0], float):
            assert mine.values == pytest.approx(theirs.values, rel=1e-12)


def test_overrides_of_library_entries(written: Writer) -> None:
    cell = '{ name = "molm14", volume_pL = 2, proteins.CRBN.abundance_copies = 1000 }'
    found = scenario_numbers(load(written(changed('"molm14"', cell))))
    assert found["cell.volume_pL"] == 2.0
    assert found["cell.proteins.CRBN.abundance_copies"] == 1000.0
    assert "cell.proteins.CRBN.abundance_nM" not in found
    assert found["cell.proteins.BTK.abundance_nM"] == 780.0


@pytest.mark.parametrize(
    ("old", "new", "path", "value"),
    [
        (
            '{ name = "mt-802" }]',
            '{ name = "mt-802", kon_target_per_nM_per_h = "1e6 1/M/s" }]',
            "compounds.mt-802.kon_target_per_nM_per_h",
            3.6,
        ),
        (
            '{ name = "mt-802" }]',
            '{ name = "mt-802", kd_target_nM = "0.1 uM" }]',
            "compounds.mt-802.kd_target_nM",
            100.0,
        ),
        (
            '"molm14"',
            '{ name = "molm14", proteins.BTK.half_life_h = "116 h" }',
            "cell.proteins.BTK.half_life_h",
            116.0,
        ),
        ('chain_on_release = "kept"', 'k_ub_per_h = "1 1/s"', "ubiquitination.k_ub_per_h", 3600.0),
    ],
)
def test_text_with_a_unit(written: Writer, old: str, new: str, path: str, value: float) -> None:
    job = load(written(changed(old, new)))
    assert scenario_numbers(job)[path] == pytest.approx(value)


def test_units_in_axes_times_and_figures(written: Writer) -> None:
    text = changed("geomspace = [1e-2, 1e5, 8]", 'geomspace = ["10 pM", "100 uM", 8]')
    text = text.replace("[4.0, 24.0]", '["240 min", "1 day"]').replace(
        "time_h = 24.0", 'time_h = "1 day"'
    )
    job = load(written(text))
    assert job.study.axes[-1].values == pytest.approx([10.0**k for k in range(-2, 6)])
    assert job.study.readout.times_h == pytest.approx((4.0, 24.0))
    assert job.figures[0].time_h == pytest.approx(24.0)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("values = [1, 2.5]", [1.0, 2.5]),
        ('values = ["1 nM", "0.1 uM", 500]', [1.0, 100.0, 500.0]),
        ("values = [0.0, 10]", [0.0, 10.0]),
        ("linspace = [0, 10, 5]", [0.0, 2.5, 5.0, 7.5, 10.0]),
        ("linspace = [10, 0, 3]", [10.0, 5.0, 0.0]),
        ("linspace = [3, 3, 1]", [3.0]),
        ("geomspace = [1, 1000, 4]", [1.0, 10.0, 100.0, 1000.0]),
        ("geomspace = [1000, 1, 4]", [1000.0, 100.0, 10.0, 1.0]),
    ],
)
def test_values_of_an_axis(written: Writer, spelled: str, expected: list[float]) -> None:
    job = load(written(changed("geomspace = [1e-2, 1e5, 8]", spelled)))
    assert job.study.axes[-1].values == pytest.approx(expected)
    assert all(isinstance(value, float) for value in job.study.axes[-1].values)


def test_zipped_axes_share_one_dim(written: Writer) -> None:
    pair = 'zip = "patient"\n[[axis]]\npath = "cell.volume_pL"\nvalues = [1, 2]\nzip = "patient"'
    text = changed("geomspace = [1e-2, 1e5, 8]", f"values = [5, 6]\n{pair}")
    job = load(written(text.partition("[[figure]]")[0]))
    assert job.study.dims == {"treatment": 2, "target.allele": 2, "patient": 2}


def test_a_preset_fills_what_is_not_given(written: Writer) -> None:
    axis = '[[axis]]\npath = "compound.dose_nM"\nvalues = [1.0]\n'
    head = 'schema = "protacsim/1"\n[scenario]\npreset = "bartlett2021"\n'
    plain = scenario_numbers(load(written(head + axis)))
    assert plain["ubiquitination.chain_length"] == 3.0
    assert plain["cell.volume_pL"] == 0.5
    over = 'cell = { volume_pL = 2 }\nubiquitination = { k_ub_per_h = "1 1/s" }\n'
    job = load(written(head + over + axis))
    assert job.study.scenario.preset == "bartlett2021"
    changes = {path: value for path, value in scenario_numbers(job).items() if plain[path] != value}
    assert changes == {"cell.volume_pL": 2.0, "ubiquitination.k_ub_per_h": 3600.0}
    other = load(written(head + 'cell = "molm14"\n' + axis))
    assert other.study.scenario.cell.name == "molm14"
    assert mistakes(written(head + "cell = { volume_pL = -2 }\n" + axis)) == [
        "scenario.cell.volume_pL is -2; must be above 0 pL."
    ]


def test_every_dose_given_and_no_axis(written: Writer) -> None:
    text = 'schema = "protacsim/1"\n[scenario]\ncell = "molm14"\n[[treatment]]\n'
    job = load(written(text + 'compounds = { name = "mt-802", dose_nM = 100 }\n'))
    assert job.study.points == 1
    assert job.study.scenario.treatment.name == "MT-802"


# ---- mistakes in fields ---------------------------------------------------------------------

TYPOS = [
    # (found, written instead, key path, what was found, what is allowed, closest)
    ('cell = "molm14"', 'cell = "molm15"', ["scenario.cell", "'molm15'", "'molm14'?", "ramos"]),
    ('cell = "molm14"', 'cel = "molm14"', ["scenario.cel", "'cell'?", "ubiquitination"]),
    ('allele = "WT"', 'allele = "L528X"', ["scenario.target", "L528X", "L528W'?", "C481S"]),
    ('name = "BTK"', 'name = "BTX"', ["scenario.target", "'BTX'", "'BTK'?"]),
    ('allele = "WT"', 'alele = "WT"', ["scenario.target.alele", "'allele'?", "name"]),
    ('"kept"', '"keptt"', ["scenario.ubiquitination.chain_on_release", "'keptt'", "'erased'"]),
    (
        "chain_on_release",
        "chain_on_releas",
        ["ubiquitination.chain_on_releas", "'chain_on_release'?"],
    ),
    ('{ name = "mt-802" }]', '{ name = "mt802x" }]', ["treatment[1].compounds[1]", "'mt-802'?"]),
    ("dose_nM = 1000.0", "dose_nMM = 1000.0", ["treatment[2].compounds[1].dose_nMM", "'dose_nM'?"]),
    ("stop_h = 0.0", "stop = 0.0", ["treatment[2].compounds[1].stop", "'stop_h'?"]),
    ("compounds = [{", "compound = [{", ["treatment[1].compound ", "'compounds'?"]),
    ("geomspace", "geomspce", ["axis[2].geomspce", "'geomspace'?", "linspace, path, values"]),
    (
        '"target_total", "target_active"',
        '"target_totl"',
        ["readout.observables", "'target_totl'", "'target_total'?", "ternary"],
    ),
    ('"vehicle"', '"vehicl"', ["readout.relative_to", "'vehicl'", "'vehicle'", "'start'"]),
    ("times_h", "time_h", ["readout.time_h", "'times_h'?"]),
    ('kind = "ode"', 'kind = "odee"', ["method.kind", "'odee'", "'ode'?", "reference"]),
    ('kind = "ode"', "rtoll = 1", ["method.rtoll", "'rtol'?", "atol_nM"]),
    ('on_error = "mask"', 'on_error = "ignore"', ["run.on_error", "'ignore'", "'mask' or 'raise'"]),
    ("seed = 1", "sed = 1", ["run.sed", "'seed'?", "replicates"]),
    ('"dose-response"', '"dose-respons"', ["figure", "dose-respons", "'dose-response'?"]),
    ("columns =", "column =", ["figure.column", "'columns'?", "rows"]),
    ('title = "small"', 'titel = "small"', ["titel", "'title'?", "scenario"]),
    ("[run]", "[runs]", ["runs", "'run'?"]),
]


@pytest.mark.parametrize(("old", "new", "words"), TYPOS, ids=[new for _, new, _ in TYPOS])
def test_a_typo_is_told_with_the_closest_word(
    written: Writer, old: str, new: str, words: list[str]
) -> None:
    found = mistakes(written(SMALL.replace(old, new, 1)))
    (line,) = [line for line in found if "did you mean" in line or "must be" in line]
    for word in words:
        assert word in line


NUMBERS = [
    ("cell = 'molm14'", "volume_pL", "scenario.cell", "pL", "above 0"),
    ("cell = 'molm14'", "atp_uM", "scenario.cell", "uM", "at least 0"),
    ("ubiquitination", "k_ub_per_h", "scenario.ubiquitination", "1/h", "at least 0"),
    ("compound", "kd_target_nM", "treatment[1].compounds[1]", "nM", "above 0"),
    ("compound", "kon_target_per_nM_per_h", "treatment[1].compounds[1]", "1/nM/h", "above 0"),
    ("compound", "permeability_pL_per_h", "treatment[1].compounds[1]", "pL/h", "at least 0"),
    ("compound", "kinact_per_h", "treatment[1].compounds[1]", "1/h", "at least 0"),
    ("compound", "cooperativity", "treatment[1].compounds[1]", "", "above 0"),
    ("compound", "dose_nM", "treatment[1].compounds[1]", "nM", "at least 0"),
]


def with_number(place: str, field: str, value: str) -> str:
    if place == "compound":
        return changed('{ name = "mt-802" }]', f'{{ name = "mt-802", {field} = {value} }}]')
    if place == "ubiquitination":
        return changed('chain_on_release = "kept"', f"{field} = {value}")
    return changed('cell = "molm14"', f'cell = {{ name = "molm14", {field} = {value} }}')


@pytest.mark.parametrize(("place", "field", "at", "unit", "bound"), NUMBERS)
def test_a_number_out_of_bounds(
    written: Writer, place: str, field: str, at: str, unit: str, bound: str
) -> None:
    (line,) = mistakes(written(with_number(place, field, "-3.0")))
    unit = f" {unit}" if unit else ""
    assert line == f"{at}.{field} is -3.0; must be {bound}{unit}."
    for value in ("nan", "inf", "-inf"):
        (line,) = mistakes(written(with_number(place, field, value)))
        assert line.startswith(f"{at}.{field} is {value}; must be a finite number")
    for value in ("true", "[1.0]", "{ a = 1 }", "2020-01-01", "0x" + "f" * 5000):
        (line,) = mistakes(written(with_number(place, field, value)))
        assert line.startswith(f"{at}.{field} is ")
        assert "must be a number" in line
    (line,) = mistakes(written(with_number(place, field, '"3 kelvin"')))
    assert line.startswith(f"{at}.{field}")
    assert "'3 kelvin' has the unit K" in line
    assert f"needs{unit or ' no unit'}" in line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[4.0, 24.0]", "[]", "readout.times_h: times_h is empty; give at least one time in h."),
        (
            "[4.0, 24.0]",
            "[24.0, 4.0]",
            "readout.times_h: times_h must increase, but 4 h stands after 24 h; sort it and drop "
            "repeats.",
        ),
        ("[4.0, 24.0]", "[4.0, nan]", "readout.times_h[2] is nan; must be a finite number."),
        ("seed = 1", "seed = -1", "run.seed is -1; must be at least 0."),
        ("replicates = 1", "replicates = 0", "run.replicates is 0; must be at least 1."),
        ("width_mm = 180", "width_mm = 3", "figure.width_mm is 3; must be at least 40."),
        ('kind = "ode"', "rtol = -1", "method.rtol is -1; must be above 0."),
        (
            'schema = "protacsim/1"',
            'schema = "protacsim/2"',
            "schema is 'protacsim/2'; must be \"protacsim/1\".",
        ),
        ('schema = "protacsim/1"', "", 'schema is missing; write schema = "protacsim/1".'),
        ('title = "small"', "title = 3", "title is 3; must be a text of at most 300 characters."),
        (
            'title = "small"',
            "extends = 3",
            "extends is 3; must be the path of a file, written in this file.",
        ),
    ],
)
def test_one_sentence_for_one_mistake(written: Writer, old: str, new: str, line: str) -> None:
    assert mistakes(written(changed(old, new))) == [line]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("seed = 1", "seed = true", "run.seed"),
        ("seed = 1", "seed = 1.5", "run.seed"),
        ("seed = 1", "seed = 0x" + "f" * 5000, "run.seed"),
        ("seed = 1", 'seed = "one"', "run.seed"),
        ('kind = "ode"', "kind = 3", "method.kind"),
        ('kind = "ode"', 'kind = ["ode"]', "method.kind"),
        ('kind = "ode"', "kind = 0x" + "f" * 5000, "method.kind"),
        ('kind = "ode"', "max_steps = true", "method.max_steps"),
        ('cell = "molm14"', "cell = 3", "scenario.cell"),
        ('cell = "molm14"', 'cell = { name = "molm14", custom = "yes" }', "scenario.cell"),
        ('cell = "molm14"', 'cell = { name = "molm14", proteins = 3 }', "scenario.cell.proteins"),
        ('{ name = "BTK", allele = "WT" }', "3", "scenario.target"),
        ('allele = "WT"', "allele = 3", "scenario.target.allele"),
        (
            'allele = "WT"',
            'allele = { name = "WT", km_atp_uM = -3 }',
            "scenario.target.allele.km_atp_uM",
        ),
        ('[{ name = "mt-802" }]', "[3]", "treatment[1].compounds[1]"),
        ('[{ name = "mt-802" }]', "3", "treatment[1].compounds"),
        ('[{ name = "mt-802" }]', '[[{ name = "mt-802" }]]', "treatment[1].compounds[1]"),
        ('name = "MT-802"', "name = 3", "treatment[1].name"),
        ('name = "MT-802"', 'name = "a\\nb"', "treatment[1].name"),
        ('name = "MT-802"', f'name = "{"x" * 9000}"', "treatment[1].name"),
        ('rows = ["target_total", "ternary"]', "rows = []", "figure.rows"),
        ('rows = ["target_total", "ternary"]', 'rows = "ternary"', "figure.rows"),
        ("[4.0, 24.0]", "true", "readout.times_h"),
        (
            'observables = ["target_total", "target_active", "ternary"]',
            "observables = 3",
            "readout.observables",
        ),
        ('cell = "molm14"', 'cell = "molm14"\npreset = 3', "scenario.preset"),
        ('cell = "molm14"', 'cell = "molm14"\n"a\\nb" = 3', "scenario.a\\nb"),
    ],
)
def test_a_wrong_type_is_told_once_and_short(written: Writer, old: str, new: str, key: str) -> None:
    (line,) = mistakes(written(changed(old, new)))
    assert line.startswith(key)
    assert len(line) < 700


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("[scenario]", "[[scenario]]"),
        ("[[treatment]]", "[treatment]"),
        ("[[axis]]", "[axis]"),
        ("[readout]", "[[readout]]"),
        ("[method]", "[[method]]"),
        ("[run]", "[[run]]"),
        ("[[figure]]", "[figure]"),
    ],
)
def test_a_table_of_the_wrong_kind_says_how_to_write_it(
    written: Writer, header: str, wrong: str
) -> None:
    document = tomllib.loads(SMALL)
    key = header.strip("[]")
    document[key] = document[key][0] if isinstance(document[key], list) else [document[key]]
    (line,) = mistakes(written(as_toml(document)))
    assert line.startswith(f"{key} is ")
    assert header in line
    assert wrong == (header[1:-1] if header.startswith("[[") else f"[{header}]")


def test_every_mistake_of_all_sections_in_one_run(written: Writer) -> None:
    text = SMALL
    for old, new in [
        ('title = "small"', "title = 3\nextra = 1"),
        (
            'cell = "molm14"',
            'cell = { name = "molm14", volume_pL = -1, atp_uM = nan, '
            "proteins.BTK.half_life_h = 0 }",
        ),
        ('"kept"', '"keptt"'),
        ('{ name = "mt-802" }]', '{ name = "mt-802", kd_target_nM = 0, cooperativity = inf }]'),
        ("start_h = -24.0", 'start_h = "3 nM"'),
        ("geomspace = [1e-2, 1e5, 8]", "geomspace = [0, 1e5, 8]"),
        ('["target_total", "target_active", "ternary"]', '["target_totl"]'),
        ('"vehicle"', '"vehicl"'),
        ('kind = "ode"', "rtol = 5"),
        ("seed = 1", "seed = -1"),
        ('on_error = "mask"', 'on_error = "x"'),
        ("width_mm = 180", "width_mm = 1"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    found = mistakes(written(text + SAMPLE.replace("200", "0") + FIT.replace("data", "dat")))
    keys = [line.split(" ")[0].rstrip(":") for line in found]
    assert sorted(keys) == sorted(
        [
            "title",
            "extra",
            "scenario.cell.volume_pL",
            "scenario.cell.atp_uM",
            "scenario.cell.proteins.BTK.half_life_h",
            "scenario.ubiquitination.chain_on_release",
            "treatment[1].compounds[1].kd_target_nM",
            "treatment[1].compounds[1].cooperativity",
            "treatment[2].compounds[1].start_h",
            "axis[2]",
            "readout.observables",
            "readout.relative_to",
            "method.rtol",
            "run.seed",
            "run.on_error",
            "figure.width_mm",
            "sample.n",
            "fit.dat",
        ]
    )


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("values = []", ["no values"]),
        ("values = [1.0, 1.0]", ["1.0 twice"]),
        ("values = [-1.0, 1.0]", ["axis compound.dose_nM", "-1.0", "at least 0 nM"]),
        ("values = [1.0, nan]", ["axis[2].values[2] is nan", "finite"]),
        ("values = [1.0, inf]", ["axis[2].values[2] is inf", "finite"]),
        ("values = [[1.0]]", ["axis[2].values[1] is [1.0]"]),
        ("values = 3.0", ["axis[2].values is 3.0"]),
        ('values = ["1 h"]', ["'1 h' has the unit h", "needs nM"]),
        ('values = ["WT"]', ["'WT' is no quantity", "nM"]),
        ("values = [1.0]\nlinspace = [1, 2, 3]", ["values and linspace", "exactly one"]),
        ("zip = 'a'", ["no values", "exactly one"]),
        ("linspace = [1, 2]", ["axis[2].linspace is [1, 2]; write [first, last, number"]),
        ("linspace = [1, 2, 0]", ["0 values", "between 1 and"]),
        ("linspace = [1, 2, 2.5]", ["axis[2].linspace[3] is 2.5"]),
        ("linspace = [1, 1, 3]", ["1.0 twice"]),
        ("linspace = [1, 2, 3, 4]", ["axis[2].linspace"]),
        ("geomspace = [0, 10, 3]", ["geomspace from 0 to 10", "above 0"]),
        ("geomspace = [-1, 10, 3]", ["geomspace from -1 to 10", "above 0"]),
        ("geomspace = [1, inf, 3]", ["axis[2].geomspace[2] is inf"]),
        ("geomspace = [1, 10, 100000000]", ["100000000 values", "10,000,000"]),
    ],
)
def test_bad_values_of_an_axis(written: Writer, axis: str, words: list[str]) -> None:
    (line,) = mistakes(written(changed("geomspace = [1e-2, 1e5, 8]", axis)))
    assert line.startswith("axis")
    for word in words:
        assert word in line


def test_true_and_false_are_no_doses(written: Writer) -> None:
    found = mistakes(written(changed("geomspace = [1e-2, 1e5, 8]", "values = [true, false]")))
    assert len(found) <= 2
    assert "True" in found[0]
    assert "must be a number" in found[0]


# ---- mistakes across fields -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'path = "compound.dose_nM"',
            'path = "compound.dosee_nM"',
            ["compound", "dosee_nM", "no known path", "dose_nM'?"],
        ),
        (
            'values = ["WT", "C481S"]',
            'values = ["WT", "L528X"]',
            ["axis target.allele", "L528X", "L528W'?"],
        ),
        ('values = ["WT", "C481S"]', "values = [1, 2]", ["axis target.allele", "1.0"]),
        ('values = ["WT", "C481S"]', 'values = [""]', ["axis target.allele", "''"]),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "preset"\nvalues = ["bartlett2021"]',
            ["axis preset", "no known path"],
        ),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "treatment.name"\nvalues = ["a"]',
            ["axis treatment.name", "no known path"],
        ),
        (
            'path = "target.allele"',
            'path = "treatment"',
            ['axis path "treatment" is reserved', "[[treatment]]"],
        ),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "compound.dose_nM"\nvalues = [1.0]',
            ["axis compound.dose_nM is given twice"],
        ),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "compounds.mt-802.dose_nM"\nvalues = [1.0]',
            ["compound.dose_nM", "compounds.mt-802.dose_nM", "same"],
        ),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "cell.proteins.BTK.abundance_nM"\nvalues = [1.0]\n'
            '[[axis]]\npath = "cell.proteins.BTK.abundance_copies"\nvalues = [9.0]',
            ["abundance_nM", "abundance_copies", "same"],
        ),
        (
            'path = "target.allele"\nvalues = ["WT", "C481S"]',
            'path = "ubiquitination.chain_length"\nvalues = [0.5]',
            ["axis ubiquitination.chain_length", "0.5"],
        ),
        (
            'chain_on_release = "kept"',
            "destroyed_from = 9",
            ["destroyed_from = 9", "chain_length = 4"],
        ),
        ('name = "ibrutinib, then MT-802"', 'name = "MT-802"', ["'MT-802' is named twice"]),
        (
            "dose_nM = 1000.0, ",
            "",
            ["ibrutinib (no dose)", "mt-802 (no dose)", "ibrutinib, then MT-802"],
        ),
        ("stop_h = 0.0", "stop_h = -30.0", ["stop_h = -30 h must come after start_h = -24 h"]),
        (
            '{ name = "mt-802" }]',
            '{ name = "mt-802" }, { name = "mt-802" }]',
            ["mt-802 stands twice"],
        ),
        (
            '{ name = "mt-802" }]',
            '{ name = "mt-802", kd_target_nM = 1, '
            "kon_target_per_nM_per_h = 1, koff_target_per_h = 5 }]",
            ["kd_target_nM = 1 nM", "koff_target_per_h = 5", "contradict"],
        ),
        (
            '{ name = "mt-802" }]',
            '{ name = "mt-802", ligase = "MDM2" }]',
            ["no protein MDM2", "BTK, CRBN"],
        ),
        (
            '{ name = "mt-802" }]',
            '{ name = "x", custom = true, kind = "noncovalent" }]',
            ["compound x has no kd_target_nM"],
        ),
        (
            'cell = "molm14"',
            'cell = { name = "molm14", proteins.CRBN.name = "BTK" }',
            ["BTK is given twice"],
        ),
        (
            'cell = "molm14"',
            'cell = { name = "molm14", proteins.STAT3.half_life_h = 3 }',
            ["STAT3: no such protein", "a new one needs abundance_nM"],
        ),
        (
            'columns = "treatment"',
            'columns = "treatmnt"',
            ["figure.columns", "'treatmnt'", "'treatment'?", "target.allele"],
        ),
        ('hue = "target.allele"', 'hue = "cell"', ["figure.hue", "'cell'", "compound.dose_nM"]),
        (
            'rows = ["target_total", "ternary"]',
            'rows = ["degraded"]',
            ["figure.rows", "'degraded'", "not read out", "ternary"],
        ),
        ("time_h = 24.0", "time_h = 23.0", ["figure.time_h is 23 h", "4, 24 h"]),
        ("seed = 1\nreplicates = 1", "replicates = 5", ["replicates = 5", "stochastic"]),
    ],
)
def test_a_contradiction_is_told_once(
    written: Writer, old: str, new: str, words: list[str]
) -> None:
    text = SMALL.replace(old, new, 1)
    if "figure" not in words[0]:
        text = text.partition("[[figure]]")[0]
    (line,) = mistakes(written(text))
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "word",
    [
        "time_h",
        "compound",
        "status",
        "reached_h",
        "treatment",
        "ternary",
        "ternary_percent",
        "target.allele",
        "../x",
        "a/b",
    ],
)
def test_a_zip_name_is_a_dim_of_its_own(written: Writer, word: str) -> None:
    text = changed("geomspace = [1e-2, 1e5, 8]", f'values = [1.0, 2.0]\nzip = "{word}"')
    (line,) = mistakes(written(text))
    assert word in line


def test_zipped_axes_have_equal_lengths(written: Writer) -> None:
    pair = 'zip = "z"\n[[axis]]\npath = "cell.volume_pL"\nvalues = [1, 2, 3]\nzip = "z"'
    (line,) = mistakes(written(changed("geomspace = [1e-2, 1e5, 8]", f"values = [5, 6]\n{pair}")))
    assert "compound.dose_nM and cell.volume_pL" in line
    assert "2 and 3 values" in line


def test_a_treatment_without_a_dose(written: Writer) -> None:
    axis = '[[axis]]\npath = "compound.dose_nM"\ngeomspace = [1e-2, 1e5, 8]\n'
    found = mistakes(written(changed(axis, "")))
    assert len(found) == 2
    for line, name in zip(found, ["'MT-802'", "'ibrutinib, then MT-802'"], strict=True):
        assert line.startswith(f"compound mt-802 of treatment {name} has no dose")
        assert "add an axis compound.dose_nM" in line


def test_every_wrong_name_of_an_axis(written: Writer) -> None:
    found = mistakes(written(changed('["WT", "C481S"]', '["C481X", "WT", "L528X"]')))
    assert len(found) == 2
    assert "BTK.C481X" in found[0]
    assert "BTK.L528X" in found[1]


@pytest.mark.parametrize(
    ("field", "key"),
    [
        (('title = "small"', "title = 3"), "title"),
        (("seed = 1", "seed = -1"), "run.seed"),
        (('kind = "ode"', "rtol = 5"), "method.rtol"),
        (("width_mm = 180", "width_mm = 1"), "figure.width_mm"),
        (("[4.0, 24.0]", "[nan]"), "readout.times_h[1]"),
        (('cell = "molm14"', "cell = 3"), "scenario.cell"),
        (("geomspace = [1e-2, 1e5, 8]", "values = []"), "axis[2]"),
    ],
)
@pytest.mark.parametrize(
    ("across", "words"),
    [
        (('name = "ibrutinib, then MT-802"', 'name = "MT-802"'), "is named twice"),
        (('values = ["WT", "C481S"]', 'values = ["WT", "C481X"]'), "C481X"),
        (
            ("[[figure]]", '[[figure]]\nkind = "dose-response"\nhue = "cell"\n[[figure]]'),
            "figure[1].hue",
        ),
    ],
)
def test_what_passed_is_still_checked_across(
    written: Writer, field: tuple[str, str], key: str, across: tuple[str, str], words: str
) -> None:
    """A mistake in one part does not hide a contradiction between others."""
    text = changed(*field).replace(*across)
    found = mistakes(written(text))
    expected = key.replace("figure.", "figure[2].") if "figure" in words else key
    assert any(line.startswith(expected) for line in found)
    needs = {
        "C481X": {"scenario.cell", "readout.times_h[1]", "axis[2]"},
        "figure[1].hue": {"axis[2]"},
    }
    if key not in needs.get(words, set()):
        assert any(words in line for line in found)
        assert len(found) == 2
    else:
        assert len(found) == 1


# ---- what this version cannot run -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALL + FIT, "a.csv: cannot be read"),
        (SMALL.replace('kind = "ode"', 'kind = "tau"'), "method.kind is 'tau'"),
        (SMALL.replace("replicates = 1", "replicates = 2"), "replicates = 2 needs a stochastic"),
    ],
)
def test_what_cannot_be_run_is_refused_with_one_sentence(
    written: Writer, text: str, words: str
) -> None:
    (line,) = mistakes(written(text))
    assert words in line
    assert ";" in line


def test_all_refusals_in_one_run(written: Writer) -> None:
    text = SMALL.replace('kind = "ode"', 'kind = "tau"').replace('"dose-response"', '"heatmap"')
    assert len(mistakes(written(text + FIT))) == 3


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("n = 200", "n = 0", "sample.n"),
        ('"random"', '"randm"', "sample.design"),
        ('"lognormal"', '"lognorm"', "sample.over.cell.proteins.CRBN.abundance_nM.distribution"),
        (", cv = 0.4", "", "sample.over.cell.proteins.CRBN.abundance_nM"),
        ("dim =", "dimm =", "sample.dim"),
    ],
)
def test_a_mistake_in_a_sample_is_told_where_it_stands(
    written: Writer, old: str, new: str, key: str
) -> None:
    found = mistakes(written(SMALL + SAMPLE.replace(old, new)))
    assert found[0].startswith(key)


# ---- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"schema = 'protacsim/1'\n[scenario\ncell = 1", ["not valid TOML", "line 2"]),
        (b"a = 1\na = 2", ["not valid TOML"]),
        (b"a = 1\n\n\nb = = 2\n[[axis]]\npath = 3\n", ["not valid TOML", "line 4"]),
        (bytes(range(256)), ["not text in UTF-8"]),
        ("titel = 'µ'".encode("latin-1"), ["not text in UTF-8"]),
        (b"\x7fELF\x00\x00\x01", ["not valid TOML"]),
        (b"#" * 5_000_001, ["larger than 5 MB"]),
        (b"a = " + b"[" * 100_000 + b"]" * 100_000, ["nested too deeply"]),
        (b"a = " + b"{a = " * 100_000 + b"1" + b"}" * 100_000, ["nested too deeply"]),
        (b"a = 1" + b"0" * 5000, ["too many digits"]),
    ],
    ids=[
        "syntax",
        "twice",
        "line",
        "bytes",
        "latin-1",
        "elf",
        "large",
        "lists",
        "tables",
        "digits",
    ],
)
def test_a_file_that_cannot_be_read_is_told_alone(
    written: Writer, content: bytes, words: list[str]
) -> None:
    (line,) = mistakes(written(content))
    for word in words:
        assert word in line


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "none.toml")[0].startswith("there is no such file")
    assert mistakes(tmp_path)[0].startswith("is a folder")
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(ConfigError):
            load(name)
    with pytest.raises(ConfigError, match="no such file"):
        load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("text", ["", 'schema = "protacsim/1"', "[scenario]", "scenario = 3"])
def test_a_file_with_almost_nothing(written: Writer, text: str) -> None:
    found = mistakes(written(text))
    assert any(line.startswith("scenario") for line in found)
    assert any(line.startswith("schema") for line in found) == ("schema" not in text)


@pytest.mark.parametrize("depth", [50, 150])
def test_junk_nested_below_the_limit(written: Writer, depth: int) -> None:
    junk = "{a = " * depth + "1" + "}" * depth
    for old in (
        '"molm14"',
        '"kept"',
        '"MT-802"',
        '"mt-802"',
        '"target.allele"',
        '"vehicle"',
        '"ode"',
    ):
        mistakes(written(changed(old, junk)))


# ---- extends --------------------------------------------------------------------------------


def test_a_file_is_laid_over_the_one_it_extends(written: Writer, tmp_path: Path) -> None:
    written(SMALL, "base.toml")
    (tmp_path / "inner").mkdir()
    over = written(
        'schema = "protacsim/1"\nextends = "../base.toml"\ntitle = "over"\n'
        "[scenario.ubiquitination]\nk_ub_per_h = 5.0\n"
        "[readout]\ntimes_h = [1.0]\n"
        '[[treatment]]\nname = "only"\ncompounds = ["mt-802"]\n'
        '[[figure]]\nkind = "dose-response"\n',
        "inner/over.toml",
    )
    job = load(over)
    assert job.source == over
    assert job.study.title == "over"
    assert job.study.scenario.ubiquitination.k_ub_per_h == 5.0
    assert job.study.scenario.ubiquitination.chain_on_release == "kept"
    assert job.study.readout.times_h == (1.0,)
    assert job.study.readout.relative_to == "vehicle"
    assert job.study.dims == {"target.allele": 2, "compound.dose_nM": 8}
    assert job.study.scenario.treatment.name == "only"


def test_data_lie_beside_the_file_that_names_them(written: Writer, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "m.csv").write_text(
        "quantity,value,unit,treatment,target.allele,time_h\ndmax_percent,90,%,MT-802,WT,24\n"
    )
    figure = '[[figure]]\nkind = "dose-response"\npoints = "m.csv"\n'
    written(SMALL + FIT.replace("a.csv", "m.csv") + figure, "base.toml")
    job = load(written('extends = "../base.toml"\n', "inner/over.toml"))
    assert job.fit is not None
    assert [each.value for each in job.fit.data] == [90.0]
    assert [row["value"] for row in job.figures[-1].points] == [90.0]


def test_a_table_extends_a_bare_name(written: Writer) -> None:
    written(SMALL, "base.toml")
    over = written('extends = "base.toml"\n[scenario.cell]\nvolume_pL = 2.0\n')
    job = load(over)
    assert job.study.scenario.cell.name == "molm14"
    assert job.study.scenario.cell.volume_pL == 2.0
    renamed = written('extends = "base.toml"\n[scenario]\ncell = "ramos"\n')
    assert load(renamed).study.scenario.cell.name == "ramos"


def test_only_one_level_is_extended(written: Writer) -> None:
    written(SMALL, "base.toml")
    written('extends = "base.toml"\n', "middle.toml")
    (line,) = mistakes(written('extends = "middle.toml"\n'))
    assert "'middle.toml'" in line
    assert "only one level" in line
    (line,) = mistakes(written('extends = "a.toml"\n' + SMALL))
    assert "only one level" in line


def test_the_base_is_named_when_it_is_wrong(written: Writer, tmp_path: Path) -> None:
    over = written('extends = "none.toml"\n' + SMALL)
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        load(over)
    written("a = = 1", "broken.toml")
    with pytest.raises(ConfigError, match=r"broken.toml: not valid TOML.*line 1"):
        load(written('extends = "broken.toml"\n' + SMALL))
    for name in ("", ".", "a\\u0000b"):
        with pytest.raises(ConfigError):
            load(written(f'extends = "{name}"\n' + SMALL))
    written(SMALL.replace('"vehicle"', '"vehicl"'), "base.toml")
    (line,) = mistakes(written('extends = "base.toml"\n'))
    assert line.startswith("readout.relative_to")


# ---- overrides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("cell.volume_pL", "0.8", 0.8),
        ("scenario.cell.volume_pL", "0.8", 0.8),
        ("cell.proteins.CRBN.abundance_nM", "0.1 uM", 100.0),
        ("cell.proteins.CRBN.abundance_nM", "'0.1 uM'", 100.0),
        ("ubiquitination.k_ub_per_h", "1 1/s", 3600.0),
        ("compound.kd_target_nM", "3", 3.0),
        ("compounds.mt-802.kd_target_nM", "3", 3.0),
        ("compound.folds.C481S", "0.5", 0.5),
    ],
)
def test_a_number_is_overridden(written: Writer, path: str, value: str, expected: float) -> None:
    file = written(SMALL)
    job = load(file, [f"{path}={value}"])
    inner = path.removeprefix("scenario.").replace("compound.", "compounds.mt-802.")
    assert scenario_numbers(job)[inner] == pytest.approx(expected)
    assert job.sha256 != load(file).sha256
    mapping = load(file, {path: value.strip("'") if " " in value else float(value)})
    assert mapping.sha256 == job.sha256


def test_names_and_top_level_keys_are_overridden(written: Writer) -> None:
    job = load(
        written(SMALL),
        [
            "run.seed=7",
            " title = hello ",
            "target.allele=C481S",
            "cell=ramos",
            "readout.times_h=[24.0]",
            "readout.relative_to=start",
            "method.kind=reference",
        ],
    )
    assert (job.study.seed, job.study.title) == (7, "hello")
    assert job.study.scenario.allele.name == "C481S"
    assert job.study.scenario.cell.name == "ramos"
    assert job.study.readout.times_h == (24.0,)
    assert job.study.readout.relative_to == "start"
    assert type(job.study.method).__name__ == "Reference"


def test_later_overrides_win(written: Writer) -> None:
    job = load(written(SMALL), ["run.seed=7", "run.seed=8", "cell.volume_pL=3", "cell=ramos"])
    assert job.study.seed == 8
    assert job.study.scenario.cell.name == "ramos"


def test_compound_means_the_varied_one(written: Writer) -> None:
    job = load(written(SMALL), ["compound.atp_assay_uM=7"])
    alone, mixture = job.study.axes[0].values
    assert alone.compounds[0].compound.atp_assay_uM == 7.0
    assert [each.compound.atp_assay_uM for each in mixture.compounds] == [0.0, 7.0]
    job = load(written(SMALL), ["compounds.ibrutinib.dose_nM=50"])
    mixture = job.study.axes[0].values[1]
    assert [each.schedule.dose_nM for each in mixture.compounds] == [50.0, None]


def test_an_override_does_not_change_the_file(written: Writer) -> None:
    file = written(SMALL)
    load(file, ["cell.volume_pL=3", "compound.kd_target_nM=1"])
    assert file.read_text() == SMALL


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "=3",
        "",
        " = ",
        "axis.values=3",
        "treatment.name=3",
        "compounds.x.kd_target_nM=1",
        "compound=3",
        "compounds.mt-802=3",
    ],
)
def test_a_malformed_override_is_quoted(written: Writer, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(SMALL), [text])
    (line,) = caught.value.problems
    assert text.partition("=")[0].strip() in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("cell.volume_pL=-1", "scenario.cell.volume_pL is -1"),
        ("cell.volume_pL=1 h", "scenario.cell.volume_pL"),
        ("cell.volume_pL=", "scenario.cell.volume_pL"),
        ("cel.volume_pL=1", "scenario.cel "),
        ("run.seeds=1", "run.seeds"),
        ("run.seed=1\nfoo = 2", "run.seed"),
        ("target.allele=C4", "scenario.target"),
        ("cell=" + "[" * 5000, "scenario.cell"),
        ("cell.volume_pL=1" + "0" * 5000, "scenario.cell.volume_pL"),
        ("axis=3", "axis is 3"),
        ("treatment=3", "treatment is 3"),
        ("method.kind=tau", "method.kind"),
        ("extends=b.toml", "extends"),
    ],
)
def test_a_wrong_override_is_told_like_a_wrong_file(written: Writer, text: str, key: str) -> None:
    (line,) = mistakes(written(SMALL), [text])
    assert line.startswith(key)


@pytest.mark.parametrize(
    "compounds",
    ["3", "[3]", "[{ name = 3 }]", '"mt-802"', '{ name = "mt-802" }', '["mt-802"]', "[]", "[[1]]"],
)
def test_overrides_on_any_form_of_compounds(written: Writer, compounds: str) -> None:
    head = 'schema = "protacsim/1"\n[scenario]\ncell = "molm14"\n[[treatment]]\n'
    text = f"{head}compounds = {compounds}\n"
    file = written(text)
    for path in ("compound.dose_nM=5", "compounds.mt-802.dose_nM=5"):
        if "mt-802" in compounds:
            assert load(file, [path]).study.scenario.treatment.compounds[0].schedule.dose_nM == 5.0
        else:
            with pytest.raises(ConfigError):
                load(file, [path])


@pytest.mark.parametrize("text", ["treatment = 3", "treatment = [3]", "scenario = 3", "run = [1]"])
def test_overrides_on_a_broken_file(written: Writer, text: str) -> None:
    for path in ("compound.dose_nM=5", "cell.volume_pL=3", "run.seed=3"):
        with pytest.raises(ConfigError):
            load(written(text), [path])


# ---- what comes back ------------------------------------------------------------------------


def test_a_job_is_immutable_and_hashable(written: Writer) -> None:
    first, second = load(written(SMALL)), load(written(SMALL))
    assert first == second
    assert hash(first) == hash(second)
    assert len({first.study, second.study, first.study.scenario, second.study.scenario}) == 2
    for each, field in [(first, "study"), (first.study, "seed"), (first.study.scenario, "cell")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(each, field, None)
    with pytest.raises(AttributeError):
        first.figures[0].kind = "x"  # type: ignore[misc]


def test_the_hash_is_of_plain_resolved_data(written: Writer) -> None:
    job = load(written(SMALL))
    assert len(job.sha256) == 64
    again = json.loads(json.dumps(job.resolved))
    assert again == job.resolved
    assert again["scenario"]["cell"]["volume_pL"] == 1.0
    assert again["scenario"]["ubiquitination"]["chain_length"] == 4


def reordered(value: Any) -> Any:
    """The same document with the keys of every table turned round."""
    if isinstance(value, dict):
        return {key: reordered(inner) for key, inner in reversed(value.items())}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


def test_the_hash_does_not_see_order_or_formatting(written: Writer) -> None:
    text = changed(
        '"molm14"',
        '{ name = "molm14", proteins = { STAT3 = { abundance_nM = 1 }, '
        "AKT1 = { abundance_nM = 2 } } }",
    ).replace('{ name = "mt-802" }]', '{ name = "mt-802", folds = { C481S = 2, WT = 1 } }]')
    document = tomllib.loads(text)
    expected = load(written(text)).sha256
    assert load(written(as_toml(document), "b.toml")).sha256 == expected
    assert load(written(as_toml(reordered(document)), "c.toml")).sha256 == expected
    assert load(written(text.replace(" = ", "=  ") + "# a remark\n", "d.toml")).sha256 == expected


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*at, key))
    else:
        yield at, value


def test_the_hash_sees_every_number_of_the_file(written: Writer) -> None:
    document = tomllib.loads(SMALL)
    del document["figure"]
    expected = load(written(as_toml(document))).sha256
    for at, value in leaves(document):
        if isinstance(value, float | int) and at != ("run", "replicates"):
            other = copy.deepcopy(document)
            put(other, at, type(value)(value + (0.001 if isinstance(value, float) else 1)))
            assert load(written(as_toml(other))).sha256 != expected, at


def test_the_hash_sees_every_number_of_the_scenario(written: Writer) -> None:
    file = written(SMALL)
    seen = {load(file).sha256}
    for path, value in scenario_numbers(load(file)).items():
        if (
            value == 0.0
            or "class_folds" in path
            or path.endswith(("start_h", "chain_length", "doses"))
        ):
            continue  # zeros stand for processes that need others; folds are written as a table
        job = load(file, {path: value * 0.9})
        assert job.sha256 not in seen, path
        seen.add(job.sha256)
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('cell = "molm14"', 'cell = "../x"'),
        (
            'cell = "molm14"',
            'cell = { name = "../x", custom = true, volume_pL = 1, medium_volume_pL = 1, '
            "atp_uM = 1, proteins = { BTK = { abundance_nM = 1 }, CRBN = { abundance_nM = 1 } } }",
        ),
        ('cell = "molm14"', 'cell = { name = "molm14", proteins."../x".abundance_nM = 1 }'),
        ('cell = "molm14"', 'cell = "molm14"\npreset = "../x"'),
        ('name = "BTK"', 'name = "../x"'),
        ('allele = "WT"', 'allele = "../x"'),
        ('allele = "WT"', 'allele = { name = "../x", custom = true }'),
        ('{ name = "mt-802" }]', '{ name = "../x" }]'),
        (
            '{ name = "mt-802" }]',
            '{ name = "../x", custom = true, kind = "noncovalent", kd_target_nM = 1 }]',
        ),
        ('{ name = "mt-802" }]', '{ name = "mt-802", folds."../x" = 1 }]'),
        ('path = "compound.dose_nM"', 'path = "../x"'),
        ("geomspace = [1e-2, 1e5, 8]", 'values = [1.0]\nzip = "../x"'),
        ('"target_total", "target_active"', '"../x"'),
        ('columns = "treatment"', 'columns = "../x"'),
        ('kind = "dose-response"', 'kind = "../x"'),
        ('kind = "dose-response"', 'kind = "dose-response"\nfile = "../x"'),
        ('kind = "ode"', 'kind = "../x"'),
    ],
)
def test_no_text_becomes_a_path(written: Writer, old: str, new: str) -> None:
    found = mistakes(written(SMALL.replace(old, new, 1)))
    assert any("../x" in line or "file" in line for line in found)


def test_the_schema_for_editors_lists_every_key() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {field.name for field in dataclasses.fields(Document)}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["schema"]["const"] == SCHEMA
    json.dumps(schema)


# ---- anything at all ------------------------------------------------------------------------


def as_toml(value: Any) -> str:
    """A document as TOML: one line per top-level key, everything below inline."""
    return "".join(f"{as_key(key)} = {inline(inner)}\n" for key, inner in value.items())


def as_key(key: str) -> str:
    return json.dumps(key).replace("\x7f", "\\u007f")


def inline(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{as_key(k)} = {inline(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(inline(inner) for inner in value) + "]"
        case str():
            return as_key(value)
        case bool():
            return str(value).lower()
        case float() if math.isnan(value):
            return "nan"
        case _:
            return repr(value)


def put(document: Any, at: Sequence[Any], value: Any) -> None:
    for key in at[:-1]:
        document = document[key]
    document[at[-1]] = value


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, key))


VALID = tomllib.loads(SMALL)
VALID["axis"][1]["geomspace"] = [1.0, 10.0, 2]
VALID["scenario"]["cell"] = {
    "name": "molm14",
    "volume_pL": 1.0,
    "proteins": {"CRBN": {"abundance_nM": 5.0}},
}
VALID["treatment"][0]["compounds"] = [
    {"name": "mt-802", "kd_target_nM": 5.0, "folds": {"C481S": 2.0}}
]
KEYS = sorted({key for at in places(VALID) for key in at if isinstance(key, str)})
WORDS = [
    *KEYS,
    "../x",
    "",
    "mt-802",
    "ibrutinib",
    "bartlett2021",
    "ramos",
    "L528W",
    "WT",
    "kept",
    "degraded",
    "start",
    "ssa",
    "reference",
    "heatmap",
    "compounds.mt-802.dose_nM",
    "1 h",
    "5 uM",
    "1e6 1/M/s",
    "x" * 5000,
    "a\nb",
    "\x00",
    "\u202e",
    "custom",
    "kind",
    "koff_target_per_h",
    "ki_target_nM",
    "kinact_per_h",
    "ligase",
    "start_h",
    "linspace",
    "values",
    "zip",
    "preset",
    "neosubstrates",
    "extends",
    "sample",
    "fit",
    "compound",
    "schedule",
    "abundance_copies",
]
SCALARS = st.one_of(
    st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 0, 1, -3, 3.5, 10**30, 1e300, 5e-324]),
    st.booleans(),
    st.sampled_from(WORDS),
    st.text(max_size=8).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
    st.floats(),
    st.integers(min_value=-1000, max_value=1000),
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """The valid document after one to four random changes."""
    document = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        found = list(places(document))
        if not found:
            break
        at = draw(st.sampled_from(found))
        parent: Any = document
        for key in at[:-1]:
            parent = parent[key]
        match draw(st.sampled_from(["delete", "rename", "scalar", "junk", "add", "twice"])):
            case "delete":
                del parent[at[-1]]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = parent.pop(at[-1])
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = draw(JUNK)
            case "twice" if isinstance(parent, list):
                parent.insert(at[-1], copy.deepcopy(parent[at[-1]]))
            case "junk":
                parent[at[-1]] = draw(JUNK)
            case _:
                parent[at[-1]] = draw(SCALARS)
    return document


def check_outcome(path: Path, overrides: Mapping[str, Any] | Sequence[str] = ()) -> None:
    """A `Job` that can be hashed, or sentences on one line each."""
    found: tuple[str, ...] = ()
    try:
        job = load(path, overrides)
    except ConfigError as error:
        found = error.problems or ("",)
    assert len(found) == len(set(found))
    for problem in found:
        assert problem.startswith((f"{path}: ", "--set ", f"{path.parent}", "'")), problem
        assert "\n" not in problem
        assert "\r" not in problem
        assert len(problem) < 5000
    if found:
        return
    assert isinstance(job, Job)
    assert len(job.sha256) == 64
    assert hash(job.study) == hash(job.study)


# Random numbers may look like concentrations in M, which is asked about.
pytestmark = pytest.mark.filterwarnings("ignore::protacsim.errors.DataWarning")
MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(document=broken())
def test_a_changed_document_is_a_job_or_a_list_of_sentences(
    written: Writer, document: dict[str, Any]
) -> None:
    check_outcome(written(as_toml(document)))


@MANY
@given(at=st.sampled_from(list(places(VALID))), value=JUNK)
def test_junk_in_one_place_is_a_job_or_a_list_of_sentences(
    written: Writer, at: tuple[Any, ...], value: Any
) -> None:
    document = copy.deepcopy(VALID)
    put(document, at, value)
    check_outcome(written(as_toml(document)))


@MANY
@given(at=st.sampled_from([at for at, _ in leaves(VALID)]), value=SCALARS)
def test_a_wrong_value_is_told_where_it_stands(
    written: Writer, at: tuple[Any, ...], value: Any
) -> None:
    document = copy.deepcopy(VALID)
    put(document, at, value)
    path = written(as_toml(document))
    check_outcome(path)
    if isinstance(value, bool) and at[-1] not in ("title",):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert any(str(at[0]) in problem for problem in caught.value.problems)


@MANY
@given(
    path=st.lists(st.sampled_from([*KEYS, "compounds", "mt-802", "", "x"]), min_size=1, max_size=4),
    value=st.one_of(JUNK, st.text(max_size=20)),
    as_text=st.booleans(),
)
def test_any_override_is_a_job_or_a_sentence(
    written: Writer, path: list[str], value: Any, as_text: bool
) -> None:
    file = written(as_toml(VALID), "valid.toml")
    key = ".".join(path)
    text = value if isinstance(value, str) else inline(value)
    check_outcome(file, [f"{key}={text}"] if as_text else {key: value})


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_a_list_of_sentences(written: Writer, content: bytes) -> None:
    mistakes_of = written(content)
    with pytest.raises(ConfigError):
        load(mistakes_of)


def test_spaced_values_are_those_of_numpy(written: Writer) -> None:
    for kind, function in (("linspace", np.linspace), ("geomspace", np.geomspace)):
        job = load(written(changed("geomspace = [1e-2, 1e5, 8]", f"{kind} = [0.3, 700, 29]")))
        assert job.study.axes[-1].values == tuple(function(0.3, 700.0, 29).tolist())


def test_mistakes_are_parameter_errors_too(written: Writer) -> None:
    with pytest.raises(ParameterError):
        load(written(""))
