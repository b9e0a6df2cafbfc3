"""Ensembles of exact trajectories: the driver around `rejection` and `direct`.

Stable interface: `sample_batch`. Every trajectory has a random stream of its own, keyed by seed,
point and replicate, so that it is the same alone, in any order and in any company.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels import direct, rejection
from protacsim.kernels.jit import njit_allocating as njit
from protacsim.kernels.randomness import (
    exponential,
    fma,
    new_stream,
    poisson,
    rounded,
    seed_stream,
    uniform,
)
from protacsim.kernels.records import (
    CANDIDATES,
    CLOSING,
    DECAY,
    EVENT_ADD,
    EVENT_BUDGET,
    EVENT_SET,
    EVENTS,
    LOSS,
    MAKING,
    MESSENGER,
    NOT_FINITE,
    OK,
    OPEN,
    OPENING,
    PRODUCT,
    REJECTION,
    SHUT,
    STATUS,
    TOO_MANY,
    TRANSLATING,
)

# Lifetimes of the past that a product starts from: of its variance, a part in 1e7 is left out.
MEMORY = 8.0

# Counts beyond this are not told apart by a double.
LARGEST_COUNT = 2.0**53


@njit
def sample_batch(
    net, reading, rates, initial, law, genes, keys, seed, replicates, span, when, kind, species,
    amount, times, solver, max_events, out, report, reached,
):  # fmt: skip
    """Exact trajectories of p points of one network, r replicates each.

    net: `JumpPrograms`; reading: pointers, species, rates (or -1) and weights of the observables;
    rates (p, m) per h and molecule; initial (p, n) mean molecules, drawn by `law` (n,): 0 rounded
    at random to a neighbouring whole number, 1 Poisson; genes (g, GENE), what starts from its past
    instead; keys (p,) and seed uint64; replicates (r,)
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
            report[p, r, EVENTS] = draw_start(
                initial[p], law, genes, rates[p], x, stream, max_events
            )
            run(
                net, reading, rates[p], span[p], when[p], kind, species, amount[p], times, solver,
                max_events, x, stream, table, pace, order, out[p, r], report[p, r], reached[p, r:],
            )  # fmt: skip


@njit
def draw_start(initial, law, genes, k, x, stream, budget):
    """Whole molecules at the start, from their means; returns the events of the past."""
    events = 0
    for s in range(initial.size):
        if initial[s] >= LARGEST_COUNT:
            x[s] = np.int64(LARGEST_COUNT)
        else:
            x[s] = poisson(stream, initial[s]) if law[s] == 1 else rounded(stream, initial[s])
    for g in range(genes.shape[0]):
        events += draw_past(genes[g], k, initial, x, stream, budget - events)
    return events


@njit
def draw_past(gene, k, initial, x, stream, budget):
    """Stationary counts of a switch, its messenger and its product; returns the events taken.

    Given the course of the messenger, the product is a Poisson count whose mean relaxes towards
    what the messenger makes of it; only switch and messenger are followed jump by jump.
    """
    switched = gene[SHUT] >= 0
    opening = k[gene[OPENING]] if switched else 0.0
    closing = k[gene[CLOSING]] if switched else 0.0
    decay, loss = k[gene[DECAY]], k[gene[LOSS]]
    opened = not switched or uniform(stream) * (opening + closing) < opening
    messengers = poisson(stream, min(initial[gene[MESSENGER]], LARGEST_COUNT))
    mean = initial[gene[PRODUCT]]
    left = MEMORY * (1.0 / decay + 1.0 / loss + (1.0 / (opening + closing) if switched else 0.0))
    events = 0
    while events < budget:
        flip = closing if opened else opening
        making = k[gene[MAKING]] if opened else 0.0
        total = flip + making + decay * messengers
        wait = exponential(stream) / total if total > 0.0 else left
        held = min(wait, left)
        gain = k[gene[TRANSLATING]] * messengers / loss
        mean = fma(mean - gain, np.exp(-loss * held), gain)
        left -= held
        if not wait == held or left <= 0.0:
            break
        goal = uniform(stream) * total
        events += 1
        if goal < flip:
            opened = not opened
        elif goal < flip + making:
            messengers += 1
        elif messengers > 0:
            messengers -= 1
    if switched:
        x[gene[OPEN]] = np.int64(opened)
        x[gene[SHUT]] = 1 - np.int64(opened)
    x[gene[MESSENGER]] = messengers
    x[gene[PRODUCT]] = poisson(stream, mean) if mean < LARGEST_COUNT else np.int64(LARGEST_COUNT)
    return events


@njit
def run(
    net, reading, k, span, when, kind, species, amount, times, solver, max_events,
    x, stream, table, pace, order, out, report, reached,
):  # fmt: skip
    """One trajectory from change to change; the state at a change's time is the one after it.

    `report` holds the events that the start has taken.
    """
    t, end = span[0], span[1]
    done = 0
    status = EVENT_BUDGET if report[EVENTS] >= max_events else OK
    report[CANDIDATES] = report[EVENTS]
    while status == OK:
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
