"""What is measured in a process of its own: `python probes.py NAME [ARGUMENT]` prints one JSON.

Imports stand inside the functions, because a process that measures its start must load nothing
else. `costs` starts these processes and compares them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def first_result_protacsim() -> dict[str, Any]:
    """Import, build and compile the network, run one point."""
    import numpy as np

    from problem import reference_problem
    from solvers import Engine

    problem = reference_problem(1, 1)
    return {"shape": Engine(problem, "first").observables(np.array([0])).shape}


def first_result_roadrunner(sbml: str) -> dict[str, Any]:
    """Import, load the model from a file, run one point."""
    import roadrunner

    runner = roadrunner.RoadRunner(sbml)
    return {"shape": runner.simulate(0, 24, 25).shape}


def peak_memory(name: str) -> dict[str, Any]:
    """Peak of one solver over the 1,000-point grid."""
    import numpy as np

    from problem import reference_problem
    from solvers import solver_named

    problem = reference_problem()
    solver_named(problem, name).observables(np.arange(problem.points))
    return {"peak_MiB": peak_MiB()}


def many_runs(name: str, count: str, rank: str = "0") -> dict[str, Any]:
    """As many runs as asked for, in one call of `solve`; CPU time, and memory beyond results."""
    import numpy as np

    from problem import reference_problem
    from solvers import solver_named

    doses = max(1, round((int(count) * 1.6) ** 0.5))
    problem = reference_problem(doses, max(1, int(count) // doses))
    engine = solver_named(problem, name, int(rank))
    engine.observables(np.arange(min(64, problem.points)))
    before, started = peak_MiB(), time.process_time()
    found = engine.observables(np.arange(problem.points))
    return {
        "runs": problem.points,
        "cpu_s": time.process_time() - started,
        "results_MiB": found.nbytes / 2**20,
        "beyond_results_MiB": peak_MiB() - before - found.nbytes / 2**20,
    }


def two_threads(name: str, rounds: str) -> dict[str, Any]:
    """Gain of a second thread, for the engine and for a kernel that does nothing but add.

    10,000 runs: the system shares out two cores too coarsely for the 50 ms that 1,000 take.
    """
    import numpy as np

    from problem import reference_problem
    from solvers import solver_named

    problem = reference_problem(100, 100)
    engine, points = solver_named(problem, name), np.arange(problem.points)
    return _gains(lambda: engine.observables(points), int(rounds))


def two_threads_of_cells(rounds: str) -> dict[str, Any]:
    """The same for exact single cells."""
    from protacsim.bench import stochastic_network
    from protacsim.simulation import sample

    cell = stochastic_network.build("large")
    span = [stochastic_network.DAY_S / 48]
    return _gains(
        lambda: sample(
            cell.network, cell.rates, cell.initial, span, seed=1, replicates=8, states=False
        ),
        int(rounds),
    )


def _gains(solve: Callable[[], object], rounds: int) -> dict[str, Any]:
    import numba

    def additions(count: int) -> float:
        total = 0.0
        for i in range(count):
            total += 1.0 / (1.0 + i)
        return total

    trivial: Any = numba.njit(nogil=True)(additions)

    def add() -> object:
        return trivial(200_000_000)

    solve(), add()
    gains = [(_gain(solve), _gain(add)) for _ in range(rounds)]
    return {"engine": [own for own, _ in gains], "trivial": [other for _, other in gains]}


def _gain(work: Callable[[], object]) -> float:
    """Wall time of two pieces of work in a row, over that in two threads."""
    from concurrent.futures import ThreadPoolExecutor

    started = time.perf_counter()
    work(), work()
    alone = time.perf_counter() - started
    with ThreadPoolExecutor(2) as pool:
        started = time.perf_counter()
        for waiting in [pool.submit(work), pool.submit(work)]:
            waiting.result()
        return alone / (time.perf_counter() - started)


def study_run(config: str, out: str, workers: str = "1") -> dict[str, Any]:
    """`protacsim run`: CPU time of the process, and inside the compiled driver."""
    from protacsim import cli

    cli.own_the_process()
    from protacsim.kernels import drivers
    from protacsim.simulation import warm_up

    warm_up()
    inside: list[float] = []
    compiled = drivers.integrate_batch

    def timed(*arguments: Any) -> None:
        begin = time.thread_time()
        compiled(*arguments)
        inside.append(time.thread_time() - begin)

    setattr(drivers, "integrate_batch", timed)  # noqa: B010  (a function in place of a driver)
    sys.argv = ["protacsim", "run", config, "--out", out, "--workers", workers]
    try:
        with redirect_stdout(sys.stderr):
            cli.main()
    except SystemExit as end:
        if end.code:
            raise
    return {"cpu_s": time.process_time(), "kernel_s": sum(inside), "peak_MiB": peak_MiB()}


def dry_run(config: str) -> dict[str, Any]:
    """`protacsim run --dry-run`: CPU time and memory of the process."""
    from protacsim import cli

    sys.argv = ["protacsim", "run", config, "--dry-run"]
    try:
        with redirect_stdout(sys.stderr):
            cli.main()
    except SystemExit as end:
        if end.code:
            raise
    return {"cpu_s": time.process_time(), "peak_MiB": peak_MiB()}


def peak_MiB() -> float:
    """Largest resident memory so far; of this program alone where the system can tell."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
