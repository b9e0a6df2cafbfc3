"""Units by name and quantity strings, against conversions worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protacsim.errors import ParameterError
from protacsim.units import MOLECULES_PER_NM_PL, to_canonical, unit_of

MODULES = "import sys, protacsim as config; {then}; print('pint' in sys.modules)"


def test_molecules_in_a_picolitre_at_one_nanomolar() -> None:
    assert pytest.approx(6.02214076e23 * 1e-9 * 1e-12, rel=1e-12) == MOLECULES_PER_NM_PL


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("kd_target_nM", "nM"),
        ("cell.volume_pL", "pL"),
        ("cell.atp_uM", "uM"),
        ("k_ub_per_h", "1/h"),
        ("kon_target_per_nM_per_h", "1/nM/h"),
        ("permeability_pL_per_h", "pL/h"),
        ("cell.proteins.BTK.half_life_h", "h"),
        ("cell.proteins.BTK.abundance_copies", "molecules/cell"),
        ("target_total_percent", "%"),
        ("cooperativity", ""),
        ("target.allele", ""),
        ("h", ""),
    ],
)
def test_the_unit_is_the_end_of_the_name(name: str, unit: str) -> None:
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("kon_target_per_nM_per_h", "1e6 1/M/s", 3.6),  # 1e6 x 1e-9 1/nM x 3600 s/h
        ("kon_target_per_nM_per_h", "1e6 M^-1 s^-1", 3.6),
        ("kon_target_per_nM_per_h", "1e6 M**-1 * s**-1", 3.6),
        ("kon_target_per_nM_per_h", "1e6 / (M s)", 3.6),
        ("half_life_h", "116 h", 116.0),
        ("half_life_h", "2 day", 48.0),
        ("half_life_h", "90 min", 1.5),
        ("start_h", "-1 day", -24.0),
        ("kd_target_nM", "0.1 uM", 100.0),
        ("kd_target_nM", "0.1 µM", 100.0),
        ("kd_target_nM", "0.1 μM", 100.0),
        ("kd_target_nM", "  3 pM ", 0.003),
        ("atp_uM", "3 mM", 3000.0),
        ("volume_pL", "900 fL", 0.9),
        ("volume_pL", "1000 um^3", 1.0),
        ("medium_volume_pL", "0.04 uL", 40_000.0),
        ("k_ub_per_h", "1 / s", 3600.0),
        ("k_ub_per_h", "1/min", 60.0),
        ("permeability_pL_per_h", "1 fL/s", 3.6),
        ("abundance_copies", "470000 molecules/cell", 470_000.0),
        ("cooperativity", "2.5", 2.5),
        ("productive_fraction", "20 %", 0.2),
    ],
)
def test_text_is_converted_to_the_unit_of_the_name(name: str, text: str, expected: float) -> None:
    assert to_canonical(name, text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "found", "needed"),
    [
        ("kd_target_nM", "5 h", "h", "nM"),
        ("half_life_h", "3 nM", "nM", "h"),
        ("kon_target_per_nM_per_h", "1e6 1/s", "1 / s", "1/nM/h"),
        ("volume_pL", "10 um^2", "µm ** 2", "pL"),
        ("cooperativity", "2 nM", "nM", "no unit"),
        ("kd_target_nM", "5", "no unit", "nM"),
        ("half_life_h", "116 H", "H", "h"),  # henry, not hours
    ],
)
def test_a_wrong_dimension_names_both_units(name: str, text: str, found: str, needed: str) -> None:
    with pytest.raises(ParameterError) as caught:
        to_canonical(f"scenario.{name}", text)
    message = str(caught.value)
    assert repr(text) in message
    assert f"{found}, but {name} needs {needed}" in message
    assert "scenario." not in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "abc nM?",
        "nan nM",
        "1e400 nM",
        "inf nM",
        "1 +/- 0.1 nM",
        "3 degC",
        "[1] nM",
        "__import__('os')",
        "1 nM\x00",
        "1_",
        "1 nM;",
        "(" * 59,
        "é nM",
        "1 000 nM",
        "2 500 nM",
        "10 000",
        "100 nM 2",
        "2 3 nM",
        "1 / 2 nM",
        "nM",
    ],
)
def test_what_is_no_quantity_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        to_canonical("kd_target_nM", text)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


def test_a_number_with_spaces_in_it_is_told_so() -> None:
    with pytest.raises(ParameterError, match="without spaces inside the number"):
        to_canonical("dose_nM", "1 000 nM")


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9 nM",
        "9^9^9^9^9",
        "9**99999999",
        "(9**9)**9**9 nM",
        "10^400000000 nM",
        "9²²²²²²²²²² nM",
        "1e5**1e5",
        "9**(9**9)",
        "9 ** 9 ** 9",
        "((((9^9)^9)^9)^9)^9",
        "1 km^9e9",
        "1 km^99999999",
    ],
)
@pytest.mark.timeout(10)
def test_arithmetic_is_not_evaluated(text: str) -> None:
    with pytest.raises(ParameterError, match="is no quantity"):
        to_canonical("kd_target_nM", text)


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(ParameterError) as caught:
        to_canonical("kd_target_nM", "9" * 100_000)
    assert len(str(caught.value)) < 300


def test_the_advice_can_be_followed() -> None:
    for name in (
        "kd_nM",
        "t_h",
        "k_per_h",
        "kon_per_nM_per_h",
        "v_pL",
        "a_uM",
        "p_pL_per_h",
        "n_copies",
        "x_percent",
        "ratio",
    ):
        with pytest.raises(ParameterError) as caught:
            to_canonical(name, "1 kelvin")
        advised = str(caught.value).rsplit('"', 2)[1]
        assert to_canonical(name, advised) > 0.0


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_units_of_the_same_kind_agree(value: float) -> None:
    nanomolar = to_canonical("kd_nM", f"{value!r} nM")
    assert nanomolar == pytest.approx(value, rel=1e-12)
    assert to_canonical("kd_nM", f"{value!r} uM") == pytest.approx(1000.0 * value, rel=1e-12)
    assert to_canonical("t_h", f"{value!r} min") == pytest.approx(value / 60.0, rel=1e-12)


@given(st.text(max_size=40))
def test_any_text_is_a_finite_number_or_a_parameter_error(text: str) -> None:
    value, said = 0.0, ""
    try:
        value = to_canonical("kd_target_nM", text)
    except ParameterError as error:
        said = str(error)
    assert math.isfinite(value)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("then", "loaded"),
    [
        ("config.Axis('compound.dose_nM', (1.0, 2.0))", "False"),
        ("config.Scenario(cell='molm14', treatment='mt-802')", "False"),
        ("config.Scenario(cell={'name': 'molm14', 'volume_pL': '900 fL'})", "True"),
    ],
)
def test_pint_is_imported_only_for_text(then: str, loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODULES.format(then=then)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == loaded
