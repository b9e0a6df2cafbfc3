"""Lines between the points of a curve: the interpolant from which its numbers are read.

A DC50, a Dmax or a D50 therefore lies on the line that is drawn, also where points are few; many
are joined straight. The interpolant itself is the work of `protacsim.pharmacology`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protacsim.plot.curves import Curve

Floats = NDArray[np.float64]
Along = Literal["dose", "time"]
# From so many points on, straight lines between them cannot be told from the interpolant.
MANY_POINTS = 15


def line_of(curve: Curve, along: Along) -> tuple[Floats, Floats]:
    """The line through a curve's points; a failed point leaves a gap between its neighbours."""
    if curve.x.size >= MANY_POINTS:
        return curve.x, curve.value
    x, y = _line(curve.x, curve.value, along, percent=curve.reading is not None)
    known = np.flatnonzero(np.isfinite(curve.value))
    for before, after in pairwise(known):
        if after > before + 1:
            y[(x > curve.x[before]) & (x < curve.x[after])] = np.nan
    return x, y


def band_of(curve: Curve) -> tuple[Floats, Floats, Floats]:
    """Doses, and lower and upper edge of the band of a dose-response curve that has one."""
    low, high = (bound for bound in (curve.low, curve.high) if bound is not None)
    if curve.x.size >= MANY_POINTS:
        return curve.x, low, high
    x, lower = _line(curve.x, low, "dose", percent=False)
    return x, lower, _line(curve.x, high, "dose", percent=False)[1]


def marked(curve: Curve, line_x: Floats, first: int, every: int) -> list[int]:
    """Where every so many points of a curve stand on its line."""
    known = curve.x[np.isfinite(curve.value)][first::every]
    return [int(np.argmin(np.abs(line_x - at))) for at in known]


def _line(x: Floats, y: Floats, along: Along, *, percent: bool) -> tuple[Floats, Floats]:
    from protacsim import pharmacology

    if along == "time":
        return pharmacology.time_line(x, y)
    return pharmacology.dose_line(x, y, percent=percent)
