"""Single cells of a scenario, and what is read off them."""

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError, SimulationError
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import ODE, SSA, Hybrid
from protacsim.pharmacology import (
    fano_factor,
    first_passage_h,
    fraction_of_cells,
    mean_and_quantiles,
)
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.simulation import read_out_ensemble, simulate

Floats = NDArray[np.float64]


def ensemble(values: Floats) -> xr.Dataset:
    """(replicates, times) of one observable, hourly from 0 h."""
    times = np.arange(values.shape[1], dtype=float)
    return xr.Dataset(
        {"target_total": (("replicate", "time_h"), values, {"units": "nM"})}, {"time_h": times}
    )


def tiny() -> Scenario:
    """A cell of 2 fL with 20 targets and 4 ligases: small enough for any test."""
    scenario = Scenario(
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
    dosed: Scenario = replaced(scenario, "compound.dose_nM", 1000.0)
    return dosed


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).normal(10, 2, (101, 3))
    found = mean_and_quantiles(ensemble(values), quantiles=(0.1, 0.5))
    np.testing.assert_allclose(found["quantiles"], np.quantile(values, [0.1, 0.5], axis=0))
    np.testing.assert_allclose(found["mean"], values.mean(0))
    np.testing.assert_allclose(found["sd"], values.std(0, ddof=1))
    assert found["sd"].attrs["units"] == "nM"


def test_cells_are_counted_against_their_own_start() -> None:
    values = np.array([[10.0, 5.0, 0.9], [100.0, 9.0, 10.0], [4.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    found = fraction_of_cells(ensemble(values))
    np.testing.assert_allclose(found, [0.0, 1 / 3, 2 / 3])
    half = fraction_of_cells(ensemble(values), loss_percent=50.0)
    np.testing.assert_allclose(half, [0.0, 1 / 3, 1.0])


def test_failed_cells_are_left_out_of_fractions() -> None:
    values = np.array([[10.0, 0.5], [np.nan, np.nan]])
    np.testing.assert_allclose(fraction_of_cells(ensemble(values)), [0.0, 1.0])


def test_first_passage_is_a_time_or_a_reason() -> None:
    values = np.array([[10.0, 4.0, 6.0], [10.0, 9.0, 8.0], [np.nan, np.nan, np.nan]])
    found = first_passage_h(ensemble(values), below=5.0)
    np.testing.assert_array_equal(found["first_passage_h"], [1.0, np.nan, np.nan])
    assert list(found["first_passage_h_reason"].values) == ["", "not_reached", "failed_points"]


def test_fano_factor_counts_molecules() -> None:
    """A Poisson law has 1, in whatever unit it is read."""
    counts = np.random.default_rng(2).poisson(30.0, (20_000, 1)).astype(float)
    found = fano_factor(ensemble(counts / (0.5 * 602.214076)), volume_pL=0.5)
    assert float(found["fano_factor"][0]) == pytest.approx(1.0, abs=0.05)
    nothing = fano_factor(ensemble(np.zeros((3, 1))), volume_pL=0.5)
    assert np.isnan(nothing["fano_factor"][0])
    assert nothing["fano_factor_reason"].values[0] == "zero_reference"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda data: fraction_of_cells(data, "ternary"), "no observable 'ternary'"),
        (lambda data: fraction_of_cells(data, loss_percent=100.0), "loss_percent is 100"),
        (lambda data: fraction_of_cells(data.isel(replicate=0)), "no dim 'replicate'"),
        (lambda data: mean_and_quantiles(data, quantiles=(2.0,)), "quantiles is"),
    ],
)
def test_what_cannot_be_read_says_so(call, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        call(ensemble(np.ones((2, 2))))


def test_a_scenario_as_single_cells() -> None:
    data = simulate(tiny(), [0.0, 0.01], method=SSA(), seed=3, replicates=5, species=True)
    assert data["target_total"].dims == ("replicate", "time_h")
    assert data["compound_cell"].dims == ("replicate", "compound", "time_h")
    assert data["species_amount"].dims == ("replicate", "species", "time_h")
    counts = data["species_amount"].values
    assert (counts == np.round(counts)).all()
    molecules = data["target_total"].values * 0.002 * 602.214076
    np.testing.assert_allclose(molecules, np.round(molecules), atol=1e-9)
    ligase = data["ligase_total"].values * 0.002 * 602.214076
    np.testing.assert_allclose(ligase, 4.0)
    assert data.attrs["method_reason"] == "as asked"


def test_cells_start_from_the_law_without_drug() -> None:
    """Synthesis and loss make a Poisson count; a ligase that is never made is a fixed one."""
    n = 4000 if JIT_ENABLED else 200
    found, ensemble_, _ = read_out_ensemble(
        tiny(), numbers(tiny()), [0.0], SSA(), seed=4, replicates=n
    )
    counts = found["target_total"][0, :, 0] * 0.002 * 602.214076
    assert abs(counts.mean() - 20.0) < 4.5 * np.sqrt(20.0 / n)
    assert abs(counts.var() / 20.0 - 1) < 4.5 * np.sqrt(2.1 / n)
    assert not ensemble_.status.any()
    assert np.ptp(found["ligase_total"]) == 0.0


def test_points_keep_their_own_volume_and_stream() -> None:
    values = numbers(tiny()) | {"cell.volume_pL": np.array([0.002, 0.004])}
    keys = {"seed": 4, "replicates": 2}
    both, _, _ = read_out_ensemble(tiny(), values, [0.01], SSA(), **keys, point_ids=[5, 6])
    one = numbers(tiny()) | {"cell.volume_pL": 0.004}
    alone, _, _ = read_out_ensemble(tiny(), one, [0.01], SSA(), **keys, point_ids=[6])
    np.testing.assert_array_equal(both["target_total"][1:], alone["target_total"])


def test_replicates_of_a_deterministic_run_are_refused() -> None:
    with pytest.raises(ParameterError, match="replicates is 3, but ODE"):
        simulate(tiny(), [1.0], method=ODE(), replicates=3)


def test_a_spent_budget_is_told() -> None:
    with pytest.raises(SimulationError, match="event budget"):
        simulate(tiny(), [0.0, 50.0], method=SSA(solver="direct", max_events=5))


def test_hybrid_runs_a_scenario() -> None:
    data = simulate(tiny(), [0.0, 1.0], method=Hybrid(), replicates=3)
    assert np.isfinite(data["target_total"]).all()
