"""How a run can end: its status, what to do about it, and the sentence that says so."""

from __future__ import annotations

from protacsim.kernels import records

OK = records.OK
LOST = 100
"""A point whose worker process died: no number of the run itself is behind it."""

STATUS = {
    records.OK: ("ok", ""),
    records.STEP_BUDGET: ("step_budget", "raise max_steps, or loosen rtol"),
    records.STEP_UNDERFLOW: ("step_underflow", "loosen rtol, or check for extreme rate constants"),
    records.NOT_FINITE: ("not_finite", "check for extreme rate constants or amounts"),
    records.SINGULAR: ("singular", "check for extreme rate constants"),
    LOST: ("worker_lost", "run again, with fewer workers if memory ran out"),
    records.NOT_STEADY: (
        "not_steady",
        "raise time_scale_h, or check that whatever is made is also lost",
    ),
    records.EVENT_BUDGET: ("event_budget", "raise max_events, or use an approximate method"),
    records.TOO_MANY: ("too_many_molecules", "keep amounts below 9e15 molecules per cell"),
}
"""Status of a run: its name, and what to do about it."""


def failure(status: int, time_h: float) -> str:
    """One sentence for a failed run: what happened, when, what to do."""
    name, advice = STATUS[status]
    return f"The run stopped at t = {time_h:g} h: {name.replace('_', ' ')}; {advice}."
