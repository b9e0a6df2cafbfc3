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
REFINEMENTS = 4
CLOSE = 0.02


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

    The search begins where a parabola with the curvature at the minimum would have risen so.
    """
    reach = float(np.sqrt(rise * covariance(model, best)[j, j]))
    step = min(max(reach, SMALLEST_STEP), LARGEST_STEP)
    low, closed_below = _end(model, best, j, rise, -step)
    high, closed_above = _end(model, best, j, rise, step)
    return Interval(float(np.exp(low)), float(np.exp(high)), closed_below, closed_above)


def rise_at(level: float) -> float:
    """Rise of the cost (sum of squares) at the ends of an interval with this confidence."""
    from scipy.stats import chi2

    return float(chi2.ppf(level, 1))


def _end(model: Model, best: Estimate, j: int, rise: float, first: float) -> tuple[float, bool]:
    """One end (a logarithm), and whether it was reached before the bound; `first` has its sign."""
    side = 1 if first > 0.0 else -1
    bound = float(log_bounds(model.unknowns)[1 if side > 0 else 0][j])
    inside, height_inside = float(best.log_values[j]), 0.0
    warm, step = best.log_values, abs(first)
    for _ in range(MOST_STEPS):
        if (bound - inside) * side <= 1e-9:
            return bound, False
        there = inside + side * min(step, abs(bound - inside))
        found = _refit(model, warm, j, there)
        height = _height(found, best)
        if height >= np.sqrt(rise):
            outside = (there, height)
            return _refined(model, best, j, rise, (inside, height_inside), outside, warm), True
        inside, height_inside, warm = there, height, found.log_values
        step = min(step * GROWTH, LARGEST_STEP)
    return bound, False


def _refined(
    model: Model, best: Estimate, j: int, rise: float,
    inside: tuple[float, float], outside: tuple[float, float], warm: Floats,
) -> float:  # fmt: skip
    """Where the rise is met between two points: the square root of a rise is nearly linear."""
    level = float(np.sqrt(rise))
    for _ in range(REFINEMENTS):
        share = (level - inside[1]) / (outside[1] - inside[1])
        there = inside[0] + share * (outside[0] - inside[0])
        found = _refit(model, warm, j, there)
        height = _height(found, best)
        if abs(height - level) < CLOSE * level:
            return there
        inside, outside = (
            ((there, height), outside) if height < level else (inside, (there, height))
        )
    share = (level - inside[1]) / (outside[1] - inside[1])
    return inside[0] + share * (outside[0] - inside[0])


def _height(found: Estimate, best: Estimate) -> float:
    return float(np.sqrt(max(found.cost - best.cost, 0.0)))


def _refit(model: Model, warm: Floats, j: int, value: float) -> Estimate:
    objective = Objective(model, {j: value})
    return fit_from(objective, warm[objective.free])
