"""Files by malicious authors: clean errors, nothing run, nothing touched outside the folder."""

import ast
import contextlib
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import protacsim
from protacsim import store
from protacsim.cli import publishing
from protacsim.errors import ParameterError, StoreError
from protacsim.store.canonical import sealed
from stored import fingerprint, tree, write
from sweeps import CONFIG, environment

SOURCES = Path(protacsim.__file__).parent


# ----------------------------------------------------------- nothing is executed


def calls(tree_of_code):
    for node in ast.walk(tree_of_code):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name):
                    yield name
                case ast.Attribute(value=ast.Name(id=module), attr=name):
                    yield f"{module}.{name}"


def test_nothing_evaluates_or_unpickles_but_the_jobs_of_our_own_parent():
    forbidden = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
    loaders = {f"{m}.{f}" for m in ("pickle", "marshal", "shelve", "dill", "cloudpickle")
               for f in ("load", "loads", "open", "Unpickler")}  # fmt: skip
    found = [
        (path.relative_to(SOURCES).as_posix(), name)
        for path in SOURCES.rglob("*.py")
        for name in calls(ast.parse(path.read_text(encoding="utf-8")))
        if name in forbidden | loaders
    ]
    outside_kernels = [(path, name) for path, name in found if not path.startswith("kernels/")]
    assert outside_kernels == [("study/running.py", "pickle.loads")]
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle" not in text
        assert "yaml.load" not in text
        assert "shell=True" not in text


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def seal(folder: Path, **changes: object) -> None:
    """Write a manifest that vouches for whatever is in the folder."""
    content = json.loads((folder / "manifest.json").read_text())
    del content["manifest_sha256"]
    files = {
        name: hashlib.sha256(data).hexdigest() for name, data in tree(folder / "data.zarr").items()
    }
    content = {**content, "files": files, **changes}
    content = {key: value for key, value in content.items() if value != "absent"}
    (folder / "manifest.json").write_bytes(sealed(content, "manifest_sha256"))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "r")
    return tmp_path / "r"


@pytest.mark.parametrize("kept", [False, True], ids=["format 2 alone", "beside format 3"])
def test_codecs_that_unpickle_are_never_asked(folder, tmp_path, monkeypatch, kept):
    monkeypatch.setenv("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "1")
    data = folder / "data.zarr"
    if not kept:
        for path in data.rglob("zarr.json"):
            path.unlink()
    array = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": 0,
        "order": "C", "compressor": {"id": "zlib", "level": 1},
        "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}],
    }  # fmt: skip
    if not kept:
        (data / ".zgroup").write_text('{"zarr_format": 2}')
    (data / "status/.zarray").write_text(json.dumps(array))
    (data / "status/.zattrs").write_text('{"_ARRAY_DIMENSIONS": ["x"]}')
    (data / "status/0").write_bytes(zlib.compress(pickle.dumps(Trap(tmp_path / "owned"))))
    seal(folder)
    if kept:
        assert store.open_results(folder)["status"].dtype == np.int8
    else:
        with pytest.raises(StoreError, match="cannot be read"):
            store.open_results(folder)
    assert not (tmp_path / "owned").exists()


# ---------------------------------------------------------- manifests and journals


@pytest.mark.parametrize(
    "changes",
    [
        {"files": "absent"},
        {"files": []},
        {"files": {"status/zarr.json": 3}},
        {"coordinates": None},
        {"variables": {"a": 1}},
        {"variables": [["status"]]},
        {"failed_by_chunk": [1, 2]},
        {"lost_chunks": "all"},
        {"chunk_count": "many"},
        {"chunk_count": -1.5},
        {"layout": ["protacsim-results/2"]},
        {"layout": 10**400},
    ],
    ids=str,
)
def test_sealed_nonsense_in_a_manifest_is_one_sentence(folder, changes):
    seal(folder, **changes)
    (problem,) = store.verify(folder)
    assert "\n" not in problem
    for act in (store.open_results, write):
        with pytest.raises(StoreError):
            act(folder)


@pytest.mark.parametrize("changes", [{"variables": ["nothing"]}, {"coordinates": ["nothing"]}])
def test_sealed_names_that_are_not_there_are_one_sentence(folder, changes):
    seal(folder, **changes)
    with pytest.raises(StoreError, match="cannot be read"):
        store.open_results(folder)


def test_a_sealed_shape_beyond_all_memory_is_one_sentence(folder):
    for path in (folder / "data.zarr/zarr.json", folder / "data.zarr/target_total/zarr.json"):
        path.write_text(path.read_text().replace("\n        5,", f"\n        {10**15},"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "shape": [10**9, 10**9, 5, 3]}))
    seal(folder)
    with pytest.raises(StoreError, match="cannot be read"):
        store.open_results(folder)


def test_names_in_a_manifest_reach_nothing_outside(folder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    content = json.loads((folder / "manifest.json").read_text())
    files = {**content["files"], "../../mine": "0" * 64, "/etc/hostname": "0" * 64}
    seal(folder, files=files)
    assert all("missing" in line for line in store.verify(folder))
    with pytest.raises(StoreError):
        store.open_results(folder)
    write(folder)
    assert (tmp_path / "mine").read_text() == "mine"
    assert store.verify(folder) == []


def test_receipts_in_a_journal_reach_nothing_outside(tmp_path):
    (tmp_path / "mine").write_text("mine")
    write(tmp_path / "r", most=2)
    files = {"../../mine": "0" * 64}
    lines = [
        {"chunk": 0, "files": files, "failed": 0, "lost": False},
        {"chunk": -1, "files": files, "failed": 0, "lost": False},
        {"chunk": 10**30, "files": {}, "failed": 0, "lost": False},
        {"chunk": "a", "files": [], "failed": None, "lost": 3},
        {"chunk": None},
        [],
        {"other": 1},
        {"chunk": 5, "files": ["a"], "failed": 0, "lost": False},
    ]
    with (tmp_path / "r/journal.jsonl").open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
        file.write("[" * 100_000 + "\n\0\xff\n")
    assert write(tmp_path / "r") == [2, 3, 4, 5, 6, 7]
    assert (tmp_path / "mine").read_text() == "mine"
    write(tmp_path / "whole")
    assert fingerprint(tmp_path / "r/data.zarr") == fingerprint(tmp_path / "whole/data.zarr")


@pytest.mark.parametrize("kind", ["/../../../owned", "pie", "dose-response/../../../owned"])
def test_a_figure_in_a_manifest_names_no_file(folder, tmp_path, kind):
    figure = {"kind": kind, "rows": ["target_total"], "columns": None, "hue": None,
              "time_h": None, "width_mm": 180.0, "select": []}  # fmt: skip
    for figures in ([figure], [{"kind": 3}], "pie", [3], {"a": 1}):
        seal(folder, figures=figures)
        with pytest.raises(StoreError, match="states figures that cannot be drawn"):
            publishing.replot(folder, as_json=True)
    assert not list(tmp_path.glob("owned*"))


def test_results_without_figures_are_replotted_as_none(folder, capsys):
    publishing.replot(folder, as_json=True)
    assert json.loads(capsys.readouterr().out) == []


# ------------------------------------------------------------- links and odd files


@pytest.fixture
def outside(tmp_path):
    """A folder elsewhere with a file that nobody may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/mine.svg").write_text("mine")
    (tmp_path / "outside/01-mine.svg").write_text("mine")
    return tmp_path / "outside"


def untouched(outside):
    return tree(outside) == {"mine.svg": b"mine", "01-mine.svg": b"mine"}


LINKS = [
    ("data.zarr/status/c/0/0/0", "mine.svg"),
    ("data.zarr/status", ""),
    ("data.zarr/added", ""),
    ("data.zarr/zarr.json", "mine.svg"),
    ("data.zarr/added/zarr.json", "mine.svg"),
    ("data.zarr/status/c/0/0/0-1.partial", "mine.svg"),
]


@pytest.mark.parametrize(("name", "target"), LINKS, ids=[name for name, _ in LINKS])
def test_links_in_a_store_are_noticed_and_removed_and_never_followed(folder, outside, name, target):
    before, link = tree(folder), folder / name
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(outside / target)
    assert store.verify(folder) != []
    with pytest.raises(StoreError):
        store.open_results(folder)
    write(folder)
    assert untouched(outside)
    assert not link.is_symlink()
    assert tree(folder) == before


def test_a_link_to_the_very_same_bytes_is_noticed(folder, tmp_path):
    chunk = folder / "data.zarr/status/c/0/0/0"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    assert store.verify(folder) == [f"{chunk} is not a plain file"]
    assert write(folder) == [0]
    assert store.verify(folder) == []


@pytest.mark.parametrize("name", ["data.zarr", "journal.jsonl", "run_log.jsonl", ".run.lock"])
def test_links_beside_a_store_are_refused_or_replaced(tmp_path, outside, name):
    folder = tmp_path / "r"
    write(folder, most=2)
    target = outside if name == "data.zarr" else outside / "mine.svg"
    link = folder / name
    if name == "data.zarr":
        link.rename(tmp_path / "moved")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    with contextlib.suppress(StoreError):
        write(folder)
        store.log(folder, {"event": "run"})
    assert untouched(outside)


def test_a_link_in_place_of_figures_is_refused(folder, outside):
    (folder / "figures").symlink_to(outside)
    with pytest.raises(StoreError, match="is a link"):
        publishing.draw(store.open_results(folder), (), folder / "figures", None)
    assert untouched(outside)


def test_a_pipe_in_a_store_does_not_hang_anyone(folder):
    chunk = folder / "data.zarr/status/c/0/0/0"
    chunk.unlink()
    os.mkfifo(chunk)
    assert store.verify(folder) == [f"{chunk} is not a plain file"]
    assert write(folder) == [0]


@pytest.mark.parametrize("name", ["a\0b", "x" * 5_000_000], ids=["nul", "5 MB"])
def test_names_that_no_disk_takes_are_one_sentence(tmp_path, name):
    data = xr.Dataset({"v": ("x", [1.0])}, coords={name: ("x", np.array([1.0]))})
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "r", data)
    assert len(str(caught.value)) < 1000


# ----------------------------------------------------------------- configurations

HOSTILE_FILES = {
    "deep arrays": "a = " + "[" * 100_000,
    "deep tables": "a" + ".a" * 100_000 + " = 1",
    "deep inline": "a = " + "{a = " * 50_000,
    "key of 5 MB": CONFIG + f"\n[method]\n{'k' * 5_000_000} = 1\n",
    "key of 4 MB": CONFIG + f"\n[method]\n{'k' * 4_000_000} = 1\n",
    "title of 4 MB": CONFIG.replace('"Sweep"', f'"{"t" * 4_000_000}"'),
    "path of 4 MB": CONFIG.replace("cell.volume_pL", "p" * 4_000_000),
    "deep quoted": '"a"' + ' . "a"' * 100_000 + " = 1",
    "deep header": "[a" + ".a" * 100_000 + "]",
    "million axes": CONFIG + '[[axis]]\npath = "cell.atp_uM"\nvalues = [1.0]\n' * 1_000_000,
    "million keys": CONFIG + "[method]\n" + "".join(f"k{i} = 1\n" for i in range(1_000_000)),
    "up": CONFIG.replace('"MT-802"', '"../../../owned"').replace('"Sweep"', '"../../owned"'),
    "extends up": 'extends = "../../../../../../etc/passwd"\n' + CONFIG,
    "extends itself": 'extends = "bad.toml"\n' + CONFIG,
}


@pytest.mark.jit_only
@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_configurations_end_in_a_clean_error(tmp_path, name):
    where = tmp_path / "a/b/c"
    where.mkdir(parents=True)
    (where / "bad.toml").write_text(HOSTILE_FILES[name])
    done = subprocess.run(
        [sys.executable, "-c", "from protacsim.cli import main; main()",
         "run", "bad.toml", "--out", "r"],
        cwd=where, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if name == "up" else 2), done.stderr[-500:]
    if done.returncode:
        assert done.stderr.startswith("error: ")
        assert max(map(len, done.stderr.splitlines())) < 2000
        assert len(done.stderr.splitlines()) < 200
        assert not (where / "r").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["c"]


@pytest.mark.parametrize("formula", ["=1+1", "+1", "@SUM(A1)", "-2+3"])
def test_a_label_is_no_formula_in_the_summary(tmp_path, formula):
    import pandas as pd

    table = pd.DataFrame({"treatment": [formula], "dc50_relative_nM": [-1.0]})
    publishing.write_table(table, tmp_path / "summary.csv")
    assert (tmp_path / "summary.csv").read_text().splitlines()[1] == f"'{formula},-1.0"


def test_an_export_of_the_command_line_writes_where_it_is_told(folder, tmp_path):
    from protacsim.cli import inspecting

    with pytest.raises(ParameterError, match="ends in"):
        inspecting.export(folder, [tmp_path / "x.exe"], as_json=False)
    assert inspecting.export(folder, [tmp_path / "x.csv"], as_json=True) == 0
