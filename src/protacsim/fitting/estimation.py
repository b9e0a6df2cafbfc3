"""Weighted least squares on logarithms: residuals, multi-start, the best fit.

Censored measurements count only while the prediction contradicts them. Priors are residuals too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import SimulationError
from protacsim.fitting.data import Measurement
from protacsim.fitting.model import Model
from protacsim.fitting.parameters import Unknown, log_bounds

Floats = NDArray[np.float64]

STEP = 1e-3
"""Relative step of the central differences; curves are smooth to about 1e-6."""

WORST = 50.0
"""Residual of a measurement whose simulation failed, in standard deviations."""

SMALLEST = 1e-12

SURELY = 0.999
"""Share of good fits whose sum of squares lies below what counts as missing the data."""

FIRST_TRUST, MOST_TRUST, SMALLEST_TRUST = 1.0, 4.0, 1e-6
"""Half widths of the box that a step stays in: of logarithms."""

MOST_STEPS = 60
RIDGE = 1e-3
"""Slope, in standard deviations, below which an unknown is not moved by the data."""

SCAN = 17
"""Values at which a divided path is tried before a fit."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where a fit ended: logarithms of the unknowns, sum of squares, predictions."""

    log_values: Floats
    cost: float
    predicted: Floats
    converged: bool


class Objective:
    """Residuals and their slopes in standard deviations; remembers the last point."""

    def __init__(self, model: Model, fixed: dict[int, float] | None = None) -> None:
        self.model = model
        self.fixed = fixed or {}
        self.free = [j for j in range(len(model.unknowns)) if j not in self.fixed]
        self._last: tuple[bytes, Floats, Floats, Floats] | None = None

    def full(self, free: Floats) -> Floats:
        """All logarithms, from the free ones."""
        values = np.empty(len(self.model.unknowns))
        values[self.free] = free
        for j, value in self.fixed.items():
            values[j] = value
        return values

    def residuals(self, free: Floats) -> Floats:
        """Residuals (measurements + priors,)."""
        return self._all(free)[0]

    def slopes(self, free: Floats) -> Floats:
        """Slopes of the residuals by the free unknowns."""
        return self._all(free)[1]

    def predicted(self, free: Floats) -> Floats:
        """Predictions (measurements,) in their own units."""
        return self._all(free)[2]

    def _all(self, free: Floats) -> tuple[Floats, Floats, Floats]:
        key = free.tobytes()
        if self._last is None or self._last[0] != key:
            values = self.full(free)
            predicted, jacobian = self.model.jacobian(values, STEP)
            found = residuals(self.model.data, predicted, jacobian)
            prior = _prior(self.model.unknowns, values)
            self._last = (
                key,
                np.concatenate([found[0], prior[0]]),
                np.concatenate([found[1], prior[1]])[:, self.free],
                predicted,
            )
        return self._last[1:]


def residuals(
    data: Sequence[Measurement], predicted: Floats, slopes: Floats
) -> tuple[Floats, Floats]:
    """(predicted - measured) / sd and its slopes; logarithms for potencies."""
    found, steep = np.empty(len(data)), np.zeros_like(slopes)
    for i, m in enumerate(data):
        value = predicted[i]
        if not np.isfinite(value):
            found[i] = WORST
            continue
        found[i] = deviation(m, value)
        if holds(m, found[i]):
            found[i] = 0.0
            continue
        scale = 1.0 / (max(value, SMALLEST) * m.sd) if m.on_log_scale else 1.0 / m.sd
        steep[i] = slopes[i] * scale
    return found, np.where(np.isfinite(steep), steep, 0.0)


def deviation(measured: Measurement, predicted: float) -> float:
    """(predicted - measured) / sd, of the logarithms for potencies."""
    if measured.on_log_scale:
        return float(np.log(max(predicted, SMALLEST) / measured.value) / measured.sd)
    return (float(predicted) - measured.value) / measured.sd


def holds(measured: Measurement, found: float) -> bool:
    """Whether a prediction that deviates so lies on the side that a limit allows."""
    return (measured.operator == "<" and found < 0.0) or (measured.operator == ">" and found > 0.0)


def degrees_of_freedom(model: Model, best: Estimate) -> int:
    """Rows that count (priors too, limits that hold not) beyond the unknowns; at least 1."""
    found = zip(model.data, best.predicted, strict=True)
    counting = sum(not holds(m, deviation(m, value)) for m, value in found)
    held = sum(u.prior_sd_log is not None for u in model.unknowns)
    return max(1, counting + held - len(model.unknowns))


def misses(cost: float, degrees: int) -> bool:
    """Whether a sum of squares is so large that the errors alone hardly ever give it."""
    from scipy.stats import chi2

    return cost > float(chi2.ppf(SURELY, degrees))


def _prior(unknowns: Sequence[Unknown], log_values: Floats) -> tuple[Floats, Floats]:
    held = [(j, u) for j, u in enumerate(unknowns) if u.prior_sd_log is not None]
    found, slopes = np.zeros(len(held)), np.zeros((len(held), len(unknowns)))
    for row, (j, unknown) in enumerate(held):
        sd = float(unknown.prior_sd_log)  # type: ignore[arg-type]
        found[row] = (log_values[j] - np.log(unknown.start)) / sd
        slopes[row, j] = 1.0 / sd
    return found, slopes


def fit_from(objective: Objective, start: Floats, tolerance: float = 1e-8) -> Estimate:
    """The least-squares fit from one start (free logarithms), inside the bounds.

    Gauss-Newton steps inside a box of trust, each the exact solution of the bounded linear problem:
    unknowns often end at their bounds, near which methods that reflect there take many small steps.
    Done when a step promises less than `tolerance` of the sum of squares.
    """
    low, high = (ends[objective.free] for ends in log_bounds(objective.model.unknowns))
    here, trust = np.clip(start, low, high), FIRST_TRUST
    residual, slopes = objective.residuals(here), objective.slopes(here)
    for _ in range(MOST_STEPS if here.size else 0):
        cost = float(residual @ residual)
        step = _bounded_step(residual, slopes, low - here, high - here, trust)
        left = residual + slopes @ step
        promised = cost - float(left @ left)
        if promised <= tolerance * (1.0 + cost):
            break
        there = np.clip(here + step, low, high)
        found = objective.residuals(there)
        kept = (cost - float(found @ found)) / promised
        if kept < 0.25:
            trust = 0.25 * float(np.abs(step).max())
        elif kept > 0.75:
            trust = min(2.0 * trust, MOST_TRUST)
        if kept > 0.0:
            here, residual, slopes = there, found, objective.slopes(there)
        elif trust < SMALLEST_TRUST:
            break
    else:
        return _estimate(objective, here, converged=not here.size)
    return _estimate(objective, here, converged=True)


def _bounded_step(
    residual: Floats, slopes: Floats, below: Floats, above: Floats, trust: float
) -> Floats:
    """The step of least squares within bounds and trust; what has no slope stays (ridge)."""
    from scipy.optimize import lsq_linear

    count = len(below)
    matrix = np.vstack([slopes, RIDGE * np.eye(count)])
    target = np.concatenate([-residual, np.zeros(count)])
    bounds = (np.maximum(below, -trust), np.minimum(above, trust))
    return np.asarray(lsq_linear(matrix, target, bounds, method="bvls").x)


def _estimate(objective: Objective, free: Floats, *, converged: bool) -> Estimate:
    found, predicted = objective.residuals(free), objective.predicted(free)
    cost = float(found @ found)
    return Estimate(objective.full(free), cost, predicted, converged)


def best_fit(
    model: Model,
    starts: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """The best of several fits: one from the given start, the others from a Sobol design.

    Unknowns with one value per label are first scanned over their range (see `scanned`).
    """
    objective = Objective(model)
    low, high = log_bounds(model.unknowns)
    found: list[Estimate] = []
    points = _starts(model.unknowns, low, high, starts, seed)
    tell = progress or (lambda _done, _total: None)
    tell(0, len(points))
    for done, start in enumerate(points, 1):
        found.append(fit_from(objective, scanned(model, start)))
        tell(done, len(points))
    finite = [estimate for estimate in found if np.isfinite(estimate.predicted).any()]
    if not finite:
        raise SimulationError(
            "no start of the fit predicted any of the measurements: runs failed, the reference is "
            "0, or potencies lie beyond the doses of the study",
            0,
            0.0,
        )
    return min(finite, key=lambda estimate: estimate.cost)


def scanned(model: Model, start: Floats) -> Floats:
    """A start with its most divided path at the best of a few values, for each label by itself.

    Unknowns of one path that differ in their label act on different measurements, so that one
    pass over the range serves them all. Where a compound does nothing slopes vanish, and a fit
    that starts there stays there.
    """
    divided = _most_divided(model.unknowns)
    if len(divided) <= 1:
        return start
    low, high = log_bounds(model.unknowns)
    variants = np.repeat(start[None, :], SCAN, axis=0)
    for j in divided:
        variants[:, j] = np.linspace(low[j], high[j], SCAN)
    predicted = model.predict(variants)
    none = np.zeros((len(model.data), 0))
    squares = np.array([residuals(model.data, row, none)[0] ** 2 for row in predicted])
    best = start.copy()
    for j in divided:
        place = set(model.unknowns[j].where)
        rows = [i for i, m in enumerate(model.data) if place <= set(m.where)]
        best[j] = variants[np.argmin(squares[:, rows].sum(axis=1)), j]
    return best


def _most_divided(unknowns: Sequence[Unknown]) -> list[int]:
    """Places of the unknowns of the path with the most labels."""
    by_path: dict[str, list[int]] = {}
    for j, unknown in enumerate(unknowns):
        by_path.setdefault(unknown.path, []).append(j)
    return max(by_path.values(), key=len)


def _starts(
    unknowns: Sequence[Unknown], low: Floats, high: Floats, count: int, seed: int
) -> list[Floats]:
    from scipy.stats import qmc

    given = np.log([unknown.start for unknown in unknowns])
    if count <= 1:
        return [given]
    engine = qmc.Sobol(len(unknowns), scramble=True, rng=np.random.default_rng(seed))
    spread = engine.random(1 << (count - 2).bit_length())[: count - 1]
    return [given, *(low + spread * (high - low))]
