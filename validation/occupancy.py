"""Occupancy of BTK in patients and volunteers, and the IC50 of ibrutinib on two alleles.

All of it with the library as shipped. What its numbers would be if kinact/KI had been measured at
the ATP of a cell stands beside each prediction, as a note.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq

import protacsim as ps
from protacsim import library

APPARENT = {"atp_assay_uM": 3000.0}
"""kinact/KI taken as apparent at the ATP of a cell, as no entry of the library has it."""

ACALABRUTINIB = [
    {"half_life_h": 1.57, "tmax_h": 0.5, "auc_ng_h_per_mL": 946.0, "fu": 0.025,
     "g_per_mol": 465.5},
    # ACP-5862. Exposure: label; half-life, peak, unbound fraction: label, recalled and unchecked.
    {"half_life_h": 6.9, "tmax_h": 0.9, "auc_ng_h_per_mL": 2045.0, "fu": 0.014,
     "g_per_mol": 481.5},
]  # fmt: skip
SINGLE_DOSE = 643.0 / 946.0
IBRUTINIB = {  # half-life: 6 to 9 h (Sukbuntherng, ASCO 2013), the lower end as in configs/
    "half_life_h": 6.0, "tmax_h": 2.0, "auc_ng_h_per_mL": 708.0, "fu": 0.027, "g_per_mol": 440.5,
}  # fmt: skip


def absorption_half_life_h(tmax_h: float, half_life_h: float) -> float:
    """Of the one-compartment oral model that has its peak at `tmax_h`."""
    ke = np.log(2.0) / half_life_h
    ka = brentq(lambda k: np.log(k / ke) / (k - ke) - tmax_h, 1.0001 * ke, 1e4 * ke)
    return float(np.log(2.0) / ka)


def plasma(drug: dict[str, Any], dose: dict[str, float]) -> dict[str, Any]:
    """A compound of a treatment whose medium is plasma after oral doses."""
    half_life = dose["half_life_h"]
    auc = dose["auc_ng_h_per_mL"] / dose["g_per_mol"] * 1e3
    found = {
        **drug,
        "dose_nM": auc * float(np.log(2.0)) / half_life,
        "fraction_unbound_medium": dose["fu"],
        "elimination_half_life_h": half_life,
        "absorption_half_life_h": absorption_half_life_h(dose["tmax_h"], half_life),
    }
    if dose["doses"] > 1:
        found |= {"every_h": dose["every_h"], "doses": int(dose["doses"])}
    return found


def given(
    course: list[dict[str, float]], share: float, every_h: float, doses: int
) -> list[dict[str, float]]:
    """A course with a share of its exposure per dose."""
    return [
        dose | {"auc_ng_h_per_mL": dose["auc_ng_h_per_mL"] * share, "every_h": every_h,
                "doses": doses}
        for dose in course
    ]  # fmt: skip


def bound(compounds: list[dict[str, Any]], time_h: float, cell: str) -> float:
    """Covalent occupancy of BTK (%) in a cell under compounds in plasma."""
    treatment = {"name": "oral", "compounds": compounds}
    data = ps.simulate(ps.Scenario(cell=cell, target="BTK", treatment=treatment), [time_h])
    return float(100.0 * (data["target_covalent"] / data["target_total"]).item())


def number(drug: str, field: str) -> library.Fact:
    """A number of the library that has a value."""
    found = library.fact("compounds", drug, field)
    if found is None or found.value is None:
        raise SystemExit(f"{drug}: the library has no {field}")
    return found


def at_kinact(drug: str, kinact_per_h: float) -> dict[str, float]:
    """Another kinact, with a kon above kinact/KI: the upper end of its range where it must be."""
    ki = number(drug, "ki_target_nM").value or np.nan
    kon = library.defaults("compound.covalent")["kon_target_per_nM_per_h"]
    tight = kinact_per_h >= ki * (kon.value or np.nan)
    fast = {"kon_target_per_nM_per_h": kon.high or np.nan} if tight else {}
    return {"kinact_per_h": kinact_per_h, **fast}


def ends(drug: str) -> list[float]:
    """Both ends of the range of kinact."""
    kinact = number(drug, "kinact_per_h")
    return [float(end) for end in (kinact.low, kinact.high) if end]


def occupied(
    drug: str, doses: list[dict[str, float]], time_h: float, cell: str, note: str
) -> dict[str, Any]:
    """Occupancy (%) with the library's constants, and at both ends of the range of kinact.

    A second dose is that of the active metabolite, half as potent.
    """

    def at(kinact_per_h: float, **own: float) -> float:
        constants = {**at_kinact(drug, kinact_per_h), **own}
        compounds = [plasma({"name": drug, **constants}, doses[0])]
        compounds += [plasma(metabolite(drug, constants), dose) for dose in doses[1:]]
        return bound(compounds, time_h, cell)

    kinact = float(number(drug, "kinact_per_h").value or np.nan)
    span = [at(end) for end in ends(drug)]
    why = f"{note}; {at(kinact, **APPARENT):.0f} % if kinact/KI were apparent at 3 mM ATP"
    found = {"status": "predicted", "predicted": at(kinact), "reason": why}
    return {**found, "low": min(span), "high": max(span), "range": "kinact"}


def metabolite(drug: str, constants: dict[str, float]) -> dict[str, Any]:
    """One that reacts half as fast as its parent."""
    return {
        "name": "metabolite", "custom": True, "kind": "covalent",
        "ki_target_nM": number(drug, "ki_target_nM").value,
        **constants, "kinact_per_h": 0.5 * constants["kinact_per_h"],
    }  # fmt: skip


def occupancy(row: dict[str, str]) -> dict[str, Any] | None:
    """Rows of occupancy and turnover that one-compartment kinetics reach."""
    drug, cell = row["compound"], row["cell_line"]
    with_metabolite = "with ACP-5862; one compartment"
    if row["endpoint"] == "free_BTK_accumulation":
        return returned()
    if drug == "acalabrutinib" and "100 mg BID" in cell:
        doses = given(ACALABRUTINIB, 1.0, 12.0, 6)
        return occupied(drug, doses, 64.0, "cll_in_vivo", with_metabolite)
    if drug == "acalabrutinib" and "200 mg QD" in cell:
        doses = given(ACALABRUTINIB, 2.0, 24.0, 3)
        note = f"exposure proportional to dose; {with_metabolite}"
        return occupied(drug, doses, 52.0, "cll_in_vivo", note)
    if drug == "acalabrutinib" and "healthy" in cell:
        doses = given(ACALABRUTINIB, SINGLE_DOSE, 24.0, 1)
        return occupied(drug, doses, float(row["time_h"]), "healthy_b_in_vivo", with_metabolite)
    if drug == "ibrutinib" and row["endpoint"] == "BTK_occupancy":
        share = 140.0 / 420.0 if "140 mg" in cell else 175.0 / 420.0
        doses = given([IBRUTINIB], share, 24.0, 7)
        return occupied(drug, doses, 167.9, "cll_in_vivo", "trough; parent alone; one compartment")
    return None


def returned() -> dict[str, Any]:
    """BTK made anew in a day (%), which the half-life of the cell was derived from."""
    half_life = library.fact("cells", "cll_in_vivo", "proteins.BTK.half_life_h")
    percent = 100.0 * (1.0 - 0.5 ** (24.0 / float((half_life and half_life.value) or np.nan)))
    why = "the half-life of the cell was derived from it"
    return {"status": "calibrated on", "predicted": percent, "reason": why}


def ibrutinib_ic50(allele: str, **own: float) -> float:
    """IC50 of active BTK after 1 h (nM), with the library's constants or others."""
    study = ps.Study(
        ps.Scenario(
            cell="tmd8",
            target={"name": "BTK", "allele": allele},
            treatment={"name": "ibrutinib", **own},
        ),
        axes={"compound.dose_nM": np.geomspace(1e-2, 1e5, 29)},
        readout=ps.Readout(["target_active"], times_h=[1.0], relative_to="vehicle"),
    )
    return float(ps.pharmacology.inhibition(ps.run(study), "target_active")["ic50_nM"].item())


def ibrutinib_fold() -> dict[str, Any]:
    """IC50 of active BTK on C481S over wild type, at kinact and at both ends of its range."""
    wild, serine = (ibrutinib_ic50(allele) for allele in ("WT", "C481S"))
    span = [serine / ibrutinib_ic50("WT", **at_kinact("ibrutinib", k)) for k in ends("ibrutinib")]
    why = f"IC50 {wild:.2g} and {serine:.3g} nM after 1 h; the ATP constant was set on the second"
    found = {"status": "predicted", "predicted": serine / wild, "reason": why}
    return {**found, "low": min(span), "high": max(span), "range": "kinact"}


def c481s_ic50() -> dict[str, float]:
    """IC50 of ibrutinib on C481S (nM): as shipped, and with kinact/KI apparent at 3 mM ATP."""
    return {
        "shipped": ibrutinib_ic50("C481S"),
        "apparent": ibrutinib_ic50("C481S", **APPARENT),
    }
