"""Drivers called by address: the same numbers as numba's own call, kept on disk, without numba."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from protacsim.kernels import cache, drivers, integrate, machine_code, objects, records, tape
from protacsim.kernels.tableau import DENSE_STAGES
from protacsim.network import Network
from protacsim.simulation import solve

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
    given[place] = np.asfortranarray(np.tile(given[place], (2,) + (1,) * (given[place].ndim - 1)))
    with pytest.raises(TypeError, match="C-contiguous"):
        drivers.integrate_batch(*given)


@pytest.mark.jit_only
def test_what_compiled_code_cannot_take_is_refused() -> None:
    given, _ = arguments(3)
    given[13] = np.float32(1e-6)
    with pytest.raises(TypeError, match="floats, ints and"):
        drivers.integrate_batch(*given)


def first_result(folder: Path) -> str:
    """What a new process with this cache prints: whether it loaded numba, and a result."""
    script = """
import sys
from protacsim.network import Network
from protacsim.simulation import settle, solve
net = Network("decay")
net.add("decay", "A", (), "k")
net.add("make", (), "A", "make")
x = solve(net, {"k": 0.3, "make": 1.0}, {"A": 2.0}, [1.0]).states[0, 0, 0]
print("numba" in sys.modules, x.hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PROTACSIM_CACHE_DIR": str(folder)},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.jit_only
def test_a_process_loads_numba_only_to_compile(tmp_path: Path) -> None:
    """What numba has cached is copied, which saves most of the time of a first compilation."""
    solve(chain(), {"k1": 1.0, "k2": 2.0}, {"A": 5.0}, [1.0])
    here = cache.cache_directory()
    copied = tmp_path / "protacsim" / "kernels" / here.name
    shutil.copytree(here, copied, ignore=shutil.ignore_patterns("*.o", "*.partial"))
    loaded, cold = first_result(tmp_path).split()
    assert loaded == "True"
    assert first_result(tmp_path) == f"False {cold}"


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


def test_changed_numbers_are_no_reason_to_compile() -> None:
    before = len(drivers.integrate_batch.compiled)
    for runs in (1, 3):
        solve(chain(), {"k1": np.ones(runs), "k2": 2.0}, {"A": 5.0}, [0.5, 1.0])
    assert len(drivers.integrate_batch.compiled) <= before + 1
