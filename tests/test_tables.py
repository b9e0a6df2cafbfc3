"""Tables on a terminal: nothing is cut off, and words break only where there is no room."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
import re
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protacsim as ps
from protacsim.cli.overviews import once
from protacsim.cli.running import Options, run_all
from protacsim.cli.tables import print_rows
from protacsim.report.markup import number
from protacsim.validation import shown

WORD = st.text("abcdefghij0123456789", min_size=1, max_size=9)
CELL = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@st.composite
def tables(draw):
    count = draw(st.integers(1, 7))
    row = st.lists(CELL, min_size=count, max_size=count)
    return draw(row), draw(st.lists(row, min_size=1, max_size=5))


def printed(width, columns, rows):
    """Lines that a terminal of some width shows."""
    said = io.StringIO()
    terminal = {"TTY_COMPATIBLE": "1", "COLUMNS": str(width), "NO_COLOR": "1", "TERM": "xterm"}
    with mock.patch.dict(os.environ, terminal), contextlib.redirect_stdout(said):
        print_rows("", columns, rows)
    return [ESCAPES.sub("", line) for line in said.getvalue().splitlines()]


@given(tables(), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(table, width):
    columns, rows = table
    lines = printed(width, columns, rows)
    assert max(map(len, lines)) <= width
    seen = sorted("".join(re.findall("[a-j0-9]", "".join(lines))))
    assert seen == sorted("".join(" ".join(itertools.chain(columns, *rows)).split()))


@given(tables())
def test_words_stay_whole_where_the_longest_of_each_column_fit(table):
    columns, rows = table
    longest = [max(len(word) for cell in column for word in cell.split())
               for column in zip(columns, *rows, strict=True)]  # fmt: skip
    room = sum(longest) + 3 * len(longest)
    words = re.findall("[a-j0-9]+", " ".join(printed(room, columns, rows)))
    assert sorted(words) == sorted(" ".join(itertools.chain(columns, *rows)).split())


def test_long_names_of_columns_go_on_in_a_second_line():
    columns = ["target.allele", "compound.kd_target_nM", "hook (%)"]
    lines = printed(30, columns, [["WT", 46.9, math.nan], ["C481S", 1234.5678, 1.0]])
    assert [line.split() for line in lines if "C481S" in line] == [["C481S", "1235", "1"]]
    said = " ".join(" ".join(lines).split())
    assert "target." in said.split()
    assert "allele" in said.split()


def test_long_names_in_cells_break_between_their_parts():
    cell = "0.7047 at compound.cooperativity = 100, ubiquitination.k_ub_per_h = 10000"
    lines = printed(44, ["reading", "lowest", "highest"], [["DC50", cell, cell]])
    assert max(map(len, lines)) <= 44
    words = " ".join(lines).split()
    for part in ("0.7047", "compound.", "cooperativity", "100,", "ubiquitination.", "10000"):
        assert words.count(part) == 2, (part, lines)


def test_a_wide_terminal_shows_names_whole():
    lines = printed(120, ["target.allele", "hook (%)"], [["WT", 1.0]])
    assert any("target.allele" in line and "hook (%)" in line for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00004979, "4.979e-05"), (0.5, "0.5"), (1438.4, "1438"), (9999.4, "9999"),
        (10000.0, "10000"), (12345.678, "12350"), (-12345.678, "-12350"), (9999600.0, "1e+07"),
        (9994600.0, "9995000"), (1e7, "1e+07"), (602e21, "6.02e+23"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_no_power_of_ten_where_it_can_be_done_without(value, text):
    assert shown(value) == number(value) == text


def test_an_observable_is_told_once_in_percent_where_there_is_one() -> None:
    table = pd.DataFrame(
        {
            "target_total [nM]": [780.0, 70.0],
            "target_total_percent": [100.0, 9.0],
            "ternary [nM]": [0.0, 0.5],
            "ternary_percent": [np.nan, np.nan],
            "occupancy": [0.0, 0.1],
            "compound_cell[mt-802] [nM]": [0.0, 3.0],
            "compound_cell_percent[mt-802] [%]": [np.nan, np.nan],
        }
    )
    readout = ps.Readout(
        ["target_total", "ternary", "occupancy = target_occupied / target_total", "compound_cell"]
    )
    treated = ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 1.0})
    job = ps.Job(ps.Study(treated, readout=readout), (), Path("a.toml"), None, None)
    assert once(job, table) == [
        "target_total_percent", "ternary [nM]", "occupancy", "compound_cell[mt-802] [nM]",
    ]  # fmt: skip


@pytest.mark.jit_only
def test_a_summary_of_points_has_units(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text(
        'schema = "protacsim/1"\n[scenario]\ncell = "molm14"\n[[treatment]]\n'
        'compounds = [{ name = "mt-802", dose_nM = 100.0 }]\n[readout]\ntimes_h = [0.0, 24.0]\n'
        'observables = ["target_total", "degraded", "ratio = ternary / target_total"]\n'
    )
    run_all([config], [], Options(out=tmp_path / "r"), dry_run=False)
    found = pd.read_csv(tmp_path / "r" / "summary.csv")
    assert list(found) == ["time_h", "target_total [nM]", "degraded [nM/h]", "ratio"]
