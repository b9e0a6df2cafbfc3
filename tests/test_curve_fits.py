"""Descriptive fits: known parameters come back, and curves without a shape are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protacsim import pharmacology
from protacsim.errors import ParameterError
from protacsim.pharmacology import Reason, fit_bell, fit_hill

DOSES_NM = np.geomspace(1e-2, 1e5, 29)
spans, slopes = st.floats(5.0, 100.0), st.floats(0.5, 3.0)


@given(span=spans, log_mid=st.floats(-1.0, 3.0), slope=slopes)
def test_hill_parameters_come_back(span: float, log_mid: float, slope: float) -> None:
    mid = 10.0**log_mid
    fit = fit_hill(DOSES_NM, 100.0 - span * DOSES_NM**slope / (DOSES_NM**slope + mid**slope))
    found = fit.parameters
    np.testing.assert_allclose(
        [found["span"], found["mid_nM"], found["slope"]], [span, mid, slope], rtol=1e-4
    )
    assert fit.rmse < 1e-5 * span


@settings(max_examples=12)
@given(
    span=spans, log_mid=st.floats(-1.0, 1.0), fold=st.floats(2.0, 3.5), slope=st.floats(0.7, 2.0)
)
def test_bell_parameters_come_back(span: float, log_mid: float, fold: float, slope: float) -> None:
    mid, back = 10.0**log_mid, 10.0 ** (log_mid + fold)
    falls = DOSES_NM**slope / (DOSES_NM**slope + mid**slope)
    rises = back**1.2 / (DOSES_NM**1.2 + back**1.2)
    fit = fit_bell(DOSES_NM, 100.0 - span * falls * rises)
    found = fit.parameters
    names = ("span", "mid_nM", "slope", "back_nM", "back_slope")
    wanted = [span, mid, slope, back, 1.2]
    np.testing.assert_allclose([found[n] for n in names], wanted, rtol=2e-3)


def test_noise_moves_the_midpoint_by_its_standard_error() -> None:
    noise = np.random.default_rng(5).normal(0.0, 2.0, DOSES_NM.size)
    fit = fit_hill(DOSES_NM, 100.0 - 90.0 / (1.0 + 10.0 / DOSES_NM) + noise)
    assert fit.parameters["mid_nM"] == pytest.approx(10.0, rel=0.15)
    assert 1.0 < fit.rmse < 3.0


def test_an_open_top_is_found() -> None:
    fit = fit_hill(DOSES_NM, 80.0 - 60.0 / (1.0 + 5.0 / DOSES_NM), top=None)
    assert fit.parameters["top"] == pytest.approx(80.0, rel=1e-4)


def test_half_and_depth_of_a_fit_are_those_of_its_curve() -> None:
    """The lumped bell 1/((1 + m/x)(1 + x/b)) peaks at sqrt(m b); its half solves a quadratic."""
    mid, back = 3.0, 900.0
    values = 100.0 - 90.0 / ((1.0 + mid / DOSES_NM) * (1.0 + DOSES_NM / back))
    fit = fit_bell(DOSES_NM, values)
    best = np.sqrt(mid * back)
    peak = 1.0 / ((1.0 + mid / best) * (1.0 + best / back))
    # x / ((x + m)(1 + x/b)) = peak / 2
    half = min(np.roots([1.0 / back, 1.0 + mid / back - 2.0 / peak, mid]))
    assert fit.best[0] == pytest.approx(best, rel=0.02)
    assert fit.dmax_percent == pytest.approx(90.0 * peak, rel=1e-3)
    assert fit.dc50_nM == pytest.approx(half, rel=1e-3)
    degradation = pharmacology.degradation_curve(DOSES_NM, values)
    assert fit.dc50_nM == pytest.approx(degradation.dc50_relative_nM, rel=0.02)


def test_a_curve_past_its_half_at_the_lowest_dose_has_no_dc50() -> None:
    doses = np.geomspace(100.0, 1e5, 12)
    assert np.isnan(fit_hill(doses, 100.0 - 90.0 / (1.0 + 10.0 / doses)).dc50_nM)


def test_what_has_no_shape_says_why() -> None:
    flat = fit_hill(DOSES_NM, np.full(29, 99.9))
    assert (flat.reason, flat.parameters) == (Reason.NO_EFFECT, {})
    assert np.isnan(flat.at([1.0])).all()
    assert np.isnan(flat.dc50_nM)
    few = fit_bell(DOSES_NM[:5], 100.0 - 10.0 * np.arange(5.0))
    assert few.reason == Reason.TOO_FEW_POINTS
    assert fit_hill([], []).reason == Reason.TOO_FEW_POINTS


@pytest.mark.parametrize("fit", [fit_hill, fit_bell])
def test_noise_is_no_curve(fit) -> None:
    doses = np.geomspace(0.1, 1e4, 6)
    noise = np.random.default_rng(7).normal(0.0, 5.0, (4, 6))
    reasons = [fit(doses, 100.0 + row).reason for row in noise]
    # With six points a form of five parameters meets its threshold by chance now and then.
    assert reasons.count(Reason.NOT_DETERMINED) >= 3


def test_missing_points_and_the_vehicle_do_not_count() -> None:
    doses = np.concatenate([[0.0], DOSES_NM])
    values = 100.0 - 90.0 / (1.0 + 10.0 / np.maximum(doses, 1e-30))
    values[5] = np.nan
    assert fit_hill(doses, values).parameters["mid_nM"] == pytest.approx(10.0, rel=1e-4)


def test_mistakes_are_sentences() -> None:
    with pytest.raises(ParameterError, match="one value per dose"):
        fit_hill([1.0, 2.0], [1.0])
    with pytest.raises(ParameterError, match="-1 nM; doses must be at least 0 nM"):
        fit_hill([-1.0, 2.0], [1.0, 2.0])
