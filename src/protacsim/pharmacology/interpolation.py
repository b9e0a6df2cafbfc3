"""Many curves through their data points: shape-preserving cubics, refined maxima, crossings.

Between two points the interpolant is monotone (PCHIP: Fritsch and Butland, SIAM J. Sci. Stat.
Comput. 5, 300, 1984), so it has no extremum and no crossing that the points do not show.
Pharmacological definitions live in the modules that use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import ParameterError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

MIN_POINTS: Final = 3
FLAT: Final = 1e-6
"""Differences that count as none, in percentage points: the accuracy of a simulated curve."""
MOST_STEPS: Final = 128
"""Newton steps, or bisections, after which a bracket in [0, 1] has long closed."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Knots of n curves, each at least three, packed to the left; NaN after a curve's last knot.

    Attributes
    ----------
    x, y
        Knots, `x` increasing along each row, each `(n, w)`.
    last
        Index of each curve's last knot, `(n,)`.
    """

    x: Floats
    y: Floats
    last: Ints

    def at(self, knots: Ints) -> tuple[Floats, Floats]:
        """Both coordinates of one knot of each curve."""
        rows = np.arange(len(self.x))
        return self.x[rows, knots], self.y[rows, knots]

    def chosen(self, rows: Mask) -> Curves:
        """Some of the curves."""
        return Curves(self.x[rows], self.y[rows], self.last[rows])

    def first_crossings(
        self, levels: Floats, *, start: Ints | int = 0, falling: bool = False
    ) -> Floats:
        """First `x` of each curve from knot `start` on where `y` is at or past its level, else NaN.

        Past means above, or below when `falling`. A level touched on a knot or along a flat
        stretch is reached at its first point.
        """
        start = np.broadcast_to(start, self.last.shape)
        ahead = np.arange(self.x.shape[1]) >= start[:, None]
        level = levels[:, None]
        past = ahead & ((self.y <= level) if falling else (self.y >= level))
        knots = past.argmax(axis=1)
        x, y = self.at(knots)
        found = np.where(past.any(axis=1), x, np.nan)
        inside = np.isfinite(found) & (knots > start) & (y != levels)
        if inside.any():
            found[inside] = self.chosen(inside)._roots_before(knots[inside], levels[inside])
        return found

    def _roots_before(self, knots: Ints, levels: Floats) -> Floats:
        """Where the cubic that ends at a knot meets a level between its two ends."""
        (x0, y0), (x1, y1) = self.at(knots - 1), self.at(knots)
        width, rise = x1 - x0, y1 - y0
        first, second = width * self.slopes(knots - 1), width * self.slopes(knots)
        cubic = np.stack(
            [first + second - 2.0 * rise, 3.0 * rise - 2.0 * first - second, first, y0 - levels]
        )
        return x0 + width * _unit_roots(np.where(rise > 0.0, cubic, -cubic))

    def slopes(self, knots: Ints) -> Floats:
        """Slope of each interpolant at one of its knots, from the three points around it."""
        middle = np.clip(knots, 1, self.last - 1)
        (x0, y0), (x1, y1), (x2, y2) = (self.at(middle + shift) for shift in (-1, 0, 1))
        left, right = x1 - x0, x2 - x1
        m_left, m_right = (y1 - y0) / left, (y2 - y1) / right
        ends = np.where(
            knots == 0,
            _end_slope(left, right, m_left, m_right),
            _end_slope(right, left, m_right, m_left),
        )
        return np.where(knots == middle, _harmonic(left, right, m_left, m_right), ends)


def _harmonic(left: Floats, right: Floats, m_left: Floats, m_right: Floats) -> Floats:
    """Weighted harmonic mean of the slopes on both sides; 0 where they differ in sign."""
    w_left, w_right = 2.0 * right + left, right + 2.0 * left
    same = m_left * np.sign(m_right) > 0.0
    below = w_left / np.where(same, m_left, 1.0) + w_right / np.where(same, m_right, 1.0)
    return np.where(same, (w_left + w_right) / np.where(same, below, 1.0), 0.0)


def _end_slope(near: Floats, far: Floats, m_near: Floats, m_far: Floats) -> Floats:
    """Three-point slope at an end, kept from overshooting."""
    slope = ((2.0 * near + far) * m_near - near * m_far) / (near + far)
    steep = (np.sign(m_near) != np.sign(m_far)) & (np.abs(slope) > 3.0 * np.abs(m_near))
    return np.where(np.sign(slope) != np.sign(m_near), 0.0, np.where(steep, 3.0 * m_near, slope))


def _unit_roots(cubic: Floats) -> Floats:
    """Roots in [0, 1] of rising cubics (4, n), highest power first: Newton inside a bracket."""
    low, high = np.zeros(cubic.shape[1]), np.ones(cubic.shape[1])
    root = 0.5 * (low + high)
    open_ = np.arange(root.size)
    for _ in range(MOST_STEPS):
        a, b, c, d = cubic[:, open_]
        u = root[open_]
        value = ((a * u + b) * u + c) * u + d
        low[open_] = np.where(value < 0.0, u, low[open_])
        high[open_] = np.where(value < 0.0, high[open_], u)
        slope = (3.0 * a * u + 2.0 * b) * u + c
        step = u - value / np.where(slope > 0.0, slope, np.inf)
        inside = (step >= low[open_]) & (step <= high[open_]) & (slope > 0.0)
        after = np.where(inside, step, 0.5 * (low[open_] + high[open_]))
        root[open_] = after
        open_ = open_[np.abs(after - u) > 4e-16]
        if not open_.size:
            break
    return root


def packed(x: Floats, y: Floats, keep: Mask) -> Curves:
    """The knots of each row that are kept, moved to the left."""
    count = keep.sum(axis=1)
    rows, columns = np.nonzero(keep)
    places = (np.cumsum(keep, axis=1) - 1)[rows, columns]
    shape = (len(keep), int(count.max(initial=MIN_POINTS)))
    xs, ys = np.full(shape, np.nan), np.full(shape, np.nan)
    xs[rows, places] = np.broadcast_to(x, keep.shape)[rows, columns]
    ys[rows, places] = y[rows, columns]
    return Curves(xs, ys, count - 1)


def curves_through(x: Floats, rows: Floats) -> Curves:
    """Curves (n, points) over common `x` (points,), without the points that are not finite."""
    return packed(x, rows, np.isfinite(rows))


def with_summits(curves: Curves, ceilings: Floats) -> Curves:
    """The knots plus a refined summit beside every interior maximum.

    A summit is the vertex of the parabola through a maximum and its two neighbours. It is
    limited by its curve's ceiling and by the extended lines of the adjoining intervals, above
    which no concave curve can rise: a cliff beside a plateau is not turned into a peak.
    """
    x, y = curves.x, curves.y
    maxima = _interior_maxima(curves)
    if not maxima.any():
        return curves
    where, height = _vertices(x, y, maxima)
    intervals = np.arange(x.shape[1] - 2) + (where >= x[:, 1:-1])
    height = np.minimum(height, _concave_bounds(curves, where, intervals))
    height = np.minimum(height, ceilings[:, None])
    apart = np.abs(where - x[:, 1:-1]) > 1e-6 * (x[:, 2:] - x[:, :-2])
    rows, columns = np.nonzero(maxima & (height > y[:, 1:-1]) & apart)
    merged_x, merged_y = np.repeat(x, 2, axis=1), np.repeat(y, 2, axis=1)
    keep = np.repeat(np.isfinite(y), 2, axis=1)
    keep[:, 1::2] = False  # the places between two knots, for a summit each
    places = 2 * intervals[rows, columns] + 1
    merged_x[rows, places], merged_y[rows, places] = where[rows, columns], height[rows, columns]
    keep[rows, places] = True
    return packed(merged_x, merged_y, keep)


def _interior_maxima(curves: Curves) -> Mask:
    """Which inner knots (n, w - 2) are maxima; the beginning of a flat end is none."""
    y = curves.y
    inner = y[:, 1:-1]
    maxima = (inner > y[:, :-2]) & (inner >= y[:, 2:])
    _, ends = curves.at(curves.last)
    before_last = np.arange(2, y.shape[1]) < curves.last[:, None]
    return np.asarray(maxima & (before_last | (inner - ends[:, None] > FLAT)))


def _vertices(x: Floats, y: Floats, maxima: Mask) -> tuple[Floats, Floats]:
    """Vertex of the parabola through each inner maximum and its neighbours; NaN elsewhere."""
    steps = np.diff(y, axis=1) / np.diff(x, axis=1)
    left, right = steps[:, :-1], steps[:, 1:]
    bend = np.where(maxima, (right - left) / (x[:, 2:] - x[:, :-2]), np.nan)
    slope = left + bend * (x[:, 1:-1] - x[:, :-2])
    return x[:, 1:-1] - slope / (2.0 * bend), y[:, 1:-1] - slope**2 / (4.0 * bend)


def _concave_bounds(curves: Curves, where: Floats, intervals: Ints) -> Floats:
    """Height of the adjoining intervals' extended lines, the lower one, at each `where`."""
    x, y = curves.x, curves.y
    rows = np.arange(len(x))[:, None]
    steps = np.diff(y, axis=1) / np.diff(x, axis=1)

    def line(through: Ints, step: Ints, exists: Mask) -> Floats:
        through, step = np.where(exists, through, 0), np.where(exists, step, 0)
        height = y[rows, through] + steps[rows, step] * (where - x[rows, through])
        return np.where(exists, height, np.inf)

    before = line(intervals, intervals - 1, intervals > 0)
    after = line(intervals + 1, intervals + 1, intervals + 2 <= curves.last[:, None])
    return np.minimum(before, after)


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
    check_increasing(name, xs, lowest=lowest)
    keep = np.isfinite(ys)
    return xs[keep], ys[keep]


def check_increasing(name: str, x: Floats, *, lowest: float) -> None:
    """Raise `ParameterError` unless `x` is finite, increasing and at least `lowest`."""
    if not (np.isfinite(x).all() and (x >= lowest).all() and (np.diff(x) > 0.0).all()):
        raise ParameterError(
            f"{name} is {x.tolist()}; must be finite, at least {lowest:g} and increasing. "
            "Sort the points and merge duplicates."
        )
