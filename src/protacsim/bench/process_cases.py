"""Cases of whole processes: import, help, the first result, and how much memory a sweep takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

from protacsim.bench.harness import Case, Found, Trial
from protacsim.errors import SimulationError

HEAVY = ("numba", "scipy", "xarray", "zarr", "pandas", "pint", "matplotlib.pyplot")

IMPORT = "import protacsim, protacsim.errors"

HELP = """
import contextlib, io, sys
from protacsim.cli import main
sys.argv = ["protacsim", "--help"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""

FIRST_RESULT = """
import protacsim as ps
drug = ps.Treatment(compounds=({"name": "mt-802", "dose_nM": 100.0},))
found = ps.simulate(ps.Scenario(cell="molm14", target="BTK", treatment=drug), [24.0])
"""

MEMORY = """
import numpy as np
from protacsim.bench import reference_network as reference
from protacsim.simulation import solve
dose, cooperativity = reference.grid(100, 100)
found = solve(
    reference.reference_network(), reference.rate_constants(cooperativity),
    reference.initial_amounts(dose), reference.TIMES_H, states=False,
)
"""

REPORT = """
import json, pathlib, sys
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peak = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
print(json.dumps({"peak_MiB": peak[0] if peak else None, "modules": sorted(sys.modules)}))
"""


def _child(code: str, **environment: str) -> dict[str, Any]:
    """What a fresh interpreter reports after the code; raises `SimulationError` if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise SimulationError(f"a benchmark's process failed:\n{done.stderr[-2000:]}", 0, 0.0)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _loaded(report: Mapping[str, Any]) -> Found:
    """Modules of the package, and heavy ones of others, that are loaded."""
    names = report["modules"]
    own = [name for name in names if name.partition(".")[0] == "protacsim"]
    return Found({"modules": len(own), "heavy modules": sum(name in HEAVY for name in names)})


def _process(code: str) -> Trial:
    return Trial(partial(_child, code), _loaded)


def _cold() -> Trial:
    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return _child(FIRST_RESULT, PROTACSIM_CACHE_DIR=folder)

    return Trial(run, _loaded)


def _memory() -> Trial:
    def read(report: Mapping[str, Any]) -> Found:
        peak = report["peak_MiB"]
        return Found(figure=float("nan") if peak is None else float(peak))

    return Trial(partial(_child, MEMORY), read)


CASES = (
    Case("process: import", partial(_process, IMPORT), ruler="process", turns=7),
    Case("process: help", partial(_process, HELP), ruler="process", turns=3),
    Case("process: first result, warm cache", partial(_process, FIRST_RESULT), ruler="process",
         turns=1),
    Case("process: first result, cold cache", _cold, ruler="process", turns=1, full=True),
    Case("memory: peak of 10,000 runs", _memory, ruler="memory"),
)  # fmt: skip
