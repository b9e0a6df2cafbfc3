"""Global sensitivity of designs that `study` runs: Sobol indices and Morris screening by SALib."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.sensitivity_analysis.reading import ReadOut, is_dose, name_of, reading
from protacsim.study import SENSITIVITY, Draw, Sample, Study, Workers, run
from protacsim.study.designs import MORRIS_LEVELS, SensitivityMethod, design, uniforms
from protacsim.units import unit_of
from protacsim.validation import check_kind

Floats = NDArray[np.float64]

MOST_NULLS: Final = 0.01
CONFIDENCE: Final = 0.95
RESAMPLES: Final = 200


def sensitivity(
    study: Study,
    over: Iterable[Draw] | Mapping[str, Any],
    readout: ReadOut = "dc50_relative_nM",
    *,
    method: SensitivityMethod = "sobol",
    n: int = 1024,
    seed: int | None = None,
    log: bool | None = None,
    folder: Path | str | None = None,
    workers: Workers | None = None,
) -> xr.Dataset:
    """Global sensitivity of a reading to constants drawn from `over`, which must be independent.

    Parameters
    ----------
    study
        What is run; `over` is added to it as a sample along `sensitivity`.
    over
        Draws, or `{path: {"distribution": ..., ...}}`.
    readout
        A variable of the result; a reading of its dose-response curves, such as
        "dc50_relative_nM", "dmax_percent" or "ic50_nM"; "target_total_percent below 20", the
        fraction of the members of the study's other samples; or a function of the result that
        keeps the dim `sensitivity`.
    method
        "sobol": first, total and second order indices, from `n (2 p + 2)` points for p paths.
        "morris": mu*, mu and sigma, from `n (p + 1)` points.
    n
        Base points, a power of 2 for "sobol"; or walks for "morris".
    seed
        Of the study and of the bootstrap; the study's own by default.
    log
        Whether the logarithm (base 10) of the reading is analysed; by default that of doses (names
        that end in `_nM` and are read off a curve), which spread over decades.
    folder, workers
        As in `run`: with a folder the points are stored, and a run that was stopped goes on.

    Returns
    -------
    xarray.Dataset
        As `indices`.

    Raises
    ------
    ParameterError
        For draws that cannot be made, an unknown reading, more than 1 % nulls, or without SALib.
    """
    check_kind("study", study, Study)
    salib()
    sample = design(over, method=method, n=n)
    planned = dataclasses.replace(
        study,
        samples=(*study.samples, sample),
        seed=study.seed if seed is None else seed,
    )
    data = run(planned, folder, workers=workers)
    return indices(data, sample, readout, seed=planned.seed, log=log)


def indices(
    data: xr.Dataset,
    sample: Sample,
    readout: ReadOut,
    *,
    seed: int | None = None,
    log: bool | None = None,
) -> xr.Dataset:
    """Sensitivity indices of a reading of a finished run of `design`.

    `seed` is that of the bootstrap; by default, and always for "morris", it is the run's own.

    Returns
    -------
    xarray.Dataset
        Over the reading's other dims and `parameter`. Sobol: `first`, `total` and `second` (also
        over `other_parameter`), each with the half-width of its 95 % bootstrap interval
        (`first_half_width`, ...). Morris: `mu`, `mu_star`, `sigma` and `mu_star_half_width` of the
        elementary effects (Morris 1991, Campolongo et al. 2007): the change along a step, divided
        by the step. Steps are two thirds of the way from the 1/8 to the 7/8 quantile and the whole
        way counts 1, so an effect is 1.5 times the change and may exceed what the reading spans. In
        the unit of `effect_unit`. `nulls`
        counts the points without a reading: up to 1 % of them take the mean of the others, and
        thereby nothing for or against a parameter. A reading that does not vary has indices of 0.
    """
    seed = _seed_of(data, sample, seed)
    values, reasons = reading(data, readout)
    others = tuple(str(dim) for dim in values.dims if dim != SENSITIVITY)
    if SENSITIVITY not in values.dims:
        raise ParameterError(f"the reading {name_of(readout)} has no dim {SENSITIVITY!r}; keep it.")
    matrix = values.transpose(*others, SENSITIVITY).to_numpy().astype(np.float64)
    logged = is_dose(readout) if log is None else log
    nulls = (~np.isfinite(matrix)).sum(axis=-1)
    _refuse_nulls(nulls, matrix.shape[-1], reasons, name_of(readout))
    matrix = _filled(_log10(matrix, name_of(readout)) if logged else matrix)
    analyse = _sobol if sample.design == "saltelli" else _morris
    rows = [analyse(row, sample, seed) for row in matrix.reshape(-1, matrix.shape[-1])]
    shape = matrix.shape[:-1]
    found = {
        name: (
            (*others, "parameter", *(["other_parameter"] if rows[0][name].ndim > 1 else [])),
            np.stack([row[name] for row in rows]).reshape(shape + rows[0][name].shape),
        )
        for name in rows[0]
    }
    paths = [draw.name for draw in sample.over]
    coords: dict[str, Any] = {name: values[name] for name in others if name in values.coords}
    coords |= {"parameter": paths}
    if any("other_parameter" in dims for dims, _ in found.values()):
        coords |= {"other_parameter": paths}
    attrs = {
        "readout": name_of(readout),
        "scale": "log10" if logged else "linear",
        "method": "sobol" if sample.design == "saltelli" else "morris",
        "base_points": sample.n // sample.group,
        "points": sample.n,
        "title": data.attrs.get("title", ""),
        "unverified": data.attrs.get("unverified", "[]"),
        "hypothetical": data.attrs.get("hypothetical", "{}"),
    }
    return xr.Dataset({**found, "nulls": (others, nulls)}, coords=coords, attrs=attrs)


def _seed_of(data: xr.Dataset, sample: Sample, seed: int | None) -> int:
    """The seed asked for, or the run's; walks cannot be analysed with another than theirs."""
    own = int(data.attrs.get("seed", 1))
    if seed is not None and seed != own and sample.design == "morris":
        raise ParameterError(
            f"seed is {seed}, but the walks were drawn with seed {own} of the run; leave it out."
        )
    return own if seed is None else seed


def _sobol(values: Floats, sample: Sample, seed: int) -> dict[str, Floats]:
    sobol, _ = salib()
    p = len(sample.over)
    if np.ptp(values) == 0.0:
        zeros, square = np.zeros(p), np.zeros((p, p))
        names = ("first", "first_half_width", "total", "total_half_width")
        return {**dict.fromkeys(names, zeros), "second": square, "second_half_width": square}
    found = sobol.analyze(
        _problem(sample),
        values,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=seed or 2**32,
    )
    second, half_width = (
        np.where(np.isnan(upper), upper.T, upper) for upper in (found["S2"], found["S2_conf"])
    )
    return {
        "first": np.array(found["S1"]),
        "first_half_width": np.array(found["S1_conf"]),
        "total": np.array(found["ST"]),
        "total_half_width": np.array(found["ST_conf"]),
        "second": second,
        "second_half_width": half_width,
    }


def effect_unit(found: xr.Dataset) -> str:
    """Return the unit of Morris indices: decades of a logarithm, else that of the reading."""
    return "decades" if found.attrs["scale"] == "log10" else unit_of(found.attrs["readout"])


def _morris(values: Floats, sample: Sample, seed: int) -> dict[str, Floats]:
    _, morris = salib()
    # SALib's grid runs from 0 to 1, ours from the middle of the first level to that of the last.
    edge = 0.5 / MORRIS_LEVELS
    points = uniforms(sample, seed, slice(0, sample.n))
    grid = (points - edge) * ((1.0 - 1.0 / MORRIS_LEVELS) ** -1)
    found = morris.analyze(
        _problem(sample),
        grid,
        values,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        num_levels=MORRIS_LEVELS,
        seed=seed or 2**32,
    )
    return {
        "mu": np.array(found["mu"], float),
        "mu_star": np.array(found["mu_star"], float),
        "sigma": np.array(found["sigma"], float),
        "mu_star_half_width": np.array(found["mu_star_conf"], float),
    }


def _problem(sample: Sample) -> dict[str, Any]:
    names = [draw.name for draw in sample.over]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def salib() -> tuple[Any, Any]:
    """The two analyses of SALib; raises `ParameterError` where it is not installed."""
    try:
        from SALib.analyze import morris, sobol
    except ImportError:
        raise ParameterError(
            "sensitivity needs the package SALib; install it with: pip install "
            "'protacsim[sensitivity]'."
        ) from None
    return sobol, morris


def _refuse_nulls(
    nulls: NDArray[np.intp], points: int, reasons: xr.DataArray | None, name: str
) -> None:
    worst = int(nulls.max(initial=0))
    if worst <= MOST_NULLS * points:
        return
    why = ""
    if reasons is not None and (reasons != "").any():
        names, counts = np.unique(reasons.to_numpy(), return_counts=True)
        common = max((c, str(n)) for n, c in zip(names, counts, strict=True) if n)[1]
        why = f", most because of {common.replace('_', ' ')}"
    raise ParameterError(
        f"{name} is null at {worst} of {points} points{why}; at most {MOST_NULLS:.0%} may be. "
        "Widen the doses, narrow the distributions, or take a reading that is always there, such "
        "as dmax_percent."
    )


def _filled(matrix: Floats) -> Floats:
    """Nulls take the mean of the other points."""
    missing = ~np.isfinite(matrix)
    if not missing.any():
        return matrix
    mean = np.nanmean(np.where(missing, np.nan, matrix), axis=-1, keepdims=True)
    return np.where(missing, mean, matrix)


def _log10(matrix: Floats, name: str) -> Floats:
    if (matrix <= 0.0).any():
        raise ParameterError(f"{name} is not above 0 everywhere; analyse it with log=False.")
    return np.log10(matrix)
