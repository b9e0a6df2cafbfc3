"""The reaction graph of a network: forms of the target as rows, ubiquitins as columns.

What reacts is read off the network's table; no layout is searched for, so that the same form
always stands at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from protacsim.network import Network, Reaction
from protacsim.plot import style
from protacsim.plot.drawing import draw_key
from protacsim.plot.layout import TEXT_PT
from protacsim.plot.sheet import Frame, Part, sheet

_CHAIN = re.compile(r"\(ub(\d+)\)")
BINDING, UBIQUITIN, DESTRUCTION, TURNOVER = "binding", "ubiquitin", "destruction", "turnover"
GROUPS = {
    BINDING: ("#0072B2", "binding, bonding, permeation"),
    UBIQUITIN: ("#E69F00", "ubiquitin on and off"),
    DESTRUCTION: ("#D55E00", "destruction by the proteasome"),
    TURNOVER: ("#8a8a8a", "synthesis and basal loss"),
}
LOSSES = ("turnover of", "loss of", "induced loss of")
PLACES = ("_medium", "_cell")
BEND = 0.25
ROW_MM = 9.0
WIDEST_COLUMN_MM = 24.0

Place = tuple[int, int]


@dataclass(frozen=True)
class Arrow:
    """Reactions of one group between two places, one way or both."""

    start: Place
    end: Place
    group: str
    both: bool


@dataclass(frozen=True)
class Graph:
    """Rows and columns of species, arrows between them, and losses and gains at a place.

    `dots` maps each species to its (row, column); `stubs` are (place, group, inwards).
    """

    name: str
    rows: tuple[str, ...]
    columns: int
    dots: dict[str, Place]
    arrows: tuple[Arrow, ...]
    stubs: tuple[tuple[Place, str, bool], ...]
    reactions: int


def network(net: Network, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    """Draw the reaction graph of a network, such as `build_network(scenario)`.

    Every dot is a species: its row says what is bound to what, its column how many ubiquitins it
    carries. Arrows are reactions, with two heads where both ways exist; a partner that binds or
    leaves is not drawn with a line of its own.

    Parameters
    ----------
    net
        Any reaction network; species without a chain stand in the first column.
    ax, legend
        As in `dose_response`.
    """
    graph = read_graph(net)
    with style.context():
        own = ax is None
        if ax is None:
            height = 24.0 + ROW_MM * len(graph.rows) + 8.0
            ax = style.new_figure(85.0, height, layout="constrained").add_subplot()
        draw_graph(ax, graph)
        ax.set_title(graph.name, parse_math=False)
        if legend:
            draw_key(ax, _keys([graph]), [], outside=own)
    return ax


def network_sheet(
    nets: Sequence[Network], *, width_mm: float | None = None, left_out: int = 0
) -> Figure:
    """Draw the graph of every network below one another, with legend and caption.

    `left_out` is the number of further networks that the caption mentions.
    """
    graphs = [read_graph(net) for net in nets]
    width_mm = style.FULL_MM if width_mm is None else width_mm
    widest = max(style.text_width_mm(row, TEXT_PT) for graph in graphs for row in graph.rows)
    left = min(widest + 4.0, 0.5 * width_mm)
    frame = Frame(
        width_mm,
        left,
        ROW_MM * max(len(graph.rows) for graph in graphs),
        WIDEST_COLUMN_MM * max(graph.columns for graph in graphs),
        shared=False,
    )
    parts = [Part(partial(draw_graph, graph=g), g.name, 0, i, i) for i, g in enumerate(graphs)]
    about = [
        "Rows: what is bound to what (: a complex, - a covalent bond); columns: ubiquitins. "
        "Each dot is a species, each arrow a reaction, with two heads where it runs both ways.",
        *(f"{g.name}: {len(g.dots)} species, {g.reactions} reactions." for g in graphs),
    ]
    if left_out:
        about.append(f"Not drawn: {left_out} more networks of the study; choose with select.")
    return sheet(parts, " ".join(about), _keys(graphs), frame)


def read_graph(net: Network) -> Graph:
    """Give every species its place and every reaction its arrow or stub."""
    bases = {name: _base(name) for name in net.species}
    chained = {base for name, base in bases.items() if base != name}
    rows = _ordered(list(dict.fromkeys(bases.values())), chained)
    dots = {name: (rows.index(base), _length(name)) for name, base in bases.items()}
    pairs: dict[tuple[Place, Place, str], None] = {}
    stubs: dict[tuple[Place, str, bool], None] = {}
    for reaction in net.reactions:
        group = _group(reaction)
        for start, end in _moves(reaction):
            if start and end:
                pairs[(dots[start], dots[end], group)] = None
            elif start or end:
                stubs[(dots[start or end], group, not start)] = None
    arrows = []
    for here, there, group in pairs:
        if (there, here, group) not in pairs:
            arrows.append(Arrow(here, there, group, both=False))
        elif here < there:
            arrows.append(Arrow(here, there, group, both=True))
    columns = 1 + max((column for _, column in dots.values()), default=0)
    return Graph(
        net.name, tuple(rows), columns, dots, tuple(arrows), tuple(stubs), len(net.reactions)
    )


def _base(species: str) -> str:
    return _CHAIN.sub("", species)


def _length(species: str) -> int:
    found = _CHAIN.search(species)
    return int(found[1]) if found else 0


def _ordered(bases: Sequence[str], chained: Collection[str]) -> list[str]:
    """Partners first, then what carries a chain, each as the network lists them."""

    def rank(base: str) -> tuple[bool, bool, bool]:
        joined = any(base.startswith((f"{other}:", f"{other}-")) for other in bases)
        return base in chained, joined, not base.endswith(PLACES)

    return sorted(bases, key=rank)


def _group(reaction: Reaction) -> str:
    if reaction.name.startswith("destruction of"):
        return DESTRUCTION
    if not reaction.reactants or not reaction.products or reaction.name.startswith(LOSSES):
        return TURNOVER
    sides = [[name for name, _ in side] for side in (reaction.reactants, reaction.products)]
    one_each = all(len(side) == 1 for side in sides)
    return UBIQUITIN if one_each and _base(sides[0][0]) == _base(sides[1][0]) else BINDING


def _moves(reaction: Reaction) -> list[tuple[str, str]]:
    """Return (from, to) per line of a reaction; "" stands for nothing."""
    before, after = ([name for name, _ in side] for side in (reaction.reactants, reaction.products))
    if not before:
        return [("", name) for name in after]
    if not after or _group(reaction) in (DESTRUCTION, TURNOVER):
        return [(_carrier(before, after), "")]
    if len(before) > len(after):
        return [(_carrier(before, after), after[0])]
    return [(before[0], _carrier(after, before))]


def _carrier(candidates: Sequence[str], others: Sequence[str]) -> str:
    """Return the candidate with which a name on the other side begins, the longest; else the first.

    It is the one that keeps its identity: in A + B -> A:B the A.
    """
    inside = [c for c in candidates if any(o.startswith((f"{c}:", f"{c}-")) for o in others)]
    same = [c for c in candidates if any(_base(o).startswith(_base(c)) for o in others)]
    return max(inside or same or candidates[:1], key=len)


def draw_graph(ax: Axes, graph: Graph) -> None:
    """Draw dots, arrows and stubs; rows from top to bottom, ubiquitins from left to right."""
    ax.set_xlim(-0.6, graph.columns - 0.4)
    ax.set_ylim(len(graph.rows) - 0.4, -0.6)
    for arrow in graph.arrows:
        ax.add_patch(_arrow(arrow))
    for place, group, inwards in graph.stubs:
        _draw_stub(ax, place, group, inwards=inwards)
    rows, columns = zip(*graph.dots.values(), strict=True)
    ax.plot(
        columns, rows, linestyle="none", marker="o", markersize=4.6, color=style.TEXT_COLOUR,
        zorder=3, label="_species",
    )  # fmt: skip
    ax.set_yticks(range(len(graph.rows)), graph.rows)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.set_xticks(range(graph.columns))
    ax.set_xlabel("ubiquitins in the chain (number)")
    ax.tick_params(length=0.0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def _arrow(arrow: Arrow) -> FancyArrowPatch:
    (row, column), (last_row, last_column) = arrow.start, arrow.end
    upright = column == last_column and abs(last_row - row) > 1
    bend = (BEND if last_row > row else -BEND) if upright else 0.0
    return FancyArrowPatch(
        (column, row),
        (last_column, last_row),
        arrowstyle="<|-|>" if arrow.both else "-|>",
        connectionstyle=f"arc3,rad={bend}",
        mutation_scale=4.5,
        shrinkA=3.4,
        shrinkB=3.4,
        linewidth=0.8,
        color=GROUPS[arrow.group][0],
        zorder=2,
    )


def _draw_stub(ax: Axes, place: Place, group: str, *, inwards: bool) -> None:
    row, column = place
    side = (8.0, -7.0) if group == DESTRUCTION else (-7.0, 7.0) if inwards else (-7.0, -7.0)
    ax.annotate(
        "",
        xy=(column, row),
        xytext=side,
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "-|>" if inwards else "<|-",
            "color": GROUPS[group][0],
            "linewidth": 0.8,
            "mutation_scale": 4.5,
            "shrinkA": 0.0,
            "shrinkB": 2.6,
        },
        zorder=1.5,
    )


def _keys(graphs: Sequence[Graph]) -> list[Artist]:
    there = {arrow.group for graph in graphs for arrow in graph.arrows}
    there |= {group for graph in graphs for _, group, _ in graph.stubs}
    return [
        Line2D([], [], color=colour, linewidth=1.2, label=text)
        for group, (colour, text) in GROUPS.items()
        if group in there
    ]
