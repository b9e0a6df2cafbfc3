"""The plasma course of oral doses: the Bateman function, whatever the cells do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protacsim as ps
from protacsim.errors import ParameterError
from protacsim.methods import ODE

TIMES_H = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 13.0, 24.0, 30.0, 48.0])
TIGHT = ODE(rtol=1e-9, atol_nM=1e-12)


def scenario(cell="cll_in_vivo", **schedule):
    compound = {"name": "ibrutinib", "dose_nM": 100.0, **schedule}
    return ps.Scenario(
        cell=cell,
        target="BTK",
        treatment=ps.Treatment([compound], name="oral"),
    )


def bateman(times_h, dose, absorption_h, elimination_h):
    """Plasma after one dose into the gut, from 0 h on (Bateman 1910)."""
    t = np.maximum(times_h, 0.0)
    ka, ke = np.log(2.0) / absorption_h, np.log(2.0) / elimination_h
    return dose * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))


@settings(max_examples=10)
@given(st.floats(0.2, 3.0), st.floats(4.0, 30.0), st.sampled_from(["cll_in_vivo", "molm14"]))
def test_the_plasma_follows_bateman_in_any_cell(absorption_h, elimination_h, cell):
    given_once = scenario(
        cell, absorption_half_life_h=absorption_h, elimination_half_life_h=elimination_h
    )
    found = ps.simulate(given_once, TIMES_H, method=TIGHT)["compound_medium"].squeeze()
    np.testing.assert_allclose(
        found, bateman(TIMES_H, 100.0, absorption_h, elimination_h), rtol=1e-6
    )


def test_repeated_doses_add_up_and_a_washout_empties_gut_and_plasma():
    course = {"absorption_half_life_h": 0.5, "elimination_half_life_h": 6.0}
    found = ps.simulate(scenario(every_h=12.0, doses=3, **course), TIMES_H, method=TIGHT)
    expected = sum(bateman(TIMES_H - 12.0 * n, 100.0, 0.5, 6.0) for n in range(3))
    np.testing.assert_allclose(found["compound_medium"].squeeze(), expected, rtol=1e-6)
    stopped = ps.simulate(scenario(stop_h=1.5, **course), TIMES_H, method=TIGHT)
    medium = stopped["compound_medium"].squeeze().to_numpy()
    np.testing.assert_allclose(medium[:3], bateman(TIMES_H[:3], 100.0, 0.5, 6.0), rtol=1e-6)
    assert not medium[3:].any()


def test_without_absorption_a_dose_is_there_at_once_and_fades():
    found = ps.simulate(scenario(elimination_half_life_h=3.0), TIMES_H, method=TIGHT)
    expected = 100.0 * 0.5 ** (TIMES_H / 3.0)
    np.testing.assert_allclose(found["compound_medium"].squeeze(), expected, rtol=1e-6)


def test_a_dose_given_by_its_exposure_has_that_exposure():
    auc, half_life = 500.0, 4.0
    dose = auc * np.log(2.0) / half_life
    times = np.linspace(0.0, 120.0, 4801)
    course = scenario(dose_nM=dose, absorption_half_life_h=1.0, elimination_half_life_h=half_life)
    plasma = ps.simulate(course, times, method=TIGHT)["compound_medium"].squeeze().to_numpy()
    assert np.trapezoid(plasma, times) == pytest.approx(auc, rel=1e-4)


def test_the_cell_follows_the_plasma_and_does_not_deplete_it():
    course = {"absorption_half_life_h": 0.5, "elimination_half_life_h": 2.0}
    fast = {"permeability_pL_per_h": 1e6}
    data = ps.simulate(scenario("molm14", **course, **fast), TIMES_H, method=TIGHT)
    plasma = data["compound_medium"].squeeze().to_numpy()
    np.testing.assert_allclose(plasma, bateman(TIMES_H, 100.0, 0.5, 2.0), rtol=1e-6)
    # What permeates at once is at equilibrium; ibrutinib that is bound to BTK stands apart.
    assert data["compound_cell"].squeeze().to_numpy()[:4] == pytest.approx(plasma[:4], rel=0.05)


def test_a_half_life_can_be_varied_between_patients():
    one = scenario(dose_nM=None, absorption_half_life_h=0.5, elimination_half_life_h=2.0)
    half_lives = (1.0, 2.0, 5.0)
    study = ps.Study(
        one,
        axes={"compound.dose_nM": [100.0], "compound.elimination_half_life_h": half_lives},
        readout=ps.Readout(["compound_medium"], times_h=[6.0]),
        method=TIGHT,
    )
    found = ps.run(study)["compound_medium"].squeeze()
    expected = [bateman(np.array([6.0]), 100.0, 0.5, h)[0] for h in half_lives]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"absorption_half_life_h": 0.5}, "add elimination_half_life_h"),
        ({"elimination_half_life_h": 5.0, "compartment": "cell"}, "leave one of the two out"),
        ({"elimination_half_life_h": 0.0}, "must be above 0 h"),
    ],
)
def test_a_course_that_makes_no_sense_is_refused(schedule, words):
    with pytest.raises(ParameterError) as caught:
        scenario(**schedule)
    assert words in str(caught.value)
