"""Hill and bell-shaped forms fitted to one dose-response curve by least squares.

Both are descriptions of a curve's shape, not mechanisms: their parameters are no constants of the
model. Fits of the model itself to data have no place here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError
from protacsim.pharmacology.readings import Reason

Floats = NDArray[np.float64]

SLOPES = (0.2, 6.0)
DECADES_BEYOND = 3.0
"""How far past the doses, in decades, a midpoint may lie."""
AT_A_BOUND = 1e-4
"""Share of a parameter's range that is as good as its end: such a fit is not determined."""
SMALLEST_SPAN = 2.0
"""Ranges in percentage points up to which a curve has no shape to describe."""
MOST_STEPS = 200
MOST_UNEXPLAINED = 0.25
"""Share of the variance (per degree of freedom) that a form may leave unexplained."""


@dataclass(frozen=True)
class Fit:
    """A fitted form: `parameters` by name, or none and the `reason`.

    `Reason.NOT_DETERMINED` stands where the form explains too little of the points. `rmse` is the
    root mean square residual in the unit of the values.
    """

    form: str
    parameters: dict[str, float]
    rmse: float
    doses_nM: tuple[float, float]
    reason: Reason = Reason.NONE

    def at(self, doses_nM: ArrayLike) -> Floats:
        """Value of the form at doses in nM; NaN where there is no fit."""
        doses = np.asarray(doses_nM, np.float64)
        if self.reason:
            return np.full(doses.shape, np.nan)
        form = hill if self.form == "hill" else bell
        return form(doses, **self.parameters)

    @property
    def best(self) -> tuple[float, float]:
        """Dose (nM) and value of the lowest point between the first and the last dose."""
        doses = np.geomspace(*self.doses_nM, 2001)
        values = self.at(doses)
        i = int(np.argmin(np.nan_to_num(values, nan=np.inf)))
        return float(doses[i]), float(values[i])

    @property
    def dmax_percent(self) -> float:
        """Greatest loss within the doses, in the unit of the values."""
        return float(self.parameters.get("top", np.nan)) - self.best[1]

    @property
    def dc50_nM(self) -> float:
        """Dose at which half of the loss within the doses is reached, on the falling limb.

        NaN where the lowest dose is already past it.
        """
        low, _ = self.doses_nM
        best, value = self.best
        if self.reason or best <= low:
            return np.nan
        doses = np.geomspace(low, best, 2001)
        falling = self.at(doses)
        level = 0.5 * (self.parameters["top"] + value)
        below = np.flatnonzero(falling <= level)
        if not below.size or below[0] == 0:
            return np.nan
        i = int(below[0])
        share = (falling[i - 1] - level) / (falling[i - 1] - falling[i])
        return float(doses[i - 1] * (doses[i] / doses[i - 1]) ** share)


def hill(doses_nM: ArrayLike, *, top: float, span: float, mid_nM: float, slope: float) -> Floats:
    """Value of `top - span / (1 + (mid / dose)^slope)`: falls once, never rises."""
    return np.asarray(top - span * _rise(np.asarray(doses_nM, np.float64), mid_nM, slope))


def bell(
    doses_nM: ArrayLike,
    *,
    top: float,
    span: float,
    mid_nM: float,
    slope: float,
    back_nM: float,
    back_slope: float,
) -> Floats:
    """Value of `top - span H(dose / mid) (1 - H(dose / back))`, H of Hill form: falls and rises.

    `mid_nM` and `back_nM` are the midpoints of the two factors. Where they lie within a decade of
    one another the curve never reaches `top - span`, and its own DC50 and Dmax differ from them.
    """
    doses = np.asarray(doses_nM, np.float64)
    rise, back = _rise(doses, mid_nM, slope), _rise(doses, back_nM, back_slope)
    return np.asarray(top - span * rise * (1.0 - back))


def fit_hill(doses_nM: ArrayLike, values: ArrayLike, top: float | None = 100.0) -> Fit:
    """Fit `hill` to the finite points at doses above 0; `top` is fixed unless it is None.

    Raises
    ------
    ParameterError
        When doses and values differ in shape, or a dose is negative.
    """
    return _fitted("hill", hill, doses_nM, values, top)


def fit_bell(doses_nM: ArrayLike, values: ArrayLike, top: float | None = 100.0) -> Fit:
    """Fit `bell` likewise; the rising limb lies above the falling one."""
    return _fitted("bell", _bell_of_steps, doses_nM, values, top)


def _rise(doses: Floats, mid: float, slope: float) -> Floats:
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1.0 / (1.0 + (mid / doses) ** slope))


def _bell_of_steps(
    doses: Floats,
    *,
    top: float,
    span: float,
    mid_nM: float,
    slope: float,
    back_fold: float,
    back_slope: float,
) -> Floats:
    """`bell` in coordinates whose bounds keep the rising limb above the falling one."""
    back = mid_nM * back_fold
    return bell(
        doses, top=top, span=span, mid_nM=mid_nM, slope=slope, back_nM=back, back_slope=back_slope
    )


def _fitted(
    form: str,
    value: Callable[..., Floats],
    doses_nM: ArrayLike,
    values: ArrayLike,
    top: float | None,
) -> Fit:
    doses, given = _checked(doses_nM, values)
    ends = (float(doses.min()), float(doses.max())) if doses.size else (np.nan, np.nan)
    names = ["span", "mid_nM", "slope", *(["back_fold", "back_slope"] if form == "bell" else [])]
    names += ["top"] if top is None else []
    if len(np.unique(doses)) < len(names) + 1:
        return Fit(form, {}, np.nan, ends, Reason.TOO_FEW_POINTS)
    if float(np.ptp(given)) < SMALLEST_SPAN:
        return Fit(form, {}, np.nan, ends, Reason.NO_EFFECT)
    found, rmse, at_bounds = _least_squares(value, names, doses, given, top)
    if form == "bell":
        found["back_nM"] = found["mid_nM"] * found.pop("back_fold")
        if found["back_nM"] > ends[1]:  # nothing in the doses tells of it
            at_bounds -= {"back_fold", "back_slope"}
    freedom = (given.size - 1.0) / (given.size - len(names))
    if at_bounds or freedom * rmse**2 > MOST_UNEXPLAINED * float(np.var(given)):
        return Fit(form, {}, rmse, ends, Reason.NOT_DETERMINED)
    return Fit(form, found, rmse, ends)


def _checked(doses_nM: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    doses, given = np.asarray(doses_nM, np.float64), np.asarray(values, np.float64)
    if doses.shape != given.shape or doses.ndim != 1:
        raise ParameterError(
            f"a fit needs one value per dose; found {doses.shape} doses and {given.shape} values"
        )
    if (doses < 0.0).any():
        raise ParameterError(f"a dose is {doses.min():g} nM; doses must be at least 0 nM")
    used = (doses > 0.0) & np.isfinite(given)
    return doses[used], given[used]


def _least_squares(
    value: Callable[..., Floats], names: list[str], doses: Floats, given: Floats, top: float | None
) -> tuple[dict[str, float], float, set[str]]:
    """Best of several starts, midpoints and factors in logarithms; which ended at a bound."""
    from scipy.optimize import least_squares

    ceiling = float(given.max()) if top is None else top
    span = max(ceiling - float(given.min()), SMALLEST_SPAN)
    low, high = np.log10(doses.min()), np.log10(doses.max())
    bounds = {
        "span": (0.0, 4.0 * span),
        "mid_nM": (low - DECADES_BEYOND, high + DECADES_BEYOND),
        "slope": SLOPES,
        "back_fold": (0.0, high - low + 2.0 * DECADES_BEYOND),
        "back_slope": SLOPES,
        "top": (ceiling - span, ceiling + span),
    }

    def named(x: Floats) -> dict[str, float]:
        found = {n: float(10.0**v if n in _IN_LOG else v) for n, v in zip(names, x, strict=True)}
        return found if top is None else {**found, "top": top}

    def residuals(x: Floats) -> Floats:
        return value(doses, **named(x)) - given

    below, above = np.transpose([bounds[name] for name in names])
    start = {"span": span, "slope": 1.0, "back_slope": 1.0, "top": ceiling}
    best = None
    for mid in np.linspace(low, high, 5):
        for fold in (1.0, 3.0, 5.0) if "back_fold" in names else (0.0,):
            at = start | {"mid_nM": mid, "back_fold": fold}
            first = np.clip([at[name] for name in names], below + 1e-9, above - 1e-9)
            tried = least_squares(
                residuals, first, bounds=(below, above), xtol=1e-12, ftol=1e-10, max_nfev=MOST_STEPS
            )
            best = tried if best is None or tried.cost < best.cost else best
    if best is None:
        return {}, np.nan, set()
    share = (best.x - below) / (above - below)
    at_bounds = (share < AT_A_BOUND) | (share > 1.0 - AT_A_BOUND)
    held = {name for name, bounded in zip(names, at_bounds, strict=True) if bounded}
    return named(best.x), float(np.sqrt(2.0 * best.cost / doses.size)), held


_IN_LOG = ("mid_nM", "back_fold")
