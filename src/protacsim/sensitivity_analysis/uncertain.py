"""How far a reading may be off for the library's ranges of constants, and which one causes it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim import provenance
from protacsim.errors import ParameterError
from protacsim.pharmacology.populations import LEVEL, interval
from protacsim.scenario import numbers
from protacsim.sensitivity_analysis.reading import reading
from protacsim.study import SENSITIVITY, Combination, Draw, Sample, Study, run
from protacsim.study.designs import Z95, library_range, uniforms
from protacsim.validation import check_kind

Floats = NDArray[np.float64]

KON, KOFF = "kon_target_per_nM_per_h", "koff_target_per_h"
KI, KINACT = "ki_target_nM", "kinact_per_h"
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
    check_kind("study", study, Study)
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
    as the range of kon: kon = (koff + kinact)/KI is then above kinact/KI, whatever is drawn. Raises
    `ParameterError` where nothing can be drawn, or that centre is not one for the whole study.
    """
    ranges = [_draws(combination) for combination in study.combinations]
    common = [name for name in ranges[0] if all(name in each for each in ranges)]
    if not common:
        raise ParameterError("no constant of this study has a range in the library; give draws.")
    for name in (name for name in common if name.endswith(KOFF)):
        if _varies_ki(study) or len({each[name] for each in ranges}) > 1:
            raise ParameterError(
                f"{name} lies around KI kon - kinact, which differs in this study; draw for one "
                "treatment and one value of the axes at a time, or use uncertainty, which does."
            )
    return tuple(ranges[0][name] for name in common)


def _draws(combination: Combination) -> dict[str, Draw]:
    """Draws by path of the constants of a combination that have a range above 0."""
    varied = combination.varied
    found: dict[str, Draw] = {}
    for constant in provenance.constants(combination.scenario):
        if _has_range(constant) and constant.path not in varied:
            draw = _of_kon(combination, constant) or Draw(constant.path, "library")
            found[draw.name] = draw
    for name in found:
        _check_kon(combination, name, found)
    return {name: draw for name, draw in found.items() if name not in varied}


def _of_kon(combination: Combination, constant: provenance.Constant) -> Draw | None:
    """The draw of koff that stands for that of kon where there is a KI; else None."""
    compound, _, field = constant.path.rpartition(".")
    if field != KON:
        return None
    first, _ = combination.values(dict.fromkeys(combination.shape, slice(0, 1)))
    if f"{compound}.{KI}" not in first:
        return None
    ki, kinact = (float(np.ravel(first[f"{compound}.{name}"])[0]) for name in (KI, KINACT))
    kon, low, high = library_range(constant.path, combination.scenario)
    cv = math.sqrt(math.expm1((math.log(high / low) / (2.0 * Z95)) ** 2))
    return Draw(f"{compound}.{KOFF}", "lognormal", median=ki * kon - kinact, cv=cv)


def _check_kon(combination: Combination, name: str, found: Mapping[str, Draw]) -> None:
    """Refuse to draw KI or kinact beside a kon that stays where it is."""
    compound, _, field = name.rpartition(".")
    values = {*numbers(combination.scenario), *combination.varied}
    free = f"{compound}.{KOFF}" in {*values, *found}
    if field in (KI, KINACT) and f"{compound}.{KI}" in values and not free:
        raise ParameterError(
            f"{compound}.{KON} is the study's own, without a range, beside a KI: draws of {field} "
            f"would leave it below kinact/KI. Give or vary {KOFF} in its place, or leave it out."
        )


def _has_range(constant: provenance.Constant) -> bool:
    low, high = constant.low, constant.high
    return low is not None and high is not None and 0.0 < low < high and constant.value > 0.0


def _varies_ki(study: Study) -> str | None:
    """A dim with several values along which KI or kinact of a compound with a KI varies."""
    for combination in study.combinations:
        known = {*numbers(combination.scenario), *combination.varied}
        for dim in (d for d in combination.shape if study.dims[d] > 1):
            for path in combination.paths_along(dim):
                compound, _, field = path.rpartition(".")
                if field in (KI, KINACT) and f"{compound}.{KI}" in known:
                    return dim
    return None


def _divides_ranges(study: Study) -> str | None:
    """A dim to go along one by one, where combinations differ in what is drawn, or from where."""
    first, *others = [_draws(combination) for combination in study.combinations]
    if all(each == first for each in others):
        return _varies_ki(study)
    return next(dim for dim in study.combinations[0].index if study.dims[dim] > 1)


def _split(study: Study, dim: str) -> Iterator[Study]:
    """The study at each place along a dim, which stays with one place."""
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
