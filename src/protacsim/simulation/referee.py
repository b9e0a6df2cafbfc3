"""The referee: SciPy's implicit solvers, straight from the reaction table and not the programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protacsim.kernels import records
from protacsim.methods import Reference
from protacsim.network import Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protacsim.network import CompiledNetwork
    from protacsim.network.model import Reaction

Floats = NDArray[np.float64]


class FluxTable:
    """Right-hand side and Jacobian as sums over reactions: an independent reading of the table."""

    def __init__(self, network: Network, compiled: CompiledNetwork) -> None:
        self.stoichiometry = network.stoichiometry().astype(float)
        index = {name: i for i, name in enumerate(network.species)}
        rates = {name: i for i, name in enumerate(compiled.rates)}
        self.rate = np.array([rates[r.rate] for r in network.reactions], int)
        pairs = [_reactants(reaction, index) for reaction in network.reactions]
        self.first, self.second = np.array(pairs, int).reshape(-1, 2).T
        self.terms = [
            [(index[t.species], t.weight, rates[t.rate] if t.rate else None) for t in terms]
            for terms in network.observables.values()
        ]

    def flux(self, rates: Floats, y: Floats) -> Floats:
        """Rate of every reaction at state y."""
        amounts = np.append(y, 1.0)  # an absent reactant is the entry after the last species
        return np.asarray(rates[self.rate] * amounts[self.first] * amounts[self.second], float)

    def jacobian(self, rates: Floats, y: Floats) -> Floats:
        """d(dy/dt)/dy (n, n)."""
        amounts = np.append(y, 1.0)
        slope = np.zeros((len(self.rate), len(amounts)))
        every = np.arange(len(self.rate))
        for one, other in ((self.first, self.second), (self.second, self.first)):
            slope[every, one] += rates[self.rate] * amounts[other]
        return np.asarray(self.stoichiometry @ slope[:, :-1], float)

    def observe(self, rates: Floats, states: Floats) -> Floats:
        """Observables (t, o) of states (t, n)."""
        columns = np.zeros((len(states), len(self.terms)))
        for o, terms in enumerate(self.terms):
            for i, weight, rate in terms:
                columns[:, o] += weight * states[:, i] * (1.0 if rate is None else rates[rate])
        return columns

    def run(
        self, rates: Floats, y: Floats, t: float, events: tuple[Any, ...], times: Floats,
        method: Reference, atol: Floats, out: Floats,
    ) -> float:  # fmt: skip
        """Fill out (t, n) from change to change; returns the time reached."""
        from scipy.integrate import solve_ivp

        while True:
            when = events[0]
            _apply_changes(events, t, y)
            out[times == t] = y
            if t >= times[-1]:
                return t
            end = min((later for later in when if t < later < times[-1]), default=times[-1])
            inside = times[(times > t) & (times < end)]
            result = solve_ivp(
                lambda _, state: self.stoichiometry @ self.flux(rates, state),
                (t, end), y, method.solver, t_eval=np.append(inside, end),
                jac=lambda _, state: self.jacobian(rates, state), rtol=method.rtol, atol=atol,
            )  # fmt: skip
            if not result.success:
                return float(result.t[-1]) if len(result.t) else t
            out[np.isin(times, inside)] = result.y.T[:-1]
            y, t = result.y[:, -1].copy(), end


def _apply_changes(events: tuple[Any, ...], t: float, y: Floats) -> None:
    """Set, then add, the amounts that change at time t."""
    when, kinds, species, amount = events
    now = when == t
    for i in np.nonzero(now & (kinds == records.EVENT_SET))[0]:
        y[species[i]] = amount[i]
    for i in np.nonzero(now & (kinds == records.EVENT_ADD))[0]:
        y[species[i]] += amount[i]


def _reactants(reaction: Reaction, index: Mapping[str, int]) -> list[int]:
    """Places of at most two reactants; the place after the last species where there is none."""
    found = [index[name] for name, count in reaction.reactants for _ in range(count)]
    return [*found, len(index), len(index)][:2]
