"""Calibration of the Zorba series: the fit, what it needs, and what it predicts of left-out rows.

Writes `results/zorba.json` and `src/protacsim/library/calibrated.toml`; the words are made in
`report.py`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

import protacsim as ps
from protacsim import fitting, library
from protacsim.fitting.estimation import Estimate, Objective, best_fit, fit_from, scanned
from protacsim.study import Axis, Study

Floats = NDArray[np.float64]
Rows = Sequence[fitting.Measurement]
Parameters = Sequence[fitting.Parameter]

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "calibration" / "zorba.toml"
LIBRARY = HERE.parent / "src" / "protacsim" / "library" / "calibrated.toml"
SOURCE = (
    "Fitted to DC50 and Dmax of 11 degraders in Ramos and THP-1 after 24 h, "
    "with ubiquitination.k_ub_per_h = 1e5 (the default is 1500)"
)
CITATION = "Zorba 2018, PNAS, https://doi.org/10.1073/pnas.1803662115"
LEVEL = 0.9
Z = float(norm.ppf(0.5 + LEVEL / 2.0))
WITH_THP1 = (3, 4, 5, 6, 8, 10, 11)
DC50, DMAX = "dc50_relative_nM", "dmax_percent"


def held(path: str, value: float, **options: Any) -> fitting.Parameter:
    """A parameter that cannot move."""
    return fitting.Parameter(path, value * (1 - 1e-6), value * (1 + 1e-6), value, **options)


def without(parameters: Parameters, path: str) -> list[fitting.Parameter]:
    """All parameters but one."""
    return [p for p in parameters if p.path != path]


def refit(
    study: Study, data: Rows, parameters: Parameters, near: dict[str, float]
) -> tuple[fitting.Model, Estimate]:
    """One fit, from known estimates where names agree, divided paths scanned from there."""
    found = fitting.unknowns(parameters, study)
    start = np.log([np.clip(near.get(u.name, u.start), u.low, u.high) for u in found])
    model = fitting.Model(study, data, found)
    return model, fit_from(Objective(model), scanned(model, start))


CRBN = "cell.proteins.CRBN.abundance_copies"
HALF_LIFE = "cell.proteins.BTK.half_life_h"
EXPOSURE = "compound.unbound_accumulation"


def mechanisms(job: Any, base: float, free: int, near: dict[str, float]) -> list[dict[str, Any]]:
    """The fit again without each mechanism: rise of the sum of squares, its probability, AIC."""
    full = job.fit.parameters
    short = tuple(d for d in np.geomspace(0.03, 1e5, 14) if d <= 1e4)
    capped = dataclasses.replace(
        job.study,
        axes=tuple(
            Axis(a.path, short, a.zip) if a.path == "compound.dose_nM" else a
            for a in job.study.axes
        ),
    )
    cases = [
        ("no floor in either line", without(full, fitting.FLOOR), 2, job.study),
        (
            "no resynthesis or turnover (half-life 1e6 h)",
            [*without(full, HALF_LIFE), held(HALF_LIFE, 1e6)],
            2,
            job.study,
        ),
        ("one half-life, 30 h, in both lines", without(full, HALF_LIFE), 2, job.study),
        ("one exposure in both lines", [*without(full, EXPOSURE), _shared(full, EXPOSURE)], 1,
         job.study),
        ("the cell sees the dose (accumulation 1)", without(full, EXPOSURE), 2, job.study),
        ("as much CRBN in both lines", [*without(full, CRBN), _shared(full, CRBN)], 1, job.study),
        (
            "ligase in excess (1e6 copies of CRBN)",
            [*without(full, CRBN), held(CRBN, 1e6)],
            2,
            job.study,
        ),
        ("doses above 10 uM", list(full), 0, capped),
        ("the doubling time as a bound of the half-life (96 h instead of 36 h)",
         [*without(full, HALF_LIFE), _up_to(full, HALF_LIFE, 96.0)], 0, job.study),
    ]  # fmt: skip
    found = []
    for name, parameters, fewer, study in cases:
        _, best = refit(study, job.fit.data, parameters, near)
        rise = best.cost - base
        found.append(
            {
                "without": name,
                "cost": best.cost,
                "free": free - fewer,
                "p": float(chi2.sf(max(rise, 0.0), fewer)) if fewer else None,
                "aic_change": rise - 2 * fewer,
            }
        )
        print(name, f"{best.cost:.2f}", flush=True)
    return found


def _shared(parameters: Parameters, path: str) -> fitting.Parameter:
    return next(dataclasses.replace(p, per=()) for p in parameters if p.path == path)


def _up_to(parameters: Parameters, path: str, high: float) -> fitting.Parameter:
    return next(dataclasses.replace(p, high=high) for p in parameters if p.path == path)


def value_of(data: Rows, number: int, cell: str, quantity: str) -> float | None:
    """The measured value of one compound in one line, None where there is none."""
    where = {"treatment": f"PROTAC {number}", "cell": cell}
    same = (m for m in data if m.operator == "=" and m.quantity == quantity)
    return next((m.value for m in same if dict(m.where) == where), None)


def baseline(data: Rows, number: int, quantity: str) -> float:
    """THP-1 from Ramos by what the other compounds show: a constant ratio, or difference."""
    pairs = [
        (value_of(data, n, "ramos", quantity), value_of(data, n, "thp1", quantity))
        for n in WITH_THP1
        if n != number
    ]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    own = float(value_of(data, number, "ramos", quantity) or np.nan)
    if quantity == DC50:
        return float(own * np.exp(np.mean([np.log(b / a) for a, b in both])))
    return own + float(np.mean([b - a for a, b in both]))


def left_out(job: Any, near: dict[str, float]) -> list[dict[str, Any]]:
    """THP-1 of each compound from a fit that never saw it, and the baseline beside it."""
    data, found = job.fit.data, []
    for number in WITH_THP1:
        where = {"treatment": f"PROTAC {number}", "cell": "thp1"}
        out = [m for m in data if dict(m.where) == where]
        model, best = refit(job.study, [m for m in data if m not in out], job.fit.parameters, near)
        for row in predicted(model, best, out):
            compared = {"baseline": baseline(data, number, row["quantity"])}
            found.append({"compound": number, **row, **compared})
            print(found[-1], flush=True)
    return found


def predicted(model: fitting.Model, best: Estimate, rows: Rows) -> list[dict[str, Any]]:
    """Prediction and interval of a new measurement, its own error included."""
    centre, spread = fitting.predictions(model, best, rows)
    found = []
    for m, value, sd in zip(rows, centre, spread, strict=True):
        width = Z * float(np.hypot(sd, m.sd))
        if m.on_log_scale:
            ends = value * np.exp([-width, 0.0, width])
        else:
            ends = np.clip(np.round(value + np.array([-width, 0.0, width]), 3), 0.0, 100.0)
        low, middle, high = map(float, ends)
        found.append(
            {
                "quantity": m.quantity,
                "operator": m.operator,
                "observed": m.value,
                "predicted": middle,
                "low": low,
                "high": high,
            }
        )
    return found


def unseen(job: Any, number: int) -> list[fitting.Measurement]:
    """Questions about THP-1 that no row answers; the value 1 stands in and is never used."""
    where = {"treatment": f"PROTAC {number}", "cell": "thp1"}
    asked = [
        {**where, "quantity": q, "value": 1, "unit": u} for q, u in ((DC50, "nM"), (DMAX, "%"))
    ]
    sds = {m.quantity: m.sd for m in job.fit.data}
    errors = fitting.Errors(sds[DC50], sds[DMAX])
    return list(fitting.measurements(asked, job.study, errors))


def log_likelihood(data: Rows, cost: float) -> float:
    """Of independent normal errors: of ln DC50, and of Dmax in points; limits count as met."""
    sds = [m.sd for m in data if m.operator == "="]
    return -0.5 * cost - float(np.log(np.sqrt(2.0 * np.pi) * np.array(sds)).sum())


def calibrated() -> dict[str, Any]:
    """Everything the report needs."""
    job = ps.load(CONFIG)
    if job.fit is None:
        raise SystemExit(f"{CONFIG} has no [fit] section")
    data = job.fit.data
    model = fitting.Model(job.study, data, fitting.unknowns(job.fit.parameters, job.study))
    began, busy = time.perf_counter(), time.process_time()
    best = best_fit(model, job.fit.starts, job.study.seed)
    seconds = time.perf_counter() - began
    print(
        f"fit: {best.cost:.2f} in {seconds:.0f} s, {time.process_time() - busy:.0f} s of processor",
        flush=True,
    )
    near = {u.name: float(np.exp(v)) for u, v in zip(model.unknowns, best.log_values, strict=True)}
    fitted = [
        {"compound": dict(m.where)["treatment"], "cell": dict(m.where)["cell"], **row}
        for m, row in zip(data, predicted(model, best, data), strict=True)
    ]
    new = [{"compound": n, **row} for n in (7, 9) for row in predicted(model, best, unseen(job, n))]
    tests = mechanisms(job, best.cost, len(model.unknowns), near)
    checks = left_out(job, near)
    intervals = fitting.intervals(model, best, LEVEL)
    parameters = [
        {
            "name": u.name,
            "path": u.path,
            "where": dict(u.where),
            "estimate": near[u.name],
            "low": i.low,
            "high": i.high,
            "verdict": i.verdict,
        }
        for u, i in zip(model.unknowns, intervals, strict=True)
    ]
    print("intervals", flush=True)
    return {
        "cost": best.cost,
        "log_likelihood": log_likelihood(data, best.cost),
        "free": len(model.unknowns),
        "data": len(data),
        "parameters": parameters,
        "fitted": fitted,
        "new": new,
        "left_out": checks,
        "mechanisms": tests,
    }


def fact(parameter: dict[str, Any], unit: str) -> str:
    """One number of the library, with its data set and interval."""
    note = (
        f"{parameter['verdict']} by these data; profile-likelihood interval at 90 %. Holds only "
        "with that k_ub_per_h and the cell on basis zorba2018; the presets zorba2018-ramos and "
        "zorba2018-thp1 set both."
    )
    return (
        f'{{ value = {parameter["estimate"]:.4g}, unit = "{unit}", low = {parameter["low"]:.4g}, '
        f'high = {parameter["high"]:.4g}, source = "{SOURCE} ({CITATION})", '
        f'confidence = "calibrated", note = "{note}" }}'
    )


def _title(kind: str, name: str) -> str:
    return f"{library.title(kind, name)} (fitted to Zorba 2018)"


def library_text(parameters: Sequence[dict[str, Any]]) -> str:
    """`calibrated.toml`: bases that are taken only where a scenario asks for them."""
    by_cell = {
        cell: {p["path"]: p for p in parameters if p["where"].get("cell") == cell}
        for cell in ("ramos", "thp1")
    }
    lines = [
        "# Constants fitted to data, as bases that a scenario must ask for by name. Written by",
        "# `make validate`; not edited by hand. They belong together and hold only with",
        "# ubiquitination.k_ub_per_h = 1e5: productivities are relative to it. The presets",
        "# zorba2018-ramos and zorba2018-thp1 set the cell and that rate in one word. The assay",
        "# floor of the same fit belongs to no scenario: it exists only in a fit.",
    ]
    for cell, found in by_cell.items():
        lines += [f"\n[cells.{cell}.zorba2018]", f'title = "{_title("cells", cell)}"']
        lines.append(f"proteins.CRBN.abundance_copies = {fact(found[CRBN], 'molecules/cell')}")
        lines.append(f"proteins.BTK.half_life_h = {fact(found[HALF_LIFE], 'h')}")
    for p in parameters:
        if not p["path"].endswith("productive_fraction") or p["verdict"] == "flat":
            continue
        name = "zorba-protac-" + p["where"]["treatment"].split()[-1]
        for cell, found in by_cell.items():
            lines += [f"\n[compounds.{name}.zorba2018-{cell}]"]
            lines += [f'title = "{_title("compounds", name)}"']
            lines.append(f"productive_fraction = {fact(p, '')}")
            lines.append(f"unbound_accumulation = {fact(found[EXPOSURE], '')}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    result = calibrated()
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "zorba.json").write_text(json.dumps(result, indent=1) + "\n")
    LIBRARY.write_text(library_text(result["parameters"]))
