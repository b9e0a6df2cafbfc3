"""One Rodas5P step: Rosenbrock-Wanner, 8 stages, order 5(4), stiffly accurate, L-stable.

Coefficients from Steinebach 2023 (BIT Numer. Math. 63:27, doi 10.1007/s10543-023-00967-x) in the
form without matrix-vector products:
`(I/(h gamma) - J) u_i = f(y + sum A_ij u_j) + sum C_ij u_j / h`.
"""

from __future__ import annotations

import numpy as np

from protacsim.kernels.jit import njit
from protacsim.kernels.programs import right_hand_side, solve

STAGES = 8
GAMMA = 0.21193756319429014
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
def step(p, coef, lu, h, y, dy, u, y_new):
    """Stages u (8, n) and the new state y_new (n,) from y (n,); u[7] is the error estimate.

    `lu` holds the factors of `I/(h gamma) - J(y)`; `dy` (n,) is scratch.
    """
    n = y.size
    for i in range(STAGES):
        for s in range(n):
            value = y[s]
            for j in range(i):
                value += A[i, j] * u[j, s]
            y_new[s] = value
        right_hand_side(p, coef, y_new, dy)
        for s in range(n):
            value = 0.0
            for j in range(i):
                value += C[i, j] * u[j, s]
            u[i, s] = dy[s] + value / h
        solve(p, lu, u[i])
    for s in range(n):
        y_new[s] += u[STAGES - 1, s]


@njit
def error_norm(u, y, y_new, rtol, atol):
    """Root mean square of the local error over `atol + rtol * max(|y|, |y_new|)`; atol (n,)."""
    total = 0.0
    for s in range(y.size):
        scale = atol[s] + rtol * max(abs(y[s]), abs(y_new[s]))
        ratio = u[STAGES - 1, s] / scale
        total += ratio * ratio
    return np.sqrt(total / y.size)


@njit
def interpolate(u, y, y_new, theta, out):
    """State out (n,) at fraction theta of the step, by the method's order-4 dense output."""
    for s in range(y.size):
        d0 = 0.0
        d1 = 0.0
        d2 = 0.0
        for j in range(STAGES):
            d0 += H[0, j] * u[j, s]
            d1 += H[1, j] * u[j, s]
            d2 += H[2, j] * u[j, s]
        inner = d0 + theta * (d1 + theta * d2)
        out[s] = (1.0 - theta) * y[s] + theta * (y_new[s] + (1.0 - theta) * inner)
