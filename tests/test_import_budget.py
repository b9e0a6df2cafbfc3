"""What a command may import before it has work to do: help must answer at once."""

import json
import os
import subprocess
import sys

import pytest
import typer

from protacsim.cli import app

HEAVY = ("numba", "llvmlite", "scipy", "xarray", "zarr", "pandas", "pint", "matplotlib.pyplot")
COMMANDS = (
    *("run", "collect", "check", "describe", "library", "plot"),
    *("verify", "failures", "export", "schema", "doctor", "bench", "init"),
)

PROBE = """
import contextlib, io, json, sys
statements, heavy = sys.argv[1], sys.argv[2].split()
sys.argv = ["protacsim"]
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    exec(statements)
print(json.dumps([name for name in heavy if name in sys.modules]))
"""

CALL = """
from protacsim.cli import main
def call(*words):
    said.seek(0), said.truncate()
    sys.argv = ["protacsim", *words]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, (words, end.code, said.getvalue())
"""

CONFIG = """schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["ibrutinib"]
[[axis]]
path = "compound.dose_nM"
values = [0.0, 100.0]
[readout]
observables = ["target_active"]
relative_to = "vehicle"
[[figure]]
kind = "dose-response"
rows = ["target_active"]
"""


def loaded(statements, folder):
    """Heavy modules that a fresh interpreter has loaded after the statements."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, statements, " ".join(HEAVY)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_importing_the_package_and_its_command_line_loads_nothing_heavy(tmp_path):
    assert loaded("import protacsim, protacsim.errors, protacsim.cli", tmp_path) == set()


def test_every_help_and_the_version_load_nothing_heavy(tmp_path):
    calls = "".join(f'call("{command}", "--help")\n' for command in COMMANDS)
    assert loaded(f'{CALL}call("--help")\ncall("--version")\n{calls}', tmp_path) == set()


def test_the_list_of_commands_is_complete():
    assert set(typer.main.get_command(app).commands) == set(COMMANDS)


def test_check_needs_no_figures_no_tables_and_no_store(tmp_path):
    (tmp_path / "a.toml").write_text(CONFIG)
    assert loaded(CALL + 'call("check", "a.toml")', tmp_path).isdisjoint(
        {"matplotlib.pyplot", "pandas", "xarray", "zarr", "pint"}
    )


def test_looking_at_the_library_and_the_schema_needs_no_figures_and_no_store(tmp_path):
    assert loaded(CALL + 'call("library")\ncall("schema")', tmp_path).isdisjoint(
        {"matplotlib.pyplot", "pandas", "xarray", "zarr", "pint"}
    )


def test_a_unit_in_quotes_is_what_loads_pint(tmp_path):
    (tmp_path / "a.toml").write_text(CONFIG.replace("100.0", '"0.1 uM"'))
    assert "pint" in loaded(CALL + 'call("check", "a.toml")', tmp_path)


@pytest.mark.jit_only
def test_a_run_whose_kernels_are_compiled_loads_no_compiler(tmp_path):
    (tmp_path / "a.toml").write_text(CONFIG)
    run = CALL + 'call("run", "a.toml", "--out", "{}")'
    loaded(run.format("first"), tmp_path)
    assert "numba" not in loaded(run.format("second"), tmp_path)
