"""Steady states and gradients of scenarios, against closed forms and long runs."""

import numpy as np
import pytest
from numpy.typing import NDArray

import protacsim as ps
from protacsim import reduced
from protacsim.errors import ParameterError, SimulationError
from protacsim.methods import ODE
from protacsim.network import Network
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.simulation import batch as batches
from protacsim.simulation import differences, gradients, offsets, simulate, solve, steady_state

Floats = NDArray[np.float64]
STRUCTURAL = ("chain_length", "destroyed_from", "chain_on_release", "doses")

PERMEABILITY, VOLUME, ACCUMULATION, DOSE = 3.0, 2.0, 1.7, 50.0
KINACT, KON, KD, KDEG = 0.4, 2.0, 30.0, 0.05


def inhibited(*, buffered: bool = True, **more: object) -> Scenario:
    """A covalent inhibitor in a cell, the medium held constant."""
    compound = {
        "name": "inhibitor", "custom": True, "kind": "covalent", "dose_nM": DOSE,
        "kd_target_nM": KD, "kon_target_per_nM_per_h": KON, "kinact_per_h": KINACT,
        "permeability_pL_per_h": PERMEABILITY, "fraction_unbound_medium": 1.0,
        "fraction_unbound_cell": 1.0, "unbound_accumulation": ACCUMULATION, **more,
    }  # fmt: skip
    cell = {
        "name": "any cell", "custom": True, "volume_pL": VOLUME, "medium_volume_pL": 1e4,
        "medium_buffered": buffered, "atp_uM": 0.0,
        "proteins": {"BTK": {"abundance_nM": 1e-3, "half_life_h": np.log(2.0) / KDEG}},
    }  # fmt: skip
    allele = {"name": "any allele", "custom": True, "covalent_bonding": True, "km_atp_uM": 100.0}
    return Scenario(
        cell=cell,
        target={"name": "BTK", "allele": allele},
        treatment={"compounds": [compound]},
        ubiquitination={"chain_length": 0, "k_proteasome_bound_per_h": 0.0},
    )


# Steady states.


def test_covalent_occupancy_under_turnover() -> None:
    """Exact with the apparent KI, at the unbound concentration that the buffered medium holds."""
    data = steady_state(inhibited(), species=True)
    inside = ACCUMULATION * DOSE
    np.testing.assert_allclose(data.compound_cell.item(), inside, rtol=1e-4)
    ki = (KON * KD + KINACT + KDEG) / KON
    occupied = reduced.covalent_occupancy_steady_state(inside, KINACT, ki, KDEG)
    covalent = data.target_covalent.item() / data.target_total.item()
    np.testing.assert_allclose(covalent, occupied, rtol=1e-4)
    assert "time_h" not in data.dims
    assert dict(data.species_amount.sizes) == {"species": 5}


def test_it_is_where_a_long_run_ends() -> None:
    """A degrader that is set free again, in a medium that it leaves for the cell."""
    drug = {"name": "mt-802", "dose_nM": 100.0}
    scenario = Scenario(cell="molm14", target="BTK", treatment={"compounds": [drug]})
    found, long = steady_state(scenario), simulate(scenario, [3000.0]).isel(time_h=0)
    assert set(found.data_vars) == set(long.data_vars)
    for name in found.data_vars:
        assert found[name].attrs == long[name].attrs
        np.testing.assert_allclose(found[name], long[name], rtol=1e-4, atol=1e-9, err_msg=name)


def test_doses_before_the_start_count_and_later_changes_are_refused() -> None:
    early = steady_state(inhibited(start_h=-12.0))
    np.testing.assert_array_equal(early.target_covalent, steady_state(inhibited()).target_covalent)
    with pytest.raises(ParameterError, match=r"compounds\.inhibitor is dosed at 3 h"):
        steady_state(inhibited(start_h=3.0))
    with pytest.raises(ParameterError, match=r"compounds\.inhibitor\.stop_h is 6 h"):
        steady_state(inhibited(stop_h=6.0))


def test_what_does_not_settle_says_so() -> None:
    """A finite medium is used up by covalent bonds, here over millions of hours."""
    with pytest.raises(SimulationError, match="not steady"):
        steady_state(inhibited(buffered=False))
    with pytest.raises(SimulationError, match="step budget"):
        steady_state(inhibited(), method=ODE(max_steps=2))


# Gradients.


def entered(t: Floats, permeability: float) -> Floats:
    """Drug in a cell (nM) from a medium held constant; the target is too scarce to matter."""
    return np.asarray(ACCUMULATION * DOSE * -np.expm1(-permeability * t / VOLUME))


def entered_slope(t: Floats) -> Floats:
    """Its derivative with respect to ln permeability."""
    moved = PERMEABILITY * t / VOLUME
    return np.asarray(ACCUMULATION * DOSE * moved * np.exp(-moved))


@pytest.mark.parametrize("log", [True, False])
def test_gradients_of_uptake(log: bool) -> None:
    paths = ["compounds.inhibitor.permeability_pL_per_h", "compounds.inhibitor.dose_nM"]
    times = np.array([0.2, 1.0, 3.0])
    found = gradients(inhibited(), paths, times, ["compound_cell"], log=log)
    expected = np.stack([entered_slope(times), entered(times, PERMEABILITY)], axis=-1)
    expected /= 1.0 if log else np.array([PERMEABILITY, DOSE])
    np.testing.assert_allclose(found.compound_cell[:, 0], entered(times, PERMEABILITY), rtol=2e-5)
    np.testing.assert_allclose(found.compound_cell_gradient[0], expected, rtol=1e-4)
    assert found.compound_cell_gradient.dims == ("compound", "time_h", "parameter")
    assert (found.compound_cell_error < 1e-2 * expected).all()


def test_gradients_of_arithmetic_and_of_what_does_not_matter() -> None:
    """The degraded share does not depend on the medium's volume while the medium is held."""
    found = gradients(
        inhibited(), ["cell.medium_volume_pL", "compounds.inhibitor.kinact_per_h"], [24.0],
        ["occupancy = target_covalent / target_total"],
    )  # fmt: skip
    slope = found.occupancy_gradient.sel(time_h=24.0)
    assert abs(slope[0]) < 1e-6
    assert 0.0 < slope[1] < 1.0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("compounds.inhibitor.kinact", r"kinact has no number in the scenario.*kinact_per_h"),
        ("cell.atp_uM", r"cell.atp_uM is 0; .* needs a number above 0"),
        ("ubiquitination.chain_length", r"chain_length decides .* at several values"),
        ("ubiquitination.destroyed_from", r"destroyed_from decides which reactions"),
        ("ubiquitination.chain_on_release", r"chain_on_release decides which reactions"),
        ("compound.doses", r"compound\.doses decides .* doses there are"),
    ],
)
def test_paths_of_gradients_are_checked(path: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gradients(inhibited(), [path], [1.0])


def test_paths_of_gradients_are_named_once() -> None:
    path, other = "compounds.inhibitor.kinact_per_h", "compound.kinact_per_h"
    with pytest.raises(ParameterError, match=rf"^{path} is named twice; keep one\.$"):
        gradients(inhibited(), [path, "cell.volume_pL", path], [1.0])
    with pytest.raises(ParameterError, match=rf"^{path} and {other} are the same number"):
        gradients(inhibited(), [path, other], [1.0])


def own_slope(scenario: Scenario, path: str, times: Floats, name: str, h: float = 0.01) -> Floats:
    """Derivative with respect to the logarithm, from scenarios made anew; error of order h**4."""
    method = ODE(rtol=1e-11, atol_nM=1e-13)

    def at(move: float) -> Floats:
        moved = replaced(scenario, path, numbers(scenario)[path] * float(np.exp(move)))
        return np.asarray(simulate(moved, times, method=method)[name])

    near, far = at(h / 2.0) - at(-h / 2.0), at(h) - at(-h)
    return (8.0 * near - far) / (6.0 * h)


def degraded() -> Scenario:
    """A degrader given twice; chains are erased at times, and proteasomes are few."""
    compound = {
        "name": "degrader", "custom": True, "kind": "degrader", "ligase": "CRBN",
        "kd_target_nM": 10.0, "kd_ligase_nM": 100.0, "kon_target_per_nM_per_h": 2.0,
        "kon_ligase_per_nM_per_h": 3.0, "cooperativity": 2.0, "productive_fraction": 0.5,
        "permeability_pL_per_h": 5.0, "fraction_unbound_cell": 0.5,
        "fraction_unbound_medium": 0.5, "efflux_pL_per_h": 1.0, "ligase_loss_per_h": 0.02,
        "dose_nM": 30.0, "every_h": 4.0, "doses": 2,
    }  # fmt: skip
    proteins = {
        "BTK": {"abundance_nM": 200.0, "half_life_h": 24.0},
        "CRBN": {"abundance_nM": 50.0, "half_life_h": 30.0},
        "proteasome": {"abundance_nM": 20.0},
    }
    cell = {
        "name": "any cell", "custom": True, "volume_pL": 1.0, "medium_volume_pL": 100.0,
        "atp_uM": 500.0, "proteins": proteins,
    }  # fmt: skip
    return Scenario(
        cell=cell,
        target={"name": "BTK", "allele": {"name": "any", "custom": True, "km_atp_uM": 100.0}},
        treatment={"compounds": [compound]},
        ubiquitination={
            "chain_length": 1, "destroyed_from": 1, "chain_on_release": 0.4, "k_ub_per_h": 50.0,
            "k_dub_free_per_h": 20.0, "k_dub_bound_per_h": 5.0, "k_proteasome_free_per_h": 60.0,
            "k_proteasome_bound_per_h": 6.0, "proteasome": "finite", "km_proteasome_nM": 200.0,
        },
    )  # fmt: skip


@pytest.mark.jit_only
def test_each_number_has_a_gradient_or_is_refused() -> None:
    """What scenarios made anew say: no number that matters passes for one that does not."""
    scenario, times = degraded(), np.array([3.0, 9.0])
    positive = {path for path, value in numbers(scenario).items() if value > 0.0}
    refused = {path for path in positive if path.endswith(STRUCTURAL)}
    found = gradients(scenario, sorted(positive - refused), times).target_total_gradient
    assert found.parameter.size > 25
    for path in found.parameter.values:
        expected = own_slope(scenario, path, times, "target_total")
        slope = found.sel(parameter=path)
        np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-4, err_msg=path)
    for path in refused:
        with pytest.raises(ParameterError, match=f"{path} decides which"):
            gradients(scenario, [path], times)


@pytest.mark.parametrize("path", ["kon_target_per_nM_per_h", "ki_target_nM", "kinact_per_h"])
def test_gradients_near_a_bound_take_smaller_steps(path: str) -> None:
    """Kd, which is KI - kinact/kon, is 0.5 % of KI: too little for a step of 5 %."""
    ki = KINACT / KON * 1.005
    scenario = inhibited(kd_target_nM=None, ki_target_nM=ki)
    full, times = f"compounds.inhibitor.{path}", np.array([0.5, 2.0])
    found = gradients(scenario, [full, "compound.dose_nM"], times, ["target_covalent"])
    slopes = found.target_covalent_gradient
    for parameter, own in ((full, full), ("compound.dose_nM", "compounds.inhibitor.dose_nM")):
        expected = own_slope(scenario, own, times, "target_covalent", h=0.002)
        np.testing.assert_allclose(slopes.sel(parameter=parameter), expected, rtol=1e-4)
    close = inhibited(kd_target_nM=None, ki_target_nM=KINACT / KON * 1.0005)
    message = rf"{path} is [\d.]+, so close .* step of 0\.16 % makes koff_target\[inhibitor\] -0"
    with pytest.raises(ParameterError, match=message):
        gradients(close, [full], times)
    assert np.isfinite(gradients(close, [full], times, step=2e-3).target_total_gradient).all()


def test_gradients_of_a_short_exposure() -> None:
    """From 11.5 to 12 h: a dose that is moved by 5 % would come after its own washout."""
    start, stop, times = 11.5, 12.0, np.array([12.7, 14.0])
    paths = ["compound.start_h", "compound.stop_h"]
    scenario = inhibited(start_h=start, stop_h=stop)
    found = gradients(scenario, paths, times, ["compound_cell"])
    given, taken = (ACCUMULATION * DOSE - entered(times - t, PERMEABILITY) for t in (start, stop))
    np.testing.assert_allclose(found.compound_cell[:, 0], taken - given, rtol=1e-4)
    per_h = PERMEABILITY / VOLUME * np.stack([-start * given, stop * taken], axis=-1)
    np.testing.assert_allclose(found.compound_cell_gradient[0], per_h, rtol=1e-3)
    assert (found.compound_cell_error[0] < 0.1 * abs(per_h)).all()


def test_gradients_of_failed_runs_are_refused() -> None:
    with pytest.raises(SimulationError, match="step budget"):
        gradients(inhibited(), ["cell.volume_pL"], [1.0], method=ODE(max_steps=2))


def test_differences_of_a_smooth_function() -> None:
    """`x**2 exp(3 y)` in logarithms of x and y: slopes 2 f and 3 y f, to the fourth order."""
    log_x, log_y = np.log(1.3), np.log(0.7)

    def worst(step: float) -> float:
        x, y = np.exp(np.array([log_x, log_y]) + offsets(2, step)).T
        slopes, error = differences(x**2 * np.exp(3.0 * y), step)
        value = 1.3**2 * np.exp(2.1)
        off = np.abs(slopes - [2.0 * value, 2.1 * value])
        assert (off <= error).all()
        return float(off.max())

    assert worst(0.02) < 1e-5
    assert np.log2(worst(0.2) / worst(0.1)) == pytest.approx(4.0, abs=0.2)
    with pytest.raises(ParameterError, match="step is 0"):
        offsets(2, 0.0)


def test_differences_with_a_step_for_each_variable() -> None:
    """`x**3 y` in x and y; each variable's slope is what it is with its step for both."""
    steps = np.array([0.3, 0.01])

    def found(step: float | Floats) -> tuple[Floats, Floats]:
        x, y = (np.array([2.0, 5.0]) + offsets(2, step)).T
        return differences(x**3 * y, step)

    slopes, error = found(steps)
    np.testing.assert_allclose(slopes, [60.0, 8.0], rtol=1e-10)
    for k, step in enumerate(steps):
        assert (slopes[k], error[k]) == tuple(each[k] for each in found(float(step)))
    with pytest.raises(ParameterError, match="step is"):
        offsets(2, np.array([0.1, 0.0]))


def test_gradients_and_steady_state_are_found_at_the_root() -> None:
    assert (ps.gradients, ps.steady_state) == (gradients, steady_state)


# Blocks.


def test_no_number_depends_on_where_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network("binding")
    net.add("bind", ("A", "B"), "C", "kon")
    net.add("part", "C", ("A", "B"), "koff")
    doses = [batches.Dose(np.linspace(0.0, 1.0, 7), "A", 1.5, False)]
    rates = {"kon": np.geomspace(0.1, 10.0, 7), "koff": 1.0}
    initial = {"A": 2.0, "B": np.linspace(1.0, 3.0, 7)}

    def run() -> list[batches.Solution]:
        times = [0.5, 2.0]
        return [
            solve(net, rates, initial, times, changes=doses, units_per_nM={"A": 1, "B": 2, "C": 3}),
            batches.settle(net, rates, initial),
        ]

    whole = run()
    monkeypatch.setattr(batches, "RUNS_OF_A_BLOCK", 3)
    for one, other in zip(whole, run(), strict=True):
        for field in ("observables", "states", "status", "reached_h", "counters"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), field)
