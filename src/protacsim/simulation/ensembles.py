"""Ensembles: replicates of any network, each a trajectory with a random stream of its own.

A stream is keyed by seed, point and replicate: a run is the same alone, in any chunk, in any order
and on any thread. Scenarios are sampled in `readings`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.kernels.records import DIRECT, REJECTION, STATUS, TOO_MANY, TRAJECTORY_REPORT
from protacsim.methods import LNA, SSA, Auto, Hybrid, Stochastic
from protacsim.network import Dose, Gene, Network
from protacsim.network.jumps import compile_jumps
from protacsim.simulation.choosing import Choice, choice_for, departure, warn_of
from protacsim.simulation.linear_noise import linearised, scarce_species, varied
from protacsim.simulation.points import Runs, points_of
from protacsim.simulation.statuses import OK
from protacsim.validation import check_kind

Floats = NDArray[np.float64]

SOLVERS = {"rejection": REJECTION, "direct": DIRECT}
MOST_JUMPS = 10_000_000

# Keys of the replicates that check an approximate method, far from those that users ask for.
CHECKS = 2**62


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What p points with r replicates each gave at t times: o observables, n species (or 0).

    `observables` (p, r, t, o) and `states` (p, r, t, n) in the units of the state, NaN where a run
    failed; `status` and `reached_h` (p, r); `candidates` and `events` (p, r), refused candidates
    included in the first. `method` drew them, and `reason` says why it was chosen.
    """

    times_h: Floats
    observables: Floats
    states: Floats
    status: NDArray[np.int8]
    reached_h: Floats
    candidates: NDArray[np.int64]
    events: NDArray[np.int64]
    method: Stochastic
    reason: str = "as asked"


def sample(
    network: Network,
    rates: Mapping[str, Any],
    initial: Mapping[str, Any],
    times_h: ArrayLike,
    *,
    method: Stochastic | None = None,
    seed: int,
    replicates: int,
    first_replicate: int = 0,
    point_ids: Sequence[int] | None = None,
    changes: Sequence[Dose] = (),
    poisson: Collection[str] = (),
    genes: Sequence[Gene] = (),
    states: bool = True,
) -> Ensemble:
    """Trajectories of any network from time 0 (or its first change) through `times_h`.

    `rates` and `initial` map names to floats, or to arrays (p,) for p points. Initial amounts and
    doses that are no whole numbers are rounded up or down at random, so that their mean is kept;
    species in `poisson` start from a Poisson count, proteins of `genes` from the stationary law of
    promoter, mRNA and protein without anything else. The random stream of a run depends on `seed`,
    on its point's entry of `point_ids` (0, 1, ... when left out) and on its replicate's number,
    counted from `first_replicate`. Failed runs are masked with NaN and keep their status.

    Raises `ParameterError` for keys out of range, unknown names, changes without a time or a
    finite amount, and genes of which nothing is lost, `SimulationError` when the mean that an
    approximate method needs cannot be integrated. `Auto` decides from the points and replicates
    given here, and warns when its exact cells contradict its choice.

    >>> net = Network("birth and death")
    >>> net.add("birth", (), "A", "birth")
    >>> net.add("death", "A", (), "death")
    >>> runs = sample(net, {"birth": 5.0, "death": 1.0}, {}, [1.0], seed=1, replicates=100)
    """
    method = method or SSA()
    check_kind("method", method, Stochastic)
    runs = points_of(
        network, rates, initial, times_h, seed=seed, replicates=replicates,
        first_replicate=first_replicate, point_ids=point_ids, changes=changes, poisson=poisson,
        genes=genes,
    )  # fmt: skip
    return run_ensemble(runs, method, states)


def run_ensemble(runs: Runs, method: Stochastic, states: bool) -> Ensemble:
    """All trajectories of `runs` by one method."""
    match method:
        case SSA():
            return _masked(_jumps(runs, method, states))
        case LNA() | Hybrid():
            return _masked(_paths(runs, method, states))
        case Auto():
            return _automatic(runs, method, states)


def _masked(ensemble: Ensemble) -> Ensemble:
    failed = ensemble.status != OK
    ensemble.observables[failed] = np.nan
    ensemble.states[failed] = np.nan
    return ensemble


def _reading(runs: Runs, states: bool) -> tuple[Any, ...]:
    programs = runs.compiled.programs.with_states() if states else runs.compiled.programs
    return programs.obs_ptr, programs.obs_species, programs.obs_rate, programs.obs_weight


def _ensemble(
    runs: Runs, method: Stochastic, out: Floats, report: NDArray[np.int64], reached: Floats
) -> Ensemble:
    seen = len(runs.compiled.observables)
    status, candidates, events = np.moveaxis(report, -1, 0)
    return Ensemble(
        runs.times,
        out[..., :seen],
        out[..., seen:],
        status.astype(np.int8),
        reached,
        candidates.copy(),
        events.copy(),
        method,
    )


def _jumps(runs: Runs, method: SSA, states: bool) -> Ensemble:
    """Exact trajectories."""
    from protacsim.kernels import jumps  # takes numba along

    reading = _reading(runs, states)
    shape = (len(runs.rates), len(runs.replicates))
    out = np.full((*shape, len(runs.times), len(reading[0]) - 1), np.nan)
    report = np.zeros((*shape, TRAJECTORY_REPORT), np.int64)
    reached = np.zeros(shape)
    with np.errstate(all="ignore"):  # with the JIT off, numpy would warn of words that wrap
        jumps.sample_batch(
            compile_jumps(runs.network), reading, runs.rates, runs.initial, runs.poisson,
            runs.genes, runs.keys, runs.seed, runs.replicates, runs.span, runs.when, runs.kind,
            runs.species, runs.amount, runs.times, SOLVERS[method.solver], method.max_events,
            out, report, reached,
        )  # fmt: skip
    return _ensemble(runs, method, out, report, reached)


def _paths(runs: Runs, method: LNA | Hybrid, states: bool) -> Ensemble:
    """Gaussian paths, around scarce species that jump."""
    from protacsim.kernels import gaussian, jumps  # takes numba along

    reading = _reading(runs, states)
    shape = (len(runs.rates), len(runs.replicates))
    out = np.full((*shape, len(runs.times), len(reading[0]) - 1), np.nan)
    report = np.zeros((*shape, TRAJECTORY_REPORT), np.int64)
    reached = np.repeat(runs.span[:, 1:], shape[1], axis=1)
    net = compile_jumps(runs.network)
    for p in range(shape[0]):
        scarce = scarce_species(runs, p, method)
        linear = linearised(runs, p, method, scarce)
        too_many = linear.mean.max(axis=1) >= jumps.LARGEST_COUNT
        if too_many.any():
            report[p, :, STATUS], reached[p] = TOO_MANY, linear.edges[too_many.argmax()]
            continue
        row = scarce[np.minimum(net.changed, len(scarce) - 1)] & (net.amount != 0)
        exact = row.any(axis=1) if len(row) else np.zeros(0, bool)
        jumping = net._replace(
            reactants=net.reactants[exact], changed=net.changed[exact], amount=net.amount[exact]
        )
        with np.errstate(all="ignore"):
            gaussian.sample_paths(
                jumping, reading, runs.rates[p], runs.initial[p], runs.poisson, runs.genes,
                runs.keys[p], runs.seed, runs.replicates, scarce.astype(np.int64), varied(runs, p),
                linear.edges, linear.mean, linear.average, _turned(linear.transition),
                _turned(linear.root()), linear.due, MOST_JUMPS, out[p], report[p],
            )  # fmt: skip
    return _ensemble(runs, method, out, report, reached)


def _turned(matrices: Floats) -> Floats:
    """Each matrix (s, n, n) transposed, laid out row by row."""
    return np.ascontiguousarray(np.swapaxes(matrices, 1, 2))


def _automatic(runs: Runs, method: Auto, states: bool) -> Ensemble:
    """The chosen method; exact cells are compared with an approximate one."""
    chosen = choice_for(runs, method)
    ensemble = run_ensemble(runs, chosen.method, states)
    reason = checked_choice(runs, chosen, method.exact_cells, ensemble)
    return Ensemble(**{**vars(ensemble), "reason": reason})


def _returned(ensemble: Ensemble) -> Floats:
    """What cells are compared by: their observables, or states where the network has none."""
    return ensemble.observables if ensemble.observables.shape[-1] else ensemble.states


def checked_choice(runs: Runs, chosen: Choice, exact_cells: int, ensemble: Ensemble) -> str:
    """The reason of a choice, with how far exact cells lie from an approximate ensemble."""
    if isinstance(chosen.method, SSA) or not exact_cells:
        return chosen.reason
    few = runs.with_replicates(CHECKS, exact_cells)
    exact = _jumps(few, SSA(), ensemble.states.shape[-1] > 0)
    worst = departure(_returned(exact), _returned(ensemble))
    warn_of(worst, chosen)
    return f"{chosen.reason}; {exact_cells} exact cells per point lie within {worst:.1f} SD"
