"""Escaped HTML: text, numbers, tables. Nothing here knows what a page says."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from protacsim.validation import shown


def text(value: object) -> str:
    """Escape text; what is not printable, such as marks of text direction, is spelled out."""
    plain = str(value)
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in plain)
    return html.escape(plain, quote=True)


def number(value: object) -> str:
    """Write a cell: four significant digits, an empty place for nothing, other things as text."""
    return text(shown(value))


def element(tag: str, content: str, **attributes: str) -> str:
    """Wrap escaped `content`; attribute values are escaped here."""
    given = "".join(f' {name.rstrip("_")}="{text(v)}"' for name, v in attributes.items())
    return f"<{tag}{given}>{content}</{tag}>"


def paragraph(words: str) -> str:
    """Wrap plain text."""
    return element("p", text(words))


def section(name: str, heading: str, *content: str) -> str:
    """Wrap parts under a heading of the second level."""
    inner = element("h2", text(heading), id=f"{name}-heading") + "\n" + "\n".join(content)
    return element("section", inner, id=name, **{"aria-labelledby": f"{name}-heading"})


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Write terms and what they mean."""
    rows = (element("dt", text(term)) + element("dd", text(said)) for term, said in pairs)
    return element("dl", "\n".join(rows))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table whose first column names its rows; it scrolls where it is too wide."""
    head = "".join(element("th", _breakable(name), scope="col") for name in columns)
    body = "\n".join(_row(row) for row in rows)
    inner = (
        element("caption", text(caption))
        + element("thead", element("tr", head))
        + element("tbody", body)
    )
    whole = element("table", inner, class_="sortable")
    return element(
        "div", whole, class_="wide", tabindex="0", role="region", **{"aria-label": caption}
    )


def _breakable(name: str) -> str:
    """Let a long name of a column or row break after its underscores and full stops."""
    return text(name).replace("_", "_<wbr>").replace(".", ".<wbr>")


def _row(row: Sequence[object]) -> str:
    first, *others = row
    named = _breakable(first) if isinstance(first, str) else number(first)
    cells = [element("th", named, scope="row", **_sorting(first))]
    cells += [element("td", number(cell), **_sorting(cell)) for cell in others]
    return element("tr", "".join(cells))


def _sorting(cell: object) -> dict[str, str]:
    """Numbers keep all their digits for sorting, and stand at the right."""
    if isinstance(cell, bool) or not isinstance(cell, int | float) or math.isnan(cell):
        return {}
    return {"class_": "number", "data-value": repr(cell)}


def folded(heading: str, content: str) -> str:
    """Fold content away under a heading; it opens without scripts, and prints open."""
    return element("details", element("summary", text(heading)) + content)
