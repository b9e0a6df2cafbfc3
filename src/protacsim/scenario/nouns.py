"""Everything one run needs: who is in the cell, at which numbers, treated how.

Names are looked up in the library and every gap is filled from its defaults, so that a
`Scenario` is complete, immutable and hashable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import ArgsKwargs

from protacsim import library
from protacsim.dosing import Schedule
from protacsim.entities import (
    Allele,
    Cell,
    Compound,
    Protein,
    Target,
    Ubiquitination,
    other_spellings,
)
from protacsim.errors import ParameterError
from protacsim.scenario.mistakes import (
    OF_LIGASE,
    check_allele,
    check_inactivation,
    heeded,
    library_alleles,
    library_proteins,
    unknown_fold,
)
from protacsim.validation import Label, Name, noun, one_of, quoted

PROTEASOME = "proteasome"
SCHEDULE_FIELDS = tuple(field.name for field in dataclasses.fields(Schedule))


def looked_up(kind: str, prefix: str = "") -> Any:
    """Validator: a name, or a mapping with a name and overrides, becomes the library's values.

    `basis` in a mapping chooses among contradicting values; `custom = true` defines an entry that
    the library does not have.
    """

    def look_up(spec: object) -> object:
        if isinstance(spec, str):
            return library.values(kind, prefix + spec)
        if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
            return spec
        given = ("name", "custom", "basis")
        over = {key: value for key, value in spec.items() if key not in given}
        basis = spec.get("basis")
        custom = spec.get("custom", False)
        if not isinstance(custom, bool):
            raise ParameterError(f"custom is {quoted(custom)}; must be true or false")
        if custom:
            if prefix + spec["name"] in library.names(kind):
                raise ParameterError(
                    f"{spec['name']} is an entry of the library; leave custom out to change its "
                    "numbers, or give your own entry another name"
                )
            if basis is not None:
                raise ParameterError(
                    f"{spec['name']}: basis = {basis!r} chooses among library values, which a "
                    "custom entry has none of; leave one of the two out"
                )
            return heeded(kind, {"name": spec["name"], **over}, over)
        base = library.values(kind, prefix + spec["name"], basis)
        if over.get("ligase") not in (None, base.get("ligase")):
            of_the_other = OF_LIGASE | {"neosubstrates"}
            base = {key: value for key, value in base.items() if key not in of_the_other}
        return heeded(kind, library.merged(base, over), over)

    return BeforeValidator(look_up)


@noun
class DosedCompound:
    """A compound of a treatment, and when and how much of it is given."""

    compound: Compound
    schedule: Schedule = Schedule()

    @property
    def name(self) -> str:
        """The compound's name."""
        return self.compound.name


def _dosed(spec: object) -> object:
    """Split `{name, dose_nM, start_h, ..., overrides}` into compound and schedule."""
    if isinstance(spec, Compound):
        return DosedCompound(spec)
    if isinstance(spec, str):
        spec = {"name": spec}
    if not isinstance(spec, Mapping) or "compound" in spec:
        return spec
    schedule = {key: value for key, value in spec.items() if key in SCHEDULE_FIELDS}
    chemistry = {key: value for key, value in spec.items() if key not in SCHEDULE_FIELDS}
    look_up = looked_up("compounds").func
    return {"compound": look_up(chemistry), "schedule": schedule}


def _several(value: object) -> object:
    single = isinstance(value, str | Mapping | Compound | DosedCompound)
    return (value,) if single else value


def completed(compound: Compound) -> Compound:
    """The compound with every open constant filled from the library's defaults."""
    gaps: dict[str, Any] = {}
    for field, fact in library.defaults(f"compound.{compound.kind}").items():
        if all(getattr(compound, each) is None for each in {field} | other_spellings(field)):
            gaps[field] = fact.value
    if compound.neosubstrates:
        kon, productive = gaps_of_neosubstrates()
        gaps["neosubstrates"] = tuple(
            dataclasses.replace(
                entry,
                kon_per_nM_per_h=entry.kon_per_nM_per_h or kon,
                productive_fraction=(
                    productive if entry.productive_fraction is None else entry.productive_fraction
                ),
            )
            for entry in compound.neosubstrates
        )
    return dataclasses.replace(compound, **gaps)


def gaps_of_neosubstrates() -> tuple[float | None, float | None]:
    """Default association rate and productive fraction of a neosubstrate."""
    facts = library.defaults("neosubstrate")
    return facts["kon_per_nM_per_h"].value, facts["productive_fraction"].value


@noun
class Treatment:
    """Named compounds with their doses. The compound without a dose is the one that is varied.

    >>> Treatment("mt-802").varied
    'mt-802'
    """

    compounds: Annotated[
        tuple[Annotated[DosedCompound, BeforeValidator(_dosed, str | dict[str, Any])], ...],
        BeforeValidator(_several, str | dict[str, Any] | list[str | dict[str, Any]]),
    ]
    name: Label = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = [entry.name for entry in self.compounds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ParameterError(f"{', '.join(twice)} stands twice in one treatment; keep one")
        if not self.name.isprintable():
            raise ParameterError(
                f"name is {quoted(self.name)}; must be one line without control characters"
            )
        filled = tuple(
            dataclasses.replace(entry, compound=completed(entry.compound))
            for entry in self.compounds
        )
        object.__setattr__(self, "compounds", filled)
        if not self.name:
            title = " + ".join(
                library.title("compounds", entry.name, entry.compound.basis)
                for entry in self.compounds
            )
            object.__setattr__(self, "name", title or "untreated")
        for entry in self.compounds:
            one = entry.compound
            kon, ki = one.kon_target_per_nM_per_h, one.ki_target_nM
            if ki is not None and kon is not None and one.koff_target_per_h is None:
                check_inactivation(one.name, kon, ki, one.kinact_per_h)
        return self

    @property
    def varied(self) -> str | None:
        """The only compound, or the only one without a dose of its own; None when undecided."""
        open_doses = [entry.name for entry in self.compounds if entry.schedule.dose_nM is None]
        if len(self.compounds) == 1:
            return self.compounds[0].name
        return open_doses[0] if len(open_doses) == 1 else None


def _target(spec: object) -> object:
    """Resolve the allele's name against the target's own alleles."""
    if isinstance(spec, str):
        spec = {"name": spec}
    if isinstance(spec, Target):
        spec = {"name": spec.name, "allele": spec.allele}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        return spec
    allele = spec.get("allele", "WT")
    if isinstance(allele, Allele):
        check_allele(spec["name"], allele)
        return spec
    known = {name.split(".")[0] for name in library.names("alleles")}
    if spec["name"] not in known:
        raise ParameterError(
            f"{quoted(spec['name'])} is no known target; {one_of(spec['name'][:80], known)}"
        )
    return {**spec, "allele": looked_up("alleles", f"{spec['name']}.").func(allele)}


@noun
class Scenario:
    """Cell, target, treatment and ubiquitin chain of one run; immutable, complete, hashable.

    Each field takes a library name, a mapping with overrides, or the noun itself. `preset` is a
    constant set, published or fitted, that fills what is not given.
    """

    cell: Annotated[Cell, looked_up("cells")]
    target: Annotated[Target, BeforeValidator(_target)] = Field(
        default="BTK", validate_default=True
    )
    treatment: Treatment = Treatment(())
    ubiquitination: Ubiquitination = Ubiquitination()
    neosubstrates: tuple[Name, ...] = ()
    preset: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, data: Any) -> Any:
        given = dict(data.kwargs or {}) if isinstance(data, ArgsKwargs) else data
        if isinstance(data, ArgsKwargs) and data.args:
            raise ParameterError("a Scenario takes keywords only, such as cell=, treatment=")
        if not isinstance(given, Mapping):
            return data
        given = {k: as_treatment(v) if k == "treatment" else v for k, v in given.items()}
        if isinstance(given.get("preset"), str):
            given = _over_preset(given)
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _fill(self, "ubiquitination", library.defaults("ubiquitination"))
        allele = self.allele
        if allele.km_atp_uM is None:
            km = library.defaults("allele")["km_atp_uM"].value
            target = dataclasses.replace(
                self.target, allele=dataclasses.replace(allele, km_atp_uM=km)
            )
            object.__setattr__(self, "target", target)
        self._check_proteins()
        self._check_folds()
        _fill_expression(self)
        for entry in self.treatment.compounds:
            _check_constants(entry.compound)
        chain = self.ubiquitination
        if chain.destroyed_from is not None and chain.destroyed_from > (chain.chain_length or 0):
            raise ParameterError(
                f"ubiquitination.destroyed_from = {chain.destroyed_from} is longer than "
                f"chain_length = {chain.chain_length}; lower it"
            )
        if chain.proteasome == "finite" and not chain.shortest_destroyed:
            raise ParameterError(
                'ubiquitination.proteasome = "finite" needs destroyed_from of at least 1: '
                "proteasomes bind ubiquitin chains"
            )
        return self

    def roles(self) -> Iterator[tuple[str, str]]:
        """Proteins that the run needs, and as what; a ligase of several compounds once."""
        yield self.target.name, "the target"
        ligases = {c.compound.ligase: c.name for c in self.treatment.compounds if c.compound.ligase}
        for ligase, compound in ligases.items():
            yield ligase, f"the ligase of {compound}"
        for protein in self.neosubstrates:
            yield protein, "a neosubstrate"
        if self.ubiquitination.proteasome == "finite":
            yield PROTEASOME, "which a finite pool counts"

    def _check_proteins(self) -> None:
        seen: dict[str, str] = {}
        for protein, role in self.roles():
            if protein in seen:
                raise ParameterError(
                    f"{protein} is {seen[protein]} and {role}; name it once, in one role"
                )
            seen[protein] = role
            if self.cell.protein(protein) is None:
                present = ", ".join(entry.name for entry in self.cell.proteins) or "none"
                raise ParameterError(
                    f"cell {self.cell.name} has no protein {protein}, {role}; it has {present}; "
                    f"add cell.proteins.{protein}.abundance_nM"
                )
        self._check_neosubstrates()

    def _check_neosubstrates(self) -> None:
        """Those of compounds have to be proteins that somebody knows; the scenario names some."""
        known = library_proteins() | {protein.name for protein in self.cell.proteins}
        for entry in self.treatment.compounds:
            for other in entry.compound.neosubstrates:
                if other.name not in known:
                    raise ParameterError(
                        f"compounds.{entry.name}.neosubstrates: {quoted(other.name)} is no protein "
                        f"of cell {self.cell.name} nor of the library; {one_of(other.name, known)}"
                    )

    def _check_folds(self) -> None:
        """An allele of the library in other letters; `unknown_folds` finds what is none at all."""
        known = library_alleles()
        folded = {name.casefold() for name in known}
        for entry in self.treatment.compounds:
            for fold in entry.compound.folds:
                if fold.name not in known and fold.name.casefold() in folded:
                    raise ParameterError(unknown_fold(entry.compound, fold.name, known))

    @property
    def allele(self) -> Allele:
        """The target's allele, resolved."""
        allele = self.target.allele
        if not isinstance(allele, Allele):
            raise ParameterError(f"allele {allele!r} is not resolved; build a Scenario first")
        return allele


def _fill_expression(scenario: Scenario) -> None:
    """Set the open constants of gene expression from the library's defaults."""
    cell = scenario.cell
    if all(protein.expression is None for protein in cell.proteins):
        return
    facts = library.defaults("expression")
    proteins = tuple(_with_expression(protein, facts) for protein in cell.proteins)
    object.__setattr__(scenario, "cell", dataclasses.replace(cell, proteins=proteins))


def _with_expression(protein: Protein, facts: Mapping[str, Any]) -> Protein:
    own = protein.expression
    if own is None:
        return protein
    gaps = {name: fact.value for name, fact in facts.items() if getattr(own, name) is None}
    return dataclasses.replace(protein, expression=dataclasses.replace(own, **gaps))


def _check_constants(compound: Compound) -> None:
    """Affinities have no default: what is not public must be given."""
    missing = []
    if compound.kd_target_nM is None and compound.ki_target_nM is None:
        missing.append("kd_target_nM")
    if compound.is_degrader and compound.kd_ligase_nM is None:
        missing.append("kd_ligase_nM")
    if missing:
        settings = ", ".join(f"{field} = {_koff_over_kon(compound, field)}" for field in missing)
        own = "" if compound.name in library.names("compounds") else "custom = true, "
        raise ParameterError(
            f"compound {compound.name} has no {' and no '.join(missing)}: no public value exists "
            f'and none is given; write {{ name = "{compound.name}", {own}{settings} }}'
        )


def _koff_over_kon(compound: Compound, kd: str) -> str:
    """What a Kd has to be, where both rates are given."""
    site = kd.removeprefix("kd_").removesuffix("_nM")
    kon = getattr(compound, f"kon_{site}_per_nM_per_h")
    koff = getattr(compound, f"koff_{site}_per_h")
    return "..." if kon is None or koff is None else f"{koff / kon:g}"


def as_treatment(value: object) -> object:
    """A treatment, or the table of one: from compounds, by name or each a table, or from itself."""
    if not isinstance(value, Treatment | Mapping):
        return {"compounds": value}
    if isinstance(value, Mapping) and "compounds" not in value:
        return {"compounds": [value]}
    return value


def _over_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's scenario, with what is given laid over it."""
    preset = library.preset(given["preset"])
    base: dict[str, Any] = {
        key: preset[key] for key in ("cell", "target", "ubiquitination") if key in preset
    }
    base["cell"] = _table(base["cell"])
    if "compound" in preset:
        base["treatment"] = {"compounds": [preset["compound"]]}
    over = {key: _beside_preset(key, value) for key, value in given.items()}
    return {**library.merged(base, over), "preset": given["preset"]}


def _beside_preset(key: str, value: object) -> object:
    """What is given as a mapping, so that the preset fills the rest."""
    if key in ("cell", "target"):
        return _table(value)
    if isinstance(value, Ubiquitination):
        default = Ubiquitination()
        return {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != getattr(default, field.name)
        }
    return value


def _table(spec: Any) -> Any:
    """A bare name as the table that it stands for."""
    return {"name": spec} if isinstance(spec, str) else spec


def _fill(noun: Any, field: str, facts: Mapping[str, Any]) -> None:
    """Set the open fields of `noun.field` from library facts."""
    part = getattr(noun, field)
    gaps = {name: fact.value for name, fact in facts.items() if getattr(part, name) is None}
    gaps = {name: int(v) if name == "chain_length" else v for name, v in gaps.items()}
    object.__setattr__(noun, field, dataclasses.replace(part, **gaps))
