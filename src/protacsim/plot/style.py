"""How protacsim figures look: the shipped style sheet, colours, dashes, and sizes in mm.

No data is read here, and pyplot is imported only inside a notebook, where it shows figures inline.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from matplotlib import colormaps, style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

Dash = str | tuple[float, tuple[float, ...]]

MM_PER_INCH = 25.4
POINTS_PER_INCH = 72.0
# Screen hinting stretches 7 pt text by up to 5 % over its outline, depending on the resolution.
HINTED_WIDTH = 1.05
NARROW_MM, FULL_MM = 88.0, 180.0
TEXT_COLOUR = "#222222"
QUIET_COLOUR = "#8a8a8a"

# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/, without the yellow: illegible on white.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "P", "X")
SOLID: Dash = "-"
DASHES: tuple[Dash, ...] = ((0.0, (4.0, 1.5)), (0.0, (2.0, 1.2)), (0.0, (6.5, 1.5)))
DASH_DOT: Dash = (0.0, (5.0, 1.4, 1.0, 1.4))


@dataclass(frozen=True)
class Look:
    """Colour, dash pattern and marker of one curve."""

    colour: str
    dash: Dash
    marker: str


def context() -> AbstractContextManager[None]:
    """Return the style sheet of this package as a context manager."""
    if in_notebook():
        from matplotlib import pyplot

        # Loads the backend out here: the context would undo what it sets.
        pyplot.draw_if_interactive()  # type: ignore[no-untyped-call]
    sheet = resources.files("protacsim.plot").joinpath("protacsim.mplstyle")
    return style.context(str(sheet))


def looks(count: int, *, ordered: bool, reference: int | None = 0) -> tuple[Look, ...]:
    """Return one look per curve: the reference is solid and black, all others are dashed.

    `ordered` curves (a numeric hue) take their colours from a perceptual ramp instead.
    """
    if ordered:
        ramp = colormaps["viridis"]
        shades = [to_hex(ramp(0.85 * i / max(count - 1, 1))) for i in range(count)]
        return tuple(Look(c, SOLID, MARKERS[i % len(MARKERS)]) for i, c in enumerate(shades))
    others = iter(range(1, count + 1))
    return tuple(_look(0 if i == reference else next(others)) for i in range(count))


def _look(rank: int) -> Look:
    dash = DASHES[(rank - 1) % len(DASHES)] if rank else SOLID
    return Look(COLOURS[rank % len(COLOURS)], dash, MARKERS[rank % len(MARKERS)])


def new_figure(
    width_mm: float, height_mm: float, layout: Literal["constrained"] | None = None
) -> Figure:
    """Return an empty figure; inside a notebook pyplot knows it, so that it is shown inline."""
    size = (width_mm / MM_PER_INCH, height_mm / MM_PER_INCH)
    if in_notebook():
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout=layout)
    figure = Figure(figsize=size, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def width_of(columns: int, width_mm: float | None) -> float:
    """Return the width of a figure with so many columns of panels, in mm, unless it is given."""
    if width_mm is not None:
        return width_mm
    return NARROW_MM if columns == 1 else FULL_MM


def in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def text_width_mm(words: str, size_pt: float, weight: str = "normal") -> float:
    """Return the width that `words` take at most, in mm, at any resolution."""
    font = FontProperties(family="DejaVu Sans", size=size_pt, weight=weight)
    width_pt, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return HINTED_WIDTH * width_pt / POINTS_PER_INCH * MM_PER_INCH


def wrap(words: str, width_mm: float, size_pt: float, weight: str = "normal") -> tuple[str, ...]:
    """Break `words` at spaces into lines that are at most `width_mm` wide where possible."""
    lines: list[str] = []
    for word in words.split(" "):  # not at no-break spaces
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_mm(longer, size_pt, weight) <= width_mm:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines)


def significant(number: float, digits: int = 2) -> str:
    """Write a number with `digits` significant digits: "0.012", "4.0", "1200"."""
    rounded = float(f"{number:.{digits}g}")
    if rounded == 0.0 or abs(rounded) >= 10 ** (digits - 1):
        return f"{rounded:.0f}"
    return f"{rounded:#.{digits}g}"


def dose_text(dose_nM: float) -> str:
    """Write a dose with two significant digits, from 1000 nM on in µM."""
    if float(f"{dose_nM:.2g}") >= 1000.0:
        return f"{significant(dose_nM / 1000.0)} µM"
    return f"{significant(dose_nM)} nM"


def dose_name(dose_nM: float, digits: int = 3) -> str:
    """Write a dose that was chosen, not read off a curve: "1 nM", "316 nM", "10 µM"."""
    rounded = float(f"{dose_nM:.{digits}g}")
    if rounded < 1000.0:
        return f"{rounded:.{digits}g} nM"
    return f"{rounded / 1000.0:.{max(digits, 6)}g} µM"
