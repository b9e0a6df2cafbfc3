"""Executing a network's integer programs for a row of runs: rates of change, Jacobian, LU.

`p` is the tuple of program arrays; n species, c coefficients, s matrix slots. Every array of
numbers has shape (rows, WIDTH): one column per run. All outputs are passed in.
"""

from __future__ import annotations

from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import absolute, at, load, maximum, splat, store


@njit
def coefficients(p, rates, lane, out):
    """Column `lane` of the distinct coefficients (c, WIDTH), from rate constants (m,)."""
    for q in range(out.shape[0]):
        total = 0.0
        for e in range(p.coef_ptr[q], p.coef_ptr[q + 1]):
            total += p.coef_weight[e] * rates[p.coef_rate[e]]
        out[q, lane] = total


@njit
def extend(mono_a, mono_b, state, n):
    """Fill the product rows of the extended state (n species, the constant 1, products)."""
    for q in range(mono_a.size):
        store(state, n + 1 + q, load(state, at(mono_a, q)) * load(state, at(mono_b, q)))


@njit
def weighted_sums(ptr, weight, place, weights, state, out, first):
    """Rows first.. of out: sums of weight times state, by index lists of both."""
    begin = at(ptr, 0)
    for row in range(ptr.size - 1):
        finish = at(ptr, row + 1)
        total = splat(0.0)
        for e in range(begin, finish):
            total = total + load(weights, at(weight, e)) * load(state, at(place, e))
        store(out, first + row, total)
        begin = finish


@njit
def right_hand_side(p, coef, state, out, first):
    """Rows first.. of out = rate of change of the species, molecules per h; extends the state."""
    extend(p.mono_a, p.mono_b, state, p.order.size)
    weighted_sums(p.rhs_ptr, p.rhs_coef, p.rhs_state, coef, state, out, first)


@njit
def shifted_jacobian(p, coef, state, shift, out):
    """out (s, WIDTH) = shift * I - df/dy on the fill pattern; shift (1, WIDTH)."""
    weighted_sums(p.jac_ptr, p.jac_coef, p.jac_state, coef, state, out, 0)
    diagonal = load(shift, 0)
    for k in range(p.diag_slot.size):
        slot = at(p.diag_slot, k)
        store(out, slot, load(out, slot) + diagonal)


@njit
def factorise(p, lu, smallest):
    """LU factors in place of the matrix (s, WIDTH), diagonals inverted.

    smallest (1, WIDTH) becomes minus the smallest pivot's magnitude; nothing is pivoted, so the
    caller rejects the step where it is tiny or NaN.
    """
    diag_slot, l_ptr, l_slot = p.diag_slot, p.l_ptr, p.l_slot
    u_ptr, u_slot, t_slot = p.u_ptr, p.u_slot, p.t_slot
    worst = splat(-1e300)
    t = 0
    for k in range(diag_slot.size):
        pivot = load(lu, at(diag_slot, k))
        worst = maximum(worst, splat(0.0) - absolute(pivot))
        inverse = 1.0 / pivot
        store(lu, at(diag_slot, k), inverse)
        first, last = at(u_ptr, k), at(u_ptr, k + 1)
        for e in range(at(l_ptr, k), at(l_ptr, k + 1)):
            slot = at(l_slot, e)
            factor = load(lu, slot) * inverse
            store(lu, slot, factor)
            for g in range(first, last):
                target = at(t_slot, t)
                store(lu, target, load(lu, target) - factor * load(lu, at(u_slot, g)))
                t += 1
    store(smallest, 0, worst)


@njit
def solve(p, lu, b, first):
    """Overwrite rows first..first+n of b with the solution of the factored system."""
    order, diag_slot = p.order, p.diag_slot
    f_ptr, f_slot, f_col = p.f_ptr, p.f_slot, p.f_col
    u_ptr, u_slot, u_col = p.u_ptr, p.u_slot, p.u_col
    for k in range(order.size):
        row = first + at(order, k)
        value = load(b, row)
        for e in range(at(f_ptr, k), at(f_ptr, k + 1)):
            value = value - load(lu, at(f_slot, e)) * load(b, first + at(f_col, e))
        store(b, row, value)
    for k in range(order.size - 1, -1, -1):
        row = first + at(order, k)
        value = load(b, row)
        for e in range(at(u_ptr, k), at(u_ptr, k + 1)):
            value = value - load(lu, at(u_slot, e)) * load(b, first + at(u_col, e))
        store(b, row, value * load(lu, at(diag_slot, k)))


@njit
def conserved_totals(p, y, lane, totals):
    """Column `lane` of the conserved totals (laws, WIDTH)."""
    for g in range(totals.shape[0]):
        total = 0.0
        for e in range(p.law_ptr[g], p.law_ptr[g + 1]):
            total += p.law_weight[e] * y[p.law_species[e], lane]
        totals[g, lane] = total


@njit
def restore_totals(p, totals, y):
    """Put each law's round-off drift back into the one species that stands in no other law."""
    for g in range(totals.shape[0]):
        first = p.law_ptr[g]
        defect = load(totals, g)
        for e in range(first, p.law_ptr[g + 1]):
            defect = defect - p.law_weight[e] * load(y, p.law_species[e])
        species = p.law_species[first]
        store(y, species, load(y, species) + defect / p.law_weight[first])


@njit
def observation_weights(p, rates, lane, out):
    """Column `lane` of the weights (terms, WIDTH) of all observable terms."""
    for e in range(p.obs_species.size):
        rate = p.obs_rate[e]
        out[e, lane] = p.obs_weight[e] * (rates[rate] if rate >= 0 else 1.0)


@njit
def observe(p, weights, states, first, out, place):
    """Observables of rows first..first+n of states, into rows place..place+o of out."""
    for o in range(p.obs_ptr.size - 1):
        total = splat(0.0)
        for e in range(at(p.obs_ptr, o), at(p.obs_ptr, o + 1)):
            total = total + load(weights, e) * load(states, first + at(p.obs_species, e))
        store(out, place + o, total)
