"""Cases along the public path: configuration, one run, sweeps, the store, a fit."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim import store
from protacsim.bench.harness import Case, Error, Found, Trial
from protacsim.bench.own import against_the_referee
from protacsim.config import Job, load
from protacsim.fitting import Parameter, fit
from protacsim.methods import Reference
from protacsim.scenario import Scenario, Treatment
from protacsim.simulation import simulate
from protacsim.study import DOSE, Axis, Readout, Study, Workers, prepare, run
from protacsim.study.slab import compute

if TYPE_CHECKING:
    import xarray as xr

ONE = Workers("threads", 1)
CHECKS, RUNS, READS = 6, 3, 1
KD_TARGET_NM, FITTED_DOSES_NM = 60.0, (10.0, 100.0, 1000.0)


def packaged() -> Job:
    """The configuration that ships with the benchmarks: a thousand points."""
    with as_file(files("protacsim.bench") / "study.toml") as path:
        return load(path)


@cache
def study() -> Study:
    """Its study."""
    return packaged().study


def larger() -> Study:
    """The same on a hundred thousand points."""
    axes = (
        Axis(path="compound.cooperativity", values=tuple(np.geomspace(0.1, 100.0, 250).tolist())),
        Axis(path=DOSE, values=tuple(np.geomspace(1e-2, 1e5, 400).tolist())),
    )
    return dataclasses.replace(study(), axes=axes)


def _check() -> Trial:
    def checks() -> Job:
        for _ in range(CHECKS - 1):
            packaged()
        return packaged()

    return Trial(checks, lambda job: Found({"points": job.study.points}))


def _one_run() -> Trial:
    dosed: Any = {"name": "mt-802", "dose_nM": 100.0}
    named: dict[str, Any] = {"cell": "molm14", "target": "BTK"}
    scenario = Scenario(**named, treatment=Treatment(compounds=(dosed,)))
    times = np.linspace(0.0, 24.0, 25)

    def runs() -> xr.Dataset:
        for _ in range(RUNS - 1):
            simulate(scenario, times)
        return simulate(scenario, times)

    def read(found: xr.Dataset) -> Found:
        right = simulate(scenario, times, method=Reference())["target_total"].values
        off = np.abs(found["target_total"].values / right - 1.0).max()
        return Found(
            {"variables": len(found.data_vars)},
            errors={"error of the target's total": Error(float(off), 1e-4, 1e-10)},
        )

    return Trial(runs, read)


def _sweep(asked: Study) -> Trial:
    def read(found: xr.Dataset) -> Found:
        counts = {
            "points": int(found["status"].size),
            "failed": int((found["status"] != 0).sum()),
            "chunks": prepare(asked).template.grid.chunks,
        }
        return Found(counts, errors=against_the_referee(asked))

    return Trial(lambda: run(asked, workers=ONE), read)


def _stored(asked: Study) -> tuple[Path, Callable[[], Path]]:
    """A temporary folder, and what stores numbers there that were computed before."""
    folder, ready = Path(tempfile.mkdtemp(prefix="protacsim-bench-")), prepare(asked)
    layout = ready.template.grid
    values = [compute(ready.study, layout.window(chunk)) for chunk in range(layout.chunks)]

    def write() -> Path:
        target = folder / "result"
        with store.writing(target, ready.template, ready.plan, fresh=True) as writer:
            for chunk, each in enumerate(values):
                writer.record(writer.chunk_writer.write(chunk, each, failed=0))
            writer.finish()
        return target

    return folder, write


def _write() -> Trial:
    folder, write = _stored(study())

    def read(path: Path) -> Found:
        sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
        return Found({"files": len(sizes)}, {"bytes": sum(sizes)})

    return Trial(write, read, partial(shutil.rmtree, folder))


def _read() -> Trial:
    folder, write = _stored(study())
    path, right = write(), run(study(), workers=ONE)

    def reads() -> xr.Dataset:
        for _ in range(READS - 1):
            store.open_results(path).load()
        return store.open_results(path).load()

    def read(found: xr.Dataset) -> Found:
        same = [found[name].equals(right[name]) for name in right.data_vars]
        return Found({"variables": len(found.data_vars), "as written": sum(same)})

    return Trial(reads, read, partial(shutil.rmtree, folder))


def _fit() -> Trial:
    asked = dataclasses.replace(
        study(),
        axes=(Axis(path=DOSE, values=FITTED_DOSES_NM),),
        readout=Readout(("target_total",), times_h=(24.0,), relative_to="vehicle"),
    )
    path = "compound.kd_target_nM"
    free = Parameter(path, low=1.0, high=1000.0, start=10.0)
    rows = _measured(asked, path)

    def read(found: xr.Dataset) -> Found:
        off = abs(float(found["estimate"].values[0]) / KD_TARGET_NM - 1.0)
        counts = {"converged": int(found.attrs["converged"])}
        return Found(counts, errors={"error of the estimate": Error(off, 1e-3, 1e-6)})

    return Trial(lambda: fit(asked, rows, [free], starts=2), read)


def _measured(asked: Study, path: str) -> list[dict[str, Any]]:
    """What the referee measures with the constant that is to be found."""
    true = dataclasses.replace(
        asked, axes=(*asked.axes, Axis(path=path, values=(KD_TARGET_NM,))), method=Reference()
    )
    percent = run(true, workers=ONE)["target_total_percent"].values.ravel()
    return [
        {
            "quantity": "target_total_percent", "value": float(value), "unit": "%", "sd": 1.0,
            "time_h": 24.0, DOSE: dose,
        }
        for dose, value in zip(FITTED_DOSES_NM, percent, strict=True)
    ]  # fmt: skip


CASES = (
    Case("config: check", _check, ruler="python"),
    Case("simulation: one run", _one_run, ruler="python"),
    Case("sweep: 1,000 points", lambda: _sweep(study())),
    Case("sweep: 100,000 points", lambda: _sweep(larger()), turns=3, full=True),
    Case("store: write", _write, ruler="python"),
    Case("store: read", _read, ruler="python"),
    Case("fit: one constant", _fit, turns=5),
)
