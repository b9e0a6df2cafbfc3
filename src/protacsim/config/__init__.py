"""From a TOML file to a checked `Job`.

`grammar` says what may stand in a file, `reading` gets it in, `checking` reports every mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from protacsim.config.checking import Checker, FitJob, Job
from protacsim.config.figures import Figure
from protacsim.config.grammar import FIGURES, SCHEMA, Document, json_schema
from protacsim.config.reading import extended, override, parsed, read_toml

__all__ = [
    "FIGURES",
    "SCHEMA",
    "Document",
    "Figure",
    "FitJob",
    "Job",
    "json_schema",
    "load",
]


def load(path: str | Path, overrides: Mapping[str, Any] | Sequence[str] = ()) -> Job:
    """Read, check and resolve a configuration file.

    `overrides` are `path=value` strings or a mapping; paths start below `[scenario]`, or at the
    top level (`run.seed`). Raises `ConfigError` with every mistake, each once.
    """
    source = Path(path)
    raw = extended(read_toml(source), source)
    for key, value in parsed(overrides):
        override(raw, key, value)
    given = overrides if not isinstance(overrides, Mapping) else _written(overrides)
    return replace(Checker(source, raw).job(), overrides=tuple(given))


def _written(overrides: Mapping[str, Any]) -> list[str]:
    return [f"{path}={json.dumps(value, default=str)}" for path, value in overrides.items()]
