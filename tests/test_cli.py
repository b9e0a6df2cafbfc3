"""The command line from outside: files, streams, exit codes and messages.

Most commands run inside this process, which is fast; signals, terminals and the promise of equal
bytes get processes of their own. What the numbers mean is tested elsewhere.
"""

import csv
import importlib.util
import itertools
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import protacsim as ps
from protacsim import cli
from protacsim.cli.overviews import LISTED_ROWS

CONFIGS = Path(__file__).parents[1] / "configs"
FIGURES = ("figures/01-dose-response.svg", "figures/01-dose-response.png")
FILES = ("data.zarr", "manifest.json", "run_log.jsonl", "summary.csv", *FIGURES)
FORCING = ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "CLICOLOR_FORCE", "TTY_COMPATIBLE")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
HOSTILE = r"\u001b[31mred\u001b]0;owned\u0007 \u009b31m\u202e"
COMMANDS = (
    *("run", "collect", "check", "describe", "library", "plot"),
    *("verify", "failures", "export", "schema", "doctor", "bench", "init"),
)
DOSES = "values = [0.0, 10.0, 1000.0]"
COMPOUNDS = '["pirtobrutinib"]'
FIGURE = "[[figure]]"

TINY = f"""schema = "protacsim/1"
title  = "Tiny"
[scenario]
cell   = "molm14"
target = "BTK"
[[treatment]]
name      = "Pirtobrutinib"
compounds = {COMPOUNDS}
[[axis]]
path   = "compound.dose_nM"
{DOSES}
[readout]
observables = ["target_active", "target_occupied"]
times_h     = [1.0]
relative_to = "vehicle"
{FIGURE}
kind = "dose-response"
rows = ["target_active"]
"""


def changed(*pairs, base=TINY):
    """The tiny configuration with some texts replaced, each of which must be there."""
    for old, new in pairs:
        assert old in base, old
        base = base.replace(old, new)
    return base


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in FORCING:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(TINY)
    return tmp_path


class Said:
    """Exit code, stdout and stderr of one command."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in out + err, err

    @property
    def json(self):
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run one command in this process, as `protacsim` does, in a folder that holds a.toml."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["protacsim", *map(str, words)])
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as end:
                cli.main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Said(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One finished run in a process of its own: where, and what it said."""
    where = tmp_path_factory.mktemp("finished")
    (where / "a.toml").write_text(TINY)
    return where / "results" / "a", alone(where, "run", "a.toml")


PROTACSIM = [sys.executable, "-m", "protacsim"]


def environment(**more):
    clean = {name: value for name, value in os.environ.items() if name not in FORCING}
    return {**clean, "COLUMNS": "100", **more}


def alone(where, *words):
    """One command in a process of its own."""
    done = subprocess.run(
        [*PROTACSIM, *words],
        cwd=where,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def contents(folder):
    """Bytes of every file below a folder, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# ---------------------------------------------------------------- a run


def test_a_run_writes_every_promised_file_and_nothing_else(finished):
    where, said = finished
    assert said.code == cli.OK
    top = {path.name for path in where.iterdir()} - {".run.lock"}
    files = {"manifest.json", "run_log.jsonl", "summary.csv", "report.html"}
    assert top == files | {"data.zarr", "figures"}
    assert {f"figures/{path.name}" for path in (where / "figures").iterdir()} == set(FIGURES)
    assert not list(where.rglob("*.partial*"))


def test_the_table_goes_to_stdout_and_the_messages_to_stderr(finished):
    _, said = finished
    assert "Tiny" in said.out
    assert "IC50 (nM)" in said.out
    assert "results/a" not in said.out
    assert "results/a" in said.err
    assert "IC50 (nM)" not in said.err


def test_no_escape_sequence_goes_into_a_pipe(finished):
    _, said = finished
    assert not CONTROL.search(said.out + said.err)


def test_a_warning_is_a_sentence_without_the_code_that_gave_it(folder):
    text = (
        'schema = "protacsim/1"\n[scenario]\ncell = "cll_in_vivo"\ntarget = "BTK"\n'
        '[[treatment]]\ncompounds = [{ name = "mt-802", dose_nM = 1000.0 }]\n'
        '[readout]\nobservables = ["target_total", "degraded"]\ntimes_h = [24.0, 48.0]\n'
        '[method]\nkind = "auto"\n[run]\nreplicates = 1000\n'
    )
    (folder / "many.toml").write_text(text)
    said = alone(folder, "run", "many.toml", "--dry-run")
    assert said.code == cli.OK
    assert re.fullmatch(
        r"warning: method auto takes the exact method, because degraded comes within [\d.]+ SD of "
        r"zero, and that is estimated to take [\d.]+ h on one core\. [^\n]*\n",
        said.err,
    ), said.err


def test_figures_are_whole_and_named_by_number_and_kind(finished):
    where, _ = finished
    assert ET.parse(where / FIGURES[0]).getroot().tag.endswith("svg")
    image = (where / FIGURES[1]).read_bytes()
    assert image.startswith(b"\x89PNG")
    assert image.endswith(b"IEND\xaeB`\x82")


def test_plain_xarray_reads_what_open_results_reads(finished):
    where, _ = finished
    ours = ps.open_results(where)
    with xr.open_zarr(where / "data.zarr") as plain:
        assert dict(ours.sizes) == {"compound.dose_nM": 3, "time_h": 1}
        np.testing.assert_array_equal(plain["target_active"], ours["target_active"])
        np.testing.assert_array_equal(ours["compound.dose_nM"], [0.0, 10.0, 1000.0])
    assert ours.attrs["title"] == "Tiny"
    assert not ours["status"].values.any()
    # The vehicle is 100 % by definition, and an inhibitor only lowers activity.
    percent = ours["target_active_percent"].values[:, 0]
    assert percent[0] == pytest.approx(100.0, rel=1e-9)
    assert (np.diff(percent) < 0.0).all()


def test_the_manifest_says_what_was_run_and_the_log_when(finished):
    where, _ = finished
    manifest = json.loads((where / "manifest.json").read_text())
    assert manifest["points"] == 3
    assert manifest["failed"] == 0
    assert re.fullmatch("[0-9a-f]{64}", manifest["config_sha256"])
    assert not {"host", "pid", "started", "elapsed_s"} & set(manifest)
    (event,) = map(json.loads, (where / "run_log.jsonl").read_text().splitlines())
    assert event["event"] == "run"
    assert event["elapsed_s"] > 0


def test_the_summary_has_one_row_per_curve(finished):
    where, _ = finished
    with (where / "summary.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["time_h"] == "1.0"
    assert "ic50_nM" in row


def test_the_same_config_gives_the_same_bytes_in_another_process_and_again(finished, call, folder):
    where, _ = finished
    for _ in range(2):
        assert call("run", "a.toml", "--out", "again").code == cli.OK
        first, second = contents(where), contents(folder / "again")
        assert len((folder / "again/run_log.jsonl").read_text().splitlines()) >= 1
        for files in (first, second):
            del files["run_log.jsonl"]
        assert first == second
    assert len((folder / "again/run_log.jsonl").read_text().splitlines()) == 2


def test_plot_draws_the_same_figures_again(call, folder):
    call("run", "a.toml", "--out", "r")
    before = {name: (folder / "r" / name).read_bytes() for name in FIGURES}
    for name in FIGURES:
        (folder / "r" / name).unlink()
    said = call("plot", "r")
    assert said.code == cli.OK
    assert said.out.split() == [f"r/{name}" for name in FIGURES]
    assert {name: (folder / "r" / name).read_bytes() for name in FIGURES} == before
    assert call("plot", "r", "--json").json == [f"r/{name}" for name in FIGURES]


def test_json_is_strict_and_alone_on_stdout(call):
    said = call("run", "a.toml", "--json")
    assert said.code == cli.OK
    report = said.json
    assert report["points"] == 3
    assert report["failed"] == 0
    assert report["exit_code"] == 0
    assert report["figures"] == [f"results/a/{name}" for name in FIGURES]
    (row,) = report["summary"]
    assert row["ic50_nM"] is None  # three doses are too few for an IC50; NaN is no JSON
    assert row["ic50_nM_reason"] == "too_few_points"


def test_json_is_asked_for_by_the_option_and_not_read_from_argv(folder):
    from typer.testing import CliRunner

    asked = CliRunner().invoke(cli.app, ["run", "a.toml", "--json"])
    assert asked.exit_code == 0
    assert json.loads(asked.stdout)["points"] == 3


def test_set_changes_one_value_and_the_manifest_says_so(call, folder):
    said = call("run", "a.toml", "--set", "cell.volume_pL=0.75", "--set", "title=Smaller")
    assert said.code == cli.OK
    assert "Smaller" in said.out
    manifest = json.loads((folder / "results/a/manifest.json").read_text())
    assert manifest["resolved"]["scenario"]["cell"]["volume_pL"] == 0.75


def test_a_dry_run_counts_and_writes_nothing(call, folder):
    said = call("run", "a.toml", "--dry-run", "--out", "dry")
    assert said.code == cli.OK
    assert "3 points" in said.out
    (report,) = call("run", "a.toml", "--dry-run", "--json").json
    assert report["points"] == 3
    assert report["runs"] == 4  # and one vehicle
    # Points; two observables with percentages and the time reached, float64; the status, int8.
    assert report["bytes"] == 3 * (2 * 2 * 8 + 8 + 1)
    assert report["chunks"] == 1
    assert [path.name for path in folder.iterdir()] == ["a.toml"]


def test_a_dry_run_counts_one_reference_for_all_cells_of_a_condition(call):
    config = str(CONFIGS / "single_cell.toml")
    (report,) = call("run", config, "--dry-run", "--json").json
    assert report["points"] == 2 * 2 * 1000  # treatments, alleles, cells
    assert report["runs"] == report["points"] + 2 * 2


def test_without_a_dose_axis_the_summary_lists_the_points(call, folder):
    (folder / "a.toml").write_text(
        changed(
            ('path   = "compound.dose_nM"', 'path   = "cell.volume_pL"'),
            (DOSES, "values = [0.5, 1.0]"),
            (COMPOUNDS, '[{ name = "pirtobrutinib", dose_nM = 100.0 }]'),
            (TINY[TINY.index(FIGURE) :], ""),
        )
    )
    report = call("run", "a.toml", "--json").json
    assert [row["cell.volume_pL"] for row in report["summary"]] == [0.5, 1.0]


def test_a_table_cut_short_says_so_and_where_the_rest_is(call, folder):
    (folder / "a.toml").write_text(
        changed(
            ('path   = "compound.dose_nM"', 'path   = "cell.volume_pL"'),
            (DOSES, f"values = {[1.0 + 0.01 * i for i in range(70)]}"),
            (COMPOUNDS, '[{ name = "pirtobrutinib", dose_nM = 100.0 }]'),
            (TINY[TINY.index(FIGURE) :], ""),
        )
    )
    said = call("run", "a.toml")
    assert f"The first {LISTED_ROWS} of 70 rows; all are in results/a/summary.csv." in said.out


# ------------------------------------------------------- several configurations


def test_several_configs_get_a_folder_each(call, folder):
    (folder / "b.toml").write_text(changed(("Tiny", "Other")))
    said = call("run", "a.toml", "b.toml", "--out", "both", "--json")
    assert said.code == cli.OK
    assert [report["folder"] for report in said.json] == ["both/a", "both/b"]
    assert ps.open_results(folder / "both/b").attrs["title"] == "Other"


def test_all_configs_are_checked_before_the_first_one_starts(call, folder):
    (folder / "b.toml").write_text(changed(("molm14", "molm15")))
    (folder / "c.toml").write_text(changed(("target_occupied", "target_occupid")))
    said = call("run", "a.toml", "b.toml", "c.toml")
    assert said.code == cli.USAGE
    assert "b.toml: " in said.err
    assert "c.toml: " in said.err
    assert not (folder / "results").exists()


def test_two_configs_of_one_name_are_refused(call, folder):
    (folder / "x").mkdir()
    (folder / "x/a.toml").write_text(TINY)
    assert call("run", "a.toml", "x/a.toml").code == cli.USAGE
    assert not (folder / "results").exists()


# ------------------------------------------------------------- exit code 2

USAGE = [
    ["frobnicate"],
    ["run"],
    ["check"],
    ["run", "--frobnicate", "a.toml"],
    ["run", "a.toml", "--on-error", "explode"],
    ["run", "a.toml", "--set", "cell.volume_pL"],
    ["library", "--kind", "flavours"],
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_is_exit_2(call, words):
    said = call(*words)
    assert said.code == cli.USAGE
    assert said.out == ""
    assert said.err


def compound(fields):
    return (COMPOUNDS, f'[{{ name = "pirtobrutinib", {fields} }}]')


def section(text):
    return (FIGURE, f"{text}\n{FIGURE}")


# What is changed, and what the one sentence must name: the place, and what was found or allowed.
MISTAKES = {
    "no schema": ([('schema = "protacsim/1"\n', "")], ["schema", "protacsim/1"]),
    "other schema": ([("protacsim/1", "protacsim/9")], ["schema", "protacsim/9", "protacsim/1"]),
    "key": ([("title", "titel")], ["titel", "title"]),
    "key below": ([compound("kd_target_nm = 3.0")], ["kd_target_nm", "kd_target_nM"]),
    "cell": ([("molm14", "molm15")], ["scenario.cell", "molm15", "molm14"]),
    "target": ([('"BTK"', '"BTX"')], ["scenario.target", "BTX", "BTK"]),
    "allele": (
        [('"BTK"', '{ name = "BTK", allele = "C481X" }')],
        ["scenario.target", "C481X", "C481S"],
    ),
    "compound": ([("pirtobrutinib", "pirtobrutinb")], ["pirtobrutinb", "pirtobrutinib"]),
    "observable": ([("target_occupied", "target_ocupied")], ["target_ocupied", "target_occupied"]),
    "reference": ([('"vehicle"', '"dmso"')], ["readout.relative_to", "dmso", "vehicle"]),
    "dose unit": ([(DOSES, 'values = ["10 h"]')], ["axis", "10 h", "nM"]),
    "kd unit": ([compound('kd_target_nM = "3 h"')], ["kd_target_nM", "3 h", "nM"]),
    "kd text": ([compound('kd_target_nM = "lots"')], ["kd_target_nM", "lots", "nM"]),
    "kd nan": ([compound("kd_target_nM = nan")], ["kd_target_nM", "nan", "finite"]),
    "kd negative": ([compound("kd_target_nM = -3.0")], ["kd_target_nM", "-3", "above 0 nM"]),
    "contradiction": (
        [compound("kd_target_nM=10.0, kon_target_per_nM_per_h=1.0, koff_target_per_h=1.0")],
        ["kd_target_nM", "kon_target", "koff_target", "two of the three"],
    ),
    "dose nan": ([(DOSES, "values = [nan]")], ["axis", "nan", "finite"]),
    "dose infinite": ([(DOSES, "values = [1.0, inf]")], ["axis", "inf", "finite"]),
    "dose negative": ([(DOSES, "values = [-1.0]")], ["axis", "dose_nM", "-1"]),
    "dose true": ([(DOSES, "values = [true, false]")], ["axis", "dose_nM", "True"]),
    "dose twice": ([(DOSES, "values = [1.0, 1.0]")], ["axis", "dose_nM", "twice"]),
    "no doses": ([(DOSES, "values = []")], ["axis", "dose_nM", "no values"]),
    "no values": ([(DOSES, "")], ["axis", "dose_nM", "linspace"]),
    "dose zero on log axis": ([(DOSES, "geomspace = [0, 1, 3]")], ["dose_nM", "above 0"]),
    "too many doses": ([(DOSES, "linspace = [0, 1, 100000000000]")], ["dose_nM", "10,000,000"]),
    "dose path": ([("compound.dose_nM", "compound.dose_nm")], ["compound.dose_nm", "dose_nM"]),
    "two open doses": ([(COMPOUNDS, '["mt-802", "ibrutinib"]')], ["compound.dose_nM", "ibrutinib"]),
    "no times": ([("[1.0]", "[]")], ["readout.times_h", "empty"]),
    "times back": ([("[1.0]", "[2.0, 1.0]")], ["readout.times_h", "increase"]),
    "time nan": ([("[1.0]", "[nan]")], ["readout.times_h", "nan"]),
    "washout first": ([compound("start_h=3, stop_h=1")], ["stop_h", "start_h"]),
    "same compound twice": ([(COMPOUNDS, '["mt-802", "MT-802"]')], ["mt-802", "twice"]),
    "no section": ([("[scenario]", "[[scenario]]")], ["scenario", "[scenario]"]),
    "title": ([('"Tiny"', "3")], ["title", "3"]),
    "extends": ([("title  =", "extends = 3\ntitle  =")], ["extends", "3"]),
    "base": ([("title  =", 'extends = "base.toml"\ntitle  =')], ["base.toml"]),
    "method kind": ([section('[method]\nkind = "odd"')], ["method.kind", "odd", "ode"]),
    "steps": ([section("[method]\nmax_steps = 0")], ["method.max_steps", "0"]),
    "figure": ([("dose-response", "pie")], ["figure", "pie", "dose-response"]),
    "figure row": ([('rows = ["target_active"]', 'rows = ["ternary"]')], ["figure", "ternary"]),
    "figure hue": ([("rows =", 'hue = "cell"\nrows =')], ["figure.hue", "cell"]),
    "replicates": ([section("[run]\nreplicates = 3")], ["replicates", "3"]),
    "fit": ([section('[fit]\ndata = "d.csv"\nparameters = []')], ["fit.parameters", "at least 1"]),
    "sample": (
        [section('[[sample]]\ndim="c"\nn=3\nover."cell.atp"={distribution="library"}')],
        ["sample c", "cell.atp"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_sentence_that_names_the_place(call, folder, name):
    pairs, words = MISTAKES[name]
    (folder / "bad.toml").write_text(changed(*pairs))
    said = call("check", "bad.toml")
    assert said.code == cli.USAGE
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    for word in words:
        assert word in line


FILES_THAT_ARE_NO_CONFIG = {
    "missing": (None, "no such file"),
    "binary": (b"\xff\xfe\x00\x01", "not text in UTF-8"),
    "nul": (b"title = \x00", "line 1"),
    "syntax": (b'schema = "protacsim/1"\ntitle = "open\n', "line 2"),
    "deep": (b"a = " + b"[" * 5000, "deep"),
}


@pytest.mark.parametrize("name", FILES_THAT_ARE_NO_CONFIG)
@pytest.mark.parametrize("command", ["check", "run", "describe"])
def test_a_file_that_is_no_config_is_one_sentence(call, folder, name, command):
    content, word = FILES_THAT_ARE_NO_CONFIG[name]
    if content is not None:
        (folder / "bad.toml").write_bytes(content)
    said = call(command, "bad.toml")
    assert said.code == cli.USAGE
    (line,) = said.err.splitlines()
    assert line.startswith("error: bad.toml: ")
    assert word in line
    assert not (folder / "results").exists()


def test_a_folder_is_no_config(call, folder):
    said = call("check", ".")
    assert said.code == cli.USAGE
    assert "folder" in said.err


def test_every_mistake_is_reported_in_one_run_each_once(call, folder):
    (folder / "bad.toml").write_text(
        changed(
            ("molm14", "molm15"),
            (DOSES, "values = [nan]"),
            ("target_occupied", "target_ocupied"),
            ("title  =", "titel ="),
        )
    )
    *lines, count = call("check", "bad.toml").err.splitlines()
    assert len(lines) == 4
    assert count.startswith("4 ")
    for word in ("molm15", "nan", "target_ocupied", "titel"):
        assert sum(word in line for line in lines) == 1


def test_a_misspelt_cell_key_is_named_beside_the_missing_one(call, folder):
    (folder / "bad.toml").write_text(changed(("cell   =", "cel =")))
    lines = call("check", "bad.toml").err.splitlines()
    assert any("scenario.cel is no known key" in line for line in lines)


@pytest.mark.parametrize(
    "compounds",
    ['"pirtobrutinib"', '{ name = "pirtobrutinib" }', "[3]", "3", "[{ name = 3 }]"],
)
def test_set_meets_every_shape_of_compounds_without_a_crash(call, folder, compounds):
    (folder / "a.toml").write_text(changed((COMPOUNDS, compounds)))
    said = call("check", "a.toml", "--set", "compound.kd_target_nM=3.0")
    assert said.code == (cli.OK if "pirto" in compounds else cli.USAGE)


def test_set_meets_treatments_that_are_no_list(call, folder):
    (folder / "a.toml").write_text(changed(("[[treatment]]", "[treatment]")))
    assert call("check", "a.toml", "--set", "compound.kd_target_nM=3.0").code == cli.USAGE


def test_the_work_of_a_check_grows_no_faster_than_an_axis(call, folder):
    """Calls of functions: ten times the values take about ten times as many, not a hundred."""

    def calls(values):
        (folder / "a.toml").write_text(changed((DOSES, f"geomspace = [1e-2, 1e5, {values}]")))
        count = itertools.count()
        sys.setprofile(lambda *_: next(count))
        try:
            said = call("check", "a.toml")
        finally:
            sys.setprofile(None)
        assert (said.code, said.out) == (cli.OK, f"a.toml: correct, {values:,} points\n")
        return next(count)

    calls(1_000)  # what is loaded once
    few, many = calls(3_000), calls(30_000)
    assert few < many < 15 * few


def test_one_point_is_said_to_be_one(call, folder):
    (folder / "a.toml").write_text(changed((DOSES, "values = [10.0]")))
    assert call("check", "a.toml").out == "a.toml: correct, 1 point\n"


# ------------------------------------------------------- failed points: 3 and 4


def with_steps(steps, lowest=0.0):
    doses = f"values = [{lowest}, 1.0, 1e3, 1e6]"
    return changed(section(f"[method]\nmax_steps = {steps}"), (DOSES, doses))


def test_when_every_point_fails_the_exit_code_is_4_and_the_results_are_kept(call, folder):
    (folder / "a.toml").write_text(with_steps(1, lowest=0.1))  # at rest one step is enough
    said = call("run", "a.toml")
    assert said.code == cli.ALL_FAILED
    assert "4 of 4 points failed" in said.err
    assert "step" in said.err
    data = ps.open_results(folder / "results/a")
    assert np.isnan(data["target_active"]).all()
    assert (data["status"] != 0).all()


def test_when_some_points_fail_the_exit_code_is_3_and_only_they_are_masked(call, folder):
    for steps in (8, 12, 16, 24, 32, 48, 64):
        (folder / "a.toml").write_text(with_steps(steps))
        said = call("run", "a.toml", "--json")
        if said.code == cli.SOME_FAILED:
            break
    assert said.code == cli.SOME_FAILED
    data = ps.open_results(folder / "results/a")
    failed = data["status"].values != 0
    assert said.json["failed"] == failed.sum()
    assert said.json["exit_code"] == cli.SOME_FAILED
    assert 0 < failed.sum() < failed.size
    np.testing.assert_array_equal(np.isnan(data["target_active"].values[:, 0]), failed)
    assert f"{failed.sum()} of 4 points failed" in said.err


def test_on_error_raise_stops_with_4_and_says_when_and_what_to_do(call, folder):
    (folder / "a.toml").write_text(with_steps(1))
    said = call("run", "a.toml", "--on-error", "raise")
    assert said.code == cli.ALL_FAILED
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert " h" in line
    assert "max_steps" in line
    assert not list((folder / "results/a/data.zarr").glob("target_active/c/**/*"))
    assert "is not finished (0 of 1 chunks" in call("verify", "results/a").err


# ------------------------------------------------------------------ storage: 5


@pytest.mark.parametrize("out", ["file", "file/below/it"])
def test_a_folder_that_cannot_be_made_is_exit_5(call, folder, out):
    (folder / "file").write_text("mine")
    said = call("run", "a.toml", "--out", out)
    assert said.code == cli.STORAGE
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert out in line
    assert "file is a file" in line
    assert "choose another name with --out" in line
    assert (folder / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("what", "why"), [(".", "manifest.json is missing"), ("missing", "missing is not there; give")]
)
def test_plotting_what_holds_no_results_is_exit_5(call, what, why):
    said = call("plot", what)
    assert said.code == cli.STORAGE
    assert why in said.err


@pytest.mark.parametrize(
    "words",
    ["plot a.toml", "verify a.toml", "failures a.toml", "export a.toml --to a.csv"],
)
def test_a_file_for_a_results_folder_is_exit_2(call, words):
    said = call(*words.split())
    assert said.code == cli.USAGE
    assert "a.toml is a file; give a results folder" in said.err


def test_collecting_where_nothing_was_run_creates_nothing(call, folder):
    said = call("collect", "a.toml", "--out", "nores")
    assert said.code == cli.STORAGE
    assert "nores: no run has written here" in said.err
    assert not (folder / "nores").exists()


@pytest.mark.parametrize(
    ("words", "said_"),
    [
        (("--workers", "many"), "'many'; give a whole number from 1 to 4,096"),
        (("--workers", "0"), "'0'; give a whole number from 1 to 4,096"),
        (("--max-points", "1.5"), "'1.5'; give a whole number from 1 up"),
    ],
)
def test_a_count_that_is_none_is_exit_2(call, words, said_):
    said = call("run", "a.toml", *words)
    assert said.code == cli.USAGE
    assert said_ in said.err


def test_plotting_damaged_results_is_exit_5_and_names_the_file(call, folder):
    call("run", "a.toml", "--out", "r")
    chunk = next(
        path for path in (folder / "r/data.zarr/target_active/c").rglob("*") if path.is_file()
    )
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    said = call("plot", "r")
    assert said.code == cli.STORAGE
    assert chunk.name in said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--fresh", "--shard", "2/2"), "each shard would remove what the others have done"),
        (("--shard", "3/2"), "write it as I/N"),
        (("--scheduler", "tcp://here:1"), "is for --executor dask"),
    ],
    ids=["fresh shard", "shard", "scheduler"],
)
def test_options_that_contradict_one_another_change_nothing(call, folder, words, why):
    call("run", "a.toml", "--out", "r")
    before = contents(folder / "r")
    said = call("run", "a.toml", "--out", "r", *words)
    assert (said.code, contents(folder / "r")) == (cli.USAGE, before)
    assert why in said.err


def test_drawings_of_the_user_stay_among_those_of_a_run(call, folder):
    for name in ("02-mine.png", "notes.txt"):
        (folder / "r" / "figures").mkdir(parents=True, exist_ok=True)
        (folder / "r" / "figures" / name).write_text("mine")
    call("run", "a.toml", "--out", "r")
    call("plot", "r")
    assert (folder / "r" / "figures" / "02-mine.png").read_text() == "mine"
    call("run", "a.toml", "--out", "r", "--fresh")
    assert (folder / "r" / "figures" / "notes.txt").read_text() == "mine"


def test_a_figure_that_breaks_off_leaves_the_old_one(call, folder, monkeypatch):
    from matplotlib.figure import Figure

    call("run", "a.toml", "--out", "r")
    before = (folder / "r" / FIGURES[0]).read_bytes()

    def breaks_off(self, target, **options):
        target.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", breaks_off)
    said = call("plot", "r")
    assert said.code == cli.INTERRUPTED
    assert (folder / "r" / FIGURES[0]).read_bytes() == before


# ---------------------------------------------------------------- signals: 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_with_130_and_nothing_half_written(tmp_path, number):
    (tmp_path / "a.toml").write_text(changed((DOSES, "geomspace = [1e-2, 1e5, 20000]")))
    process = subprocess.Popen(
        [*PROTACSIM, "run", "a.toml", "--out", "r"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        began = time.monotonic()
        while not (tmp_path / "r").exists() and time.monotonic() - began < 60:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == cli.INTERRUPTED, err
    assert out == ""
    assert err.splitlines() == [
        "Interrupted. What is finished is kept; the same command goes on from there."
    ]
    assert not list((tmp_path / "r").rglob("*.partial"))
    assert not (tmp_path / "r/manifest.json").exists()


def test_an_interrupt_that_another_library_wraps_is_still_130(call, monkeypatch):
    def wrapped(*_args, **_options):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except KeyboardInterrupt as error:
            raise ValueError("wrapped") from error

    monkeypatch.setattr(cli, "app", wrapped)
    said = call("check", "a.toml")
    assert said.code == cli.INTERRUPTED
    assert said.err.startswith("Interrupted")


# ---------------------------------------------------- terminals and hostile text


def seen_on_a_terminal(words, cwd, **env):
    """What a command sends to a terminal, both streams together."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROTACSIM, *words],
        cwd=cwd,
        env=environment(TERM="xterm-256color", **env),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    try:
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # how Linux says that the other end was closed
                break
            if not part:
                break
            seen += part
        assert process.wait(timeout=60) == cli.OK
    finally:
        process.kill()
        os.close(master)
    return seen.decode()


def test_no_color_is_honoured_on_a_terminal(folder):
    seen = seen_on_a_terminal(["run", "a.toml"], folder, NO_COLOR="1")
    assert "Tiny" in seen
    colours = [code for found in re.findall(r"\x1b\[([0-9;]*)m", seen) for code in found.split(";")]
    assert not [code for code in colours if code and (29 < int(code) < 50 or int(code) > 89)]


HOSTILE_CONFIGS = {
    "title": [('"Tiny"', f'"{HOSTILE}"')],
    "treatment": [('"Pirtobrutinib"', f'"{HOSTILE}"')],
    "second line": [('"Tiny"', r'"one\ntwo"')],
    "key": [("title ", f'"{HOSTILE}" ')],
    "cell": [("molm14", HOSTILE)],
    "compound": [("pirtobrutinib", HOSTILE)],
    "path": [("compound.dose_nM", HOSTILE)],
    "dose": [(DOSES, f'values = ["{HOSTILE}"]')],
    "schema": [("protacsim/1", HOSTILE)],
}


@pytest.mark.parametrize("name", HOSTILE_CONFIGS)
def test_no_text_of_a_config_reaches_the_terminal_as_a_command(call, folder, name):
    (folder / "bad.toml").write_text(changed(*HOSTILE_CONFIGS[name]))
    for words in (["check", "bad.toml", "--json"], ["describe", "bad.toml", "--json"]):
        assert not CONTROL.search(call(*words).out)
    said = call("run", "bad.toml", "--out", "r")
    assert not CONTROL.search(said.out + said.err)
    if said.code == cli.OK:
        ET.parse(folder / "r" / FIGURES[0])
    else:
        assert said.code == cli.USAGE


ESCAPES = "\x1b]0;owned\x07\x1b[31m"


@pytest.mark.parametrize(
    "words",
    [
        ["check", ESCAPES],
        [ESCAPES],
        ["run", f"--{ESCAPES}"],
        ["library", ESCAPES],
        ["library", "--kind", ESCAPES],
        ["plot", ESCAPES],
        ["check", "a.toml", "--set", ESCAPES],
        ["check", "a.toml", "--set", f"{ESCAPES}=3"],
        ["run", "a.toml", "--on-error", ESCAPES],
        ["run", "a.toml", "--dry-run", "--set", f"title={ESCAPES}"],
    ],
    ids=lambda words: " ".join(words).replace(ESCAPES, "ESC"),
)
def test_no_argument_reaches_the_terminal_as_a_command(call, words):
    said = call(*words)
    assert said.code in (cli.USAGE, cli.STORAGE)
    assert not CONTROL.search(said.out + said.err)


def test_hostile_file_names_are_spelled_out(call, folder):
    name = f"{ESCAPES}.toml"
    (folder / name).write_text(TINY)
    for words in (["check", name], ["run", name, "--dry-run"], ["run", name]):
        said = call(*words)
        assert said.code == cli.OK
        assert not CONTROL.search(said.out + said.err)
        assert r"\x1b" in said.out + said.err


def test_printable_spells_out_what_steers_a_terminal_and_keeps_letters():
    assert cli.printable("µ 研 é") == "µ 研 é"
    assert cli.printable("\x1b[31m\n\x9b") == r"\x1b[31m\n\x9b"


# --------------------------------------------------- check, describe and the rest


def test_check_counts_the_points_of_correct_configs(call, folder):
    (folder / "b.toml").write_text(changed((DOSES, "values = [0.0, 1.0, 2.0, 3.0]")))
    said = call("check", "a.toml", "b.toml")
    assert said.code == cli.OK
    assert [line.split(": ")[0] for line in said.out.splitlines()] == ["a.toml", "b.toml"]
    assert "3 points" in said.out
    assert "4 points" in said.out
    assert [path.name for path in sorted(folder.iterdir())] == ["a.toml", "b.toml"]


def test_check_tells_bad_from_good_in_json(call, folder):
    (folder / "bad.toml").write_text(changed(("molm14", "molm15")))
    said = call("check", "a.toml", "bad.toml", "--json")
    assert said.code == cli.USAGE
    good, bad = said.json
    assert good == {"config": "a.toml", "points": 3, "problems": []}
    assert bad["config"] == "bad.toml"
    assert len(bad["problems"]) == 1


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs_are_correct(call, path):
    assert call("check", path).code == cli.OK


def test_the_schema_is_json_that_names_every_documented_key(call):
    said = call("schema")
    assert said.code == cli.OK
    assert said.json["$schema"].startswith("https://json-schema.org/")
    assert set(said.json["properties"]) == {
        *("schema", "title", "extends", "scenario", "treatment", "axis", "sample", "readout"),
        *("method", "run", "figure", "fit", "sensitivity"),
    }
    assert said.json["additionalProperties"] is False
    accepts(said.json, CONFIGS.rglob("*.toml"))


def accepts(schema, paths):
    """With the jsonschema package, which is no dependency, every file is held against it."""
    import tomllib

    if importlib.util.find_spec("jsonschema") is None:
        return
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    for path in paths:
        jsonschema.validate(tomllib.loads(path.read_text()), schema)


def test_describe_lists_the_unverified_constants_first(call):
    said = call("describe", "a.toml", "--json")
    assert said.code == cli.OK
    confidences = [entry["confidence"] for entry in said.json["constants"]]
    unverified = [word in ("assumed", "recalled", "calibrated", "none") for word in confidences]
    assert any(unverified)
    assert unverified == sorted(unverified, reverse=True)
    for entry in said.json["constants"]:
        assert entry["source"]
    (network,) = said.json["networks"]
    assert network["reactions"]
    assert set(network["rates"]) >= {reaction["rate"] for reaction in network["reactions"]}


def test_describe_shows_constants_then_reactions(call):
    said = call("describe", "a.toml")
    assert said.code == cli.OK
    places = [said.out.index(word) for word in ("Tiny", "Constants", "Rate constants")]
    assert places == sorted(places)
    rows = said.out[places[1] : places[2]]
    assert rows.index("assumed") < rows.index(" read ")
    assert said.err == ""


def test_describe_marks_what_the_user_set(call):
    said = call("describe", "a.toml", "--set", "cell.volume_pL=0.75", "--json")
    (entry,) = [e for e in said.json["constants"] if e["path"] == "cell.volume_pL"]
    assert entry["value"] == 0.75
    assert entry["confidence"] == "given"


def test_the_library_lists_everything_or_one_kind(call):
    listed = call("library", "--json").json
    assert {"kind": "compounds", "name": "mt-802"}.items() <= {
        (key, entry[key])
        for entry in listed
        for key in ("kind", "name")
        if entry["name"] == "mt-802"
    }
    cells = call("library", "--kind", "cells", "--json").json
    assert {entry["kind"] for entry in cells} == {"cells"}
    assert {entry["name"] for entry in cells} == set(ps.library.names("cells"))
    assert "molm14" in call("library", "--kind", "cells").out


@pytest.mark.parametrize(
    ("asked", "name"),
    [("ibrutinib", "ibrutinib"), ("Imbruvica", "ibrutinib"), ("C481S", "BTK.C481S")],
)
def test_a_library_entry_is_found_by_name_alias_and_allele(call, asked, name):
    (entry,) = call("library", asked, "--json").json
    assert entry["name"] == name
    for fact in entry["facts"].values():
        assert fact["source"]
    said = call("library", asked)
    assert said.code == cli.OK
    assert name in said.out


def test_the_library_shows_ranges_notes_and_properties_of_every_basis(call):
    text = call("library", "zorba-protac-10").out
    entry = ps.library.entry("compounds", "zorba-protac-10", "zorba2018-ramos")
    fact = entry.facts["productive_fraction"]
    assert f"{fact.low:.4g} to {fact.high:.4g}" in text
    assert f"productive_fraction: {fact.note}" in text
    assert "{}" not in text
    (found,) = call("library", "apg-3288", "--json").json
    assert found["kind"] == "compounds"
    assert found["properties"]["kind"] == "degrader"
    assert found["properties"]["hypothetical"] is True
    (allele,) = call("library", "C481S", "--json").json
    assert allele["properties"]["cysteine_481"] is False


def test_an_unknown_library_entry_is_exit_2_with_the_closest_name(call):
    said = call("library", "ibrutinb")
    assert said.code == cli.USAGE
    assert said.out == ""
    assert "did you mean 'ibrutinib'" in said.err


def test_doctor_finds_the_engine_healthy(call):
    said = call("doctor")
    assert said.code == cli.OK
    assert "healthy" in said.out
    assert call("doctor", "--json").json["verdict"] == "healthy"


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_on_stdout_and_names_the_options(call, command):
    said = call(*([command] if command else []), "--help")
    assert said.code == cli.OK
    assert "Usage" in said.out
    assert said.err == ""


def test_the_version_is_the_packages(call):
    said = call("--version")
    assert said.code == cli.OK
    assert said.out.split() == ["protacsim", ps.__version__]
