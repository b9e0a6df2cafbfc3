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
    observe,
    right_hand_side,
    share_out_drift,
    solve,
)
from protacsim.kernels.tableau import (
    DENSE_STAGES,
    DIRECT_FROM,
    ERROR_ORDER,
    SMALLEST_ERROR,
    STAGES,
    A,
    C,
    H,
)


@njit
def step(code, work):
    """Stages and new state of a row of runs from their present states.

    The LU rows hold the factors of `I/(h gamma) - J(y)`. The last stage is the error estimate.
    """
    n = at(code, tape.SPECIES)
    new, stages = at(code, tape.ROW_NEW), at(code, tape.ROW_STAGES)
    right_hand_side(code, work, at(code, tape.ROW_STATE), stages)
    solve(code, work, stages)
    for i in range(1, STAGES):
        here = stages + i * n
        if i < DIRECT_FROM:
            combine(code, work, i, new)
        else:
            for s in range(n):
                store(work, new + s, load(work, new + s) + load(work, here - n + s))
        right_hand_side(code, work, new, here)
        add_earlier(code, work, i)
        solve(code, work, here)
    for s in range(n):
        last = load(work, stages + (STAGES - 1) * n + s)
        store(work, new + s, load(work, new + s) + last)


@njit
def inner_stage(code, work):
    """The ninth stage of a step that was taken; the new state stays."""
    inside = at(code, tape.ROW_INSIDE)
    here = at(code, tape.ROW_STAGES) + STAGES * at(code, tape.SPECIES)
    combine(code, work, STAGES, inside)
    right_hand_side(code, work, inside, here)
    add_earlier(code, work, STAGES)
    solve(code, work, here)


@njit
def combine(code, work, i, out):
    """Rows out.. = state of stage i: y + sum over j < i of A[i, j] u_j."""
    n, state = at(code, tape.SPECIES), at(code, tape.ROW_STATE)
    stages = at(code, tape.ROW_STAGES)
    for s in range(n):
        value = load(work, state + s)
        for j in range(i):
            value = fma(A[i, j], load(work, stages + j * n + s), value)
        store(work, out + s, value)


@njit
def add_earlier(code, work, i):
    """Right-hand side of stage i: f + sum over j < i of C[i, j] u_j / h."""
    n, stages = at(code, tape.SPECIES), at(code, tape.ROW_STAGES)
    inverse_h = load(work, at(code, tape.ROW_INVERSE_H))
    for s in range(n):
        value = C[i, 0] * load(work, stages + s)
        for j in range(1, i):
            value = fma(C[i, j], load(work, stages + j * n + s), value)
        row = stages + i * n + s
        store(work, row, fma(value, inverse_h, load(work, row)))


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
