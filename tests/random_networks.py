"""Mass-action networks drawn at random, and a naive reading of their reaction table."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from protacsim.network import Network

Floats = NDArray[np.float64]

COMPLEXES = st.dictionaries(st.integers(0, 5), st.integers(1, 2), max_size=2)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Up to 6 species and 10 reactions of order 0 to 2 with any products; some species buffered."""
    net = Network("random")
    for j in range(draw(st.integers(1, 10))):
        reactants = draw(COMPLEXES.filter(lambda side: sum(side.values()) <= 2))
        products = draw(COMPLEXES)
        rate = draw(st.integers(0, 5))  # rates are shared between reactions
        net.add(
            f"r{j}",
            {f"S{i}": count for i, count in reactants.items()},
            {f"S{i}": count for i, count in products.items()},
            f"k{rate}",
        )
    net.add_species("S0", buffered=draw(st.booleans()))
    return net


def chained_network(species: int, rng: np.random.Generator) -> Network:
    """A network with as many species as asked for: random conversions, bindings and losses."""
    net = Network(f"{species} species")
    names = [f"S{i}" for i in range(species)]
    for i, name in enumerate(names):
        a, b, c = rng.choice(names, 3, replace=False)
        net.add(f"make {name}", (), name, f"source{i}")
        net.add(f"lose {name}", name, (), f"loss{i}")
        net.add(f"convert {name}", name, c, f"convert{i}")
        net.add(f"bind {name}", (a, b), (c, name), f"bind{i}")
    return net


def naive_rates(net: Network, rates: dict[str, float], y: Floats) -> Floats:
    """dy/dt summed reaction by reaction from the table as it is printed."""
    amount = dict(zip(net.species, y, strict=True))
    change = dict.fromkeys(net.species, 0.0)
    for reaction in net.reactions:
        flux = rates[reaction.rate]
        for name, count in reaction.reactants:
            flux *= amount[name] ** count
        for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
            for name, count in side:
                change[name] += sign * count * flux
    return np.array([0.0 if name in net.buffered else change[name] for name in net.species])
