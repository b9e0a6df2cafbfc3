"""The driver: WIDTH runs in lockstep, each with its own step, refilled as soon as one is done.

Stable interface: `integrate_batch`. No run depends on its neighbours, so that results are the same
bit for bit in any order, batch or company.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import WIDTH, load, select, store
from protacsim.kernels.programs import (
    coefficients,
    conserved_totals,
    factorise,
    observation_weights,
    observe,
    restore_totals,
    right_hand_side,
    shifted_jacobian,
)
from protacsim.kernels.rodas5p import (
    ERROR_ORDER,
    GAMMA,
    STAGES,
    error_norm,
    interpolant,
    step,
)

OK = 0
STEP_BUDGET = 1
STEP_UNDERFLOW = 2
NOT_FINITE = 3
SINGULAR = 4

EVENT_ADD = 0
EVENT_SET = 1

STEPS = 0
REJECTED = 1
FACTORISATIONS = 2
COUNTERS = 3

SAFETY = 0.9
SMALLEST_FACTOR = 0.2
LARGEST_FACTOR = 6.0
AFTER_FAILURE = 0.25
SMALLEST_PIVOT = 1e-300
IDLE = -1


@njit
def first_step(y, dy, lane, rtol, atol, span):
    """A first step on which the state of one run moves by about one percent of its scale."""
    size = 0.0
    speed = 0.0
    for s in range(atol.shape[0]):
        scale = atol[s, lane] + rtol * abs(y[s, lane])
        size += (y[s, lane] / scale) ** 2
        speed += (dy[s, lane] / scale) ** 2
    guess = 0.01 * np.sqrt(size / speed) if size > 0.0 and speed > 0.0 else 1e-6 * span
    return min(guess, span)


@njit
def next_break(event_time, t, t_end):
    """The first event after t, or the end."""
    nearest = t_end
    for e in range(event_time.size):
        if t < event_time[e] < nearest:
            nearest = event_time[e]
    return nearest


@njit
def apply_events(event_time, event_kind, event_species, event_amount, t, y, lane):
    """Add to or set amounts at time t: washouts first, so that a dose at the same time stays."""
    for kind in (EVENT_SET, EVENT_ADD):
        for e in range(event_time.size):
            if event_time[e] == t and event_kind[e] == kind:
                if kind == EVENT_SET:
                    y[event_species[e], lane] = event_amount[e]
                else:
                    y[event_species[e], lane] += event_amount[e]


@njit
def scaled_step(h, squared_error):
    """The step that should meet the tolerance, given the squared error norm of the last one."""
    if not np.isfinite(squared_error):
        return h * AFTER_FAILURE
    factor = LARGEST_FACTOR
    if squared_error > 0.0:
        factor = SAFETY * squared_error ** (-0.5 / ERROR_ORDER)
    return h * min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor))


@njit
def record_state(p, weights, y, lane, out):
    """Observables (o,) of one run at its present state."""
    for o in range(out.size):
        total = 0.0
        for e in range(p.obs_ptr[o], p.obs_ptr[o + 1]):
            total += weights[e, lane] * y[p.obs_species[e], lane]
        out[o] = total


@njit
def record_step(seen, before, after, lane, theta, out):
    """Observables (o,) of one run at fraction theta of its step."""
    for o in range(out.size):
        d0, d1, d2 = interpolant(seen, out.size, lane, o)
        inner = d0 + theta * (d1 + theta * d2)
        new = after[o, lane] + (1.0 - theta) * inner
        out[o] = (1.0 - theta) * before[o, lane] + theta * new


@njit
def is_finite(y, lane, n):
    """Whether the first n values of one run are finite."""
    for s in range(n):
        if not np.isfinite(y[s, lane]):
            return False
    return True


@njit
def clear(lane, t, t_break, h, y, coef, weights, totals, atol):
    """Let a lane without a run compute zeros."""
    t[lane] = 0.0
    t_break[lane] = 1.0
    h[lane] = 1.0
    y[: atol.shape[0], lane] = 0.0
    coef[:, lane] = 0.0
    weights[:, lane] = 0.0
    totals[:, lane] = 0.0
    atol[:, lane] = 1.0


@njit
def integrate_batch(
    p, rates, initial, start, end, event_time, event_kind, event_species, event_amount,
    times, rtol, tolerance, max_steps, out, status, reached, counters,
):  # fmt: skip
    """Integrate b runs of one network.

    rates (b, m) per h and molecule; initial (b, n) molecules; start, end (b,) h; event_time and
    event_amount (b, e), event_kind and event_species (e,); times (k,) h, ascending; tolerance
    (b, n) molecules. Filled: out (b, k, o) observables, status (b,), reached (b,) h, counters
    (b, 3): steps, rejections, factorisations. Unreached outputs stay as they were. The state at a
    dose's own time is the one just after it.
    """
    runs, n = initial.shape
    slots = p.jac_ptr.size - 1
    seen_rows = p.obs_ptr.size - 1
    y = np.zeros((n + 1 + p.mono_a.size, WIDTH))
    y_new = np.zeros((n + 1 + p.mono_a.size, WIDTH))
    y[n] = 1.0
    y_new[n] = 1.0
    u = np.zeros((STAGES * n, WIDTH))
    lu = np.zeros((slots, WIDTH))
    atol = np.ones((n, WIDTH))
    coef = np.zeros((p.coef_ptr.size - 1, WIDTH))
    totals = np.zeros((p.law_ptr.size - 1, WIDTH))
    weights = np.zeros((p.obs_species.size, WIDTH))
    seen = np.zeros((STAGES * seen_rows, WIDTH))
    before = np.zeros((seen_rows, WIDTH))
    after = np.zeros((seen_rows, WIDTH))
    scratch = np.zeros((4, WIDTH))
    shift, inverse_h, error, worst = scratch[0:1], scratch[1:2], scratch[2:3], scratch[3:4]
    accepted = np.zeros((1, WIDTH))
    t, h, t_break = np.zeros(WIDTH), np.ones(WIDTH), np.ones(WIDTH)
    run = np.full(WIDTH, IDLE)
    done = np.zeros(WIDTH, np.int64)
    starting = np.zeros(WIDTH, np.bool_)
    rejected = np.zeros(WIDTH, np.bool_)
    last = np.zeros(WIDTH, np.bool_)
    queued = 0
    active = 0
    for lane in range(WIDTH):
        queued, active = refill(
            lane, queued, active, p, rates, initial, start, end, event_time, event_kind,
            event_species, event_amount, times, tolerance, out, status, reached, counters,
            y, coef, weights, totals, atol, t, h, t_break, run, done, starting, rejected,
        )  # fmt: skip
    while active > 0:
        right_hand_side(p, coef, y, u, 0)
        for lane in range(WIDTH):
            if starting[lane]:
                h[lane] = first_step(y, u, lane, rtol, atol, t_break[lane] - t[lane])
                starting[lane] = False
            last[lane] = t[lane] + h[lane] * (1.0 + 1e-12) >= t_break[lane]
            if last[lane]:
                h[lane] = t_break[lane] - t[lane]
            inverse_h[0, lane] = 1.0 / h[lane]
            shift[0, lane] = 1.0 / (h[lane] * GAMMA)
        shifted_jacobian(p, coef, y, shift, lu)
        factorise(p, lu, worst)
        step(p, coef, lu, inverse_h, y, u, y_new)
        error_norm(u, y, y_new, rtol, atol, n, error)
        wanted = False
        for lane in range(WIDTH):
            good = run[lane] != IDLE and error[0, lane] <= 1.0 and worst[0, lane] < -SMALLEST_PIVOT
            accepted[0, lane] = 1.0 if good else 0.0
            if good and done[lane] < times.size and times[done[lane]] < t[lane] + h[lane]:
                wanted = True
        if wanted:
            observe(p, weights, y, 0, before, 0)
            observe(p, weights, y_new, 0, after, 0)
            for j in range(STAGES):
                observe(p, weights, u, j * n, seen, j * seen_rows)
        restore_totals(p, totals, y_new)
        mask = load(accepted, 0)
        for s in range(n):
            store(y, s, select(mask, load(y_new, s), load(y, s)))
        for lane in range(WIDTH):
            b = run[lane]
            if b == IDLE:
                continue
            counters[b, FACTORISATIONS] += 1
            if accepted[0, lane] == 0.0:
                counters[b, REJECTED] += 1
                code = OK
                if not is_finite(y, lane, n):
                    code = NOT_FINITE
                singular = not worst[0, lane] < -SMALLEST_PIVOT
                h[lane] = (
                    h[lane] * AFTER_FAILURE if singular else scaled_step(h[lane], error[0, lane])
                )
                if code == OK and not t[lane] + h[lane] > t[lane]:
                    code = SINGULAR if singular else STEP_UNDERFLOW
                rejected[lane] = True
            else:
                counters[b, STEPS] += 1
                t_new = t_break[lane] if last[lane] else t[lane] + h[lane]
                while done[lane] < times.size and times[done[lane]] < t_new:
                    theta = (times[done[lane]] - t[lane]) / h[lane]
                    record_step(seen, before, after, lane, theta, out[b, done[lane]])
                    done[lane] += 1
                t[lane] = t_new
                h_new = scaled_step(h[lane], error[0, lane])
                h[lane] = min(h[lane], h_new) if rejected[lane] else h_new
                rejected[lane] = False
                code = OK
                if last[lane]:
                    arrive(
                        lane, p, end, event_time, event_kind, event_species, event_amount,
                        times, out, y, weights, totals, t, t_break, run, done, starting,
                    )  # fmt: skip
            spent = counters[b, STEPS] + counters[b, REJECTED] >= max_steps
            if code == OK and spent and t[lane] < end[b]:
                code = STEP_BUDGET
            if code != OK or t[lane] >= end[b]:
                status[b] = code
                reached[b] = t[lane]
                run[lane] = IDLE
                active -= 1
                queued, active = refill(
                    lane, queued, active, p, rates, initial, start, end, event_time, event_kind,
                    event_species, event_amount, times, tolerance, out, status, reached, counters,
                    y, coef, weights, totals, atol, t, h, t_break, run, done, starting, rejected,
                )  # fmt: skip


@njit
def arrive(
    lane, p, end, event_time, event_kind, event_species, event_amount,
    times, out, y, weights, totals, t, t_break, run, done, starting,
):  # fmt: skip
    """At a breakpoint: apply what happens there, write outputs due now, and look ahead."""
    b = run[lane]
    apply_events(event_time[b], event_kind, event_species, event_amount[b], t[lane], y, lane)
    conserved_totals(p, y, lane, totals)
    while done[lane] < times.size and times[done[lane]] <= t[lane]:
        record_state(p, weights, y, lane, out[b, done[lane]])
        done[lane] += 1
    t_break[lane] = next_break(event_time[b], t[lane], end[b])
    starting[lane] = True


@njit
def refill(
    lane, queued, active, p, rates, initial, start, end, event_time, event_kind,
    event_species, event_amount, times, tolerance, out, status, reached, counters,
    y, coef, weights, totals, atol, t, h, t_break, run, done, starting, rejected,
):  # fmt: skip
    """Load the next run into a lane; a run that ends where it starts is finished at once."""
    while queued < rates.shape[0]:
        b = queued
        queued += 1
        run[lane] = b
        counters[b] = 0
        status[b] = OK
        coefficients(p, rates[b], lane, coef)
        observation_weights(p, rates[b], lane, weights)
        y[: initial.shape[1], lane] = initial[b]
        atol[:, lane] = tolerance[b]
        t[lane] = start[b]
        h[lane] = 1.0
        done[lane] = 0
        rejected[lane] = False
        arrive(
            lane, p, end, event_time, event_kind, event_species, event_amount,
            times, out, y, weights, totals, t, t_break, run, done, starting,
        )  # fmt: skip
        if t[lane] < end[b]:
            return queued, active + 1
        reached[b] = t[lane]
    run[lane] = IDLE
    starting[lane] = False
    clear(lane, t, t_break, h, y, coef, weights, totals, atol)
    return queued, active
