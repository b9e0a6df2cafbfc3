"""The driver: adaptive steps through doses and washouts, for a batch of runs of one network.

Stable interface: `integrate_batch`. Every run is independent of its neighbours.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit
from protacsim.kernels.programs import (
    coefficients,
    conserved_totals,
    factorise,
    negative_jacobian,
    observe,
    restore_totals,
    right_hand_side,
)
from protacsim.kernels.rodas5p import (
    ERROR_ORDER,
    GAMMA,
    STAGES,
    error_norm,
    interpolate,
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


@njit
def first_step(p, coef, y, rtol, atol, span, dy):
    """A first step on which the state moves by about one percent of its scale."""
    right_hand_side(p, coef, y, dy)
    size = 0.0
    speed = 0.0
    for s in range(y.size):
        scale = atol[s] + rtol * abs(y[s])
        size += (y[s] / scale) ** 2
        speed += (dy[s] / scale) ** 2
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
def apply_events(event_time, event_kind, event_species, event_amount, t, y):
    """Add to or set amounts at time t: washouts first, so that a dose at the same time stays."""
    for kind in (EVENT_SET, EVENT_ADD):
        for e in range(event_time.size):
            if event_time[e] == t and event_kind[e] == kind:
                if kind == EVENT_SET:
                    y[event_species[e]] = event_amount[e]
                else:
                    y[event_species[e]] += event_amount[e]


@njit
def all_finite(values):
    """Whether no value is NaN or infinite."""
    for s in range(values.size):
        if not np.isfinite(values[s]):
            return False
    return True


@njit
def scaled_step(h, error):
    """The step that should meet the tolerance, given the error of the last one."""
    if not np.isfinite(error):
        return h * AFTER_FAILURE
    factor = LARGEST_FACTOR
    if error > 0.0:
        factor = SAFETY * error ** (-1.0 / ERROR_ORDER)
    return h * min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor))


@njit
def integrate(
    p, rates, y, t, t_end, events, times, rtol, atol, max_steps, work, out_obs, out_state, counters
):
    """One run from t to t_end. y (n,) is overwritten; returns (status, time reached).

    times (k,) ascending; out_obs (k, o) and out_state (k, n or 0) are filled up to the time
    reached. The state at a dose's own time is the one just after it.
    """
    coef, jac, lu, dy, u, y_new, mid, totals = work
    event_time, event_kind, event_species, event_amount = events
    coefficients(p, rates, coef)
    done = 0
    while True:
        apply_events(event_time, event_kind, event_species, event_amount, t, y)
        conserved_totals(p, y, totals)
        while done < times.size and times[done] <= t:
            record(p, rates, y, out_obs[done], out_state[done])
            done += 1
        if t >= t_end:
            return OK, t
        t_break = next_break(event_time, t, t_end)
        h = first_step(p, coef, y, rtol, atol, t_break - t, dy)
        fresh = False
        rejected = False
        while t < t_break:
            if counters[STEPS] + counters[REJECTED] >= max_steps:
                return STEP_BUDGET, t
            if not t + h > t:
                return STEP_UNDERFLOW, t
            last = t + h * (1.0 + 1e-12) >= t_break
            if last:
                h = t_break - t
            if not fresh:
                negative_jacobian(p, coef, y, jac)
                fresh = True
            counters[FACTORISATIONS] += 1
            if not factorise(p, jac, 1.0 / (h * GAMMA), lu):
                if not all_finite(jac):
                    return NOT_FINITE, t
                counters[REJECTED] += 1
                h *= AFTER_FAILURE
                continue
            step(p, coef, lu, h, y, dy, u, y_new)
            error = error_norm(u, y, y_new, rtol, atol)
            if not error <= 1.0:
                counters[REJECTED] += 1
                rejected = True
                h = scaled_step(h, error)
                continue
            counters[STEPS] += 1
            t_new = t_break if last else t + h
            while done < times.size and times[done] < t_new:
                interpolate(u, y, y_new, (times[done] - t) / h, mid)
                record(p, rates, mid, out_obs[done], out_state[done])
                done += 1
            restore_totals(p, totals, y_new)
            y[:] = y_new
            if not all_finite(y):
                return NOT_FINITE, t
            t = t_new
            fresh = False
            h_new = scaled_step(h, error)
            h = min(h, h_new) if rejected else h_new
            rejected = False


@njit
def record(p, rates, y, out_obs, out_state):
    """Write observables, and the state where it is asked for."""
    observe(p, rates, y, out_obs)
    for s in range(out_state.size):
        out_state[s] = y[s]


@njit
def integrate_batch(
    p, rates, initial, start, end, event_time, event_kind, event_species, event_amount,
    times, rtol, atol, max_steps, out_obs, out_state, status, reached, counters,
):  # fmt: skip
    """Integrate b runs of one network, each on its own.

    rates (b, m) per h and molecule; initial (b, n) molecules; start, end (b,) h; event_time and
    event_amount (b, e), event_kind and event_species (e,); times (k,) h; atol (b, n) molecules.
    Filled: out_obs (b, k, o), out_state (b, k, n) or (b, k, 0), status (b,), reached (b,) h,
    counters (b, 3): steps, rejections, factorisations. Unreached outputs stay as they were.
    """
    n = initial.shape[1]
    work = (
        np.empty(p.coef_ptr.size - 1),
        np.empty(p.order.size + p.l_slot.size + p.u_slot.size),
        np.empty(p.order.size + p.l_slot.size + p.u_slot.size),
        np.empty(n),
        np.empty((STAGES, n)),
        np.empty(n),
        np.empty(n),
        np.empty(p.law_ptr.size - 1),
    )
    y = np.empty(n)
    for b in range(rates.shape[0]):
        y[:] = initial[b]
        counters[b] = 0
        events = (event_time[b], event_kind, event_species, event_amount[b])
        status[b], reached[b] = integrate(
            p, rates[b], y, start[b], end[b], events, times, rtol, atol[b], max_steps,
            work, out_obs[b], out_state[b], counters[b],
        )  # fmt: skip
