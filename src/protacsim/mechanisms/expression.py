"""Gene expression in numbers: rates, amounts and names between a promoter and its protein.

Rates are such that the mean of the protein is what it would be with synthesis at a constant rate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from protacsim.mechanisms.verbs import messenger, promoter
from protacsim.network import Gene
from protacsim.scenario import Scenario

Values = Mapping[str, Any]
LN2 = float(np.log(2.0))


_PROCESSES = (
    "promoter_on",
    "promoter_off",
    "transcription",
    "mrna_loss",
    "translation",
    "turnover",
)


def genes(scenario: Scenario, species: Collection[str]) -> list[Gene]:
    """Every protein that is made from mRNA in a network with these species."""
    return [
        Gene(
            promoter(entry.name) if promoter(entry.name)[0] in species else (),
            messenger(entry.name),
            entry.name,
            *(f"{process}[{entry.name}]" for process in _PROCESSES),
        )
        for entry in scenario.cell.proteins
        if messenger(entry.name) in species
    ]


def expression_rates(protein: str, synthesis: Any, values: Values) -> dict[str, Any]:
    """Rate constants per h; translation makes `synthesis` molecules per h at the mean of mRNA."""
    if not _is_expressed(protein, values):
        return {}
    loss = LN2 / _own(protein, "mrna_half_life_h", values)
    opens = _own(protein, "promoter_on_per_h", values)
    closes = _own(protein, "promoter_off_per_h", values)
    copies = _own(protein, "mrna_copies", values)
    return {
        f"promoter_on[{protein}]": opens,
        f"promoter_off[{protein}]": closes,
        f"transcription[{protein}]": copies * loss * (opens + closes) / opens,
        f"mrna_loss[{protein}]": loss,
        f"translation[{protein}]": synthesis / copies,
    }


def expression_amounts(protein: str, values: Values) -> dict[str, Any]:
    """Mean amounts of promoter and mRNA, molecules per cell."""
    if not _is_expressed(protein, values):
        return {}
    off, on = promoter(protein)
    opens = _own(protein, "promoter_on_per_h", values)
    turning = opens + _own(protein, "promoter_off_per_h", values)
    return {
        off: 1.0 - opens / turning,
        on: opens / turning,
        messenger(protein): _own(protein, "mrna_copies", values),
    }


def _is_expressed(protein: str, values: Values) -> bool:
    return f"cell.proteins.{protein}.expression.mrna_copies" in values


def _own(protein: str, field: str, values: Values) -> Any:
    return values[f"cell.proteins.{protein}.expression.{field}"]
