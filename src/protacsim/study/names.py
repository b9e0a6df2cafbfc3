"""Names of what can be read off a study, and is measured of it, for those who only name them.

What each means, and how it is read, is said in `pharmacology`.
"""

from __future__ import annotations

import re
from typing import Final

from protacsim.study.axes import DOSE

DEGRADATION_READINGS: Final = (
    "dmax_percent",
    "dmax_dose_nM",
    "dc50_absolute_nM",
    "dc50_relative_nM",
    "hc50_absolute_nM",
    "hc50_relative_nM",
    "hook_depth_percent",
)
INHIBITION_READINGS: Final = ("imax_percent", "ic50_nM")
CURVE_READINGS: Final = (*DEGRADATION_READINGS, *INHIBITION_READINGS)

FRACTION_BELOW: Final = re.compile(r"^(\w+) below ([0-9.]+(?:[eE][+-]?[0-9]+)?)$")
"""The fraction of a sample's members below a number: "target_total_percent below 20"."""

MEASUREMENT_COLUMNS: Final = ("quantity", "value", "unit", "operator", "sd", DOSE, "note")
"""Columns of a table of measurements beside those that are named as axes."""

FEWEST_TIMES: Final = 2
"""Of a time course."""
