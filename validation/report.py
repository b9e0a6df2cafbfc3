"""Words of `docs/validation.md`, from what `zorba.py` and `rows.py` found."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures import DC50, DMAX, LINES, draw_rows, draw_zorba
from numpy.typing import NDArray

Errors = NDArray[np.float64]

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
POTENT = (6, 7, 8, 9, 10, 11)
KINDS: dict[str, Callable[[Errors], float]] = {
    "mean": lambda e: float(e.mean()),
    "root mean square": lambda e: float(np.sqrt((e**2).mean())),
    "median": lambda e: float(np.median(e)),
}


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def number(value: float | None) -> str:
    """Three digits, as a person writes them."""
    if value is None or not np.isfinite(value):
        return ""
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{float(f'{value:.3g}'):g}"


def span(row: dict[str, Any]) -> str:
    """The interval of a row."""
    return f"{number(row['low'])} to {number(row['high'])}" if "low" in row else ""


def du2024() -> dict[tuple[int, str], dict[str, str]]:
    """What Du 2024 published, by compound and line."""
    lines = {name: key for key, name in LINES.items()}
    with (HERE / "data" / "du_author_outputs.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(int(r["degrader"].split()[-1]), lines[r["cell"]]): r for r in rows}


def side_by_side(zorba: dict[str, Any]) -> str:
    """Observed, published and fitted, one line per compound and cell line."""
    by_place: dict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    for row in zorba["fitted"]:
        by_place[int(row["compound"].split()[-1]), row["cell"]][row["quantity"]] = row
    published, rows = du2024(), []
    for (n, cell), found in by_place.items():
        du = published.get((n, cell), {})
        dc50, dmax = found.get(DC50, {}), found[DMAX]
        seen = f"{'< ' if dmax['operator'] == '<' else ''}{number(dmax['observed'])}"
        du_dmax = 100.0 * float(du["author_Dmax_pred"]) if du else None
        du_dc50 = float(du["author_DC50_pred_nM"]) if du else None
        rows.append(
            [n, LINES[cell], number(dc50.get("observed")), number(du_dc50),
             number(dc50.get("predicted")), seen, number(du_dmax), number(dmax["predicted"])]
        )  # fmt: skip
    head = ["compound", "line", "DC50 seen (nM)", "Du 2024", "here", "Dmax seen (%)", "Du 2024",
            "here"]  # fmt: skip
    return table(head, rows)


def ramos_errors(zorba: dict[str, Any]) -> tuple[Errors, Errors, Errors]:
    """In Ramos, potent compounds: errors of Dmax here and in Du 2024, and folds of DC50 here."""
    potent = [
        row for row in zorba["fitted"]
        if row["cell"] == "ramos" and int(row["compound"].split()[-1]) in POTENT
    ]  # fmt: skip
    theirs = [
        100.0 * abs(float(r["author_Dmax_pred"]) - float(r["obs_Dmax"]))
        for (n, cell), r in du2024().items()
        if cell == "ramos" and n in POTENT
    ]
    dmax = errors_of([{**r, "baseline": r["observed"]} for r in potent], DMAX)["predicted"]
    dc50 = errors_of([{**r, "baseline": r["observed"]} for r in potent], DC50)["predicted"]
    return np.array(dmax), np.array(theirs), np.exp(dc50)


def verdicts(zorba: dict[str, Any]) -> str:
    """What was asked of the calibration, and whether it was reached."""
    dmax, theirs, dc50 = ramos_errors(zorba)
    out = {q: {k: np.array(v) for k, v in errors_of(zorba["left_out"], q).items()}
           for q in (DC50, DMAX)}  # fmt: skip
    better = {q: [kind(e["predicted"]) < kind(e["baseline"]) for kind in KINDS.values()]
              for q, e in out.items()}  # fmt: skip
    rows = [
        ["fewer unknowns than measurements", f"{zorba['free']} and {zorba['data']}",
         [zorba["free"] < zorba["data"]]],
        ["median error of Dmax in Ramos a third of that of Du 2024 (potent compounds)",
         f"{np.median(dmax):.1f} points (6 to 11) against {np.median(theirs):.1f} (6, 7, 8, 10)",
         [3.0 * np.median(dmax) <= np.median(theirs)]],
        ["their DC50 within 1.3-fold",
         f"{sum(dc50 <= 1.3)} of {len(dc50)}, median {np.median(dc50):.2f}-fold, worst "
         f"{max(dc50):.2f}-fold", [fold <= 1.3 for fold in dc50]],
        ["left-out DC50 in THP-1 better than a constant ratio", "see the scores below",
         better[DC50]],
        ["left-out Dmax in THP-1 better than a constant difference", "see the scores below",
         better[DMAX]],
    ]  # fmt: skip
    words = {(True, True): "met", (False, True): "in part", (False, False): "not met"}
    lines = [[asked, got, words[all(met), any(met)]] for asked, got, met in rows]
    return table(["asked", "found", "verdict"], lines)


def errors_of(rows: Sequence[dict[str, Any]], quantity: str) -> dict[str, list[float]]:
    """Absolute errors of prediction and baseline: of ln(DC50), or in points."""
    found: dict[str, list[float]] = {"predicted": [], "baseline": []}
    for row in rows:
        if row["quantity"] != quantity:
            continue
        for who, errors in found.items():
            a, b = row[who], row["observed"]
            errors.append(abs(np.log(a / b)) if quantity == DC50 else abs(a - b))
    return found


def needs(tests: Sequence[dict[str, Any]]) -> str:
    """Which mechanisms the data need, in words."""
    by_need: dict[str, list[str]] = defaultdict(list)
    for m in tests:
        if m["p"] is not None:
            need = "strongly" if m["p"] < 1e-3 else "weakly" if m["p"] < 0.05 else "not"
            by_need[need].append(f"*{m['without']}*")
    said = {
        "strongly": "The data speak strongly against",
        "weakly": "weakly (p below 0.05) against",
        "not": "and not at all against",
    }
    parts = [f"{words} {', '.join(by_need[n])}" for n, words in said.items() if by_need[n]]
    return (
        "; ".join(parts) + ". A hook cannot be tested: no measurement lies on a falling limb. "
        "Where doses end matters all the same, for the weakest binders: the grid goes to 100 uM, "
        "and the doses of the experiment are not in the records."
    )


def scores(zorba: dict[str, Any]) -> str:
    """Left-out compounds: mean and root mean square errors, and how many lie inside."""
    rows = []
    for quantity, unit in ((DC50, "fold of DC50"), (DMAX, "points of Dmax")):
        errors = errors_of(zorba["left_out"], quantity)
        turned = np.exp if quantity == DC50 else (lambda x: x)
        for who, name in (("predicted", "here"), ("baseline", "baseline")):
            e = np.array(errors[who])
            rows.append([unit, name, *(number(turned(kind(e))) for kind in KINDS.values())])
    inside = sum(r["low"] <= r["observed"] <= r["high"] for r in zorba["left_out"])
    head = ["error", "of", *KINDS]
    return (
        table(head, rows)
        + f"\n\n{inside} of {len(zorba['left_out'])} observations lie inside their 90 % intervals."
    )


def zorba_part(zorba: dict[str, Any]) -> list[str]:
    """The calibrated series."""
    unknowns = [
        [p["name"], number(p["estimate"]), span(p), p["verdict"]] for p in zorba["parameters"]
    ]
    tests = [
        [m["without"], number(m["cost"]), m["free"],
         "not nested" if m["p"] is None else f"{m['p']:.1g}", f"{m['aic_change']:+.1f}"]
        for m in zorba["mechanisms"]
    ]  # fmt: skip
    left = [
        [r["compound"], r["quantity"], number(r["observed"]), number(r["predicted"]), span(r),
         number(r["baseline"])]
        for r in zorba["left_out"]
    ]  # fmt: skip
    new = [[r["compound"], r["quantity"], number(r["predicted"]), span(r)] for r in zorba["new"]]
    return [
        "## The Zorba series",
        "`configs/calibration/zorba.toml` fits eleven CRBN degraders (Zorba 2018, PNAS, "
        "https://doi.org/10.1073/pnas.1803662115) in Ramos and THP-1 at 24 h: four host constants "
        "per line, shared by all compounds, and one productivity per compound, shared by both "
        f"lines. {zorba['free']} unknowns, {zorba['data']} measurements; sum of squares "
        f"{zorba['cost']:.1f}, log-likelihood {zorba['log_likelihood']:.1f}, with errors of 25 % "
        "in DC50 and 5 points in Dmax, priors included. These errors are assumed; replicates are "
        "not public.",
        verdicts(zorba),
        side_by_side(zorba),
        "Du 2024 fits one rate per compound and line to DC50 and predicts Dmax; here both are "
        "fitted, so that its column of Dmax is the harder test. What does not fit: the Dmax of "
        "potent compounds in THP-1, which grows more slowly with potency than one plateau per "
        f"line allows. {floors(zorba)}",
        "![Zorba series](figures/validation-zorba.svg)",
        "### What the data determine",
        table(["unknown", "estimate", "90 % interval", "verdict"], unknowns),
        "Intervals by profile likelihood inside the bounds, which are those of the library but for "
        "the floor and the half-life; *flat* and *one-sided* ones end at a bound, and say nothing "
        f"beyond it. {doubling(zorba)} Structurally not "
        "identifiable: `k_ub_per_h` and the productivities (only their product counts; the first "
        "is held at 1e5), a non-degradable fraction and the assay floor (the same thing to a "
        "total-protein blot), and exposure in the cell against binding to medium proteins. With "
        "the library's chain constants (`k_ub_per_h` = 1500), its host and affinities for CRBN by "
        "surface plasmon resonance, compounds 6 and 10 would degrade 6 % and 4 % in Ramos at full "
        "productivity: a ternary complex that opens within a second needs a fast chain.",
        "### What the data need",
        "The fit again without each mechanism; a probability is that of the likelihood-ratio test, "
        "a positive change of AIC speaks for the mechanism.",
        table(["without", "sum of squares", "free", "p", "change of AIC"], tests),
        needs(zorba["mechanisms"]),
        "### Compounds left out",
        "THP-1 of each compound, from a fit that saw its Ramos data alone and the other compounds "
        "in both lines. Baselines: the mean ratio THP-1/Ramos of DC50 and the mean difference of "
        "Dmax of the other compounds.",
        table(["compound", "quantity", "seen", "predicted", "90 % interval", "baseline"], left),
        scores(zorba),
        "### Compounds 7 and 9 in THP-1",
        "No measurement was at hand. Predicted, with the error of one new measurement:",
        table(["compound", "quantity", "predicted", "90 % interval"], new),
    ]


def floors(zorba: dict[str, Any]) -> str:
    """The assay floor, which is bounded and so cannot be found too high."""
    found = [f"{number(p['estimate'])} in {LINES[p['where']['cell']]}"
             for p in zorba["parameters"] if p["path"] == "assay.floor_fraction"]  # fmt: skip
    return (
        f"The assay floor was bounded at 0.15 and came out as {' and '.join(found)}: that it is no "
        "higher is put in, not found."
    )


def doubling(zorba: dict[str, Any]) -> str:
    """What the bound of the half-life rests on, and what it costs."""
    wider = next(m for m in zorba["mechanisms"] if m["without"].startswith("the doubling time"))
    return (
        "A half-life includes dilution by growth, so it is bounded at 36 h, the upper end of the "
        "doubling time taken for Ramos (26 h, 20 to 36; assumed, no count of these cultures is at "
        f"hand). Up to 96 h, the library's range, the sum of squares would be {wider['cost']:.1f} "
        f"instead of {zorba['cost']:.1f}."
    )


LIMITS = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}


def fold(row: dict[str, Any]) -> float:
    """Observed against predicted, 1 or more; not a number for a limit, for 0 or for no value."""
    if row["operator"] in LIMITS or not row["value"]:
        return float("nan")
    observed = float(row["value"])
    if observed <= 0.0 or row.get("predicted", 0.0) <= 0.0:
        return float("nan")
    ratio = row["predicted"] / observed
    return float(max(ratio, 1.0 / ratio))


def covered(row: dict[str, Any]) -> bool | None:
    """Whether the observation lies inside the range; None for a limit."""
    if "low" not in row or not row["value"] or row["operator"] in LIMITS:
        return None
    return bool(row["low"] <= float(row["value"]) <= row["high"])


def limit_met(row: dict[str, Any]) -> bool | None:
    """Whether the prediction itself is on the right side of a limit; None where it is none."""
    if "predicted" not in row or row["operator"] not in LIMITS:
        return None
    return bool(LIMITS[row["operator"]](float(row["predicted"]), float(row["value"])))


def kind_of(row: dict[str, Any]) -> str:
    """Class of a row."""
    if row["endpoint"] in ("DC50", "Dmax"):
        return row["endpoint"]
    if row["endpoint"].startswith("percent_degraded"):
        return "% degraded at a dose"
    return "IC50, mutant over wild type" if row["endpoint"] == "IC50_fold" else "occupancy"


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """Median fold error, coverage and limits by class and status."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["status"] != "not addressed":
            groups[row["status"], kind_of(row)].append(row)
    lines = []
    for (status, kind), members in sorted(groups.items()):
        folds = np.array([fold(r) for r in members])
        numeric = folds[np.isfinite(folds)]
        lines.append([status, kind, len(members),
                      number(float(np.median(numeric))) if numeric.size else "",
                      counted(covered(r) for r in members),
                      counted(limit_met(r) for r in members)])  # fmt: skip
    return table(["", "class", "rows", "median fold error", "inside range", "limits met"], lines)


def counted(verdicts: Iterable[bool | None]) -> str:
    """How many of those that can be judged are met."""
    judged = [verdict for verdict in verdicts if verdict is not None]
    return f"{sum(judged)} of {len(judged)}" if judged else ""


def failures(rows: Sequence[dict[str, Any]]) -> str:
    """Rows that were observed outside their range, and limits that the prediction misses."""
    done = [r for r in rows if r["status"] != "not addressed"]
    lines = [
        [r["line"], r["compound"], r["target_variant"], r["cell_line"], r["endpoint"],
         f"{r['operator']} {r['value']}", number(r["predicted"]), span(r), cause(r)]
        for r in done if False in (covered(r), limit_met(r))
    ]  # fmt: skip
    head = ["line", "compound", "allele", "cells", "what", "seen", "predicted", "range",
            "likely cause"]  # fmt: skip
    return table(head, lines)


def cause(row: dict[str, Any]) -> str:
    """The likely cause of a failure."""
    if row["status"] == "calibrated on" and row["cell_line"] == "THP-1":
        return "plateau of THP-1 below what a floor of 0.15 allows"
    if row["compound"].startswith("BC"):
        return "the tighter ternary complex degrades worse: productivity is its own constant"
    if row["endpoint"] == "IC50_fold":
        return "kinact recalled; exposure for 1 h is assumed, and longer exposure raises the fold"
    if row["compound"] in ("acalabrutinib", "ibrutinib"):
        return "kinact/KI recalled, and taken as that of a site without ATP: see above"
    if row["compound"] == "MT-802":
        return "a median over two kinds of draws, those that degrade and those that do not"
    return "affinity for CRBN or productivity outside the span assumed"


def settled(rows: Sequence[dict[str, Any]]) -> str:
    """How far the medians move when the draws are doubled."""
    drawn = [r for r in rows if "halved" in r]
    points = max(abs(r["predicted"] - r["halved"]) for r in drawn if r["unit"] == "%")
    logs = max(abs(np.log(r["predicted"] / r["halved"])) for r in drawn if r["unit"] == "nM")
    return f"{points:.1f} points, or {100.0 * np.expm1(logs):.0f} % of a DC50"


def as_shipped(rows: Sequence[dict[str, Any]]) -> tuple[str, list[float]]:
    """What the library gives untouched beside what was seen, and the fold errors of its DC50."""
    places: dict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)
    for row in rows:
        if row.get("shipped") and row["endpoint"] in ("DC50", "Dmax"):
            key = (row["compound"], row["target_variant"], row["cell_line"], row["time_h"] or "24")
            seen = places[key].setdefault(row["endpoint"], [])
            seen.append(f"{row['operator']} {row['value']}".removeprefix("= "))
            places[key]["shipped"] = row["shipped"]
    lines, folds = [], []
    for key, found in places.items():
        dc50, dmax = found["shipped"][DC50], found["shipped"][DMAX]
        lines.append([*key, ", ".join(found.get("DC50", [])), number(dc50),
                      ", ".join(found.get("Dmax", [])), number(dmax)])  # fmt: skip
        ratios = [dc50 / float(value) for value in found.get("DC50", [])]
        folds += [max(ratio, 1.0 / ratio) for ratio in ratios]
    head = ["compound", "allele", "cells", "h", "DC50 seen (nM)", "library", "Dmax seen (%)",
            "library"]  # fmt: skip
    return table(head, lines), folds


def shipped_part(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The untouched library, and why the rows are not predicted with it."""
    lines, folds = as_shipped(rows)
    near = sum(fold <= 3.0 for fold in folds)
    return [
        "### The library as shipped",
        "The rows below are not predicted with the library as it comes. A run that only names "
        "compound and cell takes the affinity for CRBN by fluorescence polarisation (`fp`, 157 nM) "
        "where the compound has that basis, `k_ub_per_h` of 1500 and a productivity of 1, and "
        "gives this:",
        lines,
        f"{near} of {len(folds)} DC50 are within threefold. It comes near for MT-802, P13I and "
        "NC-1, whose affinity for CRBN is that of pomalidomide by the method with the tightest "
        "values; it makes most others too potent, and it fails where the affinity for CRBN was "
        "measured: Guo RC-1 (fluorescence quenching) and the Zorba series (surface plasmon "
        "resonance) hardly degrade. One rate of the chain cannot serve both kinds of affinity.",
    ]


def drawn_part(found: dict[str, Any]) -> str:
    """What is drawn in a prediction of degradation, and what is not."""
    kept = [float(r["kept"]) for r in found["rows"] if "kept" in r]
    return (
        "Rows of degradation that are not of the Zorba series are predicted without any fit to "
        f"them, as the median of {found['draws']:,} draws. Two things are not as in the "
        "library: the affinity for CRBN is that by surface plasmon resonance where the compound "
        "has such a basis, though the default is fluorescence polarisation; and `k_ub_per_h` is "
        "1e5, 67 times the default, as in the fit above. Productivity is drawn from 1e-3 to 1, so "
        "that the product of both spans 100 to 1e5 per h. Drawn, each from its range in the "
        "library, are the assumed and recalled constants of cell and compound: volume, ATP, amount "
        "and half-life of BTK (up to 96 h, beyond a doubling time), amount of the ligase; "
        "affinities that stand in, cooperativity, association rates, permeation, accumulation, and "
        "kinact of covalent compounds, with a Kd over the range of KI. Not drawn are the rest of "
        "the chain, unbound fractions, the volume of the medium, the ATP constant, the fold of an "
        "allele, and every affinity that was read, also where another was read too (GBD-9: 44 nM "
        "is taken, calorimetry says 990). A DC50 is counted only in draws that degrade by 5 % or "
        f"more, {100 * min(kept):.0f} to {100 * max(kept):.0f} % of them: its range is conditional "
        "on degradation. Against half as many draws no median moved by more than "
        f"{settled(found['rows'])}."
    )


def occupancy_part(found: dict[str, Any]) -> str:
    """Occupancy, and the assumption that would mend it."""
    rows = [r for r in found["rows"] if r["endpoint"].startswith("BTK_occupancy")
            and r["status"] == "predicted"]  # fmt: skip
    ic50 = found["c481s_ic50_nM"]
    reached = sum(bool(limit_met(r | {"predicted": r["high"]})) for r in rows)
    return (
        "Occupancy, and the fold between alleles, are those of the library as shipped; their range "
        "is what both ends of the range of kinact give, and no probability goes with it. Of "
        f"{len(rows)} rows of occupancy, {counted(covered(r) for r in rows)} values lie inside and "
        f"{counted(limit_met(r) for r in rows)} limits are met ({reached} is reached at the upper "
        "end of kinact): too little BTK is bound. "
        "It takes kinact/KI as that of a site without ATP, and a cell's ATP then slows bonding "
        "18.6-fold. Were kinact/KI apparent at the ATP of a cell already, the rows would read as "
        "their notes say, close to what was seen in patients and too low in volunteers. But the "
        f"IC50 of ibrutinib on C481S would then be {number(ic50['apparent'])} nM instead of "
        f"{number(ic50['shipped'])} nM, "
        "where about 1 uM was seen: neither reading of kinact/KI meets both. A dose that holds BTK "
        "in the model, as in `configs/patients_oral.toml`, is higher than one that does in "
        "patients."
    )


def rows_part(found: dict[str, Any]) -> list[str]:
    """All rows of the data set."""
    rows = found["rows"]
    done = [r for r in rows if r["status"] != "not addressed"]
    listed = [
        [r["line"], r["compound"], r["target_variant"], r["cell_line"], r["endpoint"],
         f"{r['operator']} {r['value']}", number(r["predicted"]), span(r), r["status"], r["reason"]]
        for r in done
    ]  # fmt: skip
    reasons: dict[str, list[str]] = defaultdict(list)
    for r in rows:
        if r["status"] == "not addressed":
            reasons[r["reason"]].append(f"{r['compound']} ({r['endpoint']}, line {r['line']})")
    left = [[why, len(names), ", ".join(names)] for why, names in reasons.items()]
    pairs = [[t["pair"], number(t["observed"]), number(t["predicted"]), span(t)]
             for t in found["twins"]]  # fmt: skip
    head = ["line", "compound", "allele", "cells", "what", "seen", "predicted", "range", "", "note"]
    return [
        "## Alleles, and covalent degraders against reversible ones",
        "Ratios of DC50 within a draw: what is uncertain in both cancels (for pairs of two "
        "compounds only where they share their constants).",
        table(["pair", "seen", "predicted", "90 % range"], pairs),
        pairs_part(found["twins"]),
        "## All rows",
        f"`validation/data/validation.csv` has {len(rows)} rows: {len(done)} are addressed, "
        f"{len(rows) - len(done)} are not.",
        drawn_part(found),
        occupancy_part(found),
        "A fold error compares values alone; limits are counted apart, met where the prediction "
        "itself is on their side. Ranges of degradation are wide, and that most observations fall "
        "inside says that the model is not contradicted, not that it is sharp. A median Dmax lies "
        "between two kinds of draws, those that degrade nearly all and those that degrade nothing: "
        "its fold says little.",
        classes(rows),
        "![Observed and predicted](figures/validation-rows.svg)",
        *shipped_part(rows),
        "### Outside the range",
        failures(rows),
        "### Observed and predicted",
        "The range is the 90 % interval of what was calibrated on, the middle 90 % of draws for "
        "degradation, and both ends of the range of kinact for occupancy and the fold of IC50.",
        table(head, listed),
        "### Not addressed, and why",
        table(["reason", "rows", "which"], left),
    ]


def pairs_part(twins: Sequence[dict[str, Any]]) -> str:
    """What the pairs say."""
    bonds = [t for t in twins if "covalent" in t["pair"]]
    against = [t["pair"].split(" (")[0] for t in bonds
               if (t["predicted"] - 1.0) * (t["observed"] - 1.0) < 0.0]  # fmt: skip
    other = f", in the median {' and '.join(against)} on the other side of 1" if against else ""
    return (
        "The alleles' fold of 0.6 is that of the ibrutinib core, so that the model predicts C481S "
        "to be degraded at slightly lower doses. MT-802 was seen alike on both, outside that "
        "range: here the class value misleads. The L18I pair compares two lines at two times with "
        "constants that are placeholders; BTK is foreign to HeLa, and neither line is in the "
        "library. The EJMC2021 pairs compare different lines too, whose hosts and not the allele "
        "set the ratio; no host of JeKo-1 was measured. For covalent degraders reports disagree: "
        f"the order seen in Mino lies inside ranges too wide to say much{other}. Productivity and "
        "uptake of each compound would have to be fitted first."
    )


def completed(found: dict[str, Any], zorba: dict[str, Any]) -> dict[str, Any]:
    """The rows with what the calibration says of those it was fitted to."""
    keys = ("compound", "cell", "quantity")
    fitted = {tuple(f[k] for k in keys): f for f in zorba["fitted"]}
    for row in found["rows"]:
        if "fitted" in row:
            here = fitted[tuple(row["fitted"][k] for k in keys)]
            row.update({k: here[k] for k in ("predicted", "low", "high")})
    return found


def main() -> None:
    """`docs/validation.md` and its figures."""
    zorba = json.loads((HERE / "results" / "zorba.json").read_text())
    found = completed(json.loads((HERE / "results" / "rows.json").read_text()), zorba)
    head = [
        "# Validation",
        "What protacsim gives beside what was measured. Written by `make validate`; facts and "
        "their sources are in `validation/data/`. Published models are reproduced by the tests "
        "(`tests/test_published.py`, `tests/test_park2023.py`, `tests/test_reduced.py`) and run as "
        "configs in `configs/published/`.",
    ]
    draw_zorba(zorba)
    draw_rows(found)
    text = "\n\n".join([*head, *zorba_part(zorba), *rows_part(found)])
    (DOCS / "validation.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
