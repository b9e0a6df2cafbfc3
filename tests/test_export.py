"""Exported results hold the same values, units and labels, and no formula."""

import csv
import hashlib
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from protacsim import store
from protacsim.errors import ParameterError, StoreError
from stored import AXES, DOSE, write

FORMULA = '=HYPERLINK("http://x","y")'
LABELS = [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", "1+1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A result as it is read back."""
    folder = tmp_path_factory.mktemp("export")
    write(folder)
    return store.open_results(folder)


def hostile(labels=LABELS):
    return xr.Dataset(
        {"value": ("label", np.arange(len(labels), dtype=float), {"units": "nM"})},
        coords={"label": np.array(labels, object)},
    )


def tidy(data):
    """Rows of a result, by the textbook: every combination of dims, values beside it."""
    dims = [*AXES, "compound", "time_h"]
    rows = {}
    for index in np.ndindex(*(data.sizes[dim] for dim in dims)):
        place = dict(zip(dims, index, strict=True))
        labels = tuple(data[dim].values[i] for dim, i in place.items())
        rows[labels] = {
            str(name): v.values[tuple(place[dim] for dim in v.dims)]
            for name, v in data.data_vars.items()
        }
    return dims, rows


def same(found, expected):
    return found == expected or (np.isnan(found) and np.isnan(expected))


def test_netcdf_comes_back_with_dims_units_and_attributes(data, tmp_path):
    path = store.export(data, tmp_path / "r.nc")
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as found:
        found.load()
    assert set(found.variables) == set(data.variables)
    for name, variable in data.variables.items():
        assert found[name].dims == variable.dims
        np.testing.assert_array_equal(found[name].values, variable.values)
        assert found[name].attrs.get("units") == variable.attrs.get("units")
    assert found["target_total"].attrs["long_name"] == "total BTK"
    assert found.attrs["title"] == "β test"
    assert found.attrs["weights"].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("reader", ["pyarrow", "pandas"])
def test_parquet_is_tidy(data, tmp_path, reader):
    import pyarrow.parquet as pq

    path = store.export(data, tmp_path / "r.parquet")
    table = pq.read_table(path).to_pandas() if reader == "pyarrow" else pd.read_parquet(path)
    dims, rows = tidy(data)
    assert len(table) == len(rows)
    for _, row in table.iterrows():
        expected = rows[tuple(row[dim] for dim in dims)]
        assert all(same(row[name], value) for name, value in expected.items())


def test_csv_is_tidy_with_units_in_its_header(data, tmp_path):
    path = store.export(data, tmp_path / "r.csv")
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert "target_total [nM]" in header
    assert DOSE in header  # the unit is in the name already
    assert "time_h" in header
    names = [name.split(" [")[0] for name in header]
    dims, rows = tidy(data)
    assert len(lines) == len(rows)
    kinds = {dim: float if data[dim].dtype.kind == "f" else str for dim in dims}
    for line in lines:
        row = dict(zip(names, line, strict=True))
        expected = rows[tuple(kinds[dim](row[dim]) for dim in dims)]
        assert all(same(float(row[n] or "nan"), value) for n, value in expected.items())


@pytest.mark.parametrize("suffix", store.FORMATS)
def test_the_chunks_of_the_store_do_not_show(tmp_path, suffix):
    hashes = set()
    for points in (1, 3, 1000):
        write(tmp_path / str(points), points=points)
        data = store.open_results(tmp_path / str(points))
        path = store.export(data, tmp_path / f"{points}{suffix}")
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_the_order_in_which_arrays_are_found_does_not_show(tmp_path, monkeypatch):
    write(tmp_path)
    found, hashes = xr.open_zarr, set()

    def in_order(order):
        def opened(*args, **kwargs):
            data = found(*args, **kwargs)
            names = sorted(data.variables, key=order)
            return xr.Dataset({name: data.variables[name] for name in names}, attrs=data.attrs)

        return opened

    for order in (str, len, lambda name: str(name)[::-1]):
        monkeypatch.setattr(xr, "open_zarr", in_order(order))
        path = store.export(store.open_results(tmp_path), tmp_path / "result.nc")
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_many_rows_are_written_in_parts_and_none_is_lost(data, tmp_path, monkeypatch):
    whole = {s: store.export(data, tmp_path / f"whole{s}").read_bytes() for s in store.FORMATS}
    monkeypatch.setattr("protacsim.store.exporting.ROWS_AT_ONCE", 7)
    assert store.export(data, tmp_path / "parts.csv").read_bytes() == whole[".csv"]
    parts = pd.read_parquet(store.export(data, tmp_path / "parts.parquet"))
    pd.testing.assert_frame_equal(parts, pd.read_parquet(tmp_path / "whole.parquet"))


def test_a_result_of_one_point_has_one_row(tmp_path):
    one = xr.Dataset({"status": ((), np.int8(0)), "x": ((), 2.5, {"units": "nM"})})
    text = store.export(one, tmp_path / "one.csv").read_text()
    assert text == "status,x [nM]\n0,2.5\n"


def test_no_label_and_no_name_is_a_formula_in_a_spreadsheet(tmp_path):
    data = hostile().rename(value="=cmd()")
    path = store.export(data, tmp_path / "r.csv")
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {"plain", "1+1", f"'{FORMULA}", "'=cmd() [nM]"} <= set(cells)


def test_a_lone_sign_is_no_formula(tmp_path):
    """The operators of measurements."""
    data = xr.Dataset({"operator": ("i", ["=", "<", ">"])})
    assert store.export(data, tmp_path / "r.csv").read_text() == "i,operator\n0,=\n1,<\n2,>\n"


def test_negative_numbers_stay_numbers(tmp_path):
    data = xr.Dataset({"x": ("i", [-1.5, 2.0])}, coords={"i": [-1.0, 1.0]})
    assert store.export(data, tmp_path / "r.csv").read_text() == "i,x\n-1.0,-1.5\n1.0,2.0\n"


def test_other_formats_keep_labels_as_they_are(tmp_path):
    labels = [label for label in LABELS if "\r" not in label]
    for suffix in (".nc", ".parquet"):
        path = store.export(hostile(labels), tmp_path / f"r{suffix}")
        found = (
            xr.load_dataset(path, engine="h5netcdf")["label"].values.tolist()
            if suffix == ".nc"
            else pd.read_parquet(path)["label"].tolist()
        )
        assert found == labels


@pytest.mark.parametrize(("suffix", "package"), [(".nc", "h5netcdf"), (".parquet", "pyarrow")])
def test_a_missing_package_is_one_sentence(data, tmp_path, monkeypatch, suffix, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ParameterError) as caught:
        store.export(data, tmp_path / f"r{suffix}")
    assert package in str(caught.value)
    assert "install protacsim[export], or export .csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused(data, tmp_path):
    with pytest.raises(ParameterError, match=r"must be one of \.nc, \.parquet, \.csv"):
        store.export(data, tmp_path / "r.xlsx")


@pytest.mark.parametrize("suffix", store.FORMATS)
def test_a_refused_export_leaves_the_earlier_one(data, tmp_path, monkeypatch, suffix):
    path = tmp_path / f"r{suffix}"
    path.write_text("earlier")

    def refuse(self, target):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(type(path), "replace", refuse)
    with pytest.raises(StoreError, match="No space left"):
        store.export(data, path)
    assert path.read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_in_place_of_a_folder_is_explained(data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match=r"a file stands where a folder is needed: .* with --to"):
        store.export(data, tmp_path / "file" / "x.csv")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["summary.csv", "report.html", "data.zarr/x.csv"])
def test_an_export_does_not_take_the_place_of_a_file_of_the_result(data, tmp_path, name):
    write(tmp_path / "r")
    before = store.verify(tmp_path / "r")
    with pytest.raises(ParameterError, match=r"choose another name|ending"):
        store.export(data, tmp_path / "r" / name)
    assert store.verify(tmp_path / "r") == before == []
    assert store.export(data, tmp_path / "r" / "mine.csv").exists()
