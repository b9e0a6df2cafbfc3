"""Fixed work against whose CPU time cases are measured, one kind for each kind of case.

A busy neighbour, a lower clock or another machine slow a case and its ruler by about the same
factor. No ruler runs code that a change of this package could make faster or slower.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Literal

from protacsim.simulation import compiled_ruler

Ruler = Literal["compiled", "python", "process", "memory"]
"""`memory` is none: the figure is in MiB, which no neighbour changes."""

COMPILED_ROUNDS, PYTHON_ROUNDS = 8_000, 30_000  # a few ms, as long as kernels in a turn

PROCESS = "import argparse, csv, decimal, email.message, json, logging, typing, urllib.parse"


@cache
def ruler_of(kind: Ruler) -> Callable[[], object]:
    """The ruler of a kind of case, compiled and warm."""
    if kind == "python":
        return python_ruler
    if kind == "process":
        return process_ruler
    compiled = compiled_ruler(COMPILED_ROUNDS)
    compiled()
    return compiled


def python_ruler() -> int:
    """Interpreted work: a loop over a small dictionary."""
    total, seen = 0, {}
    for i in range(PYTHON_ROUNDS):
        seen[i & 255] = total
        total += seen.get(i & 127, 0) & 7
    return total


def process_ruler() -> None:
    """An interpreter that loads some of the standard library."""
    subprocess.run([sys.executable, "-I", "-c", PROCESS], check=True, capture_output=True)
