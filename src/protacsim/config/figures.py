"""Figures of a configuration: every mistake in them, and what a run will draw.

The checks need the axes and read-outs of the whole document; `checking` hands them in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from protacsim.config.grammar import (
    MEMBER_DIMS,
    NEEDED_ROWS,
    OF_CELLS,
    RELATIVE,
    FigureSection,
    SensitivitySection,
)
from protacsim.config.panels import Dims, mistakes
from protacsim.errors import ParameterError
from protacsim.fitting import Errors, Measurement, read_measurements
from protacsim.scenario import Treatment
from protacsim.study import DOSE, TREATMENT, Axis, Readout, Study
from protacsim.study.names import CURVE_READINGS, FEWEST_TIMES
from protacsim.validation import one_of, quoted

Row = dict[str, float | str | None]
SHOWING = ("columns", "hue", "x", "y")
NO_ERRORS = Errors(math.nan, math.nan)
"""Figures show the errors that were given, and assume none."""


class Figure(NamedTuple):
    """One figure that a run draws; `points` are measurements to show in it."""

    kind: str
    rows: tuple[str, ...]
    columns: str | None
    hue: str | None
    time_h: float | None
    width_mm: float | None
    select: tuple[tuple[str, float | str], ...] = ()
    points: tuple[Row, ...] = ()
    fit: Literal["hill", "bell"] | None = None
    x: str | None = None
    y: str | None = None


class FigureChecker:
    """Checks all figures of one document; `say` takes the sentences.

    `treatments` is None where they are no list, `axes` where some are wrong.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        source: Path,
        treatments: list[Treatment | None] | None,
        axes: list[Axis] | None,
        sample_dims: Sequence[str],
        sensitivity: SensitivitySection | None,
    ) -> None:
        self._say = say
        self.source = source
        self.sample_dims = sample_dims
        self.sensitivity = sensitivity
        self.axes = _with_treatments(treatments, axes)

    def check(self, figures: Sequence[FigureSection | None], readout: Readout | None) -> None:
        """What can be said before the study as a whole is known."""
        given = self.axes
        for key, figure in zip(_keys(figures), figures, strict=True):
            if figure is not None:
                if given is not None:
                    self._check_dims(key, figure, given)
                    self._check_select(key, figure, given)
                self._check_readings(key, figure, readout)

    def _check_dims(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        dims = [*dict.fromkeys(axis.dim for axis in axes), *self.sample_dims]
        if figure.kind == "heatmap" and figure.x is None and DOSE not in dims:
            self._say(f"{key} is a heatmap without doses; give x as well as y, {one_of('', dims)}.")
        if figure.kind == "sensitivity" and self.sensitivity is None:
            self._say(f"{key} shows a sensitivity analysis; add a [sensitivity] table.")
        for what in SHOWING:
            dim = getattr(figure, what)
            if dim is not None and dim not in dims:
                self._say(f"{key}.{what} is {quoted(dim)}; {one_of(dim, dims)}.")

    def _check_select(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        values = {axis.path: axis.coordinate for axis in axes}
        for path, value in figure.chosen():
            if path not in (*values, *MEMBER_DIMS):
                allowed = one_of(path, [*values, *MEMBER_DIMS])
                self._say(f"{key}.select names {quoted(path)}; {allowed}.")
            elif path in values and not _is_among(value, values[path]):
                allowed = one_of(
                    str(value), [f"{v:g}" if isinstance(v, float) else v for v in values[path]]
                )
                self._say(f"{key}.select takes {quoted(value)} of {path}; {allowed}.")

    def figures(self, sections: Sequence[FigureSection | None], study: Study) -> tuple[Figure, ...]:
        """What a run draws, once the study is right: figures against dose need such an axis."""
        found = []
        for key, section in zip(_keys(sections), sections, strict=True):
            if section is not None:
                self._check_cells(key, section, study)
                self._check_members(key, section, study)
                if self.axes is not None:
                    self._check_panels(key, section, Dims(self.axes, study.samples), study)
                found.append(self._figure(section, study))
        return tuple(found)

    def _check_cells(self, key: str, figure: FigureSection, study: Study) -> None:
        """A figure of single cells needs them, and no other shows more than one per point."""
        if figure.kind == "single-cell" and not study.is_stochastic:
            self._say(
                f'{key} shows single cells; set method.kind to "auto", and run.replicates to the '
                "number of cells."
            )
        if figure.kind not in OF_CELLS and study.is_stochastic and study.replicates > 1:
            self._say(
                f"{key} is a {figure.kind}, which shows one run per point, but run.replicates is "
                f'{study.replicates:,}; use kind = "single-cell", or a deterministic method.'
            )

    def _check_members(self, key: str, figure: FigureSection, study: Study) -> None:
        """Of an observable with a value for each compound or neosubstrate one is shown."""
        chosen = dict(figure.chosen())
        for reading in study.readout.readings:
            names = study.members(reading.dim) if reading.dim else []
            one = chosen.get(reading.dim)
            settled = one in names or (one is None and len(names) == 1)
            if reading.name in figure.observables and names and not settled:
                self._say(
                    f"{key} shows {reading.name} of one {reading.dim}; write select = "
                    f'{{ {reading.dim} = "{names[0]}" }} or another; {one_of(str(one), names)}.'
                )

    def _check_panels(self, key: str, figure: FigureSection, dims: Dims, study: Study) -> None:
        """Every dim is shown or chosen one value of, once each name of a dim is right."""
        if not {getattr(figure, what) for what in SHOWING} <= {None, *dims.sizes}:
            return  # told already
        for mistake in mistakes(figure, dims, study.readout):
            self._say(f"{key} {mistake}.")

    def _check_readings(self, key: str, figure: FigureSection, readout: Readout | None) -> None:
        if readout is None:
            return
        read_out = [reading.name for reading in readout.readings]
        for row in figure.observables:
            if figure.kind == "heatmap" and row in CURVE_READINGS:
                continue
            if row not in read_out:
                self._say(
                    f"{key}.rows names {quoted(row)}, which is not read out; "
                    f"{one_of(row, read_out)}."
                )
        missing = [n for n in NEEDED_ROWS.get(figure.kind, ()) if n not in read_out]
        if missing and not figure.rows:
            self._say(f"{key} needs {' and '.join(missing)}; add that to readout.observables.")
        if figure.kind in RELATIVE and readout.relative_to is None:
            self._say(f'{key} shows percentages; set readout.relative_to, such as "vehicle".')
        if figure.time_h is not None and figure.time_h not in readout.times_h:
            times = ", ".join(f"{time:g}" for time in readout.times_h)
            self._say(f"{key}.time_h is {figure.time_h:g} h; must be one of {times} h.")
        if figure.kind == "time-course" and len(readout.times_h) < FEWEST_TIMES:
            self._say(f"{key} shows a time course; give two or more times in readout.times_h.")

    def _figure(self, section: FigureSection, study: Study) -> Figure:
        return Figure(
            section.kind,
            section.observables,
            section.columns,
            section.hue,
            section.time_h,
            section.width_mm,
            section.chosen(),
            self._points(section.points, study),
            section.fit,
            section.x,
            section.y,
        )

    def _points(self, name: str | None, study: Study) -> tuple[Row, ...]:
        """Measurements of a figure's CSV file, as plain rows."""
        if name is None:
            return ()
        try:
            found = read_measurements(self.source.parent / name, study, NO_ERRORS)
        except ParameterError as error:
            for line in str(error).splitlines():  # each names the file, which [fit] may read too
                self._say(line)
            return ()
        return tuple(_row(measurement) for measurement in found)


def _row(measurement: Measurement) -> Row:
    return {
        "quantity": measurement.quantity,
        "value": measurement.value,
        "operator": measurement.operator,
        "sd": None if math.isnan(measurement.sd) else measurement.sd,
        "time_h": measurement.time_h,
        DOSE: measurement.dose_nM,
        **dict(measurement.where),
    }


def _keys(figures: Sequence[Any]) -> list[str]:
    """How messages name each figure."""
    several = len(figures) > 1
    return [f"figure[{i}]" if several else "figure" for i in range(1, len(figures) + 1)]


def _with_treatments(
    treatments: list[Treatment | None] | None, axes: list[Axis] | None
) -> list[Axis] | None:
    """The axes and, if there are several, the treatments."""
    if axes is None or treatments is None:
        return None
    names = tuple(t.name if t is not None else "" for t in treatments)
    return [Axis(TREATMENT, names, TREATMENT), *axes] if len(names) > 1 else axes


def _is_among(value: float | str, values: Sequence[float | str]) -> bool:
    if isinstance(value, str):
        return value in values
    return any(isinstance(v, float) and np.isclose(v, value, rtol=1e-9, atol=0.0) for v in values)
