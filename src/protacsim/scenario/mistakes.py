"""Mistakes in scenarios: numbers that exclude one another, and what would have no effect.

The nouns check themselves; what only several scenarios together show is asked for by a study.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim import library
from protacsim.entities import Allele, Compound
from protacsim.errors import ParameterError
from protacsim.validation import one_of, quoted

if TYPE_CHECKING:
    from protacsim.scenario.nouns import Scenario


LOST = ("cysteine_481", "covalent_bonding", "kinase_proficient")
"""What wild type has and alleles may have lost."""

OF_LIGASE = frozenset(
    {
        "kd_ligase_nM",
        "kon_ligase_per_nM_per_h",
        "koff_ligase_per_h",
        "kon_ligase_ternary_per_nM_per_h",
        "kon_target_ternary_per_nM_per_h",
        "cooperativity",
        "cooperativity_covalent",
        "cooperativity_split",
        "productive_fraction",
        "productive_fraction_covalent",
        "kinact_ternary_per_h",
        "ligase_loss_per_h",
    }
)
"""Constants of a compound that belong to its ligase: a compound without one has none of them."""


def heeded(kind: str, values: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an entry; `ParameterError` if some of those given would have no effect."""
    idle = sorted(OF_LIGASE & given.keys()) if values.get("ligase") is None else []
    if kind == "compounds" and idle:
        raise ParameterError(
            f"{values['name']} recruits no ligase, so that {' and '.join(idle)} would have no "
            f"effect; leave {'it' if len(idle) == 1 else 'them'} out, or name its ligase"
        )
    if kind == "cells":
        _check_amounts(values, given)
    return values


def _check_amounts(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse a protein without an amount that the library does not know: it may be misspelt."""
    changed, all_ = given.get("proteins"), values.get("proteins")
    if not isinstance(changed, Mapping) or not isinstance(all_, Mapping):
        return
    for name in changed:
        entry = all_[name]
        if name in library_proteins() or not isinstance(entry, Mapping):
            continue
        if not {"abundance_nM", "abundance_copies"} & entry.keys():
            raise ParameterError(
                f"proteins.{quoted(name)[1:-1]}: no such protein; "
                f"{one_of(str(name), library_proteins())}; "
                "a new one needs abundance_nM or abundance_copies"
            )


def check_inactivation(compound: str, kon: Any, ki: Any, kinact: Any) -> None:
    """Refuse constants of a kinact/KI analysis (1/nM/h, nM, 1/h) whose Kd would not be positive."""
    wrong = np.asarray(kon * ki <= kinact)
    if wrong.any():
        k, i, n = (np.broadcast_to(each, wrong.shape)[wrong].flat[0] for each in (kon, ki, kinact))
        raise ParameterError(
            f"compound {compound}: kon_target_per_nM_per_h = {k:g} is not above kinact/KI = "
            f"{n / i:g} 1/nM/h (kinact_per_h = {n:g}, ki_target_nM = {i:g}), so that "
            "kd = KI - kinact/kon would not be positive; raise kon, lower kinact_per_h, or give "
            "koff_target_per_h in place of kon"
        )


def check_allele(target: str, allele: Allele) -> None:
    """Refuse an allele that bears a name of the library and is wild type where that is not."""
    name = f"{target}.{allele.name}"
    known = library.values("alleles", name) if library.known("alleles", name) else {}
    wild = [f"{field} = True" for field in LOST if getattr(allele, field) > known.get(field, True)]
    if known.get("class_folds") and not allele.class_folds:
        wild.append("no class_folds")
    if wild:
        raise ParameterError(
            f"allele {allele.name} has {' and '.join(wild)}, unlike the {allele.name} of the "
            f'library; write allele = "{allele.name}", or give your own allele another name'
        )


@cache
def library_proteins() -> frozenset[str]:
    """Proteins of all cells of the library."""
    cells = (library.values("cells", name) for name in library.names("cells"))
    return frozenset(protein for cell in cells for protein in cell["proteins"])


def unknown_folds(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """Folds of compounds on what is no allele of the library nor of these scenarios."""
    scenarios = list(scenarios)
    known = library_alleles() | {scenario.allele.name for scenario in scenarios}
    compounds = {entry.compound: None for s in scenarios for entry in s.treatment.compounds}
    for compound in compounds:
        for entry in compound.folds:
            if entry.name not in known:
                yield unknown_fold(compound, entry.name, known)


def misspelt_proteins(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """Proteins of cells that are one of the library, or of these scenarios, in other letters."""
    scenarios = list(scenarios)
    known = library_proteins() | {role for scenario in scenarios for role, _ in scenario.roles()}
    folded = {name.casefold() for name in known}
    cells = {scenario.cell: None for scenario in scenarios}
    for name in dict.fromkeys(protein.name for cell in cells for protein in cell.proteins):
        if name not in known and name.casefold() in folded:
            yield f"cell.proteins.{name}: no such protein; {one_of(name, known)}"


def idle_losses(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """Losses of compounds from media that keep their concentration, in all of these scenarios."""
    heeded: dict[str, bool] = {}
    for scenario in scenarios:
        for entry in scenario.treatment.compounds:
            driven = entry.schedule.elimination_half_life_h is not None
            loses = driven or not scenario.cell.medium_buffered
            if entry.compound.loss_medium_per_h > 0.0:
                heeded[entry.name] = loses or heeded.get(entry.name, False)
    for name in (name for name, has_effect in heeded.items() if not has_effect):
        yield (
            f"compounds.{name}.loss_medium_per_h has no effect: the medium is buffered and keeps "
            "its concentration; leave the loss out, give an elimination_half_life_h, or set "
            "cell.medium_buffered = false"
        )


def idle_neosubstrates(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """Neosubstrates that no compound of any of these scenarios recruits."""
    scenarios = list(scenarios)
    compounds = {entry.compound: None for s in scenarios for entry in s.treatment.compounds}
    known = {entry.name for compound in compounds for entry in compound.neosubstrates}
    others = f"only {', '.join(sorted(known))}" if known else "nor is any other"
    for name in dict.fromkeys(name for s in scenarios for name in s.neosubstrates):
        if compounds and name not in known:
            yield (
                f"scenario.neosubstrates: {name} is recruited by no compound here, {others}; add "
                f"neosubstrates = {{ {name} = {{ kd_nM = ... }} }} to a compound, or leave it out"
            )


def unknown_fold(compound: Compound, allele: str, known: frozenset[str]) -> str:
    """The sentence about a fold on what is no allele."""
    return (
        f"compounds.{compound.name}.folds: {quoted(allele)} is no allele of the library or of this "
        f"study; {one_of(allele, known)}"
    )


@cache
def library_alleles() -> frozenset[str]:
    """Alleles of all targets of the library."""
    return frozenset(name.partition(".")[2] for name in library.names("alleles"))
