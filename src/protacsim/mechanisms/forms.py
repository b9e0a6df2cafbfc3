"""The forms a degradable protein can take, and which of them can be reached at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from protacsim.entities import Compound
from protacsim.mechanisms import verbs
from protacsim.scenario import PROTEASOME, DosedCompound, Scenario, numbers


class Form(NamedTuple):
    """One form of a protein, by chain length.

    `states` are its species and `lengths` their chain lengths; `freed` is what leaves when the
    protein is destroyed; `left` is what stays, per state, when the ligase is lost.
    """

    protein: str
    states: tuple[str, ...]
    lengths: tuple[int, ...]
    freed: tuple[str, ...] = ()
    left: tuple[tuple[str, ...], ...] = ()
    compound: str | None = None
    on_ligase: bool = False
    covalent: bool = False
    at_proteasome: bool = False

    def kept(self, species: Collection[str]) -> Form:
        """The form without states that the network does not have."""
        pairs = [(s, n) for s, n in zip(self.states, self.lengths, strict=True) if s in species]
        return self._replace(states=tuple(s for s, _ in pairs), lengths=tuple(n for _, n in pairs))

    @property
    def place(self) -> str:
        """Where it is, as rate names say it."""
        return "bound" if self.on_ligase else "free"


class Reach:
    """Which processes can happen: a constant that is zero everywhere removes its states."""

    def __init__(self, scenario: Scenario, varied: Collection[str]) -> None:
        self.scenario = scenario
        self.target = scenario.target.name
        self._varied = frozenset(varied)
        self._numbers = numbers(scenario)
        chain = scenario.ubiquitination
        self.chain_length = int(chain.chain_length or 0)
        self.destroyed_from = chain.shortest_destroyed

    def on(self, path: str) -> bool:
        """Whether the number at `path` is above zero somewhere in the study."""
        return path in self._varied or self._numbers.get(path, 0.0) > 0.0

    def own(self, compound: Compound, field: str) -> bool:
        """The same for a compound's field."""
        return self.on(f"compounds.{compound.name}.{field}")

    def expresses(self, protein: str) -> bool:
        """Whether the protein is made from mRNA."""
        return self.given(f"cell.proteins.{protein}.expression.mrna_copies")

    def switches(self, protein: str) -> bool:
        """Whether the promoter of an expressed protein is ever off."""
        return self.on(f"cell.proteins.{protein}.expression.promoter_off_per_h")

    @property
    def erased_fraction(self) -> float:
        """Probability that the chain is lost when a ternary complex opens."""
        fate = self.scenario.ubiquitination.chain_on_release
        return {"kept": 0.0, "erased": 1.0}[fate] if isinstance(fate, str) else fate

    @property
    def compounds(self) -> tuple[Compound, ...]:
        """All compounds of the treatment."""
        return tuple(entry.compound for entry in self.scenario.treatment.compounds)

    @property
    def degraders(self) -> tuple[Compound, ...]:
        """Compounds that recruit a ligase."""
        return tuple(compound for compound in self.compounds if compound.is_degrader)

    @property
    def ligases(self) -> tuple[str, ...]:
        """Ligases that are recruited, each once."""
        return tuple(dict.fromkeys(c.ligase for c in self.degraders if c.ligase))

    @property
    def finite_proteasome(self) -> bool:
        """Whether proteasomes are counted."""
        return self.scenario.ubiquitination.proteasome == "finite" and self.chain_on() > 0

    def grows(self, form: Form) -> bool:
        """Whether the chain of a form on the ligase ever grows."""
        fields = ["productive_fraction"]
        if form.protein != self.target:
            fields = [f"neosubstrates.{form.protein}.productive_fraction"]
        elif form.covalent:
            own = f"compounds.{form.compound}.productive_fraction_covalent"
            fields = ["productive_fraction_covalent"] if self.given(own) else fields
        productive = any(self.on(f"compounds.{form.compound}.{field}") for field in fields)
        return productive and self.on("ubiquitination.k_ub_per_h")

    def destroyed_at(self, form: Form) -> int:
        """Shortest chain that is destroyed; off the ligase a bare protein never is."""
        return max(self.destroyed_from, 0 if form.on_ligase else 1)

    def given(self, path: str) -> bool:
        """Whether the scenario or an axis states the number at `path`."""
        return path in self._varied or path in self._numbers

    def bonds(self, compound: Compound) -> bool:
        """Whether the compound reaches its covalent form on this allele, by itself or held."""
        held = compound.is_degrader and self.own(compound, "kinact_ternary_per_h")
        reacts = self.own(compound, "kinact_per_h") or held
        return self.scenario.allele.covalent_bonding and reacts

    def loses_ligase(self, degrader: Compound) -> bool:
        """Whether a ligase that carries the degrader is ever lost."""
        turnover = self.on(f"cell.proteins.{degrader.ligase}.half_life_h")
        return turnover or self.own(degrader, "ligase_loss_per_h")

    def chain_on(self) -> int:
        """Longest chain on the ligase."""
        reached = self.degraders and self.on("ubiquitination.k_ub_per_h")
        return self.chain_length if reached else 0

    def chain_off(self) -> int:
        """Longest chain off the ligase."""
        freed_whole = any(self.loses_ligase(degrader) for degrader in self.degraders)
        return self.chain_on() if self.erased_fraction < 1.0 or freed_whole else 0

    def free(self, protein: str) -> tuple[str, ...]:
        """The protein alone, by chain length."""
        return chain(protein, self.chain_off())

    def held(self, protein: str) -> tuple[str, ...]:
        """The protein as it stands in a ternary complex, by chain length."""
        return chain(protein, self.chain_on())


def chain(protein: str, longest: int) -> tuple[str, ...]:
    """Names of a protein with 0 to `longest` ubiquitins."""
    return (protein, *(f"{protein}(ub{u})" for u in range(1, longest + 1)))


def outside(compound: str) -> str:
    """The compound in the medium."""
    return f"{compound}_medium"


def gut(compound: str) -> str:
    """The compound on its way into the medium."""
    return f"{compound}_gut"


def entrance(entry: DosedCompound, *, oral: bool) -> str:
    """Species that a dose adds to."""
    if entry.schedule.compartment == "cell":
        return inside(entry.name)
    return (gut if oral else outside)(entry.name)


def outer_species(scenario: Scenario) -> frozenset[str]:
    """Species that are counted in the volume of the medium, not of the cell."""
    names = [entry.name for entry in scenario.treatment.compounds]
    return frozenset(place(name) for name in names for place in (outside, gut))


def inside(compound: str) -> str:
    """The compound in the cell."""
    return f"{compound}_cell"


def forms(reach: Reach) -> list[Form]:
    """Every form of the target and the neosubstrates, free ones first."""
    found = [*_target_forms(reach), *_neosubstrate_forms(reach)]
    if reach.finite_proteasome:
        found += [bound for form in found if (bound := _at_proteasome(reach, form)).states]
    return found


def _target_forms(reach: Reach) -> Iterator[Form]:
    target = reach.target
    yield _form(target, reach.free(target))
    for compound in reach.compounds:
        x, ligase = compound.name, compound.ligase
        bonds = reach.bonds(compound)
        yield _form(
            target, [verbs.joined(t, x) for t in reach.free(target)], (inside(x),), compound=x
        )
        if bonds:
            adducts = [verbs.bonded(t, x) for t in reach.free(target)]
            yield _form(target, adducts, compound=x, covalent=True)
        if ligase is None:
            continue
        loaded = verbs.joined(ligase, x)
        held = [verbs.joined(t, x) for t in reach.held(target)]
        yield _on_ligase(target, held, ligase, (loaded,), x)
        if bonds:
            held = [verbs.bonded(t, x) for t in reach.held(target)]
            yield _on_ligase(target, held, ligase, (ligase,), x)._replace(covalent=True)


def _neosubstrate_forms(reach: Reach) -> Iterator[Form]:
    for protein in reach.scenario.neosubstrates:
        yield _form(protein, reach.free(protein))
        for degrader in reach.degraders:
            if all(entry.name != protein for entry in degrader.neosubstrates):
                continue
            x, ligase = degrader.name, degrader.ligase or ""
            states = [verbs.joined(n, x, ligase) for n in reach.held(protein)]
            left = tuple((n, inside(x)) for n in reach.held(protein))
            freed = (verbs.joined(ligase, x),)
            yield _form(protein, states, freed, left=left, compound=x, on_ligase=True)


def _on_ligase(
    protein: str, held: list[str], ligase: str, freed: tuple[str, ...], compound: str
) -> Form:
    """A ternary complex; without its ligase the binary complex stays, with its chain."""
    states = [verbs.joined(state, ligase) for state in held]
    left = tuple((state,) for state in held)
    return _form(protein, states, freed, left=left, compound=compound, on_ligase=True)


def _form(
    protein: str,
    states: tuple[str, ...] | list[str],
    freed: tuple[str, ...] = (),
    *,
    left: tuple[tuple[str, ...], ...] = (),
    compound: str | None = None,
    on_ligase: bool = False,
    covalent: bool = False,
) -> Form:
    lengths = tuple(range(len(states)))
    return Form(protein, tuple(states), lengths, freed, left, compound, on_ligase, covalent)


def _at_proteasome(reach: Reach, form: Form) -> Form:
    """The same form held by a proteasome: only chains that are long enough."""
    first = reach.destroyed_from
    left = tuple((verbs.joined(PROTEASOME, stays[0]), *stays[1:]) for stays in form.left[first:])
    return form._replace(
        states=tuple(verbs.joined(PROTEASOME, state) for state in form.states[first:]),
        lengths=form.lengths[first:],
        freed=(*form.freed, PROTEASOME),
        left=left,
        at_proteasome=True,
    )
