"""Exact jumps event by event: the direct method with sorted reactions and a dependency graph.

Slower than `rejection` and independent of it: times are exponential, propensities those of the
present state. Gillespie 1977 (doi 10.1021/j100540a008); sorting: McCollum et al. 2006
(doi 10.1016/j.compbiolchem.2005.10.007).
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit_allocating as njit
from protacsim.kernels.randomness import exponential, fma, uniform

RATE, FIRST, SECOND, REPEATED = range(4)  # columns of the programs' `reactants`

# Events between fresh sums of all propensities, which bound the round-off of the running total.
# It is that of the largest total since then, so that one below this share of it is summed afresh.
FRESH, SMALL = 512, 1e-3


@njit
def advance(net, k, pace, order, x, stream, t, stop, budget):
    """Run from time t to `stop` (h); x (n + 1,) counts, k rate constants, `pace` (m,) scratch.

    `order` (m,) lists the reactions as they are searched and is kept sorted by use. Returns the
    time reached, candidates and events; a candidate is refused where round-off has made the
    running total too large. It ends early when `budget` candidates are spent, or when the total
    propensity is not finite.
    """
    reactants, changed, amount = net.reactants, net.changed, net.amount
    following_ptr, following = net.following_ptr, net.following
    candidates = events = 0
    total = largest = all_propensities(net, k, pace, x)
    while candidates < budget:
        largest = max(largest, total)
        if candidates % FRESH == FRESH - 1 or total <= SMALL * largest:
            total = largest = all_propensities(net, k, pace, x)
        if not np.isfinite(total):
            break
        if total <= 0.0:
            return stop, candidates, events
        t += exponential(stream) / total
        if t >= stop:
            return stop, candidates, events
        candidates += 1
        goal = uniform(stream) * total
        place = -1
        while goal >= 0.0 and place < order.size - 1:
            place += 1
            goal -= pace[order[place]]
        if goal >= 0.0:  # beyond the last: the running total was too large, and this is refused
            total = largest = all_propensities(net, k, pace, x)
            continue
        j = order[place]
        for e in range(changed.shape[1]):
            x[changed[j, e]] += amount[j, e]
        gained, lost = 0.0, 0.0
        for e in range(following_ptr[j], following_ptr[j + 1]):
            i = following[e]
            product = combinations(reactants, x, i)
            gained = fma(k[reactants[i, RATE]], product, gained)
            lost += pace[i]
            pace[i] = k[reactants[i, RATE]] * product
        total += gained - lost
        events += 1
        if place > 0:
            order[place] = order[place - 1]
            order[place - 1] = j
    return t, candidates, events


@njit
def combinations(reactants, x, j):
    """The product of a reaction's reactants, two of one kind as x * (x - 1)."""
    second = x[reactants[j, SECOND]] - reactants[j, REPEATED]
    return np.float64(x[reactants[j, FIRST]]) * np.float64(second)


@njit
def all_propensities(net, k, pace, x):
    """Fill all propensities (m,), events per h at counts x, and return their sum."""
    for j in range(pace.size):
        pace[j] = k[net.reactants[j, RATE]] * combinations(net.reactants, x, j)
    total = 0.0
    for j in range(pace.size):
        total += pace[j]
    return total
