"""Studies of single cells: no value depends on how the work is cut, and 100 % is the mean cell."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protacsim import pharmacology
from protacsim.errors import MethodWarning, ParameterError
from protacsim.methods import LNA, ODE, SSA, Auto
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.simulation import read_out, read_out_ensemble
from protacsim.study import Readout, Study, describing, references, run, slab
from protacsim.study.executors import Workers

DOSE, COOPERATIVITY = "compound.dose_nM", "compound.cooperativity"
TIMES_H = (0.0, 0.01, 0.02)

pytestmark = pytest.mark.jit_only


def tiny() -> Scenario:
    """A cell of 2 fL with 20 targets and 4 ligases: small enough for any test."""
    return Scenario(
        preset="bartlett2021",
        cell={
            "name": "bartlett2021",
            "volume_pL": 0.002,
            "medium_volume_pL": 0.02,
            "proteins": {
                "BTK": {"abundance_copies": 20.0, "half_life_h": 12.0},
                "CRBN": {"abundance_copies": 4.0},
            },
        },
    )  # fmt: skip


def study(method: Any = None, **changes: Any) -> Study:
    axes = {DOSE: [10.0, 1000.0], COOPERATIVITY: [1.0, 5.0, 20.0]}
    readout = Readout(("target_total", "ternary"), TIMES_H, "vehicle")
    method = method or SSA()
    return Study(tiny(), axes, readout, **{"method": method, "seed": 7, "replicates": 4, **changes})


@pytest.mark.parametrize("points_per_chunk", [1, 5, 8])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_bytes_are_the_same_however_the_work_is_cut(
    monkeypatch: pytest.MonkeyPatch, points_per_chunk: int, workers: int
) -> None:
    whole = run(study(), workers=Workers("threads", 1))
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", points_per_chunk)
    assert describing.grid(study()).chunks > 1
    cut = run(study(), workers=Workers("threads", workers))
    for name in whole.data_vars:
        assert cut[name].values.tobytes() == whole[name].values.tobytes(), name
    assert cut.attrs == whole.attrs


def test_one_cell_of_one_point_is_the_run_with_its_key() -> None:
    data = run(study())
    assert data["target_total"].dims == (DOSE, COOPERATIVITY, "replicate", "time_h")
    scenario = replaced(replaced(tiny(), DOSE, 1000.0), COOPERATIVITY, 5.0)
    found, _, _ = read_out_ensemble(
        scenario,
        numbers(scenario),
        TIMES_H,
        SSA(),
        seed=7,
        replicates=1,
        first_replicate=3,
        point_ids=[1 * 3 + 1],  # second dose of two, second cooperativity of three
        varied=(DOSE, COOPERATIVITY),
    )
    at = {DOSE: 1000.0, COOPERATIVITY: 5.0, "replicate": 3}
    for name in ("target_total", "ternary"):
        np.testing.assert_array_equal(data[name].sel(at).values, found[name][0, 0])


def test_more_replicates_leave_the_first_as_they_were() -> None:
    few, many = run(study()), run(study(replicates=6))
    np.testing.assert_array_equal(
        many["target_total"].isel(replicate=slice(4)), few["target_total"]
    )


def test_cells_differ_and_points_do_not_share_their_chance() -> None:
    values = run(study(replicates=6))["target_total"].isel(time_h=0).values.reshape(-1, 6)
    assert all(np.ptp(row) > 0.0 for row in values)
    assert len({row.tobytes() for row in values}) == len(values)


@pytest.mark.parametrize("method", [None, ODE()])
def test_replicates_of_a_deterministic_method_are_refused(method: Any) -> None:
    with pytest.raises(ParameterError, match=r"replicates = 4 needs a stochastic"):
        study(method or ODE())


def test_percent_is_of_the_deterministic_mean() -> None:
    """Without drug, BTK stays at its mean of 20 molecules: 100 % is that, not the cell's own."""
    data = run(study())
    molecules = data["target_total"] * 0.002 * 602.214076
    np.testing.assert_allclose(data["target_total_percent"], 100.0 * molecules / 20.0, rtol=1e-6)
    assert np.isnan(data["ternary_percent"]).all()  # there is none without drug
    assert data["target_total_percent"].attrs["relative_to"] == "vehicle"


def test_fractions_are_of_cells_below_ten_percent() -> None:
    data = run(study())
    data["target_total_percent"][0, 0] = np.array([[50.0], [9.0], [np.nan], [10.0]])
    found = pharmacology.fraction_lost(data)
    np.testing.assert_allclose(found[0, 0], 1.0 / 3.0)
    assert pharmacology.cell_summary(data)["fraction_lost"].iloc[0] == pytest.approx(1.0 / 3.0)


def test_what_auto_chose_stands_in_attrs_and_manifest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    auto = study(Auto(), replicates=2)
    data = run(auto, tmp_path / "whole")
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text(encoding="utf-8"))
    said = manifest["method"]
    assert said["used"] == data.attrs["method"] == repr(SSA())
    assert said["reason"] == data.attrs["method_reason"]
    assert "events expected in all runs together" in said["reason"]
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", 1)
    cut = run(auto)
    assert (cut.attrs["method"], cut.attrs["method_reason"]) == (said["used"], said["reason"])
    np.testing.assert_array_equal(cut["target_total"], run(study(replicates=2))["target_total"])


def test_auto_looks_at_what_is_read_alone() -> None:
    """Many BTK molecules allow Gaussian paths, unless the few complexes are read as well."""
    scenario = Scenario(cell="cll_in_vivo", treatment={"name": "mt-802", "dose_nM": 1000.0})

    def chosen(*observables: str) -> str:
        readout = Readout(observables, (24.0, 48.0))
        ready = describing.prepare(Study(scenario, (), readout, method=Auto(), replicates=1000))
        return str(ready.plan["method"]["used"])

    assert chosen("target_total") == repr(LNA())
    with pytest.warns(MethodWarning, match="degraded comes within"):
        assert chosen("target_total", "degraded") == repr(SSA())
    with pytest.warns(MethodWarning, match="degraded comes within"):
        assert chosen("gone = degraded / target_total") == repr(SSA())


def test_a_summary_leaves_out_percentages_of_nothing() -> None:
    from protacsim.cli.publishing import summary_table
    from protacsim.report.words import column

    whole = study()
    data = run(whole)
    table = summary_table(data)
    assert set(table["observable"]) == {"target_total_percent", "ternary"}
    assert set(table.loc[table["observable"] == "ternary", "units"]) == {"nM"}
    assert (table["cells"] == 4).all()
    for name in table:
        assert "coordinate" not in column(name, data, whole)
    without = data.copy(deep=True)
    without["target_total_percent"][0] = np.nan  # as where nothing of it is active
    assert len(summary_table(without)) == len(table) - table[DOSE].eq(10.0).sum() / 2
    without["target_total"][0] = np.nan  # failed runs stay
    assert len(summary_table(without)) == len(table)


@pytest.mark.parametrize("points_per_chunk", [1, 4, 100])
@pytest.mark.parametrize("method", [SSA(), ODE()])
def test_the_references_that_are_run_are_counted(monkeypatch, method, points_per_chunk) -> None:
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", points_per_chunk)
    asked = study(method, replicates=4 if isinstance(method, SSA) else 1)
    rows = []

    def counting(scenario: Scenario, values: Any, *others: Any, **options: Any) -> Any:
        rows.append(np.size(values[f"compounds.{scenario.treatment.compounds[0].name}.dose_nM"]))
        return read_out(scenario, values, *others, **options)

    monkeypatch.setattr(slab, "read_out", counting)
    run(asked, workers=Workers("threads", 1))
    of_points = 0 if isinstance(method, SSA) else asked.points
    assert references(asked) == sum(rows) - of_points


def test_cells_that_share_a_reference_are_counted_once() -> None:
    """Two doses and three cooperativities of any number of cells: three vehicles."""
    asked = study(SSA(), replicates=6)
    assert references(asked) == 3
    assert references(dataclasses.replace(asked, readout=Readout(times_h=TIMES_H))) == 0
