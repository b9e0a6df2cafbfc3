"""Which numbers of a scenario enter a rate; those that do not are neither named nor varied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from protacsim.scenario.mistakes import OF_LIGASE
from protacsim.scenario.nouns import SCHEDULE_FIELDS, DosedCompound, Scenario
from protacsim.scenario.paths import numbers

OPTIONAL = (  # processes that are not there at zero
    "kinact_per_h",
    "krev_per_h",
    "efflux_pL_per_h",
    "loss_medium_per_h",
    "loss_cell_per_h",
    "ligase_loss_per_h",
)
OF_BONDS = (
    "kinact_ternary_per_h",
    "krev_per_h",
    "cooperativity_covalent",
    "productive_fraction_covalent",
)
ATP = ("atp_uM", "atp_assay_uM")
OF_CHAINS = ("k_ub", "k_dub", "k_proteasome_free")


def used(scenario: Scenario, path: str, varied: Collection[str] = ()) -> bool:
    """Whether a number enters a rate: fold changes of other alleles and classes do not.

    Numbers at `varied` paths may take any value. Doses and their times are asked for elsewhere.
    """
    field = field_of(path)
    if path.startswith("target.allele.class_folds."):
        kinds = {
            e.compound.kind for e in scenario.treatment.compounds if not _own_fold(scenario, e)
        }
        return field in kinds
    if ".folds." in path:
        return path.partition(".folds.")[2] == scenario.allele.name
    if field == "km_atp_uM":
        return any(value > 0.0 or p in varied for p, value in _atp(scenario))
    if path.startswith("ubiquitination."):
        return _of_chain(scenario, field)
    if path.startswith("compounds."):
        return _of_compound(scenario, path, field, varied)
    if path.startswith("cell.proteins."):
        return any(path.startswith(f"cell.proteins.{name}.") for name, _ in scenario.roles())
    return True


def idle_constants(runs: Iterable[tuple[Scenario, Collection[str]]]) -> Iterator[str]:
    """Constants that are varied and enter no rate of any of these scenarios."""
    heeded: dict[str, bool] = {}
    for scenario, varied in runs:
        for path in varied:
            scheduled = field_of(path) in SCHEDULE_FIELDS
            heeded[path] = heeded.get(path, False) or scheduled or used(scenario, path, varied)
    for path in (path for path, has_effect in heeded.items() if not has_effect):
        yield f"{path} is varied and has no effect here; {_needed(path)}, or leave it out"


def field_of(path: str) -> str:
    """The last part of a path."""
    return path.rpartition(".")[2]


def dosed(scenario: Scenario, path: str) -> DosedCompound:
    """The treatment's compound that a path belongs to."""
    rest = path.removeprefix("compounds.")
    return next(e for e in scenario.treatment.compounds if rest.startswith(f"{e.name}."))


def _needed(path: str) -> str:
    field = field_of(path)
    if ".folds." in path:
        return f"vary target.allele too, with {path.partition('.folds.')[2]} among its values"
    if ".class_folds." in path:
        return f"no {field} compound is without a fold of its own for this allele"
    if field == "km_proteasome_nM":
        return 'set ubiquitination.proteasome = "finite"'
    if path.startswith("ubiquitination."):
        return "it needs a degrader, and chains of at least one ubiquitin"
    if path.startswith("cell.proteins."):
        return "the protein is neither target nor ligase nor named in scenario.neosubstrates"
    if field in OF_LIGASE and field not in OF_BONDS:
        return "give the compound a ligase"
    if ".neosubstrates." in path:
        return "name the protein in scenario.neosubstrates"
    return "it needs a bond, which this compound or this allele does not form"


def _atp(scenario: Scenario) -> Iterable[tuple[str, float]]:
    """Concentrations of ATP, in the cell and in the assays of the affinities."""
    return ((p, value) for p, value in numbers(scenario).items() if field_of(p) in ATP)


def _of_chain(scenario: Scenario, field: str) -> bool:
    """Chains need a degrader and a length; at length 0 the target is destroyed on the ligase."""
    if field == "km_proteasome_nM":
        return scenario.ubiquitination.proteasome == "finite"
    return _has_chains(scenario) if field.startswith(OF_CHAINS) else _has_degrader(scenario)


def _has_degrader(scenario: Scenario) -> bool:
    return any(entry.compound.is_degrader for entry in scenario.treatment.compounds)


def _has_chains(scenario: Scenario) -> bool:
    return bool(scenario.ubiquitination.chain_length) and _has_degrader(scenario)


def _of_compound(scenario: Scenario, path: str, field: str, varied: Collection[str]) -> bool:
    """Ternary constants belong to degraders, inactivation to compounds that bond."""
    entry = dosed(scenario, path)
    if ".neosubstrates." in path:
        return path.rsplit(".", 2)[-2] in scenario.neosubstrates and (
            field != "productive_fraction" or _has_chains(scenario)
        )
    if field in OF_LIGASE and not entry.compound.is_degrader:
        return False
    if field in OF_BONDS and not _bonds(scenario, entry, varied):
        return False
    if field == "kinact_per_h" and not scenario.allele.covalent_bonding:
        return entry.compound.ki_target_nM is not None  # Kd follows from KI, kinact and kon
    if field.startswith("productive_fraction"):
        return _has_chains(scenario)
    return field not in OPTIONAL or path in varied or getattr(entry.compound, field) > 0.0


def _bonds(scenario: Scenario, entry: DosedCompound, varied: Collection[str]) -> bool:
    """Whether a compound has a way to bond with this allele."""
    rates = ("kinact_per_h", "kinact_ternary_per_h")
    there = any(
        getattr(entry.compound, rate) or f"compounds.{entry.name}.{rate}" in varied
        for rate in rates
    )
    return there and scenario.allele.covalent_bonding


def _own_fold(scenario: Scenario, entry: DosedCompound) -> bool:
    return any(fold.name == scenario.allele.name for fold in entry.compound.folds)
