"""Figures inside a page: an SVG file made into an element that stands for itself.

Ids are made unique, so that several figures can share a page; metadata and addresses go.
"""

from __future__ import annotations

import re

from protacsim.report.markup import element, text

_PROLOG = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_OPENING = re.compile(r"<svg\b[^>]*>")
_NAMESPACE = re.compile(r'\sxmlns(:\w+)?="[^"]*"')
_ID = re.compile(r'(\sid=")')
_REFERENCE = re.compile(r'(href="#|url\(#)')
_RULE = re.compile(r"(<style[^>]*>)\s*\*\s*\{")


def inlined(svg: str, name: str, described: str) -> str:
    """Return the SVG element of a file for use inside HTML, under the id `name`.

    `described` is what a reader without sight gets.
    """
    svg = _METADATA.sub("", _PROLOG.sub("", svg))
    svg = _ID.sub(rf"\g<1>{name}-", svg)
    svg = _REFERENCE.sub(rf"\g<1>{name}-", svg)
    # The style of one figure must not reach the page or the next figure.
    svg = _RULE.sub(rf"\g<1>#{name} * {{", svg)
    opening = _OPENING.search(svg)
    if opening is None:
        return element("p", text(described))
    own = _NAMESPACE.sub("", opening[0])[:-1]
    own += f' id="{name}" role="img" aria-label="{text(described)}">'
    return own + svg[opening.end() :].strip()
