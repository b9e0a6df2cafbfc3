"""The cases of the package, in the order in which they run."""

from __future__ import annotations

from protacsim.bench import engine_cases, path_cases, process_cases
from protacsim.bench.harness import Case


def cases(*, full: bool = False) -> list[Case]:
    """All cases; those that take long only if `full`."""
    found = [*engine_cases.CASES, *path_cases.CASES, *process_cases.CASES]
    return [case for case in found if full or not case.full]
