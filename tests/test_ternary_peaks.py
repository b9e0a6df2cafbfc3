"""The closed-form maximum of the ternary complex against the simulated network at equilibrium."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import protacsim as ps
from protacsim import pharmacology
from protacsim.scenario import replaced

pytestmark = pytest.mark.jit_only


def still(treatment: Any, **changes: float | str) -> ps.Scenario:
    """A scenario in which nothing is ubiquitinated, made or lost: binding alone."""
    scenario = ps.Scenario(cell="molm14", treatment=treatment)
    scenario = replaced(scenario, "ubiquitination.k_ub_per_h", 0.0)
    proteins = tuple(replace(p, half_life_h=None) for p in scenario.cell.proteins)
    scenario = replace(scenario, cell=replace(scenario.cell, proteins=proteins))
    for path, value in changes.items():
        scenario = replaced(scenario, path.replace("__", "."), value)
    return scenario


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        ({}, {}),
        ({}, {"target__allele": "C481S"}),
        ({}, {"compound__cooperativity": 30.0, "cell__proteins__CRBN__abundance_nM": 400.0}),
        ({}, {"compound__fraction_unbound_cell": 0.1, "compound__fraction_unbound_medium": 0.3}),
        ({}, {"compound__efflux_pL_per_h": 60.0, "cell__medium_volume_pL": 50.0}),
        ({"compartment": "cell"}, {"cell__medium_volume_pL": 50.0}),
        ({"every_h": 5.0, "doses": 4}, {}),
    ],
)
def test_the_network_peaks_where_the_closed_form_says(
    schedule: dict[str, Any], changes: dict[str, float | str]
) -> None:
    scenario = still({"compounds": [{"name": "mt-802", **schedule}]}, **changes)
    peak = pharmacology.ternary_peak(scenario)
    doses = float(peak.dose_nM) * np.array([0.5, 0.9, 1.0, 1.1, 2.0])
    study = ps.Study(
        scenario,
        axes={"compound.dose_nM": doses},
        readout=ps.Readout(["ternary"], times_h=[2e4]),
    )
    ternary = ps.run(study)["ternary"].values.ravel()
    assert int(np.argmax(ternary)) == 2
    assert ternary[2] == pytest.approx(float(peak.ternary_nM), rel=1e-4)
    slope = (ternary[3] - ternary[1]) / ternary[2]
    assert abs(slope) < 0.1 * (1.0 - ternary[0] / ternary[2])


def test_peaks_of_a_study_stand_on_its_dims() -> None:
    scenario = ps.Scenario(cell="molm14", treatment="mt-802")
    alphas = [0.1, 1.0, 10.0]
    study = ps.Study(
        scenario,
        axes={
            "target.allele": ["WT", "C481S"],
            "compound.cooperativity": alphas,
            "compound.dose_nM": [1.0, 10.0],
        },
        readout=ps.Readout(["ternary"], times_h=[4.0]),
    )
    peaks = pharmacology.ternary_peaks(study)
    assert peaks["peak_dose_nM"].dims == ("target.allele", "compound.cooperativity")
    assert (peaks["peak_reason"] == "").all()
    for allele in ("WT", "C481S"):
        for alpha in alphas:
            own = replaced(
                replaced(scenario, "target.allele", allele), "compound.cooperativity", alpha
            )
            one = pharmacology.ternary_peak(own)
            at = {"target.allele": allele, "compound.cooperativity": alpha}
            assert float(peaks["peak_dose_nM"].sel(at)) == pytest.approx(
                float(one.dose_nM), rel=1e-12
            )
            assert float(peaks["peak_ternary_nM"].sel(at)) == pytest.approx(
                float(one.ternary_nM), rel=1e-12
            )


@pytest.mark.parametrize(
    ("treatment", "changes", "reason"),
    [
        ("ibrutinib", {}, "no_degrader"),
        ("ir-1", {}, "covalent_bond"),
        ("mt-802", {"compound__loss_medium_per_h": 0.1}, "compound_or_ligase_is_lost"),
        ({"compounds": [{"name": "mt-802", "stop_h": 100.0}]}, {}, "washout"),
    ],
)
def test_no_peak_where_there_is_no_such_equilibrium(
    treatment: Any, changes: dict, reason: str
) -> None:
    peak = pharmacology.ternary_peak(still(treatment, **changes))
    assert peak.reason == reason
    assert np.isnan(peak.dose_nM).all()
    assert np.isnan(peak.ternary_nM).all()


def test_a_medium_that_never_changes_drains_a_dose_in_the_cell() -> None:
    buffered = still({"compounds": [{"name": "mt-802", "compartment": "cell"}]})
    buffered = replace(buffered, cell=replace(buffered.cell, medium_buffered=True))
    peak = pharmacology.ternary_peak(buffered)
    assert np.isnan(peak.dose_nM)
    assert peak.reason == "medium_drains_the_cell"
