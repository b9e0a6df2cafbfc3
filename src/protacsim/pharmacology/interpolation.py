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
LINE_POINTS: Final = 200
"""Points of a line that is drawn, about."""
LEAST_PART: Final = 1e-8
"""Fractions of a ceiling closer than this to 0 or to 1 are read as so far from it."""
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

    def at(self, knots: Ints, rows: Ints | None = None) -> tuple[Floats, Floats]:
        """Both coordinates of knots in rows; without rows, of one knot of each curve."""
        rows = np.arange(len(self.x)) if rows is None else rows
        return self.x[rows, knots], self.y[rows, knots]

    def around(self, knots: Ints, rows: Ints) -> tuple[Floats, Floats]:
        """Coordinates of the knot before, the knot itself and the one after, `(3, m)` each."""
        return self.at(knots + np.array([[-1], [0], [1]]), rows)

    def first_crossings(
        self, levels: Floats, *, start: Ints | int = 0, falling: bool = False
    ) -> Floats:
        """First `x` of each curve from knot `start` on where `y` is at or past its level, else NaN.

        Past means above, or below when `falling`. A level touched on a knot or along a flat
        stretch is reached at its first point.
        """
        start = np.broadcast_to(start, self.last.shape)
        level = levels[:, None]
        past = (self.y <= level) if falling else (self.y >= level)
        if start.any():
            past &= np.arange(self.x.shape[1]) >= start[:, None]
        knots = past.argmax(axis=1)
        x, y = self.at(knots)
        found = np.where(past[np.arange(len(past)), knots], x, np.nan)
        (inside,) = np.nonzero(np.isfinite(found) & (knots > start) & (y != levels))
        found[inside] = self._roots_before(knots[inside], inside, levels[inside])
        return found

    def _roots_before(self, knots: Ints, rows: Ints, levels: Floats) -> Floats:
        """Where the cubics that end at these knots meet their levels."""
        (x0, y0), (x1, y1) = self.at(knots - 1, rows), self.at(knots, rows)
        width, rise = x1 - x0, y1 - y0
        first, second = width * self.slopes(knots - 1, rows), width * self.slopes(knots, rows)
        cubic = np.stack(
            [first + second - 2.0 * rise, 3.0 * rise - 2.0 * first - second, first, y0 - levels]
        )
        return x0 + width * _unit_roots(np.where(rise > 0.0, cubic, -cubic))

    def slopes(self, knots: Ints, rows: Ints) -> Floats:
        """Slopes of the interpolants at knots, from the three points around each."""
        middle = np.clip(knots, 1, self.last[rows] - 1)
        x, y = self.around(middle, rows)
        left, right = np.diff(x, axis=0)
        m_left, m_right = np.diff(y, axis=0) / np.diff(x, axis=0)
        ends = np.where(
            knots == 0,
            _end_slope(left, right, m_left, m_right),
            _end_slope(right, left, m_right, m_left),
        )
        return np.where(knots == middle, _harmonic(left, right, m_left, m_right), ends)

    def line(self, row: int, parts: int) -> tuple[Floats, Floats]:
        """One curve as a line: each interval in so many parts, knots included."""
        last = self.last[row]
        knots = np.arange(last + 1)
        x, y = self.x[row, : last + 1], self.y[row, : last + 1]
        rows = np.full(knots.shape, row)
        slopes = self.slopes(knots, rows)
        width, u = np.diff(x)[:, None], np.arange(parts) / parts
        first, second = width * slopes[:-1, None], width * slopes[1:, None]
        inner = (
            y[:-1, None] * (1.0 + 2.0 * u) * (1.0 - u) ** 2
            + first * u * (1.0 - u) ** 2
            + y[1:, None] * u**2 * (3.0 - 2.0 * u)
            + second * u**2 * (u - 1.0)
        )
        return np.append(x[:-1, None] + width * u, x[-1]), np.append(inner, y[-1])


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
    count = np.count_nonzero(keep, axis=1)
    rows, columns = np.nonzero(keep)
    places = np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count)
    shape = (len(keep), int(count.max(initial=MIN_POINTS)))
    xs, ys = np.full(shape, np.nan), np.full(shape, np.nan)
    xs[rows, places] = np.broadcast_to(x, keep.shape)[rows, columns]
    ys[rows, places] = y[rows, columns]
    return Curves(xs, ys, count - 1)


def curves_through(x: Floats, rows: Floats) -> Curves:
    """Curves (n, points) over common `x` (points,), without the points that are not finite."""
    finite = np.isfinite(rows)
    if finite.all() and x.size >= MIN_POINTS:
        return Curves(np.broadcast_to(x, rows.shape), rows, np.full(len(rows), x.size - 1))
    return packed(x, rows, finite)


def turning_points(curves: Curves) -> Curves:
    """The curves without the knots at which they go on rising, falling or lying flat."""
    keep = np.isfinite(curves.y)
    directions = np.sign(np.diff(curves.y, axis=1))
    keep[:, 1:-1] &= directions[:, :-1] != directions[:, 1:]
    return packed(curves.x, curves.y, keep)


def with_summits(curves: Curves, ceilings: Floats) -> Curves:
    """The knots plus a refined summit beside every interior maximum.

    A summit is the vertex of the parabola through a maximum and its two neighbours, either in
    `y` or in the logit of `y` as a fraction of its curve's ceiling, whichever is lower. A bell
    curve of log x has straight limbs in the logit: wide steps do not lift its summit there. It
    is limited by the ceiling and by the extended lines of the adjoining intervals, above which
    no concave curve can rise: a cliff beside a plateau is not turned into a peak.
    """
    rows, knots = _interior_maxima(curves)
    x, y = curves.around(knots, rows)
    where, height = _lower_vertices(x, y, ceilings[rows])
    intervals = np.where(where >= x[1], knots, knots - 1)
    height = np.minimum(height, _concave_bounds(curves, rows, intervals, where))
    height = np.minimum(height, ceilings[rows])
    apart = np.abs(where - x[1]) > 1e-6 * (x[2] - x[0])
    new = (height > y[1]) & apart
    return _with_knots(curves, rows[new], intervals[new] + 1, where[new], height[new])


def _interior_maxima(curves: Curves) -> tuple[Ints, Ints]:
    """Rows and knots of the inner maxima; the beginning of a flat end is none."""
    y = curves.y
    inner = y[:, 1:-1]
    rows, knots = np.nonzero((inner > y[:, :-2]) & (inner >= y[:, 2:]))
    knots += 1
    _, ends = curves.at(curves.last)
    maxima = (knots + 1 < curves.last[rows]) | (y[rows, knots] - ends[rows] > FLAT)
    return rows[maxima], knots[maxima]


def _lower_vertices(x: Floats, y: Floats, ceilings: Floats) -> tuple[Floats, Floats]:
    """Vertices in `y` or in its logit, the lower ones; the latter where a maximum has a logit."""
    where, height = _vertices(x, y)
    part = np.clip(y / ceilings, LEAST_PART, 1.0 - LEAST_PART)
    between = (part[1] > LEAST_PART) & (part[1] < 1.0 - LEAST_PART)
    at, logit = _vertices(x, np.log(part / (1.0 - part)))
    low = ceilings / (1.0 + np.exp(-logit))
    lower = between & (low < height)
    return np.where(lower, at, where), np.where(lower, low, height)


def _vertices(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Vertices of the parabolas through three points `(3, m)`, the middle one the highest.

    Of three points that round-off puts on a level it is the middle one.
    """
    left, right = np.diff(y, axis=0) / np.diff(x, axis=0)
    bend = (right - left) / (x[2] - x[0])
    slope = np.where(bend < 0.0, left + bend * (x[1] - x[0]), 0.0)
    twice = 2.0 * np.where(bend < 0.0, bend, -1.0)
    return x[1] - slope / twice, y[1] - slope**2 / (2.0 * twice)


def _concave_bounds(curves: Curves, rows: Ints, intervals: Ints, where: Floats) -> Floats:
    """Height at each `where` of the adjoining intervals' extended lines, the lower one."""

    def line(through: Ints, first: Ints, exists: Mask) -> Floats:
        through, first = np.where(exists, through, 0), np.where(exists, first, 0)
        x, y = curves.at(through, rows)
        (x0, y0), (x1, y1) = curves.at(first, rows), curves.at(first + 1, rows)
        return np.where(exists, y + (y1 - y0) / (x1 - x0) * (where - x), np.inf)

    before = line(intervals, intervals - 1, intervals > 0)
    after = line(intervals + 1, intervals + 1, intervals + 2 <= curves.last[rows])
    return np.minimum(before, after)


def _with_knots(curves: Curves, rows: Ints, places: Ints, x: Floats, y: Floats) -> Curves:
    """The curves with further knots, each in its row before the knot that is there."""
    count, width = curves.x.shape
    added = np.bincount(rows, minlength=count)
    spare = np.repeat(np.arange(count), added.max(initial=0) - added)  # rows stay equally long
    before = np.concatenate([rows * width + places, (spare + 1) * width])

    def joined(knots: Floats, new: Floats) -> Floats:
        values = np.concatenate([new, np.full(spare.size, np.nan)])
        return np.insert(knots, before, values).reshape(count, -1)

    if not rows.size:
        return curves
    return Curves(joined(curves.x, x), joined(curves.y, y), curves.last + added)


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
