"""Published stochastic test families in closed form, and the bound that exact samples must meet.

Birth and death, immigration and death, dimerisation, batch immigration (the families of the
discrete stochastic models test suite, Evans et al. 2008, doi 10.1093/bioinformatics/btm566), with
sources, sinks, volumes and a timed change. `python tests/jump_families.py` works out the bound on
`max |Z|` from null suites, drawn by step-wise exact samplers that share nothing with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.stats import chisquare

from protacsim.network import Dose, Network

Floats = NDArray[np.float64]
Step = Callable[[NDArray[np.int64], int, np.random.Generator], NDArray[np.int64]]

TIMES = np.arange(1.0, 51.0)
REPLICATES = 10_000
SOLVERS = ("rejection", "direct")

# 99 % of null suites stay below: 9 cases, 2 solvers, mean and variance at 50 times each; worked
# out by `null_bound()` before any of the package's samples were looked at.
BOUND = {"mean": 4.30, "variance": 4.37}


@dataclass(frozen=True, eq=False)
class Family:
    """One case: how the package is asked, its exact moments at TIMES, and an exact sampler."""

    name: str
    network: Network
    rates: dict[str, float]
    initial: dict[str, float]
    mean: Floats
    variance: Floats
    step: Step
    species: str = "X"
    changes: tuple[Dose, ...] = ()

    @property
    def start(self) -> int:
        return int(self.initial.get(self.species, 0.0))


def birth_death(birth: float, death: float, start: int) -> Family:
    net = Network("birth and death")
    net.add("birth", "X", {"X": 2}, "birth")
    net.add("death", "X", (), "death")
    growth = np.exp((birth - death) * TIMES)
    spread = (birth + death) / (birth - death)
    grown = np.exp(birth - death)
    # One unit of time: each cell line dies out with probability a, else is geometric in 1 - b.
    a = death * (grown - 1) / (birth * grown - death)
    b = birth * (grown - 1) / (birth * grown - death)

    def step(x: NDArray[np.int64], _: int, rng: np.random.Generator) -> NDArray[np.int64]:
        lines = rng.binomial(x, 1 - a)
        more = rng.negative_binomial(np.maximum(lines, 1), 1 - b)
        return np.where(lines > 0, lines + more, 0)

    return Family(
        f"birth and death {birth:g} {death:g} from {start}", net,
        {"birth": birth, "death": death}, {"X": float(start)},
        start * growth, start * spread * growth * (growth - 1), step,
    )  # fmt: skip


def immigration(rate: float, death: float, *, volume: float = 1.0, reset: bool = False) -> Family:
    """A buffered source of `volume` feeds X; with `reset` X is set to 50 at t = 25."""
    net = Network("immigration and death")
    net.add_species("source", buffered=True)
    net.add_species("sink", buffered=True)
    net.add("immigration", "source", ("source", "X"), "immigration")
    net.add("death", "X", "sink", "death")
    kept = np.exp(-death * TIMES)
    mean = variance = rate * volume / death * (1 - kept)
    if reset:
        late = TIMES >= 25
        kept = np.exp(-death * (TIMES - 25))
        after = rate * volume / death * (1 - kept)
        mean = np.where(late, 50 * kept + after, mean)
        variance = np.where(late, 50 * kept * (1 - kept) + after, variance)

    def step(x: NDArray[np.int64], t: int, rng: np.random.Generator) -> NDArray[np.int64]:
        if reset and t == 25:
            return np.full_like(x, 50)
        p = np.exp(-death)
        return rng.binomial(x, p) + rng.poisson(rate * volume / death * (1 - p), x.size)

    changes = (Dose(25.0, "X", 50.0, True),) if reset else ()
    return Family(
        f"immigration {rate:g} death {death:g} volume {volume:g}{' reset' if reset else ''}", net,
        {"immigration": rate, "death": death}, {"source": volume}, mean, variance, step,
        changes=changes,
    )  # fmt: skip


def batches(size: int, death: float) -> Family:
    """Immigration of `size` at once, one batch per unit of time."""
    net = Network("batch immigration")
    net.add("immigration", (), {"X": size}, "immigration")
    net.add("death", "X", (), "death")
    kept, plateau = np.exp(-death * TIMES), size / death

    def step(x: NDArray[np.int64], _: int, rng: np.random.Generator) -> NDArray[np.int64]:
        arrived = rng.poisson(1.0, x.size)
        owner = np.repeat(np.arange(x.size), arrived)
        left = rng.binomial(size, np.exp(-death * rng.random(owner.size)))
        return rng.binomial(x, np.exp(-death)) + np.bincount(owner, left, x.size).astype(np.int64)

    return Family(
        f"batches of {size}", net, {"immigration": 1.0, "death": death}, {},
        plateau * (1 - kept),
        plateau * ((size + 1) / 2 - kept - (size - 1) / 2 * kept**2), step,
    )  # fmt: skip


def dimerisation(start: int, on: float, off: float, *, volume: float = 1.0) -> Family:
    """2 P <-> P2 with propensity on / volume * P (P - 1) / 2; moments from the master equation."""
    net = Network("dimerisation")
    net.add("dimerise", {"P": 2}, "P2", "on")
    net.add("split", "P2", {"P": 2}, "off")
    dimers = np.arange(start // 2 + 1)
    monomers = start - 2 * dimers
    up = on / volume * monomers * (monomers - 1) / 2
    down = off * dimers
    generator = np.diag(-(up + down)) + np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    one = expm(generator)
    law, mean, variance = np.eye(len(dimers))[0], [], []
    for _ in TIMES:
        law = law @ one
        mean.append(law @ monomers)
        variance.append(law @ (monomers - mean[-1]) ** 2)
    cumulative = np.cumsum(one, axis=1)

    def step(x: NDArray[np.int64], _: int, rng: np.random.Generator) -> NDArray[np.int64]:
        state, chance = (start - x) // 2, rng.random(x.size)
        after = np.empty_like(x)
        for value in np.unique(state):
            here = state == value
            after[here] = np.searchsorted(cumulative[value], chance[here])
        return start - 2 * np.minimum(after, start // 2)

    return Family(
        f"dimerisation of {start} volume {volume:g}", net,
        {"on": on / volume / 2, "off": off}, {"P": float(start)},
        np.array(mean), np.array(variance), step, species="P",
    )  # fmt: skip


def families() -> list[Family]:
    return [
        birth_death(0.1, 0.11, 100),
        birth_death(1.0, 1.1, 100),
        immigration(1.0, 0.1),
        immigration(10.0, 0.1, volume=3.0),
        immigration(1.0, 0.1, reset=True),
        batches(5, 0.2),
        batches(100, 0.4),
        dimerisation(100, 0.001, 0.01),
        dimerisation(400, 0.001, 0.01, volume=4.0),
    ]


def scores(family: Family, x: Floats) -> tuple[Floats, Floats]:
    """Z of the means and of the variances (fourth-moment standard error) of x (replicates, t)."""
    n = len(x)
    mean, varies = family.mean, family.variance > 0
    deviation = x - mean
    second, fourth = (deviation**2).mean(0), (deviation**4).mean(0)
    of_mean = deviation.mean(0) / np.sqrt(np.where(varies, family.variance, 1.0) / n)
    error = np.sqrt(np.maximum(fourth - second**2, 1e-300) / n)
    return of_mean[varies], ((second - family.variance) / error)[varies]


def chi_square(values: Floats, edges: Floats, cdf: Floats, n: int) -> float:
    """The p-value of counts in the cells that `edges` (upper ends, a last one is open) make."""
    expected = n * np.diff(np.concatenate([[0.0], cdf, [1.0]]))
    cells = np.searchsorted(edges, values, side="left")
    found = np.bincount(cells, minlength=len(expected)).astype(float)
    assert found[expected == 0].sum() == 0
    joined_found, joined = [0.0], [0.0]
    for one, other in zip(found, expected, strict=True):
        joined_found[-1] += one
        joined[-1] += other
        if joined[-1] >= 5:
            joined_found.append(0.0)
            joined.append(0.0)
    joined_found[-2:] = [sum(joined_found[-2:])]
    joined[-2:] = [sum(joined[-2:])]
    if len(joined) < 2:
        return 1.0
    return float(chisquare(joined_found, joined, sum_check=False).pvalue)


def null_paths(family: Family, n: int, rng: np.random.Generator) -> Floats:
    x = np.full(n, family.start)
    path = []
    for t in range(1, len(TIMES) + 1):
        x = family.step(x, t, rng)
        path.append(x)
    return np.array(path, float).T


def null_bound(pool: int = 40_000, suites: int = 20_000, seed: int = 2024) -> dict[str, float]:
    """The 99 % quantile of `max |Z|` over all families and solvers, for exact samples.

    At 10,000 replicates the scores of a family are Gaussian with the correlations, over time, of
    what one replicate adds to them; these are measured on a pool of exact paths.
    """
    rng = np.random.default_rng(seed)
    greatest = {"mean": np.zeros(suites), "variance": np.zeros(suites)}
    for family in families():
        x = null_paths(family, pool, rng)
        varies = family.variance > 0
        deviation = (x - family.mean)[:, varies]
        parts = {"mean": deviation, "variance": deviation**2 - family.variance[varies]}
        for kind, part in parts.items():
            correlation = np.corrcoef(part, rowvar=False)
            for _ in SOLVERS:
                z = rng.multivariate_normal(
                    np.zeros(len(correlation)), correlation, suites, method="eigh"
                )
                greatest[kind] = np.maximum(greatest[kind], np.abs(z).max(1))
    return {kind: float(np.quantile(found, 0.99)) for kind, found in greatest.items()}


if __name__ == "__main__":
    print(null_bound())
    rng = np.random.default_rng(7)
    for family in families():  # the samplers themselves, once
        of_mean, of_variance = scores(family, null_paths(family, REPLICATES, rng))
        print(f"{family.name:44} {np.abs(of_mean).max():.2f} {np.abs(of_variance).max():.2f}")
