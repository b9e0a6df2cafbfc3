"""Where chunks are computed: threads, processes or a dask cluster, behind one interface.

All three are `concurrent.futures.Executor`s. A worker that dies takes its task with it, nothing
else: the task is tried again, alone, and reported as lost when that kills two workers.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, Literal, TypeVar

from protacsim.errors import ParameterError

Task = TypeVar("Task")
Result = TypeVar("Result")
Kind = Literal["threads", "processes", "dask"]
KINDS: tuple[Kind, ...] = ("threads", "processes", "dask")

QUEUED_PER_WORKER = 2
DEATHS = 2
"""Workers that one task may cost, running alone, before it is given up."""


@dataclass(frozen=True)
class Workers:
    """Which executor, how many workers, and for dask the address of a scheduler, if any."""

    kind: Kind = "threads"
    count: int | None = None
    scheduler: str | None = None

    @property
    def number(self) -> int:
        """Number of workers; by default one per core that this process may use."""
        return self.count or available_cores()

    def open(self) -> _Pool:
        """Start the workers."""
        match self.kind:
            case "threads":
                return _Pool(ThreadPoolExecutor(self.number))
            case "processes":
                from concurrent.futures import ProcessPoolExecutor

                spawn = multiprocessing.get_context("spawn")
                return _ProcessPool(
                    ProcessPoolExecutor(self.number, mp_context=spawn, initializer=_in_child)
                )
            case "dask":
                return _dask_pool(self.number, self.scheduler)
        raise ParameterError(f"executor {self.kind!r} must be one of {', '.join(KINDS)}")


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Pool:
    """A running executor and how it is stopped."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.stack = contextlib.ExitStack()

    def works(self) -> bool:
        """True, or a `ParameterError` if no worker can be started at all."""
        return True

    def stop(self) -> None:
        """Drop what has not begun, and wait for what has: nothing is written afterwards."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.stack.close()


class _ProcessPool(_Pool):
    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.others = set(multiprocessing.active_children())

    def works(self) -> bool:
        """Try one worker."""
        try:
            return self.executor.submit(os.getpid).result() > 0
        except BrokenExecutor:
            raise ParameterError(
                "no worker process can be started (see above); a script must call run() under "
                "`if __name__ == '__main__':`, or use threads"
            ) from None

    def stop(self) -> None:
        """End the workers at once: what they leave half-written never has a final name.

        The executor's own threads are waited for. They may find the pipe to the workers closed,
        and would tell so with a traceback.
        """
        children = set(multiprocessing.active_children()) - self.others
        with contextlib.redirect_stderr(io.StringIO()):
            for child in children:
                child.terminate()
            for child in children:
                child.join()
            self.executor.shutdown(wait=True, cancel_futures=True)


class _DaskPool(_Pool):
    def stop(self) -> None:
        """Cancel on the cluster; a local one is closed."""
        self.executor.shutdown(wait=False)
        self.stack.close()


def _dask_pool(count: int, scheduler: str | None) -> _Pool:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise ParameterError(
            "the dask executor needs dask.distributed; install protacsim[distributed], or use "
            "--executor processes"
        ) from None
    with contextlib.ExitStack() as stack:
        # One more try after a worker died, as with processes.
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 1}))
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=None, processes=True
            )
            client = Client(stack.enter_context(cluster))
        else:
            try:
                client = Client(scheduler, timeout="10s")
            except (OSError, ValueError) as error:
                raise ParameterError(
                    f"scheduler {scheduler!r} cannot be reached ({error}); give the address that "
                    "dask scheduler prints, such as tcp://host:8786"
                ) from None
        stack.enter_context(client)
        pool = _DaskPool(client.get_executor(pure=False))
        pool.stack = stack.pop_all()
    return pool


def _in_child() -> None:
    """In a worker process: leave Ctrl-C to the parent, and end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    sys.stderr.flush()
    os._exit(1)


@dataclass
class _Queue(Generic[Task]):
    """Tasks that wait, those that run, and those that ran when a worker died.

    A suspect may be innocent, or not even have begun; so what counts is how often a worker died
    while it ran alone. That number stands beside it; it is -1 for a task that is no suspect.
    """

    waiting: Iterator[Task]
    suspects: deque[tuple[Task, int]] = field(default_factory=deque)
    running: dict[Future[Any], tuple[Task, int]] = field(default_factory=dict)

    def submit(self, pool: _Pool, function: Callable[..., Any], most: int) -> None:
        """Keep the workers busy; a suspect runs alone."""
        while self.suspects and not self.running:
            future = pool.executor.submit(function, self.suspects[0][0])
            self.running[future] = self.suspects.popleft()
        while not self.suspects and len(self.running) < most and not self._alone():
            task = next(self.waiting, None)
            if task is None:
                return
            try:
                self.running[pool.executor.submit(function, task)] = (task, -1)
            except BrokenExecutor:
                self.waiting = chain([task], self.waiting)
                raise

    def _alone(self) -> bool:
        return any(deaths >= 0 for _, deaths in self.running.values())


def outcomes(
    tasks: Iterable[Task], function: Callable[[Task], Result], workers: Workers
) -> Iterator[tuple[Task, Result | None]]:
    """Every task with what `function` gave for it, as they finish; None where it was lost.

    A lost task killed its worker twice when it ran alone. Exceptions of `function` are raised
    here, and no further task is begun then, or when the caller stops iterating.
    """
    queue = _Queue(iter(tasks))
    pool, proven = workers.open(), False
    try:
        while True:
            try:
                queue.submit(pool, function, QUEUED_PER_WORKER * workers.number)
                broken = False
            except BrokenExecutor:
                broken = True
            if not queue.running and not broken:
                return
            done, _ = wait(queue.running, return_when=FIRST_COMPLETED)
            for future in done:
                task, deaths = queue.running.pop(future)
                died = _death(future)
                if died is None:
                    proven = True
                    yield task, future.result()
                elif deaths + 1 == DEATHS or not isinstance(died, BrokenExecutor):
                    yield task, None
                else:
                    queue.suspects.appendleft((task, deaths + 1))
                broken = broken or isinstance(died, BrokenExecutor)
            if broken:
                queue.suspects.extend((task, 0) for task, _ in queue.running.values())
                queue.running.clear()
                pool.stop()
                pool = workers.open()
                if not proven:
                    proven = pool.works()
    finally:
        pool.stop()


def _death(future: Future[Any]) -> BaseException | None:
    """What says that the worker died, if it did; a cluster tries again by itself before that."""
    error = future.exception()
    died = isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
    return error if died else None
