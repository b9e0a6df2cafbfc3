"""Which dims of a study a figure shows, as columns, hue or axes, and what it leaves undecided.

Each mistake is the rest of a sentence that begins with the figure's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from protacsim.config.grammar import OVER_DOSES, FigureSection
from protacsim.study import DOSE, TREATMENT, Axis, Readout, Sample, dim_of_doses
from protacsim.study.axes import SENSITIVITY
from protacsim.study.names import CURVE_READINGS, FEWEST_TIMES

ALLELE = "target.allele"
PANELS = {"columns": TREATMENT, "hue": ALLELE}
ROLES: Mapping[str, Mapping[str, str | None]] = {
    "dose-response": PANELS,
    "allele-shift": PANELS,
    "occupancy-vs-degradation": PANELS,
    "ternary-bell": PANELS,
    "single-cell": PANELS,
    "species-flow": {"columns": TREATMENT},
    "time-course": {"columns": None, "hue": None},
    "heatmap": {"x": DOSE, "y": None, "columns": None},
}
"""What shows a dim in each kind, and the dim it is by default; the other kinds show no dims."""

APART = ("allele-shift", "heatmap")
"""Kinds that cannot show one dim in two ways."""


class Dims(NamedTuple):
    """Dims of a study: those of its axes, treatments among them, and of its samples."""

    axes: Sequence[Axis]
    samples: Sequence[Sample]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of values along each dim."""
        of_axes = {axis.dim: len(axis.values) for axis in self.axes}
        return of_axes | {sample.dim: sample.n for sample in self.samples}

    @property
    def named(self) -> set[str]:
        """Dims whose values are names."""
        return {a.dim for a in self.axes if a.path == a.dim and isinstance(a.values[0], str)}

    def positive(self, dim: str | None) -> bool:
        """Whether an axis has a value above 0; of a sample none is known."""
        values = [x for axis in self.axes if axis.dim == dim for x in axis.values]
        return not values or any(isinstance(x, int | float) and x > 0.0 for x in values)

    def open(self, figure: FigureSection) -> list[str]:
        """Dims of several values of which `select` chooses none."""
        chosen = {axis.dim for axis in self.axes if axis.path in figure.select}
        return [dim for dim, size in self.sizes.items() if size > 1 and dim not in chosen]


def shown(figure: FigureSection) -> dict[str, str]:
    """What shows which dim."""
    roles = {
        what: getattr(figure, what) or default
        for what, default in ROLES.get(figure.kind, {}).items()
    }
    return {what: dim for what, dim in roles.items() if dim is not None}


def mistakes(figure: FigureSection, dims: Dims, readout: Readout) -> Iterator[str]:
    """What is wrong with the dims a figure shows, each of which is one of the study or a default.

    Single cells are drawn over doses at one time, over time where there are several.
    """
    draws = next((s.n for s in dims.samples if s.dim == SENSITIVITY), None)
    if draws is not None and figure.kind in ROLES and SENSITIVITY not in shown(figure).values():
        yield (
            f"is a {figure.kind}, which cannot show the {draws:,} draws of [sensitivity]; use "
            'kind = "sensitivity", or leave it out'
        )
        return
    several = len(readout.times_h) >= FEWEST_TIMES
    one_time = figure.time_h is not None or not several
    yield from _shown_twice(figure)
    if figure.kind in OVER_DOSES or (figure.kind == "single-cell" and one_time):
        yield from _along_doses(figure, dims)
    elif figure.kind == "species-flow":
        yield from _flow(figure, dims, over_time=several)
    elif figure.kind in ("time-course", "single-cell"):
        yield from _over_time(figure, dims)
    elif figure.kind == "heatmap":
        yield from _heatmap(figure, dims, relative=readout.relative_to is not None)


def _left(figure: FigureSection, dims: Dims, *more: str | None) -> list[str]:
    """Dims of several values that are neither shown nor chosen one value of."""
    seen = (*shown(figure).values(), *more)
    return [dim for dim in dims.open(figure) if dim not in seen]


def _shown_twice(figure: FigureSection) -> Iterator[str]:
    for (one, dim), (other, same) in combinations(shown(figure).items(), 2):
        chosen = getattr(figure, one) is not None and getattr(figure, other) is not None
        if dim == same and (chosen or figure.kind in APART):
            yield f"shows {dim} both as {one} and as {other}; set {one} or {other} to another axis"


def _along_doses(figure: FigureSection, dims: Dims) -> Iterator[str]:
    doses = [dim for dim in dims.sizes if dim.endswith(".dose_nM")]
    open_ = set(dims.open(figure)) - {*shown(figure).values()}
    along = dim_of_doses(dim for dim in doses if dim in open_ or dims.sizes[dim] == 1)
    if not doses:
        yield f"is drawn against dose; add an axis {DOSE} without zip"
    elif along is None and len(doses) > 1:
        yield (
            f"is drawn against one dose, but the axes have {' and '.join(doses)}; choose one value "
            "of the other with select, or make it the columns or the hue"
        )
    elif along is None:
        yield f"is drawn against dose; take {doses[0]} out of select, columns and hue"
    elif left := _left(figure, dims, along):
        yield (
            f"does not show {', '.join(left)}; make it the columns or the hue, or choose one value "
            "with select"
        )
    elif not dims.positive(along):
        yield f"has no dose above 0 nM to draw; add one to the axis {along}"


def _flow(figure: FigureSection, dims: Dims, *, over_time: bool) -> Iterator[str]:
    along = dim_of_doses(_left(figure, dims))
    if left := _left(figure, dims, along):
        yield (
            f"does not show {', '.join(left)}; make it the columns, or choose one value with select"
        )
    elif along is None and not over_time:
        yield f"needs several doses or times; add an axis {DOSE}, or times to readout.times_h"


def _over_time(figure: FigureSection, dims: Dims) -> Iterator[str]:
    """Columns and hue are whatever is left, in such a figure, unless they are given."""
    given = figure.columns, figure.hue
    left, free = [dim for dim in dims.open(figure) if dim not in given], given.count(None)
    if len(left) > free:
        yield (
            f"is a {figure.kind} with more axes than one figure shows: {', '.join(left)} "
            f"for {free} of columns and hue; choose one value each with select"
        )


def _heatmap(figure: FigureSection, dims: Dims, *, relative: bool) -> Iterator[str]:
    roles = shown(figure)
    open_ = dims.open(figure)
    for what in ("x", "y"):
        if what == "x" and roles[what] in dims.named:
            yield (
                f"has x = {roles[what]!r}, whose values are names; take an axis of numbers, and "
                "make this one y or the columns"
            )
        elif dims.sizes.get(roles[what], 1) > 1 and roles[what] not in open_:
            yield f"has {what} = {roles[what]!r}, of which select takes one value; drop either"
    reading = figure.observables[0] in CURVE_READINGS
    along = dim_of_doses(_left(figure, dims)) if reading else None
    if reading and not (along and relative):
        yield (
            f"shows {figure.observables[0]}, which is read off curves: it needs "
            f"readout.relative_to, and an axis {DOSE} that is not shown or chosen in another way"
        )
    elif left := _left(figure, dims, along):
        yield (
            f"does not show {', '.join(left)}; make it the columns, or choose one value with select"
        )
