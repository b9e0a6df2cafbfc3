"""How far a reading may be off for the library's ranges of constants, and which one causes it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim import provenance
from protacsim.errors import ParameterError
from protacsim.pharmacology.populations import LEVEL, interval
from protacsim.scenario import Scenario, numbers
from protacsim.sensitivity_analysis.reading import reading
from protacsim.study import SENSITIVITY, Combination, Draw, Sample, Study, run
from protacsim.study.designs import Z95, library_range, uniforms

Floats = NDArray[np.float64]

EXPLAINED = 1e-10
"""Share of the values, by norm, that counts as nothing left to explain."""


def uncertainty(
    study: Study,
    n: int = 512,
    *,
    quantities: Sequence[str] = ("dc50_relative_nM", "dmax_percent", "hook_depth_percent"),
    level: float = LEVEL,
    seed: int | None = None,
) -> xr.Dataset:
    """Intervals of readings from the library's ranges, and which constants cause them.

    Every constant that has a range above 0 in the library and is varied nowhere else is drawn from
    it (see `library_draws`; Sobol design of `n` points). Treatments, cells and alleles whose
    constants have ranges of their own are run one after the other, each with its own draws.

    Returns
    -------
    xarray.Dataset
        Over `quantity` and the dims of the curves: `median`, `low`, `high`, `members`, `nulls`;
        and over `parameter` too, `rank_correlation`, the partial rank correlation of the reading
        with each constant given all others. Its square tells how much of what the others leave
        open a constant explains; the greatest is the main cause. NaN where a constant does not
        occur.
    """
    dim = _divides_ranges(study)
    if dim is not None:
        parts = [
            uncertainty(part, n, quantities=quantities, level=level, seed=seed)
            for part in _split(study, dim)
        ]
        whole = xr.concat(parts, dim=dim, join="outer", combine_attrs="override")
        names = dict.fromkeys(name for part in parts for name in part["parameter"].values.tolist())
        return whole.sel(parameter=list(names))
    over = library_draws(study)
    if len(over) + 2 > n:
        raise ParameterError(
            f"n = {n} points are too few for {len(over)} constants; take at least {2 * len(over)}."
        )
    sample = Sample(SENSITIVITY, n, over, "sobol")
    drawn = dataclasses.replace(
        study,
        samples=(*study.samples, sample),
        seed=study.seed if seed is None else seed,
    )
    data = run(drawn)
    scores = uniforms(sample, drawn.seed, slice(0, n))
    parts = [_interval_and_causes(data, name, scores, over, level) for name in quantities]
    found: xr.Dataset = xr.concat(parts, dim="quantity").assign_coords(quantity=list(quantities))
    return found.assign_attrs(level=level, points=n, title=study.title)


def library_draws(study: Study) -> tuple[Draw, ...]:
    """A draw from the library's range for every constant that has one and is not varied.

    Where a compound has a KI, its koff is drawn in place of kon, around KI kon - kinact and as wide
    as the range of kon: kon = (koff + kinact)/KI is then above kinact/KI, whatever is drawn.
    """
    varied = {path for combination in study.combinations for path in combination.varied}
    ranges = [_with_range(combination) for combination in study.combinations]
    common = [p for p in ranges[0] if all(p in each for each in ranges) and p not in varied]
    if not common:
        raise ParameterError("no constant of this study has a range in the library; give draws.")
    draws = [_from_range(study.combinations[0].scenario, path) for path in common]
    return tuple(draw for draw in draws if draw.name not in varied)


def _from_range(scenario: Scenario, path: str) -> Draw:
    compound, _, field = path.rpartition(".")
    values = numbers(scenario)
    ki = values.get(f"{compound}.ki_target_nM")
    if field != "kon_target_per_nM_per_h" or ki is None:
        return Draw(path, "library")
    kon, low, high = library_range(path, scenario)
    koff = ki * kon - values[f"{compound}.kinact_per_h"]
    sigma = math.log(high / low) / (2.0 * Z95)
    cv = math.sqrt(math.expm1(sigma**2))
    return Draw(f"{compound}.koff_target_per_h", "lognormal", median=koff, cv=cv)


def _with_range(combination: Combination) -> list[str]:
    """Paths of the constants of a combination that have a range above 0."""
    return [c.path for c in provenance.constants(combination.scenario) if _has_range(c)]


def _divides_ranges(study: Study) -> str | None:
    """A named dim to go along one by one, where combinations differ in what has a range."""
    if len({frozenset(_with_range(combination)) for combination in study.combinations}) == 1:
        return None
    return next(dim for dim in study.combinations[0].index if study.dims[dim] > 1)


def _split(study: Study, dim: str) -> Iterator[Study]:
    """The study at each place along a named dim, which stays with one place."""
    for i in range(study.dims[dim]):
        axes = tuple(
            dataclasses.replace(axis, values=axis.values[i : i + 1]) if axis.dim == dim else axis
            for axis in study.axes
        )
        yield dataclasses.replace(study, axes=axes)


def partial_rank_correlation(scores: Floats, values: Floats) -> Floats:
    """Correlation (p,) of the ranks of `values` (n,) with those of each column of `scores` (n, p).

    Each given all other columns (Marino et al. 2008, doi 10.1016/j.jtbi.2008.04.011). Points whose
    value is no number are left out; NaN when fewer than p + 3 remain, 0 when none differs.
    """
    from scipy.stats import rankdata

    keep = np.isfinite(values)
    if keep.sum() < scores.shape[1] + 3:
        return np.full(scores.shape[1], np.nan)
    if np.ptp(values[keep]) == 0.0:
        return np.zeros(scores.shape[1])
    columns = rankdata(scores[keep], axis=0)
    columns, ranks = columns - columns.mean(axis=0), rankdata(values[keep])
    return np.array(
        [_given_others(columns, j, ranks - ranks.mean()) for j in range(len(columns.T))]
    )


def _given_others(columns: Floats, j: int, values: Floats) -> float:
    """Correlation of a column with the values, both without what the other columns explain."""
    others, both = np.delete(columns, j, axis=1), np.column_stack([columns[:, j], values])
    own, left = (both - others @ np.linalg.lstsq(others, both, rcond=None)[0]).T
    scale = float(np.linalg.norm(own) * np.linalg.norm(left))
    explained = np.linalg.norm(left) <= EXPLAINED * np.linalg.norm(values)
    return 0.0 if explained or scale == 0.0 else float(own @ left) / scale


def _has_range(constant: provenance.Constant) -> bool:
    low, high = constant.low, constant.high
    return low is not None and high is not None and 0.0 < low < high and constant.value > 0.0


def _interval_and_causes(
    data: xr.Dataset, quantity: str, scores: Floats, over: Sequence[Draw], level: float
) -> xr.Dataset:
    values, _ = reading(data, quantity)
    found = interval(values.to_dataset(name=quantity), quantity, SENSITIVITY, level)
    others = [str(dim) for dim in values.dims if dim != SENSITIVITY]
    rows = values.transpose(*others, SENSITIVITY).to_numpy()
    causes = [partial_rank_correlation(scores, row) for row in rows.reshape(-1, rows.shape[-1])]
    shaped = np.array(causes).reshape(*rows.shape[:-1], len(over))
    found["rank_correlation"] = ((*others, "parameter"), shaped)
    return found.assign_coords(parameter=[draw.name for draw in over])
