"""What is written is what is read, byte for byte, and no damage goes unnoticed."""

import errno
import hashlib
import json
import math
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from protacsim import store
from protacsim.errors import StoreError
from protacsim.store.canonical import sealed
from stored import AXES, DOSE, result, template, tree, write


def array_metadata(folder: Path) -> dict[str, dict]:
    return {
        path.parent.name: json.loads(path.read_text())
        for path in (folder / "data.zarr").glob("*/zarr.json")
    }


def crc32c(content: bytes) -> int:
    """Castagnoli checksum bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished results that no test changes."""
    folder = tmp_path_factory.mktemp("store") / "results" / "btk"
    write(folder)
    store.log(folder, {"host": "here"})
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """Finished results that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


# Round trip


def test_open_results_gives_back_what_was_written(written: Path):
    data, found = result(), store.open_results(written)
    xr.testing.assert_identical(found, data)
    for name, variable in data.variables.items():
        assert found[name].dtype == variable.dtype, name
        assert found[name].dims == variable.dims, name
    assert all(type(allele) is str for allele in found["target.allele"].values)
    assert found["status"].attrs["flag_values"] == [0, 3]


def test_open_results_reads_a_variable_when_it_is_first_used(copy: Path):
    found = store.open_results(copy, lazily=True)
    xr.testing.assert_identical(found.target_total, result().target_total)
    shutil.rmtree(copy / store.DATA / "target_total")
    xr.testing.assert_identical(found.target_total, result().target_total)
    xr.testing.assert_identical(found.drop_vars("target_total"), result().drop_vars("target_total"))


def test_open_results_is_independent_of_the_files(copy: Path):
    found = store.open_results(copy)
    shutil.rmtree(copy)
    xr.testing.assert_identical(found, result())


@pytest.mark.parametrize("kwargs", [{}, {"consolidated": True}, {"consolidated": False}])
def test_plain_xarray_reads_the_data(written: Path, kwargs: dict):
    with xr.open_zarr(written / "data.zarr", **kwargs) as found:
        xr.testing.assert_identical(found.load(), result())


def test_other_strings_scalars_booleans_and_spaces_in_names(tmp_path: Path):
    data = xr.Dataset(
        {
            "censored": ("cell", np.array([True, False, True])),
            "number": ((), np.int64(3)),
        },
        coords={
            "cell": np.array(["a", "bb", "c"], np.dtypes.StringDType()),
            "reason": ("cell", np.array(["", "no crossing", "é"])),
            "compounds.MT 802.dose_nM": ("cell", [1.0, 2.0, np.inf], {"units": "days"}),
            "allele": "WT",
        },
    )
    assert write(tmp_path, data) == [0]
    found = store.open_results(tmp_path)
    xr.testing.assert_identical(found, data)
    assert found["censored"].dtype == bool
    assert {found[name].dtype for name in ("reason", "cell", "allele")} == {np.dtype(object)}


@pytest.mark.parametrize("points", [1, 3, 5, 7, 1000])
def test_any_size_of_chunks_comes_back_whole(tmp_path: Path, points: int):
    write(tmp_path, points=points)
    xr.testing.assert_identical(store.open_results(tmp_path), result())


def test_the_dataset_passed_in_is_not_changed(tmp_path: Path):
    data = result()
    data["time_h"].encoding["chunks"] = (1,)
    write(tmp_path, data)
    assert isinstance(data["status"].attrs["flag_values"], np.ndarray)
    assert data["time_h"].encoding == {"chunks": (1,)}
    assert array_metadata(tmp_path)["time_h"]["chunk_grid"]["configuration"]["chunk_shape"] == [3]


# Bytes


def test_writing_twice_gives_the_same_bytes(written: Path, tmp_path: Path):
    write(tmp_path / "b")
    first, second = tree(written), tree(tmp_path / "b")
    assert first.pop("run_log.jsonl")
    assert first == second


def test_writing_what_was_read_gives_the_same_bytes(written: Path, tmp_path: Path):
    write(tmp_path / "b", store.open_results(written))
    assert tree(tmp_path / "b" / "data.zarr") == tree(written / "data.zarr")


def test_a_finished_result_is_left_alone(copy: Path):
    def times() -> dict[str, int]:
        return {path.as_posix(): path.stat().st_mtime_ns for path in copy.rglob("*.json")} | {
            path.as_posix(): path.stat().st_mtime_ns for path in copy.rglob("c/*")
        }

    before = times()
    assert write(copy) == []
    assert times() == before


def test_the_string_dtype_does_not_change_the_bytes(written: Path, tmp_path: Path):
    fixed = result().assign_coords(compound=np.array(["mt-802", "ïbrutinib"]))
    assert fixed["compound"].dtype.kind == "U"
    write(tmp_path, fixed)
    assert tree(tmp_path / "data.zarr") == tree(written / "data.zarr")


def test_every_array_is_compressed_and_checksummed(written: Path):
    arrays = array_metadata(written)
    assert set(arrays) == set(result().variables)
    for name, metadata in arrays.items():
        codecs = [codec["name"] for codec in metadata["codecs"]]
        assert codecs[-2:] == ["zstd", "crc32c"], name


def test_every_chunk_is_written_and_ends_in_its_checksum(written: Path):
    arrays = array_metadata(written)
    for name, metadata in arrays.items():
        shape, grid = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
        chunks = [p for p in (written / "data.zarr" / name / "c").rglob("*") if p.is_file()]
        assert len(chunks) == math.prod(-(-n // c) for n, c in zip(shape, grid, strict=True)), name
        for chunk in chunks:
            content = chunk.read_bytes()
            assert struct.unpack("<I", content[-4:])[0] == crc32c(content[:-4]), chunk


def test_strings_are_of_the_variable_length_type(written: Path):
    arrays = array_metadata(written)
    assert {arrays[name]["data_type"] for name in (*AXES[:2], "compound")} == {"string"}


# Chunks

sizes_of_dims = st.lists(st.integers(1, 60), max_size=4).map(
    lambda sizes: {f"axis{i}": size for i, size in enumerate(sizes)}
)


@given(sizes_of_dims, st.integers(1, 500), st.sets(st.sampled_from(["axis0", "axis2"])))
def test_chunks_have_at_most_so_many_points_and_favoured_dims_first(sizes, points, whole):
    lengths = store.chunk_lengths(sizes, points, whole)
    assert list(lengths) == list(sizes)
    assert math.prod(lengths.values()) <= points
    assert all(1 <= lengths[dim] <= sizes[dim] for dim in sizes)
    assert lengths == store.chunk_lengths(dict(sizes), points, sorted(whole, reverse=True))
    first = next((dim for dim in reversed(sizes) if dim in whole), next(reversed(sizes), None))
    assert first is None or lengths[first] == min(points, sizes[first])


@given(sizes_of_dims, st.data())
def test_windows_tile_every_point_exactly_once(sizes, data):
    lengths = {dim: data.draw(st.integers(max(1, size // 4), size)) for dim, size in sizes.items()}
    grid = store.Grid(sizes, lengths)
    points = np.prod(list(sizes.values()), dtype=int)
    if points > 50_000:
        return
    times_covered = np.zeros(tuple(sizes.values()), int)
    for chunk in range(grid.chunks):
        window = grid.window(chunk)
        assert list(window) == list(sizes)
        times_covered[tuple(window.values())] += 1
        assert grid.points(chunk) == math.prod(w.stop - w.start for w in window.values())
    assert (times_covered == 1).all()
    assert sum(grid.points(chunk) for chunk in range(grid.chunks)) == points
    assert len({grid.place(chunk) for chunk in range(grid.chunks)}) == grid.chunks


def test_chunks_are_as_large_as_they_may_be():
    assert store.chunk_lengths({"a": 10_000}, 4096) == {"a": 4096}
    assert store.chunk_lengths({"a": 100, "b": 100}, 4096) == {"a": 40, "b": 100}
    assert store.chunk_lengths({"a": 100, "b": 100}, 4096, {"a"}) == {"a": 100, "b": 40}
    assert store.chunk_lengths({"a": 3, "b": 3, "c": 5000}, 4096) == {"a": 1, "b": 1, "c": 4096}
    assert store.chunk_lengths({}, 4096) == {}


def test_the_manifest_states_the_chunks_on_disk(copy: Path):
    stated = json.loads((copy / "manifest.json").read_text())
    assert stated["chunks"]["status"] == [1, 1, 4]
    assert stated["grid"]["lengths"] == {"treatment": 1, "target.allele": 1, DOSE: 4}
    assert stated["chunk_count"] == 8
    arrays = array_metadata(copy)
    for name, chunk in stated["chunks"].items():
        assert chunk == arrays[name]["chunk_grid"]["configuration"]["chunk_shape"]


# Manifest and log


def test_the_manifest_has_what_was_passed_and_every_hash(tmp_path: Path):
    passed = {"seed": np.int64(3), "method": {"rtol": 1e-6, "h_max_h": math.inf}, "points": (4, 5)}
    write(tmp_path, plan=passed)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["seed"] == 3
    assert found["method"] == {"rtol": 1e-6, "h_max_h": "Infinity"}
    assert found["points"] == [4, 5]
    assert found["layout"] == "protacsim-results/2"
    assert found["failed"] == 1
    assert found["files"] == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in tree(tmp_path / "data.zarr").items()
    }
    assert list(found) == sorted(found)


def test_log_lines_are_appended(tmp_path: Path):
    store.log(tmp_path / "new", {"event": "start", "time_s": np.float64(0.5)})
    store.log(tmp_path / "new", {"event": "é"})
    lines = (tmp_path / "new" / "run_log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "start", "time_s": 0.5},
        {"event": "é"},
    ]


def test_a_line_that_was_cut_short_stays_alone(tmp_path: Path):
    (tmp_path / "run_log.jsonl").write_bytes(b'{"event": "sta')
    store.log(tmp_path, {"event": "end"})
    assert (tmp_path / "run_log.jsonl").read_bytes() == b'{"event": "sta\n{"event":"end"}\n'


def test_sha256_of_is_the_hash_of_canonical_json():
    text = '{"a":[1,2.5,null,true],"é":"x"}'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert store.sha256_of({"é": "x", "a": (1, 2.5, None, True)}) == expected
    assert store.sha256_of({"a": [np.int8(1), 2.5, None, np.True_], "é": np.str_("x")}) == expected
    assert store.sha256_of(np.arange(3)) == hashlib.sha256(b"[0,1,2]").hexdigest()
    assert store.sha256_of(1) != store.sha256_of(1.0)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.dictionaries(st.text("abcé", max_size=3), scalars | st.lists(scalars, max_size=3)))
def test_sha256_of_ignores_the_order_of_keys(value):
    backwards = dict(reversed(value.items()))
    assert store.sha256_of(backwards) == store.sha256_of(value)


@pytest.mark.parametrize(
    ("value", "named"),
    [({"a": {1, 2}}, r"value\.a is of type set"), ({"a": {3: 4}}, "key 3"), ([1, 2j], r"\[1\]")],
)
def test_sha256_of_names_what_json_cannot_hold(value, named):
    with pytest.raises(StoreError, match=named):
        store.sha256_of(value)


# Damage


def test_undamaged_results_have_no_problems(written: Path):
    assert store.verify(written) == []


def test_single_bit_flips_are_noticed_anywhere(copy: Path):
    files = sorted(path for path in (copy / "data.zarr").rglob("*") if path.is_file())
    rng = random.Random(20)
    roots = [copy / "data.zarr" / "zarr.json", copy / "data.zarr" / "target_total" / "zarr.json"]
    for path in roots + rng.choices(files, k=50):
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(StoreError) as caught:
            store.open_results(copy)
        assert str(path) in str(caught.value)
        path.write_bytes(content)
    assert store.verify(copy) == []


def test_a_changed_value_in_the_manifest_is_noticed(copy: Path):
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 5', '"seed": 6'))
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        store.open_results(copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_a_broken_manifest_is_noticed(copy: Path, content: bytes):
    (copy / "manifest.json").write_bytes(content)
    assert len(store.verify(copy)) == 1
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        store.open_results(copy)


def test_a_missing_manifest_is_noticed(copy: Path):
    (copy / "manifest.json").unlink()
    with pytest.raises(
        StoreError, match=r"manifest\.json is missing, so .* holds no finished results"
    ):
        store.open_results(copy)
    with pytest.raises(StoreError, match="nowhere is not there; give the folder that a run wrote"):
        store.open_results(copy / "nowhere")


def test_missing_truncated_and_added_files_are_each_named(copy: Path):
    data = copy / "data.zarr"
    (data / "ternary/c/0/0/0/0").unlink()
    os.truncate(data / "status/c/0/0/0", 5)
    (data / "status/c/0/0/9").write_bytes(b"")
    assert store.verify(copy) == [
        f"{data / 'ternary/c/0/0/0/0'} is missing",
        f"{data / 'status/c/0/0/9'} is not in the manifest",
        f"{data / 'status/c/0/0/0'} is not what was written (sha256)",
    ]
    with pytest.raises(StoreError) as caught:
        store.open_results(copy)
    assert all(problem in str(caught.value) for problem in store.verify(copy))
    assert "Run again to repair" in str(caught.value)


def test_missing_data_are_noticed(copy: Path):
    shutil.rmtree(copy / "data.zarr")
    with pytest.raises(StoreError, match=r"data\.zarr is missing"):
        store.open_results(copy)


def test_a_long_list_of_problems_is_cut(copy: Path):
    for path in (copy / "data.zarr").rglob("zarr.json"):
        path.unlink()
    with pytest.raises(StoreError, match=r"and 6 more. Run again"):
        store.open_results(copy)


# Refusal by the disk

CODES = [errno.ENOSPC, errno.EROFS, errno.EACCES]
STEPS = ("write_bytes", "replace", "open")


class Disk:
    """Counts every write, rename and append, and refuses one of them halfway, or all from it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.refused: int | None = None
        self.lasting = False
        self.error: BaseException = OSError()
        for name in STEPS:
            monkeypatch.setattr(Path, name, self._guarded(name, getattr(Path, name)))

    def refuse(self, step: int, error: BaseException, *, lasting: bool = False) -> None:
        self.steps, self.refused, self.error, self.lasting = 0, step, error, lasting

    def _guarded(self, name: str, original: Callable) -> Callable:
        def guarded(path: Path, *args: object, **kwargs: object) -> object:
            if name == "open" and "a" not in (*args, *kwargs.values(), "r")[0]:
                return original(path, *args, **kwargs)
            self.steps += 1
            at = self.refused is not None
            if at and (self.steps == self.refused or (self.lasting and self.steps > self.refused)):
                if name == "write_bytes":
                    original(path, args[0][: len(args[0]) // 2])
                raise self.error
            return original(path, *args, **kwargs)

        return guarded


def refusal(code: int) -> OSError:
    return OSError(code, os.strerror(code), "somewhere")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def few() -> xr.Dataset:
    """Two variables in two chunks."""
    return result()[["target_total", "status"]]


def steps_of_a_run(disk: Disk, folder: Path) -> int:
    write(folder, few(), points=10)
    return disk.steps


def test_a_refusal_at_any_write_is_explained_and_a_second_run_completes(tmp_path: Path, disk: Disk):
    steps = steps_of_a_run(disk, tmp_path / "uninterrupted")
    final = tree(tmp_path / "uninterrupted")
    assert steps > 2 * len(final)
    for step in range(1, steps + 1):
        folder = tmp_path / str(step)
        code = CODES[step % len(CODES)]
        disk.refuse(step, refusal(code), lasting=step % 2 == 0)
        with pytest.raises(StoreError, match="--out") as caught:
            write(folder, few(), points=10)
        assert os.strerror(code) in str(caught.value)
        assert "\n" not in str(caught.value)
        disk.refused = None
        for name, content in tree(folder).items():
            if name.startswith("data.zarr/"):
                assert content == final[name], (step, name)
        assert not (folder / "manifest.json").exists() or store.verify(folder) == []
        write(folder, few(), points=10)
        assert tree(folder) == final, step


def test_an_interrupt_at_any_write_leaves_no_half_file_and_is_resumed(tmp_path: Path, disk: Disk):
    steps = steps_of_a_run(disk, tmp_path / "uninterrupted")
    final = tree(tmp_path / "uninterrupted")
    for step in range(1, steps + 1, 3):
        folder = tmp_path / str(step)
        disk.refuse(step, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            write(folder, few(), points=10)
        disk.refused = None
        assert not list(folder.rglob("*.partial"))
        write(folder, few(), points=10)
        assert tree(folder) == final, step


def test_a_refused_repair_leaves_the_chunks_that_were_whole(copy: Path, disk: Disk):
    damaged = copy / "data.zarr/status/c/0/0/0"
    damaged.write_bytes(b"")
    before = {k: v for k, v in tree(copy / "data.zarr").items() if k != "status/c/0/0/0"}
    disk.refuse(2, refusal(errno.ENOSPC), lasting=True)
    with pytest.raises(StoreError, match="free space"):
        write(copy)
    disk.refused = None
    left = tree(copy / "data.zarr")
    chunk = [name for name in before if name.endswith("c/0/0/0") or "/c/0/0/0/" in name]
    assert {k: v for k, v in before.items() if k not in chunk}.items() <= left.items()
    assert write(copy) == [0]


def test_a_file_in_the_place_of_the_folder_is_explained(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="file is a file, and results need a folder"):
            write(folder)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_is_explained(copy: Path):
    chunk = copy / "data.zarr/status/c/0/0/0"
    chunk.unlink()
    chunk.mkdir()
    with pytest.raises(StoreError, match="a folder stands where a file is needed"):
        write(copy)
    write(copy, fresh=True)
    assert store.verify(copy) == []


@pytest.mark.parametrize("code", CODES)
def test_a_refused_log_line_is_not_half_written(copy: Path, monkeypatch, code: int):
    before = (copy / "run_log.jsonl").read_bytes()
    opened = Path.open

    def half_full(self: Path, mode: str = "r", *args: object, **kwargs: object):
        if mode == "ab":
            self.write_bytes(before + b'{"half')
            raise OSError(code, os.strerror(code), str(self))
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", half_full)
    with pytest.raises(StoreError, match="--out"):
        store.log(copy, {"event": "end"})
    assert (copy / "run_log.jsonl").read_bytes() == before


# What stays and what goes


def test_what_the_store_did_not_make_stays(tmp_path: Path):
    mine = {
        "figures/mine.txt": "a",
        "download.partial": "d",
        ".env.partial": "d",
        "other/data.zarr/status/c/0.partial": "e",
        "notes/zarr.json": "f",
    }
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    links = [tmp_path / name for name in (".env", "journal_notes")]
    for link in links:
        link.symlink_to(tmp_path / "notes")
    write(tmp_path, most=1)
    write(tmp_path)
    write(tmp_path, fresh=True)
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    assert all(link.is_symlink() for link in links)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["summary.csv", "report.html", "fit_curves.csv"])
def test_a_file_that_a_run_would_replace_is_refused(tmp_path: Path, name: str, fresh: bool):
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreError, match=f"{name} belongs to no results .*; move it, or choose"):
        write(tmp_path, fresh=fresh)
    assert (tmp_path / name).read_text() == "mine"


def test_what_stands_in_a_folder_without_results_stays_even_with_fresh(tmp_path: Path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/mine.svg").write_text("mine")
    write(tmp_path, fresh=True)
    assert (tmp_path / "figures/mine.svg").read_text() == "mine"


def test_what_is_made_from_the_data_goes_when_they_change(copy: Path):
    (copy / "figures").mkdir()
    (copy / "figures/01-dose-response.svg").write_text("old")
    (copy / "summary.csv").write_text("old")
    (copy / "data.zarr/status/c/0/0/0").write_bytes(b"")
    write(copy, most=0)
    assert not (copy / "figures").exists()
    assert not (copy / "summary.csv").exists()


def test_leftovers_of_a_killed_run_are_removed(copy: Path):
    for name in ("status/c/0/0/0-77.partial", "status/c/0/0/7", "extra/zarr.json", ".hidden"):
        (copy / "data.zarr" / name).parent.mkdir(exist_ok=True)
        (copy / "data.zarr" / name).write_text("{")
    (copy / "manifest.json-77.partial").write_text("{")
    (copy / ".run.holder.json-77.partial").write_text("{")
    before = tree(copy)
    assert write(copy) == []
    assert store.verify(copy) == []
    gone = set(before) - set(tree(copy))
    assert len(gone) == 6
    xr.testing.assert_identical(store.open_results(copy), result())


def test_fresh_replaces_results_whole(copy: Path):
    smaller = result(shift=1.0).drop_vars("ternary")
    write(copy, smaller, plan={"seed": 6}, fresh=True)
    xr.testing.assert_identical(store.open_results(copy), smaller)
    names = {p.name for p in copy.iterdir() if p.suffix != ".lock"}
    assert names == {"data.zarr", "manifest.json", "run_log.jsonl"}


def test_an_unfinished_result_says_how_far_it_is(tmp_path: Path):
    write(tmp_path, most=3)
    with pytest.raises(StoreError, match=r"not finished \(3 of 8 chunks.*same command again"):
        store.open_results(tmp_path)
    assert {"plan.json", "journal.jsonl"} <= {path.name for path in tmp_path.iterdir()}
    write(tmp_path)
    assert not {"plan.json", "journal.jsonl"} & {path.name for path in tmp_path.iterdir()}


# What cannot be stored


@pytest.mark.parametrize("name", ["a/b", "..", "", "__x", "zarr.json", "a\\b"])
def test_names_that_no_folder_can_have_are_refused(tmp_path: Path, name: str):
    for data in (
        xr.Dataset({name: ("x", [1.0])}),
        xr.Dataset({"v": ("x", [1.0])}, coords={name: ("x", [1.0])}),
    ):
        with pytest.raises(StoreError, match=r"cannot be stored under this name; use"):
            write(tmp_path / "new", data)
    assert not (tmp_path / "new/data.zarr").exists()


@pytest.mark.parametrize("odd", [None, 3.0, b"x"])
def test_mixed_objects_are_refused(tmp_path: Path, odd: object):
    data = xr.Dataset({"v": ("x", [1.0, 2.0])}, coords={"m": ("x", np.array(["a", odd], object))})
    with pytest.raises(StoreError, match=r"variable 'm' holds .* of type"):
        write(tmp_path / "new", data)


def test_attributes_that_json_cannot_hold_are_named(tmp_path: Path):
    data = xr.Dataset({"v": ("x", [1.0], {"units": {"nM"}})})
    with pytest.raises(StoreError, match=r"attributes of v\.units is of type set"):
        write(tmp_path / "new", data)


def test_results_of_another_layout_are_refused(copy: Path):
    path = copy / "manifest.json"
    content = json.loads(path.read_text())
    del content["manifest_sha256"]
    content["layout"] = "protacsim-results/99"
    path.write_bytes(sealed(content, "manifest_sha256"))
    with pytest.raises(StoreError, match="'protacsim-results/99'; this version reads"):
        store.open_results(copy)
    with pytest.raises(StoreError, match="Start anew with --fresh"):
        write(copy)


def test_the_layout_of_a_template_is_that_of_its_files(tmp_path: Path):
    write(tmp_path, points=3)
    found = template(result(), 3)
    files = {n for chunk in range(found.grid.chunks) for n in found.chunk_files(chunk)}
    on_disk = {path.relative_to(tmp_path / "data.zarr").as_posix()
               for variable in found.variables
               for path in (tmp_path / "data.zarr" / variable.name / "c").rglob("*")
               if path.is_file()}  # fmt: skip
    assert files == on_disk
