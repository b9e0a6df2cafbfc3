"""Executing a network's programs for a row of runs: rates of change, Jacobian, LU, read-outs.

`code` and `factors` are the tape, `work` the matrix of rows (see `tape`). A state occupies the rows
from `state` on: n species, the constant 1, and the products of species that reactions need. So does
a move of the state, without the constant.
"""

from __future__ import annotations

from protacsim.kernels import tape
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import absolute, at, fma, fnma, load, maximum, select, splat, store


@njit
def weighted_sums(code, ptr, rows, weight, place, work, state, out):
    """Rows out.. of work: sums of weight times state, by index lists of both."""
    begin = at(code, ptr)
    for row in range(rows):
        finish = at(code, ptr + row + 1)
        total = splat(0.0)
        for e in range(begin, finish):
            factor = load(work, at(code, weight + e))
            total = fma(factor, load(work, state + at(code, place + e)), total)
        store(work, out + row, total)
        begin = finish


@njit
def right_hand_side(code, work, state, out):
    """Rows out.. = rate of change of the species at `state`, molecules per h; adds the products."""
    multiply_pairs(code, work, state)
    ptr, coef, place = at(code, tape.RHS_PTR), at(code, tape.RHS_COEF), at(code, tape.RHS_STATE)
    weighted_sums(code, ptr, at(code, tape.SPECIES), coef, place, work, state, out)


@njit
def multiply_pairs(code, work, state):
    """The products of species that reactions need, below their factors."""
    mono_a, mono_b = at(code, tape.MONO_A), at(code, tape.MONO_B)
    out = state + at(code, tape.SPECIES) + 1
    for q in range(at(code, tape.PRODUCTS)):
        a, b = at(code, mono_a + q), at(code, mono_b + q)
        store(work, out + q, load(work, state + a) * load(work, state + b))


@njit
def moved_side(code, work, move, out):
    """Rows out.. = slope + out / h + what the products of a move add to the rates of change."""
    multiply_pairs(code, work, move)
    ptr, product = at(code, tape.RHS_PTR), at(code, tape.RHS_PRODUCT)
    coef, place = at(code, tape.RHS_COEF), at(code, tape.RHS_STATE)
    slope = at(code, tape.ROW_SLOPE)
    inverse_h = load(work, at(code, tape.ROW_INVERSE_H))
    for s in range(at(code, tape.SPECIES)):
        total = fma(load(work, out + s), inverse_h, load(work, slope + s))
        for e in range(at(code, product + s), at(code, ptr + s + 1)):
            factor = load(work, at(code, coef + e))
            total = fma(factor, load(work, move + at(code, place + e)), total)
        store(work, out + s, total)


@njit
def shifted_jacobian(code, work, state):
    """LU rows = shift * I - df/dy at `state`, on the fill pattern."""
    ptr, coef, place = at(code, tape.JAC_PTR), at(code, tape.JAC_COEF), at(code, tape.JAC_STATE)
    slots, out = at(code, tape.SLOTS), at(code, tape.ROW_LU)
    weighted_sums(code, ptr, slots, coef, place, work, state, out)
    shift = load(work, at(code, tape.ROW_SHIFT))
    diagonal = at(code, tape.DIAG_SLOT)
    for k in range(at(code, tape.SPECIES)):
        row = at(code, diagonal + k)
        store(work, row, load(work, row) + shift)


@njit
def factorise(code, work):
    """Factors L D U in place of the matrix: L and U have ones on the diagonal, D is inverted.

    So a sum in `solve` that waits for another waits for no multiplication. The pivot row becomes
    minus the smallest pivot's magnitude; nothing is pivoted, so the caller rejects the step where
    it is tiny or NaN.
    """
    diag_slot, l_ptr, l_slot = at(code, tape.DIAG_SLOT), at(code, tape.L_PTR), at(code, tape.L_SLOT)
    u_ptr, u_slot, t = at(code, tape.U_PTR), at(code, tape.U_SLOT), at(code, tape.T_SLOT)
    worst = splat(-1e300)
    for k in range(at(code, tape.SPECIES)):
        diagonal = at(code, diag_slot + k)
        pivot = load(work, diagonal)
        worst = maximum(worst, splat(0.0) - absolute(pivot))
        inverse = 1.0 / pivot
        store(work, diagonal, inverse)
        first, last = at(code, u_ptr + k), at(code, u_ptr + k + 1)
        for g in range(first, last):
            right = at(code, u_slot + g)
            store(work, right, load(work, right) * inverse)
        for e in range(at(code, l_ptr + k), at(code, l_ptr + k + 1)):
            below = at(code, l_slot + e)
            factor = load(work, below)
            store(work, below, factor * inverse)
            for g in range(first, last):
                target = at(code, t)
                right = load(work, at(code, u_slot + g))
                store(work, target, fnma(factor, right, load(work, target)))
                t += 1
    store(work, at(code, tape.ROW_PIVOT), worst)


@njit
def solve(code, work, b):
    """Overwrite the n rows b.. with the solution of the factored system."""
    n, order = at(code, tape.SPECIES), at(code, tape.ORDER)
    ptr, slot, col = at(code, tape.F_PTR), at(code, tape.F_SLOT), at(code, tape.F_COL)
    for k in range(n):
        row = b + at(code, order + k)
        value = load(work, row)
        for e in range(at(code, ptr + k), at(code, ptr + k + 1)):
            known = load(work, b + at(code, col + e))
            value = fnma(load(work, at(code, slot + e)), known, value)
        store(work, row, value)
    ptr, slot, col = at(code, tape.U_PTR), at(code, tape.U_SLOT), at(code, tape.U_COL)
    diagonal = at(code, tape.DIAG_SLOT)
    for k in range(n - 1, -1, -1):
        row = b + at(code, order + k)
        value = load(work, row) * load(work, at(code, diagonal + k))
        for e in range(at(code, ptr + k), at(code, ptr + k + 1)):
            known = load(work, b + at(code, col + e))
            value = fnma(load(work, at(code, slot + e)), known, value)
        store(work, row, value)


@njit
def coefficients(code, factors, rates, run, work, lane):
    """One run's distinct coefficients, from its rate constants (row `run` of rates)."""
    ptr, rate, out = at(code, tape.COEF_PTR), at(code, tape.COEF_RATE), at(code, tape.ROW_COEF)
    weight = at(code, tape.COEF_WEIGHT)
    for q in range(at(code, tape.COEFFICIENTS)):
        total = 0.0
        for e in range(at(code, ptr + q), at(code, ptr + q + 1)):
            total += factors[weight + e] * rates[run, at(code, rate + e)]
        work[out + q, lane] = total


@njit
def observation_weights(code, factors, rates, run, work, lane):
    """One run's weights of all observable terms: constant, or times a rate constant."""
    rate, weight, out = (
        at(code, tape.OBS_RATE),
        at(code, tape.OBS_WEIGHT),
        at(code, tape.ROW_WEIGHTS),
    )
    for e in range(at(code, tape.TERMS)):
        named = at(code, rate + e)
        work[out + e, lane] = factors[weight + e] * (rates[run, named] if named >= 0 else 1.0)


@njit
def conserved_totals(code, factors, work, lane):
    """One run's conserved totals at its present state."""
    ptr, species, weight = (
        at(code, tape.LAW_PTR),
        at(code, tape.LAW_SPECIES),
        at(code, tape.LAW_WEIGHT),
    )
    state, out = at(code, tape.ROW_STATE), at(code, tape.ROW_TOTALS)
    for g in range(at(code, tape.LAWS)):
        total = 0.0
        for e in range(at(code, ptr + g), at(code, ptr + g + 1)):
            total += factors[weight + e] * work[state + at(code, species + e), lane]
        work[out + g, lane] = total


@njit
def restore_totals(code, factors, work):
    """Put the drift of the totals back into the new states that have drifted."""
    new = at(code, tape.ROW_NEW)
    store(work, at(code, tape.ROW_DRIFTED), drift_beyond(code, factors, work, new, 1.0, tape.DRIFT))
    if any_drifted(code, work):
        share_out_drift(code, factors, work, new, 1.0)


@njit
def drift_beyond(code, factors, work, rows, kept, least):
    """How far sums over `rows`.. are from `kept` times the totals, beyond a share of these."""
    totals = at(code, tape.ROW_TOTALS)
    worst = splat(0.0)
    for g in range(at(code, tape.LAWS)):
        total = load(work, totals + g)
        drift = absolute(lacking(code, factors, work, g, rows, kept * total))
        worst = maximum(drift - least * absolute(total), worst)
    return worst


@njit
def any_drifted(code, work):
    """Whether any run is marked as drifted."""
    row, found = at(code, tape.ROW_DRIFTED), False
    for lane in range(work.shape[1]):
        found |= work[row, lane] > 0.0
    return found


@njit
def lacking(code, factors, work, g, rows, wanted):
    """What the sum of law g over `rows`.. lacks of the wanted one."""
    ptr, species, weight = (
        at(code, tape.LAW_PTR),
        at(code, tape.LAW_SPECIES),
        at(code, tape.LAW_WEIGHT),
    )
    for e in range(at(code, ptr + g), at(code, ptr + g + 1)):
        wanted = fnma(factors[weight + e], load(work, rows + at(code, species + e)), wanted)
    return wanted


@njit
def share_out_drift(code, factors, work, rows, kept):
    """Bring sums over `rows`.. of marked runs to `kept` times the totals: 1 states, 0 changes.

    Every species takes a share by what it holds of the total in the new state, so that none
    moves, relative to its amount, by more than the total did. Laws that share species may leave a
    rest. Beyond `tape.STAGE_DRIFT` of the total it goes to the one species that stands in no
    other law, which may be so small that less would harm it.
    """
    for g in range(at(code, tape.LAWS)):
        share_out_one(code, factors, work, g, rows, kept)
    ptr, species, weight = (
        at(code, tape.LAW_PTR),
        at(code, tape.LAW_SPECIES),
        at(code, tape.LAW_WEIGHT),
    )
    drifted = load(work, at(code, tape.ROW_DRIFTED))
    for g in range(at(code, tape.LAWS)):
        first, total = at(code, ptr + g), load(work, at(code, tape.ROW_TOTALS) + g)
        rest = lacking(code, factors, work, g, rows, kept * total)
        beyond = maximum(absolute(rest) - tape.STAGE_DRIFT * absolute(total), splat(0.0))
        share = select(beyond, rest / factors[weight + first], splat(0.0))
        row = rows + at(code, species + first)
        store(work, row, load(work, row) + select(drifted, share, splat(0.0)))


@njit
def share_out_one(code, factors, work, g, rows, kept):
    """The drift of one law, to its species in proportion."""
    ptr, species, weight = (
        at(code, tape.LAW_PTR),
        at(code, tape.LAW_SPECIES),
        at(code, tape.LAW_WEIGHT),
    )
    first, last = at(code, ptr + g), at(code, ptr + g + 1)
    new = at(code, tape.ROW_NEW)
    total = load(work, at(code, tape.ROW_TOTALS) + g)
    drift = lacking(code, factors, work, g, rows, kept * total)
    held = splat(0.0)
    for e in range(first, last):
        amount = absolute(load(work, new + at(code, species + e)))
        held = fma(abs(factors[weight + e]), amount, held)
    share = select(held, drift / held, splat(0.0))
    share = select(load(work, at(code, tape.ROW_DRIFTED)), share, splat(0.0))
    for e in range(first, last):
        s = at(code, species + e)
        part = share if factors[weight + e] > 0.0 else splat(0.0) - share
        store(work, rows + s, fma(part, absolute(load(work, new + s)), load(work, rows + s)))


@njit
def observe(code, work, state, out):
    """Rows out.. = observables of the species at `state`."""
    ptr, species = at(code, tape.OBS_PTR), at(code, tape.OBS_SPECIES)
    weights = at(code, tape.ROW_WEIGHTS)
    for o in range(at(code, tape.OBSERVABLES)):
        total = splat(0.0)
        for e in range(at(code, ptr + o), at(code, ptr + o + 1)):
            amount = load(work, state + at(code, species + e))
            total = fma(load(work, weights + e), amount, total)
        store(work, out + o, total)
