"""Errors of the approximate methods against exact cells, as docs/stochastic_accuracy.md.

    python benchmarks/stochastic_errors.py SMALL_CELLS LARGE_CELLS

A day of either reference network, read at 2, 8 and 24 h. Mean and variance are compared in % of the
exact ones, laws by the Kolmogorov-Smirnov distance; the last column of each is what two exact
ensembles of that size would differ by (one standard error; for KS the 95 % point).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from protacsim.bench.stochastic_network import DAY_S, SIZES, build
from protacsim.methods import LNA, SSA, Hybrid, Stochastic
from protacsim.simulation import sample

HOURS = (2, 8, 24)
APPROXIMATE = (LNA(), Hybrid())
PATHS = 20_000
SHOWN = ("BTK_W", "BTK_C", "ternary", "D", "E")
PAGE = Path(__file__).parents[1] / "docs" / "stochastic_accuracy.md"

OPENING = """# Accuracy of the approximate stochastic methods

Made by `python benchmarks/stochastic_errors.py`; both networks are in
`protacsim.bench.stochastic_network`. Errors of mean and variance are in % of the exact ensemble's.
SE is the standard error that the finite exact ensemble brings with it, KS the
Kolmogorov-Smirnov distance, and KS 95 % what it stays below for samples of one law.
"""


def cells(size: str, method: Stochastic, count: int, seed: int) -> NDArray[np.float64]:
    """Read-outs (count, times, observables)."""
    cell = build(size)
    times = np.array(HOURS) / 24 * DAY_S
    runs = sample(
        cell.network, cell.rates, cell.initial, times, method=method, seed=seed,
        replicates=count, states=False,
    )  # fmt: skip
    shown = [list(cell.network.observables).index(name) for name in SHOWN]
    found: NDArray[np.float64] = runs.observables[0][..., shown]
    return found


def rows(size: str, exact: NDArray[np.float64]) -> list[str]:
    found = []
    n = len(exact)
    for method in APPROXIMATE:
        drawn = cells(size, method, PATHS, seed=2)
        for t, hour in enumerate(HOURS):
            for o, name in enumerate(SHOWN):
                x, y = exact[:, t, o], drawn[:, t, o]
                fourth = scipy.stats.moment(x, 4)
                of_mean = 100 * (y.mean() / x.mean() - 1)
                of_variance = 100 * (y.var() / x.var() - 1)
                se_mean = 100 * x.std() / n**0.5 / x.mean()
                se_variance = 100 * ((fourth / x.var() ** 2 - 1) / n) ** 0.5
                ks = scipy.stats.ks_2samp(x, y).statistic
                found.append(
                    f"| {type(method).__name__} | {hour} | {name} | {of_mean:+.2f} | {se_mean:.2f} "
                    f"| {of_variance:+.1f} | {se_variance:.1f} | {ks:.3f} "
                    f"| {1.36 * (1 / n + 1 / PATHS) ** 0.5:.3f} |"
                )
    return found


def main() -> None:
    text = OPENING
    for size, count in zip(SIZES, map(int, sys.argv[1:]), strict=True):
        exact = cells(size, SSA(), count, seed=1)
        text += (
            f"\n## `{size}`: {count} exact cells, {PATHS} paths\n\n"
            "| method | h | read-out | mean, % | SE | variance, % | SE | KS | KS 95 % |\n"
            "|---|---|---|---|---|---|---|---|---|\n"
        )
        text += "\n".join(rows(size, exact)) + "\n"
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
