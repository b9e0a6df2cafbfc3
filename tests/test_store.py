"""What is written is what is read, byte for byte, and no damage goes unnoticed."""

import errno
import hashlib
import json
import math
import os
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from protacsim import store
from protacsim.errors import StoreError

DOSE = "compound.dose_nM"
AXES = ("treatment", "target.allele", DOSE)


def result(*, doses: int = 5, shift: float = 0.0) -> xr.Dataset:
    """Small result with every kind of variable that a study gives."""
    rng = np.random.default_rng(7)
    shape = (2, 2, doses)
    total = rng.lognormal(size=(*shape, 3)) + shift
    total[1, 0, 2] = np.nan
    status = np.zeros(shape, np.int8)
    status[1, 0, 2] = 3
    strings = {"treatment": ["MT-802", "ibrutinib, then MT-802"], "target.allele": ["WT", "C481S"]}
    return xr.Dataset(
        {
            "target_total": ((*AXES, "time_h"), total, {"units": "nM", "long_name": "total BTK"}),
            "compound_cell": (
                (*AXES, "compound", "time_h"),
                rng.normal(size=(*shape, 2, 3)),
                {"units": "nM"},
            ),
            "ubiquitinated": ((*AXES, "time_h"), np.zeros((*shape, 3)), {"units": "nM"}),
            "ternary": ((*AXES, "time_h"), np.full((*shape, 3), np.nan), {"units": "nM"}),
            "status": (
                AXES,
                status,
                {"flag_values": np.array([0, 3], np.int8), "flag_meanings": "ok step_underflow"},
            ),
        },
        coords={
            **{name: (name, np.array(values, object)) for name, values in strings.items()},
            DOSE: (DOSE, np.r_[0.0, np.geomspace(1e-2, 1e5, doses - 1)], {"units": "nM"}),
            "compound": ("compound", np.array(["mt-802", "ïbrutinib"], object)),
            "time_h": ("time_h", np.array([1.0, 4.0, 24.0]), {"units": "h"}),
        },
        attrs={"title": "β test", "seed": np.int64(5), "weights": np.array([0.5, 1.0])},
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


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
    return store.write(result(), folder, manifest={"seed": 5}, log=[{"host": "here"}])


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
            "reason": ("cell", np.array(["", "no crossing", "é"])),
            "censored": ("cell", np.array([True, False, True])),
            "number": ((), 3),
        },
        coords={
            "cell": np.array(["a", "bb", "c"], np.dtypes.StringDType()),
            "compounds.MT 802.dose_nM": ("cell", [1.0, 2.0, np.inf], {"units": "days"}),
            "allele": "WT",
        },
    )
    store.write(data, tmp_path, manifest={})
    found = store.open_results(tmp_path)
    xr.testing.assert_identical(found, data)
    assert found["censored"].dtype == bool
    assert {found[name].dtype for name in ("reason", "cell", "allele")} == {np.dtype(object)}


def test_several_chunks_come_back_whole(tmp_path: Path):
    data = result(doses=5000)
    store.write(data, tmp_path, manifest={})
    assert (tmp_path / "data.zarr/target_total/c/1/1/1/0").is_file()
    xr.testing.assert_identical(store.open_results(tmp_path), data)


def test_the_dataset_passed_in_is_not_changed(tmp_path: Path):
    data = result()
    data["target_total"].encoding["chunks"] = (1, 1, 1, 1)
    store.write(data, tmp_path, manifest={})
    assert isinstance(data["status"].attrs["flag_values"], np.ndarray)
    assert data["target_total"].encoding == {"chunks": (1, 1, 1, 1)}
    assert json.loads((tmp_path / "manifest.json").read_text())["chunks"]["target_total"][0] == 2


# Bytes


def test_writing_twice_gives_the_same_bytes(written: Path, tmp_path: Path):
    store.write(result(), tmp_path / "b", manifest={"seed": 5}, log=[{"host": "elsewhere"}])
    first, second = tree(written), tree(tmp_path / "b")
    assert first.pop("run_log.jsonl") != second.pop("run_log.jsonl")
    assert first == second


def test_writing_what_was_read_gives_the_same_bytes(written: Path, tmp_path: Path):
    store.write(store.open_results(written), tmp_path / "b", manifest={"seed": 5})
    assert tree(tmp_path / "b" / "data.zarr") == tree(written / "data.zarr")


def test_the_string_dtype_does_not_change_the_bytes(written: Path, tmp_path: Path):
    fixed = result().assign_coords(compound=np.array(["mt-802", "ïbrutinib"]))
    assert fixed["compound"].dtype.kind == "U"
    store.write(fixed, tmp_path, manifest={})
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

dims_and_sizes = st.lists(st.integers(1, 9000), max_size=4).flatmap(
    lambda sizes: st.tuples(st.just(sizes), st.integers(1, 500))
)


@given(dims_and_sizes)
def test_chunks_hold_whole_times_and_a_contiguous_run_of_at_most_4096_points(case):
    sizes, times = case
    dims = [f"axis{i}" for i in range(len(sizes))]
    *chunk, last = store.chunk_shape([*dims, "time_h"], [*sizes, times])
    assert last == times
    assert math.prod(chunk) <= 4096
    assert all(1 <= c <= n for c, n in zip(chunk, sizes, strict=True))
    cut = next((i for i, (c, n) in enumerate(zip(chunk, sizes, strict=True)) if c > 1), 0)
    assert chunk[cut + 1 :] == sizes[cut + 1 :]
    assert store.chunk_shape(dims, sizes) == tuple(chunk)


def test_chunks_are_as_large_as_they_may_be():
    assert store.chunk_shape(["a", "time_h"], [10_000, 97]) == (4096, 97)
    assert store.chunk_shape(["a", "b", "time_h"], [100, 100, 7]) == (40, 100, 7)
    assert store.chunk_shape(["a", "b", "c"], [3, 3, 5000]) == (1, 1, 4096)
    assert store.chunk_shape(["a", "compound", "time_h"], [5000, 3, 7]) == (4096, 3, 7)
    assert store.chunk_shape([], []) == ()


def test_the_manifest_states_the_chunks_on_disk(tmp_path: Path):
    spaced = {"compounds.MT 802.dose_nM": (DOSE, np.arange(5000.0))}
    store.write(result(doses=5000).assign_coords(spaced), tmp_path, manifest={})
    stated = json.loads((tmp_path / "manifest.json").read_text())["chunks"]
    assert stated["compounds.MT 802.dose_nM"] == [5000]
    assert stated["status"] == [1, 1, 4096]
    for name, metadata in array_metadata(tmp_path).items():
        assert stated[name] == metadata["chunk_grid"]["configuration"]["chunk_shape"]


# Manifest and log


def test_the_manifest_has_what_was_passed_and_every_hash(tmp_path: Path):
    passed = {"seed": np.int64(3), "method": {"rtol": 1e-6, "h_max_h": math.inf}, "points": (4, 5)}
    store.write(result(), tmp_path, manifest=passed)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["seed"] == 3
    assert found["method"] == {"rtol": 1e-6, "h_max_h": "Infinity"}
    assert found["points"] == [4, 5]
    assert found["files"] == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in tree(tmp_path / "data.zarr").items()
    }
    assert list(found) == sorted(found)


def test_log_lines_are_appended(tmp_path: Path):
    store.log(tmp_path / "new", {"event": "start", "time_s": np.float64(0.5)})
    store.write(result(), tmp_path / "new", manifest={}, log=[{"event": "a"}, {"event": "é"}])
    store.log(tmp_path / "new", {"event": "end"})
    lines = (tmp_path / "new" / "run_log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "start", "time_s": 0.5},
        {"event": "a"},
        {"event": "é"},
        {"event": "end"},
    ]


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
    with pytest.raises(StoreError, match=r"manifest\.json is missing.*run again"):
        store.open_results(copy)
    with pytest.raises(StoreError, match=r"manifest\.json is missing"):
        store.open_results(copy / "nowhere")


def test_missing_truncated_and_added_files_are_each_named(copy: Path):
    data = copy / "data.zarr"
    (data / "ternary/c/0/0/0/0").unlink()
    os.truncate(data / "status/c/0/0/0", 5)
    (data / "status/c/0/0/1").write_bytes(b"")
    assert store.verify(copy) == [
        f"{data / 'ternary/c/0/0/0/0'} is missing",
        f"{data / 'status/c/0/0/1'} is not in the manifest",
        f"{data / 'status/c/0/0/0'} is not what was written (sha256)",
    ]
    with pytest.raises(StoreError) as caught:
        store.open_results(copy)
    assert all(problem in str(caught.value) for problem in store.verify(copy))


def test_missing_data_are_noticed(copy: Path):
    shutil.rmtree(copy / "data.zarr")
    with pytest.raises(StoreError, match=r"data\.zarr is missing"):
        store.open_results(copy)


def test_a_long_list_of_problems_is_cut(copy: Path):
    for path in (copy / "data.zarr").rglob("zarr.json"):
        path.unlink()
    with pytest.raises(StoreError, match=r"and 6 more. Restore"):
        store.open_results(copy)


# Replacement and refusal


def refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the disk be full, once, halfway through a file or at the rename to a final name."""
    refused: list[Path] = []

    def refuse_first(path: Path) -> None:
        if path.name == name and not refused:
            refused.append(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def write_bytes(self: Path, content: bytes) -> int:
        originals["write_bytes"](self, content[: len(content) // 2])
        refuse_first(self)
        return originals["write_bytes"](self, content)

    def replace(self: Path, target: Path) -> Path:
        refuse_first(target)
        return originals["replace"](self, target)

    originals = {"write_bytes": Path.write_bytes, "replace": Path.replace}
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    monkeypatch.setattr(Path, "replace", replace)


STAGES = ["zarr.json", "0", "manifest.json.partial", "data.zarr", "manifest.json"]


@pytest.mark.parametrize("name", STAGES)
def test_a_full_disk_leaves_nothing_under_a_final_name(tmp_path, monkeypatch, name):
    refuse(monkeypatch, name)
    with pytest.raises(StoreError, match=r"could not be written.*No space left.*free space") as e:
        store.write(result(), tmp_path / "new", manifest={})
    assert str(tmp_path / "new") in str(e.value)
    assert set(tree(tmp_path / "new")) <= {"run_log.jsonl"}


@pytest.mark.parametrize("name", [*STAGES, "data.zarr.old.partial"])
def test_a_full_disk_leaves_the_finished_results_alone(copy, monkeypatch, name):
    before = tree(copy)
    refuse(monkeypatch, name)
    with pytest.raises(StoreError, match=r"nothing was replaced.*No space left.*free space"):
        store.write(result(shift=1.0), copy, manifest={})
    assert tree(copy) == before
    xr.testing.assert_identical(store.open_results(copy), result())


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_place_is_explained(tmp_path, monkeypatch, code):
    def refusing(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "mkdir", refusing)
    for act in (
        lambda folder: store.write(result(), folder, manifest={}),
        lambda folder: store.log(folder, {"event": "start"}),
    ):
        with pytest.raises(StoreError, match="make the folder writable, or choose another"):
            act(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_encoder_is_explained(copy, monkeypatch):
    before = tree(copy)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(xr.Dataset, "to_zarr", full)
    with pytest.raises(StoreError, match=r"nothing was replaced.*No space left.*free space"):
        store.write(result(), copy, manifest={})
    assert tree(copy) == before


def test_a_file_in_the_place_of_the_folder_is_explained(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="a file stands where a folder is needed"):
            store.write(result(), folder, manifest={})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_refused_log_line_is_not_half_written(copy, monkeypatch):
    before = (copy / "run_log.jsonl").read_bytes()
    opened = Path.open

    def half_full(self: Path, mode: str = "r", *args: object, **kwargs: object):
        if mode == "ab":
            self.write_bytes(before + b'{"half')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", half_full)
    with pytest.raises(StoreError, match="free space"):
        store.log(copy, {"event": "end"})
    assert (copy / "run_log.jsonl").read_bytes() == before


@pytest.mark.parametrize("stage", [(xr.Dataset, "to_zarr"), (Path, "write_bytes")])
def test_an_interrupt_leaves_the_finished_results_alone(copy, monkeypatch, stage):
    before = tree(copy)

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(result(shift=1.0), copy, manifest={})
    assert tree(copy) == before


def test_new_results_replace_the_old_ones_whole(copy: Path):
    smaller = result(shift=1.0).drop_vars("ternary")
    store.write(smaller, copy, manifest={"seed": 6})
    xr.testing.assert_identical(store.open_results(copy), smaller)
    assert sorted(p.name for p in copy.iterdir()) == ["data.zarr", "manifest.json", "run_log.jsonl"]


def test_leftovers_of_a_killed_write_are_removed(copy: Path):
    (copy / "data.zarr.partial" / "status").mkdir(parents=True)
    (copy / "data.zarr.partial" / "status" / "zarr.json").write_text("{")
    (copy / "manifest.json.partial").write_text("{")
    store.write(result(), copy, manifest={})
    assert sorted(p.name for p in copy.iterdir()) == ["data.zarr", "manifest.json", "run_log.jsonl"]


@pytest.mark.parametrize("renamed", [1, 2])
def test_results_caught_between_two_names_are_put_back(copy, tmp_path, monkeypatch, renamed):
    """Killed after one or two of the three renames; then the next write fails, too."""
    new = store.write(result(shift=1.0), tmp_path / "new", manifest={})
    (copy / "data.zarr").rename(copy / "data.zarr.old.partial")
    (new / "data.zarr").rename(copy / ("data.zarr.partial" if renamed == 1 else "data.zarr"))
    (new / "manifest.json").rename(copy / "manifest.json.partial")
    assert store.verify(copy) != []
    refuse(monkeypatch, "zarr.json")
    with pytest.raises(StoreError, match="free space"):
        store.write(result(shift=2.0), copy, manifest={})
    xr.testing.assert_identical(store.open_results(copy), result())


@pytest.mark.parametrize("name", ["a/b", "..", "", "__x", "zarr.json", 3])
def test_names_that_no_folder_can_have_are_refused(tmp_path: Path, name: object):
    with pytest.raises(StoreError, match=r"cannot be stored under this name; use"):
        store.write(xr.Dataset({name: ("x", [1.0])}), tmp_path / "new", manifest={})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("odd", [None, 3.0, b"x"])
def test_mixed_objects_are_refused(tmp_path: Path, odd: object):
    data = xr.Dataset({"mixed": ("x", np.array(["a", odd], object))})
    with pytest.raises(StoreError, match=r"variable 'mixed' holds .* of type"):
        store.write(data, tmp_path / "new", manifest={})
    assert not (tmp_path / "new").exists()


def test_attributes_that_json_cannot_hold_are_named(tmp_path: Path):
    data = xr.Dataset({"v": ("x", [1.0], {"units": {"nM"}})})
    with pytest.raises(StoreError, match=r"attributes of v\.units is of type set"):
        store.write(data, tmp_path / "new", manifest={})


@pytest.mark.parametrize("key", store.RESERVED)
def test_manifest_keys_of_the_store_are_refused(tmp_path: Path, key: str):
    with pytest.raises(StoreError, match="is the store's own; rename it"):
        store.write(result(), tmp_path / "new", manifest={key: 1})


def test_results_of_another_layout_are_refused(copy: Path):
    path = copy / "manifest.json"
    content = json.loads(path.read_text())
    del content["manifest_sha256"]
    content["layout"] = "protacsim-results/99"
    path.write_text(json.dumps({**content, "manifest_sha256": store.sha256_of(content)}))
    with pytest.raises(StoreError, match="'protacsim-results/99'; this version reads"):
        store.open_results(copy)
