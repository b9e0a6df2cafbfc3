"""Exact jumps without propensity updates: uniformised rejection with alias tables.

Every species has an interval around its count, and propensities at the upper ends are constant
while all counts stay inside: candidate events then form a Poisson process of constant rate. Their
number is drawn, not their times; each is one look-up in an alias table and, below the propensity
at the lower ends, accepted unseen. A time is drawn only when a count leaves its interval: it is
that of the k-th of N candidates, an order statistic of N uniform numbers. What was drawn beyond
it is forgotten, which is right because candidates up to a stopping time say nothing about those
after it. Rejection with propensity bounds: Thanh, Priami and Zunino 2014, doi 10.1063/1.4896985.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protacsim.kernels.jit import njit_allocating as njit
from protacsim.kernels.randomness import (
    BLOCK,
    HALF_WORD,
    LOW,
    PLACE,
    TO_DOUBLE,
    UNIT,
    fma,
    order_statistic,
    poisson,
    refill,
)

# Candidates per window, on average; a window ends early when a count leaves its interval.
WINDOW = 16384.0

# Candidates that are picked in one go, before the first of them is looked at.
BATCH = 64

# An interval reaches from x - d to x + d, d = NARROWEST + SPREAD * sqrt(x).
NARROWEST, SPREAD = 3.0, 2.0

# Columns of the programs' `reactants`, and of `interval`.
RATE, FIRST, SECOND, REPEATED = range(4)
LOWEST, WIDTH, OFFSET = range(3)

WORD = 2.0**64
LARGEST_WORD = 2.0**64 - 2048.0  # the largest double below 2**64
FULL = np.uint64(2**64 - 1)


class Table(NamedTuple):
    """Working arrays for n species and m reactions; a last row stands for the constant 1.

    `interval` (n + 1, 3): lowest count, width, and the present count above the lowest; `bounds`
    (m, 2): the product of a reaction's reactants at the lower ends, and what the upper ends add;
    `weight` (2 m,) candidate rates of reaction j: accepted unseen (2 j), to be looked at (2 j + 1).
    The alias table runs over the weights above 0: slot e stands for candidate `choice[e, 0]` below
    `limit[e]` (uint64), and for `choice[e, 1]` from there on. `picked` (BATCH,): candidates drawn.
    """

    interval: np.ndarray
    bounds: np.ndarray
    weight: np.ndarray
    choice: np.ndarray
    limit: np.ndarray
    picked: np.ndarray


@njit
def new_table(n, m):
    """Room for n species and m reactions."""
    return Table(
        np.zeros((n + 1, 3), np.int64),
        np.zeros((m, 2)),
        np.zeros(2 * m),
        np.zeros((2 * m, 2), np.int64),
        np.zeros(2 * m, np.uint64),
        np.zeros(BATCH, np.int64),
    )


@njit
def centre_all(net, k, table, x):
    """Intervals around the counts x (n + 1,), and all candidate rates at rate constants k."""
    for s in range(x.size):
        centre(table.interval, x[s], net.moves[s] if s < net.moves.size else 0, s)
    for s in range(net.moves.size):
        bound(net, k, table, s)
    for j in range(net.reactants.shape[0]):
        if net.reactants[j, FIRST] == net.moves.size:  # a source has no reactant to come by
            table.weight[2 * j] = k[net.reactants[j, RATE]]


@njit
def centre(interval, count, moves, s):
    """The interval of one species around its count; one that nothing changes keeps its count."""
    half = np.int64(fma(SPREAD, np.sqrt(np.float64(count)), NARROWEST)) * moves
    lowest = max(0, count - half)
    interval[s, LOWEST] = lowest
    interval[s, WIDTH] = count + half - lowest
    interval[s, OFFSET] = count - lowest


@njit
def bound(net, k, table, s):
    """Candidate rates of the reactions that species s takes part in, from all intervals."""
    reactants, interval, bounds, weight = net.reactants, table.interval, table.bounds, table.weight
    for u in range(net.user_ptr[s], net.user_ptr[s + 1]):
        j = net.user[u]
        a, b, one = reactants[j, FIRST], reactants[j, SECOND], reactants[j, REPEATED]
        low_a, low_b = interval[a, LOWEST], interval[b, LOWEST]
        high_a, high_b = low_a + interval[a, WIDTH], low_b + interval[b, WIDTH]
        least = max(0.0, np.float64(low_a) * np.float64(low_b - one))
        gap = max(0.0, np.float64(high_a) * np.float64(high_b - one)) - least
        bounds[j, 0], bounds[j, 1] = least, gap
        weight[2 * j] = k[reactants[j, RATE]] * least
        weight[2 * j + 1] = k[reactants[j, RATE]] * gap


@njit
def build_alias(weight, choice, limit):
    """Fill the alias table from the weights; returns the number of slots and their total weight.

    A sweep over light and heavy weights (Hübschle-Schneider and Sanders 2022,
    doi 10.1145/3549934): what a light slot leaves free is filled by the present heavy one.
    """
    slots = 0
    total = 0.0
    for c in range(weight.size):
        if weight[c] > 0.0:
            choice[slots, 0], choice[slots, 1] = c, c
            limit[slots] = FULL
            slots += 1
            total += weight[c]
    if slots == 0 or not np.isfinite(total):
        return slots, total
    mean = total / slots
    to_limit = WORD / mean
    light, heavy, after = 0, 0, 0
    left = 0.0
    while True:
        while light < slots and weight[choice[light, 0]] > mean:
            light += 1
        if left > mean and light < slots:
            own = weight[choice[light, 0]]
            limit[light] = np.uint64(min(own * to_limit, LARGEST_WORD))
            choice[light, 1] = choice[heavy, 0]
            left = (left + own) - mean
            light += 1
            continue
        while after < slots and weight[choice[after, 0]] <= mean:
            after += 1
        if after == slots:
            return slots, total
        if left > 0.0:
            limit[heavy] = np.uint64(min(left * to_limit, LARGEST_WORD))
            choice[heavy, 1] = choice[after, 0]
            left -= mean
        left += weight[choice[after, 0]]
        heavy = after
        after += 1


@njit
def advance(net, k, table, x, stream, t, stop, budget):
    """Run from time t to `stop` (h); x (n + 1,) counts, their intervals centred before.

    Returns the time reached, candidates and events; it ends early when `budget` candidates are
    spent, or when the total propensity is not finite.
    """
    candidates = 0
    events = 0
    slots, total = build_alias(table.weight, table.choice, table.limit)
    while t < stop and np.isfinite(total) and candidates < budget:
        expected = total * (stop - t)
        horizon = stop - t
        if expected > WINDOW:
            expected = WINDOW
            horizon = WINDOW / total
        drawn = poisson(stream, expected)
        tried, fired, last = try_candidates(net, table, stream, slots, drawn)
        candidates += tried
        events += fired
        if last < 0:
            t = stop if horizon == stop - t else min(stop, t + horizon)
            continue
        t = min(stop, fma(horizon, order_statistic(stream, tried, drawn), t))
        recentre(net, k, table, last)
        slots, total = build_alias(table.weight, table.choice, table.limit)
    for s in range(x.size):
        x[s] = table.interval[s, LOWEST] + table.interval[s, OFFSET]
    return t, candidates, events


@njit
def pick(table, stream, place, count, slots):
    """Draw `count` candidates from the words of the stream from `place` on.

    Nothing branches on what is drawn: a processor would guess wrong every other time.
    """
    choice, limit, picked = table.choice, table.limit, table.picked
    size = np.uint64(slots)
    for i in range(count):
        bits = stream[place + i]
        # 64-bit fraction times slots: the whole part is a slot, the rest decides inside it.
        small = (bits & LOW) * size
        large = (bits >> HALF_WORD) * size + (small >> HALF_WORD)
        slot = large >> HALF_WORD
        rest = (large << HALF_WORD) | (small & LOW)
        picked[i] = choice[slot, np.uint64(rest >= limit[slot])]


@njit
def try_candidates(net, table, stream, slots, drawn):
    """Candidates one by one until all `drawn` are used up or a count leaves its interval.

    Returns how many were tried and how many fired, and the reaction that led out, or -1.
    """
    reactants, changed, amount = net.reactants, net.changed, net.amount
    interval, bounds, picked = table.interval, table.bounds, table.picked
    refused = 0
    before = 0
    place = np.int64(stream[PLACE])
    while before < drawn:
        if place == BLOCK:
            refill(stream)
            place = 0
        batch = min(BATCH, drawn - before, BLOCK - place)
        pick(table, stream, place, batch, slots)
        place += batch
        for i in range(batch):
            candidate = picked[i]
            j = np.uint64(candidate >> 1)
            if candidate & 1:
                if place == BLOCK:
                    refill(stream)
                    place = 0
                a, b = np.uint64(reactants[j, FIRST]), np.uint64(reactants[j, SECOND])
                count_a = interval[a, LOWEST] + interval[a, OFFSET]
                count_b = interval[b, LOWEST] + interval[b, OFFSET] - reactants[j, REPEATED]
                excess = fma(np.float64(count_a), np.float64(count_b), -bounds[j, 0])
                share = (np.float64(stream[np.uint64(place)] >> TO_DOUBLE) + 0.5) * UNIT
                place += 1
                if share * bounds[j, 1] >= excess:
                    refused += 1
                    continue
            out = False
            for e in range(changed.shape[1]):
                s = np.uint64(changed[j, e])
                count = interval[s, OFFSET] + amount[j, e]
                interval[s, OFFSET] = count
                out |= np.uint64(count) > np.uint64(interval[s, WIDTH])  # below 0 is beyond, too
            if out:
                stream[PLACE] = place
                tried = before + i + 1
                return tried, tried - refused, np.int64(j)
        before += batch
    stream[PLACE] = place
    return drawn, drawn - refused, -1


@njit
def recentre(net, k, table, j):
    """New intervals for what reaction j led out of its own, and the rates that follow."""
    interval = table.interval
    for e in range(net.changed.shape[1]):
        s = net.changed[j, e]
        if not 0 <= interval[s, OFFSET] <= interval[s, WIDTH]:
            centre(interval, interval[s, LOWEST] + interval[s, OFFSET], net.moves[s], s)
            bound(net, k, table, s)
