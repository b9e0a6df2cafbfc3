"""Sensitivity analysis against functions whose indices are known, and closed forms of the model.

Analytic indices: Ishigami's and Sobol's functions from their papers; the lumped hook model by
quadrature; logarithms of products, whose variances add up.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import differentiate, stats

from protacsim import pharmacology, reduced
from protacsim import sensitivity_analysis as sa
from protacsim.errors import ParameterError
from protacsim.scenario import Scenario, full_path, replaced
from protacsim.simulation import simulate
from protacsim.study import SENSITIVITY, Draw, Readout, Sample, Study, designs, run

DOSE = "compound.dose_nM"
KD = "compound.kd_target_nM"
UPTAKE = "compound.unbound_accumulation"
SECONDS = 2**13  # base points of the functions below


def evaluated(sample: Sample, function: Any, **dims: Any) -> xr.Dataset:
    """A result whose variable `y` is a function of the drawn values, each (points,)."""
    whole = slice(0, sample.n)
    columns = [designs.Drawn(sample, i, 1).column(whole, None) for i in range(len(sample.over))]
    return xr.Dataset({"y": (SENSITIVITY, function(*columns))})


def even(count: int, low: float, high: float) -> tuple[Draw, ...]:
    return tuple(Draw(f"x{i}", "uniform", low=low, high=high) for i in range(1, count + 1))


def assert_indices(found: xr.Dataset, name: str, expected: Any) -> None:
    """Within 2 %, of the whole variance where the index is small, and inside the interval."""
    error = np.abs(found[name].values - expected)
    assert (error <= 0.02 * np.maximum(expected, 0.5)).all(), (name, found[name].values)
    assert (error <= 1.5 * found[f"{name}_half_width"].values + 1e-12).all(), name


# Functions from the literature.

A, B = 7.0, 0.1


def ishigami(x1, x2, x3):
    return np.sin(x1) + A * np.sin(x2) ** 2 + B * x3**4 * np.sin(x1)


def ishigami_indices():
    """Ishigami & Homma 1990; variances of each term in closed form."""
    v1 = 0.5 * (1.0 + B * math.pi**4 / 5.0) ** 2
    v2 = A**2 / 8.0
    v13 = B**2 * math.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    whole = v1 + v2 + v13
    return np.array([v1, v2, 0.0]) / whole, np.array([v1 + v13, v2, v13]) / whole, v13 / whole


def test_ishigami():
    sample = sa.design(even(3, -math.pi, math.pi), method="sobol", n=SECONDS)
    assert sample.n == SECONDS * 8
    found = sa.indices(evaluated(sample, ishigami), sample, "y")
    first, total, between = ishigami_indices()
    assert_indices(found, "first", first)
    assert_indices(found, "total", total)
    pair = found["second"].sel(parameter="x1", other_parameter="x3")
    assert float(pair) == pytest.approx(between, abs=0.02)
    assert float(found["second"].sel(parameter="x3", other_parameter="x1")) == float(pair)
    assert found["second"].sel(parameter="x1", other_parameter="x2").item() == pytest.approx(
        0.0, abs=0.02
    )
    assert np.isnan(np.diag(found["second"].values)).all()
    assert found.attrs["base_points"] == SECONDS


def test_the_error_falls_with_the_points():
    first, total, _ = ishigami_indices()

    def error(n):
        sample = sa.design(even(3, -math.pi, math.pi), method="sobol", n=n)
        found = sa.indices(evaluated(sample, ishigami), sample, "y")
        gaps = [found["first"].values - first, found["total"].values - total]
        return float(np.abs(gaps).max()), float(found["total_half_width"].max())

    errors, widths = zip(*(error(n) for n in (64, 512, 4096)), strict=True)
    assert errors[0] > errors[1] > errors[2]
    assert widths[1] < 0.5 * widths[0]
    assert widths[2] < 0.5 * widths[1]


def test_sobol_s_g_function():
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0])

    def g(*x):
        return np.prod([(np.abs(4.0 * u - 2.0) + k) / (1.0 + k) for u, k in zip(x, a, strict=True)],
                       axis=0)  # fmt: skip

    parts = 1.0 / (3.0 * (1.0 + a) ** 2)
    whole = np.prod(1.0 + parts) - 1.0
    sample = sa.design(even(5, 0.0, 1.0), method="sobol", n=SECONDS)
    found = sa.indices(evaluated(sample, g), sample, "y")
    assert_indices(found, "first", parts / whole)
    others = np.array([np.prod(np.delete(1.0 + parts, i)) for i in range(5)])
    assert_indices(found, "total", parts * others / whole)


def test_walks_are_analysed_with_the_seed_they_were_drawn_with():
    sample = sa.design(even(2, 0.0, 1.0), method="morris", n=50)
    whole = slice(0, sample.n)
    first, _ = (designs.Drawn(sample, i, 7).column(whole, None) for i in range(2))
    data = xr.Dataset({"y": (SENSITIVITY, 2.0 * first)}, attrs={"seed": 7})
    found = sa.indices(data, sample, "y")
    assert found["mu_star"].values == pytest.approx([2.0 * 0.75, 0.0], abs=1e-9)
    with pytest.raises(ParameterError, match="drawn with seed 7"):
        sa.indices(data, sample, "y", seed=1)


def test_morris_of_a_line_with_one_interaction():
    """Effects of a plane are its slopes; only what interacts scatters."""

    def plane(x1, x2, x3, x4):
        return 3.0 * x1 - 5.0 * x2 + 0.0 * x3 + 4.0 * x4 * (x1 > 0.5)

    sample = sa.design(even(4, 0.0, 1.0), method="morris", n=400)
    assert sample.n == 400 * 5
    found = sa.indices(evaluated(sample, plane), sample, "y")
    width = 0.75  # from the 1/8 to the 7/8 quantile
    assert found["mu"].values[1] == pytest.approx(-5.0 * width, rel=1e-9)
    assert found["mu_star"].values[1] == pytest.approx(5.0 * width, rel=1e-9)
    assert found["sigma"].values[1] == pytest.approx(0.0, abs=1e-9)
    assert found["mu_star"].values[2] == pytest.approx(0.0, abs=1e-12)
    assert found["mu"].values[3] == pytest.approx(0.5 * 4.0 * width, rel=0.1)
    assert found["sigma"].values[3] == pytest.approx(0.5 * 4.0 * width, rel=0.05)
    assert (found["mu_star_half_width"].values[[0, 3]] > 0.0).all()


def test_morris_of_a_jump_is_more_than_the_jump():
    """An effect is divided by its step (Morris 1991), 2/3 of the grid on four levels."""

    def jump(x1, x2):
        return 100.0 * (x1 > 0.5)

    sample = sa.design(even(2, 0.0, 1.0), method="morris", n=20)
    found = sa.indices(evaluated(sample, jump), sample, "y")
    assert found["mu_star"].values == pytest.approx([100.0 / (2.0 / 3.0), 0.0])


# The lumped hook model: indices by quadrature of its closed form.

RANGES = {"kd_target": (3.0, 300.0), "kd_ligase": (300.0, 30000.0), "rho": (0.3, 30.0)}


def degraded(kd_target, kd_ligase, rho, free=30.0):
    return reduced.hook_degradation(free, kd_target, kd_ligase, rho, 0.03).degraded_steady_state


def quadrature_indices():
    """First and total order indices on a tensor grid of Gauss-Legendre nodes in log space."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    weights = weights / 2.0
    axes = [10.0 ** (np.log10(low) + (nodes + 1.0) / 2.0 * np.log10(high / low))
            for low, high in RANGES.values()]  # fmt: skip
    y = degraded(*np.meshgrid(*axes, indexing="ij"))

    def mean(values, over):
        for axis in sorted(over, reverse=True):
            values = np.tensordot(values, weights, axes=([axis], [0]))
        return values

    overall = mean(y, (0, 1, 2))
    variance = mean((y - overall) ** 2, (0, 1, 2))
    first, total = [], []
    for i in range(3):
        rest = tuple(j for j in range(3) if j != i)
        first.append(weights @ (mean(y, rest) - overall) ** 2 / variance)
        inner = mean((y - np.expand_dims(mean(y, (i,)), i)) ** 2, (i,))
        w = np.multiply.outer(weights, weights)
        total.append((w * inner).sum() / variance)
    return np.array(first), np.array(total)


def test_the_lumped_hook_model():
    first, total = quadrature_indices()
    assert first.sum() < 1.0 < total.sum()
    over = {path: {"distribution": "loguniform", "low": low, "high": high}
            for path, (low, high) in RANGES.items()}  # fmt: skip
    sample = sa.design(over, method="sobol", n=SECONDS)
    found = sa.indices(evaluated(sample, degraded), sample, "y")
    assert_indices(found, "first", first)
    assert_indices(found, "total", total)


# The model itself, through the runner.


def inhibitor(count: int = 25) -> Study:
    """A reversible inhibitor from an endless medium: IC50 = Kd (koff + kdeg)/koff / uptake."""
    scenario = Scenario(
        cell={"name": "molm14", "medium_buffered": True, "atp_uM": 0.0},
        treatment="pirtobrutinib",
    )
    doses = np.geomspace(1e-3, 1e3, count)
    return Study(scenario, {DOSE: doses}, Readout(("target_active",), (240.0,), "vehicle"))


SPANS = {
    KD: {"distribution": "loguniform", "low": 0.3, "high": 3.0},
    UPTAKE: {"distribution": "loguniform", "low": 0.5, "high": 2.0},
    "cell.proteins.BTK.abundance_nM": {"distribution": "uniform", "low": 500.0, "high": 900.0},
}


@pytest.mark.jit_only
def test_the_variance_of_log_ic50_is_that_of_its_factors(tmp_path):
    found = sa.sensitivity(inhibitor(), SPANS, "ic50_nM", n=512, folder=tmp_path / "results")
    decades = np.array([1.0, math.log10(4.0), 0.0]) ** 2
    assert found["first"].dims == ("time_h", "parameter")
    assert found["first"].values[0] == pytest.approx(decades / decades.sum(), abs=0.02)
    assert found["total"].values[0] == pytest.approx(decades / decades.sum(), abs=0.02)
    assert found.attrs["scale"] == "log10"
    assert (tmp_path / "results" / "manifest.json").exists()
    again = sa.sensitivity(inhibitor(), SPANS, "ic50_nM", n=512)
    xr.testing.assert_identical(found, again)


@pytest.mark.jit_only
def test_morris_on_the_model_ranks_alike():
    found = sa.sensitivity(inhibitor(), SPANS, "ic50_nM", method="morris", n=20)
    star = found["mu_star"].values[0]
    assert star[0] == pytest.approx(0.75, rel=0.03)
    assert star[1] == pytest.approx(0.75 * math.log10(4.0), rel=0.03)
    assert star[2] < 0.01


@pytest.mark.jit_only
def test_elasticities_of_the_ic50():
    koff, kdeg = 0.36, math.log(2.0) / 30.0
    expected = {
        KD: 1.0,
        UPTAKE: -1.0,
        "cell.proteins.BTK.half_life_h": -kdeg / (koff + kdeg),
        "cell.proteins.BTK.abundance_nM": 0.0,
    }
    found = sa.elasticities(inhibitor(121), list(expected), "ic50_nM")
    assert found["elasticity"].values[0] == pytest.approx(list(expected.values()), abs=2e-3)


@pytest.mark.jit_only
def test_elasticities_are_derivatives():
    """Against SciPy's adaptive differences of single runs."""
    scenario = Scenario(
        cell="molm14",
        treatment={"name": "mt-802", "dose_nM": 30.0},
        ubiquitination={"chain_length": 1},
    )
    paths = [KD, "cell.proteins.CRBN.abundance_nM", "ubiquitination.k_ub_per_h"]
    found = sa.elasticities(scenario, paths, "target_total", times_h=[4.0, 24.0])
    assert found["elasticity"].dims == ("time_h", "parameter")
    for path in paths:
        base = _value(scenario, path)

        def at_24_h(log_factor, path=path, base=base):
            changed = replaced(scenario, path, base * math.exp(float(log_factor)))
            return math.log(simulate(changed, [24.0])["target_total"].item())

        slope = differentiate.derivative(
            np.vectorize(at_24_h), 0.0, initial_step=0.1, maxiter=4, order=6,
            tolerances={"rtol": 1e-4, "atol": 1e-6},
        )  # fmt: skip
        one = found.sel(parameter=path, time_h=24.0)
        assert float(one["elasticity"]) == pytest.approx(slope.df, rel=2e-3, abs=1e-4)
        assert float(one["error"]) < 1e-2


def _value(scenario: Scenario, path: str) -> float:
    from protacsim.scenario import numbers

    return numbers(scenario)[full_path(scenario, path)]


def test_elasticities_without_drug():
    """Target is what its synthesis makes of it, whatever the ligase."""
    scenario = Scenario(
        cell="molm14",
        treatment={"name": "pirtobrutinib", "dose_nM": 0.0},
    )
    paths = ["cell.proteins.BTK.abundance_nM", "cell.proteins.BTK.half_life_h"]
    found = sa.elasticities(scenario, paths, "target_total", times_h=1.0)
    assert found["elasticity"].values == pytest.approx(np.array([[1.0, 0.0]]), abs=1e-9)


# Uncertainty.


def test_partial_rank_correlation_of_a_linear_model():
    rng = np.random.default_rng(4)
    scores = rng.standard_normal((4000, 3))
    slopes = np.array([2.0, -0.5, 0.0])
    values = np.exp(scores @ slopes + rng.standard_normal(4000))
    expected = slopes / np.sqrt(slopes**2 + 1.0)
    found = sa.partial_rank_correlation(scores, values)
    assert found == pytest.approx(6.0 / math.pi * np.arcsin(expected / 2.0), abs=0.05)
    values[:5] = math.nan
    assert sa.partial_rank_correlation(scores, values) == pytest.approx(found, abs=0.01)
    assert np.isnan(sa.partial_rank_correlation(scores[:4], values[:4])).all()
    assert (sa.partial_rank_correlation(scores, np.ones(4000)) == 0.0).all()


def test_what_one_column_says_wholly_has_a_correlation_of_one():
    scores = np.random.default_rng(5).random((200, 3))
    found = sa.partial_rank_correlation(scores, -np.exp(scores[:, 1]))
    assert found == pytest.approx([0.0, -1.0, 0.0], abs=1e-6)


@pytest.mark.jit_only
def test_another_treatment_does_not_narrow_the_uncertainty_of_the_first():
    def found(treatments: list[str], quantity: str = "dmax_percent") -> xr.Dataset:
        study = Study(
            Scenario(cell="molm14", ubiquitination={"chain_length": 1}),
            {"treatment": treatments, DOSE: np.geomspace(1e-2, 1e5, 8)},
            Readout(relative_to="vehicle"),
        )
        return sa.uncertainty(study, 64, quantities=[quantity])

    alone, both = found(["mt-802"]), found(["mt-802", "guo-rc-1"])
    first = both.isel(treatment=0)
    for name in ("low", "median", "high"):
        assert float(first[name].squeeze()) == float(alone[name].squeeze())
    ranks = alone["rank_correlation"].squeeze()
    assert ranks.size > 5
    there = first["rank_correlation"].sel(parameter=ranks["parameter"].values).squeeze()
    np.testing.assert_array_equal(there, ranks)
    others = [str(name) for name in both["parameter"].values if "guo-rc-1" in str(name)]
    assert others
    assert np.isnan(first["rank_correlation"].sel(parameter=others)).all()


@pytest.mark.jit_only
def test_uncertainty_of_the_library():
    study = Study(
        Scenario(cell="molm14", treatment="mt-802", ubiquitination={"chain_length": 1}),
        {DOSE: np.geomspace(1e-2, 1e5, 15)},
        Readout(relative_to="vehicle"),
    )
    over = sa.library_draws(study)
    assert len(over) > 5
    assert {draw.distribution for draw in over} == {"library"}
    found = sa.uncertainty(study, 128, seed=3)
    base = pharmacology.dose_response(run(study))
    drawn = Study(
        study.scenario, study.axes, study.readout, seed=3,
        samples=(Sample(SENSITIVITY, 128, over, "sobol"),),
    )  # fmt: skip
    curves = pharmacology.dose_response(run(drawn))
    for name in ("dc50_relative_nM", "dmax_percent"):
        one = found.sel(quantity=name).isel(time_h=0)
        assert one["low"] < float(base[name].item()) < one["high"]
        values = curves[name].values.ravel()
        values = values[np.isfinite(values)]
        assert one["members"].item() == values.size == 128 - one["nulls"].item()
        expected = np.quantile(values, [0.05, 0.5, 0.95])
        found_here = [one[key].item() for key in ("low", "median", "high")]
        assert found_here == pytest.approx(expected, rel=1e-12)
        ranks = [stats.spearmanr(curves[d.name], curves[name].values.ravel(), nan_policy="omit")
                 .statistic for d in over]  # fmt: skip
        causes = np.abs(one["rank_correlation"].values)
        assert np.argmax(np.abs(ranks)) in np.argsort(causes)[-3:]
    with pytest.raises(ParameterError, match="too few for"):
        sa.uncertainty(study, 5)


def test_with_a_ki_the_off_rate_is_drawn_and_the_on_rate_follows():
    study = Study(
        Scenario(cell="molm14", treatment="ibrutinib"),
        {DOSE: [0.0, 1.0, 10.0, 100.0]},
        Readout(["target_active"]),
    )
    over = sa.library_draws(study)
    (koff,) = [draw for draw in over if "_target_per" in draw.name]
    assert koff.name == "compounds.ibrutinib.koff_target_per_h"
    # KI 54 nM (30 to 120), kinact 58.32 /h, kon 3.6 /nM/h (0.36 to 36)
    assert koff.median == pytest.approx(54.0 * 3.6 - 58.32)
    spread = stats.lognorm(math.sqrt(math.log1p(koff.cv**2)))
    assert spread.ppf(0.95) / spread.ppf(0.05) == pytest.approx(100.0)
    sample = Sample(SENSITIVITY, 64, over, "sobol")
    data = run(Study(study.scenario, study.axes, study.readout, samples=(sample,)))
    assert (data["status"] == 0).all()
    own = "compounds.ibrutinib."
    for i in (3, 31, 63):
        member = data.isel({SENSITIVITY: i})
        drawn = {draw.name: float(member[draw.name]) for draw in over}
        off, kinact = drawn.pop(koff.name), drawn[f"{own}kinact_per_h"]
        kon = (off + kinact) / drawn.pop(f"{own}ki_target_nM")
        drawn |= {f"{own}kon_target_per_nM_per_h": kon, f"{own}kd_target_nM": off / kon}
        scenario = study.scenario
        for path in sorted(drawn, key=lambda p: "kd_target" not in p):  # Kd first, in place of KI
            scenario = replaced(scenario, path, drawn[path])
        for dose in (1.0, 100.0):
            alone = simulate(replaced(scenario, DOSE, dose), [24.0])["target_active"].item()
            assert member["target_active"].sel({DOSE: dose}).item() == pytest.approx(alone, 1e-7)


def test_a_constant_at_its_bound_says_so():
    treated = Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 9.0})
    with pytest.raises(ParameterError, match="is 1, and the steps of an elasticity lead beyond"):
        sa.elasticities(treated, "compound.productive_fraction")


def test_a_reading_of_zero_has_no_elasticity():
    lost = Scenario(
        cell="molm14", treatment={"name": "ibrutinib", "dose_nM": 10.0},
        target={"name": "BTK", "allele": "C481S"},
    )  # fmt: skip
    with pytest.raises(ParameterError, match="target_covalent has no value above 0"):
        sa.elasticities(lost, "compound.ki_target_nM", "target_covalent")
    start = sa.elasticities(
        replaced(lost, "target.allele", "WT"), "compound.ki_target_nM", "target_covalent",
        times_h=[0.0, 24.0],
    )["elasticity"]  # fmt: skip
    assert np.isfinite(start.values).ravel().tolist() == [False, True]


def test_every_ki_has_draws_of_its_own():
    """Treatments in either order, or an axis, give what each KI gives alone."""
    lost = Scenario(cell="molm14", treatment="ibrutinib", target={"name": "BTK", "allele": "C481S"})
    readout = Readout(["target_active"], relative_to="vehicle")
    kis, doses = (20.0, 1000.0), {DOSE: np.geomspace(0.1, 1e6, 17)}

    def medians(scenario: Scenario, axes: dict[str, Any]) -> list[float]:
        found = sa.uncertainty(
            Study(scenario, {**axes, **doses}, readout), 32, quantities=["ic50_nM"]
        )
        return [float(x) for x in found["median"].values.ravel()]

    path = "compounds.ibrutinib.ki_target_nM"
    alone = [medians(replaced(lost, path, ki), {})[0] for ki in kis]
    treatments = [
        {"name": f"KI {ki:g}", "compounds": ({"name": "ibrutinib", "ki_target_nM": ki},)}
        for ki in kis
    ]
    assert medians(lost, {"treatment": treatments}) == alone
    assert medians(lost, {"treatment": treatments[::-1]}) == alone[::-1]
    assert medians(lost, {path: kis}) == alone
    with pytest.raises(ParameterError, match=r"koff_target_per_h lies around KI kon - kinact"):
        sa.library_draws(Study(lost, {path: kis, **doses}, readout))


@pytest.mark.parametrize("as_axis", [True, False])
def test_a_kon_that_stays_is_refused_beside_draws_of_its_ki(as_axis):
    path = "compounds.ibrutinib.kon_target_per_nM_per_h"
    one = Scenario(cell="molm14", treatment="ibrutinib")
    axes: dict[str, Any] = {path: [4.0, 5.0]} if as_axis else {}
    study = Study(one if as_axis else replaced(one, path, 5.0), {**axes, DOSE: [1.0, 10.0]})
    with pytest.raises(ParameterError, match="Give or vary koff_target_per_h in its place"):
        sa.library_draws(study)
    koff = replaced(one, "compounds.ibrutinib.koff_target_per_h", 100.0)
    names = {draw.name for draw in sa.library_draws(Study(koff, {DOSE: [1.0, 10.0]}))}
    assert not any("_target_per" in name for name in names)


def test_a_drawn_off_rate_lets_an_axis_of_ki_go_anywhere():
    drawn = Draw("compound.koff_target_per_h", "lognormal", median=100.0, cv=1.0)
    axes = {DOSE: [1.0], "compound.ki_target_nM": [1.0, 54.0]}
    scenario = Scenario(cell="molm14", treatment="ibrutinib")
    Study(scenario, axes, Readout(["target_active"]), samples=(Sample("cell_line", 8, (drawn,)),))
    with pytest.raises(ParameterError, match=r"ki_target_nM: .*not above kinact/KI"):
        Study(scenario, axes, Readout(["target_active"]))


# Nulls and mistakes.


def test_a_reading_that_does_not_vary_is_caused_by_nothing():
    sample = sa.design(even(2, 0.0, 1.0), method="sobol", n=16)
    found = sa.indices(evaluated(sample, lambda x1, x2: 3.0 + 0.0 * x1), sample, "y")
    for name in ("first", "total", "first_half_width", "second"):
        assert (found[name].values == 0.0).all()


def test_few_nulls_take_the_mean_and_many_are_refused():
    sample = sa.design(even(2, 0.0, 1.0), method="sobol", n=1024)
    data = evaluated(sample, lambda x1, x2: x1 + 0.1 * x2)
    whole = sa.indices(data, sample, "y")
    data["y"][::150] = math.nan
    few = sa.indices(data, sample, "y")
    assert int(few["nulls"]) == math.ceil(6144 / 150)
    assert few["first"].values == pytest.approx(whole["first"].values, abs=0.03)
    data["y"][::50] = math.nan
    with pytest.raises(ParameterError, match=r"y is null at \d+ of 6144 points; at most 1% may be"):
        sa.indices(data, sample, "y")


@pytest.mark.jit_only
def test_nulls_say_why():
    spans = {KD: {"distribution": "loguniform", "low": 1e-3, "high": 1e4}}
    study = Study(inhibitor().scenario, {DOSE: [1.0, 3.0, 10.0]}, inhibitor().readout)
    with pytest.raises(ParameterError, match=r"ic50_nM is null .* most because of .* dose"):
        sa.sensitivity(study, spans, "ic50_nM", n=32)


@pytest.mark.jit_only
def test_the_fraction_of_responders_is_a_reading():
    patients = Sample("patient", 40, (Draw(KD, "lognormal", median=1.0, cv=0.5),))
    study = Study(inhibitor().scenario, {DOSE: [1.0]}, inhibitor().readout, samples=(patients,))
    spans = {path: SPANS[path] for path in (UPTAKE, "cell.proteins.BTK.abundance_nM")}
    found = sa.sensitivity(study, spans, "target_active_percent below 50", n=64)
    assert found["total"].dims == (DOSE, "time_h", "parameter")
    assert found["total"].values.ravel() == pytest.approx([1.0, 0.0], abs=0.1)
    with pytest.raises(ParameterError, match="needs a sample of members"):
        sa.sensitivity(inhibitor(3), spans, "target_active_percent below 50", n=2)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: sa.sensitivity(s, SPANS, method="fast"), "method is 'fast'; must be 'sobol' or"),
        (lambda s: sa.sensitivity(s, SPANS, n=1), "n is 1; must be at least 2"),
        (lambda s: sa.sensitivity(s, {}), "over"),
        (lambda s: sa.sensitivity(s, {"target.allele": SPANS[KD]}), "is no number"),
        (lambda s: sa.sensitivity(s, {DOSE: SPANS[KD]}), "is varied twice"),
        (lambda s: sa.elasticities(s, [DOSE]), "is varied in the study"),
        (lambda s: sa.elasticities(s, ["cell.volum_pL"]), "cell.volum_pL has no number"),
        (lambda s: sa.elasticities(s, ["cell.atp_uM"]), "cell.atp_uM is 0; an elasticity needs"),
        (lambda s: sa.elasticities(s, [KD], step=0.6), "step is 0.6"),
        (lambda s: sa.elasticities(s.scenario, [KD], print), "give the name of an observable"),
        (lambda s: sa.design(even(2, 0.0, 1.0), method="random", n=8), "method is 'random'"),
        (lambda s: Sample("d", 7, even(2, 0.0, 1.0), "saltelli"), "multiple of"),
        (
            lambda s: Sample(
                "d", 6, even(2, 0.0, 1.0), "morris", ({"between": ["x1", "x2"], "rho": 0.1},)
            ),
            "one path at a time",
        ),
    ],
)
def test_mistakes_are_explained(ask, message):
    with pytest.raises(ParameterError, match=message):
        ask(inhibitor(3))


def test_an_unknown_reading_is_explained():
    with pytest.raises(ParameterError, match="there is no reading 'dc50'; take one of"):
        sa.indices(xr.Dataset(), sa.design(even(2, 0.0, 1.0), method="sobol", n=2), "dc50")


def test_without_salib_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib.analyze", None)
    with pytest.raises(ParameterError, match=r"pip install 'protacsim\[sensitivity\]'"):
        sa.sensitivity(inhibitor(3), SPANS)
