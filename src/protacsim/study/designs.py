"""Draws of a sample: uniform numbers by design, correlated, then through quantile functions.

A design is a function of the seed, the sample and the point alone: any stretch of points can be
drawn without the others, and is the same.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protacsim import provenance
from protacsim.errors import ParameterError
from protacsim.scenario import Scenario, full_path
from protacsim.study.axes import SENSITIVITY, Draw, Sample, points_per_group

Floats = NDArray[np.float64]

EDGE = 1e-9
"""Uniform numbers stay this far from 0 and 1, so that no draw is infinite."""

SMALLEST_SHARE = 1e-6
MOST_IN_HYPERCUBE = 2**24
SOBOL_POINTS = 2**18
"""Points of one Sobol design; a longer sample is a row of them."""
OUTPUTS_PER_BLOCK = 4
SensitivityMethod = Literal["sobol", "morris"]
DESIGN_OF: Mapping[str, Literal["saltelli", "morris"]] = {"sobol": "saltelli", "morris": "morris"}
FEWEST_GROUPS = 2
MORRIS_LEVELS = 4
MORRIS_STEP = 0.5
"""Steps between quantiles 1/8, 3/8, 5/8 and 7/8: a grid that never meets an infinite end."""
Z95 = 1.6448536269514722
"""Standard normal quantile at 95 %."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One drawn path of a sample, as something that runs along a dim."""

    sample: Sample
    position: int
    seed: int

    @property
    def path(self) -> str:
        """The path that is drawn."""
        return self.sample.over[self.position].name

    @property
    def dim(self) -> str:
        """Name of the dimension it runs along."""
        return self.sample.dim

    @property
    def size(self) -> int:
        """Number of points."""
        return self.sample.n

    def column(self, span: slice, scenario: Scenario) -> Floats:
        """Values of a stretch of points, in canonical units."""
        u = uniforms(self.sample, self.seed, span)[:, self.position]
        return quantiles(self.sample.over[self.position], scenario)(u)

    def example(self, scenario: Scenario) -> float:
        """The median: a value that can be drawn."""
        return float(quantiles(self.sample.over[self.position], scenario)(np.array([0.5]))[0])

    def ends(self, scenario: Scenario) -> tuple[float, float]:
        """The most extreme values that can be drawn."""
        low, high = quantiles(self.sample.over[self.position], scenario)(
            np.array([EDGE, 1.0 - EDGE])
        )
        return float(low), float(high)


def design(over: Iterable[Draw] | Mapping[str, Any], *, method: str, n: int) -> Sample:
    """The sample of a sensitivity analysis: `n` groups of points over the drawn paths."""
    if method not in DESIGN_OF:
        raise ParameterError(f"method is {method!r}; must be 'sobol' or 'morris'.")
    if n < FEWEST_GROUPS:
        raise ParameterError(f"n is {n}; must be at least {FEWEST_GROUPS}, better some hundred.")
    listed: Any = over if isinstance(over, Mapping) else tuple(over)
    draws = Sample(dim=SENSITIVITY, n=1, over=listed).over
    made = DESIGN_OF[method]
    return Sample(SENSITIVITY, n * points_per_group(made, len(draws)), draws, made)


def uniforms(sample: Sample, seed: int, span: slice) -> Floats:
    """Uniform numbers (points, paths) of a stretch of a sample's points, correlated as asked."""
    key = int.from_bytes(hashlib.sha256(f"{seed}:{sample.dim}".encode()).digest()[:16], "big")
    paths = len(sample.over)
    match sample.design:
        case "random":
            found = _random(key, paths, span)
        case "lhs":
            found = _hypercube(key, sample)[span]
        case "sobol":
            found = _sobol(key, paths, sample.n, span)
        case "saltelli" | "morris":
            found = _in_groups(sample, key, span)
    found = np.clip(found, EDGE, 1.0 - EDGE)
    joint = sample.correlations and sample.design != "lhs"
    return _correlated(found, sample) if joint else found


def _random(key: int, paths: int, span: slice) -> Floats:
    """A counter-based stream, entered where the stretch begins."""
    block, ahead = divmod(span.start * paths, OUTPUTS_PER_BLOCK)
    generator = np.random.Generator(np.random.Philox(key=key, counter=block))
    count = (span.stop - span.start) * paths
    found: Floats = generator.random(ahead + count)[ahead:].reshape(-1, paths)
    return found


@lru_cache(maxsize=4)
def _hypercube(key: int, sample: Sample) -> Floats:
    """One point in every stratum of every path, in the order of correlated scores where asked.

    Correlation by ranks leaves the strata whole (Iman and Conover, Commun. Stat. Simul. Comput.
    11:311, 1982).
    """
    from scipy.stats import qmc

    cube = qmc.LatinHypercube(len(sample.over), rng=np.random.default_rng(key)).random(sample.n)
    if not sample.correlations:
        return np.asarray(cube)
    scores = _correlated(np.clip(cube, EDGE, 1.0 - EDGE), sample)
    ranks = scores.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.take_along_axis(np.sort(cube, axis=0), ranks, axis=0)


def _sobol(key: int, paths: int, n: int, span: slice) -> Floats:
    """Blocks that are each a Sobol design, scrambled anew: entering one costs no earlier one."""
    blocks = range(span.start // SOBOL_POINTS, -(-span.stop // SOBOL_POINTS))
    ends = [min(n - block * SOBOL_POINTS, SOBOL_POINTS) for block in blocks]
    found = [_sobol_block(key, i, paths, size) for i, size in zip(blocks, ends, strict=True)]
    whole = found[0] if len(found) == 1 else np.concatenate(found)
    first = blocks.start * SOBOL_POINTS
    return whole[span.start - first : span.stop - first]


@lru_cache(maxsize=4)
def _sobol_block(key: int, block: int, paths: int, size: int) -> Floats:
    from scipy.stats import qmc

    engine = qmc.Sobol(paths, scramble=True, rng=np.random.default_rng((key, block)))
    with warnings.catch_warnings():  # balance needs a power of two, which is the user's choice
        warnings.filterwarnings("ignore", "The balance properties of Sobol' points")
        return np.asarray(engine.random(size))


def _in_groups(sample: Sample, key: int, span: slice) -> Floats:
    """A stretch of points that belong together in groups."""
    groups = slice(span.start // sample.group, -(-span.stop // sample.group))
    make = _saltelli if sample.design == "saltelli" else _trajectories
    points = make(key, len(sample.over), sample.n // sample.group, groups)
    first = groups.start * sample.group
    return points.reshape(-1, len(sample.over))[span.start - first : span.stop - first]


def _saltelli(key: int, paths: int, n: int, groups: slice) -> Floats:
    """Groups A, A with one path of B each, B with one path of A each, B (Saltelli 2002)."""
    base = _sobol(key, 2 * paths, n, groups)
    a, b = base[:, :paths], base[:, paths:]
    points = np.repeat(np.stack([a, b], axis=1), paths + 1, axis=1)
    each = np.arange(paths)
    points[:, 1 + each, each] = b
    points[:, 1 + paths + each, each] = a
    return points


def _trajectories(key: int, paths: int, _n: int, groups: slice) -> Floats:
    """Walks over a grid that move one path per step, in random order (Morris 1991)."""
    return np.stack([_trajectory(key, paths, i) for i in range(groups.start, groups.stop)])


def _trajectory(key: int, paths: int, number: int) -> Floats:
    generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, number]))
    low = (generator.integers(MORRIS_LEVELS // 2, size=paths) + 0.5) / MORRIS_LEVELS
    up = generator.integers(2, size=paths).astype(bool)
    moved = generator.permutation(paths).argsort() < np.arange(paths + 1)[:, None]
    found: Floats = low + MORRIS_STEP * (moved ^ up)
    return found


def _correlated(u: Floats, sample: Sample) -> Floats:
    """Gaussian copula: normal scores with the given correlations.

    Summed path by path: a matrix product rounds differently for another number of points.
    """
    from scipy.special import ndtr, ndtri

    scores = np.zeros_like(u)
    factor = np.linalg.cholesky(correlation_matrix(sample))
    for own, weights in zip(ndtri(u).T, factor.T, strict=True):
        scores += own[:, None] * weights
    return np.clip(ndtr(scores), EDGE, 1.0 - EDGE)


def correlation_matrix(sample: Sample) -> Floats:
    """Correlations of the normal scores of a sample's paths, in their order."""
    place = {draw.name: i for i, draw in enumerate(sample.over)}
    matrix = np.eye(len(place))
    for entry in sample.correlations:
        a, b = (place[name] for name in entry.between)
        matrix[a, b] = matrix[b, a] = entry.rho
    return matrix


def check_sample(sample: Sample) -> None:
    """Raise `ParameterError` for contradicting correlations, or a design too large."""
    if sample.design == "lhs" and sample.n * len(sample.over) > MOST_IN_HYPERCUBE:
        raise ParameterError(
            f"sample {sample.dim}: a Latin hypercube is made whole, and {sample.n:,} points do not "
            'fit in memory; use design = "random" or "sobol"'
        )
    smallest = float(np.linalg.eigvalsh(correlation_matrix(sample))[0])
    if smallest <= 1e-12:
        raise ParameterError(
            f"sample {sample.dim}: the correlations contradict one another (their matrix is not "
            f"positive definite, smallest eigenvalue {smallest:.2g}); bring them closer to 0"
        )


def quantiles(draw: Draw, scenario: Scenario) -> Callable[[Floats], Floats]:
    """The quantile function of a draw, truncated to `low` and `high` where they are given."""
    match draw.distribution:
        case "uniform":
            low, high = _both(draw)
            return lambda u: low + u * (high - low)
        case "loguniform":
            low, high = _both(draw)
            return lambda u: low * (high / low) ** u
        case "normal":
            mean, sd = _given(draw.mean), _given(draw.sd)
            return _truncated(draw, lambda z: mean + sd * z, lambda x: (x - mean) / sd)
        case "lognormal":
            median, sigma = _given(draw.median), math.sqrt(math.log1p(_given(draw.cv) ** 2))
            return _truncated(
                draw,
                lambda z: median * np.exp(sigma * z),
                lambda x: math.log(x / median) / sigma if x > 0.0 else -math.inf,
            )
        case "library":
            return _of_library(draw, scenario)


def _given(value: float | str | None) -> float:
    """A field that `Draw` has checked and converted."""
    return float(value)  # type: ignore[arg-type]


def _both(draw: Draw) -> tuple[float, float]:
    return _given(draw.low), _given(draw.high)


def _truncated(
    draw: Draw, value: Callable[[Floats], Floats], score: Callable[[float], float]
) -> Callable[[Floats], Floats]:
    """Quantiles of a transformed standard normal between the draw's ends."""
    from scipy.special import ndtr, ndtri

    first = 0.0 if draw.low is None else float(ndtr(score(_given(draw.low))))
    last = 1.0 if draw.high is None else float(ndtr(score(_given(draw.high))))
    if last - first < SMALLEST_SHARE:
        raise ParameterError(
            f"between low and high lies less than {SMALLEST_SHARE:g} of the "
            f"{draw.distribution} distribution; move them, or use a uniform one"
        )
    low = -math.inf if draw.low is None else _given(draw.low)
    high = math.inf if draw.high is None else _given(draw.high)
    return lambda u: np.clip(value(ndtri(first + u * (last - first))), low, high)


def _of_library(draw: Draw, scenario: Scenario) -> Callable[[Floats], Floats]:
    """Median at the library's value, 5 and 95 % quantiles at its low and high (logarithms)."""
    from scipy.special import ndtri

    value, low, high = library_range(draw.name, scenario)
    below, above = math.log(value / low) / Z95, math.log(high / value) / Z95

    def found(u: Floats) -> Floats:
        z = ndtri(u)
        return value * np.exp(z * np.where(z < 0.0, below, above))

    return found


def library_range(path: str, scenario: Scenario) -> tuple[float, float, float]:
    """Value, low and high of a constant; raises `ParameterError` where the library has no range."""
    full = full_path(scenario, path)
    fact = next((c for c in provenance.constants(scenario) if c.path == full), None)
    if fact is None or fact.low is None or fact.high is None or not 0 < fact.low < fact.high:
        raise ParameterError(
            f"the library has no range for {full}; give a distribution with numbers, "
            'such as { distribution = "lognormal", median = 10.0, cv = 0.3 }'
        )
    return fact.value, min(fact.low, fact.value), max(fact.high, fact.value)
