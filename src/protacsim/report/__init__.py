"""One HTML file per run that says what was asked, found, assumed, and how to repeat it.

`page` puts it together, `facts` gathers constants and reactions, `words` says what columns mean,
`markup` writes escaped HTML, `drawings` takes figures in. No clock, host or network is touched.
"""

from protacsim.report.page import OF_EVERY_CURVE, Drawing, Finding, Run, page

__all__ = ["OF_EVERY_CURVE", "Drawing", "Finding", "Run", "page"]
