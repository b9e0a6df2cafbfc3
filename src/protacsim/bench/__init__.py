"""Benchmarks that hold on a busy machine: exact counts, ratios of CPU time, and errors.

`harness` runs a case, `rulers` are what CPU time is measured against, `engine_cases`, `path_cases`
and `process_cases` are the cases of the package, `own` makes cases of a configuration, `records`
reads and writes them, `verdicts` compares. Speed against other programs is not measured here.
"""

from __future__ import annotations

from protacsim.bench.harness import Case, Error, Found, Measured, Session, Trial
from protacsim.bench.own import cases_of
from protacsim.bench.records import Record, as_json, read_record, recorded, updated, write_record
from protacsim.bench.suite import cases
from protacsim.bench.verdicts import (
    FAIL,
    NOTE,
    WARN,
    Verdict,
    compared,
    known_ratio,
    limit_of,
    softened,
)

__all__ = [
    "FAIL",
    "NOTE",
    "WARN",
    "Case",
    "Error",
    "Found",
    "Measured",
    "Record",
    "Session",
    "Trial",
    "Verdict",
    "as_json",
    "cases",
    "cases_of",
    "compared",
    "known_ratio",
    "limit_of",
    "read_record",
    "recorded",
    "softened",
    "updated",
    "write_record",
]
