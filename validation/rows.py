"""Every row of `data/validation.csv`: simulated where the library can, else the reason why not.

Degradation is predicted as a distribution: constants of the cell and of the compound that no
measurement stands behind are drawn from their ranges, with a productivity between 1e-3 and 1, the
span that the Zorba fit found. Writes `results/rows.json`.
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
from occupancy import c481s_ic50, ibrutinib_fold, occupancy

import protacsim as ps
from protacsim import library, provenance

Floats = NDArray[np.float64]
Ranges = dict[str, tuple[float, float]]

HERE = Path(__file__).parent
DRAWS = 16384
"""Draws per row. What half as many give stands beside it, to show that they are enough."""
SEEN = 5.0
"""A draw has a DC50 where it degrades at least that much (%)."""
DOSES = tuple(sorted({*np.geomspace(1e-2, 1e5, 22), 100.0, 300.0, 1000.0, 2000.0, 3000.0}))
TIME_H = 24.0
PRODUCTIVITY = (1e-3, 1.0)

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
    """The library's compound, or one that an IC50 stands for; None where nothing is known.

    The affinity for CRBN is that of surface plasmon resonance where there is such a basis.
    """
    entry = name.lower()
    if library.known("compounds", entry):
        found = library.entry("compounds", entry)
        basis = {"basis": "spr"} if "spr" in found.bases else {}
        return {"name": found.name, **basis, **reversible_step(found.name)}
    if name not in IC50:
        return None
    return {
        "name": entry, "custom": True, "kind": "degrader", "ligase": "CRBN",
        "kd_target_nM": IC50[name], "kd_ligase_nM": 3000.0,
    }  # fmt: skip


def reversible_step(name: str) -> dict[str, float]:
    """The Kd in place of a KI: KI, kinact and kon bound one another, Kd, kinact and kon do not."""
    compound = library.compound(name)
    if compound.ki_target_nM is None:
        return {}
    kon = library.defaults(f"compound.{compound.kind}")["kon_target_per_nM_per_h"].value
    return {"kd_target_nM": compound.ki_target_nM - compound.kinact_per_h / (kon or np.nan)}


def stand_in_ranges(name: str) -> Ranges:
    """Ranges of constants that stand in for measured ones and carry no range of their own.

    A Kd in place of a KI takes the range of the KI. An IC50 in place of a Kd is uncertain fivefold
    each way, as in the library; the other two ranges are those of its degraders on basis "spr".
    """
    if library.known("compounds", name):
        ki = library.fact("compounds", name, "ki_target_nM")
        return {"kd_target_nM": (ki.low, ki.high)} if ki and ki.low and ki.high else {}
    ic50 = next(value for key, value in IC50.items() if key.lower() == name)
    return {
        "kd_target_nM": (ic50 / 5.0, ic50 * 5.0),
        "kd_ligase_nM": (2500.0, 15700.0),
        "cooperativity": (0.1, 10.0),
    }


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


def cell_of(row: dict[str, str]) -> str:
    """The library's line of a row, or the one that stands in."""
    return CELLS.get(row["cell_line"]) or STAND_INS[row["cell_line"]]


def scenario(row: dict[str, str], compound: dict[str, Any], **own: Any) -> ps.Scenario:
    """One row's cell, allele and compound."""
    target = {"name": "BTK", "allele": row["target_variant"]}
    return ps.Scenario(cell=cell_of(row), target=target, treatment=compound, **own)


FAST_CHAIN = {"k_ub_per_h": 1e5}
"""The chain grows as fast as in the Zorba fit, 67 times faster than the library has it."""


def uncertain(one: ps.Scenario) -> dict[str, Any]:
    """Ranges of what no measurement stands behind, and of the productivity.

    Constants of the chain, of ATP binding and of alleles are not drawn.
    """
    name = one.treatment.compounds[0].compound.name
    found: Ranges = {
        c.path: (c.low, c.high)
        for c in provenance.constants(one)
        if c.unverified and c.low and c.high and c.low < c.high
        and c.path.startswith(("cell.", "compounds.")) and ".folds." not in c.path
    }  # fmt: skip
    found |= {f"compounds.{name}.{field}": span for field, span in stand_in_ranges(name).items()}
    found[f"compounds.{name}.productive_fraction"] = PRODUCTIVITY
    return {
        path: {"distribution": "loguniform", "low": low, "high": high}
        for path, (low, high) in found.items()
    }


def curves_of(one: ps.Scenario, time_h: float, **samples: Any) -> tuple[Any, Any]:
    """DC50 and Dmax of one scenario, and the percentages left at every dose."""
    study = ps.Study(
        one,
        axes={"compound.dose_nM": np.array(DOSES)},
        readout=ps.Readout(["target_total"], times_h=[time_h], relative_to="vehicle"),
        **samples,
    )
    data = ps.run(study)
    return ps.pharmacology.dose_response(data), data["target_total_percent"].isel(time_h=0)


@functools.lru_cache(maxsize=256)
def readings(key: str, draws: int) -> dict[str, Floats]:
    """DC50, Dmax and the percentages degraded (draws, doses) of one scenario over all draws."""
    row, compound, time_h = json.loads(key)
    one = scenario(row, compound, ubiquitination=FAST_CHAIN)
    sample = ps.Sample(dim="draw", n=draws, design="sobol", over=uncertain(one))
    curves, left = curves_of(one, time_h, samples=[sample])
    found = {q: curves[q].values[:, 0] for q in DEGRADATION.values()}
    return {**found, "degraded": 100.0 - left.transpose("draw", "compound.dose_nM").values}


def values_of(row: dict[str, str], compound: dict[str, Any], draws: int = DRAWS) -> Floats:
    """The row's quantity in every draw; no DC50 where less than `SEEN` is degraded."""
    where = {key: row[key] for key in ("target_variant", "cell_line")}
    found = readings(json.dumps([where, compound, float(row["time_h"] or TIME_H)]), draws)
    at_dose = re.fullmatch(r"percent_degraded_at_(\d+)nM", row["endpoint"])
    if at_dose:
        return found["degraded"][:, DOSES.index(float(at_dose[1]))]
    if row["endpoint"] == "Dmax":
        return found["dmax_percent"]
    return np.where(found["dmax_percent"] >= SEEN, found["dc50_relative_nM"], np.nan)


def degradation(row: dict[str, str]) -> dict[str, Any]:
    """Median and 90 % range of one row, and the median of half as many draws."""
    why = obstacle(row)
    if why:
        return {"status": "not addressed", "reason": why}
    compound = compound_of(row["compound"]) or {}
    found = values_of(row, compound)
    low, middle, high = np.nanquantile(found, [0.05, 0.5, 0.95])
    return {
        "status": "predicted",
        "predicted": _shown(middle, row),
        "low": _shown(low, row),
        "high": _shown(high, row),
        "range": "draws",
        **({"kept": float(np.isfinite(found).mean())} if row["endpoint"] == "DC50" else {}),
        "halved": _shown(np.nanmedian(values_of(row, compound, DRAWS // 2)), row),
        "reason": "; ".join(remarks(row, found)),
        "shipped": shipped(row),
    }


def remarks(row: dict[str, str], found: Floats) -> list[str]:
    """What stands in for something else, and how many draws have the quantity."""
    notes = []
    if row["cell_line"] in STAND_INS:
        notes.append(f"{STAND_INS[row['cell_line']]} stands in for {row['cell_line']}")
    if row["compound"] in IC50:
        notes.append("an IC50 stands for the affinity")
    if not row["time_h"]:
        notes.append(f"time not stated, {TIME_H:g} h taken")
    if row["endpoint"] == "DC50":
        notes.append(f"DC50 in {100.0 * np.isfinite(found).mean():.0f} % of draws")
    return notes


def shipped(row: dict[str, str]) -> dict[str, float] | None:
    """DC50 and Dmax with every constant as the library has it; None where it has no entry."""
    if not library.known("compounds", row["compound"].lower()):
        return None
    one = scenario(row, {"name": row["compound"].lower()})
    curves, _ = curves_of(one, float(row["time_h"] or TIME_H))
    return {quantity: curves[quantity].item() for quantity in DEGRADATION.values()}


def _shown(value: float, row: dict[str, str]) -> float:
    """A percentage to three decimals: what is smaller is nothing."""
    return round(float(value), 3) if row["unit"] == "%" else float(value)


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


Place = tuple[str, str, str, str]
"""Compound, allele, cell line and time (h) of one side of a pair."""

ALLELES: list[tuple[str, Place, Place, float]] = [
    ("MT-802, C481S over WT (XLA, 24 h)", ("MT-802", "C481S", "XLA", "24"),
     ("MT-802", "WT", "XLA", "24"), 14.9 / 14.6),
    ("L18I (placeholder constants), C481S at 36 h (HBL-1) over WT at 96 h (HeLa); TMD8 stands in "
     "for both", ("L18I", "C481S", "HBL-1", "36"), ("L18I", "WT", "HBL-1", "96"), 29 / 18),
    *(
        (f"EJMC2021-{n}, C481S (TMD8) over WT (JeKo-1), 24 h",
         (f"EJMC2021-{n}", "C481S", "TMD8", "24"), (f"EJMC2021-{n}", "WT", "JeKo-1", "24"), ratio)
        for n, ratio in ((2834, 52.7 / 9.4), (2835, 80.4 / 8.1), (2836, 52.3 / 8.3))
    ),
]  # fmt: skip
BONDS: list[tuple[str, Place, Place, float]] = [
    ("IR-1 (covalent) over NC-1 (reversible), Mino, 24 h", ("IR-1", "WT", "Mino", "24"),
     ("NC-1", "WT", "Mino", "24"), 8.6 / 2.2),
    ("Gabizon RC-1 (reversible covalent) over NC-1, Mino, 24 h",
     ("Gabizon-RC-1", "WT", "Mino", "24"), ("NC-1", "WT", "Mino", "24"), 10 / 2.2),
]  # fmt: skip


def dc50_of(place: Place) -> Floats:
    """DC50 of one side of a pair in every draw."""
    compound, allele, cell, time_h = place
    row = {"target_variant": allele, "cell_line": cell, "time_h": time_h, "endpoint": "DC50"}
    return values_of(row, compound_of(compound) or {})


def twins() -> list[dict[str, Any]]:
    """Ratios of DC50 within pairs that share a draw: alleles, and covalent with reversible."""
    found = []
    for name, above, below, observed in [*ALLELES, *BONDS]:
        ratio = dc50_of(above) / dc50_of(below)
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
    result = {"draws": DRAWS, "rows": found, "twins": twins(), "c481s_ic50_nM": c481s_ic50()}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "rows.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
