"""Executing a network's integer programs for one run: coefficients, rates of change, LU.

`p` is the tuple of program arrays; n species, c coefficients, s matrix slots. All outputs are
passed in.
"""

from __future__ import annotations

from protacsim.kernels.jit import njit

SMALLEST_PIVOT = 1e-300


@njit
def coefficients(p, rates, out):
    """Distinct coefficients (c,) from rate constants (m,)."""
    for q in range(out.size):
        total = 0.0
        for e in range(p.coef_ptr[q], p.coef_ptr[q + 1]):
            total += p.coef_weight[e] * rates[p.coef_rate[e]]
        out[q] = total


@njit
def right_hand_side(p, coef, y, dy):
    """dy (n,) = rate of change of y (n,), molecules per h."""
    dy[:] = 0.0
    for e in range(p.const_row.size):
        dy[p.const_row[e]] += coef[p.const_coef[e]]
    for e in range(p.lin_row.size):
        dy[p.lin_row[e]] += coef[p.lin_coef[e]] * y[p.lin_col[e]]
    for e in range(p.bil_row.size):
        q = p.bil_mono[e]
        dy[p.bil_row[e]] += coef[p.bil_coef[e]] * (y[p.mono_a[q]] * y[p.mono_b[q]])


@njit
def negative_jacobian(p, coef, y, out):
    """out (s,) = -df/dy on the fill pattern."""
    out[:] = 0.0
    for e in range(p.jac_lin_slot.size):
        out[p.jac_lin_slot[e]] -= coef[p.jac_lin_coef[e]]
    for e in range(p.jac_bil_slot.size):
        factor = p.jac_bil_factor[e] * y[p.jac_bil_species[e]]
        out[p.jac_bil_slot[e]] -= coef[p.jac_bil_coef[e]] * factor


@njit
def factorise(p, jac, shift, lu):
    """LU factors (s,) of `shift * I + jac`; diagonals inverted. False at a vanishing pivot."""
    lu[:] = jac
    for k in range(p.order.size):
        lu[p.diag_slot[k]] += shift
    t = 0
    for k in range(p.order.size):
        pivot = lu[p.diag_slot[k]]
        if not abs(pivot) > SMALLEST_PIVOT:
            return False
        inverse = 1.0 / pivot
        lu[p.diag_slot[k]] = inverse
        for e in range(p.l_ptr[k], p.l_ptr[k + 1]):
            factor = lu[p.l_slot[e]] * inverse
            lu[p.l_slot[e]] = factor
            for g in range(p.u_ptr[k], p.u_ptr[k + 1]):
                lu[p.t_slot[t]] -= factor * lu[p.u_slot[g]]
                t += 1
    return True


@njit
def solve(p, lu, b):
    """Overwrite b (n,) with the solution of the factored system."""
    for k in range(p.order.size):
        value = b[p.order[k]]
        for e in range(p.l_ptr[k], p.l_ptr[k + 1]):
            b[p.l_row[e]] -= lu[p.l_slot[e]] * value
    for k in range(p.order.size - 1, -1, -1):
        value = b[p.order[k]]
        for e in range(p.u_ptr[k], p.u_ptr[k + 1]):
            value -= lu[p.u_slot[e]] * b[p.u_col[e]]
        b[p.order[k]] = value * lu[p.diag_slot[k]]


@njit
def conserved_totals(p, y, totals):
    """Totals (laws,) of the conservation laws at y (n,)."""
    for g in range(totals.size):
        total = 0.0
        for e in range(p.law_ptr[g], p.law_ptr[g + 1]):
            total += p.law_weight[e] * y[p.law_species[e]]
        totals[g] = total


@njit
def restore_totals(p, totals, y):
    """Put each law's round-off drift back into the one species that stands in no other law."""
    for g in range(totals.size):
        first = p.law_ptr[g]
        total = 0.0
        for e in range(first, p.law_ptr[g + 1]):
            total += p.law_weight[e] * y[p.law_species[e]]
        y[p.law_species[first]] += (totals[g] - total) / p.law_weight[first]


@njit
def observe(p, rates, y, out):
    """Observables (o,) at state y (n,)."""
    for o in range(out.size):
        total = 0.0
        for e in range(p.obs_ptr[o], p.obs_ptr[o + 1]):
            value = p.obs_weight[e] * y[p.obs_species[e]]
            if p.obs_rate[e] >= 0:
                value *= rates[p.obs_rate[e]]
            total += value
        out[o] = total
