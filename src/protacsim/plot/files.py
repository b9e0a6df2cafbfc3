"""Figures to files: SVG and PNG with the same bytes for the same figure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from protacsim.plot import style
from protacsim.store.files import write_file

# Dates and version strings would change the bytes of an unchanged figure.
_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": "protacsim"},
    ".png": {"Software": "protacsim"},
}


def save(figure: Figure, path_stem: str | Path) -> tuple[Path, ...]:
    """Write `figure` as `<path_stem>.svg` and `<path_stem>.png` (300 dpi) and return the paths.

    Missing folders are made. Two calls for one figure give identical bytes (same matplotlib).
    """
    stem = Path(path_stem)
    # Not with_suffix(): a stem such as "zorba-0.5" has a dot of its own.
    paths = tuple(stem.with_name(stem.name + suffix) for suffix in _METADATA)
    with style.context():
        for path, metadata in zip(paths, _METADATA.values(), strict=True):
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=300, metadata=metadata)
            write_file(path, content.getvalue())
    return paths
