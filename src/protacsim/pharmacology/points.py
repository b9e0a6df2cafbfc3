"""What many points of a study say together: lowest and highest value, where, what lies between."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import xarray as xr

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset
from protacsim.pharmacology.interpolation import Floats, Ints
from protacsim.validation import one_of

if TYPE_CHECKING:
    import pandas as pd

LEVELS: Final = (0.05, 0.5, 0.95)
BESIDE: Final = ("status", "reached_h")
"""Variables of a result that say how its runs ended."""


@reads_dataset
def point_summary(data: xr.Dataset, over: Collection[str]) -> pd.DataFrame:
    """One row per observable and coordinate outside `over`: its spread over the points there.

    Parameters
    ----------
    data
        Result of a study. Every observable that has a dim of `over` is read.
    over
        Dims of axes, or that of the members of a sample.

    Returns
    -------
    pandas.DataFrame
        The coordinates outside `over`; `observable`, `units`; `points`, how many have a number;
        of these `lowest`, the quantiles `q05`, `q50` and `q95`, and `highest`; then
        `lowest at <coordinate>` and `highest at <coordinate>`, of the first of equal points.

    Raises
    ------
    ParameterError
        For a dim that is not there, or when no variable has one.
    """
    import pandas as pd

    for dim in over:
        if dim not in data.dims:
            raise ParameterError(f"over has {dim!r}: {one_of(dim, map(str, data.dims))}.")
    read = [v for n, v in data.data_vars.items() if n not in BESIDE and {*over} & {*v.dims}]
    if not read:
        raise ParameterError("over: no observable has such a dim; give at least one.")
    return pd.concat([_of_observable(values, over) for values in read], ignore_index=True)


class Spread(NamedTuple):
    """Of some values: `points` have a number; places are positions, or -1 where none has one."""

    points: int = 0
    lowest: float = np.nan
    q05: float = np.nan
    q50: float = np.nan
    q95: float = np.nan
    highest: float = np.nan
    place_of_lowest: int = -1
    place_of_highest: int = -1


def spread(values: Floats) -> Spread:
    """Ends and quantiles of the values that are numbers; of equal ends the first is placed."""
    known = np.isfinite(values)
    found = values if known.all() else values[known]
    if not found.size:
        return Spread()
    low, high = (int(np.argmax(values == end)) for end in (found.min(), found.max()))
    q05, q50, q95 = np.quantile(found, LEVELS)
    return Spread(found.size, values[low], q05, q50, q95, values[high], low, high)


def _of_observable(values: xr.DataArray, over: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    along = [dim for dim in values.dims if dim in over]
    kept = [dim for dim in values.dims if dim not in over]
    numbers = values.compute().transpose(*kept, *along).to_numpy()
    rows = list(np.ndindex(numbers.shape[: len(kept)]))
    spreads = pd.DataFrame([spread(numbers[row].ravel()) for row in rows])
    of_row = dict(zip(kept, np.array(rows, np.intp).reshape(len(rows), -1).T, strict=True))
    table = pd.DataFrame(dict(_labels(values, of_row)), index=spreads.index)
    table = table.assign(observable=str(values.name), units=values.attrs.get("units", ""))
    for which in ("lowest", "highest"):
        place = spreads.pop(f"place_of_{which}").to_numpy()
        of_place = _positions(values, along, np.maximum(place, 0))
        for name, labels in _labels(values, of_place):
            spreads[f"{which} at {name}"] = pd.Series(labels).where(place >= 0)
    return table.join(spreads)


def _positions(values: xr.DataArray, along: list[Hashable], places: Ints) -> dict[Hashable, Ints]:
    """Positions along each dim of points that are numbered along all of them together."""
    found = np.unravel_index(places, [values.sizes[dim] for dim in along])
    return dict(zip(along, found, strict=True))


def _labels(values: xr.DataArray, positions: Mapping[Hashable, Ints]) -> Iterator[tuple[str, Any]]:
    """Every coordinate along one of the dims, at the positions along it."""
    for name, coordinate in values.coords.items():
        if len(coordinate.dims) == 1 and coordinate.dims[0] in positions:
            yield str(name), coordinate.to_numpy()[positions[coordinate.dims[0]]]
