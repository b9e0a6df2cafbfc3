"""Small sweeps in many chunks, and commands in processes that can be killed at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CONFIG = """schema = "protacsim/1"
title  = "Sweep"
[scenario]
cell   = "molm14"
target = "BTK"
ubiquitination.chain_length = 1
[[treatment]]
name      = "MT-802"
compounds = [{ name = "mt-802", dose_nM = 100.0 }]
[[axis]]
path   = "target.allele"
values = ["WT", "C481S"]
[[axis]]
path   = "cell.volume_pL"
linspace = [0.5, 1.5, 30]
[readout]
observables = ["target_total"]
times_h     = [1.0, 2.0]
relative_to = "vehicle"
"""

SMALL_CHUNKS = """
import sys
from protacsim.study import describing, running
describing.POINTS_PER_CHUNK = {points}
running.SECONDS_PER_UNIT = 0.0
from protacsim.cli import main
if __name__ == "__main__":
    main()
"""

SERVER = """
import os, sys, time, json, signal
import xarray, zarr, pandas, filelock, rich.console
from protacsim.study import describing, running
import protacsim.cli.running
from protacsim.cli import main
from protacsim.simulation import warm_up
describing.POINTS_PER_CHUNK = 3
running.SECONDS_PER_UNIT = 0.0
warm_up()
xarray.Dataset({"x": ("a", [1.0])})  # loads whatever kinds of arrays are installed
for line in sys.stdin:
    words, seconds = json.loads(line)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.argv = ["protacsim", *words]
        main()
    ended, status = os.waitpid(child, 0 if seconds is None else os.WNOHANG)
    while not ended:
        if time.monotonic() - began > seconds:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
        ended, status = os.waitpid(child, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps([code, time.monotonic() - began]), flush=True)
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "100", **more}


def small_chunks(folder: Path, points: int = 3) -> list[str]:
    """Words that begin a command whose chunks are small and recorded one by one."""
    script = folder / "small_chunks.py"
    script.write_text(SMALL_CHUNKS.format(points=points))
    return [sys.executable, str(script)]


class Server:
    """Starts commands, in small chunks, within milliseconds, and kills them after a while."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, *words: str, kill_after_s: float | None = None) -> tuple[int, float]:
        """Exit code and seconds of one command."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([words, kill_after_s]) + "\n")
        self.process.stdin.flush()
        code, seconds = json.loads(self.process.stdout.readline())
        return code, seconds

    def close(self) -> None:
        """End the server."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def lines_of(path: Path) -> int:
    """Lines of a file, none if it is not there."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
