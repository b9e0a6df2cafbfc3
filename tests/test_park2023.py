"""The presets `park2023-*` against tables of an independent implementation of that model.

Park 2023 (https://pmc.ncbi.nlm.nih.gov/articles/PMC10125322/): VHL degraders of a target that is
not BTK and stands in its place; the tables were recomputed with closed binding cycles.
"""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protacsim import library, provenance
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import rate_constants
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import simulate
from protacsim.study import Axis, Readout, Study, run

MOLECULES_PER_UM = 602.214076 * 0.524 * 1000.0  # in the model's cell of 0.524 pL
PRESETS = ("park2023-protac1", "park2023-protac1-star", "park2023-acbi1")
CASES = {
    "PROTAC1": ("park2023-protac1", 0.0),
    "PROTAC1_star": ("park2023-protac1-star", 0.0),
    "PROTAC1_kdegTern": ("park2023-protac1", 60.0),
    "ACBI1": ("park2023-acbi1", 0.0),
    "ACBI1_kdegTern": ("park2023-acbi1", 60.0),
}


def rows(reference_dir: Path, name: str) -> list[dict[str, Any]]:
    with (reference_dir / name).open() as file:
        return [
            {k: v if k == "case" else float(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


def park(preset: str, dose_nM: float, in_ternary: float = 0.0, **own: Any) -> Scenario:
    """The preset with a dose; `in_ternary` (1/h) is destruction in the ternary complex."""
    return Scenario(
        preset=preset,
        treatment={"name": preset, "dose_nM": dose_nM, **own},
        ubiquitination={"k_proteasome_bound_per_h": in_ternary},
    )


def agrees(percent: float, expected: float) -> bool:
    """What is degraded within 1e-3 relative, or 5e-4 percentage points where that is wider."""
    degraded, known = 100.0 - percent, 100.0 - expected
    return abs(degraded - known) <= max(1e-3 * abs(known), 5e-4)


@pytest.mark.parametrize("case", CASES)
def test_time_course(reference_dir: Path, case: str) -> None:
    table = [r for r in rows(reference_dir, "park_time_course.csv") if r["case"] == case]
    assert len(table) == 12
    preset, in_ternary = CASES[case]
    doses = {row["degrader_ec_uM"] * 1000.0 for row in table}
    times = np.array([row["time_h"] for row in table])
    assert doses == {1.0}
    data = simulate(park(preset, 1.0, in_ternary), times)
    found = data["target_total"].values / 10.0  # % of 1000 nM, where vehicle stays
    for percent, row in zip(found, table, strict=True):
        assert agrees(percent, row["pct_baseline_target"]), (percent, row)


@pytest.mark.parametrize("case", ["PROTAC1", "ACBI1"])
def test_dose_response(reference_dir: Path, case: str) -> None:
    """Percentages and every listed concentration (uM), at all doses and times."""
    table = [r for r in rows(reference_dir, "park_dose_response.csv") if r["case"] == case]
    doses = sorted({row["degrader_ec_uM"] for row in table})
    assert (len(doses), len(table)) == (7, 21)
    x = CASES[case][0]
    for dose in doses if JIT_ENABLED else doses[::3]:
        points = [row for row in table if row["degrader_ec_uM"] == dose]
        data = simulate(park(x, dose * 1000.0), [row["time_h"] for row in points], species=True)
        for i, row in enumerate(points):
            at = data.isel(time_h=i)
            amounts = at["species_amount"].to_series() / MOLECULES_PER_UM
            found = {
                "free_ic_degrader_uM": amounts[f"{x}_cell"],
                "T_free_uM": amounts["BTK"],
                "BT_uM": amounts[f"BTK:{x}"],
                "BE3_uM": amounts[f"VHL:{x}"],
                "ternary0_uM": amounts[f"BTK:{x}:VHL"],
                "all_ternary_uM": at["ternary"].item() / 1000.0,
                "all_ubiquitinated_target_uM": at["ubiquitinated"].item() / 1000.0,
                "ec_degrader_uM": at["compound_medium"].values.item() / 1000.0,
            }
            others = {"case", "degrader_ec_uM", "time_h", "pct_baseline_target"}
            assert found.keys() | others == row.keys()
            assert agrees(at["target_total"].item() / 10.0, row["pct_baseline_target"]), row
            for column, value in found.items():
                assert value == pytest.approx(row[column], rel=1e-3), (column, row)


def test_dose_response_as_a_study(reference_dir: Path) -> None:
    """The same percentages through axes and vehicle reference."""
    table = [r for r in rows(reference_dir, "park_dose_response.csv") if r["case"] == "ACBI1"]
    doses = sorted({row["degrader_ec_uM"] * 1000.0 for row in table})
    keep = doses if JIT_ENABLED else doses[::6]
    times = sorted({row["time_h"] for row in table})
    study = Study(
        Scenario(preset="park2023-acbi1"),
        (Axis("compound.dose_nM", tuple(keep)),),
        Readout(("target_total",), tuple(times), "vehicle"),
    )
    percent = run(study)["target_total_percent"]
    for row in table:
        if row["degrader_ec_uM"] * 1000.0 in keep:
            point = {"compound.dose_nM": row["degrader_ec_uM"] * 1000.0, "time_h": row["time_h"]}
            assert agrees(percent.sel(point).item(), row["pct_baseline_target"]), row


@pytest.mark.parametrize(
    ("in_ternary", "alpha", "degraded"),
    [(0.0, 100.0, 92.6), (0.0, 1000.0, 67.0), (60.0, 100.0, 97.9), (60.0, 1000.0, 98.9)],
)
def test_more_cooperativity_hurts_unless_the_ternary_complex_is_destroyed(
    in_ternary: float, alpha: float, degraded: float
) -> None:
    """Published claim: ACBI1 at 1 nM, 6 h. A complex that holds too long is a dead end."""
    s = park("park2023-acbi1", 1.0, in_ternary, cooperativity=alpha)
    left = simulate(s, [6.0])["target_total"].item() / 10.0
    assert 100.0 - left == pytest.approx(degraded, abs=0.05)


# The constants as published (uM and hours), and the closed binding cycle.


@pytest.mark.parametrize(
    ("preset", "alpha", "kd", "kon", "ternary_kon", "ps"),
    [
        ("park2023-protac1", 3.2, (8.54, 0.0123), (3.6e4, 8929.0), 1026.0, 1.24),
        ("park2023-protac1-star", 3.2, (8.54, 0.0123), (3.6e4, 8929.0), 1026.0, 24.9),
        ("park2023-acbi1", 26.0, (9.26, 0.0694), (3.6e4, 5364.0), 878.4, 24.9),
    ],
)
def test_constants_in_micromolar(
    preset: str,
    alpha: float,
    kd: tuple[float, float],
    kon: tuple[float, float],
    ternary_kon: float,
    ps: float,
) -> None:
    s = park(preset, 1.0)
    k = {name: float(value) for name, value in rate_constants(s, numbers(s)).items()}
    for site, kd_uM, kon_uM in zip(("target", "ligase"), kd, kon, strict=True):
        on, off = f"kon_{site}", f"koff_{site}"
        assert k[f"{on}[{preset}]"] * MOLECULES_PER_UM == pytest.approx(kon_uM, rel=1e-12)
        assert k[f"{off}[{preset}]"] == pytest.approx(kd_uM * kon_uM, rel=1e-12)
        assert k[f"{on}_ternary[{preset}]"] * MOLECULES_PER_UM == pytest.approx(ternary_kon)
        assert k[f"{off}_ternary[{preset}]"] == pytest.approx(kd_uM * ternary_kon / alpha)
    assert k[f"release[{preset}]"] == pytest.approx(ps / 0.524)
    assert k[f"uptake[{preset}]"] == pytest.approx(ps / 40_000.0)
    assert k["turnover[BTK]"] == pytest.approx(0.1)
    assert k["synthesis[BTK]"] == pytest.approx(0.1 * MOLECULES_PER_UM)
    assert (k["k_dub_free"], k["k_dub_bound"]) == (360.0, 0.0)
    assert (k["k_proteasome_free"], k["k_proteasome_bound"]) == (60.0, 0.0)
    assert k[f"k_ub[{preset}]"] == 1500.0
    assert s.ubiquitination.chain_length == 4
    assert s.cell.protein("VHL") is not None
    assert math.isclose(numbers(s)["cell.proteins.BTK.half_life_h"], math.log(2.0) / 0.1)


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_assumed_and_nothing_is_claimed_about_btk(preset: str) -> None:
    """Every constant is published, bar the definitions and what the run does not use."""
    found = provenance.unverified([park(preset, 1.0)])
    unused = {"target.allele.km_atp_uM", "ubiquitination.km_proteasome_nM"}
    assert {entry.path for entry in found} <= unused
    for kind in ("presets", "compounds"):
        assert "not BTK" in library.entry(kind, preset).note
    assert "not BTK" in library.entry("cells", "park2023").note
