"""Published models against independent tables and closed forms.

Bartlett and Gilbert 2021 (doi 10.1007/s10928-020-09722-z), preset `bartlett2021`: kinetic
proofreading of a BTK degrader. Du 2024: an equilibrium form, and the network that comes to it.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from protacsim import reduced
from protacsim.config import load
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import build_network, rate_constants
from protacsim.methods import ODE
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import simulate
from protacsim.study import Axis, Readout, Study, run

Floats = NDArray[np.float64]
X = "bartlett2021"
THINNED = 1 if JIT_ENABLED else 4  # every fourth dose in pure Python
MOLECULES_PER_UM = 602.214076 * 0.5 * 1000.0  # in the model's cell of 0.5 pL
TERNARY = [f"BTK{chain}:{X}:CRBN" for chain in ("", "(ub1)", "(ub2)", "(ub3)")]


def rows(reference_dir: Path, name: str) -> list[dict[str, float]]:
    with (reference_dir / name).open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def columns(table: list[dict[str, float]]) -> dict[str, Floats]:
    return {name: np.array([row[name] for row in table]) for name in table[0]}


def dosed(dose_nM: float, times_h: Floats, method: ODE) -> dict[str, Floats]:
    """Amounts in the cell (uM) by species, total BTK (% of vehicle) and the medium (uM)."""
    s = Scenario(preset="bartlett2021", treatment={"name": X, "dose_nM": dose_nM})
    data = simulate(s, times_h, method=method, species=True)
    amounts = data["species_amount"].to_series().unstack("time_h") / MOLECULES_PER_UM
    found = {str(name): row.to_numpy() for name, row in amounts.iterrows()}
    found["medium"] = data["compound_medium"].values[0] / 1000.0
    found["percent"] = 100.0 * data["target_total"].values / 1.0  # vehicle stays at 1 nM
    found["ternary"] = data["ternary"].values / 1000.0
    return found


@pytest.mark.parametrize("method", [ODE(), ODE(rtol=1e-8, atol_nM=1e-11)], ids=["default", "tight"])
def test_time_course(reference_dir: Path, method: ODE) -> None:
    expected = columns(rows(reference_dir, "bartlett_time_course.csv"))
    found = dosed(100.0, expected["time_h"], method)
    compared = {
        "pct_baseline_BTK": "percent",
        "ec_degrader_uM": "medium",
        "free_ic_degrader_uM": f"{X}_cell",
        **{f"C{u}_uM": name for u, name in enumerate(TERNARY)},
    }
    assert set(compared) | {"time_h"} == set(expected)
    for column, name in compared.items():
        np.testing.assert_allclose(found[name], expected[column], rtol=1e-4, err_msg=column)


def test_dose_response(reference_dir: Path) -> None:
    by_dose = defaultdict(list)
    for row in rows(reference_dir, "bartlett_dose.csv"):
        by_dose[row["degrader_ec_nM"]].append(row)
    assert len(by_dose) == 13
    for dose, table in list(by_dose.items())[::THINNED]:
        expected = columns(table)
        found = dosed(dose, expected["time_h"], ODE())
        compared = {
            "pct_baseline_BTK": "percent",
            "free_ic_degrader_uM": f"{X}_cell",
            "all_ternary_uM": "ternary",
            "BE3_uM": f"CRBN:{X}",
        }
        assert set(compared) | {"time_h", "degrader_ec_nM"} == set(expected)
        for column, name in compared.items():
            message = f"{column} at {dose} nM"
            np.testing.assert_allclose(found[name], expected[column], rtol=1e-4, err_msg=message)


def test_dose_response_as_a_study(reference_dir: Path) -> None:
    """The same percentages through axes and vehicle reference."""
    table = rows(reference_dir, "bartlett_dose.csv")
    doses = sorted({row["degrader_ec_nM"] for row in table})
    times = sorted({row["time_h"] for row in table})
    keep = doses[::THINNED]
    study = Study(
        Scenario(preset="bartlett2021"),
        (Axis("compound.dose_nM", tuple(keep)),),
        Readout(("target_total",), tuple(times), "vehicle"),
    )
    percent = run(study)["target_total_percent"]
    for row in table:
        if row["degrader_ec_nM"] in keep:
            point = {"compound.dose_nM": row["degrader_ec_nM"], "time_h": row["time_h"]}
            expected = pytest.approx(row["pct_baseline_BTK"], rel=1e-4)
            assert percent.sel(point).item() == expected


def ternary_only(dose_nM: float) -> Scenario:
    """No turnover, no ubiquitin, no exchange with the medium; 0.2 uM target, 0.5 uM ligase."""
    return Scenario(
        preset="bartlett2021",
        cell={
            "name": "bartlett2021",
            "medium_volume_pL": 1e8,
            "proteins": {
                "BTK": {"abundance_nM": 200.0, "half_life_h": None},
                "CRBN": {"abundance_nM": 500.0},
            },
        },
        treatment={
            "name": X, "permeability_pL_per_h": 0.0, "dose_nM": dose_nM, "compartment": "cell",
        },
        ubiquitination={"chain_length": 0, "k_proteasome_bound_per_h": 0.0},
    )  # fmt: skip


def test_ternary_complex_without_turnover(reference_dir: Path) -> None:
    table = rows(reference_dir, "bartlett_ternary_only.csv")
    assert len(table) == 13
    for row in table[::THINNED]:
        s = ternary_only(row["degrader_total_nM"])
        method = ODE(rtol=1e-8, atol_nM=1e-11)
        data = simulate(s, [24.0], method=method, species=True)
        amounts = data["species_amount"].isel(time_h=0).to_series() / MOLECULES_PER_UM
        compared = {
            "ternary_uM": f"BTK:{X}:CRBN",
            "BT_uM": f"BTK:{X}",
            "BE3_uM": f"CRBN:{X}",
            "free_degrader_uM": f"{X}_cell",
        }
        for column, name in compared.items():
            assert amounts[name] == pytest.approx(row[column], rel=1e-6), (column, row)


# Kinetic proofreading, in numbers of its own.


def proofreading() -> tuple[Any, Mapping[str, float]]:
    s = Scenario(preset="bartlett2021", treatment={"name": X, "dose_nM": 100.0})
    return build_network(s), {k: float(v) for k, v in rate_constants(s, numbers(s)).items()}


def exits(state: str) -> dict[str, float]:
    """Rates out of a ternary complex by what becomes of its target."""
    net, k = proofreading()
    found: dict[str, float] = defaultdict(float)
    for reaction in net.reactions:
        if reaction.reactants == ((state, 1),):
            target = next((n for n, _ in reaction.products if n.startswith("BTK")), "gone")
            found[target if reaction.name.split()[0] != "turnover" else "lost"] += k[reaction.rate]
    return found


def test_success_of_each_step() -> None:
    for here, onwards in zip(TERNARY, [*TERNARY[1:], "gone"], strict=True):
        out = exits(here)
        assert out[onwards] / sum(out.values()) == pytest.approx(0.188399, abs=1e-6)
        assert set(out) == {onwards, "BTK", f"BTK:{X}", "lost"}  # else it leaves unmodified


def test_one_binding_ends_in_destruction_with_its_probability() -> None:
    """Absorption of the chain of ternary states, by a linear solve."""
    moves = np.zeros((4, 4))
    destroyed = np.zeros(4)
    for i, state in enumerate(TERNARY):
        out = exits(state)
        total = sum(out.values())
        destroyed[i] = out["gone"] / total
        for j, other in enumerate(TERNARY):
            moves[i, j] = out.get(other, 0.0) / total
    probability = np.linalg.solve(np.eye(4) - moves, destroyed)[0]
    assert probability == pytest.approx(0.00125985, rel=1e-5)
    ktr, opening = 4.0 / 0.0015, 3.6 * (91.0 + 3100.0) + 0.058
    assert probability == pytest.approx(float(reduced.chain_success(4, ktr, opening)), rel=1e-9)


def test_effective_loss_per_ternary_complex() -> None:
    """Flux through the proteasome over ternary complex, at the plateau."""
    s = Scenario(preset="bartlett2021", treatment={"name": X, "dose_nM": 100.0})
    data = simulate(s, [200.0], method=ODE(rtol=1e-8, atol_nM=1e-12))
    loss = data["degraded"].item() / data["ternary"].item()
    assert loss == pytest.approx(14.4910, rel=1e-5)


# Du 2024, from the shipped configuration: the network in the limit of fast binding.

DU = Path(__file__).parents[1] / "configs" / "published" / "du2024.toml"


@pytest.mark.jit_only
def test_the_network_comes_to_the_equilibrium_form_as_binding_gets_faster() -> None:
    """The largest distance over 26 doses falls tenfold with each tenfold of the rates."""
    data = run(load(DU).study)["target_total_percent"].isel(time_h=0)
    doses = data["compound.dose_nM"].values
    closed = 100.0 * reduced.turnover_time_course(
        24.0, doses, 9.42359, 5.09344, 61.0, 3840.0, 600.0, np.log(2.0) / 71.9
    )
    distance = np.abs(data.values - closed).max(axis=1)
    assert data.dims[0] == "treatment"
    np.testing.assert_allclose(np.diff(np.log10(distance)), [-1.0, -1.0], atol=0.1)
