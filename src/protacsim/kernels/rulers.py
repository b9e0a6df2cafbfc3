"""Work that never changes, against whose CPU time that of everything else is measured.

Half of it is fused arithmetic on rows, half table look-ups behind branches that cannot be
predicted: a busy neighbour core slows the two by different factors, and runs of a network lie
between them. Nothing here may follow what other kernels become.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit

ROWS, COLUMNS, SLOTS = 16, 32, 256
SHIFTS = (np.uint64(13), np.uint64(7), np.uint64(17))
SLOT, HALF, TO_DOUBLE = np.uint64(56), np.uint64(0xFFFFFFFF), np.uint64(11)
UNIT = 2.0**-53


@njit
def arithmetic(rounds, rows):
    """Smooth the rows (ROWS, COLUMNS) into one another."""
    for _ in range(rounds):
        for i in range(1, rows.shape[0]):
            for j in range(rows.shape[1]):
                rows[i, j] = rows[i, j] * 0.999999 + rows[i - 1, j] * 1e-6


@njit
def lookups(rounds, choice, limit, count):
    """Draw slots of a table (SLOTS,), and count up or refuse what they hold."""
    word = np.uint64(88172645463325252)
    for _ in range(rounds):
        word ^= word << SHIFTS[0]
        word ^= word >> SHIFTS[1]
        word ^= word << SHIFTS[2]
        slot = np.int64(word >> SLOT)
        j = choice[slot, 0] if (word & HALF) < limit[slot] else choice[slot, 1]
        if j & 1 and np.float64(word >> TO_DOUBLE) * UNIT * 3.0 >= np.float64(count[j]):
            continue
        count[j] = (count[j] + 1) & 3


def tables():
    """Rows, choices, limits and counts for the two, the same every time."""
    draw = np.random.default_rng(0)
    return (
        1.0 + draw.random((ROWS, COLUMNS)),
        draw.integers(0, SLOTS, (SLOTS, 2)),
        draw.integers(0, 2**32, SLOTS).astype(np.uint64),
        np.zeros(SLOTS, np.int64),
    )
