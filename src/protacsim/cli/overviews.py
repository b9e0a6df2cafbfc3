"""What many rows of a summary say together: members of samples, curves, points.

Tables come in and tables go out; `publishing` prints them and puts them on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protacsim.cli.labels import HYPOTHETICAL
from protacsim.cli.tables import HEADINGS
from protacsim.config import Job
from protacsim.validation import shown

if TYPE_CHECKING:
    import pandas as pd

LISTED_ROWS = 60
"""Rows of a table on the terminal; more curves are told by their spread."""
WANTED = ("dc50_relative_nM", "dmax_percent", "hook_depth_percent", "ic50_nM", "ic50_fold_shift")
MIDDLE = "median (5 % to 95 %)"
ENDS = "lowest", "highest"


class Overview(NamedTuple):
    """Rows of a summary together: what is told of them in a title and on the page, and a table."""

    heading: str
    about: str
    said: str
    table: pd.DataFrame


def overview(job: Job, table: pd.DataFrame) -> Overview | None:
    """Members of samples together, or curves that are too many to list; None where neither is."""
    if job.study.is_stochastic or is_spread(table):
        return None
    if job.study.samples:
        return _of_members(job, table)
    return _of_curves(table) if has_curves(table) else None


def is_spread(table: pd.DataFrame) -> bool:
    """Whether a summary is one of very many points."""
    return {"observable", "points"} <= set(table)


def has_curves(table: pd.DataFrame) -> bool:
    """Whether a summary has readings of dose-response curves."""
    return "dmax_percent" in table or "ic50_nM" in table


def at_the_end(table: pd.DataFrame) -> pd.DataFrame:
    """The rows at the last time."""
    return table[table["time_h"] == table["time_h"].max()] if "time_h" in table else table


def axes_of(job: Job, table: pd.DataFrame) -> list[str]:
    """Columns that tell points apart."""
    known = {*job.study.axis_paths, "time_h", HYPOTHETICAL}
    return [name for name in map(str, table) if name in known]


def once(job: Job, table: pd.DataFrame) -> list[str]:
    """Columns of observables, each once: in percent, or as it is where that is nowhere defined."""
    observed = {reading.name for reading in job.study.readout.readings}
    without_unit = {str(name): str(name).partition(" [")[0] for name in table}
    known = {name for column, name in without_unit.items() if table[column].notna().any()}

    def is_shown(name: str) -> bool:
        observable = name.partition("[")[0]
        if observable in observed:
            return name.replace(observable, f"{observable}_percent", 1) not in known
        return observable.removesuffix("_percent") in observed and name in known

    return [column for column, name in without_unit.items() if is_shown(name)]


def told(table: pd.DataFrame) -> list[str]:
    """Columns for people: what tells curves apart, and the readings that matter most."""
    return [*_apart(table), *_wanted(table)]


def _apart(table: pd.DataFrame) -> list[str]:
    return [name for name in map(str, table) if not _is_reading(name)]


def _wanted(table: pd.DataFrame) -> list[str]:
    return [name for name in WANTED if name in table]


def _is_reading(column: str) -> bool:
    return column.endswith(("_percent", "_reason", "_shift", "multimodal")) or (
        column.startswith(("dc50", "hc50", "ic50", "dmax", "imax"))
    )


def of_points(job: Job, table: pd.DataFrame) -> pd.DataFrame:
    """The spread of very many points at the last time, and where on the axes its ends are."""
    import pandas as pd

    places = [str(name).partition("lowest at ")[2] for name in table]
    paths = _not_drawn(job, [path for path in places if path])
    rows = [
        {
            **{name: row[name] for name in axes_of(job, table)},
            "observable": f"{row['observable']} ({row['units']})",
            "points": row["points"],
            MIDDLE: _middle(row["q05"], row["q50"], row["q95"]),
            **{end: _placed(shown(row[end]), row, paths, f"{end} at ") for end in ENDS},
        }
        for row in at_the_end(table).to_dict("records")
    ]
    return pd.DataFrame(rows)


def _of_curves(table: pd.DataFrame) -> Overview | None:
    """Very many curves at the last time; None where a table of them is short, or no shorter so.

    Treatments, alleles and whatever else has a name keep rows of their own.
    """
    import pandas as pd

    last, apart, wanted = at_the_end(table), _apart(table), _wanted(table)
    paths = [name for name in apart if name != "time_h" and last[name].dtype.kind in "iuf"]
    named = [name for name in apart if name not in paths]
    parts = _parts_of(last, named)
    if not paths or not len(parts) * len(wanted) <= LISTED_ROWS < len(last):
        return None
    rows = [
        {**dict(zip(named, at, strict=True)), **_of_reading(part, name, paths)}
        for at, part in parts
        for name in wanted
    ]
    said = (
        "How many curves have a number, median and middle 90 % of these, and where on the axes "
        "the lowest and the highest are. Their read-outs stand under Summary."
    )
    return Overview("All curves together", "all curves together", said, pd.DataFrame(rows))


def _of_reading(part: pd.DataFrame, name: str, paths: Sequence[str]) -> dict[str, str]:
    """One reading of several curves: how many have it, its middle, and where its ends are."""
    from protacsim.pharmacology.points import spread

    found = spread(part[name].to_numpy(float))
    row = {"reading": HEADINGS[name], "curves": f"{found.points} of {len(part)}"}
    if not found.points:
        return row | dict.fromkeys((MIDDLE, *ENDS), "")
    row[MIDDLE] = _middle(found.q05, found.q50, found.q95)
    for end, place in zip(ENDS, (found.place_of_lowest, found.place_of_highest), strict=True):
        curve = part.iloc[place].to_dict()
        row[end] = _placed(f"{shown(curve[name])}{_reach(name, curve)}", curve, paths)
    return row


def _reach(name: str, curve: Mapping[Any, Any]) -> str:
    """How far a curve goes whose DC50 is told: half of next to nothing may need little."""
    told = name == "dc50_relative_nM" and "dmax_percent" in curve
    return f" (Dmax {shown(curve['dmax_percent'])} %)" if told else ""


def _placed(value: str, row: Mapping[Any, Any], paths: Sequence[str], prefix: str = "") -> str:
    """A value, and where on the axes it is: by the columns of a row that name the paths."""
    where = ", ".join(f"{path} = {shown(row[f'{prefix}{path}'])}" for path in paths)
    return f"{value} at {where}" if where else value


def _not_drawn(job: Job, names: Sequence[str]) -> list[str]:
    """Names but those of members of samples, and of what is drawn for them."""
    drawn = {name for s in job.study.samples for name in (s.dim, *(d.name for d in s.over))}
    return [name for name in names if name.removesuffix(" quantile") not in drawn]


def _middle(low: float, median: float, high: float, more: str = "") -> str:
    """A median and the middle 90 % around it."""
    return f"{shown(median)} ({shown(low)} to {shown(high)}{more})"


def _of_members(job: Job, table: pd.DataFrame) -> Overview:
    """Members of samples: one row per place on the axes, median and middle 90 % in words.

    Curves are taken at the last time.
    """
    import pandas as pd

    if has_curves(table):
        table = at_the_end(table)
        axes, wanted = _apart(table), _wanted(table)
    else:
        axes, wanted = axes_of(job, table), once(job, table)
    kept = _not_drawn(job, axes)
    rows = [
        [*at, len(part), *(_spread_of(part[name]) for name in wanted)]
        for at, part in _parts_of(table, kept)
    ]
    members = pd.DataFrame(rows, columns=[*kept, "members", *wanted])
    about = "median, and 5 % to 95 % of the members"
    said = "Median, and 5 % to 95 % of the members. What the columns mean stands under Summary."
    return Overview("All members together", about, said, members)


def _parts_of(table: pd.DataFrame, by: list[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """The rows at each place on the axes, with its coordinates."""
    if not by:
        return [((), table)]
    return [(at, part) for at, part in table.groupby(by, sort=False, dropna=False)]


def _spread_of(values: pd.Series) -> str:
    """Median and middle 90 %, and how many members have none."""
    from protacsim.pharmacology.points import spread

    found = spread(values.to_numpy(float))
    without = len(values) - found.points
    if not found.points:
        return "none"
    return _middle(found.q05, found.q50, found.q95, f"; {without} none" if without else "")
