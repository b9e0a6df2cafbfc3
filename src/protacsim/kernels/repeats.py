"""Single kernels many times in a row on one work matrix, so that calling them costs nothing.

What is timed, and against what, is decided elsewhere.
"""

from __future__ import annotations

from protacsim.kernels import tape
from protacsim.kernels.integrate import accept, take_step
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import at
from protacsim.kernels.programs import factorise, right_hand_side, shifted_jacobian


@njit
def right_hand_sides(code, work, times):
    """Rates of change at the state."""
    for _ in range(times):
        right_hand_side(code, work, at(code, tape.ROW_STATE), at(code, tape.ROW_SLOPE))


@njit
def factorisations(code, work, times):
    """The shifted Jacobian at the state, and its factors."""
    for _ in range(times):
        shifted_jacobian(code, work, at(code, tape.ROW_STATE))
        factorise(code, work)


@njit
def steps(code, factors, machine, work, rtol, times):
    """Attempted steps from the state, by the interpreted lanes or by emitted code."""
    for _ in range(times):
        take_step(code, factors, machine, work, rtol)


@njit
def accepts(code, machine, work, rtol, times):
    """New states looked at; none replaces the old one unless it was accepted."""
    for _ in range(times):
        accept(code, machine, work, rtol)
