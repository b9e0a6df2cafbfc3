"""The reaction table: how a network is stated, checked and printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import NetworkError
from protacsim.network.conservation import conservation_laws

if TYPE_CHECKING:
    from protacsim.network.compiler import CompiledNetwork, Topology

MAX_ORDER = 2

Complex = Iterable[str] | Mapping[str, int] | str


class Term(NamedTuple):
    """One term of an observable: `weight * species`, times a rate constant when one is named."""

    species: str
    weight: float = 1.0
    rate: str | None = None


@dataclass(frozen=True)
class Reaction:
    """`reactants -> products` at mass-action rate `rate * prod(reactant ** count)`."""

    name: str
    reactants: tuple[tuple[str, int], ...]
    products: tuple[tuple[str, int], ...]
    rate: str

    @property
    def order(self) -> int:
        """Molecularity: the sum of the reactant counts."""
        return sum(count for _, count in self.reactants)

    def __str__(self) -> str:
        return f"{_side(self.reactants)} -> {_side(self.products)}"


class Network:
    """Species and mass-action reactions; rate constants are names, numbers come later.

    The state is counted in molecules (any unit will do as long as the rate constants match). A
    reaction `2 A -> B` at rate `k` runs at `k * A**2` in the deterministic limit and with
    propensity `k * A * (A - 1)` in the stochastic one. A buffered species takes part in rates
    and never changes.

    >>> net = Network("dimer")
    >>> net.add("dimerise", {"A": 2}, "A2", "k_on")
    >>> net.add("split", "A2", {"A": 2}, "k_off")
    >>> net.conserved()
    ({'A': 1, 'A2': 2},)
    """

    def __init__(self, name: str = "network") -> None:
        self.name = name
        self._species: dict[str, bool] = {}
        self._reactions: dict[str, Reaction] = {}
        self._observables: dict[str, tuple[Term, ...]] = {}
        self._topology: Topology | None = None

    @property
    def species(self) -> tuple[str, ...]:
        """Species names, in the order of the state vector."""
        return tuple(self._species)

    @property
    def buffered(self) -> tuple[str, ...]:
        """Species that are held constant."""
        return tuple(name for name, held in self._species.items() if held)

    @property
    def reactions(self) -> tuple[Reaction, ...]:
        """The reaction table."""
        return tuple(self._reactions.values())

    @property
    def rates(self) -> tuple[str, ...]:
        """Distinct rate names, in order of first use: the order of the rate vector."""
        named = [reaction.rate for reaction in self.reactions]
        named += [term.rate for terms in self._observables.values() for term in terms if term.rate]
        return tuple(dict.fromkeys(named))

    @property
    def observables(self) -> Mapping[str, tuple[Term, ...]]:
        """Named linear read-outs of the state."""
        return dict(self._observables)

    def add_species(self, name: str, *, buffered: bool = False) -> str:
        """Declare a species (reactions declare theirs by themselves); returns its name."""
        if not name:
            raise NetworkError(f"{self.name}: a species needs a name; found an empty one.")
        self._species[name] = self._species.get(name, False) or buffered
        self._topology = None
        return name

    def add(self, name: str, reactants: Complex, products: Complex, rate: str) -> None:
        """State one reaction. Sides are a name, names (repeats count), or name -> count.

        Raises `NetworkError` for order above 2, a negative or fractional count, or a name used
        twice.
        """
        reaction = Reaction(
            name, self._complex(name, reactants), self._complex(name, products), rate
        )
        if reaction.order > MAX_ORDER:
            raise NetworkError(
                f"{self.name}: reaction {name!r} has order {reaction.order}; at most {MAX_ORDER} "
                "is supported; split it into elementary steps."
            )
        if name in self._reactions:
            raise NetworkError(
                f"{self.name}: reaction {name!r} is stated twice; give each its own name."
            )
        if not rate:
            raise NetworkError(f"{self.name}: reaction {name!r} has no rate name; give it one.")
        for species, _ in reaction.reactants + reaction.products:
            self.add_species(species)
        self._reactions[name] = reaction
        self._topology = None

    def add_observable(self, name: str, terms: Iterable[Term | str]) -> None:
        """Define a read-out as a weighted sum of species (see `Term`)."""
        entries = tuple(Term(term) if isinstance(term, str) else term for term in terms)
        unknown = sorted({term.species for term in entries} - set(self._species))
        if unknown:
            raise NetworkError(
                f"{self.name}: observable {name!r} names unknown species {', '.join(unknown)}."
            )
        self._observables[name] = entries
        self._topology = None

    def keep_observables(self, names: Collection[str]) -> None:
        """Drop every read-out but these."""
        self._observables = {n: terms for n, terms in self._observables.items() if n in names}
        self._topology = None

    def reachable(self, present: Iterable[str]) -> Network:
        """The part of the network that can ever run from the species that are `present`.

        Reactions with a reactant that is neither present nor ever made are left out, and so are
        species that nothing makes; observables are not carried over.
        """
        reached = set(present) & set(self._species)
        waiting = dict(self._reactions)
        while ready := [
            reaction
            for reaction in waiting.values()
            if all(species in reached for species, _ in reaction.reactants)
        ]:
            for reaction in ready:
                del waiting[reaction.name]
                reached.update(species for species, _ in reaction.products)
        part = Network(self.name)
        for name, held in self._species.items():
            if name in reached:
                part.add_species(name, buffered=held)
        kept = {name: r for name, r in self._reactions.items() if name not in waiting}
        part._reactions = kept
        return part

    def changes(self) -> tuple[dict[int, int], ...]:
        """Net change of each reaction: number of a species -> amount; buffered species stay."""
        number = {name: i for i, (name, held) in enumerate(self._species.items()) if not held}
        found = []
        for reaction in self._reactions.values():
            change = dict.fromkeys(
                sorted(number[s] for s, _ in reaction.reactants + reaction.products if s in number),
                0,
            )
            for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
                for species, count in side:
                    if species in number:
                        change[number[species]] += sign * count
            found.append({i: amount for i, amount in change.items() if amount})
        return tuple(found)

    def stoichiometry(self) -> NDArray[np.int64]:
        """Net change per reaction, shape (species, reactions); rows of buffered species are 0."""
        matrix = np.zeros((len(self._species), len(self._reactions)), np.int64)
        for j, change in enumerate(self.changes()):
            matrix[list(change), j] = list(change.values())
        return matrix

    def conserved(self) -> tuple[dict[str, int], ...]:
        """Conserved totals, as species -> weight; single buffered species are left out."""
        laws = conservation_laws(len(self._species), self.changes())
        held = set(self.buffered)
        named = [{self.species[i]: weight for i, weight in law.items()} for law in laws]
        return tuple(law for law in named if not set(law) <= held)

    def topology(self) -> Topology:
        """The table by number, without names; made once until something is added."""
        from protacsim.network.compiler import topology_of

        if self._topology is None:
            self._topology = topology_of(self)
        return self._topology

    def compile(self) -> CompiledNetwork:
        """The integer programs of this topology; independent of any number."""
        from protacsim.network.compiler import compile_network

        return compile_network(self)

    def _complex(self, reaction: str, side: Complex) -> tuple[tuple[str, int], ...]:
        counts: dict[str, Any] = Counter([side] if isinstance(side, str) else side)
        for species, count in counts.items():
            if not isinstance(count, int) or count < 0:
                raise NetworkError(
                    f"{self.name}: reaction {reaction!r} has {count!r} of {species}; counts are "
                    "whole numbers from 0."
                )
        return tuple((species, count) for species, count in counts.items() if count)

    def __repr__(self) -> str:
        size = f"{len(self._species)} species, {len(self._reactions)} reactions"
        return f"Network({self.name!r}: {size})"

    def __str__(self) -> str:
        width = max((len(name) for name in self._reactions), default=0)
        sides = max((len(str(reaction)) for reaction in self.reactions), default=0)
        lines = [repr(self)]
        lines += [f"  {r.name:<{width}}  {r!s:<{sides}}  {r.rate}" for r in self.reactions]
        if self.buffered:
            lines.append(f"  held constant: {', '.join(self.buffered)}")
        for law in self.conserved():
            lines.append(f"  conserved: {_side(tuple(law.items()))}")
        return "\n".join(lines)


def _side(terms: tuple[tuple[str, int], ...]) -> str:
    text = " + ".join(name if count == 1 else f"{count} {name}" for name, count in terms)
    return text or "0"
