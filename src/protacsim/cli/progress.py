"""How far a run is: a bar with rate and time left, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from protacsim.study import Progress

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(total: int, doing: str = "simulating", what: str = "points") -> Iterator[Progress]:
    """A function to be told the points (or else what) that are done, and all points."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(doing, what)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """What is done per second."""

        def render(self, task: Task) -> Text:
            """The rate, once it is known."""
            return Text(_rate(task.speed, what) if task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _rate(per_second: float, what: str) -> str:
    return f"{per_second:{',.0f' if per_second >= 1.0 else '.1g'}} {what}/s"


class _Lines:
    """Plain lines, so rarely that a log file stays readable."""

    def __init__(self, doing: str, what: str) -> None:
        self.doing, self.what = doing, what
        self.began = self.told = time.monotonic()
        self.found: int | None = None

    def __call__(self, done: int, total: int) -> None:
        if self.found is None:
            self.found = done
            if 0 < done < total:
                typer.echo(f"Going on: {done:,} of {total:,} {self.what} are there.", err=True)
        now = time.monotonic()
        if now - self.told < SECONDS_BETWEEN_LINES or done >= total:
            return
        self.told = now
        rate = (done - self.found) / (now - self.began)
        left = f", about {(total - done) / rate:,.0f} s left" if rate else ""
        typer.echo(
            f"{self.doing}: {done:,} of {total:,} {self.what}, {_rate(rate, self.what)}{left}",
            err=True,
        )
