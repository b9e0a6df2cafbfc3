"""Compromises: the designs that no other design beats in every respect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

ROWS_PER_BLOCK = 256


def pareto_front(
    table: pd.DataFrame, minimise: Sequence[str], maximise: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows of a table that no other row equals or beats in all columns and beats in one.

    Rows with a null in one of the columns are left out; equal rows stay together. The order and
    the index of the table are kept.

    Parameters
    ----------
    table
        One row per design, such as `summary` gives.
    minimise, maximise
        Columns of which less, or more, is better: "dc50_relative_nM", "hook_depth_percent".

    Raises
    ------
    ParameterError
        For a column that is not there, or none at all.
    """
    columns = [*minimise, *maximise]
    missing = [name for name in columns if name not in table]
    if missing or not columns:
        raise ParameterError(
            f"the table has no column {missing[0] if missing else 'to compare'!r}; "
            f"choose from {', '.join(map(str, table.columns))}."
        )
    signs = np.array([1.0] * len(minimise) + [-1.0] * len(maximise))
    costs = table[columns].to_numpy(dtype=np.float64) * signs
    known = np.flatnonzero(np.isfinite(costs).all(axis=1))
    return table.iloc[known[~_beaten(costs[known])]]


def _beaten(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows (n,) that another row is at most equal to everywhere and below somewhere."""
    found = np.zeros(len(costs), bool)
    order = np.lexsort(costs.T[::-1])
    front = np.empty((0, costs.shape[1]))
    for start in range(0, len(order), ROWS_PER_BLOCK):
        rows = order[start : start + ROWS_PER_BLOCK]  # what beats a row comes before it
        rivals = np.concatenate([front, costs[rows]])
        at_most = np.all(rivals[None] <= costs[rows][:, None], axis=2)
        below = np.any(rivals[None] < costs[rows][:, None], axis=2)
        found[rows] = np.any(at_most & below, axis=1)
        front = np.concatenate([front, costs[rows[~found[rows]]]])
    return found
