"""Distributions over the members of a sample: quantiles, intervals, fractions of responders.

A member is a virtual cell, a virtual patient or a drawn set of constants; its dim is numbered from
0 on. What a member says alone is read by the other modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset
from protacsim.pharmacology.readings import DIMENSIONLESS
from protacsim.units import unit_of
from protacsim.validation import check_kind

LEVEL: Final = 0.9
DIGITS: Final = 2


def member_dims(data: xr.Dataset | xr.DataArray) -> tuple[str, ...]:
    """Dims that number the members of samples, from 0 on."""
    check_kind("data", data, xr.Dataset | xr.DataArray)
    return tuple(
        str(dim)
        for dim, size in data.sizes.items()
        if dim in data.coords
        and np.issubdtype(data[dim].dtype, np.integer)
        and np.array_equal(data[dim].to_numpy(), np.arange(size))
    )


def distribution(
    values: xr.DataArray, dim: str, at: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)
) -> xr.Dataset:
    """`quantile` (over `at`) and `mean` along `dim`, of the members that have a number.

    `members` counts those, `nulls` the others. Raises `ParameterError` for a dim that is not there,
    or a quantile outside 0 to 1.
    """
    _check_dim(values, dim)
    if not all(0.0 <= level <= 1.0 for level in at):
        raise ParameterError(f"quantiles are {list(at)}; must lie between 0 and 1.")
    others = tuple(name for name in values.dims if name != dim)
    found = values.transpose(*others, dim)
    numbers = found.to_numpy().astype(np.float64)
    count = np.isfinite(numbers).sum(axis=-1)
    filled = np.where((count == 0)[..., None], 0.0, np.where(np.isfinite(numbers), numbers, np.nan))
    empty = np.where(count == 0, np.nan, 0.0)
    levels = np.nanquantile(filled, list(at), axis=-1) + empty
    mean = np.nanmean(filled, axis=-1) + empty
    attrs = {"units": values.attrs.get("units", ""), "along": dim}
    return xr.Dataset(
        {
            "quantile": (("probability", *others), levels, attrs),
            "mean": (others, mean, attrs),
            "members": (others, count),
            "nulls": (others, numbers.shape[-1] - count),
        },
        coords={"probability": list(at)}
        | {name: c for name, c in found.coords.items() if dim not in c.dims},
    )


@reads_dataset
def interval(curves: xr.Dataset, quantity: str, dim: str, level: float = LEVEL) -> xr.Dataset:
    """`median`, `low` and `high` of a reading over members: the middle `level` of them.

    Members for which the reading is null do not enter; `members` counts the others, `nulls` these.
    """
    if quantity not in curves:
        raise ParameterError(
            f"the readings have no {quantity!r}; choose from "
            f"{', '.join(str(name) for name in curves if not str(name).endswith('_reason'))}."
        )
    if not 0.0 < level < 1.0:
        raise ParameterError(f"level is {level}; must be above 0 and below 1, such as 0.9.")
    tail = 0.5 * (1.0 - level)
    found = distribution(curves[quantity], dim, (tail, 0.5, 1.0 - tail))
    parts = {
        name: found["quantile"].isel(probability=i, drop=True)
        for i, name in enumerate(("low", "median", "high"))
    }
    attrs = {"quantity": quantity, "level": level, "along": dim}
    return (
        found[["members", "nulls"]]
        .drop_vars("probability", errors="ignore")
        .assign(parts)
        .assign_attrs(attrs)
    )


@reads_dataset
def fraction_below(
    data: xr.Dataset, observable_percent: str, threshold: float, dim: str
) -> xr.Dataset:
    """Fraction of members whose observable is below a threshold: responders against dose.

    Only members that have a number count: `members` of them, and `not_counted` whose simulation
    failed or whose reference is zero. The fraction is NaN where nobody counts.

    Parameters
    ----------
    observable_percent
        A variable of the result, such as "target_total_percent".
    threshold
        In the unit of that variable.
    """
    if observable_percent not in data:
        found = ", ".join(str(name) for name in data if str(name).endswith("_percent")) or "none"
        raise ParameterError(f"the result has no {observable_percent!r}, only {found}.")
    values = data[observable_percent]
    _check_dim(values, dim)
    counted = values.notnull()
    members = counted.sum(dim)
    below = (values < threshold).sum(dim)
    name = observable_percent.removesuffix("_percent").replace("_", " ")
    unit = values.attrs.get("units", unit_of(observable_percent))
    level = f"{threshold:g}" if unit in ("", DIMENSIONLESS) else f"{threshold:g} {unit}"
    attrs = {"units": DIMENSIONLESS, "long_name": f"fraction with {name} below {level}"}
    return xr.Dataset(
        {
            "fraction": (below / members.where(members > 0)).assign_attrs(attrs),
            "members": members,
            "not_counted": values.sizes[dim] - members,
        }
    )


def mixture(
    values: xr.DataArray,
    variant_fraction: float | xr.DataArray,
    *,
    variant: str = "C481S",
    wild_type: str = "WT",
    dim: str = "target.allele",
) -> xr.DataArray:
    """A tumour in which `variant_fraction` of the cells carry a variant: the mean over its cells.

    BTK is on the X chromosome, so that one cell makes one allele. `variant_fraction` is a number
    from 0 to 1, or an array over dims of `values`, such as one fraction per patient.

    Raises `ParameterError` for a fraction outside 0 to 1, or an allele that was not simulated.
    """
    fraction = xr.DataArray(variant_fraction)
    if not bool(((fraction >= 0.0) & (fraction <= 1.0)).all()):
        raise ParameterError("variant_fraction has a value outside 0 to 1; give fractions, not %.")
    _check_dim(values, dim)
    alleles = [str(name) for name in values[dim].to_numpy()]
    for name in (variant, wild_type):
        if name not in alleles:
            raise ParameterError(
                f"{dim} has no {name!r}, only {', '.join(alleles)}; simulate both alleles."
            )
    pure = (values.sel({dim: name}, drop=True) for name in (variant, wild_type))
    of_variant, of_wild_type = pure
    mixed = fraction * of_variant + (1.0 - fraction) * of_wild_type
    found: xr.DataArray = mixed.transpose(*(d for d in values.dims if d != dim), ...)
    return found.assign_attrs(values.attrs).rename(values.name)


def in_words(found: xr.Dataset, name: str, unit: str, members: str = "members") -> str:
    """One interval as a sentence.

    >>> in_words(interval(curves, "dc50_relative_nM", "patient"), "DC50", "nM", "patients")
    'DC50 2.1 nM, 90 % interval 0.70 to 6.4 nM over 400 patients'
    """
    count, nulls = int(found["members"]), int(found["nulls"])
    if not count:
        return f"{name}: none of {nulls} {members} has one"
    low, median, high = (_number(float(found[key])) for key in ("low", "median", "high"))
    level = f"{100.0 * found.attrs['level']:g}"
    without = f"; {nulls} have none" if nulls else ""
    return (
        f"{name} {median} {unit}, {level} % interval {low} to {high} {unit} "
        f"over {count} {members}{without}"
    )


def _number(value: float) -> str:
    """Two significant digits without an exponent."""
    rounded = float(f"{value:.{DIGITS}g}")
    return f"{rounded:.0f}" if abs(rounded) >= 10.0 or not rounded else f"{rounded:#.{DIGITS}g}"


def _check_dim(values: xr.DataArray, dim: str) -> None:
    check_kind("values", values, xr.DataArray)
    if dim not in values.dims:
        raise ParameterError(
            f"{values.name} has no dimension {dim!r}, only "
            f"{', '.join(map(str, values.dims)) or 'none'}; name the dim of a sample."
        )
