"""What a study's result looks like before a number is computed: layout, attributes, plan, cost.

Everything here is a function of the study alone, never of the clock, the machine's load or what
is left to do.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from protacsim import provenance
from protacsim.errors import ParameterError
from protacsim.mechanisms import build_network
from protacsim.scenario import Scenario, Treatment
from protacsim.simulation import STATUS, engine_of, seconds_per_run
from protacsim.store import Grid, Template, Variable, chunk_lengths, sha256_of
from protacsim.study import cells
from protacsim.study.axes import Sample
from protacsim.study.combination import Combination
from protacsim.study.designs import Drawn, uniforms
from protacsim.study.nouns import REPLICATE, Study
from protacsim.study.slab import zeroed_paths
from protacsim.units import unit_of

POINTS_PER_CHUNK = 32_768
VALUES_PER_CHUNK = 2**19
SECONDS_PER_CHUNK = 1.0
NETWORKS_LOOKED_AT = 8
MOST_DRAWN_COORDINATES = 20_000_000
PACKAGES = ("protacsim", "numpy", "scipy", "numba", "llvmlite", "xarray", "zarr")


def resolved(study: Study) -> dict[str, Any]:
    """The study with every name looked up and every default filled, as plain data.

    `on_error` is left out: it changes what happens to a run, not its results.
    """
    plain: dict[str, Any] = TypeAdapter(Study).dump_python(study, mode="json")
    return {key: value for key, value in plain.items() if key != "on_error"}


def restored(plain: Any) -> Study:
    """The study that `resolved` wrote down; raises `ParameterError` for anything else."""
    try:
        return TypeAdapter(Study).validate_python(plain)
    except ValidationError as error:
        raise ParameterError(f"this is no study: {error.errors()[0]['msg']}") from None


def config_sha256(study: Study) -> str:
    """Hash of the resolved study: equal hashes mean equal results."""
    return sha256_of(resolved(study))


@dataclass(frozen=True, eq=False)
class Prepared:
    """A study ready to run: its method settled, the layout of its result, and its plan.

    Equal plans mean equal results.
    """

    study: Study
    template: Template
    plan: dict[str, Any]


def prepare(study: Study) -> Prepared:
    """Settle what depends on the study as a whole."""
    settled, reason = cells.settled(study)
    found = template(study, settled)
    found.coordinates.attrs |= {"method": repr(settled.method), "method_reason": reason}
    return Prepared(settled, found, _plan(study, settled, reason))


def _plan(study: Study, settled: Study, reason: str) -> dict[str, Any]:
    return {
        "title": study.title,
        "config_sha256": config_sha256(study),
        "resolved": resolved(study),
        "method": {"used": repr(settled.method), "reason": reason},
        "points": study.points,
        "engines": engines(settled),
        "versions": {name: version(name) for name in PACKAGES},
        "code_and_library_sha256": source_sha256(),
        "platform": {"system": platform.system(), "machine": platform.machine()},
    }


def engines(study: Study) -> list[str]:
    """Back ends of the solver, decided once from the whole study; they give the same numbers."""
    if study.is_stochastic:
        return []
    networks = {build_network(c.scenario, c.varied): None for c in study.combinations}
    return sorted({engine_of(network, study.mean_method, study.points) for network in networks})


@cache
def source_sha256() -> str:
    """Hash of the package's own code and library: a changed formula is another result."""
    digest = hashlib.sha256()
    for path in _sources(files("protacsim")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Traversable) -> list[Traversable]:
    found: list[Traversable] = []
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.is_dir():
            found += _sources(path)
        elif path.name.endswith((".py", ".toml")):
            found.append(path)
    return found


def seconds_per_point(study: Study) -> float:
    """Static estimate of one point on one core, from the size of the networks.

    The method of the study is settled.
    """
    return cells.seconds(study) if study.is_stochastic else seconds_per_reference(study)


def seconds_per_reference(study: Study) -> float:
    """The same of one run that is deterministic whatever the method: of the mean cell."""
    step = max(1, len(study.combinations) // NETWORKS_LOOKED_AT)
    looked_at = study.combinations[::step]
    costs = [
        seconds_per_run(build_network(c.scenario, c.varied), study.mean_method, study.points)
        for c in looked_at
    ]
    return float(np.mean(costs))


def grid(study: Study) -> Grid:
    """Chunks of about a second, a few megabytes and at most 32,768 points, whole doses first.

    The reference of a percentage has no dose, so a chunk that holds all doses runs it once.
    """
    members = max((len(study.members(r.dim)) for r in study.readout.readings if r.dim), default=1)
    values = max(1, members) * len(study.readout.times_h)
    points = min(
        POINTS_PER_CHUNK,
        VALUES_PER_CHUNK // values,
        int(SECONDS_PER_CHUNK / seconds_per_point(study)),
    )
    lengths = chunk_lengths(study.dims, max(1, points), _without_reference(study))
    return Grid(study.dims, lengths)


def _without_reference(study: Study) -> set[str]:
    """Dims that cost nothing more: replicates, and those no reference has."""
    return set.intersection(*(_of_one_reference(study, c) for c in study.combinations))


def _of_one_reference(study: Study, combination: Combination) -> set[str]:
    """Dims along which the points of one combination share a reference."""
    relative_to = study.readout.relative_to
    if relative_to is None:
        return {REPLICATE}
    zeroed = set(zeroed_paths(combination.scenario, relative_to))
    return {REPLICATE} | {d for d in combination.shape if combination.paths_along(d) <= zeroed}


def references(study: Study) -> int:
    """Runs of references; a chunk runs one for all of its points that share it.

    The method of the study is settled.
    """
    if study.readout.relative_to is None:
        return 0
    found = grid(study)
    chunks = dict(zip(found.sizes, found.shape, strict=True))
    return sum(
        math.prod(
            (chunks if dim in shared else found.sizes)[dim]
            for dim in study.dims
            if dim not in combination.index
        )
        for combination in study.combinations
        for shared in (_of_one_reference(study, combination),)
    )


def template(study: Study, settled: Study) -> Template:
    """Coordinates, attributes and variables of the result."""
    import xarray as xr

    coordinates = xr.Dataset(coords=_coordinates(study), attrs=attributes(study))
    return Template(coordinates, _variables(study), grid(settled))


def result_bytes(study: Study) -> int:
    """Bytes of all variables of the result, before compression."""
    sizes = {**study.dims, "time_h": len(study.readout.times_h)}
    sizes |= {r.dim: len(study.members(r.dim)) for r in study.readout.readings if r.dim}
    return sum(
        math.prod(sizes[dim] for dim in variable.dims) * np.dtype(variable.dtype).itemsize
        for variable in _variables(study)
    )


def attributes(study: Study) -> dict[str, Any]:
    """What a result says of itself: title, reference, versions, constants nobody has measured."""
    scenarios = [combination.scenario for combination in study.combinations]
    treatments = [scenario.treatment for scenario in scenarios]
    return {
        "title": study.title,
        "relative_to": study.readout.relative_to or "",
        "varied_compound": json.dumps({each.name: each.varied for each in treatments}),
        "kept_compounds": json.dumps(_kept(treatments)),
        "protacsim_version": version("protacsim"),
        "config_sha256": config_sha256(study),
        "seed": study.seed,
        "unverified": json.dumps(_unverified(study)),
        "hypothetical": json.dumps(_hypothetical(scenarios)),
    }


def _kept(treatments: Sequence[Treatment]) -> dict[str, list[str]]:
    """Compounds that the vehicle of a treatment keeps, where there are some."""
    found = {
        each.name: [entry.name for entry in each.compounds if entry.name != each.varied]
        for each in treatments
        if each.varied is not None
    }
    return {treatment: compounds for treatment, compounds in found.items() if compounds}


def _hypothetical(scenarios: Sequence[Scenario]) -> dict[str, list[str]]:
    """Hypothetical compounds of each treatment that has some."""
    found = {s.treatment.name: provenance.hypothetical([s]) for s in scenarios}
    return {treatment: compounds for treatment, compounds in found.items() if compounds}


def _unverified(study: Study) -> list[dict[str, Any]]:
    """Constants without a public measurement, but those that an axis sets.

    `shared` tells whether this value holds for all compounds that have such a constant.
    """
    combinations = study.combinations
    varied = {path for combination in combinations for path in combination.varied}
    every = {e: None for c in combinations for e in provenance.constants(c.scenario, c.varied)}
    known = [replace(e, value=math.nan) if e.path in varied else e for e in every]
    shared = provenance.shared(known)
    fields = ("path", "value", "unit", "confidence", "source", "entry")
    return [
        {field: getattr(entry, field) for field in fields} | {"shared": entry.path in shared}
        for entry in known
        if entry.unverified and entry.path not in varied
    ]


def _variables(study: Study) -> tuple[Variable, ...]:
    dims = tuple(study.dims)
    found = []
    relative_to = study.readout.relative_to
    for reading in study.readout.readings:
        along = (*dims, *([reading.dim] if reading.dim else []), "time_h")
        long_name = reading.long_name.format(target=study.scenario.target.name)
        attrs = {"units": reading.unit, "long_name": long_name}
        attrs |= {"expression": reading.expression} if reading.expression else {}
        found.append(Variable(reading.name, along, "float64", attrs))
        if relative_to:
            percent = {"units": "%", "long_name": long_name, "relative_to": relative_to}
            percent["null_reason"] = "zero_reference"
            found.append(Variable(f"{reading.name}_percent", along, "float64", percent))
    reached = {"units": "h", "long_name": "time reached"}
    return (
        *found,
        Variable("status", dims, "int8", _flags()),
        Variable("reached_h", dims, "float64", reached),
    )


def _flags() -> dict[str, Any]:
    """CF flag attributes of the status variable."""
    return {
        "long_name": "outcome of the run",
        "flag_values": np.array(list(STATUS), np.int8),
        "flag_meanings": " ".join(name for name, _ in STATUS.values()),
    }


def _coordinates(study: Study) -> dict[str, Any]:
    coordinates: dict[str, Any] = {}
    for axis in study.axes:
        values = axis.coordinate
        attrs = {"units": unit_of(axis.path)} if isinstance(values[0], float) else {}
        kind = float if attrs else object
        coordinates[axis.path] = (axis.dim, np.array(values, dtype=kind), attrs)
    for sample in study.samples:
        coordinates |= _drawn(study, sample)
    if study.is_stochastic:
        coordinates[REPLICATE] = (REPLICATE, np.arange(study.replicates))
    for dim in sorted({reading.dim for reading in study.readout.readings if reading.dim}):
        coordinates[dim] = (dim, np.array(study.members(dim), dtype=object))
    times = np.asarray(study.readout.times_h, float)
    coordinates["time_h"] = ("time_h", times, {"units": "h", "long_name": "time"})
    return coordinates


def _drawn(study: Study, sample: Sample) -> dict[str, Any]:
    """Numbers of a sample's points, and what was drawn for each; none for very long ones.

    Where treatments or alleles have ranges of their own, there is no one value to a point: the
    coordinate is then the quantile.
    """
    if sample.n * len(sample.over) > MOST_DRAWN_COORDINATES:
        return {}
    found: dict[str, Any] = {sample.dim: (sample.dim, np.arange(sample.n))}
    whole = slice(0, sample.n)
    for i, draw in enumerate(sample.over):
        drawn = Drawn(sample, i, study.seed)
        columns = [drawn.column(whole, c.scenario) for c in study.combinations]
        if all(np.array_equal(columns[0], other) for other in columns[1:]):
            found[draw.name] = (sample.dim, columns[0], {"units": unit_of(draw.name)})
        else:
            quantile = uniforms(sample, study.seed, whole)[:, i]
            found[f"{draw.name} quantile"] = (sample.dim, quantile, {"units": ""})
    return found


def check_points(study: Study, most: int) -> None:
    """Raise `ParameterError` for a study with more than `most` points."""
    if study.points > most:
        raise ParameterError(
            f"the study has {study.points:,} points, more than {most:,}; thin out an axis, or say "
            f"--max-points {study.points} if that is meant"
        )
