"""How deviations from a moving mean are carried over a span of time, and the noise they gather.

The transition of a linear process over [a, b] is integrated backwards from b, where it is the
identity: what relaxes fast dies out within a few steps and is gone. The noise is an integral along
the way. The mean comes from the caller, as values and slopes at knots, which lie close enough
wherever it bends.

A matrix of n columns is kept as blocks of WIDTH columns, n rows each, one below the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protacsim.kernels import randomness
from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import WIDTH, fma, fnma, load, splat, store
from protacsim.kernels.records import NOT_FINITE, OK, SINGULAR, STEP_BUDGET
from protacsim.kernels.tableau import ERROR_ORDER, GAMMA, PUBLISHED_H, STAGES, A, C

# Rodas5P where the matrix itself depends on time: nodes of the stages, and sums of their gammas.
_GAMMAS = np.linalg.inv(np.eye(STAGES) / GAMMA - C[:STAGES])
NODES = (A[:STAGES] @ _GAMMAS).sum(axis=1)
SHIFTS = _GAMMAS.sum(axis=1)
AT_END = 5  # this stage and those after it look at the end of the step

# The noise of a step from three places inside it (Gauss and Legendre).
PLACES, WEIGHTS = np.polynomial.legendre.leggauss(3)
PLACES, WEIGHTS = 0.5 * (PLACES + 1.0), 0.5 * WEIGHTS

SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR = 0.9, 0.2, 6.0
FIRST_STEP = 1.0  # over the norm of the matrix
MOST_KNOTS = 5  # of the mean in a step: between so many, three places see the noise change

# Matrices in the working rows.
TRANSITION, NOISE, NEW, DRIFT, HERE, SPREAD, BENDS = 0, 1, 2, 3, 4, 5, 6
FIRST_STAGE = BENDS + 3
MATRICES = FIRST_STAGE + STAGES


class Course(NamedTuple):
    """The mean of n species between knots: `times` (q,) h, `mean` and `slope` per h (q, n + 1).

    A last column is the constant 1, of slope 0.
    """

    times: np.ndarray
    mean: np.ndarray
    slope: np.ndarray


class Room(NamedTuple):
    """Numbers of one point, and working arrays.

    `slope_factor` and `pace_factor` of the terms of `LinearPrograms`; the mean `state` (n + 1,),
    values of the slots of `jacobian` and `noise`, LU `factors` (n, n), and `rows` of matrices.
    """

    slope_factor: np.ndarray
    pace_factor: np.ndarray
    state: np.ndarray
    jacobian: np.ndarray
    noise: np.ndarray
    factors: np.ndarray
    rows: np.ndarray


def room(net, slope_factor, pace_factor):
    """Working arrays for a network's `LinearPrograms`."""
    n = net.order.size
    blocks = -(-n // WIDTH)
    return Room(
        slope_factor,
        pace_factor,
        np.zeros(n + 1),
        np.zeros(net.jacobian_row.size),
        np.zeros(net.noise_column.size),
        np.zeros((n, n)),
        np.zeros((MATRICES * blocks * n, WIDTH)),
    )


def matrix(work, which):
    """One of the working matrices (n, n)."""
    n = work.state.size - 1
    blocks = work.rows.reshape(MATRICES, -1, n, WIDTH)[which]
    return np.moveaxis(blocks, 0, 1).reshape(n, -1)[:, :n]


@njit
def propagate(course, net, spread, rtol, max_steps, span, work):
    """Transition, transposed, and gathered noise over `span` (2,) h, into the working matrices.

    net: `LinearPrograms`, whose order of species all arrays here have.
    `spread` (n,) is a typical deviation of each species: an error is what it makes of these,
    measured in that of the species it ends in; each step is right to `rtol`. Noise is filled at
    and above the diagonal's blocks only. Returns a status.
    """
    n = spread.size
    size = work.rows.shape[0] // MATRICES
    work.rows[: 2 * size] = 0.0
    for s in range(n):
        work.rows[(s // WIDTH) * n + s, s % WIDTH] = 1.0
    t = span[1]
    jacobian_at(course, net, t, work)
    h = min(t - span[0], FIRST_STEP / max(largest_column(net, work.jacobian), 1e-300))
    for _ in range(max_steps):
        h = min(
            h, t - max(span[0], course.times[max(0, knot_before(course.times, t) - MOST_KNOTS)])
        )
        if not factorise(net, work, 1.0 / (GAMMA * h)):
            return SINGULAR
        take_stages(course, net, t, h, work)
        error = error_of(work.rows, size, spread) / rtol
        if not error < np.inf:
            return NOT_FINITE
        if error <= 1.0:
            add_noise(course, net, t, h, work)
            for row in range(size):
                store(work.rows, row, load(work.rows, NEW * size + row))
            t -= h
            if t <= span[0]:
                return OK
            jacobian_at(course, net, t, work)
        factor = SAFETY * max(error, 1e-30) ** (-1.0 / ERROR_ORDER)
        h *= min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor))
    return STEP_BUDGET


@njit
def mean_at(course, t, state):
    """Mean (n + 1,) at time t, in between knots by cubic Hermite interpolation, never below 0."""
    low, span, x = piece_at(course.times, t)
    for s in range(state.size):
        rise, first, last = departures(course, low, span, s)
        bend = randomness.fma(x, last - first, first)
        value = randomness.fma(x, randomness.fma(1.0 - x, bend, rise), course.mean[low, s])
        state[s] = max(value, 0.0)


@njit
def slope_at(course, t, state):
    """Slope (n + 1,) per h of the mean at time t, of the same interpolation."""
    low, span, x = piece_at(course.times, t)
    for s in range(state.size):
        rise, first, last = departures(course, low, span, s)
        linear = randomness.fma(3.0 * x, first - last, 2.0 * last - 4.0 * first)
        state[s] = (rise + randomness.fma(x, linear, first)) / span


@njit
def piece_at(times, t):
    """The knot before t, the span (h) to the next, and how far along it t lies, 0 to 1."""
    low = knot_before(times, t)
    span = times[low + 1] - times[low]
    return low, span, (t - times[low]) / span


@njit
def departures(course, low, span, s):
    """Rise of species s over a piece, and how far its slopes at both ends depart from that."""
    rise = course.mean[low + 1, s] - course.mean[low, s]
    first = randomness.fma(span, course.slope[low, s], -rise)
    return rise, first, randomness.fma(-span, course.slope[low + 1, s], rise)


@njit
def knot_before(times, t):
    """The knot at or before t, but never the last."""
    low, high = 0, times.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if times[middle] <= t:
            low = middle
        else:
            high = middle
    return low


@njit
def jacobian_at(course, net, t, work):
    """Slots of the Jacobian at time t."""
    mean_at(course, t, work.state)
    fill_jacobian(net, work)


@njit
def fill_jacobian(net, work):
    """Slots of the Jacobian at the present state; at a slope of the state, of its own slope."""
    ptr, of, factor, state = net.slope_ptr, net.slope_of, work.slope_factor, work.state
    for e in range(work.jacobian.size):
        total = 0.0
        for term in range(ptr[e], ptr[e + 1]):
            total = randomness.fma(factor[term], state[of[term]], total)
        work.jacobian[e] = total


@njit
def fill_noise(net, work, span):
    """Slots of the noise of `span` (h) at the present state."""
    ptr, of, factor, state = net.pace_ptr, net.pace_of, work.pace_factor, work.state
    for e in range(work.noise.size):
        total = 0.0
        for term in range(ptr[e], ptr[e + 1]):
            pace = state[of[term, 0]] * state[of[term, 1]]
            total = randomness.fma(factor[term], pace, total)
        work.noise[e] = span * total


@njit
def largest_column(net, jacobian):
    """The largest sum of magnitudes over a column of the Jacobian."""
    largest = 0.0
    for s in range(net.jacobian_ptr.size - 1):
        total = 0.0
        for e in range(net.jacobian_ptr[s], net.jacobian_ptr[s + 1]):
            total += abs(jacobian[e])
        largest = max(largest, total)
    return largest


@njit
def factorise(net, work, shift):
    """LU factors of `shift * I - J'`, diagonals inverted; whether no pivot is 0 or NaN."""
    factors, ptr, row = work.factors, net.jacobian_ptr, net.jacobian_row
    factors[:] = 0.0
    for s in range(factors.shape[0]):
        factors[s, s] = shift
        for e in range(ptr[s], ptr[s + 1]):
            factors[s, row[e]] -= work.jacobian[e]
    for p in range(factors.shape[0]):
        if not abs(factors[p, p]) > 0.0:
            return False
        inverse = 1.0 / factors[p, p]
        factors[p, p] = inverse
        for e in range(net.below_ptr[p], net.below_ptr[p + 1]):
            r = net.below[e]
            below = factors[r, p] * inverse
            factors[r, p] = below
            for g in range(net.right_ptr[p], net.right_ptr[p + 1]):
                c = net.right[g]
                factors[r, c] = randomness.fma(-below, factors[p, c], factors[r, c])
    return True


@njit
def solve(net, factors, rows, first):
    """Overwrite a matrix that starts at row `first` with the solution of the factored system."""
    n = factors.shape[0]
    for r in range(n):
        for block in range(first, first + rows.shape[0] // MATRICES, n):
            value = load(rows, block + r)
            for e in range(net.left_ptr[r], net.left_ptr[r + 1]):
                known = net.left[e]
                value = fnma(factors[r, known], load(rows, block + known), value)
            store(rows, block + r, value)
    for r in range(n - 1, -1, -1):
        for block in range(first, first + rows.shape[0] // MATRICES, n):
            value = load(rows, block + r)
            for e in range(net.right_ptr[r], net.right_ptr[r + 1]):
                known = net.right[e]
                value = fnma(factors[r, known], load(rows, block + known), value)
            store(rows, block + r, value * factors[r, r])


@njit
def multiply(ptr, column, values, rows, source, out):
    """Overwrite the matrix at row `out` with a sparse matrix times that at `source`."""
    n = ptr.size - 1
    for block in range(0, rows.shape[0] // MATRICES, n):
        for s in range(n):
            total = splat(0.0)
            for e in range(ptr[s], ptr[s + 1]):
                total = fma(values[e], load(rows, source + block + column[e]), total)
            store(rows, out + block + s, total)


@njit
def take_stages(course, net, t, h, work):
    """The stages of a step from time t back to t - h, and the new transition."""
    rows = work.rows
    size = rows.shape[0] // MATRICES
    new, here, stages = NEW * size, HERE * size, FIRST_STAGE * size
    slope_at(course, t, work.state)
    fill_jacobian(net, work)
    multiply(net.jacobian_ptr, net.jacobian_row, work.jacobian, rows, 0, DRIFT * size)
    inverse_h = 1.0 / h
    for i in range(STAGES):
        if i <= AT_END:
            jacobian_at(course, net, t - NODES[i] * h, work)
            for row in range(size):
                own = stages + row * STAGES
                value = load(rows, row)
                for j in range(i):
                    value = fma(A[i, j], load(rows, own + j), value)
                store(rows, new + row, value)
        multiply(net.jacobian_ptr, net.jacobian_row, work.jacobian, rows, new, here)
        for row in range(size):
            own = stages + row * STAGES
            value = SHIFTS[i] * -h * load(rows, DRIFT * size + row)
            for j in range(i):
                value = fma(C[i, j] * inverse_h, load(rows, own + j), value)
            store(rows, here + row, value + load(rows, here + row))
        solve(net, work.factors, rows, here)
        for row in range(size):
            fresh = load(rows, here + row)
            store(rows, stages + row * STAGES + i, fresh)
            if i >= AT_END:
                store(rows, new + row, load(rows, new + row) + fresh)


@njit
def error_of(rows, size, spread):
    """The largest error of any species after a step, in its typical deviation; NaN is infinite."""
    n = spread.size
    last = FIRST_STAGE * size + STAGES - 1
    worst = 0.0
    for block in range(0, size, n):
        total = splat(0.0)
        for s in range(n):
            part = load(rows, last + (block + s) * STAGES) * spread[s]
            total = fma(part, part, total)
        store(rows, HERE * size, total)
        for i in range(min(WIDTH, n - block // n * WIDTH)):
            share = rows[HERE * size, i] / spread[block // n * WIDTH + i] ** 2
            if not share < np.inf:
                return np.inf
            worst = max(worst, share)
    return np.sqrt(worst)


@njit
def add_noise(course, net, t, h, work):
    """Add the noise gathered from t - h to t, by the transitions from inside the step to the end.

    These are the dense output of the step's stages.
    """
    rows = work.rows
    size = rows.shape[0] // MATRICES
    here, bends = HERE * size, BENDS * size
    for row in range(size):
        own = FIRST_STAGE * size + row * STAGES
        first, second, third = splat(0.0), splat(0.0), splat(0.0)
        for j in range(STAGES):
            value = load(rows, own + j)
            first = fma(PUBLISHED_H[0, j], value, first)
            second = fma(PUBLISHED_H[1, j], value, second)
            third = fma(PUBLISHED_H[2, j], value, third)
        store(rows, bends + row, first)
        store(rows, bends + size + row, second)
        store(rows, bends + 2 * size + row, third)
    for q in range(PLACES.size):
        x = PLACES[q]
        for row in range(size):
            bend = fma(x, load(rows, bends + 2 * size + row), load(rows, bends + size + row))
            bend = fma(x, bend, load(rows, bends + row))
            value = fma(x, load(rows, NEW * size + row), load(rows, row) * (1.0 - x))
            store(rows, here + row, fma(x * (1.0 - x), bend, value))
        mean_at(course, t - x * h, work.state)
        fill_noise(net, work, WEIGHTS[q] * h)
        spread = SPREAD * size
        multiply(net.noise_ptr, net.noise_column, work.noise, rows, here, spread)
        add_square(rows, size, work.state.size - 1)


@njit
def add_square(rows, size, n):
    """Add transition' times its noise to what was gathered, at and above the diagonal's blocks."""
    here, spread, noise = HERE * size, SPREAD * size, NOISE * size
    for i in range(0, n, 4):
        left = here + i // WIDTH * n
        a = i % WIDTH
        for block in range(i // WIDTH * n, size, n):
            first, second, third, fourth = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for s in range(n):
                value = load(rows, spread + block + s)
                first = fma(rows[left + s, a], value, first)
                second = fma(rows[left + s, a + 1], value, second)
                third = fma(rows[left + s, a + 2], value, third)
                fourth = fma(rows[left + s, a + 3], value, fourth)
            row = noise + block + i
            store(rows, row, load(rows, row) + first)
            if i + 1 < n:
                store(rows, row + 1, load(rows, row + 1) + second)
            if i + 2 < n:
                store(rows, row + 2, load(rows, row + 2) + third)
            if i + 3 < n:
                store(rows, row + 3, load(rows, row + 3) + fourth)
