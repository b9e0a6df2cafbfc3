"""Ensembles: replicates of any network, each a trajectory with a random stream of its own.

A stream is keyed by seed, point and replicate: a run is the same alone, in any chunk, in any order
and on any thread. Scenarios are read out in `cells`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.errors import ParameterError
from protacsim.kernels import integrate as kernel
from protacsim.kernels import jumps
from protacsim.mechanisms import Dose
from protacsim.methods import SSA, Stochastic
from protacsim.network import Network
from protacsim.network.jumps import compile_jumps
from protacsim.simulation.batch import checked_times

if TYPE_CHECKING:
    from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

LARGEST_KEY = 2**63 - 1
SOLVERS = {"rejection": jumps.REJECTION, "direct": jumps.DIRECT}


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What p points with r replicates each gave at t times: o observables, n species (or 0).

    `observables` (p, r, t, o) and `states` (p, r, t, n) in the units of the state, NaN where a run
    failed; `status` and `reached_h` (p, r); `candidates` and `events` (p, r), refused candidates
    included in the first.
    """

    times_h: Floats
    observables: Floats
    states: Floats
    status: NDArray[np.int8]
    reached_h: Floats
    candidates: NDArray[np.int64]
    events: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Runs:
    """Numbers of p points of one network, as the kernels take them.

    `rates` (p, m), `initial` (p, n) mean molecules, `poisson` (n,) 1 where a count starts from a
    Poisson law, `keys` (p,) and `replicates` (r,) of the random streams, `span` (p, 2) h, and the
    changes: `when` and `amount` (p, e), `kind` and `species` (e,).
    """

    network: Network
    compiled: CompiledNetwork
    rates: Floats
    initial: Floats
    poisson: NDArray[np.int64]
    seed: np.uint64
    keys: Words
    replicates: Words
    times: Floats
    span: Floats
    when: Floats
    amount: Floats
    kind: NDArray[np.int64]
    species: NDArray[np.int64]


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
    states: bool = True,
) -> Ensemble:
    """Trajectories of any network from time 0 (or its first change) through `times_h`.

    `rates` and `initial` map names to floats, or to arrays (p,) for p points. Initial amounts and
    doses that are no whole numbers are rounded up or down at random, so that their mean is kept;
    species in `poisson` start from a Poisson count. The random stream of a run depends on `seed`,
    on its point's entry of `point_ids` (0, 1, ... when left out) and on its replicate's number,
    counted from `first_replicate`. Failed runs are masked with NaN and keep their status.

    Raises `ParameterError` for keys out of range and unknown names.

    >>> net = Network("birth and death")
    >>> net.add("birth", (), "A", "birth")
    >>> net.add("death", "A", (), "death")
    >>> runs = sample(net, {"birth": 5.0, "death": 1.0}, {}, [1.0], seed=1, replicates=100)
    """
    compiled = network.compile()
    numbers = _broadcast(compiled.rate_vector(rates), compiled.state_vector(initial), changes)
    rows, start, when, amount = numbers
    times = checked_times(times_h)
    first = np.minimum(min(0.0, times[0]), when.min(axis=1, initial=np.inf))
    runs = Runs(
        network,
        compiled,
        rows,
        start,
        _law(compiled.species, poisson),
        np.uint64(_checked_key("seed", seed)),
        _keys(point_ids, len(rows)),
        _replicates(first_replicate, replicates),
        times,
        np.stack([first, np.full(len(rows), times[-1])], axis=1),
        when,
        amount,
        np.array([kernel.EVENT_SET if d.replaces else kernel.EVENT_ADD for d in changes], np.int64),
        np.array([compiled.species.index(dose.species) for dose in changes], np.int64),
    )
    ensemble = _jumps(runs, method or SSA(), states)
    failed = ensemble.status != kernel.OK
    ensemble.observables[failed] = np.nan
    ensemble.states[failed] = np.nan
    return ensemble


def _jumps(runs: Runs, method: SSA, states: bool) -> Ensemble:
    """Exact trajectories."""
    programs = runs.compiled.programs.with_states() if states else runs.compiled.programs
    reading = (programs.obs_ptr, programs.obs_species, programs.obs_rate, programs.obs_weight)
    shape = (len(runs.rates), len(runs.replicates))
    out = np.full((*shape, len(runs.times), len(programs.obs_ptr) - 1), np.nan)
    report = np.zeros((*shape, jumps.REPORT), np.int64)
    reached = np.zeros(shape)
    with np.errstate(all="ignore"):  # with the JIT off, numpy would warn of words that wrap
        jumps.sample_batch(
            compile_jumps(runs.network), reading, runs.rates, runs.initial, runs.poisson,
            runs.keys, runs.seed, runs.replicates, runs.span, runs.when, runs.kind, runs.species,
            runs.amount, runs.times, SOLVERS[method.solver], method.max_events,
            out, report, reached,
        )  # fmt: skip
    seen = len(runs.compiled.observables)
    return Ensemble(
        runs.times,
        out[..., :seen],
        out[..., seen:],
        report[..., jumps.STATUS].astype(np.int8),
        reached,
        report[..., jumps.CANDIDATES],
        report[..., jumps.EVENTS],
    )


def _broadcast(
    rates: Floats, initial: Floats, changes: Sequence[Dose]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Rates (p, m), initial state (p, n), times and amounts of changes (p, e), of one p."""
    given = [np.shape(value) for dose in changes for value in (dose.time_h, dose.amount)]
    (points,) = np.broadcast_shapes((1,), rates.shape[:-1], initial.shape[:-1], *given)
    when, amount = np.empty((points, len(changes))), np.empty((points, len(changes)))
    for e, dose in enumerate(changes):
        when[:, e], amount[:, e] = dose.time_h, dose.amount
    return (  # writable copies: kernels are compiled for one array type only
        np.array(np.broadcast_to(rates, (points, rates.shape[-1])), order="C"),
        np.array(np.broadcast_to(initial, (points, initial.shape[-1])), order="C"),
        when,
        amount,
    )


def _law(species: Sequence[str], poisson: Collection[str]) -> NDArray[np.int64]:
    unknown = sorted(set(poisson) - set(species))
    if unknown:
        raise ParameterError(
            f"poisson names {', '.join(unknown)}, which the network does not have; "
            "name species of the network."
        )
    return np.array([int(name in poisson) for name in species], np.int64)


def _checked_key(what: str, key: int) -> int:
    if not 0 <= int(key) <= LARGEST_KEY:
        raise ParameterError(f"{what} is {key}; must be a whole number from 0 to 2**63 - 1.")
    return int(key)


def _keys(point_ids: Sequence[int] | None, points: int) -> Words:
    if point_ids is None:
        return np.arange(points, dtype=np.uint64)
    if len(point_ids) != points:
        raise ParameterError(
            f"point_ids has {len(point_ids)} entries for {points} points; give one for each."
        )
    return np.array([_checked_key("a point's key", key) for key in point_ids], np.uint64)


def _replicates(first: int, count: int) -> Words:
    if count < 1:
        raise ParameterError(f"replicates is {count}; must be at least 1.")
    _checked_key("first_replicate", first)
    return np.arange(first, first + count, dtype=np.uint64)
