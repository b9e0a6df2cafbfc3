"""Steady states: implicit Euler steps that grow into Newton's method, in lanes like the engine.

Stable interface: `settle_batch`, which `drivers` compiles and calls. It shares the engine's
programs, lanes and bookkeeping; how fast a step may grow follows from how fast Newton's iteration
contracts (Deuflhard 2011, Newton Methods for Nonlinear Problems, 6.4). Such steps are stable but
not accurate. Where the state that they reach depends on the way there (see `lasting`), the run is
followed by the engine's own steps up to the time scale, and settles from there.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels import tape
from protacsim.kernels.emit import RELAX
from protacsim.kernels.integrate import (
    IDLE,
    SMALLEST_PIVOT,
    accept,
    advance,
    attempt,
    is_finite,
    norm,
    observed,
    rates_of_change,
    retire,
    store_one,
)
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import (
    absolute,
    at,
    call,
    fma,
    load,
    maximum,
    select,
    splat,
    store,
)
from protacsim.kernels.programs import (
    coefficients,
    conserved_totals,
    factorise,
    observation_weights,
    restore_totals,
    shifted_jacobian,
)
from protacsim.kernels.records import (
    BREAK,
    DONE,
    FACTORISATIONS,
    NOT_FINITE,
    NOT_STEADY,
    NOW,
    OK,
    REJECTED,
    REPORT,
    RETRYING,
    RUN,
    STARTING,
    STATUS,
    STEP,
    STEP_BUDGET,
    STEP_UNDERFLOW,
    STEPS,
)
from protacsim.kernels.rodas5p import first_stage, solve_stage

BOLDNESS = 100.0  # the first step, in times of the state over its rate of change
CONTRACTION = 0.5  # what the second correction should be of the first; above 1 a step fails
SMALLEST_FACTOR, LARGEST_FACTOR = 0.3, 100.0
PATIENCE = 30  # steps of the whole time scale before a state counts as not steady
WAITING, DOUBTFUL = -1, -2  # runs that are yet to settle, and to be followed first


def settle_batch(
    code, factors, machine, work, clock, book, rates, initial, tolerance, rtol, time_scale,
    max_steps, out, report, reached,
):  # fmt: skip
    """Steady states of b runs of one network; arrays as for `integrate_batch`.

    A state is steady when one implicit step of `time_scale` h moves it by less than the tolerance.
    Filled: out (b, o) observables, report (b, 4), reached (b,) time followed in h. A run whose end
    depends on the way there is doubtful at first: it is followed, which leaves its state at
    `time_scale` in `initial`, and settles from there; if it is still doubtful, it is not steady.
    """
    store_one(work, at(code, tape.ROW_STATE) + at(code, tape.SPECIES))
    for run in range(rates.shape[0]):
        for column in range(REPORT):
            report[run, column] = 0
        report[run, STATUS] = WAITING
        reached[run] = 0.0
    for doubted in (DOUBTFUL, NOT_STEADY):
        queue = np.int64(0)  # a literal would be a type of its own, and `admit` compiled twice
        active = 0
        for lane in range(work.shape[1]):
            queue = admit(
                code, factors, rates, initial, tolerance, time_scale, WAITING, report, reached,
                work, clock, book, lane, queue,
            )  # fmt: skip
            active += book[RUN, lane] != IDLE
        while active > 0:
            relax_lanes(code, factors, machine, work, clock, book, rtol, time_scale)
            for lane in range(work.shape[1]):
                run = book[RUN, lane]
                if run == IDLE:
                    continue
                settled, status = assess(code, work, clock, book, lane, time_scale, report)
                if (
                    settled
                    and depleted(code, work, lane, initial, run)
                    and lasting(code, work, lane, initial, run, rtol)
                ):
                    status = doubted
                spent = report[run, STEPS] + report[run, REJECTED]
                if status == OK and not settled and spent >= max_steps:
                    status = STEP_BUDGET
                if status != OK or settled:
                    report[run, STATUS] = status
                    reached[run] = clock[NOW, lane]
                    for o in range(at(code, tape.OBSERVABLES)):
                        out[run, o] = observed(code, work, at(code, tape.ROW_STATE), o, lane)
                    queue = admit(
                        code, factors, rates, initial, tolerance, time_scale, WAITING, report,
                        reached, work, clock, book, lane, queue,
                    )  # fmt: skip
                    active -= book[RUN, lane] == IDLE
        follow_runs(
            code, factors, machine, work, clock, book, rates, initial, tolerance, rtol, time_scale,
            max_steps, report, reached,
        )  # fmt: skip


@njit
def follow_runs(
    code, factors, machine, work, clock, book, rates, initial, tolerance, rtol, time_scale,
    max_steps, report, reached,
):  # fmt: skip
    """Carry what is doubtful to the time scale by the engine's steps; it is then waiting again."""
    queue = np.int64(0)
    active = 0
    for lane in range(work.shape[1]):
        queue = admit(
            code, factors, rates, initial, tolerance, time_scale, DOUBTFUL, report, reached,
            work, clock, book, lane, queue,
        )  # fmt: skip
        active += book[RUN, lane] != IDLE
    while active > 0:
        attempt(code, factors, machine, work, clock, book, reached, rtol)
        for lane in range(work.shape[1]):
            run = book[RUN, lane]
            if run == IDLE:
                continue
            status = advance(code, work, clock, book, lane, report)
            arrived = clock[NOW, lane] >= time_scale
            spent = report[run, STEPS] + report[run, REJECTED]
            if status == OK and not arrived and spent >= max_steps:
                status = STEP_BUDGET
            if status != OK or arrived:
                report[run, STATUS] = WAITING if status == OK else status
                reached[run] = clock[NOW, lane]
                for s in range(at(code, tape.SPECIES)):
                    initial[run, s] = work[at(code, tape.ROW_STATE) + s, lane]
                queue = admit(
                    code, factors, rates, initial, tolerance, time_scale, DOUBTFUL, report,
                    reached, work, clock, book, lane, queue,
                )  # fmt: skip
                active -= book[RUN, lane] == IDLE


@njit
def admit(
    code, factors, rates, initial, tolerance, time_scale, wanted, report, reached,
    work, clock, book, lane, queue,
):  # fmt: skip
    """Load the next run of a status into a lane, or leave it idle; returns the queue's front."""
    state, atol = at(code, tape.ROW_STATE), at(code, tape.ROW_ATOL)
    while queue < rates.shape[0] and report[queue, STATUS] != wanted:
        queue += 1
    if queue >= rates.shape[0]:
        retire(code, work, clock, book, lane)
        return queue
    book[RUN, lane] = queue
    book[STARTING, lane] = 1
    book[RETRYING, lane] = 0
    book[DONE, lane] = 0 if wanted == WAITING else reached.size  # none of its times is an output
    clock[NOW, lane] = reached[queue] if wanted == WAITING else 0.0
    clock[BREAK, lane] = time_scale
    coefficients(code, factors, rates, queue, work, lane)
    observation_weights(code, factors, rates, queue, work, lane)
    for s in range(at(code, tape.SPECIES)):
        work[state + s, lane] = initial[queue, s]
        work[atol + s, lane] = tolerance[queue, s]
    conserved_totals(code, factors, work, lane)
    return queue + 1


@njit
def relax_lanes(code, factors, machine, work, clock, book, rtol, time_scale):
    """One implicit step of every lane; where it is good, the new state replaces the old one."""
    starting = False
    for lane in range(work.shape[1]):
        starting |= book[STARTING, lane] == 1
    if starting:
        rates_of_change(code, machine, work, rtol)
    for lane in range(work.shape[1]):
        if book[STARTING, lane] == 1:
            clock[STEP, lane] = bold_step(code, work, lane, rtol, time_scale)
            book[STARTING, lane] = 0
        work[at(code, tape.ROW_SHIFT), lane] = 1.0 / clock[STEP, lane]
        work[at(code, tape.ROW_INVERSE_H), lane] = 1.0 / clock[STEP, lane]
    if machine[RELAX] != 0:
        call(machine[RELAX], work, rtol)
    else:
        relax(code, factors, work, rtol)
    for lane in range(work.shape[1]):
        good = book[RUN, lane] != IDLE and sound(code, work, lane)
        work[at(code, tape.ROW_ACCEPTED), lane] = 1.0 if good else 0.0
    accept(code, machine, work, rtol)


@njit
def bold_step(code, work, lane, rtol, time_scale):
    """A first step that is far longer than the state takes to change."""
    size = norm(code, work, at(code, tape.ROW_STATE), lane, rtol)
    change = norm(code, work, at(code, tape.ROW_SLOPE), lane, rtol)
    guess = BOLDNESS * size / change if size > 0.0 and change > 0.0 else 1e-3 * time_scale
    return min(guess, time_scale)


@njit
def relax(code, factors, work, rtol):
    """Two Newton corrections of an implicit Euler step, their squared norms, and its depth.

    Depth is above 0 where an amount is negative beyond its tolerance, or where `det(I/h - J)` is
    not positive, as it is for every stable J: a step longer than an unstable direction allows
    would jump back to the state that the run comes from.
    """
    n, new, first = at(code, tape.SPECIES), at(code, tape.ROW_NEW), at(code, tape.ROW_STAGES)
    shifted_jacobian(code, work, at(code, tape.ROW_STATE))
    factorise(code, work)
    first_stage(code, work)
    for s in range(n):
        store(work, new + s, load(work, first + s))
        store(work, first + n + s, splat(0.0))
    solve_stage(code, work, new, first + n)
    measure(code, work, rtol)
    restore_totals(code, factors, work)


@njit
def measure(code, work, rtol):
    """New state, and mean squares of both corrections over the engine's error scale."""
    n, state, new = at(code, tape.SPECIES), at(code, tape.ROW_STATE), at(code, tape.ROW_NEW)
    first, atol = at(code, tape.ROW_STAGES), at(code, tape.ROW_ATOL)
    moved = splat(0.0)
    left = splat(0.0)
    depth = splat(-1e300)
    sign = splat(1.0)
    diagonal = at(code, tape.DIAG_SLOT)
    for s in range(n):
        value = load(work, state + s) + load(work, new + s) + load(work, first + n + s)
        store(work, new + s, value)
        size = maximum(absolute(load(work, state + s)), absolute(value))
        floor = load(work, atol + s)
        inverse = 1.0 / fma(rtol, size, floor)
        ratio = load(work, first + s) * inverse
        moved = fma(ratio, ratio, moved)
        ratio = load(work, first + n + s) * inverse
        left = fma(ratio, ratio, left)
        depth = maximum(depth, splat(0.0) - (value + floor))
        above = maximum(load(work, at(code, diagonal + s)), splat(0.0))
        sign = select(above, sign, splat(0.0) - sign)
    store(work, at(code, tape.ROW_MOVED), moved / float(n))
    store(work, at(code, tape.ROW_ERROR), left / float(n))
    store(work, at(code, tape.ROW_DEPTH), maximum(depth, splat(0.0) - sign))


@njit
def sound(code, work, lane):
    """Whether one run's step can be trusted: finite, contracting, and of good sign."""
    moved, left = work[at(code, tape.ROW_MOVED), lane], work[at(code, tape.ROW_ERROR), lane]
    finite = np.isfinite(moved) and np.isfinite(left)
    pivot = work[at(code, tape.ROW_PIVOT), lane] < -SMALLEST_PIVOT
    good_sign = work[at(code, tape.ROW_DEPTH), lane] <= 0.0
    contracts = left <= max(1.0, moved)
    return finite and pivot and good_sign and contracts


@njit
def assess(code, work, clock, book, lane, time_scale, report):
    """After a step: whether the run is steady, its status, and its next step."""
    run, h = book[RUN, lane], clock[STEP, lane]
    moved, left = work[at(code, tape.ROW_MOVED), lane], work[at(code, tape.ROW_ERROR), lane]
    report[run, FACTORISATIONS] += 1
    if work[at(code, tape.ROW_ACCEPTED), lane] == 0.0:
        report[run, REJECTED] += 1
        clock[STEP, lane] = h * SMALLEST_FACTOR
        return False, blocked(code, work, clock, lane)
    report[run, STEPS] += 1
    clock[NOW, lane] += h
    whole = h >= time_scale
    book[DONE, lane] += whole
    if whole and moved <= 1.0 and left <= 1.0:
        return True, OK
    if book[DONE, lane] >= PATIENCE:
        return False, NOT_STEADY
    factor = LARGEST_FACTOR
    if left > 0.0:
        factor = CONTRACTION * np.sqrt(max(moved, 1.0) / left)
    clock[STEP, lane] = min(time_scale, h * min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor)))
    return False, OK


@njit
def depleted(code, work, lane, initial, run):
    """Whether a species has run out, other than one that never was there.

    Only there do steady states lie side by side, unless rate constants happen to balance exactly
    (Feliu, Henriksson and Pascual-Escudero, The generic geometry of steady state varieties, 2024).
    """
    state, atol = at(code, tape.ROW_STATE), at(code, tape.ROW_ATOL)
    found = False
    for s in range(at(code, tape.SPECIES)):  # without branches, which would cost more
        amount = work[state + s, lane]
        little = amount <= 10.0 * work[atol + s, lane]
        found |= little & ((amount != 0.0) | (initial[run, s] != 0.0))
    return found


@njit
def lasting(code, work, lane, initial, run, rtol):
    """Whether a part of the way from the initial state would last beside the steady state.

    A small displacement from a stable state that stands alone dies out within `PATIENCE` steps of
    the whole time scale, linearised there. Conserved totals have none. What else remains is a
    direction in which steady states lie side by side, and only an accurate run says which is met.
    """
    n, state, part = at(code, tape.SPECIES), at(code, tape.ROW_STATE), at(code, tape.ROW_STAGES)
    inverse_h = work[at(code, tape.ROW_INVERSE_H), lane]
    for s in range(n):
        work[part + s, lane] = work[state + s, lane] - initial[run, s]
    for _ in range(PATIENCE):
        for s in range(n):
            work[part + s, lane] *= inverse_h
        solve_lane(code, work, part, lane)
        if norm(code, work, part, lane, rtol) <= 1.0:
            return False
    return True


@njit
def solve_lane(code, work, b, lane):
    """As `solve`, for the rows b.. of one lane; rows of emitted code are half as wide."""
    n, order = at(code, tape.SPECIES), at(code, tape.ORDER)
    ptr, slot, col = at(code, tape.F_PTR), at(code, tape.F_SLOT), at(code, tape.F_COL)
    for k in range(n):
        value = work[b + at(code, order + k), lane]
        for e in range(at(code, ptr + k), at(code, ptr + k + 1)):
            value -= work[at(code, slot + e), lane] * work[b + at(code, col + e), lane]
        work[b + at(code, order + k), lane] = value
    ptr, slot, col = at(code, tape.U_PTR), at(code, tape.U_SLOT), at(code, tape.U_COL)
    diagonal = at(code, tape.DIAG_SLOT)
    for k in range(n - 1, -1, -1):
        value = work[b + at(code, order + k), lane] * work[at(code, diagonal + k), lane]
        for e in range(at(code, ptr + k), at(code, ptr + k + 1)):
            value -= work[at(code, slot + e), lane] * work[b + at(code, col + e), lane]
        work[b + at(code, order + k), lane] = value


@njit
def blocked(code, work, clock, lane):
    """Status of a run after a failed step: not finite, too short a step, or go on."""
    if not is_finite(code, work, clock, lane):
        return NOT_FINITE
    return OK if clock[NOW, lane] + clock[STEP, lane] > clock[NOW, lane] else STEP_UNDERFLOW
