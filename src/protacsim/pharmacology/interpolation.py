"""A curve through its data points: shape-preserving cubics, refined maxima, first crossings.

Between two points the interpolant is monotone (PCHIP: Fritsch and Butland, SIAM J. Sci. Stat.
Comput. 5, 300, 1984), so it has no extremum and no crossing that the points do not show.
Pharmacological definitions live in the modules that use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import ParameterError

Floats = NDArray[np.float64]

MIN_POINTS = 3
FLAT = 1e-6
"""Differences that count as none, in percentage points: the accuracy of a simulated curve."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Knots and the cubic of every interval.

    Attributes
    ----------
    x, y
        Knots, `x` increasing, each `(n,)`.
    cubics
        `(4, n - 1)`, highest power first, in `x - x[k]`.
    """

    x: Floats
    y: Floats
    cubics: Floats

    def first_crossing(self, level: float, *, start: int = 0, falling: bool = False) -> float:
        """First `x` from knot `start` on where `y` is at or past `level`; NaN if nowhere.

        Past means above, or below when `falling`. A level touched on a knot or along a flat
        stretch is reached at its first point.
        """
        past = (level - self.y[start:]) if falling else (self.y[start:] - level)
        reached = np.flatnonzero(past >= 0.0)
        if reached.size == 0:
            return float("nan")
        knot = start + int(reached[0])
        on_knot = knot == start or self.y[knot] == level
        return float(self.x[knot]) if on_knot else self._root_before(knot, level)

    def _root_before(self, knot: int, level: float) -> float:
        from scipy.optimize import brentq

        a, b, c, d = (float(v) for v in self.cubics[:, knot - 1])
        left, width = float(self.x[knot - 1]), float(self.x[knot] - self.x[knot - 1])

        def excess(u: float) -> float:
            return ((a * u + b) * u + c) * u + d - level

        if excess(0.0) * excess(width) >= 0.0:  # the level is met at the knot, to rounding
            return left + width
        return left + float(brentq(excess, 0.0, width, xtol=1e-14, rtol=1e-14))


def curve_through(x: Floats, y: Floats) -> Curve:
    """PCHIP through at least two points."""
    from scipy.interpolate import PchipInterpolator

    return Curve(x, y, np.asarray(PchipInterpolator(x, y).c, dtype=np.float64))


def with_summits(x: Floats, y: Floats, *, ceiling: float) -> tuple[Floats, Floats]:
    """The points plus a refined summit beside every interior maximum.

    A summit is the vertex of the parabola through a maximum and its two neighbours. It is
    limited by `ceiling` and by the extended lines of the adjoining intervals, above which no
    concave curve can rise: a cliff beside a plateau is not turned into a peak.
    """
    summits = [_summit(x, y, int(i), ceiling) for i in _interior_maxima(y)]
    higher = [(xs, ys) for i, xs, ys in summits if ys > y[i] and _apart(xs, i, x)]
    if not higher:
        return x, y
    new = np.array(higher)
    places = np.searchsorted(x, new[:, 0])
    return np.insert(x, places, new[:, 0]), np.insert(y, places, new[:, 1])


def _interior_maxima(y: Floats) -> NDArray[np.intp]:
    inner = y[1:-1]
    maxima: NDArray[np.intp] = np.flatnonzero((inner > y[:-2]) & (inner >= y[2:])) + 1
    falls = (maxima + 1 < y.size - 1) | (y[maxima] - y[-1] > FLAT)
    return np.compress(falls, maxima)


def _apart(summit: float, i: int, x: Floats) -> bool:
    return bool(abs(summit - x[i]) > 1e-6 * (x[i + 1] - x[i - 1]))


def _summit(x: Floats, y: Floats, i: int, ceiling: float) -> tuple[int, float, float]:
    left, right = (y[i] - y[i - 1]) / (x[i] - x[i - 1]), (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    bend = (right - left) / (x[i + 1] - x[i - 1])
    slope = left + bend * (x[i] - x[i - 1])
    where = x[i] - slope / (2.0 * bend)
    height = y[i] - slope**2 / (4.0 * bend)
    return i, float(where), float(min(height, ceiling, _concave_bound(x, y, i, where)))


def _concave_bound(x: Floats, y: Floats, i: int, where: float) -> float:
    k = i if where >= x[i] else i - 1  # the interval [x[k], x[k + 1]] holds the summit
    bounds = [np.inf]
    if k > 0:
        bounds.append(y[k] + (y[k] - y[k - 1]) / (x[k] - x[k - 1]) * (where - x[k]))
    if k + 2 < x.size:
        fall = (y[k + 2] - y[k + 1]) / (x[k + 2] - x[k + 1])
        bounds.append(y[k + 1] + fall * (where - x[k + 1]))
    return float(min(bounds))


def checked(name: str, x: object, y: object, *, lowest: float) -> tuple[Floats, Floats]:
    """Both as float arrays, and without the points whose `y` is not a finite number.

    Raises
    ------
    ParameterError
        Unless `x` and `y` are one-dimensional, equally long, and `x` is finite, increasing and
        at least `lowest`.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape:
        raise ParameterError(
            f"{name} has shape {xs.shape} and the response {ys.shape}; "
            "give two one-dimensional arrays of one length."
        )
    if not (np.isfinite(xs).all() and (xs >= lowest).all() and (np.diff(xs) > 0.0).all()):
        raise ParameterError(
            f"{name} is {xs.tolist()}; must be finite, at least {lowest:g} and increasing. "
            "Sort the points and merge duplicates."
        )
    keep = np.isfinite(ys)
    return xs[keep], ys[keep]
