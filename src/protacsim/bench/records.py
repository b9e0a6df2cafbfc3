"""Records of benchmarks as JSON: what was found, on which machine, with which packages.

A report of one run and the committed baseline have the same form: counts and errors that hold
everywhere, and for each kind of machine its ratios.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protacsim.bench.harness import Error, Measured
from protacsim.errors import ConfigError, StoreError
from protacsim.simulation import engine_fingerprint

SCHEMA = "protacsim-bench/1"
PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "zarr", "numcodecs", "xarray", "pydantic")


@dataclass(frozen=True)
class Machine:
    """Numbers that hold on one kind of CPU with one Python: ratios, and local counts.

    `engine` is the fingerprint of the kernels that were measured, `cpu_s` CPU seconds for people.
    """

    engine: str
    versions: Mapping[str, str]
    ratios: Mapping[str, float]
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    local_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Counts and errors of every case, `machines` by family, and why they are what they are."""

    counts: Mapping[str, Mapping[str, int]]
    errors: Mapping[str, Mapping[str, Error]]
    machines: Mapping[str, Machine]
    protacsim: str
    reason: str = ""


def family() -> str:
    """The kind of machine: CPU as it calls itself, system and Python's minor version."""
    listing = Path("/proc/cpuinfo")
    wanted = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
    seen: dict[str, str] = {}
    for line in listing.read_text(encoding="utf-8").splitlines() if listing.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() in wanted:
            seen.setdefault(key.strip(), value.strip())
    cpu = " ".join(seen.values()) or platform.processor() or platform.machine()
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{cpu}, {platform.system()} {platform.machine()}, Python {python}"


def versions() -> dict[str, str]:
    """Versions of the packages that speed, and bytes on disk, depend on."""
    return {name: version(name) for name in PACKAGES}


def recorded(outcomes: Sequence[Measured], reason: str = "") -> Record:
    """The record of outcomes on this machine."""
    machine = Machine(
        engine_fingerprint(),
        versions(),
        {o.name: o.ratio for o in outcomes},
        {o.name: o.cpu_s for o in outcomes if o.cpu_s == o.cpu_s},
        {o.name: dict(o.found.local_counts) for o in outcomes if o.found.local_counts},
    )
    return Record(
        {o.name: dict(o.found.counts) for o in outcomes if o.found.counts},
        {o.name: dict(o.found.errors) for o in outcomes if o.found.errors},
        {family(): machine},
        version("protacsim"),
        reason,
    )


def updated(before: Record | None, now: Record) -> Record:
    """The new record with what only the old one knows: other cases, other machines."""
    if before is None:
        return now
    ((name, machine),) = now.machines.items()
    kept = before.machines.get(name)
    if kept is not None:
        machine = dataclasses.replace(
            machine,
            ratios={**kept.ratios, **machine.ratios},
            cpu_s={**kept.cpu_s, **machine.cpu_s},
            local_counts={**kept.local_counts, **machine.local_counts},
        )
    return dataclasses.replace(
        now,
        counts={**before.counts, **now.counts},
        errors={**before.errors, **now.errors},
        machines={**before.machines, name: machine},
    )


def as_json(record: Record) -> str:
    """A record as JSON with sorted keys."""
    plain = {"schema": SCHEMA, **dataclasses.asdict(record)}
    plain["errors"] = {
        case: {name: error._asdict() for name, error in norms.items()}
        for case, norms in record.errors.items()
    }
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def write_record(record: Record, path: Path) -> None:
    """Write a record; raises `StoreError` when the disk refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_json(record), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: could not be written ({error.strerror})") from None


def read_record(path: Path) -> Record:
    """Read a baseline or report; raises `ConfigError` for a file that is none."""
    try:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("schema") != SCHEMA:
            raise KeyError("schema")
        plain["machines"] = {name: Machine(**entry) for name, entry in plain["machines"].items()}
        plain["errors"] = {
            case: {name: Error(**error) for name, error in norms.items()}
            for case, norms in plain["errors"].items()
        }
        return Record(**plain)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); make it with "
            f'protacsim bench --compare {path} --update --reason "first baseline"'
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path}: is no record of `protacsim bench` ({SCHEMA}); give a file that "
            "--json or --update wrote"
        ) from None
