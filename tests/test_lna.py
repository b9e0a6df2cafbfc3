"""Linear noise and hybrid paths against exact moments, exact ensembles, and a naive equation."""

import warnings

import numpy as np
import pytest
import scipy.integrate
from numpy.typing import NDArray

from jump_families import TIMES, birth_death, dimerisation, immigration
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import LNA, SSA, Auto, Hybrid, Stochastic
from protacsim.network import Dose, Network
from protacsim.simulation import Moments, moments, sample, solve

Floats = NDArray[np.float64]

PATHS = 4000 if JIT_ENABLED else 40
FINE = LNA(rtol=1e-6)
HYBRID = Hybrid() if JIT_ENABLED else Hybrid(steps=6)


def variances(found: Moments) -> Floats:
    return np.diagonal(found.covariance[0], axis1=1, axis2=2)


@pytest.mark.parametrize(
    "family", [birth_death(0.1, 0.11, 100), immigration(10.0, 0.1, reset=True)],
    ids=lambda family: family.name,
)  # fmt: skip
def test_moments_of_linear_networks_are_exact(family) -> None:
    found = moments(
        family.network, family.rates, family.initial, TIMES, method=FINE, changes=family.changes
    )
    s = family.network.species.index(family.species)
    np.testing.assert_allclose(found.mean[0, :, s], family.mean, rtol=1e-5)
    np.testing.assert_allclose(variances(found)[:, s], family.variance, rtol=1e-5, atol=1e-4)


def test_moments_of_dimerisation_approach_the_master_equation_with_size() -> None:
    """The relative error of the mean falls as one over volume, that of the variance stays small."""
    errors = []
    for volume in (1.0, 4.0):
        family = dimerisation(int(100 * volume), 0.001, 0.01, volume=volume)
        found = moments(family.network, family.rates, family.initial, TIMES, method=FINE)
        errors.append(np.abs(found.mean[0, :, 0] / family.mean - 1).max())
        assert np.abs(variances(found)[:, 0] / family.variance - 1).max() < 0.15 / volume
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)


def cascade() -> Network:
    """A gene that is on or off, its product, and what the product binds."""
    net = Network("cascade")
    net.add("open", "off", "on", "open")
    net.add("close", "on", "off", "close")
    net.add("transcribe", "on", ("on", "m"), "transcribe")
    net.add("decay", "m", (), "decay")
    net.add("translate", "m", ("m", "P"), "translate")
    net.add("bind", ("P", "D"), "PD", "bind")
    net.add("part", "PD", ("P", "D"), "part")
    net.add("lose", "P", (), "lose")
    net.add("destroy", "PD", "D", "destroy")
    net.add_observable("total", ["P", "PD"])
    net.add_observable("drug", ["D", "PD"])
    return net


RATES = {
    "open": 0.5, "close": 1.5, "transcribe": 30.0, "decay": 1.0, "translate": 60.0,
    "bind": 0.002, "part": 3.0, "lose": 0.3, "destroy": 0.5,
}  # fmt: skip
START = {"off": 1.0, "m": 7.0, "P": 1000.0, "D": 800.0}
DOSES = (Dose(1.0, "D", 600.0, False),)


def right_moments(
    net: Network, rates: dict[str, float], start: dict[str, float], times: list[float]
) -> tuple[Floats, Floats]:
    """Mean (t, n) and covariance (t, n, n): dC/dt = J C + C J' + sum of jumps squared, by SciPy."""
    n, species = len(net.species), net.species
    change = net.stoichiometry().astype(float)
    reactants = [[species.index(s) for s, _ in r.reactants] for r in net.reactions]
    k = np.array([rates[r.rate] for r in net.reactions])

    def equation(_: float, y: Floats) -> Floats:
        mean, cov = y[:n], y[n:].reshape(n, n)
        pace = k * np.array([np.prod(mean[i]) for i in reactants])
        slope = np.zeros((len(k), n))
        for j, places in enumerate(reactants):
            for i in places:
                slope[j, i] = k[j] * np.prod([mean[other] for other in places if other != i])
        jacobian = change @ slope
        spread = change * pace @ change.T
        return np.concatenate([change @ pace, (jacobian @ cov + cov @ jacobian.T + spread).ravel()])

    y = np.concatenate([[start.get(s, 0.0) for s in species], np.zeros(n * n)])
    exact = scipy.integrate.solve_ivp(
        equation, (0, times[-1]), y, "LSODA", times, rtol=1e-9, atol=1e-9
    ).y.T
    return exact[:, :n], exact[:, n:].reshape(-1, n, n)


def furthest(covariance: Floats, right: Floats) -> float:
    """The largest error of a covariance, in the deviations of its two species."""
    deviation = np.sqrt(np.diagonal(right, axis1=1, axis2=2))
    scale = deviation[:, :, None] * deviation[:, None, :]
    return float((np.abs(covariance - right) / scale).max())


@pytest.mark.parametrize(("method", "error"), [(LNA(), 1e-3), (FINE, 1e-5)])
def test_covariance_solves_the_equation_as_it_is_written(method: LNA, error: float) -> None:
    times = [0.5, 3.0]
    mean, covariance = right_moments(cascade(), RATES, START, times)
    found = moments(cascade(), RATES, START, times, method=method)
    np.testing.assert_allclose(found.mean[0], mean, rtol=1e-5, atol=1e-4)
    assert furthest(found.covariance[0], covariance) <= error


@pytest.mark.jit_only
@pytest.mark.parametrize("end_h", [5.0, 20.0, 60.0])
def test_fast_turns_of_the_mean_late_in_a_run_are_followed(end_h: float) -> None:
    """Predators and prey, ten rounds of them; one output at the end."""
    net = Network("predators")
    net.add("birth", "X", {"X": 2}, "a")
    net.add("eat", ("X", "Y"), {"Y": 2}, "b")
    net.add("die", "Y", (), "c")
    rates, start = {"a": 1.0, "b": 1e-6, "c": 1.0}, {"X": 2e6, "Y": 1e6}
    _, covariance = right_moments(net, rates, start, [end_h])
    found = moments(net, rates, start, [end_h])
    assert furthest(found.covariance[0], covariance) < 0.01


def messengers() -> Network:
    net = Network("messengers")
    net.add("decay", "M", (), "d")
    net.add("make", "M", ("M", "P"), "k")
    net.add("lose", "P", (), "l")
    return net


@pytest.mark.parametrize("end_h", [0.01, 1.0, 100.0])
def test_noise_of_a_short_burst_inside_a_long_span_is_kept(end_h: float) -> None:
    """Each of 1,000 messengers makes a geometric number of proteins, ten on average."""
    rates = {"d": 1e3, "k": 1e4, "l": 0.0}
    found = moments(messengers(), rates, {"M": 1000.0}, [end_h])
    assert found.covariance[0, 0, 1, 1] == pytest.approx(1000.0 * 10.0 * 11.0, rel=1e-3)


@pytest.mark.jit_only
def test_hybrid_has_the_mean_where_that_of_scarce_species_bends_within_a_step() -> None:
    d, k, loss, end_h = 7.0, 1000.0, 0.001, 96.0
    runs = sample(messengers(), {"d": d, "k": k, "l": loss}, {"M": 20.0, "P": 1e4}, [end_h],
                  method=Hybrid(), seed=1, replicates=PATHS)  # fmt: skip
    kept = np.exp(-loss * end_h)
    right = 1e4 * kept + 20.0 * k / (d - loss) * (kept - np.exp(-d * end_h))
    proteins = runs.states[0, :, 0, 1]
    assert abs(proteins.mean() - right) < 5.0 * proteins.std() / np.sqrt(PATHS)


def test_noise_of_abundant_species_does_not_reach_the_others() -> None:
    """Independent of a hundred million A: E, which is held, and B, with the variance of Poisson."""
    net = Network("apart")
    net.add_species("E", buffered=True)
    net.add("make", (), "A", "ka")
    net.add("die", "A", (), "da")
    net.add("make B", "E", ("E", "B"), "kb")
    net.add("lose B", "B", (), "db")
    rates = {"ka": 1e8, "da": 1.0, "kb": 100.0, "db": 1.0}
    runs = sample(net, rates, {"A": 1e8, "E": 3.0, "B": 300.0}, np.arange(1.0, 25.0), method=LNA(),
                  seed=1, replicates=PATHS)  # fmt: skip
    e, b = (net.species.index(name) for name in "EB")
    assert (runs.states[0, :, :, e] == 3.0).all()
    assert runs.states[0, :, -1, b].var() == pytest.approx(300.0, rel=6.0 * np.sqrt(2.0 / PATHS))


@pytest.mark.parametrize("method", [LNA(), HYBRID], ids=lambda m: type(m).__name__)
def test_what_runs_to_completion_ends_there(method: Stochastic) -> None:
    """Michaelis and Menten without substrate left: every cell has the same, as in the exact one."""
    net = Network("enzyme")
    net.add("bind", ("E", "S"), "ES", "on")
    net.add("part", "ES", ("E", "S"), "off")
    net.add("turn", "ES", ("E", "P"), "cat")
    rates = {"on": 1e-3, "off": 1.0, "cat": 50.0}
    runs = sample(net, rates, {"E": 1e3, "S": 1e5}, np.linspace(0.0, 100.0, 50), method=method,
                  seed=1, replicates=5)  # fmt: skip
    ends = {name: runs.states[0, :, -1, net.species.index(name)] for name in net.species}
    for name, right in {"E": 1e3, "S": 0.0, "ES": 0.0, "P": 1e5}.items():
        np.testing.assert_allclose(ends[name], right, atol=1e-2, err_msg=name)


@pytest.mark.parametrize("method", [LNA(), HYBRID], ids=lambda m: type(m).__name__)
def test_what_is_set_at_the_start_does_not_vary_there(method: Stochastic) -> None:
    """Ten thousand by a Poisson law, of which 50 are left at once; each survives by itself."""
    net = Network("decay")
    net.add("decay", "A", (), "d")
    changes, kept = [Dose(0.0, "A", 50.0, True)], np.exp(-0.1)
    given = {"changes": changes, "poisson": ["A"]}
    runs = sample(net, {"d": 0.1}, {"A": 1e4}, [0.0, 1.0], method=method, seed=1,
                  replicates=PATHS, **given)  # fmt: skip
    assert (runs.states[0, :, 0, 0] == 50.0).all()
    found = moments(net, {"d": 0.1}, {"A": 1e4}, [0.0, 1.0], **given)
    right = [0.0, 50.0 * kept * (1.0 - kept)]
    np.testing.assert_allclose(found.covariance[0, :, 0, 0], right, rtol=1e-3, atol=1e-9)
    assert runs.states[0, :, 1, 0].var() == pytest.approx(right[1], rel=6.0 * np.sqrt(2.0 / PATHS))


def test_what_is_conserved_does_not_vary() -> None:
    found = moments(cascade(), RATES, START, [0.1, 4.0], changes=DOSES)
    drug = np.array([float(name in ("D", "PD")) for name in cascade().species])
    varying = np.einsum("s,tsr,r->t", drug, found.covariance[0], drug)
    assert np.abs(varying).max() < 1e-9 * variances(found).max()


@pytest.mark.parametrize("method", [LNA(), HYBRID], ids=lambda m: type(m).__name__)
def test_paths_have_the_moments_and_keep_what_is_conserved(method: Stochastic) -> None:
    times = [0.5, 1.0, 4.0]
    runs = sample(cascade(), RATES, START, times, method=method, seed=3, replicates=PATHS,
                  changes=DOSES)  # fmt: skip
    expected = moments(cascade(), RATES, START, times, changes=DOSES)
    mean, variance = expected.mean[0], variances(expected)
    error = np.sqrt(variance / PATHS) + 1e-3
    assert (np.abs(runs.states[0].mean(0) - mean) < 5.0 * error + 0.002 * mean).all()
    spread = runs.states[0].var(0)
    assert (np.abs(spread - variance) < (6.0 * np.sqrt(2 / PATHS) + 0.03) * variance + 1e-2).all()
    drug = runs.observables[0, :, :, 1]
    np.testing.assert_allclose(drug, np.broadcast_to([800.0, 1400.0, 1400.0], drug.shape), atol=0.1)


def test_hybrid_keeps_gene_and_messenger_whole() -> None:
    runs = sample(cascade(), RATES, START, [0.3, 2.0], method=HYBRID, seed=5, replicates=20)
    for name in ("on", "off", "m"):
        x = runs.states[0, :, :, cascade().species.index(name)]
        assert (x == np.round(x)).all()
        assert (x >= 0).all()
    protein = runs.states[0, :, :, cascade().species.index("P")]
    assert (protein != np.round(protein)).any()
    assert runs.events.min() > 0


@pytest.mark.jit_only
def test_hybrid_agrees_with_exact_cells() -> None:
    """Mean within 2 %, variance within 10 %, beyond what finite ensembles differ by."""
    n = 3000
    total = [
        sample(cascade(), RATES, START, [4.0], method=method, seed=seed, replicates=n,
               changes=DOSES).observables[0, :, 0, 0]
        for seed, method in ((1, SSA()), (2, Hybrid()))
    ]  # fmt: skip
    exact, hybrid = total
    assert abs(hybrid.mean() / exact.mean() - 1) < 0.02 + 4 * exact.std() / exact.mean() / n**0.5
    assert abs(hybrid.var() / exact.var() - 1) < 0.10 + 4 * (2 / n) ** 0.5


@pytest.mark.parametrize("method", [LNA(), HYBRID], ids=lambda m: type(m).__name__)
def test_a_path_is_the_same_in_any_company(method: Stochastic) -> None:
    def part(first: int, count: int, points: list[int]) -> Floats:
        bind = np.array([0.002, 0.004])[points]
        return sample(
            cascade(), RATES | {"bind": bind}, START, [1.0, 2.0], method=method, seed=9,
            replicates=count, first_replicate=first, point_ids=[40 + p for p in points],
        ).states  # fmt: skip

    whole = part(0, 4, [0, 1])
    assert part(2, 1, [1]).tobytes() == whole[1:, 2:3].tobytes()
    assert part(1, 3, [0]).tobytes() == whole[:1, 1:].tobytes()


def test_auto_is_exact_where_that_is_cheap_and_says_why() -> None:
    runs = sample(cascade(), RATES, START, [0.05], method=Auto(), seed=1, replicates=2)
    assert runs.method == SSA()
    assert runs.reason.startswith("exact:")


def test_auto_falls_back_on_paths_and_checks_them() -> None:
    few = Auto(most_events=10.0, exact_cells=1)
    runs = sample(cascade(), RATES, START, [0.1], method=few, seed=1, replicates=20)
    assert runs.method == Hybrid()
    assert "SD from zero" in runs.reason
    assert "exact cells per point lie within" in runs.reason


def test_auto_stays_exact_near_zero() -> None:
    """Large batches: 250 molecules with a standard deviation of 112."""
    net = Network()
    net.add("arrive", (), {"A": 100}, "in")
    net.add("lose", "A", (), "out")
    net.add_observable("all", ["A"])
    runs = sample(
        net, {"in": 1.0, "out": 0.4}, {"A": 250.0}, [5.0], method=Auto(most_events=1.0), seed=1,
        replicates=3,
    )  # fmt: skip
    assert runs.method == SSA()
    assert "all comes within 2.2 SD of zero" in runs.reason


def test_auto_warns_when_exact_cells_contradict_it() -> None:
    """A switch that the linear noise cannot see: two states of the cell, each self-sustaining."""
    from protacsim.simulation.choosing import Choice, departure, warn_of

    exact, approximate = np.full((1, 2, 1, 1), 500.0), np.random.default_rng(1).normal(
        100.0, 10.0, (1, 50, 1, 1)
    )  # fmt: skip
    worst = departure(exact, approximate)
    assert worst > 30
    with pytest.warns(UserWarning, match="exact cells lie up to"):
        warn_of(worst, Choice(LNA(), "LNA: so many events"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of(3.0, Choice(LNA(), "LNA: so many events"))


def test_the_mean_is_that_of_the_equations() -> None:
    times = [0.5, 2.0]
    found = moments(cascade(), RATES, START, times, changes=DOSES)
    exact = solve(cascade(), RATES, START, times, changes=DOSES).states
    np.testing.assert_allclose(found.mean, exact, rtol=1e-4, atol=1e-4)
