"""Words of `docs/validation.md`, from what `zorba.py` and `rows.py` found."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
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
    floors = [p["estimate"] for p in zorba["parameters"] if p["path"] == "assay.floor_fraction"]
    rows = [
        ["fewer unknowns than measurements", f"{zorba['free']} and {zorba['data']}",
         [zorba["free"] < zorba["data"]]],
        ["median error of Dmax in Ramos a third of that of Du 2024 (potent compounds)",
         f"{np.median(dmax):.1f} points (6 to 11) against {np.median(theirs):.1f} (6, 7, 8, 10)",
         [3.0 * np.median(dmax) <= np.median(theirs)]],
        ["their DC50 within 1.3-fold",
         f"{sum(dc50 <= 1.3)} of {len(dc50)}, median {np.median(dc50):.2f}-fold, worst "
         f"{max(dc50):.2f}-fold", [fold <= 1.3 for fold in dc50]],
        ["an assay floor of at most 0.15", " and ".join(number(f) for f in floors),
         [f <= 0.15 + 1e-9 for f in floors]],
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
        "line allows, and which the floor, at its bound, cannot lower further.",
        "![Zorba series](figures/validation-zorba.svg)",
        "### What the data determine",
        table(["unknown", "estimate", "90 % interval", "verdict"], unknowns),
        "Intervals by profile likelihood inside the bounds, which are those of the library; *flat* "
        "and *one-sided* ones end at a bound, and say nothing beyond it. Structurally not "
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


def fold(row: dict[str, Any]) -> float:
    """Observed against predicted, 1 or more; not a number where one of them is 0 or missing."""
    try:
        observed = float(row["value"])
    except ValueError:
        return float("nan")
    if observed <= 0.0 or row.get("predicted", 0.0) <= 0.0:
        return float("nan")
    ratio = row["predicted"] / observed
    return float(max(ratio, 1.0 / ratio))


def kind_of(row: dict[str, Any]) -> str:
    """Class of a row."""
    if row["endpoint"] in ("DC50", "Dmax"):
        return row["endpoint"]
    if row["endpoint"].startswith("percent_degraded"):
        return "% degraded at a dose"
    return "IC50, mutant over wild type" if row["endpoint"] == "IC50_fold" else "occupancy"


def covered(row: dict[str, Any]) -> bool | None:
    """Whether the observation lies inside the interval; a limit counts if the interval meets it."""
    if "low" not in row or not row["value"]:
        return None
    value = float(row["value"])
    if row["operator"] in (">", ">="):
        return bool(row["high"] >= value)
    if row["operator"] in ("<", "<="):
        return bool(row["low"] <= value)
    return bool(row["low"] <= value <= row["high"])


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """Median fold error and coverage by class and status."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["status"] != "not addressed":
            groups[row["status"], kind_of(row)].append(row)
    lines = []
    for (status, kind), members in sorted(groups.items()):
        folds = np.array([fold(r) for r in members])
        inside = [c for r in members if (c := covered(r)) is not None]
        numeric = folds[np.isfinite(folds)]
        lines.append([status, kind, len(members), number(float(np.median(numeric))) if numeric.size
                      else "", f"{sum(inside)} of {len(inside)}"])  # fmt: skip
    return table(["", "class", "rows", "median fold error", "inside 90 % interval"], lines)


def failures(rows: Sequence[dict[str, Any]]) -> str:
    """Rows that were observed outside their interval."""
    found = [r for r in rows if r["status"] != "not addressed" and covered(r) is False]
    lines = [
        [r["line"], r["compound"], r["target_variant"], r["cell_line"], r["endpoint"],
         f"{r['operator']} {r['value']}", number(r["predicted"]), span(r), cause(r)]
        for r in found
    ]  # fmt: skip
    head = ["line", "compound", "allele", "cells", "what", "seen", "predicted", "90 %",
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
        return "kinact/KI recalled, to an order of magnitude; exposure of healthy volunteers"
    if row["compound"].startswith("EJMC"):
        return "an IC50 is no affinity, and productivity may lie below the span assumed"
    return "affinity for CRBN or productivity outside the span assumed"


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
    head = ["line", "compound", "allele", "cells", "what", "seen", "predicted", "90 %", "", "note"]
    return [
        "## Alleles, and covalent degraders against reversible ones",
        "Ratios within a draw: what is uncertain in both cancels (for pairs of two compounds only "
        "where they share their constants).",
        table(["pair", "seen", "predicted", "90 % range"], pairs),
        "The alleles' fold of 0.6 is that of the ibrutinib core, so that the model predicts C481S "
        "to be degraded at slightly lower doses. MT-802 was seen alike on both, outside that "
        "range: here the class value misleads. The EJMC2021 pairs compare different lines, whose "
        "hosts and not the allele set the ratio; no host of JeKo-1 was measured. For covalent "
        "degraders reports disagree: the order seen in Mino lies inside ranges too wide to say "
        "much, and the median for IR-1 points the other way. Productivity and uptake of each "
        "compound would have to be fitted first.",
        "## All rows",
        f"`validation/data/validation.csv` has {len(rows)} rows: {len(done)} are addressed, "
        f"{len(rows) - len(done)} are not. Rows that are not of the Zorba series are predicted "
        "without any fit to them: every constant without a measurement is drawn from its range, "
        "the productivity from 1e-3 to 1. Such intervals are wide, and that most observations "
        "fall inside says that the model is not contradicted, not that it is sharp.",
        classes(rows),
        "![Observed and predicted](figures/validation-rows.svg)",
        "### Outside the interval",
        failures(rows),
        "### Observed and predicted",
        table(head, listed),
        "### Not addressed, and why",
        table(["reason", "rows", "which"], left),
    ]


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
