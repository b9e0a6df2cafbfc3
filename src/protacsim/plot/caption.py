"""The sentences under a figure: title, time, what the marks mean, what was assumed.

Text only; breaking it into lines and placing it is the work of `protacsim.plot.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from protacsim.plot import wording
from protacsim.plot.curves import DEGRADATION, LEGIBLE_PERCENT, Curve, Panel
from protacsim.plot.drawing import has_hook, is_stand_in, marks_half, named
from protacsim.plot.selection import attrs_json, hypothetical, unit_suffix
from protacsim.study import TREATMENT

_MEANING = {
    "DC50": "DC50 (dose at half of Dmax)",
    "IC50": "IC50 (dose that leaves 50 %)",
    "D50": "D50 (first time at which 50 % is left)",
}
_START = "the start of the run, without any compound"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_DECISIVE = re.compile(r"\b(kd|ki|kinact|koff)_|folds|half_life|abundance")
_FACTOR = re.compile(r"folds\.|unbound_accumulation$")
_NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=[%h])")


def compose(
    data: xr.Dataset, panels: Sequence[Panel], mark: Sequence[str], further: Sequence[str] = ()
) -> str:
    """Return the caption of a figure that shows `panels` of `data`."""
    about = [
        _time(panels),
        ramp(panels),
        *_marks(panels, mark),
        _vehicle(panels),
        *kept(data, panels),
        *_notes(panels),
        *further,
    ]
    return written(data, about, [p.hypothetical for p in panels])


def written(data: xr.Dataset, about: Sequence[str], compounds: Sequence[str] | None = None) -> str:
    """Return a caption: title, the sentences `about` the figure, what was assumed.

    `compounds` are the hypothetical ones that are shown, by default those of the Dataset.
    """
    sentences = [
        str(data.attrs.get("title", "")),
        *about,
        _hypothetical([hypothetical(data)] if compounds is None else compounds, data),
        unverified(attrs_json(data, "unverified", [])),
    ]
    text = " ".join(_ended(s) for s in sentences if s)
    return _NUMBER_AND_UNIT.sub(_NO_BREAK, text)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(("?", "!")) else f"{sentence.rstrip('.')}."


def unverified(constants: Sequence[Mapping[str, Any]]) -> str:
    """Name every constant without a read source, equal ones of several compounds once.

    Whose it is stands behind it, unless it holds for all that have such a constant. Factors that
    change nothing (a fold of 1) are named last, without their value.
    """
    if not constants:
        return ""
    valued: dict[str, list[Mapping[str, Any]]] = {}
    neutral: dict[str, list[Mapping[str, Any]]] = {}
    for constant in sorted(constants, key=_importance):
        name, _ = _name_and_owner(constant)
        if _is_neutral(constant):
            neutral.setdefault(name, []).append(constant)
        else:
            valued.setdefault(f"{name}{_NO_BREAK}{_number(constant)}", []).append(constant)
    listed = [_listed(told, alike) for told, alike in valued.items()]
    if neutral:
        factors = ", ".join(_listed(told, alike) for told, alike in neutral.items())
        listed.append(f"taken as neutral: {factors}")
    kinds = dict.fromkeys(str(constant["confidence"]) for constant in constants)
    return f"Constants without a public measurement ({', '.join(kinds)}): {'; '.join(listed)}"


def _importance(constant: Mapping[str, Any]) -> bool:
    """Affinities, reactivity, folds and turnover first."""
    return _DECISIVE.search(str(constant["path"])) is None


def _is_neutral(constant: Mapping[str, Any]) -> bool:
    return constant.get("value") == 1 and _FACTOR.search(str(constant["path"])) is not None


def _is_upper_bound(constant: Mapping[str, Any]) -> bool:
    """A fraction of 1 is no neutral choice: it decides how far a curve can go."""
    return constant.get("value") == 1 and "fraction" in str(constant["path"])


def _number(constant: Mapping[str, Any]) -> str:
    value, units = constant.get("value"), wording.unit(str(constant.get("unit") or ""))
    number = f"{value:g}" if isinstance(value, int | float) else str(value)
    return _NO_BREAK.join(word for word in (number, units) if word)


def _name_and_owner(constant: Mapping[str, Any]) -> tuple[str, str]:
    """Readable name of a constant, and the compound or protein it belongs to."""
    *above, field = str(constant["path"]).split(".")
    suffix = unit_suffix(str(constant.get("unit") or ""))
    name = wording.quantity(field.removesuffix(suffix).replace("_", " "))
    if above[-1] == "folds":
        return f"fold change on {field}", ".".join(above[1:-1])
    if above[-1] == "class_folds":
        return f"fold change on {constant.get('entry', 'the allele')}", f"{name} compounds"
    owners = [key for key in above[1:] if key != "expression"]
    return name, owners[-1] if owners and above[0] in ("compounds", "cell") else ""


def _listed(told: str, alike: Sequence[Mapping[str, Any]]) -> str:
    notes = ["upper bound"] if _is_upper_bound(alike[0]) else []
    if not all(constant.get("shared") for constant in alike):
        owners = dict.fromkeys(_name_and_owner(constant)[1] for constant in alike)
        notes.append(wording.listed([owner for owner in owners if owner]))
    said = "; ".join(filter(None, notes))
    return f"{told} ({said})" if said else told


def _time(panels: Sequence[Panel]) -> str:
    return at_times([p.time_h for p in panels])


def at_times(times_h: Sequence[float | None]) -> str:
    """Say the one time, or the times, that a figure without a time axis shows."""
    times = {time for time in times_h if time is not None}
    return f"All at {', '.join(f'{t:g}' for t in sorted(times))} h" if times else ""


def _marks(panels: Sequence[Panel], mark: Sequence[str]) -> list[str]:
    readings = [c.reading for c in _drawn(panels) if c.reading is not None]
    halves = {r.half_kind for r in readings if marks_half(r, mark)}
    sentences = []
    if halves:
        sentences.append(f"Open circle: {', '.join(_MEANING[h] for h in sorted(halves))}")
    if "Dmax" in mark and any(np.isfinite(r.dmax_dose_nM) for r in readings):
        sentences.append("Arrowhead: Dmax, the largest loss, at its dose")
    if "hook" in mark and any(has_hook(r) for r in readings):
        sentences.append("Halo: degradation is lost at higher doses (hook effect)")
    if {"DC50", "Dmax"} & set(mark) and any(map(_barely_losing, panels)):
        sentences.append(f"Losses of at most {LEGIBLE_PERCENT:g} % are not marked")
    bounds = sorted({r.half_before for r in readings if np.isfinite(r.half_before)})
    if "D50" in mark and bounds:
        times = ", ".join(f"{time:g} h" for time in bounds)
        sentences.append(f"No D50 is marked where it lies before the second time ({times})")
    return sentences


def _barely_losing(panel: Panel) -> bool:
    """Whether a curve over doses has a DC50 and a Dmax, too small to be marked."""
    from protacsim.pharmacology.dose_curves import MIN_EFFECT_POINTS

    if panel.along != "dose" or not panel.is_percent:
        return False
    curves = [c for c in panel.curves if c.observable in DEGRADATION and c.drawn and not c.reading]
    losses = [100.0 - float(np.nanmin(curve.value)) for curve in curves]
    return any(MIN_EFFECT_POINTS < loss <= LEGIBLE_PERCENT for loss in losses)


def ramp(panels: Sequence[Panel]) -> str:
    """Say which curves of a long colour ramp the legend does not name."""
    counts = {(len(named(panel)), len(panel.curves)) for panel in panels}
    shortened = [f"{shown} of {count}" for shown, count in sorted(counts) if shown < count]
    return f"The legend names {', '.join(shortened)} curves" if shortened else ""


def _vehicle(panels: Sequence[Panel]) -> str:
    """Say what 100 % is: with doses the vehicle, against time the reference at each time."""
    units = [p.unit.removeprefix("% of ") for p in panels if p.unit.startswith("% of ")]
    if any(p.along == "time" for p in panels):
        meant = [_START if u == "start" else f"{u} at the same time" for u in dict.fromkeys(units)]
        return f"100 %: {', '.join(meant)}" if units else ""
    return "Dose 0: vehicle, 100 % by definition" if "vehicle" in units else ""


def kept(data: xr.Dataset, panels: Sequence[Panel]) -> list[str]:
    """Say what the vehicle of a treatment with further compounds is."""
    if all(panel.unit != "% of vehicle" for panel in panels):
        return []
    varied: dict[str, str] = attrs_json(data, "varied_compound", {})
    others: dict[str, list[str]] = attrs_json(data, "kept_compounds", {})
    return [
        f"Vehicle of {treatment}: the same treatment without {varied[treatment]}; "
        f"{', '.join(others[treatment])} {'is' if len(others[treatment]) == 1 else 'are'} kept"
        for treatment in _shown_treatments(data, panels, others)
        if treatment in others
    ]


def _shown_treatments(
    data: xr.Dataset, panels: Sequence[Panel], otherwise: Iterable[str]
) -> list[str]:
    """Treatments of all panels, each once; of one treatment alone there is no coordinate."""
    if TREATMENT not in data.coords:
        return list(otherwise)
    fixed = [dict(panel.fixed).get(TREATMENT) for panel in panels]
    hues = [curve.key for p in panels if p.hue == TREATMENT for curve in p.curves]
    return [str(name) for name in dict.fromkeys([*fixed, *hues]) if name is not None]


def _notes(panels: Sequence[Panel]) -> list[str]:
    """Say once for each reason which curves are replaced or missing."""
    stand_ins: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    for panel in panels:
        for curve in filter(lambda c: c.note, panel.curves):
            if is_stand_in(panel, curve):
                key = f"{curve.note} instead of {panel.long_name}, which is zero without drug"
                stand_ins.setdefault(key, []).append(curve.name)
            else:
                key = f"{panel.long_name}, {panel.title or 'all'}: {curve.note}"
                missing.setdefault(key, []).append(curve.name or "the curve")
    drawn = [f"Dash-dot, open symbols ({_names(names)}): {key}" for key, names in stand_ins.items()]
    return drawn + [f"Not drawn ({_names(names)}): {key}" for key, names in missing.items()]


def _names(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _hypothetical(compounds: Sequence[str], data: xr.Dataset) -> str:
    """Name them, behind the asterisk that the names of treatments carry where there are some."""
    names = dict.fromkeys(name for text in compounds for name in text.split(", ") if name)
    if not names:
        return ""
    star = "* " if TREATMENT in data.coords else ""
    return f"{star}Hypothetical ({_names(list(names))}): a class prior, no published constants"


def _drawn(panels: Sequence[Panel]) -> list[Curve]:
    return [curve for panel in panels for curve in panel.curves if curve.drawn]
