"""One Rodas5P step for a row of runs, by the coefficients of `tableau`.

A ninth stage, for steps with outputs inside them, corrects the dense output.
"""

from __future__ import annotations

from protacsim.kernels import tape
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import absolute, at, fma, fnma, load, maximum, near_power, splat, store
from protacsim.kernels.programs import (
    any_drifted,
    drift_beyond,
    moved_side,
    observe,
    right_hand_side,
    share_out_drift,
    solve,
)
from protacsim.kernels.tableau import (
    DENSE_STAGES,
    DIRECT_FROM,
    ERROR_ORDER,
    MOVED_C,
    SMALLEST_ERROR,
    STAGES,
    A,
    H,
)


@njit
def step(code, work):
    """Stages and new state of a row of runs from their present states.

    The LU rows hold the factors of `I/(h gamma) - J(y)`. The last stage is the error estimate.
    """
    n, state = at(code, tape.SPECIES), at(code, tape.ROW_STATE)
    new, stages = at(code, tape.ROW_NEW), at(code, tape.ROW_STAGES)
    first_stage(code, work)
    for i in range(1, STAGES):
        combine(code, work, i, new)
        solve_stage(code, work, new, stages + i * n)
    for s in range(n):
        moved = load(work, new + s) + load(work, stages + (STAGES - 1) * n + s)
        store(work, new + s, load(work, state + s) + moved)


@njit
def first_stage(code, work):
    """Slope of the present states, and the first stage, whose side it is."""
    slope, stages = at(code, tape.ROW_SLOPE), at(code, tape.ROW_STAGES)
    right_hand_side(code, work, at(code, tape.ROW_STATE), slope)
    for s in range(at(code, tape.SPECIES)):
        store(work, stages + s, load(work, slope + s))
    solve(code, work, stages)


@njit
def inner_stage(code, work):
    """The ninth stage of a step that was taken; the new state stays."""
    inside = at(code, tape.ROW_INSIDE)
    combine(code, work, STAGES, inside)
    here = at(code, tape.ROW_STAGES) + STAGES * at(code, tape.SPECIES)
    solve_stage(code, work, inside, here)


@njit
def combine(code, work, i, move):
    """The move of stage i, and what earlier stages add to its side, times h, in its own rows."""
    n, stages = at(code, tape.SPECIES), at(code, tape.ROW_STAGES)
    for s in range(n):
        earlier = load(work, stages + s)
        moved, side = A[i, 0] * earlier, MOVED_C[i, 0] * earlier
        for j in range(1, i):
            earlier = load(work, stages + j * n + s)
            moved, side = fma(A[i, j], earlier, moved), fma(MOVED_C[i, j], earlier, side)
        if DIRECT_FROM <= i < STAGES:
            moved = load(work, move + s) + earlier
        store(work, move + s, moved)
        store(work, stages + i * n + s, side)


@njit
def solve_stage(code, work, move, here):
    """A stage in place of what earlier ones add to its side (see `tableau.MOVED_C`)."""
    moved_side(code, work, move, here)
    solve(code, work, here)
    for s in range(at(code, tape.SPECIES)):
        store(work, here + s, load(work, here + s) - load(work, move + s))


@njit
def error_norm(code, work, rtol):
    """Mean square, per run, of the local error over `atol + rtol * max(|y|, |y_new|)`.

    NaN or infinite where any new value is. Beside it the factor for the step, before safety.
    """
    n, state, new = at(code, tape.SPECIES), at(code, tape.ROW_STATE), at(code, tape.ROW_NEW)
    error, atol = at(code, tape.ROW_STAGES) + (STAGES - 1) * n, at(code, tape.ROW_ATOL)
    order = at(code, tape.ORDER)
    total = splat(0.0)
    overflow = splat(0.0)
    for k in range(n - 1, -1, -1):
        s = at(code, order + k)
        value = load(work, new + s)
        size = maximum(absolute(load(work, state + s)), absolute(value))
        ratio = load(work, error + s) / fma(rtol, size, load(work, atol + s))
        total = fma(ratio, ratio, total)
        overflow = fma(0.0, value, overflow)
    mean = (total + overflow) / float(n)
    store(work, at(code, tape.ROW_ERROR), mean)
    store(work, at(code, tape.ROW_FACTOR), step_factor(mean))


@njit
def step_factor(squared_error):
    """The error to the power -1 / ERROR_ORDER within 2e-4, by three Newton steps from a guess.

    By arithmetic alone, so that steps do not depend on a machine's mathematical library.
    """
    squared_error = maximum(squared_error, splat(SMALLEST_ERROR))
    share = 0.5 / ERROR_ORDER * squared_error
    root = near_power(squared_error, -0.5 / ERROR_ORDER)
    for _ in range(3):
        square = root * root
        fourth = square * square
        tenth = fourth * fourth * square  # the power 2 * ERROR_ORDER
        root = root * fnma(share, tenth, splat(1.0 + 0.5 / ERROR_ORDER))
    return root


@njit
def look_inside(code, factors, work):
    """What `interpolated` needs: observables before and after a step, and how they bend in it."""
    inner_stage(code, work)
    restore_inside(code, factors, work)
    stages, n = at(code, tape.ROW_STAGES), at(code, tape.SPECIES)
    observe(code, work, at(code, tape.ROW_STATE), at(code, tape.ROW_BEFORE))
    observe(code, work, at(code, tape.ROW_NEW), at(code, tape.ROW_AFTER))
    count, bends = at(code, tape.OBSERVABLES), at(code, tape.ROW_BENDS)
    for row in range(bends, bends + tape.BENDS * count):
        store(work, row, splat(0.0))
    for j in range(DENSE_STAGES):
        observe(code, work, stages + j * n, at(code, tape.ROW_SEEN))
        for o in range(count):
            value = load(work, at(code, tape.ROW_SEEN) + o)
            for k in range(tape.BENDS):
                row = bends + tape.BENDS * o + k
                store(work, row, fma(H[k, j], value, load(work, row)))


@njit
def restore_inside(code, factors, work):
    """Let the stages change no total, in runs where the first or the last of them does."""
    stages, n = at(code, tape.ROW_STAGES), at(code, tape.SPECIES)
    first = drift_beyond(code, factors, work, stages, 0.0, tape.STAGE_DRIFT)
    last = drift_beyond(code, factors, work, stages + STAGES * n, 0.0, tape.STAGE_DRIFT)
    store(work, at(code, tape.ROW_DRIFTED), maximum(first, last))
    if any_drifted(code, work):
        for j in range(DENSE_STAGES):
            share_out_drift(code, factors, work, stages + j * n, 0.0)


@njit
def interpolated(code, work, lane, o, theta):
    """Observable o of one run at fraction theta of its step, by the order-4 dense output."""
    bends = at(code, tape.ROW_BENDS) + tape.BENDS * o
    d0, d1, d2 = work[bends, lane], work[bends + 1, lane], work[bends + 2, lane]
    before = work[at(code, tape.ROW_BEFORE) + o, lane]
    after = work[at(code, tape.ROW_AFTER) + o, lane]
    inner = d0 + theta * (d1 + theta * d2)
    return before + theta * (after - before + (1.0 - theta) * inner)
