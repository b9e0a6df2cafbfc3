"""The sentences under a figure: title, time, what the marks mean, what was assumed.

Text only; breaking it into lines and placing it is the work of `protacsim.plot.grid`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from protacsim.plot.curves import Curve, Panel, attrs_json, unit_suffix
from protacsim.plot.panel import has_hook, is_stand_in

LISTED_CONSTANTS = 6
_NO_BREAK = "\N{NO-BREAK SPACE}"
_NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=[%h])")


def compose(data: xr.Dataset, panels: Sequence[Panel], mark: Sequence[str]) -> str:
    """Return the caption of a figure that shows `panels` of `data`."""
    sentences = [
        str(data.attrs.get("title", "")),
        _time(panels),
        *_marks(panels, mark),
        _vehicle(panels),
        *_notes(panels),
        _hypothetical(panels),
        unverified(attrs_json(data, "unverified", [])),
    ]
    text = " ".join(s.rstrip(".") + "." for s in sentences if s)
    return _NUMBER_AND_UNIT.sub(_NO_BREAK, text)


def unverified(constants: Sequence[Mapping[str, Any]], listed: int = LISTED_CONSTANTS) -> str:
    """List constants without a read source: "Assumed: n 4; k_ub 1500 /h; and 3 more ..."."""
    if not constants:
        return ""
    names = _short_names([str(c["path"]) for c in constants])
    shown: dict[str, list[str]] = {}
    for constant, name in list(zip(constants, names, strict=True))[:listed]:
        shown.setdefault(str(constant["confidence"]), []).append(_constant(constant, name))
    groups = "; ".join(f"{kind}: {', '.join(texts)}" for kind, texts in shown.items())
    more = len(constants) - listed
    rest = f"; and {more} more, see protacsim describe" if more > 0 else ""
    return f"Constants without a verified source: {groups}{rest}"


def _constant(constant: Mapping[str, Any], name: str) -> str:
    value, unit = constant.get("value"), str(constant.get("unit") or "")
    number = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    words = (name.removesuffix(unit_suffix(unit)), number, unit.removeprefix("1"))
    return _NO_BREAK.join(word for word in words if word)


def _short_names(paths: Sequence[str]) -> list[str]:
    """Shorten paths to their last parts, and to one part more where two would read the same."""
    tails = [path.rsplit(".", 1)[-1] for path in paths]
    seen = Counter(tails)
    return [
        ".".join(path.rsplit(".", 2)[-2:]) if seen[tail] > 1 else tail
        for path, tail in zip(paths, tails, strict=True)
    ]


def _time(panels: Sequence[Panel]) -> str:
    times = {p.time_h for p in panels if p.time_h is not None}
    return f"All at {', '.join(f'{t:g}' for t in sorted(times))} h" if times else ""


def _marks(panels: Sequence[Panel], mark: Sequence[str]) -> list[str]:
    readings = [c.reading for c in _drawn(panels) if c.reading is not None]
    halves = {r.half_kind for r in readings if np.isfinite(r.half_dose_nM)}
    meaning = {"DC50": "DC50 (dose at half of Dmax)", "IC50": "IC50 (dose that leaves 50 %)"}
    sentences = []
    if "DC50" in mark and halves:
        sentences.append(f"Open circle: {', '.join(meaning[h] for h in sorted(halves))}")
    if "Dmax" in mark and any(np.isfinite(r.dmax_dose_nM) for r in readings):
        sentences.append("Arrowhead: Dmax, the largest loss, at its dose")
    if "hook" in mark and any(has_hook(r) for r in readings):
        sentences.append("Halo: degradation is lost at higher doses (hook effect)")
    return sentences


def _vehicle(panels: Sequence[Panel]) -> str:
    relative = any(p.unit == "% of vehicle" for p in panels)
    return "Dose 0: vehicle, 100 % by definition" if relative else ""


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


def _hypothetical(panels: Sequence[Panel]) -> str:
    names = dict.fromkeys(p.hypothetical for p in panels if p.hypothetical)
    if not names:
        return ""
    return f"* Hypothetical ({_names(list(names))}): a class prior, no published constants"


def _drawn(panels: Sequence[Panel]) -> list[Curve]:
    return [curve for panel in panels for curve in panel.curves if curve.drawn]
