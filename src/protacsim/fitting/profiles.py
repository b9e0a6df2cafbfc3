"""How well the data determine each unknown: profile likelihood and a verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protacsim.fitting.bands import covariance
from protacsim.fitting.estimation import Estimate, Objective, fit_from
from protacsim.fitting.model import Model
from protacsim.fitting.parameters import log_bounds

Floats = NDArray[np.float64]
Verdict = Literal["identifiable", "one-sided", "flat"]

SMALLEST_STEP = 0.02
LARGEST_STEP = 2.0
GROWTH = 1.7
MOST_STEPS = 24
REFINEMENTS = 20
NARROW = 0.01
"""Width, in logarithms, of what may hold an end."""
CLOSE = 0.02
TOLERANCE = 1e-5
"""Relative tolerance of the fits along a profile; its ends are sought to two digits."""


@dataclass(frozen=True)
class Interval:
    """Ends of a confidence interval (values, not logarithms); an open end stands at its bound."""

    low: float
    high: float
    closed_below: bool
    closed_above: bool

    @property
    def verdict(self) -> Verdict:
        """Identifiable with both ends closed, one-sided with one, flat with none."""
        closed = self.closed_below + self.closed_above
        return ("flat", "one-sided", "identifiable")[closed]


def profile(model: Model, best: Estimate, j: int, rise: float) -> Interval:
    """Where the cost, minimised over all other unknowns, has risen by `rise` above its minimum.

    The search begins where a parabola with the curvature at the minimum would have risen so, and
    the other unknowns start along its ridge.
    """
    spread = covariance(model, best)
    path = _Path(model, best, j, rise, spread[j] / spread[j, j])
    reach = float(np.sqrt(rise * spread[j, j]))
    step = min(max(reach, SMALLEST_STEP), LARGEST_STEP)
    low, closed_below = path.end(-step)
    high, closed_above = path.end(step)
    unknown = model.unknowns[j]
    low, high = np.clip(np.exp([low, high]), unknown.low, unknown.high)
    return Interval(float(low), float(high), closed_below, closed_above)


def rise_at(level: float) -> float:
    """Rise of the cost (sum of squares) at the ends of an interval with this confidence."""
    from scipy.stats import chi2

    return float(chi2.ppf(level, 1))


@dataclass(frozen=True, eq=False)
class _Path:
    """The way along one profile: `ridge` is the slope of every unknown by the one that is moved."""

    model: Model
    best: Estimate
    j: int
    rise: float
    ridge: Floats

    def end(self, first: float) -> tuple[float, bool]:
        """One end (a logarithm), and whether it was reached before the bound.

        `first` is the first step, with the sign of the side.
        """
        side = 1 if first > 0.0 else -1
        bound = float(log_bounds(self.model.unknowns)[1 if side > 0 else 0][self.j])
        inside, height_inside = float(self.best.log_values[self.j]), 0.0
        warm, step = self.best.log_values, abs(first)
        for _ in range(MOST_STEPS):
            if (bound - inside) * side <= 1e-9:
                return bound, False
            there = inside + side * min(step, abs(bound - inside))
            height, found = self.at(there, warm)
            if height >= np.sqrt(self.rise):
                return self.between((inside, height_inside), (there, height), warm), True
            inside, height_inside, warm = there, height, found
            step = min(step * GROWTH, LARGEST_STEP)
        return bound, False

    def between(
        self, inside: tuple[float, float], outside: tuple[float, float], warm: Floats
    ) -> float:
        """Where the rise is met between two points.

        The root of a rise is nearly linear, but not where a limit begins to be contradicted:
        every other point halves the way.
        """
        level = float(np.sqrt(self.rise))
        for k in range(REFINEMENTS):
            if abs(outside[0] - inside[0]) < NARROW:
                break
            halfway = 0.5 * (inside[0] + outside[0])
            there = halfway if k % 2 else _crossing(inside, outside, level)
            height, warm = self.at(there, warm)
            if abs(height - level) < CLOSE * level:
                return there
            if height < level:
                inside = (there, height)
            else:
                outside = (there, height)
        return _crossing(inside, outside, level)

    def at(self, value: float, warm: Floats) -> tuple[float, Floats]:
        """Root of the rise with the unknown held at a value, and all unknowns there."""
        objective = Objective(self.model, {self.j: value})
        start = warm + self.ridge * (value - warm[self.j])
        found = fit_from(objective, start[objective.free], TOLERANCE)
        return float(np.sqrt(max(found.cost - self.best.cost, 0.0))), found.log_values


def _crossing(inside: tuple[float, float], outside: tuple[float, float], level: float) -> float:
    share = (level - inside[1]) / (outside[1] - inside[1])
    return inside[0] + share * (outside[0] - inside[0])
