"""Gene expression: the mean stays what it was; promoter, mRNA and protein follow exact laws."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jump_families import SOLVERS, chi_square
from protacsim import config, provenance, run
from protacsim.entities import Cell, Protein
from protacsim.errors import ConfigError, ParameterError
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import build_network, genes, initial_amounts, rate_constants
from protacsim.methods import LNA, ODE, SSA, Auto, Hybrid, Stochastic
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.simulation import (
    STATUS,
    choose,
    ensembles,
    moments,
    points_of_scenario,
    read_out,
    read_out_ensemble,
    simulate,
)
from protacsim.simulation.referee import FluxTable

Floats = NDArray[np.float64]

CELLS = 5000 if JIT_ENABLED else 40
LN2 = float(np.log(2.0))
PROMOTER = ("BTK_promoter_off", "BTK_promoter_on")
RARE = 1e-4  # seeds are fixed


class Telegraph(NamedTuple):
    """Rates per h, the mean of mRNA, and those of the protein."""

    on: float
    off: float
    decay: float
    copies: float
    loss: float
    protein: float

    def cell(self, volume_pL: float = 0.01, **proteins: Any) -> dict[str, Any]:
        made = {
            "promoter_on_per_h": self.on,
            "promoter_off_per_h": self.off,
            "mrna_half_life_h": LN2 / self.decay,
            "mrna_copies": self.copies,
        }
        protein = {"abundance_copies": self.protein, "half_life_h": LN2 / self.loss}
        return {
            "name": "any cell",
            "custom": True,
            "volume_pL": volume_pL,
            "medium_volume_pL": 40_000.0,
            "atp_uM": 0.0,
            "proteins": {"BTK": {**protein, "expression": made}, **proteins},
        }

    def scenario(self) -> Scenario:
        return Scenario(cell=self.cell())

    @property
    def transcription(self) -> float:
        return self.copies * self.decay * (self.on + self.off) / self.on

    def covariance(self) -> Floats:
        """Stationary covariance of (promoter on, mRNA, protein): the Lyapunov equation by hand."""
        made, translated = self.transcription, self.protein * self.loss / self.copies
        turning, open_now = self.on + self.off, self.on / (self.on + self.off)
        drift = np.array(
            [[-turning, 0.0, 0.0], [made, -self.decay, 0.0], [0.0, translated, -self.loss]]
        )
        noise = 2.0 * np.diag(
            [
                turning * open_now * (1 - open_now),
                self.decay * self.copies,
                self.loss * self.protein,
            ]
        )
        found: Floats = scipy.linalg.solve_continuous_lyapunov(drift, -noise)
        return found

    def mrna_law(self, most: int) -> Floats:
        """Peccoud and Ycart: Poisson, its mean spread by a Beta law; by Gauss-Jacobi quadrature."""
        a, b = self.on / self.decay, self.off / self.decay
        nodes, weights = scipy.special.roots_jacobi(120, b - 1, a - 1)
        mean = self.transcription / self.decay * (1 + nodes) / 2
        weights /= weights.sum()
        law: Floats = scipy.stats.poisson.pmf(np.arange(most)[:, None], mean) @ weights
        return law


BURSTY = Telegraph(on=0.4, off=1.3, decay=0.8, copies=4.0, loss=0.25, protein=50.0)
METHODS = [SSA(solver="rejection"), SSA(solver="direct"), Hybrid(), LNA()]


def named(method: Stochastic) -> str:
    return f"{type(method).__name__} {getattr(method, 'solver', '')}".strip()


def cells(
    scenario: Scenario, times_h: list[float], method: Stochastic, **keys: Any
) -> tuple[dict[str, Floats], Any]:
    """Counts by species, (replicates, t), and the ensemble."""
    options = {"seed": 4, "replicates": CELLS, "states": True, **keys}
    _, runs, compiled = read_out_ensemble(
        scenario, numbers(scenario), np.array(times_h), method, **options
    )
    return {name: runs.states[0, :, :, i] for i, name in enumerate(compiled.species)}, runs


# Laws.


@pytest.mark.jit_only
@pytest.mark.parametrize("method", METHODS, ids=named)
def test_moments_are_those_of_the_closed_forms_at_all_times(method: Stochastic) -> None:
    """The network is linear: mean and covariance hold for exact cells, paths and mixtures alike.

    Cells start from the stationary law, so the numbers are the same at 0 h and later.
    """
    found, runs = cells(BURSTY.scenario(), [0.0, 3.0], method)
    assert not runs.status.any()
    mean = np.array([BURSTY.on / (BURSTY.on + BURSTY.off), BURSTY.copies, BURSTY.protein])
    expected = BURSTY.covariance()
    x = np.stack([found[name] for name in (PROMOTER[1], "BTK_mrna", "BTK")])
    for when in range(2):
        deviation = x[..., when] - mean[:, None]
        error = np.sqrt(np.diag(expected) / CELLS)
        assert (np.abs(deviation.mean(1)) < 4.5 * error).all()
        for i, j in np.ndindex(3, 3):
            product = deviation[i] * deviation[j]
            spread = product.std() / np.sqrt(CELLS)
            assert abs(product.mean() - expected[i, j]) < 4.5 * spread, (when, i, j)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("gene", [BURSTY, Telegraph(0.1, 0.2, 1.0, 3.0, 0.5, 20.0)])
def test_messengers_follow_the_law_of_peccoud_and_ycart(gene: Telegraph, solver: Any) -> None:
    found, _ = cells(gene.scenario(), [0.0, 2.0], SSA(solver=solver))
    law = np.cumsum(gene.mrna_law(200))
    edges = np.arange(25.0)
    for when in range(2):
        x = found["BTK_mrna"][:, when]
        assert chi_square(x, edges, law[:25], CELLS) > RARE


def test_proteins_follow_the_master_equation_in_full() -> None:
    """The stationary law of (promoter, mRNA, protein), its generator written out by hand."""
    gene = Telegraph(on=0.5, off=1.0, decay=1.0, copies=1.0, loss=0.6, protein=4.0)
    most_m, most_p = 14, 36
    shape = (2, most_m, most_p)
    size = 2 * most_m * most_p
    generator = np.zeros((size, size))
    for state in np.ndindex(shape):
        on, m, p = state
        moves = [
            ((1 - on, m, p), gene.off if on else gene.on),
            ((on, m + 1, p), gene.transcription * on),
            ((on, m - 1, p), gene.decay * m),
            ((on, m, p + 1), gene.protein * gene.loss / gene.copies * m),
            ((on, m, p - 1), gene.loss * p),
        ]
        i = np.ravel_multi_index(state, shape)
        for goal, rate in moves:
            if rate and goal[1] < most_m and goal[2] < most_p:
                generator[i, np.ravel_multi_index(goal, shape)] += rate
                generator[i, i] -= rate
    closed = generator.T.copy()
    closed[-1] = 1.0
    law = np.linalg.solve(closed, np.eye(size)[-1]).reshape(shape)
    found, _ = cells(gene.scenario(), [0.0, 1.0], SSA())
    for when in range(2):
        x = found["BTK"][:, when]
        assert chi_square(x, np.arange(20.0), np.cumsum(law.sum((0, 1)))[:20], CELLS) > RARE


def test_a_promoter_is_either_on_or_off() -> None:
    for method in (SSA(), Hybrid()):
        found, _ = cells(BURSTY.scenario(), [0.0, 0.5, 4.0], method, replicates=50)
        off, on = (found[name] for name in PROMOTER)
        assert set(np.unique(on)) == {0.0, 1.0}
        assert (on + off == 1.0).all()


def test_a_promoter_that_never_closes_needs_no_states() -> None:
    """Then mRNA is Poisson, and the protein's variance has one term less."""
    gene = BURSTY._replace(off=0.0)
    assert not set(PROMOTER) & set(build_network(gene.scenario()).species)
    kept = build_network(gene.scenario(), ["cell.proteins.BTK.expression.promoter_off_per_h"])
    assert set(PROMOTER) <= set(kept.species)
    found, _ = cells(gene.scenario(), [0.0], SSA())
    x = found["BTK_mrna"][:, 0]
    law = scipy.stats.poisson(gene.copies).cdf(np.arange(12.0))
    assert chi_square(x, np.arange(12.0), law, CELLS) > RARE
    protein = found["BTK"][:, 0]
    burst = gene.protein * gene.loss / gene.copies / (gene.loss + gene.decay)
    error = np.sqrt((scipy.stats.moment(protein, 4) - protein.var() ** 2) / CELLS)
    assert abs(protein.var() - gene.protein * (1 + burst)) < 4.5 * error


# The mean.

rate = st.floats(0.01, 50.0)


@given(rate, rate | st.just(0.0), rate, rate, st.floats(0.5, 200.0), st.floats(0.0, 1e6))
def test_any_constants_are_at_rest_without_drug(
    on: float, off: float, decay: float, copies: float, half_life: float, protein: float
) -> None:
    gene = Telegraph(on, off, decay, copies, LN2 / half_life, protein)
    ligase = {"CRBN": gene.cell()["proteins"]["BTK"]}
    scenario = Scenario(cell=gene.cell(**ligase), treatment={"name": "mt-802", "dose_nM": 0.0})
    net = build_network(scenario)
    compiled = net.compile()
    assert {"BTK_mrna", "CRBN_mrna"} <= set(net.species)
    k = compiled.rate_vector(rate_constants(scenario, numbers(scenario)))
    amounts = initial_amounts(scenario, numbers(scenario))
    y = compiled.state_vector({name: amounts.get(name, 0.0) for name in net.species})
    flux = FluxTable(net, compiled).flux(k, y)
    moved = net.stoichiometry() @ flux
    assert np.abs(moved).max() <= 1e-9 * max(1.0, flux.max())
    assert y[net.species.index("BTK")] == protein


@pytest.mark.jit_only
def test_deterministic_runs_are_what_they_were() -> None:
    """mRNA stays at its mean, so that the protein is made at the constant rate of before."""
    plain = Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 300.0})
    made = expressed_in("molm14", treatment={"name": "mt-802", "dose_nM": 300.0})
    times = np.array([0.0, 1.0, 6.0, 24.0, 72.0])
    tight = ODE(rtol=1e-9)
    before, _, _ = read_out(plain, numbers(plain), times, tight)
    after, _, _ = read_out(made, numbers(made), times, tight)
    for name in ("target_total", "ternary", "degraded", "compound_cell[mt-802]"):
        np.testing.assert_allclose(after[name], before[name], rtol=2e-7, atol=1e-9)
    np.testing.assert_allclose(after["target_mrna"], 17.0, rtol=1e-9)
    assert (before["target_mrna"] == 0.0).all()


def expressed_in(cell: str, own: dict[str, Any] | None = None, **fields: Any) -> Scenario:
    return Scenario(cell={"name": cell, "proteins": {"BTK": {"expression": own or {}}}}, **fields)


def test_linear_noise_knows_the_stationary_covariance() -> None:
    scenario = BURSTY.scenario()
    net = build_network(scenario)
    constants = rate_constants(scenario, numbers(scenario))
    found = moments(
        net,
        {name: constants[name] for name in net.rates},
        initial_amounts(scenario, numbers(scenario)),
        [0.0, 5.0],
        genes=genes(scenario, net.species),
    )
    rows = [net.species.index(name) for name in (PROMOTER[1], "BTK_mrna", "BTK")]
    for when in range(2):
        block = found.covariance[0, when][np.ix_(rows, rows)]
        np.testing.assert_allclose(block, BURSTY.covariance(), rtol=1e-4)


# With drug.


@pytest.mark.jit_only
@pytest.mark.parametrize("copies", [6.0, 60.0], ids=["few messengers", "many messengers"])
def test_hybrid_agrees_with_exact_cells_under_a_degrader(copies: float) -> None:
    """Mean within 2 %, variance within 10 %, beyond what finite ensembles differ by.

    With 60 messengers only the promoter is scarce; mRNA follows it by Gaussian paths.
    """
    gene = Telegraph(on=0.3, off=1.5, decay=0.5, copies=copies, loss=0.1, protein=1500.0)
    scenario = Scenario(
        cell=gene.cell(0.02, CRBN={"abundance_copies": 60.0}),
        treatment={"name": "mt-802", "dose_nM": 100.0, "kon_target_per_nM_per_h": 0.02,
                   "kon_ligase_per_nM_per_h": 0.02, "permeability_pL_per_h": 0.01},
    )  # fmt: skip
    n, times = 400, [0.0, 2.0, 6.0]
    exact, hybrid = (
        cells(scenario, times, method, seed=seed, replicates=n)
        for seed, method in ((1, SSA()), (2, Hybrid()))
    )
    whole = [name for name, x in hybrid[0].items() if (x == np.round(x)).all()]
    assert (set(PROMOTER) | ({"BTK_mrna"} if copies < 30 else set())) <= set(whole)
    total = [sum(x for name, x in found.items() if is_target(name)) for found, _ in (exact, hybrid)]
    mean, variance = ([x.mean(0) for x in total], [x.var(0) for x in total])
    assert mean[0][-1] < 0.9 * mean[0][0]
    assert (variance[0] > 4.0 * mean[0]).all()  # far more than Poisson
    slack = 4 * np.sqrt(2.0 * variance[0] / n) / mean[0]
    assert (np.abs(mean[1] / mean[0] - 1) < 0.02 + slack).all()
    fourth = scipy.stats.moment(total[0], 4, axis=0)
    wide = 4 * np.sqrt(2.0 * (fourth - variance[0] ** 2) / n) / variance[0]
    assert (np.abs(variance[1] / variance[0] - 1) < 0.10 + wide).all()


def is_target(species: str) -> bool:
    return species.startswith("BTK") and "promoter" not in species and "mrna" not in species


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_a_cell_is_the_same_in_any_company(method: Stochastic) -> None:
    def part(first: int, count: int) -> Floats:
        _, runs = cells(
            BURSTY.scenario(), [0.0, 1.0], method, replicates=count, first_replicate=first
        )
        found: Floats = runs.states
        return found

    whole = part(0, 5)
    assert len({cell.tobytes() for cell in whole[0]}) == 5
    assert part(3, 2).tobytes() == whole[:, 3:].tobytes()


@pytest.mark.parametrize("method", [SSA(max_events=500), Hybrid()], ids=named)
def test_a_promoter_too_fast_to_follow_ends_with_a_status(
    monkeypatch: pytest.MonkeyPatch, method: Stochastic
) -> None:
    monkeypatch.setattr(ensembles, "MOST_JUMPS", 500)
    fast = BURSTY._replace(on=1e9, off=1e9)
    _, runs = cells(fast.scenario(), [0.0], method, replicates=1)
    assert STATUS[int(runs.status[0, 0])][0] == "event_budget"
    assert np.isnan(runs.states).all()


# As users write it.


def test_paths_lead_to_every_constant() -> None:
    scenario = expressed_in("cll_in_vivo", {"mrna_copies": 5.0})
    path = "cell.proteins.BTK.expression."
    found = {p.removeprefix(path): x for p, x in numbers(scenario).items() if p.startswith(path)}
    assert set(found) == {
        "promoter_on_per_h", "promoter_off_per_h", "mrna_half_life_h", "mrna_copies",
    }  # fmt: skip
    assert found["mrna_copies"] == 5.0
    changed = replaced(scenario, f"{path}promoter_on_per_h", 2.0)
    assert numbers(changed)[f"{path}promoter_on_per_h"] == 2.0
    by_path = {entry.path: entry.confidence for entry in provenance.constants(scenario)}
    assert by_path[f"{path}mrna_copies"] == "given"
    assert by_path[f"{path}mrna_half_life_h"] == "assumed"


def test_what_is_left_open_is_filled_without_touching_the_given_noun() -> None:
    mine = Protein("BTK", abundance_copies=10.0, half_life_h=5.0, expression={})  # type: ignore[arg-type]
    cell = Cell("mine", volume_pL=1.0, medium_volume_pL=1.0, atp_uM=0.0, proteins=(mine,))
    filled = Scenario(cell=cell).cell.protein("BTK")
    assert filled is not None
    assert filled.expression is not None
    assert filled.expression.mrna_copies == 17.0
    assert mine.expression is not None
    assert mine.expression.mrna_copies is None


def test_expression_without_turnover_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"expression needs half_life_h"):
        Scenario(
            cell={"name": "molm14", "proteins": {"CRBN": {"expression": {}}}}, treatment="mt-802"
        )
    with pytest.raises(ParameterError, match=r"mrna_copies is 0.0; must be above 0"):
        expressed_in("molm14", {"mrna_copies": 0.0})


CONFIG = """
schema = "protacsim/1"
[scenario]
[scenario.cell]
name = "molm14"
[scenario.cell.proteins.BTK.expression]
mrna_half_life_h = "30 min"
[[axis]]
path = "cell.proteins.BTK.expression.mrna_copies"
values = [5.0, 50.0]
[[treatment]]
compounds = [{ name = "ibrutinib", dose_nM = 10.0 }]
[readout]
observables = ["target_total", "target_mrna"]
times_h = [0.0, 1.0]
"""


def test_configurations_vary_it_and_read_messengers(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(CONFIG, encoding="utf-8")
    data = run(config.load(file).study)
    assert data["target_mrna"].attrs["units"] == "molecules/cell"
    np.testing.assert_allclose(data["target_mrna"].values, [[5.0, 5.0], [50.0, 50.0]], rtol=1e-6)
    file.write_text(CONFIG.replace("mrna_half_life_h", "mrna_halflife_h"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"did you mean 'mrna_half_life_h'"):
        config.load(file)


def test_one_run_holds_messengers_as_counts() -> None:
    data = simulate(BURSTY.scenario(), [0.0, 1.0], method=SSA(), seed=3, replicates=4)
    found = data["target_mrna"].values
    assert found.shape == (4, 2)
    assert (found == np.round(found)).all()


def test_auto_asks_more_of_what_is_gaussian_than_of_what_is_exact() -> None:
    """Protein noise around few messengers is Gaussian, the spread that they bring about is not.

    A spread of half the mean is left to exact messengers, one as wide as the mean is not.
    """

    def chosen(gene: Telegraph) -> Stochastic:
        runs = points_of_scenario(gene.scenario(), numbers(gene.scenario()), [1.0])
        found: Stochastic = choose([runs], Auto(most_events=1.0), 1000, ["target_total"]).method
        return found

    spread = Telegraph(on=0.4, off=0.6, decay=0.5, copies=10.0, loss=0.2, protein=4000.0)
    assert 2.0 < distance_from_zero(spread) < 4.0
    assert chosen(spread) == Hybrid()
    wide = spread._replace(on=0.05, off=0.2)
    assert distance_from_zero(wide) < 2.0
    assert isinstance(chosen(wide), SSA)


def distance_from_zero(gene: Telegraph) -> float:
    return gene.protein / float(gene.covariance()[2, 2]) ** 0.5
