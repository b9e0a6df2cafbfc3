"""What drivers and their callers share: how runs end, what reports and records hold.

Plain numbers, so that neither side needs the other's imports.
"""

from __future__ import annotations

import numpy as np

OK, STEP_BUDGET, STEP_UNDERFLOW, NOT_FINITE, SINGULAR, NOT_STEADY, EVENT_BUDGET, TOO_MANY = range(8)
"""How a run ended."""

EVENT_ADD, EVENT_SET = 0, 1
"""What a change does to an amount."""

# Columns of a deterministic run's `report`: how it ended and what it took.
STATUS, STEPS, REJECTED, FACTORISATIONS = range(4)
REPORT = 4

# Columns of a trajectory's `report`: its status first, too.
CANDIDATES, EVENTS = 1, 2
TRAJECTORY_REPORT = 3

REJECTION, DIRECT = range(2)
"""Exact solvers."""

# Rows of `clock` (h) and `book` (integers), one column per lane.
NOW, STEP, BREAK, END = range(4)
CLOCK = 4
RUN, DONE, STARTING, RETRYING, LAST = range(5)
BOOK = 5

# A row of `genes`: species of a switch, of what it makes while open and of what that makes in turn;
# then the rates between them. Without a switch (-1) it is always open.
SHUT, OPEN, MESSENGER, PRODUCT, OPENING, CLOSING, MAKING, DECAY, TRANSLATING, LOSS = range(10)
GENE = 10


def desk(width):
    """A clock (h) and a book of integers for so many lanes, for a driver to fill."""
    return np.zeros((CLOCK, width)), np.zeros((BOOK, width), np.int64)
