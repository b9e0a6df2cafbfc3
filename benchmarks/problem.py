"""Many runs of one network as plain arrays: what every solver of the comparison is given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.bench import reference_network
from protacsim.network import Network

Floats = NDArray[np.float64]
Points = NDArray[np.int64]


class Problem(NamedTuple):
    """p runs of a network of n species and m rates; times (t,) in h from 0 on.

    `rates` (p, m) and `initial` (p, n) follow the order of `network.rates` and `network.species`;
    `weights` (o, n) turns a state into the network's observables.
    """

    network: Network
    rates: Floats
    initial: Floats
    times_h: Floats
    weights: Floats

    @property
    def points(self) -> int:
        """Number of runs."""
        return len(self.rates)

    def named_rates(self, points: Points) -> dict[str, Any]:
        """Rate constants of some points, by name."""
        return dict(zip(self.network.rates, self.rates[points].T, strict=True))

    def named_amounts(self, points: Points) -> dict[str, Any]:
        """Initial amounts of some points, by name."""
        return dict(zip(self.network.species, self.initial[points].T, strict=True))


def reference_problem(doses: int = 40, cooperativities: int = 25) -> Problem:
    """The reference network on its grid of dose by cooperativity."""
    net = reference_network.reference_network()
    dose, cooperativity = reference_network.grid(doses, cooperativities)
    return Problem(
        net,
        _columns(net.rates, reference_network.rate_constants(cooperativity), len(dose)),
        _columns(net.species, reference_network.initial_amounts(dose), len(dose)),
        reference_network.TIMES_H,
        _weights(net),
    )


def _columns(names: tuple[str, ...], values: dict[str, Any], points: int) -> Floats:
    filled = [np.broadcast_to(values.get(name, 0.0), (points,)) for name in names]
    return np.stack(filled, axis=-1).astype(float)


def _weights(net: Network) -> Floats:
    rows = [dict.fromkeys(net.species, 0.0) for _ in net.observables]
    for row, terms in zip(rows, net.observables.values(), strict=True):
        for term in terms:
            row[term.species] += term.weight
    return np.array([list(row.values()) for row in rows])
