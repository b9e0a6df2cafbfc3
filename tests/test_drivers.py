"""Drivers called by address: the same numbers as numba's own call, kept on disk, without numba."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from protacsim.kernels import (
    cache,
    drivers,
    integrate,
    machine_code,
    objects,
    records,
    shipped,
    tape,
)
from protacsim.kernels.tableau import DENSE_STAGES
from protacsim.network import Network

NONE = np.zeros(0, np.int32)


def chain() -> Network:
    net = Network("chain")
    net.add("first", "A", "B", "k1")
    net.add("second", ("B", "B"), "C", "k2")
    return net


def arguments(runs: int) -> tuple[list[Any], np.ndarray]:
    """What `integrate_batch` takes for so many runs of the chain, and where its numbers go."""
    compiled = chain().compile()
    code, factors = tape.pack(compiled.programs.with_states(), NONE, NONE, DENSE_STAGES)
    rates = np.random.default_rng(1).lognormal(0.0, 1.0, (runs, 2))
    initial = np.tile([5.0, 0.0, 0.0], (runs, 1))
    times, none = np.linspace(0.0, 3.0, 4), np.zeros((runs, 0))
    out = np.full((runs, 4, 3), np.nan)
    given = [
        code, factors, objects.INTERPRETED, tape.workspace(code, tape.WIDTH),
        *records.desk(tape.WIDTH), rates, initial, np.full((runs, 3), 1e-8),
        np.tile([0.0, 3.0], (runs, 1)), none, none, times, 1e-6, 10_000,
        out, np.zeros((runs, records.REPORT), np.int64), np.zeros(runs),
    ]  # fmt: skip
    return given, out


@pytest.mark.jit_only
def test_the_object_gives_the_bytes_of_the_function_compiled_by_numba() -> None:
    given, out = arguments(37)
    drivers.integrate_batch(*given)
    again, expected = arguments(37)
    numba.njit(error_model="numpy")(integrate.integrate_batch)(*again)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(given[-2], again[-2])


@pytest.mark.jit_only
@pytest.mark.parametrize("place", [6, 15])
def test_arrays_with_gaps_are_refused(place: int) -> None:
    given, _ = arguments(3)
    given[place] = np.tile(given[place], (2,) + (1,) * (given[place].ndim - 1))[::2]
    with pytest.raises(TypeError, match=f"argument {place} of integrate_batch must be f8:"):
        drivers.integrate_batch(*given)


@pytest.mark.jit_only
@pytest.mark.parametrize(("place", "given"), [(13, 1), (13, np.float32(1e-6)), (14, 10.0)])
def test_numbers_of_another_type_are_refused(place: int, given: object) -> None:
    changed, _ = arguments(3)
    changed[place] = given
    with pytest.raises(TypeError, match=r"must be (float|int)"):
        drivers.integrate_batch(*changed)


# Where the object comes from.


@pytest.mark.parametrize("driver", drivers.DRIVERS, ids=lambda driver: driver.name)
def test_what_is_shipped_is_of_these_sources(driver: drivers.Driver) -> None:
    assert shipped.assembly(driver.module, driver.name), "run `make kernels` and commit"


def test_assembly_of_other_sources_or_for_another_llvm_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    monkeypatch.setattr(shipped, "_FOLDER", tmp_path / "assembly")
    for stem in ("entries", "driver", "part"):
        (tmp_path / f"{stem}.py").write_text("from protacsim.kernels.part import work\n")
    shipped.write("protacsim.kernels.driver", "batch", "define nothing")
    assert shipped.assembly("protacsim.kernels.driver", "batch").endswith("define nothing")
    (tmp_path / "part.py").write_text("def work(): ...\n")
    assert shipped.assembly("protacsim.kernels.driver", "batch") is None
    shipped.write("protacsim.kernels.driver", "batch", "define nothing")
    with monkeypatch.context() as older:
        older.setattr(shipped, "version", lambda _: "0.44.0")
        assert shipped.assembly("protacsim.kernels.driver", "batch") is None
    assert shipped.assembly("protacsim.kernels.driver", "batch") is not None
    (tmp_path / "assembly" / "batch.ll.xz").write_bytes(b"not compressed")
    assert shipped.assembly("protacsim.kernels.driver", "batch") is None


@pytest.mark.jit_only
def test_a_first_result_needs_no_numba(tmp_path: Path) -> None:
    script = """
import sys
from protacsim.network import Network
from protacsim.simulation import settle, solve
net = Network("decay")
net.add("decay", "A", (), "k")
net.add("make", (), "A", "make")
rates = {"k": 0.3, "make": 1.0}
solve(net, rates, {"A": 2.0}, [1.0]), settle(net, rates, {"A": 2.0})
print("numba" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PROTACSIM_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "False"
    assert len(list(tmp_path.rglob("*.o"))) == 2


@pytest.mark.jit_only
def test_where_nothing_is_shipped_numba_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, out = arguments(9)
    drivers.integrate_batch(*given)
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(machine_code, "_placed", {})
    monkeypatch.setattr(shipped, "assembly", lambda *_: None)
    again, expected = arguments(9)
    known = drivers.integrate_batch
    drivers.Driver(known.module, known.name, " ".join(known.kinds))(*again)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.jit_only
def test_a_new_object_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is kept is checked by its digest, and made once."""
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    made = []

    def make() -> str:
        made.append(1)
        return "define i32 @seven() { ret i32 7 }\ndefine i32 @unused() { ret i32 8 }\n"

    for _ in range(2):
        monkeypatch.setattr(machine_code, "_placed", {})
        (address,) = machine_code.addresses(b"seven", ("seven",), make, inlined=True)
        assert ctypes.CFUNCTYPE(ctypes.c_int32)(int(address))() == 7
    assert len(made) == 1


def test_objects_that_changed_names_are_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTACSIM_CACHE_DIR", str(tmp_path))
    for name in ("a.o", "b.o"):
        assert cache.kept(name, name.encode) == name.encode()
    folder = cache.cache_directory()
    content = (folder / "a.o").read_bytes()
    (folder / "b.o").write_bytes(content)
    assert cache.kept("b.o", b"anew".upper) == b"ANEW"
    assert cache.kept("a.o", b"never".upper) == b"a.o"


def test_a_disk_that_refuses_costs_time_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTACSIM_CACHE_DIR", str(tmp_path))

    def refuse(source, target):
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "replace", refuse)
    assert cache.kept("a.o", b"made".upper) == b"MADE"
    assert not list(cache.cache_directory().iterdir())
