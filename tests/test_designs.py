"""Samples: what is drawn, that any point can be drawn alone, and what is refused.

Distributions are held against SciPy's own, designs against their defining properties.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from protacsim import config, provenance
from protacsim.errors import ConfigError, ParameterError
from protacsim.scenario import Scenario
from protacsim.study import Axis, Draw, Readout, Sample, Study, designs, run
from protacsim.study.axes import Correlation

DOSE = "compound.dose_nM"
CRBN = "cell.proteins.CRBN.abundance_nM"
BTK = "cell.proteins.BTK.half_life_h"
VOLUME = "cell.volume_pL"
DESIGNS = ("random", "lhs", "sobol")
PATHS = (CRBN, BTK, VOLUME)


def base(**changes: Any) -> Scenario:
    small = {"chain_length": 1}
    return Scenario(**{"cell": "molm14", "treatment": "mt-802", "ubiquitination": small, **changes})


def uniform_sample(n: int = 8, paths: int = 2, **changes: Any) -> Sample:
    over = tuple(Draw(PATHS[i], "uniform", low=0.5, high=2.0) for i in range(paths))
    return Sample(**{"dim": "patient", "n": n, "over": over, **changes})


def drawn(draw: Draw, n: int = 4000, design: str = "random", seed: int = 5) -> np.ndarray:
    """Values of one path."""
    sample = Sample("patient", n, (draw,), design)  # type: ignore[arg-type]
    return designs.Drawn(sample, 0, seed).column(slice(0, n), base())


# A point is a function of seed and place alone.


@given(
    st.sampled_from(DESIGNS),
    st.integers(1, 300),
    st.integers(1, 3),
    st.integers(0, 2**40),
    st.booleans(),
    st.data(),
)
def test_a_stretch_is_the_same_stretch_of_the_whole(design, n, paths, seed, joint, data):
    pairs = tuple(Correlation((PATHS[0], path), 0.5) for path in PATHS[1:paths])
    sample = uniform_sample(n, paths, design=design, correlations=pairs if joint else ())
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    whole = designs.uniforms(sample, seed, slice(0, n))
    part = designs.uniforms(sample, seed, slice(start, stop))
    assert whole.shape == (n, paths)
    assert part.tobytes() == whole[start:stop].tobytes()
    assert ((whole > 0.0) & (whole < 1.0)).all()


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 1000), (255, 257), (256, 512), (300, 999)])
def test_a_long_sobol_sample_is_a_row_of_designs(monkeypatch, start, stop):
    monkeypatch.setattr(designs, "SOBOL_POINTS", 256)
    sample = uniform_sample(1000, 3, design="sobol")
    whole = designs.uniforms(sample, 3, slice(0, 1000))
    part = designs.uniforms(sample, 3, slice(start, stop))
    assert part.tobytes() == whole[start:stop].tobytes()
    assert len(np.unique(whole)) == whole.size
    for block in (whole[:256], whole[256:512], whole[512:768]):
        strata = np.sort(np.floor(block * 256).astype(int), axis=0)
        assert (strata == np.arange(256)[:, None]).all()


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_a_thousand_million_points_are_entered_at_their_end(design):
    sample = uniform_sample(10**9, 2, design=design)
    study = Study(base(), {DOSE: [1.0, 10.0]}, samples=(sample,))
    assert study.points == 2 * 10**9
    end = designs.uniforms(sample, study.seed, slice(10**9 - 5, 10**9))
    before = designs.uniforms(sample, study.seed, slice(10**9 - 9, 10**9 - 3))
    assert end.shape == (5, 2)
    assert end[:2].tobytes() == before[4:].tobytes()


def columns_by_seed_and_dim(design, n):
    """Paths in rows: three of each of four samples that differ in seed or dim."""
    rows = [
        designs.uniforms(uniform_sample(n, 3, design=design, dim=dim), seed, slice(0, n))
        for dim, seed in (("patient", 1), ("patient", 2), ("cell_id", 1), ("cell_id", 12))
    ]
    return np.concatenate(rows, axis=1).T


@pytest.mark.parametrize("design", ["random", "lhs"])
def test_seeds_and_dims_are_independent(design):
    columns = columns_by_seed_and_dim(design, 4096)
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5.0 / 64.0


def test_sobol_designs_of_other_seeds_and_dims_are_scrambled_anew():
    """Point by point they share their first digit; what is estimated from them is independent."""
    columns = columns_by_seed_and_dim("sobol", 256)
    assert len(np.unique(columns)) == columns.size
    sample = uniform_sample(64, 1, design="sobol")
    means = [np.square(designs.uniforms(sample, seed, slice(0, 64))).mean() for seed in range(400)]
    lag = np.corrcoef(means[:-1], means[1:])[0, 1]
    assert abs(lag) < 4.0 / 20.0


def test_another_sample_changes_nothing_of_the_first():
    one = uniform_sample(16)
    other = Sample("cell_id", 3, (Draw("cell.atp_uM", "uniform", low=1.0, high=2.0),))
    axes = {DOSE: [10.0]}
    alone = run(Study(base(), axes, samples=(one,)))
    both = run(Study(base(), axes, samples=(one, other)))
    np.testing.assert_array_equal(alone[CRBN], both[CRBN])


# Marginals.

LOG = math.sqrt(math.log1p(0.4**2))  # sigma of a log-normal with a coefficient of variation of 0.4
MARGINALS = {
    "normal": (Draw(CRBN, "normal", mean=13.0, sd=1.5), stats.norm(13.0, 1.5)),
    "truncated normal": (
        Draw(CRBN, "normal", mean=13.0, sd=6.0, low=5.0, high=15.0),
        stats.truncnorm(-8.0 / 6.0, 2.0 / 6.0, 13.0, 6.0),
    ),
    "normal above": (
        Draw(CRBN, "normal", mean=13.0, sd=6.0, low=14.0),
        stats.truncnorm(1.0 / 6.0, np.inf, 13.0, 6.0),
    ),
    "lognormal": (Draw(CRBN, "lognormal", median=13.0, cv=0.4), stats.lognorm(LOG, scale=13.0)),
    "uniform": (Draw(CRBN, "uniform", low=2.0, high=5.0), stats.uniform(2.0, 3.0)),
    "loguniform": (Draw(CRBN, "loguniform", low=0.1, high=50.0), stats.loguniform(0.1, 50.0)),
    "units": (Draw(CRBN, "uniform", low="2 nM", high="0.005 uM"), stats.uniform(2.0, 3.0)),
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", MARGINALS)
def test_marginals_are_those_of_scipy(name, design):
    draw, expected = MARGINALS[name]
    found = drawn(draw, design=design)
    assert stats.kstest(found, expected.cdf).pvalue > 1e-3
    low, high = designs.Drawn(Sample("p", 9, (draw,)), 0, 1).ends(base())
    assert low == pytest.approx(expected.ppf(1e-9), rel=1e-6)
    assert high == pytest.approx(expected.ppf(1.0 - 1e-9), rel=1e-6)


def test_a_truncated_lognormal():
    found = drawn(Draw(CRBN, "lognormal", median=13.0, cv=0.4, low=10.0, high=20.0))
    whole = stats.lognorm(LOG, scale=13.0)
    first, last = whole.cdf([10.0, 20.0])
    assert 10.0 <= found.min() <= found.max() <= 20.0
    assert stats.kstest(found, lambda x: (whole.cdf(x) - first) / (last - first)).pvalue > 1e-3


def test_the_coefficient_of_variation_is_that_of_the_numbers():
    found = drawn(Draw(CRBN, "lognormal", median=13.0, cv=0.4), n=2**16, design="sobol")
    assert found.std() / found.mean() == pytest.approx(0.4, rel=5e-3)
    assert np.median(found) == pytest.approx(13.0, rel=1e-3)


@given(st.sampled_from([BTK, "compound.kd_target_nM", "compound.cooperativity"]))
def test_a_library_draw_has_the_library_s_quantiles(path):
    scenario = base()
    full = path.replace("compound.", "compounds.mt-802.")
    (fact,) = (c for c in provenance.constants(scenario) if c.path == full)
    quantile = designs.quantiles(Draw(path, "library"), scenario)
    found = quantile(np.array([0.05, 0.5, 0.95]))
    expected = [min(fact.low, fact.value), fact.value, max(fact.high, fact.value)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    grid = np.linspace(1e-9, 1.0 - 1e-9, 4001)
    assert (np.diff(quantile(grid)) >= 0.0).all()


# Correlations.


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.6, 0.99])
def test_normal_scores_are_correlated_as_asked(design, rho):
    over = (
        Draw(CRBN, "lognormal", median=13.0, cv=0.4),
        Draw(BTK, "uniform", low=10.0, high=90.0),
        Draw(VOLUME, "normal", mean=1.0, sd=0.1),
    )
    sample = Sample("patient", 2**14, over, design, (Correlation((BTK, CRBN), rho),))
    whole = slice(0, sample.n)
    columns = [designs.Drawn(sample, i, 1).column(whole, base()) for i in range(3)]
    expected = 6.0 / math.pi * math.asin(rho / 2.0)
    assert stats.spearmanr(columns[0], columns[1]).statistic == pytest.approx(expected, abs=0.02)
    assert stats.spearmanr(columns[0], columns[2]).statistic == pytest.approx(0.0, abs=0.03)
    marginal = stats.kstest(columns[0], stats.lognorm(LOG, scale=13.0).cdf)
    assert marginal.pvalue > 1e-3
    assert stats.kstest(columns[1], stats.uniform(10.0, 80.0).cdf).pvalue > 1e-3


# Designs.


@given(st.integers(1, 200), st.integers(0, 10**6), st.sampled_from([None, 0.6, -0.6]))
def test_a_latin_hypercube_has_one_point_in_every_stratum(n, seed, rho):
    pairs = () if rho is None else (Correlation((PATHS[0], PATHS[2]), rho),)
    sample = uniform_sample(n, 3, design="lhs", correlations=pairs)
    points = designs.uniforms(sample, seed, slice(0, n))
    strata = np.sort(np.floor(points * n).astype(int), axis=0)
    assert (strata == np.arange(n)[:, None]).all()


def test_a_sobol_design_is_more_even_than_a_random_one():
    def discrepancy(design):
        sample = uniform_sample(512, 3, design=design)
        return np.median(
            [
                stats.qmc.discrepancy(designs.uniforms(sample, seed, slice(0, 512)))
                for seed in range(9)
            ]
        )

    assert discrepancy("sobol") < 0.1 * discrepancy("random")


# In a study.


def test_a_sample_is_the_same_as_its_drawn_values_as_zipped_axes():
    sample = Sample(
        "patient",
        7,
        {  # type: ignore[arg-type]
            CRBN: {"distribution": "lognormal", "median": 13.0, "cv": 0.4},
            BTK: {"distribution": "library"},
        },
        "sobol",
    )
    readout = Readout(("target_total", "ternary"), (4.0, 24.0), "vehicle")
    axes = (Axis("target.allele", ("WT", "C481S")), Axis(DOSE, (3.0, 300.0)))
    found = run(Study(base(), axes, readout, samples=(sample,), seed=11))
    assert found["target_total"].dims == ("target.allele", DOSE, "patient", "time_h")
    assert found["patient"].values.tolist() == list(range(7))
    values = {path: tuple(found[path].values.tolist()) for path in (CRBN, BTK)}
    assert {found[path].dims for path in values} == {("patient",)}
    listed = tuple(Axis(path, of, zip="patient") for path, of in values.items())
    expected = run(Study(base(), (*axes, *listed), readout))
    for name in ("target_total", "target_total_percent", "ternary", "status"):
        np.testing.assert_array_equal(found[name].values, expected[name].values)


def test_alleles_with_ranges_of_their_own_share_quantiles():
    """Where a library range differs by treatment, the coordinate is the quantile."""
    over = (Draw("compound.kd_target_nM", "library"),)
    axes = {"treatment": ["mt-802", "p13i"], DOSE: [10.0]}
    found = run(Study(base(), axes, samples=(Sample("design", 5, over, "lhs"),)))
    quantile = found["compound.kd_target_nM quantile"]
    assert quantile.dims == ("design",)
    assert ((quantile > 0.0) & (quantile < 1.0)).all()


# What is refused. Each mistake is one sentence, in Python and in a file.

NORMAL = {"distribution": "normal", "mean": 13.0, "sd": 1.0}
EVEN = {"distribution": "uniform", "low": 1.0, "high": 2.0}
RHO = {"between": [CRBN, BTK], "rho": 0.5}
CONTRADICTION = [
    {"between": [CRBN, BTK], "rho": 0.9},
    {"between": [CRBN, VOLUME], "rho": 0.9},
    {"between": [BTK, VOLUME], "rho": -0.9},
]
MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "distribution": (
        {"over": {CRBN: {**NORMAL, "distribution": "lognorm"}}},
        [f"over.{CRBN}.distribution is 'lognorm'", "'loguniform' or 'library'"],
    ),
    "no distribution": ({"over": {CRBN: {"mean": 1.0}}}, ["distribution is missing"]),
    "missing": ({"over": {CRBN: {"distribution": "normal"}}}, ["needs mean and sd; add mean and"]),
    "odd": ({"over": {CRBN: {**EVEN, "mean": 1.0}}}, ["a uniform distribution has no mean"]),
    "sd": ({"over": {CRBN: {**NORMAL, "sd": -1.0}}}, ["sd = -1 must be above 0"]),
    "cv": (
        {"over": {CRBN: {"distribution": "lognormal", "median": 1.0, "cv": 0.0}}},
        ["cv = 0 must be above 0"],
    ),
    "order": ({"over": {CRBN: {**EVEN, "low": 3.0}}}, ["low = 3 must be below high = 2"]),
    "zero": (
        {"over": {CRBN: {"distribution": "loguniform", "low": 0.0, "high": 1.0}}},
        ["low = 0 must be above 0"],
    ),
    "flag": ({"over": {CRBN: {**NORMAL, "mean": True}}}, ["mean is True", "must be a number"]),
    "unit": (
        {"over": {CRBN: {**NORMAL, "mean": "13 h"}}},
        ["'13 h' has the unit h", "needs nM"],
    ),
    "word": ({"over": {CRBN: "lognormal"}}, [f"{CRBN} is 'lognormal'; must be a table such as"]),
    "library": ({"over": {VOLUME: {"distribution": "library"}}}, ["no range for cell.volume_pL"]),
    "truncation": (
        {"over": {CRBN: {**NORMAL, "low": 100.0, "high": 200.0}}},
        [f"path {CRBN}", "less than 1e-06 of the normal distribution; move them"],
    ),
    "below zero": (
        {"over": {BTK: {"distribution": "normal", "mean": 10.0, "sd": 4.0}}},
        [f"path {BTK}: draws reach -14, but must be above 0 h; give low and high"],
    ),
    "above one": (
        {"over": {"compound.fraction_unbound_cell": {**NORMAL, "mean": 0.9, "sd": 0.02}}},
        ["draws reach 1.02, but must be at most 1; give low and high"],
    ),
    "contradiction": (
        {"over": {CRBN: NORMAL, BTK: EVEN, VOLUME: EVEN}, "correlations": CONTRADICTION},
        ["sample patient: the correlations contradict one another", "closer to 0"],
    ),
    "not drawn": (
        {"over": {CRBN: NORMAL}, "correlations": [RHO]},
        [f"correlation of '{BTK}', which is not drawn"],
    ),
    "rho": (
        {"over": {CRBN: NORMAL, BTK: EVEN}, "correlations": [{**RHO, "rho": 1.0}]},
        ["correlations[1].rho is 1.0; must be below 1"],
    ),
    "one path": (
        {"over": {CRBN: NORMAL}, "correlations": [{**RHO, "between": [CRBN, CRBN]}]},
        ["between: must name two different paths"],
    ),
    "pair twice": (
        {"over": {CRBN: NORMAL, BTK: EVEN}, "correlations": [RHO, RHO]},
        ["is given twice; keep one"],
    ),
    "allele": ({"over": {"target.allele": EVEN}}, ["path target.allele: this is no number"]),
    "cell": ({"over": {"cell": EVEN}}, ["path cell: this is no number"]),
    "switch": ({"over": {"cell.medium_buffered": EVEN}}, ["this is no number"]),
    "treatment": ({"over": {"treatment": EVEN}}, ["path treatment: this is no number"]),
    **{
        field: (
            {"over": {f"ubiquitination.{field}": EVEN}},
            [f"path ubiquitination.{field}: this number decides which reactions", "axis"],
        )
        for field in ("chain_length", "destroyed_from", "chain_on_release")
    },
    "unknown path": (
        {"over": {"cell.proteins.CRBN.abundnce_nM": EVEN}},
        [f"no known path; did you mean '{CRBN}'"],
    ),
    "dim of an axis": ({"dim": DOSE, "over": {CRBN: EVEN}}, [f"dim = '{DOSE}' names something"]),
    "dim of the result": ({"dim": "time_h", "over": {CRBN: EVEN}}, ["dim = 'time_h' names"]),
    "dim of a draw": ({"dim": CRBN, "over": {CRBN: EVEN}}, [f"dim = '{CRBN}' names something"]),
    "dim": ({"dim": "a/b", "over": {CRBN: EVEN}}, ["dim is 'a/b'; a name is"]),
    "same as an axis": (
        {"over": {"compounds.mt-802.dose_nM": EVEN}},
        [f"{DOSE} and compounds.mt-802.dose_nM set the same number; keep one"],
    ),
    "same number": (
        {"over": {CRBN: EVEN, "cell.proteins.CRBN.abundance_copies": EVEN}},
        ["set the same number; keep one"],
    ),
    "axis itself": ({"over": {DOSE: EVEN}}, [f"{DOSE} is varied twice; keep one"]),
    "none": ({"n": 0, "over": {CRBN: EVEN}}, ["n is 0; must be at least 1"]),
    "too many": ({"n": 2 * 10**9, "over": {CRBN: EVEN}}, ["n is 2000000000; must be at most"]),
    "hypercube": (
        {"n": 10**8, "design": "lhs", "over": {CRBN: EVEN}},
        ["sample patient: a Latin hypercube", 'use design = "random" or "sobol"'],
    ),
    "design": (
        {"design": "halton", "over": {CRBN: EVEN}},
        ["design is 'halton'; must be 'random', 'lhs', 'sobol'"],
    ),
    "nothing": ({"over": {}}, ["over"]),
}

HEAD = f"""
schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "{DOSE}"
values = [1.0, 10.0]
"""


def sentence(error: ParameterError) -> str:
    """The one sentence of an error."""
    (line,) = str(error).splitlines()
    assert line.endswith((".", ")")), line
    return line


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_sentence_in_python(name):
    given_, words = MISTAKES[name]
    with pytest.raises(ParameterError) as caught:
        Study(base(), {DOSE: [1.0, 10.0]}, samples=({"dim": "patient", "n": 8, **given_},))
    for word in words:
        assert word in sentence(caught.value)


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_sentence_in_a_file(name, tmp_path: Path):
    given_, words = MISTAKES[name]
    path = tmp_path / "a.toml"
    path.write_text(HEAD + toml_of({"dim": "patient", "n": 8, **given_}))
    assert tomllib.loads(path.read_text())["sample"]
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    for word in words:
        assert word in sentence(caught.value)


def toml_of(sample: dict[str, Any]) -> str:
    """A [[sample]] table."""
    lines = [f"{key} = {_toml(value)}" for key, value in sample.items() if key != "over"]
    lines += [f'over."{path}" = {_toml(entry)}' for path, entry in sample["over"].items()]
    return "\n".join(["[[sample]]", *(lines if sample["over"] else [*lines, "over = {}"])])


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return f'"{value}"'
    return repr(value)


def test_two_samples_of_one_dim_or_one_path():
    one = uniform_sample(8, 1)
    axes = {DOSE: [1.0]}
    again = Draw(CRBN, "uniform", low=1.0, high=2.0)
    with pytest.raises(ParameterError, match="dim = 'patient' names something else"):
        Study(base(), axes, samples=(one, one))
    with pytest.raises(ParameterError, match="is varied twice"):
        Study(base(), axes, samples=(one, Sample("cell_id", 8, (again,))))
    with pytest.raises(ParameterError, match="is drawn twice"):
        Sample("cell_id", 8, (again, again))
