"""Ensembles of exact trajectories: the driver around `rejection` and `direct`.

Stable interface: `sample_batch`. Every trajectory has a random stream of its own, keyed by seed,
point and replicate, so that it is the same alone, in any order and in any company.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels import direct, rejection
from protacsim.kernels.integrate import EVENT_ADD, EVENT_SET, NOT_FINITE, OK
from protacsim.kernels.jit import njit_allocating as njit
from protacsim.kernels.randomness import fma, new_stream, poisson, rounded, seed_stream

EVENT_BUDGET, TOO_MANY = 6, 7

# Columns of `report`: how each trajectory ended and what it took.
STATUS, CANDIDATES, EVENTS = range(3)
REPORT = 3

REJECTION, DIRECT = range(2)

# Counts beyond this are not told apart by a double.
LARGEST_COUNT = 2.0**53


@njit
def sample_batch(
    net, reading, rates, initial, law, keys, seed, replicates, span, when, kind, species, amount,
    times, solver, max_events, out, report, reached,
):  # fmt: skip
    """Exact trajectories of p points of one network, r replicates each.

    net: `JumpPrograms`; reading: pointers, species, rates (or -1) and weights of the observables;
    rates (p, m) per h and molecule; initial (p, n) mean molecules, drawn by `law` (n,): 0 rounded
    at random to a neighbouring whole number, 1 Poisson; keys (p,) and seed uint64; replicates (r,)
    uint64; span (p, 2) h; when and amount (p, e), kind and species (e,) of the changes; times (t,)
    h. Filled: out (p, r, t, o), report (p, r, 3) status, candidates and events, reached (p, r) h.
    """
    n = initial.shape[1]
    x = np.ones(n + 1, np.int64)
    stream = new_stream()
    m = net.reactants.shape[0]
    table = rejection.new_table(n, m)
    pace = np.zeros(m)
    order = np.zeros(m, np.int64)
    for p in range(rates.shape[0]):
        for r in range(replicates.size):
            seed_stream(stream, seed, keys[p], replicates[r])
            for j in range(m):
                order[j] = j
            draw_start(initial[p], law, x, stream)
            run(
                net, reading, rates[p], span[p], when[p], kind, species, amount[p], times, solver,
                max_events, x, stream, table, pace, order, out[p, r], report[p, r], reached[p, r:],
            )  # fmt: skip


@njit
def draw_start(initial, law, x, stream):
    """Whole molecules at the start, from their means."""
    for s in range(initial.size):
        if initial[s] >= LARGEST_COUNT:
            x[s] = np.int64(LARGEST_COUNT)
        else:
            x[s] = poisson(stream, initial[s]) if law[s] == 1 else rounded(stream, initial[s])


@njit
def run(
    net, reading, k, span, when, kind, species, amount, times, solver, max_events,
    x, stream, table, pace, order, out, report, reached,
):  # fmt: skip
    """One trajectory from change to change; the state at a change's time is the one after it."""
    t, end = span[0], span[1]
    done = 0
    status = OK
    for column in range(REPORT):
        report[column] = 0
    while True:
        changed = apply_changes(when, kind, species, amount, t, x, stream)
        if largest(x) >= LARGEST_COUNT:
            status = TOO_MANY
            break
        if solver == REJECTION and (changed or done == 0):
            rejection.centre_all(net, k, table, x)
        while done < times.size and times[done] <= t:
            observe(reading, k, x, out[done])
            done += 1
        if t >= end:
            break
        stop = next_stop(end, when, times, done, t)
        left = max_events - report[CANDIDATES]
        if solver == REJECTION:
            t, candidates, events = rejection.advance(net, k, table, x, stream, t, stop, left)
        else:
            t, candidates, events = direct.advance(net, k, pace, order, x, stream, t, stop, left)
        report[CANDIDATES] += candidates
        report[EVENTS] += events
        if t < stop:
            status = EVENT_BUDGET if candidates >= left else NOT_FINITE
            break
    report[STATUS] = status
    reached[0] = t


@njit
def largest(x):
    """The largest count."""
    found = x[0]
    for s in range(x.size):
        found = max(found, x[s])
    return np.float64(found)


@njit
def next_stop(end, when, times, done, t):
    """The next output, change or end after t."""
    stop = end
    if done < times.size:
        stop = min(stop, times[done])
    for e in range(when.size):
        if t < when[e] < stop:
            stop = when[e]
    return stop


@njit
def apply_changes(when, kind, species, amount, t, x, stream):
    """Set or add whole molecules due at t, what is set first; whether there was a change."""
    changed = False
    for step in (EVENT_SET, EVENT_ADD):
        for e in range(when.size):
            if when[e] == t and kind[e] == step:
                before = 0 if step == EVENT_SET else x[species[e]]
                x[species[e]] = before + rounded(stream, min(amount[e], LARGEST_COUNT))
                changed = True
    return changed


@njit
def observe(reading, k, x, out):
    """Observables (o,) of the counts x."""
    ptr, species, rate, weight = reading
    for o in range(ptr.size - 1):
        out[o] = 0.0
        for e in range(ptr[o], ptr[o + 1]):
            factor = weight[e] * (k[rate[e]] if rate[e] >= 0 else 1.0)
            out[o] = fma(factor, np.float64(x[species[e]]), out[o])
