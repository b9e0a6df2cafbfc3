"""Readings of many curves at once, against SciPy's PCHIP and Brent's method curve by curve.

The definitions are written out here a second time, one curve at a time.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from protacsim import pharmacology as ph
from protacsim.pharmacology.dose_curves import degradation_curves, inhibition_curves
from protacsim.pharmacology.interpolation import curves_through

DOSE_NAMES = ("dc50_absolute_nM", "dc50_relative_nM", "hc50_absolute_nM", "hc50_relative_nM")


def vertex(x, y):
    """Vertex of the parabola through three points, from its two secants."""
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = (right - left) / (x[2] - x[0])
    if bend >= 0.0:  # round-off: the three are level
        return x[1], y[1]
    slope = left + bend * (x[1] - x[0])
    return x[1] - slope / (2.0 * bend), y[1] - slope**2 / (4.0 * bend)


def lower_vertex(x, y, ceiling):
    """The vertex in the response or in its logit, whichever is lower."""
    at, height = vertex(x, y)
    part = np.clip(y / ceiling, 1e-8, 1.0 - 1e-8)
    if not 1e-8 < part[1] < 1.0 - 1e-8:
        return at, height
    there, logit = vertex(x, np.log(part / (1.0 - part)))
    low = ceiling / (1.0 + np.exp(-logit))
    return (there, low) if low < height else (at, height)


def summits(x, y, ceiling):
    """Lower vertices beside the maxima, below the ceiling and the neighbouring lines."""
    found = {}
    for i in range(1, len(x) - 1):
        rises = y[i] > y[i - 1] and y[i] >= y[i + 1]
        flat_end = i + 1 == len(x) - 1 and y[i] - y[-1] <= 1e-6
        if not rises or flat_end:
            continue
        at, height = lower_vertex(x[i - 1 : i + 2], y[i - 1 : i + 2], ceiling)
        k = i if at >= x[i] else i - 1
        for j in (k - 1, k + 1):
            if 0 <= j < len(x) - 1:
                line = y[j] + (y[j + 1] - y[j]) / (x[j + 1] - x[j]) * (at - x[j])
                height = min(height, line)
        height = min(height, ceiling)
        if height > y[i] and abs(at - x[i]) > 1e-6 * (x[i + 1] - x[i - 1]):
            found[at] = height
    return found


def crossing(x, y, curve, level, start, past):
    """First place from knot `start` on where `past(y, level)`, by Brent's method."""
    for k in range(start, len(x)):
        if past(y[k], level):
            if k == start or y[k] == level:
                return x[k]
            ends = curve(x[k - 1]) - level, curve(x[k]) - level
            if ends[0] * ends[1] >= 0.0:
                return x[k]
            return brentq(lambda u: curve(u) - level, x[k - 1], x[k], xtol=1e-15, rtol=1e-15)
    return None


def knots_of(doses, percent):
    """Points of one curve of degradation, summits among them; none where there are too few."""
    keep = np.isfinite(percent) & (doses > 0.0)
    x, y = np.log10(doses[keep]), 100.0 - percent[keep]
    if len(x) < 3:
        return None
    knots = dict(zip(x.tolist(), y.tolist(), strict=True))
    knots |= summits(x, y, max(100.0, y.max()))
    return np.array(sorted(knots.items())).T


def most_maxima(y, valley, effect):
    """Length of the longest chain of maxima between which the curve falls and rises enough."""
    y = np.maximum(y, 0.0)
    chain = [int(top > effect) for top in y]
    for i in range(len(y)):
        for j in range(i):
            low = y[j : i + 1].min()
            if chain[j] and low < y[j] - valley and y[i] > low + valley:
                chain[i] = max(chain[i], chain[j] + 1)
    return max(chain)


def one_by_one(doses, percent):
    """Readings of one curve by the definitions: values, or the name of a reason."""
    knots = knots_of(doses, percent)
    if knots is None:
        return None
    x, y = knots
    curve = PchipInterpolator(x, y)
    top, highest = int(np.argmax(y)), float(y.max())
    dmax = highest if highest > 1e-6 else 0.0
    depth = highest - y[-1] if highest - y[-1] > 1e-6 else 0.0

    def rising(level):
        if y[0] > level:
            return "below_lowest_dose"
        at = crossing(x, y, curve, level, 0, lambda a, b: a >= b)
        return "not_reached" if at is None else 10.0**at

    def falling(level):
        if dmax < level:
            return "not_reached"
        at = crossing(x, y, curve, level, top, lambda a, b: a <= b)
        if at is not None:
            return 10.0**at
        return "no_hook" if depth == 0.0 and top < len(x) - 1 else "above_highest_dose"

    seen = dmax > 0.01
    found = {
        "dmax_dose_nM": 10.0 ** x[top],
        "dc50_absolute_nM": rising(50.0),
        "dc50_relative_nM": rising(0.5 * dmax),
        "hc50_absolute_nM": falling(50.0),
        "hc50_relative_nM": falling(0.5 * dmax),
        "hook_depth_percent": depth,
    }
    found = {name: value if seen else "no_effect" for name, value in found.items()}
    return found | {"dmax_percent": dmax}


LEVELS = st.one_of(
    # SciPy divides by the secants: those of the smallest floats overflow.
    st.floats(-5.0, 115.0).filter(lambda level: level == 0.0 or abs(level) > 1e-200),
    st.sampled_from([0.0, 20.0, 50.0, 75.0, 99.995, 100.0, math.nan, math.inf]),
)


@st.composite
def matrices(draw):
    """Doses and curves of any shape, with gaps of their own."""
    count = draw(st.integers(3, 9))
    steps = draw(st.lists(st.floats(0.05, 2.0), min_size=count, max_size=count))
    doses = 10.0 ** (np.cumsum(steps) - 3.0)
    if draw(st.booleans()):
        doses[0] = 0.0
    rows = st.lists(LEVELS, min_size=count, max_size=count)
    return doses, np.array(draw(st.lists(rows, min_size=1, max_size=8)))


def assert_same(found, expected, name):
    if isinstance(expected, str):
        assert found.reason == expected, name
    else:
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-11), name


@given(matrices())
def test_every_row_is_read_as_scipy_reads_it_alone(matrix):
    doses, percent = matrix
    found, _ = degradation_curves(doses, percent)
    for i, row in enumerate(percent):
        expected = one_by_one(doses, row)
        for name, readings in found.items():
            value, reason = readings.values[i], readings.reasons[i]
            reading = ph.Reading.null(ph.Reason(reason)) if reason else ph.Reading(value)
            assert math.isnan(value) == bool(reason)
            assert_same(reading, "too_few_points" if expected is None else expected[name], name)


@given(matrices(), st.sampled_from([0.02, 5.0, 30.0]))
def test_maxima_count_when_valleys_between_them_are_deep_enough(matrix, valley):
    doses, percent = matrix
    _, multimodal = degradation_curves(doses, percent, valley_points=valley)
    for row, found in zip(percent, multimodal, strict=True):
        knots = knots_of(doses, row)
        assert found == (knots is not None and most_maxima(knots[1], valley, 0.01) > 1)


@given(matrices(), st.randoms(use_true_random=False))
def test_no_row_reads_another(matrix, random):
    """Bit for bit: alone, in any order, among others."""
    doses, percent = matrix
    order = random.sample(range(len(percent)), len(percent))
    together, peaks = degradation_curves(doses, percent[order])
    activity = inhibition_curves(doses, percent[order])
    for place, i in enumerate(order):
        alone = ph.degradation_curve(doses, percent[i])
        assert alone.multimodal == peaks[place]
        for name, readings in together.items():
            assert_bits(getattr(alone, name), readings, place)
        inhibited = ph.inhibition_curve(doses, percent[i])
        for name, readings in activity.items():
            assert_bits(getattr(inhibited, name), readings, place)


def assert_bits(reading, readings, place):
    assert reading.reason == readings.reasons[place]
    assert np.float64(reading).tobytes() == readings.values[place].tobytes() or reading.reason


@given(matrices(), st.floats(0.0, 100.0))
def test_a_crossing_lies_on_the_cubic_to_the_last_digits(matrix, level):
    """Brent's method on SciPy's interpolant, in units of the interval."""
    doses, percent = matrix
    x = np.arange(float(doses.size))
    for row in percent[np.isfinite(percent).sum(axis=1) >= 3]:
        keep = np.isfinite(row)
        curve = PchipInterpolator(x[keep], row[keep])
        (found,) = curves_through(x, row[None]).first_crossings(np.array([level]))
        expected = crossing(x[keep], row[keep], curve, level, 0, lambda a, b: a >= b)
        if expected is None:
            assert math.isnan(found)
            continue
        # where the curve is flat, its round-off and not its root decides the place
        steep = max(abs(float(curve(found, 1))), 1e-3)
        there = found == pytest.approx(expected, abs=1e-13 + 1e-13 / steep)
        assert there or curve(found) == pytest.approx(level, abs=2e-13)


def test_no_curve_at_all():
    readings, peaks = degradation_curves(np.array([1.0, 2.0, 3.0]), np.empty((0, 3)))
    assert peaks.shape == readings["dmax_percent"].values.shape == (0,)
    assert (
        inhibition_curves(np.array([1.0, 2.0]), np.zeros((2, 2)))["ic50_nM"].reasons.tolist()
        == ["too_few_points"] * 2
    )
