"""What a command may import before it has work to do: help must answer at once."""

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest
import typer

from protacsim.cli import app
from protacsim.loading import hidden

HEAVY = ("numba", "llvmlite", "scipy", "xarray", "zarr", "pandas", "pint", "matplotlib.pyplot")
UNUSED = ("dask", "pint", "pyarrow", "sparse", "matplotlib", "SALib", "scipy.optimize", "h5py")
"""What no run without figures has a use for."""
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
print(json.dumps([name for name in heavy if sys.modules.get(name)]))
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


def loaded(statements, folder, among=HEAVY):
    """Which of some modules a fresh interpreter has loaded after the statements."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, statements, " ".join(among)],
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
def test_a_run_loads_only_what_it_uses(tmp_path):
    """xarray would import every array library there is; what is drawn needs matplotlib."""
    (tmp_path / "a.toml").write_text(CONFIG.partition("[[figure]]")[0])
    call = CALL + 'call("run", "a.toml", "--workers", "1")\n'
    assert loaded(call, tmp_path, UNUSED) == set()
    assert loaded(CALL + 'call("failures", "results/a")', tmp_path, UNUSED) == set()
    assert (tmp_path / "results" / "a" / "report.html").exists()


def test_what_was_hidden_can_be_imported_afterwards(tmp_path):
    used = """
from protacsim.loading import load_xarray
load_xarray()
import dask.array, pint, pyarrow.parquet
import xarray
assert xarray.DataArray([1.0]).sum() == 1.0
"""
    among = ("dask", "pint", "pyarrow", "xarray")
    assert loaded(used, tmp_path, among) == set(among)


def test_a_library_that_is_loaded_is_not_hidden():
    with hidden("json", "protacsim_is_not_this"):
        assert sys.modules["json"] is json
        with pytest.raises(ImportError):
            import_module("protacsim_is_not_this")
    assert "protacsim_is_not_this" not in sys.modules


def test_a_run_whose_kernels_are_compiled_loads_no_compiler(tmp_path):
    (tmp_path / "a.toml").write_text(CONFIG)
    run = CALL + 'call("run", "a.toml", "--out", "{}")'
    loaded(run.format("first"), tmp_path)
    assert "numba" not in loaded(run.format("second"), tmp_path)


def test_commands_run_where_xarray_was_loaded_before(tmp_path):
    script = """
import xarray
from protacsim.loading import load_xarray
load_xarray()
xarray.Dataset(coords={"any": [0.0]})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
