"""Every row of `data/validation.csv`: simulated where the library can, else the reason why not.

Predictions are drawn from the ranges of all constants that no measurement stands behind, with a
productivity between 1e-3 and 1, the span that the Zorba fit found. Writes `results/rows.json`.
"""

from __future__ import annotations

import csv
import functools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

import protacsim as ps
from protacsim import library, provenance

Floats = NDArray[np.float64]

HERE = Path(__file__).parent
DRAWS = 128
DOSES = tuple(np.geomspace(1e-2, 1e5, 22))
PRODUCTIVITY = {"distribution": "loguniform", "low": 1e-3, "high": 1.0}

CELLS = {
    "Ramos": "ramos", "RAMOS": "ramos", "THP-1": "thp1", "NAMALWA": "namalwa", "Mino": "mino",
    "TMD8": "tmd8", "MOLM-14": "molm14",
}  # fmt: skip
STAND_INS = {
    "JeKo-1": "mino", "HBL-1": "tmd8", "DOHH2": "ramos", "XLA": "namalwa", "IgE MM": "mino",
}  # fmt: skip
TRANSFECTED = ("K562", "K562 (transfected)", "HeLa", "HeLa (transfected)")
IC50 = {  # biochemical IC50 on wild type (nM), PROTAC-DB 2.0: stands in for the affinity
    "ChemComm2019-205": 159.0, "EJMC2021-2832": 3775.0, "EJMC2021-2833": 1931.5,
    "EJMC2021-2834": 2203.5, "EJMC2021-2835": 1209.5, "EJMC2021-2836": 1390.5,
    "EJMC2021-2838": 23.0, "EJMC2021-2839": 15.5,
}  # fmt: skip
DEGRADATION = {"DC50": "dc50_relative_nM", "Dmax": "dmax_percent"}
NO_CONSTANTS = "no pair of binary affinities of this compound is public"


def compound_of(name: str) -> dict[str, Any] | None:
    """The library's compound, or one that an IC50 stands for; None where nothing is known."""
    entry = name.lower()
    if library.known("compounds", entry):
        found = library.entry("compounds", entry)
        return {"name": found.name, **({"basis": "spr"} if "spr" in found.bases else {})}
    if name not in IC50:
        return None
    return {
        "name": entry, "custom": True, "kind": "degrader", "ligase": "CRBN",
        "kd_target_nM": IC50[name], "kd_ligase_nM": 3000.0,
        "folds": {"C481S": 0.6},
    }  # fmt: skip


def obstacle(row: dict[str, str]) -> str:
    """Why a row of degradation is not simulated; empty where it is."""
    name, cell = row["compound"], row["cell_line"]
    if compound_of(name) is None or not complete(name):
        return NO_CONSTANTS
    if cell in TRANSFECTED:
        return "BTK is transfected or foreign to this line: neither amount nor turnover is known"
    if cell not in CELLS and cell not in STAND_INS:
        return f"no cell like {cell or 'the one used (not stated)'} is described"
    if not row["value"] and row["note"].startswith(("no value", "PROTAC-Pedia 587")):
        return "no value is reported"
    return ""


def complete(name: str) -> bool:
    """Whether both affinities of a compound are known, and no placeholders."""
    known = library.known("compounds", name.lower())
    if known and library.entry("compounds", name.lower()).plain.get("hypothetical"):
        return False
    try:
        ps.Scenario(cell="ramos", treatment=compound_of(name))
    except ps.errors.ParameterError as error:
        return "no kd_" not in str(error)
    return True


def scenario(row: dict[str, str], compound: dict[str, Any]) -> ps.Scenario:
    """One row's cell, allele and compound; the chain grows as fast as in the Zorba fit."""
    cell = CELLS.get(row["cell_line"]) or STAND_INS[row["cell_line"]]
    return ps.Scenario(
        cell=cell,
        target={"name": "BTK", "allele": row["target_variant"]},
        treatment=compound,
        ubiquitination={"k_ub_per_h": 1e5},
    )


def uncertain(one: ps.Scenario) -> dict[str, Any]:
    """Ranges of what no measurement stands behind, and of the productivity."""
    found = {
        c.path: {"distribution": "loguniform", "low": c.low, "high": c.high}
        for c in provenance.constants(one)
        if c.unverified and c.low and c.high and c.low < c.high
        and c.path.startswith(("cell.", "compounds.")) and ".folds." not in c.path
    }  # fmt: skip
    compound = one.treatment.compounds[0].compound
    varied = compound.name
    if compound.ki_target_nM is not None:  # kon, KI and kinact bound one another; they stay
        tied = ("kon_target_per_nM_per_h", "ki_target_nM", "kinact_per_h")
        found = {path: over for path, over in found.items() if not path.endswith(tied)}
    return found | {f"compounds.{varied}.productive_fraction": PRODUCTIVITY}


@functools.lru_cache(maxsize=256)
def readings(key: str, doses: tuple[float, ...], time_h: float) -> dict[str, Floats]:
    """DC50, Dmax and the percentages (draws, doses) of one scenario over all draws."""
    one = scenario(*json.loads(key))
    study = ps.Study(
        one,
        axes={"compound.dose_nM": np.array(doses)},
        samples=[ps.Sample(dim="draw", n=DRAWS, design="lhs", over=uncertain(one))],
        readout=ps.Readout(["target_total"], times_h=[time_h], relative_to="vehicle"),
    )
    data = ps.run(study)
    curves = ps.pharmacology.dose_response(data)
    found = {q: curves[q].values[:, 0] for q in DEGRADATION.values()}
    percent = data["target_total_percent"].isel(time_h=0).transpose("draw", "compound.dose_nM")
    return {**found, "degraded": 100.0 - percent.values}


def draws(row: dict[str, str], compound: dict[str, Any]) -> Floats:
    """The row's quantity over all draws; DC50 only where more than 5 % is degraded."""
    time_h = float(row["time_h"] or 24.0)
    key = json.dumps([row | {"value": "", "note": "", "endpoint": ""}, compound])
    at_dose = re.fullmatch(r"percent_degraded_at_(\d+)nM", row["endpoint"])
    if at_dose:
        dose = float(at_dose[1])
        tested = tuple(sorted({*DOSES, dose}))
        return readings(key, tested, time_h)["degraded"][:, tested.index(dose)]
    found = readings(key, DOSES, time_h)
    if row["endpoint"] == "Dmax":
        return found["dmax_percent"]
    return np.where(found["dmax_percent"] > 5.0, found["dc50_relative_nM"], np.nan)


def degradation(row: dict[str, str]) -> dict[str, Any]:
    """Median and 90 % range of one row."""
    why = obstacle(row)
    if why:
        return {"status": "not addressed", "reason": why}
    compound = compound_of(row["compound"])
    found = draws(row, compound or {})
    found = found[np.isfinite(found)]
    low, middle, high = np.quantile(found, [0.05, 0.5, 0.95])
    notes = []
    if row["cell_line"] in STAND_INS:
        notes.append(f"{STAND_INS[row['cell_line']]} stands in for {row['cell_line']}")
    if row["compound"] in IC50:
        notes.append("an IC50 stands for the affinity")
    if not row["time_h"]:
        notes.append("time not stated, 24 h taken")
    return {
        "status": "predicted",
        "predicted": _shown(middle, row),
        "low": _shown(low, row),
        "high": _shown(high, row),
        "reason": "; ".join(notes),
    }


def _shown(value: float, row: dict[str, str]) -> float:
    """A percentage to three decimals: what is smaller is nothing."""
    return round(float(value), 3) if row["unit"] == "%" else float(value)


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


def bound(compounds: list[dict[str, Any]], time_h: float, cell: str) -> float:
    """Covalent occupancy of BTK (%) in a cell under compounds in plasma."""
    treatment = {"name": "oral", "compounds": compounds}
    data = ps.simulate(ps.Scenario(cell=cell, target="BTK", treatment=treatment), [time_h])
    return float(100.0 * (data["target_covalent"] / data["target_total"]).item())


APPARENT = {"atp_assay_uM": 3000.0, "kon_target_per_nM_per_h": 36.0}
"""Literature kinact/KI taken as apparent at the ATP of a cell."""


def occupied(
    drug: str, doses: list[dict[str, float]], time_h: float, cell: str, note: str
) -> dict[str, Any]:
    """Occupancy at the library's kinact and at both ends of its range.

    What it would be if kinact/KI were a constant of the empty site is told beside it. A second
    dose is that of the active metabolite, half as potent.
    """
    kinact = library.fact("compounds", drug, "kinact_per_h")
    ki = library.fact("compounds", drug, "ki_target_nM")
    if kinact is None or ki is None or kinact.value is None:
        raise SystemExit(f"{drug}: the library has no kinact and KI")

    def at(value: float, **own: float) -> float:
        compounds = [plasma({"name": drug, "kinact_per_h": value, **own}, doses[0])]
        for dose in doses[1:]:
            metabolite = {
                "name": "metabolite", "custom": True, "kind": "covalent",
                "ki_target_nM": ki.value, "kinact_per_h": 0.5 * value, **own,
            }  # fmt: skip
            compounds.append(plasma(metabolite, dose))
        return bound(compounds, time_h, cell)

    middle = at(kinact.value, **APPARENT)
    ends = [at(float(k), **APPARENT) for k in (kinact.low, kinact.high) if k]
    bare = at(kinact.value)
    found = _known("predicted", middle, f"{note}; without apparent ATP {bare:.0f} %")
    return {**found, "low": min(ends, default=middle), "high": max(ends, default=middle)}


ACALABRUTINIB = [
    {"half_life_h": 1.57, "tmax_h": 0.5, "auc_ng_h_per_mL": 946.0, "fu": 0.025,
     "g_per_mol": 465.5},
    # ACP-5862. Exposure: label; half-life, peak, unbound fraction: label, recalled and unchecked.
    {"half_life_h": 6.9, "tmax_h": 0.9, "auc_ng_h_per_mL": 2045.0, "fu": 0.014,
     "g_per_mol": 481.5},
]  # fmt: skip
SINGLE_DOSE = 643.0 / 946.0
IBRUTINIB = {
    "half_life_h": 5.0, "tmax_h": 2.0, "auc_ng_h_per_mL": 708.0, "fu": 0.027, "g_per_mol": 440.5,
}  # fmt: skip


def given(
    course: list[dict[str, float]], share: float, every_h: float, doses: int
) -> list[dict[str, float]]:
    """A course with a share of its exposure per dose."""
    return [
        dose | {"auc_ng_h_per_mL": dose["auc_ng_h_per_mL"] * share, "every_h": every_h,
                "doses": doses}
        for dose in course
    ]  # fmt: skip


def occupancy(row: dict[str, str]) -> dict[str, Any] | None:
    """Rows of occupancy and turnover that one-compartment kinetics reach."""
    drug, cell = row["compound"], row["cell_line"]
    with_metabolite = "with ACP-5862; one compartment"
    if row["endpoint"] == "free_BTK_accumulation":
        half_life = library.fact("cells", "cll_in_vivo", "proteins.BTK.half_life_h")
        percent = 100.0 * (1.0 - 0.5 ** (24.0 / float((half_life and half_life.value) or np.nan)))
        return _known("calibrated on", percent, "the half-life of the cell was derived from it")
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


def _known(status: str, value: float, reason: str) -> dict[str, Any]:
    return {"status": status, "predicted": float(value), "reason": reason}


def ibrutinib_ic50(allele: str, kinact_per_h: float | None = None) -> float:
    """IC50 of active BTK after 1 h (nM), at the library's kinact or another."""
    own = {"kinact_per_h": kinact_per_h, "kon_target_per_nM_per_h": 36.0} if kinact_per_h else {}
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
    kinact = library.fact("compounds", "ibrutinib", "kinact_per_h")
    ends = [serine / ibrutinib_ic50("WT", k) for k in (kinact and (kinact.low, kinact.high)) or ()]
    why = f"IC50 {wild:.2g} and {serine:.3g} nM after 1 h; the ATP constant was set on the second"
    return {**_known("predicted", serine / wild, why), "low": min(ends), "high": max(ends)}


def others(row: dict[str, str]) -> str:
    """Why a row that is no degradation in a cell line is left."""
    if row["endpoint"] == "partial_response":
        return "a clinical response; growth of cells is not modelled"
    if row["compound"].startswith("patent"):
        return "a population of unnamed compounds: used as a prior only"
    if row["compound"] == "BI 705564":
        return "neither constants nor pharmacokinetics of this drug are at hand"
    if row["compound"] == "tirabrutinib":
        return "kinact/KI of this drug is not public; the IC50 of a covalent drug sets neither"
    return "no human or animal pharmacokinetics of this degrader are public"


def addressed(row: dict[str, str]) -> dict[str, Any]:
    """One row of the report."""
    number = re.fullmatch(r"Zorba-PROTAC-(\d+)", row["compound"])
    if number and row["endpoint"] in DEGRADATION:
        why = "below 10 % taken as not seen" if not row["value"] else ""
        fitted = {
            "compound": f"PROTAC {number[1]}",
            "cell": CELLS[row["cell_line"].split(" and ")[0]],
            "quantity": DEGRADATION[row["endpoint"]],
        }
        return {"status": "calibrated on", "reason": why, "fitted": fitted}
    in_cells = row["endpoint"] in DEGRADATION or row["endpoint"].startswith("percent_degraded_at")
    if in_cells:
        return degradation(row)
    if row["endpoint"] == "IC50_fold":
        return ibrutinib_fold()
    found = occupancy(row)
    return found or {"status": "not addressed", "reason": others(row)}


def twins() -> list[dict[str, Any]]:
    """Ratios within pairs that share a draw: alleles, and covalent degraders with their twins."""
    mutant = {"time_h": "24", "cell_line": "XLA", "endpoint": "DC50"}
    pairs = [
        ("MT-802, C481S over WT, DC50", ("MT-802", "C481S", "XLA"), ("MT-802", "WT", "XLA"), 1.02),
        ("L18I, C481S over WT, DC50 (36 and 96 h, two lines)", ("L18I", "C481S", "HBL-1"),
         ("L18I", "WT", "HBL-1"), 29 / 18),
        *(
            (f"EJMC2021-{n}, C481S (TMD8) over WT (JeKo-1), DC50",
             (f"EJMC2021-{n}", "C481S", "TMD8"), (f"EJMC2021-{n}", "WT", "JeKo-1"), ratio)
            for n, ratio in ((2834, 52.7 / 9.4), (2835, 80.4 / 8.1), (2836, 52.3 / 8.3))
        ),
        ("IR-1 (covalent) over NC-1 (reversible), Mino, DC50", ("IR-1", "WT", "Mino"),
         ("NC-1", "WT", "Mino"), 8.6 / 2.2),
        ("Gabizon RC-1 (reversible covalent) over NC-1, Mino, DC50", ("Gabizon-RC-1", "WT", "Mino"),
         ("NC-1", "WT", "Mino"), 10 / 2.2),
    ]  # fmt: skip
    found = []
    for name, above, below, observed in pairs:
        values = []
        for compound, allele, cell in (above, below):
            row = mutant | {"compound": compound, "target_variant": allele, "cell_line": cell}
            values.append(draws(row, compound_of(compound) or {}))
        ratio = values[0] / values[1]
        low, middle, high = np.nanquantile(ratio, [0.05, 0.5, 0.95])
        found.append({"pair": name, "observed": observed, "predicted": middle, "low": low,
                      "high": high})  # fmt: skip
        print(found[-1], flush=True)
    return found


def main() -> None:
    """All rows and pairs to `results/rows.json`."""
    with (HERE / "data" / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for line, row in enumerate(rows, 2):
        found.append({"line": line, **row, **addressed(row)})
        print(line, row["compound"], found[-1]["status"], found[-1].get("predicted"), flush=True)
    result = {"rows": found, "twins": twins()}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "rows.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
