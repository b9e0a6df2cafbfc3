"""What the shipped defaults say about BTK, without tuning: published facts and limits of theory.

MOLM-14 cells, 24 h, unless a test says otherwise. Numbers are read off by `pharmacology` and,
independently, by linear interpolation in log dose.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from protacsim import pharmacology
from protacsim.methods import ODE
from protacsim.scenario import Scenario
from protacsim.simulation import simulate
from protacsim.study import Axis, Readout, Study, run

Floats = NDArray[np.float64]
pytestmark = pytest.mark.jit_only  # dose-response curves: too many runs for pure Python

DOSES = tuple(np.geomspace(1e-2, 1e5, 57).tolist())
ALLELES = ("WT", "C481S")
DOSE = "compound.dose_nM"
KM_ATP, ATP = 170.0, 3000.0
KDEG = np.log(2.0) / 30.0


def curves(scenario: Scenario, **changes: Any) -> xr.Dataset:
    readout = Readout(("target_total", "target_active"), (24.0,), "vehicle")
    axes = (Axis("target.allele", ALLELES), Axis(DOSE, DOSES))
    return run(Study(scenario, axes, **{"readout": readout, **changes})).isel(time_h=0)


@cache
def alone(name: str, atp_uM: float = ATP) -> xr.Dataset:
    return curves(Scenario(cell={"name": "molm14", "atp_uM": atp_uM}, treatment=name))


def crossing(doses: Floats, percent: Floats, level: float) -> float:
    """First dose at which the response falls through a level, linear in log dose."""
    i = int(np.argmax(percent < level))
    assert i > 0
    share = (percent[i - 1] - level) / (percent[i - 1] - percent[i])
    return float(doses[i - 1] * (doses[i] / doses[i - 1]) ** share)


def read_twice(percent: xr.DataArray, level: float, reading: float) -> float:
    """A dose read by `pharmacology`, confirmed by linear interpolation to 2 %."""
    assert np.isfinite(reading)
    rough = crossing(percent[DOSE].values, percent.values, level)
    assert reading == pytest.approx(rough, rel=0.02)
    return reading


def ic50(data: xr.Dataset, allele: str) -> float:
    readings = pharmacology.inhibition(data)["ic50_nM"]
    percent = data["target_active_percent"].sel({"target.allele": allele})
    return read_twice(percent, 50.0, float(readings.sel({"target.allele": allele})))


# Ibrutinib: cell IC50 of 2.2 nM on wild type and about 1 uM on C481S (Woyach 2014; Sun 2018).


def test_ibrutinib_is_potent_on_wild_type() -> None:
    assert ic50(alone("ibrutinib"), "WT") < 10.0


def test_ibrutinib_on_c481s_is_a_reversible_binder_that_competes_with_atp() -> None:
    found = ic50(alone("ibrutinib"), "C481S")
    assert found == pytest.approx(54.0 * (1.0 + ATP / KM_ATP), rel=0.05)
    assert 500.0 < found < 2000.0


def test_ibrutinib_loses_more_than_a_hundredfold_on_c481s() -> None:
    data = alone("ibrutinib")
    shift = ic50(data, "C481S") / ic50(data, "WT")
    assert shift > 100.0
    folds = pharmacology.fold_shift(pharmacology.inhibition(data), "ic50_nM")
    assert float(folds.sel({"target.allele": "C481S"})) == pytest.approx(shift, rel=1e-9)


def test_without_atp_the_reversible_affinity_shows() -> None:
    assert ic50(alone("ibrutinib", 0.0), "C481S") == pytest.approx(54.0, rel=0.05)


# MT-802: DC50 of 14.6 nM on wild type and 14.9 nM on C481S (Buhimschi 2018).


@pytest.mark.parametrize("quantity", ["dc50_relative_nM", "dc50_absolute_nM"])
def test_mt_802_degrades_both_alleles_alike(quantity: str) -> None:
    data = alone("mt-802")
    readings = pharmacology.dose_response(data)
    found = {}
    for allele in ALLELES:
        curve = readings.sel({"target.allele": allele})
        percent = data["target_total_percent"].sel({"target.allele": allele})
        half = 100.0 - float(curve["dmax_percent"]) / 2.0
        level = 50.0 if quantity == "dc50_absolute_nM" else half
        found[allele] = read_twice(percent, level, float(curve[quantity]))
    assert 0.5 < found["C481S"] / found["WT"] < 2.0


def test_the_headline_contrast() -> None:
    """The inhibitor loses activity on C481S; the degrader keeps it, and takes the protein away."""
    dose = {DOSE: DOSES[int(np.argmin(np.abs(np.log(DOSES) - np.log(100.0))))]}
    inhibited = alone("ibrutinib")["target_active_percent"].sel(dose)
    degraded = alone("mt-802")["target_total_percent"].sel(dose)
    assert inhibited.sel({"target.allele": "WT"}) < 10.0
    assert inhibited.sel({"target.allele": "C481S"}) > 80.0
    assert (degraded < 50.0).all()
    assert (alone("ibrutinib")["target_total_percent"] > 99.999).all()


# A covalent inhibitor first, the degrader after its washout.

PRETREATMENT = {"name": "ibrutinib", "dose_nM": 1000.0, "start_h": -24.0, "stop_h": 0.0}


@cache
def pretreated() -> xr.Dataset:
    readout = Readout(
        ("target_total", "target_covalent", "target_unoccupied"), (0.0, 1.0, 6.0, 24.0), "vehicle"
    )
    s = Scenario(cell="molm14", treatment=[PRETREATMENT, {"name": "mt-802"}])
    axes = (Axis("target.allele", ALLELES), Axis(DOSE, DOSES))
    return run(Study(s, axes, readout))


def test_a_bonded_target_is_out_of_the_degraders_reach() -> None:
    """Loss of total wild type is at most 1 - occ0 exp(-kdeg t): what bonded only turns over."""
    wild = pretreated().sel({"target.allele": "WT"})
    at_washout = wild.sel(time_h=0.0)
    occupied = at_washout["target_covalent"] / at_washout["target_total"]
    assert (occupied > 0.9).all()
    loss = 1.0 - wild["target_total_percent"] / 100.0
    bound = 1.0 - occupied * np.exp(-KDEG * wild["time_h"])
    assert (loss <= bound + 1e-4).all()
    assert loss.sel(time_h=24.0).max() > 0.5 * bound.sel(time_h=24.0).max()  # and close to it


def test_total_target_misleads_after_pretreatment_and_unoccupied_does_not() -> None:
    wild = pretreated().sel({"target.allele": "WT", "time_h": 24.0})
    alone_total = alone("mt-802")["target_total_percent"].sel({"target.allele": "WT"})
    assert wild["target_total_percent"].min() > alone_total.min() + 20.0
    free = wild["target_unoccupied"].min() / 780.0 * 100.0
    assert free < alone_total.min() + 5.0


def test_pretreatment_leaves_no_trace_on_c481s() -> None:
    after = pretreated()["target_total_percent"].sel({"target.allele": "C481S", "time_h": 24.0})
    without = alone("mt-802")["target_total_percent"].sel({"target.allele": "C481S"})
    np.testing.assert_allclose(after.values, without.values, rtol=0.01)


# Trace limit: the hook curve of theory.

TRACE_DOSES = tuple(np.geomspace(1.0, 1e6, 121).tolist())


@cache
def trace(degrader: str, atp_uM: float = ATP) -> xr.Dataset:
    cell = {
        "name": "molm14",
        "atp_uM": atp_uM,
        "proteins": {"BTK": {"abundance_nM": 1e-3}, "CRBN": {"abundance_nM": 1e-1}},
    }
    readout = Readout(("target_total", "ternary", "compound_cell"), (24.0, 96.0), "vehicle")
    study = Study(
        Scenario(cell=cell, treatment=degrader),
        (Axis(DOSE, TRACE_DOSES),),
        readout,
        ODE(rtol=1e-9, atol_nM=1e-14),
    )
    return run(study)


AFFINITIES = {"mt-802": (46.9, 157.0), "zorba-protac-10": (61.0, 3000.0), "guo-rc-1": (6.4, 4214.0)}


@pytest.mark.parametrize("degrader", AFFINITIES)
@pytest.mark.parametrize("atp_uM", [ATP, 0.0])
def test_trace_limit_peaks_at_the_geometric_mean_of_the_affinities(
    degrader: str, atp_uM: float
) -> None:
    """At sqrt(K_T,app K_E) of unbound drug in the cell, with a hook beyond, at any time."""
    kd_target, kd_ligase = AFFINITIES[degrader]
    best = np.sqrt(kd_target * (1.0 + atp_uM / KM_ATP) * kd_ligase)
    data = trace(degrader, atp_uM)
    for time_h in (24.0, 96.0):
        at = data.sel(time_h=time_h)
        inside = at["compound_cell"].isel(compound=0).values
        degraded = 100.0 - at["target_total_percent"].values
        i = int(np.argmax(degraded))
        near = slice(i - 1, i + 2)
        a, b, _ = np.polyfit(np.log(inside[near]), degraded[near], 2)
        assert np.exp(-b / (2.0 * a)) == pytest.approx(best, rel=0.05)
        readings = pharmacology.dose_response(at, min_effect_points=1e-6)
        assert float(readings["dmax_dose_nM"]) == pytest.approx(best, rel=0.05)
        assert degraded[-1] < 0.5 * degraded[i]
        assert float(readings["hook_depth_percent"]) == pytest.approx(
            degraded[i] - degraded[-1], rel=1e-2
        )


@pytest.mark.parametrize("degrader", AFFINITIES)
def test_trace_limit_rate_times_plateau_is_turnover(degrader: str) -> None:
    """lambda (1 - D_ss) = kdeg: the faster the loss, the deeper, by the same factor."""
    cell = {
        "name": "molm14",
        "medium_buffered": True,
        "proteins": {"BTK": {"abundance_nM": 1e-3}, "CRBN": {"abundance_nM": 1.0}},
    }
    s = Scenario(cell=cell, treatment={"name": degrader, "dose_nM": 500.0})
    times = np.array([6.0, 12.0, 18.0, 600.0])
    method = ODE(rtol=1e-9, atol_nM=1e-14)
    left = simulate(s, times, method=method)["target_total"].values / 1e-3
    plateau = left[-1]
    rate = np.log((left[0] - plateau) / (left[2] - plateau)) / (times[2] - times[0])
    assert 1.0 - plateau > 1e-3
    assert rate * plateau == pytest.approx(KDEG, rel=0.01)
