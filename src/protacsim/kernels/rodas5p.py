"""One Rodas5P step for a row of runs: Rosenbrock-Wanner, 8 stages, order 5(4), stiffly accurate, L-stable.

Coefficients from Steinebach 2023 (BIT Numer. Math. 63:27, doi 10.1007/s10543-023-00967-x) in the
form without matrix-vector products:
`(I/(h gamma) - J) u_i = f(y + sum A_ij u_j) + sum C_ij u_j / h`.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit
from protacsim.kernels.lanes import absolute, load, maximum, splat, store
from protacsim.kernels.programs import right_hand_side, solve

STAGES = 8
GAMMA = 0.21193756319429014
DIRECT_FROM = 6  # stages whose state is the last stage's state plus its increment
ERROR_ORDER = 5  # the embedded error falls with h**5

A = np.zeros((STAGES, STAGES))
A[1, :1] = (3.0,)
A[2, :2] = (2.849394379747939, 0.45842242204463923)
A[3, :3] = (-6.954028509809101, 2.489845061869568, -10.358996098473584)
A[4, :4] = (
    2.8029986275628964,
    0.5072464736228206,
    -0.3988312541770524,
    -0.04721187230404641,
)
A[5:, :5] = (
    -7.502846399306121,
    2.561846144803919,
    -11.627539656261098,
    -0.18268767659942256,
    0.030198172008377946,
)
A[6:, 5] = 1.0
A[7, 6] = 1.0

C = np.zeros((STAGES, STAGES))
C[1, :1] = (-14.155112264123755,)
C[2, :2] = (-17.97296035885952, -2.859693295451294)
C[3, :3] = (147.12150275711716, -1.41221402718213, 71.68940251302358)
C[4, :4] = (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306)
C[5, :5] = (
    24.854864614690072,
    -3.0009227002832186,
    47.4931110020768,
    5.5814197821558125,
    -0.6610691825249471,
)
C[6, :6] = (
    30.91273214028599,
    -3.1208243349937974,
    77.79954646070892,
    34.28646028294783,
    -19.097331116725623,
    -28.087943162872662,
)
C[7, :7] = (
    37.80277123390563,
    -3.2571969029072276,
    112.26918849496327,
    66.9347231244047,
    -40.06618937091002,
    -54.66780262877968,
    -9.48861652309627,
)

H = np.array(
    (
        (
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ),
        (
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ),
        (
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ),
    )
)


@njit
def step(p, coef, lu, inverse_h, state, u, new):
    """Stages u (8 n, WIDTH) and the new state from the old one (both extended, see `extend`).

    `lu` holds the factors of `I/(h gamma) - J(y)`, inverse_h (1, WIDTH) is 1/h. The first n rows
    of u come in as the rate of change at y. The last stage is the error estimate.
    """
    n = p.order.size
    solve(p, lu, u, 0)
    for i in range(1, STAGES):
        here = i * n
        if i < DIRECT_FROM:
            combine(A, i, state, u, new, n)
        else:
            for s in range(n):
                store(new, s, load(new, s) + load(u, here - n + s))
        right_hand_side(p, coef, new, u, here)
        scale = load(inverse_h, 0)
        for s in range(n):
            value = C[i, 0] * load(u, s)
            for j in range(1, i):
                value = value + C[i, j] * load(u, j * n + s)
            store(u, here + s, load(u, here + s) + value * scale)
        solve(p, lu, u, here)
    for s in range(n):
        store(new, s, load(new, s) + load(u, (STAGES - 1) * n + s))


@njit
def combine(table, i, state, u, new, n):
    """new = state + sum over j < i of table[i, j] u_j."""
    for s in range(n):
        value = load(state, s)
        for j in range(i):
            value = value + table[i, j] * load(u, j * n + s)
        store(new, s, value)


@njit
def error_norm(u, y, y_new, rtol, atol, n, out):
    """Root mean square, per run, of the local error over `atol + rtol * max(|y|, |y_new|)`.

    atol (n, WIDTH); out (1, WIDTH), squared; NaN or infinite where any new value is.
    """
    total = splat(0.0)
    for s in range(n):
        new = load(y_new, s)
        scale = load(atol, s) + rtol * maximum(absolute(load(y, s)), absolute(new))
        ratio = load(u, (STAGES - 1) * n + s) / scale
        total = total + ratio * ratio + 0.0 * new
    store(out, 0, total / float(n))


@njit
def interpolant(seen, observables, lane, o):
    """Coefficients (d0, d1, d2) of the order-4 dense output of one observable of one run.

    seen holds the observables of the 8 stages, row j * observables + o.
    """
    d0 = 0.0
    d1 = 0.0
    d2 = 0.0
    for j in range(STAGES):
        value = seen[j * observables + o, lane]
        d0 += H[0, j] * value
        d1 += H[1, j] * value
        d2 += H[2, j] * value
    return d0, d1, d2
