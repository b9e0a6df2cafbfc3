"""The driver: WIDTH runs in lockstep, each with its own step, refilled as soon as one is done.

Stable interface: `integrate_batch`, which `drivers` compiles and calls. No run depends on its
neighbours, so that results are the same bit for bit in any order, batch or company.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels import tape
from protacsim.kernels.emit import ACCEPT, ATTEMPT, OBSERVE, RATES
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import at, call, load, select, store
from protacsim.kernels.programs import (
    coefficients,
    conserved_totals,
    factorise,
    observation_weights,
    restore_totals,
    right_hand_side,
    shifted_jacobian,
)
from protacsim.kernels.records import (
    BREAK,
    DONE,
    END,
    EVENT_ADD,
    EVENT_SET,
    FACTORISATIONS,
    LAST,
    NOT_FINITE,
    NOW,
    OK,
    REJECTED,
    REPORT,
    RETRYING,
    RUN,
    SINGULAR,
    STARTING,
    STATUS,
    STEP,
    STEP_BUDGET,
    STEP_UNDERFLOW,
    STEPS,
)
from protacsim.kernels.rodas5p import error_norm, interpolated, look_inside, step
from protacsim.kernels.tableau import GAMMA

SAFETY = 0.93
SMALLEST_FACTOR, LARGEST_FACTOR, AFTER_FAILURE = 0.2, 10.0, 0.25
FIRST_MOVE = 0.01  # how far a trial step moves the state, as a share of it
FIRST_ERROR = 0.01  # of a first step by slope and curvature, in tolerances
SMALLEST_PIVOT = 1e-300
IDLE = -1


def integrate_batch(
    code, factors, machine, work, clock, book, rates, initial, tolerance, span, when, amount,
    times, rtol, max_steps, out, report, reached,
):  # fmt: skip
    """Integrate b runs of one network, packed as `code` and `factors` (see `tape`).

    `machine` holds the addresses of the network's emitted code, or zeros to interpret the tape;
    `work` (rows, width) is zero, as wide as the back end, and starts at a multiple of 64 bytes;
    `clock` and `book` come from `records.desk`.

    rates (b, m) per h and molecule; initial and tolerance (b, n) molecules; span (b, 2) first and
    last time in h; when and amount (b, e) of the events; times (k,) h, ascending. Filled: out
    (b, k, o) observables, report (b, 4) status, steps, rejections and factorisations, reached
    (b,) h. Outputs that were not reached stay as they were. The state at an event's own time is
    the one just after it.
    """
    width = work.shape[1]
    for lane in range(width):
        book[RUN, lane] = IDLE
    store_one(work, at(code, tape.ROW_STATE) + at(code, tape.SPECIES))
    queue = np.int64(0)  # a literal would be a type of its own, and `refill` compiled twice
    active = 0
    for lane in range(width):
        queue = refill(
            code, factors, rates, initial, tolerance, span, when, amount, times,
            out, report, reached, work, clock, book, lane, queue,
        )  # fmt: skip
        active += book[RUN, lane] != IDLE
    while active > 0:
        attempt(code, factors, machine, work, clock, book, times, rtol)
        for lane in range(width):
            run = book[RUN, lane]
            if run == IDLE:
                continue
            status = judge(code, work, clock, book, times, lane, out, report)
            if status == OK and clock[NOW, lane] == clock[BREAK, lane]:
                arrive(code, factors, when, amount, times, out, work, clock, book, lane)
            unfinished = clock[NOW, lane] < clock[END, lane]
            if status == OK and unfinished:
                spent = report[run, STEPS] + report[run, REJECTED]
                status = STEP_BUDGET if spent >= max_steps else OK
            if status != OK or not unfinished:
                if status == OK and not is_finite(code, work, clock, lane):
                    status = NOT_FINITE
                report[run, STATUS] = status
                reached[run] = clock[NOW, lane]
                queue = refill(
                    code, factors, rates, initial, tolerance, span, when, amount, times,
                    out, report, reached, work, clock, book, lane, queue,
                )  # fmt: skip
                active -= book[RUN, lane] == IDLE


@njit
def store_one(work, row):
    """Set a whole row to 1."""
    for lane in range(work.shape[1]):
        work[row, lane] = 1.0


@njit
def attempt(code, factors, machine, work, clock, book, times, rtol):
    """One step of every lane; where it is good, the new state replaces the old one."""
    starting = False
    for lane in range(work.shape[1]):
        starting |= book[STARTING, lane] == 1
    if starting:
        first_steps(code, machine, work, clock, book, rtol)
    for lane in range(work.shape[1]):
        choose_step(code, work, clock, book, lane)
    take_step(code, factors, machine, work, rtol)
    wanted = False
    for lane in range(work.shape[1]):
        error = work[at(code, tape.ROW_ERROR), lane]
        pivot = work[at(code, tape.ROW_PIVOT), lane]
        good = book[RUN, lane] != IDLE and error <= 1.0 and pivot < -SMALLEST_PIVOT
        work[at(code, tape.ROW_ACCEPTED), lane] = 1.0 if good else 0.0
        done = book[DONE, lane]
        if good and done < times.size and times[done] < finish_of(clock, book, lane):
            wanted = True
    if wanted:
        observe_step(code, factors, machine, work, rtol)
    accept(code, machine, work, rtol)


@njit
def rates_of_change(code, machine, work, rtol):
    """Slope = rate of change of the present states."""
    if machine[RATES] != 0:
        call(machine[RATES], work, rtol)
    else:
        right_hand_side(code, work, at(code, tape.ROW_STATE), at(code, tape.ROW_SLOPE))


@njit
def take_step(code, factors, machine, work, rtol):
    """New states with their totals restored, and their errors, by the step sizes at hand."""
    if machine[ATTEMPT] != 0:
        call(machine[ATTEMPT], work, rtol)
        return
    shifted_jacobian(code, work, at(code, tape.ROW_STATE))
    factorise(code, work)
    step(code, work)
    error_norm(code, work, rtol)
    restore_totals(code, factors, work)


@njit
def accept(code, machine, work, rtol):
    """Replace the old states by the new ones where a step is good."""
    if machine[ACCEPT] != 0:
        call(machine[ACCEPT], work, rtol)
        return
    state, new = at(code, tape.ROW_STATE), at(code, tape.ROW_NEW)
    accepted = load(work, at(code, tape.ROW_ACCEPTED))
    for s in range(at(code, tape.SPECIES)):
        store(work, state + s, select(accepted, load(work, new + s), load(work, state + s)))


@njit
def choose_step(code, work, clock, book, lane):
    """Bound a lane's step by its next breakpoint."""
    left = clock[BREAK, lane] - clock[NOW, lane]
    book[LAST, lane] = clock[STEP, lane] * (1.0 + 1e-12) >= left
    if book[LAST, lane]:
        clock[STEP, lane] = left
    work[at(code, tape.ROW_INVERSE_H), lane] = 1.0 / clock[STEP, lane]
    work[at(code, tape.ROW_SHIFT), lane] = 1.0 / (clock[STEP, lane] * GAMMA)


@njit
def first_steps(code, machine, work, clock, book, rtol):
    """A step for each lane that starts anew, by slope and curvature of its state.

    The curvature comes from a trial step of Euler, which needs no Jacobian. Source: Hairer,
    Norsett and Wanner, Solving Ordinary Differential Equations I, section II.4, for order three.
    """
    width = work.shape[1]
    rates_of_change(code, machine, work, rtol)
    for lane in range(width):
        if book[STARTING, lane] == 1:
            clock[STEP, lane] = trial_step(code, work, clock, lane, rtol)
    rates_of_change(code, machine, work, rtol)
    for lane in range(width):
        if book[STARTING, lane] == 1:
            clock[STEP, lane] = first_step(code, work, clock, lane, rtol)
            book[STARTING, lane] = 0


@njit
def trial_step(code, work, clock, lane, rtol):
    """Move the state of a lane by a share of its size; what it was is put by with its slope."""
    n, state, new = at(code, tape.SPECIES), at(code, tape.ROW_STATE), at(code, tape.ROW_NEW)
    speed, before = at(code, tape.ROW_SLOPE), at(code, tape.ROW_STAGES)
    size, slope = norm(code, work, state, lane, rtol), norm(code, work, speed, lane, rtol)
    left = clock[BREAK, lane] - clock[NOW, lane]
    h = FIRST_MOVE * size / slope if size > 0.0 and slope > 0.0 else 1e-6 * left
    h = min(h, left)
    for s in range(n):
        work[new + s, lane] = work[state + s, lane]
        work[before + s, lane] = work[speed + s, lane]
        work[state + s, lane] += h * work[speed + s, lane]
    return h


@njit
def first_step(code, work, clock, lane, rtol):
    """Put the state of a lane back; a step on which slope and curvature make a small error."""
    n, state, new = at(code, tape.SPECIES), at(code, tape.ROW_STATE), at(code, tape.ROW_NEW)
    speed, before = at(code, tape.ROW_SLOPE), at(code, tape.ROW_STAGES)
    trial = clock[STEP, lane]
    for s in range(n):
        work[state + s, lane] = work[new + s, lane]
        work[speed + s, lane] -= work[before + s, lane]
    curve = norm(code, work, speed, lane, rtol) / trial
    steepest = max(norm(code, work, before, lane, rtol), curve)
    if not (steepest > 0.0 and np.isfinite(steepest)):
        return trial
    left = clock[BREAK, lane] - clock[NOW, lane]
    return min(left, 100.0 * trial, np.sqrt(np.sqrt(FIRST_ERROR / steepest)))


@njit
def norm(code, work, row, lane, rtol):
    """Root mean square of a lane's rows from `row` on, in tolerances at its present state."""
    state, atol = at(code, tape.ROW_STATE), at(code, tape.ROW_ATOL)
    total = 0.0
    for s in range(at(code, tape.SPECIES)):
        scale = work[atol + s, lane] + rtol * abs(work[state + s, lane])
        total += (work[row + s, lane] / scale) ** 2
    return np.sqrt(total / at(code, tape.SPECIES))


@njit
def finish_of(clock, book, lane):
    """Where a lane's step ends; the last one to a breakpoint ends on it to the last bit."""
    return clock[BREAK, lane] if book[LAST, lane] else clock[NOW, lane] + clock[STEP, lane]


@njit
def observe_step(code, factors, machine, work, rtol):
    """Observables of the step's start, end and inside, for outputs between the two."""
    if machine[OBSERVE] != 0:
        call(machine[OBSERVE], work, rtol)
        return
    look_inside(code, factors, work)


@njit
def judge(code, work, clock, book, times, lane, out, report):
    """After an attempt: write a lane's outputs up to its end, and go on from there, or shrink."""
    if work[at(code, tape.ROW_ACCEPTED), lane] != 0.0:
        write_outputs(code, work, clock, book, times, lane, out)
    return advance(code, work, clock, book, lane, report)


@njit
def write_outputs(code, work, clock, book, times, lane, out):
    """Outputs that are due inside a good step."""
    run = book[RUN, lane]
    begin, h = clock[NOW, lane], clock[STEP, lane]
    finish = finish_of(clock, book, lane)
    while book[DONE, lane] < times.size and times[book[DONE, lane]] < finish:
        theta = (times[book[DONE, lane]] - begin) / h
        for o in range(at(code, tape.OBSERVABLES)):
            out[run, book[DONE, lane], o] = interpolated(code, work, lane, o, theta)
        book[DONE, lane] += 1


@njit
def advance(code, work, clock, book, lane, report):
    """After an attempt: the time and the next step of a lane, and its status."""
    run, h = book[RUN, lane], clock[STEP, lane]
    report[run, FACTORISATIONS] += 1
    if work[at(code, tape.ROW_ACCEPTED), lane] == 0.0:
        report[run, REJECTED] += 1
        book[RETRYING, lane] = 1
        return shrink(code, work, clock, lane)
    report[run, STEPS] += 1
    clock[NOW, lane] = finish_of(clock, book, lane)
    larger = scaled_step(code, work, lane, h)
    clock[STEP, lane] = min(h, larger) if book[RETRYING, lane] == 1 else larger
    book[RETRYING, lane] = 0
    return OK


@njit
def shrink(code, work, clock, lane):
    """A smaller step after a failed attempt, or the status that says why there is none."""
    if not is_finite(code, work, clock, lane):
        return NOT_FINITE
    singular = work[at(code, tape.ROW_PIVOT), lane] >= -SMALLEST_PIVOT
    h = clock[STEP, lane]
    clock[STEP, lane] = h * AFTER_FAILURE if singular else scaled_step(code, work, lane, h)
    if clock[NOW, lane] + clock[STEP, lane] > clock[NOW, lane]:
        return OK
    if singular:
        return SINGULAR
    return STEP_UNDERFLOW if np.isfinite(work[at(code, tape.ROW_ERROR), lane]) else NOT_FINITE


@njit
def is_finite(code, work, clock, lane):
    """Whether a lane's time and state are numbers; a dose that is none shows at its own time."""
    state = at(code, tape.ROW_STATE)
    finite = np.isfinite(clock[NOW, lane])
    for s in range(at(code, tape.SPECIES)):
        finite &= np.isfinite(work[state + s, lane])
    return finite


@njit
def scaled_step(code, work, lane, h):
    """The step that should meet the tolerance, given the last one and its error."""
    if not np.isfinite(work[at(code, tape.ROW_ERROR), lane]):
        return h * AFTER_FAILURE
    factor = SAFETY * work[at(code, tape.ROW_FACTOR), lane]
    return h * min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor))


@njit
def arrive(code, factors, when, amount, times, out, work, clock, book, lane):
    """At a breakpoint: apply what happens there, write outputs due now, and look ahead."""
    run, now = book[RUN, lane], clock[NOW, lane]
    state = at(code, tape.ROW_STATE)
    apply_events(code, when, amount, run, now, work, lane)
    conserved_totals(code, factors, work, lane)
    while book[DONE, lane] < times.size and times[book[DONE, lane]] <= now:
        for o in range(at(code, tape.OBSERVABLES)):
            out[run, book[DONE, lane], o] = observed(code, work, state, o, lane)
        book[DONE, lane] += 1
    clock[BREAK, lane] = clock[END, lane]
    for e in range(at(code, tape.EVENTS)):
        if now < when[run, e] < clock[BREAK, lane]:
            clock[BREAK, lane] = when[run, e]
    book[STARTING, lane] = 1


@njit
def apply_events(code, when, amount, run, now, work, lane):
    """Add or set amounts: what is set comes first, so that a dose at the same time stays."""
    kind_of, species_of = at(code, tape.EVENT_KIND), at(code, tape.EVENT_SPECIES)
    for kind in (EVENT_SET, EVENT_ADD):
        for e in range(at(code, tape.EVENTS)):
            if when[run, e] == now and at(code, kind_of + e) == kind:
                row = at(code, tape.ROW_STATE) + at(code, species_of + e)
                before = 0.0 if kind == EVENT_SET else work[row, lane]
                work[row, lane] = before + amount[run, e]


@njit
def observed(code, work, state, o, lane):
    """Observable o of one run at its present state."""
    ptr, species = at(code, tape.OBS_PTR), at(code, tape.OBS_SPECIES)
    weights = at(code, tape.ROW_WEIGHTS)
    total = 0.0
    for e in range(at(code, ptr + o), at(code, ptr + o + 1)):
        total += work[weights + e, lane] * work[state + at(code, species + e), lane]
    return total


@njit
def refill(
    code, factors, rates, initial, tolerance, span, when, amount, times,
    out, report, reached, work, clock, book, lane, queue,
):  # fmt: skip
    """Load the next run into a lane, or leave it idle; returns the new front of the queue."""
    state, atol = at(code, tape.ROW_STATE), at(code, tape.ROW_ATOL)
    while queue < rates.shape[0]:
        run = queue
        queue += 1
        book[RUN, lane] = run
        book[DONE, lane] = 0
        book[RETRYING, lane] = 0
        for column in range(REPORT):
            report[run, column] = 0
        coefficients(code, factors, rates, run, work, lane)
        observation_weights(code, factors, rates, run, work, lane)
        for s in range(at(code, tape.SPECIES)):
            work[state + s, lane] = initial[run, s]
            work[atol + s, lane] = tolerance[run, s]
        clock[NOW, lane] = span[run, 0]
        clock[END, lane] = span[run, 1]
        arrive(code, factors, when, amount, times, out, work, clock, book, lane)
        if clock[NOW, lane] < clock[END, lane]:
            return queue
        report[run, STATUS] = OK if is_finite(code, work, clock, lane) else NOT_FINITE
        reached[run] = clock[NOW, lane]
    retire(code, work, clock, book, lane)
    return queue


@njit
def retire(code, work, clock, book, lane):
    """Let a lane without a run compute zeros."""
    for row in range(work.shape[0]):
        work[row, lane] = 0.0
    work[at(code, tape.ROW_STATE) + at(code, tape.SPECIES), lane] = 1.0
    for s in range(at(code, tape.SPECIES)):
        work[at(code, tape.ROW_ATOL) + s, lane] = 1.0
    book[RUN, lane] = IDLE
    book[STARTING, lane] = 0
    clock[NOW, lane] = 0.0
    clock[STEP, lane] = 1.0
    clock[BREAK, lane] = 2.0
    clock[END, lane] = 2.0
