"""Numbers that a study may have, but that are hardly meant: concentrations in M instead of nM."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from protacsim.errors import DataWarning
from protacsim.scenario import numbers
from protacsim.study.nouns import Study
from protacsim.units import unit_of

ASKED = ("dose_nM", "kd_", "ki_")
MOLAR_UP_TO_NM = 1e-3
"""Nobody doses less, and hardly an affinity is tighter; written in M, most of both are below."""


def ask_about(study: Study) -> None:
    """Warn of doses and affinities that look like M, and of neosubstrates that nothing makes."""
    for name in _never_made(study):
        warnings.warn(
            f"cell.proteins.{name} has no half_life_h, so that none of it is made: what is "
            f"destroyed stays lost. Give it one, such as cell.proteins.{name}.half_life_h = 20.0.",
            DataWarning,
            stacklevel=3,
        )
    for path, said, value in dict.fromkeys(_largest(study)):
        concentration = path.rpartition(".")[2].startswith(ASKED) and unit_of(path) == "nM"
        if concentration and 0.0 < value <= MOLAR_UP_TO_NM:
            warnings.warn(
                f"{path}{said} {value:g} nM; if this is in M, write text with the unit, such as "
                f'"{value:g} M".',
                DataWarning,
                stacklevel=3,
            )


def _never_made(study: Study) -> list[str]:
    """Neosubstrates that have no turnover in some scenario."""
    varied = {path for combination in study.combinations for path in combination.varied}
    found = {
        name: None
        for combination in study.combinations
        for name in combination.scenario.neosubstrates
        if (path := f"cell.proteins.{name}.half_life_h") not in varied
        and path not in numbers(combination.scenario)
    }
    return list(found)


def _largest(study: Study) -> Iterator[tuple[str, str, float]]:
    """Every number of the scenarios by its path, and the largest of each axis."""
    for combination in study.combinations:
        for path, value in numbers(combination.scenario).items():
            yield path, " is", value
    for axis in study.axes:
        values = [float(v) for v in axis.values if isinstance(v, int | float)]
        if values:
            yield axis.path, " has no value above", max(values)
