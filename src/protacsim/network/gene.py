"""What a protein is made from: the names between a promoter and its product."""

from __future__ import annotations

from typing import NamedTuple


class Gene(NamedTuple):
    """Species and names of rates between a promoter (off, on; empty: always on) and a protein."""

    promoter: tuple[str, ...]
    mrna: str
    protein: str
    opening: str
    closing: str
    transcription: str
    mrna_loss: str
    translation: str
    turnover: str
