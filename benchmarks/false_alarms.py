"""Does an unchanged package pass? Comparisons with a fresh baseline while another core is busy.

    python benchmarks/false_alarms.py [COMPARISONS] [ONLY ...]

Prints one line per comparison and the largest factor of each case; exits 1 after a false alarm.
The baseline is made without the load, and with `busy` a process keeps one core fully loaded.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from protacsim.bench import FAIL, Case, Session, Verdict, cases, compared, limit_of, recorded

LOAD = "while True: pass"


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """One more process that never rests."""
    load = subprocess.Popen([sys.executable, "-c", LOAD])
    try:
        yield
    finally:
        load.kill()
        load.wait()


def comparisons(chosen: list[Case], count: int) -> Iterator[list[Verdict]]:
    """What each comparison of the unchanged package says, against one baseline."""
    with Session(chosen) as session:
        baseline = recorded(session.measure(passes=3))
        with busy():
            for _ in range(count):
                outcomes = session.measure(partial(_limit, baseline))
                yield compared(outcomes, baseline, "baseline")


def _limit(baseline: object, name: str) -> float:
    return limit_of(name, baseline)  # type: ignore[arg-type]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    only = sys.argv[2:]
    chosen = [c for c in cases() if not only or any(part in c.name for part in only)]
    alarms = 0
    for number, verdicts in enumerate(comparisons(chosen, count), 1):
        said = [verdict.sentence for verdict in verdicts]
        alarms += any(verdict.level == FAIL for verdict in verdicts)
        print(f"{number}: {'; '.join(said) or 'nothing to say'}", flush=True)
    print(f"{alarms} false alarms in {count} comparisons")
    sys.exit(1 if alarms else 0)


if __name__ == "__main__":
    main()
