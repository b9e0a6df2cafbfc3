"""How fast: the numbers behind every rate name, for one run or for arrays of runs at once.

`values` maps paths (see `scenario.numbers`) to floats or to arrays of one shape; everything here
is plain arithmetic on them, so that a sweep rewrites vectors and rebuilds nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from protacsim.entities import Compound
from protacsim.errors import ParameterError
from protacsim.mechanisms.expression import LN2, Values, expression_amounts, expression_rates
from protacsim.mechanisms.forms import entrance, gut, outside
from protacsim.network import Dose
from protacsim.scenario import PROTEASOME, Scenario, molecules


def rate_constants(scenario: Scenario, values: Values) -> dict[str, Any]:
    """Every rate constant by name, per h and (order 2) per molecule.

    Raises `ParameterError` where a compound lacks a constant that the run needs.
    """
    constants: dict[str, Any] = {}
    for protein in (scenario.target.name, *scenario.neosubstrates, *_ligases(scenario)):
        half_life = values.get(f"cell.proteins.{protein}.half_life_h")
        if half_life is not None:
            turnover = LN2 / half_life
            constants[f"turnover[{protein}]"] = turnover
            synthesis = turnover * abundance(protein, values)
            constants[f"synthesis[{protein}]"] = synthesis
            constants |= expression_rates(protein, synthesis, values)
    per_molecule = 1.0 / molecules(1.0, values["cell.volume_pL"])
    for place in ("free", "bound"):
        for process in ("k_dub", "k_proteasome"):
            constants[f"{process}_{place}"] = values[f"ubiquitination.{process}_{place}_per_h"]
        catalysis = constants[f"k_proteasome_{place}"]
        km = values["ubiquitination.km_proteasome_nM"]
        constants[f"kon_proteasome_{place}"] = catalysis / km * per_molecule
    for entry in scenario.treatment.compounds:
        own = _Own(entry.compound, values)
        constants |= _exchange(own, values)
        constants |= _target_binding(own, scenario, values)
        if entry.compound.is_degrader:
            constants |= _ligase_binding(own, scenario, values)
            constants |= _neosubstrate_binding(own, scenario, values)
    return constants


def _ligases(scenario: Scenario) -> tuple[str, ...]:
    """Ligases that are recruited, each once."""
    names = (entry.compound.ligase for entry in scenario.treatment.compounds)
    return tuple(dict.fromkeys(name for name in names if name))


class _Own:
    """The numbers of one compound by field name."""

    def __init__(self, compound: Compound, values: Values) -> None:
        self.compound = compound
        self.name = compound.name
        self._values = values

    def get(self, field: str) -> Any:
        """The number, or None when the compound leaves it open."""
        return self._values.get(f"compounds.{self.name}.{field}")

    def __getitem__(self, field: str) -> Any:
        value = self.get(field)
        if value is None and field == "dose_nM":
            raise ParameterError(f"compound {self.name} has no dose; give it a dose_nM")
        if value is None:
            raise ParameterError(
                f"compound {self.name} has no {field}: no value is public or given; "
                f"set compounds.{self.name}.{field}"
            )
        return value

    def either(self, field: str, otherwise: Any) -> Any:
        """The number, or a fallback."""
        value = self.get(field)
        return otherwise if value is None else value

    def kd_and_kon(self, site: str) -> tuple[Any, Any]:
        """Dissociation constant (nM) and association rate (1/nM/h) of the wild-type site."""
        kon, koff = self.get(f"kon_{site}_per_nM_per_h"), self.get(f"koff_{site}_per_h")
        if site == "target" and self.get("ki_target_nM") is not None:
            if koff is None:
                kon, ki = self["kon_target_per_nM_per_h"], self["ki_target_nM"]
                return ki - self["kinact_per_h"] / kon, kon
            kon = (koff + self["kinact_per_h"]) / self["ki_target_nM"]
            return koff / kon, kon
        kd = self[f"kd_{site}_nM"]
        return kd, koff / kd if kon is None and koff is not None else kon


def _exchange(own: _Own, values: Values) -> dict[str, Any]:
    permeability = own["permeability_pL_per_h"]
    inward = own["unbound_accumulation"] * own["fraction_unbound_medium"]
    return {
        f"uptake[{own.name}]": permeability * inward / values["cell.medium_volume_pL"],
        f"release[{own.name}]": (
            (permeability + own["efflux_pL_per_h"])
            * own["fraction_unbound_cell"]
            / values["cell.volume_pL"]
        ),
        f"loss_medium[{own.name}]": own["loss_medium_per_h"] * own["fraction_unbound_medium"],
        f"loss_cell[{own.name}]": own["loss_cell_per_h"] * own["fraction_unbound_cell"],
        **{
            f"{process}[{own.name}]": LN2 / own[f"{process}_half_life_h"]
            for process in ("absorption", "elimination")
            if own.get(f"{process}_half_life_h") is not None
        },
    }


def _target_binding(own: _Own, scenario: Scenario, values: Values) -> dict[str, Any]:
    """Rows 3, 4 and 6; ATP slows every association to an empty site."""
    x = own.name
    per_molecule = 1.0 / molecules(1.0, values["cell.volume_pL"])
    kd, kon = own.kd_and_kon("target")
    kd = kd * fold(own.compound, scenario, values)
    empty = per_molecule * free_of_atp(own, values)
    covalent = 1.0 if scenario.allele.covalent_bonding else 0.0
    kinact = own["kinact_per_h"] * covalent
    in_ternary = own.either("kinact_ternary_per_h", own["kinact_per_h"])
    constants = {
        f"kon_target[{x}]": kon * empty * own["fraction_unbound_cell"],
        f"koff_target[{x}]": kon * kd,
        f"kinact[{x}]": kinact,
        f"krev[{x}]": own["krev_per_h"],
        f"kinact_ternary[{x}]": in_ternary * covalent,
    }
    if own.compound.is_degrader:
        on, off = _ternary(own, "target", kd, kon, own["cooperativity"])
        constants[f"kon_target_ternary[{x}]"] = on * empty
        constants |= _openings(f"koff_target_ternary[{x}]", off, scenario)
        constants[f"krev_ternary[{x}]"] = own["krev_per_h"] * _closing(own, in_ternary)
    return constants


def _closing(own: _Own, in_ternary: Any) -> Any:
    """What bond breaking in the ternary complex differs by, so that the second square closes."""
    alpha = own["cooperativity"]
    kinact = np.asarray(own["kinact_per_h"], float)
    faster = in_ternary / np.where(kinact > 0.0, kinact, 1.0)
    return faster * alpha / own.either("cooperativity_covalent", alpha)


def _neosubstrate_binding(own: _Own, scenario: Scenario, values: Values) -> dict[str, Any]:
    """Row 12, and row 8 for neosubstrates."""
    per_molecule = 1.0 / molecules(1.0, values["cell.volume_pL"])
    constants: dict[str, Any] = {}
    for entry in own.compound.neosubstrates:
        key = f"[{own.name}, {entry.name}]"
        kon = own[f"neosubstrates.{entry.name}.kon_per_nM_per_h"]
        productive = own[f"neosubstrates.{entry.name}.productive_fraction"]
        off = kon * own[f"neosubstrates.{entry.name}.kd_nM"]
        constants[f"kon_neosubstrate{key}"] = kon * per_molecule
        constants |= _openings(f"koff_neosubstrate{key}", off, scenario)
        constants[f"k_ub{key}"] = values["ubiquitination.k_ub_per_h"] * productive
    return constants


def _ligase_binding(own: _Own, scenario: Scenario, values: Values) -> dict[str, Any]:
    """Rows 5, 7 and 8."""
    x = own.name
    per_molecule = 1.0 / molecules(1.0, values["cell.volume_pL"])
    kd, kon = own.kd_and_kon("ligase")
    alpha = own["cooperativity"]
    on, off = _ternary(own, "ligase", kd, kon, alpha)
    on_bonded, off_bonded = _ternary(
        own, "ligase", kd, kon, own.either("cooperativity_covalent", alpha)
    )
    productive = own["productive_fraction"]
    bonded_productive = own.either("productive_fraction_covalent", productive)
    k_ub = values["ubiquitination.k_ub_per_h"]
    return {
        f"kon_ligase[{x}]": kon * per_molecule * own["fraction_unbound_cell"],
        f"koff_ligase[{x}]": kon * kd,
        f"kon_ligase_ternary[{x}]": on * per_molecule,
        **_openings(f"koff_ligase_ternary[{x}]", off, scenario),
        f"kon_ligase_covalent[{x}]": on_bonded * per_molecule,
        **_openings(f"koff_ligase_covalent[{x}]", off_bonded, scenario),
        f"k_ub[{x}]": k_ub * productive,
        f"k_ub_covalent[{x}]": k_ub * bonded_productive,
        f"ligase_loss[{x}]": own["ligase_loss_per_h"],
    }


def _ternary(own: _Own, site: str, kd: Any, kon: Any, alpha: Any) -> tuple[Any, Any]:
    """On (1/nM/h) and off (1/h) rates into and out of the ternary complex: Kd falls alpha-fold."""
    own_on = own.get(f"kon_{site}_ternary_per_nM_per_h")
    split = alpha if own.compound.cooperativity_split == "on_rates" else 1.0
    on = kon * split if own_on is None else own_on
    return on, on * kd / alpha


def _openings(name: str, off: Any, scenario: Scenario) -> dict[str, Any]:
    """An exit of the ternary complex, whole and divided by the fate of the chain."""
    fate = scenario.ubiquitination.chain_on_release
    erased = fate if isinstance(fate, float) else 0.0
    return {name: off, f"{name}*kept": off * (1.0 - erased), f"{name}*erased": off * erased}


def fold(compound: Compound, scenario: Scenario, values: Values) -> Any:
    """Fold change of the target affinity on the allele: the compound's own, or its class's."""
    allele = scenario.allele
    own = values.get(f"compounds.{compound.name}.folds.{allele.name}")
    shared = values.get(f"target.allele.class_folds.{compound.kind}", 1.0)
    return shared if own is None else own


def free_of_atp(own: _Own, values: Values) -> Any:
    """Factor on association to an empty site, from the assay's ATP to the cell's."""
    km = values["target.allele.km_atp_uM"]
    return (1.0 + own["atp_assay_uM"] / km) / (1.0 + values["cell.atp_uM"] / km)


def abundance(protein: str, values: Values) -> Any:
    """Molecules per cell of a protein without drug."""
    prefix = f"cell.proteins.{protein}.abundance_"
    copies = values.get(f"{prefix}copies")
    if copies is not None:
        return copies
    return molecules(values[f"{prefix}nM"], values["cell.volume_pL"])


def initial_amounts(scenario: Scenario, values: Values) -> dict[str, Any]:
    """The drug-free steady state, molecules per cell."""
    proteins = [scenario.target.name, *scenario.neosubstrates, *_ligases(scenario)]
    if scenario.ubiquitination.proteasome == "finite":
        proteins.append(PROTEASOME)
    amounts = {protein: abundance(protein, values) for protein in proteins}
    for protein in proteins:
        amounts |= expression_amounts(protein, values)
    return amounts


def doses(scenario: Scenario, values: Values) -> list[Dose]:
    """Additions before stop_h, and washouts, of all compounds in molecules per cell."""
    found = []
    volumes = compartment_volumes(values)
    for entry in scenario.treatment.compounds:
        own = _Own(entry.compound, values)
        oral = own.get("absorption_half_life_h") is not None
        amount = molecules(own["dose_nM"], volumes[entry.schedule.compartment])
        enters = entrance(entry, oral=oral)
        stop_h = own.get("stop_h")
        for n in range(entry.schedule.doses):
            time_h = own["start_h"] + (n * own["every_h"] if n else 0.0)
            given = amount if stop_h is None else amount * (np.asarray(time_h) < stop_h)
            found.append(Dose(time_h, enters, given, False))
        if stop_h is not None:
            for place in (gut, outside) if oral else (outside,):
                found.append(Dose(stop_h, place(entry.name), 0.0 * amount, True))
    return found


def compartment_volumes(values: Values) -> dict[str, Any]:
    """Volumes in pL by compartment."""
    return {"cell": values["cell.volume_pL"], "medium": values["cell.medium_volume_pL"]}
