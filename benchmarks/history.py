"""The history on `docs/benchmarks.md`: one table per kind of machine, from committed records.

    python benchmarks/history.py

Reads `benchmarks/history/*.json`, which `make bench-update` writes, and replaces what stands
between the two marks of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protacsim.bench import Record, read_record

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "benchmarks" / "history"
BEGIN, END = "<!-- history: begin -->", "<!-- history: end -->"
COLUMNS = 8
"""Latest records that a table shows."""


def history(records: dict[str, Record]) -> Iterator[str]:
    """Reasons of all records, then ratios of the latest ones, machine by machine."""
    yield "| record | version | why |"
    yield "|---|---|---|"
    for name, record in records.items():
        yield f"| {name} | {record.protacsim} | {record.reason} |"
    families = sorted({family for record in records.values() for family in record.machines})
    for family in families:
        yield ""
        yield from _table(family, {n: r for n, r in records.items() if family in r.machines})


def _table(family: str, records: dict[str, Record]) -> Iterator[str]:
    shown = dict(list(records.items())[-COLUMNS:])
    machines = [record.machines[family] for record in shown.values()]
    yield f"CPU time over the ruler's (memory: MiB) on `{family}`:"
    yield ""
    yield f"| case | {' | '.join(shown)} |"
    yield f"|---|{'---:|' * len(shown)}"
    names = list(dict.fromkeys(name for machine in machines for name in machine.ratios))
    for name in names:
        cells = [f"{m.ratios[name]:.3g}" if name in m.ratios else "" for m in machines]
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"| *engine* | {' | '.join(f'`{m.engine[:8]}`' for m in machines)} |"


def main() -> None:
    records = {path.stem: read_record(path) for path in sorted(FOLDER.glob("*.json"))}
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(history(records))
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
