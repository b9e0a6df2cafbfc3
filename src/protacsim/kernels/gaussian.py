"""Gaussian paths around a mean: exact transitions of a linear process, with scarce species exact.

The transition matrices come from the caller; nothing here knows how they were made. A path uses
the random stream of its seed, point and replicate alone.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.direct import RATE, combinations
from protacsim.kernels.jit import njit_allocating as njit
from protacsim.kernels.jumps import draw_start
from protacsim.kernels.randomness import (
    exponential,
    fill_normal,
    fma,
    new_stream,
    seed_stream,
    uniform,
)
from protacsim.kernels.records import CANDIDATES, EVENT_BUDGET, EVENTS, OK, STATUS


@njit
def sample_paths(
    net, reading, k, initial, law, genes, key, seed, replicates, scarce, varied, edges, mean,
    average_mean, transition, root, due, max_events, out, report,
):  # fmt: skip
    """Paths of one point, one per replicate.

    net: `JumpPrograms` of the reactions that change scarce species, `scarce` (n,) 1 for these;
    reading, k, initial, law, genes, key, seed, replicates as in `jumps`. `varied` (n,) is 0 for
    what is set at the first edge. edges (s + 1,) h; mean (s + 1, n) there, `average_mean` (s, n)
    over time in between; transition, root (s, n, n), transposed: deviations d go from edge e to
    the next as `d @ transition[e] + z @ root[e]`.
    due (s + 1,) is the output that edge e is, or -1. Filled: out (r, t, o), report (r, 3)
    status, candidates and jumps, the same number.
    """
    n = initial.size
    stream = new_stream()
    x = np.ones(n + 1, np.int64)
    deviation, moved, noise, state = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    average = np.zeros(n)
    exact, moving = np.nonzero(scarce)[0], np.nonzero(scarce == 0)[0]
    pace = np.zeros(net.reactants.shape[0])
    for r in range(replicates.size):
        seed_stream(stream, seed, key, replicates[r])
        jumps = draw_start(initial, law, genes, k, x, stream, max_events)
        for s in range(n):
            deviation[s] = varied[s] * (np.float64(x[s]) - initial[s])
        write(reading, k, x, scarce, mean[0], deviation, state, due[0], out[r])
        report[r, STATUS] = EVENT_BUDGET if jumps >= max_events else OK
        report[r, EVENTS] = report[r, CANDIDATES] = jumps
        for e in range(edges.size - 1 if jumps < max_events else 0):
            jumps = follow(
                net, k, x, exact, edges[e + 1] - edges[e], average, pace, stream,
                max_events - report[r, EVENTS],
            )  # fmt: skip
            report[r, EVENTS] += jumps
            report[r, CANDIDATES] = report[r, EVENTS]
            if report[r, EVENTS] >= max_events:
                report[r, STATUS] = EVENT_BUDGET
                break
            for s in exact:
                deviation[s] = average[s] - average_mean[e, s]
            fill_normal(stream, moving, noise)
            step(transition[e], root[e], deviation, noise, moved)
            for s in range(n):
                deviation[s] = moved[s]
            write(reading, k, x, scarce, mean[e + 1], deviation, state, due[e + 1], out[r])


@njit
def step(transition, root, deviation, noise, moved):
    """One transition of the deviations (n,); the matrices come transposed."""
    n = moved.size
    for s in range(n):
        moved[s] = 0.0
    for i in range(n):
        past, fresh = deviation[i], noise[i]
        for s in range(n):
            moved[s] = fma(root[i, s], fresh, fma(transition[i, s], past, moved[s]))


@njit
def follow(net, k, x, exact, span, average, pace, stream, budget):
    """Run the scarce species, listed in `exact`, over `span` (h) by the direct method.

    Fills their averages over the span and returns the number of jumps, at most `budget`.
    """
    m = pace.size
    for s in exact:
        average[s] = 0.0
    t = 0.0
    events = 0
    while m > 0 and events < budget:
        total = 0.0
        for j in range(m):
            pace[j] = k[net.reactants[j, RATE]] * combinations(net.reactants, x, j)
            total += pace[j]
        wait = exponential(stream) / total if total > 0.0 else span
        share = min(wait, span - t) / span
        for s in exact:
            average[s] = fma(np.float64(x[s]), share, average[s])
        if t + wait >= span:
            break
        t += wait
        goal = uniform(stream) * total
        j = 0
        goal -= pace[0]
        while goal >= 0.0 and j < m - 1:
            j += 1
            goal -= pace[j]
        for e in range(net.changed.shape[1]):
            x[net.changed[j, e]] += net.amount[j, e]
        events += 1
    return events


@njit
def write(reading, k, x, scarce, mean, deviation, state, place, out):
    """Observables of the present state, if an output is due."""
    if place < 0:
        return
    for s in range(state.size):
        state[s] = np.float64(x[s]) if scarce[s] else mean[s] + deviation[s]
    ptr, species, rate, weight = reading
    for o in range(ptr.size - 1):
        total = 0.0
        for e in range(ptr[o], ptr[o + 1]):
            factor = weight[e] * (k[rate[e]] if rate[e] >= 0 else 1.0)
            total = fma(factor, state[species[e]], total)
        out[place, o] = total
