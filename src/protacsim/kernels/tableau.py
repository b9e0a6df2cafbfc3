"""Coefficients of Rodas5P: Rosenbrock-Wanner, 8 stages, order 5(4), L-stable, and a ninth stage.

From Steinebach 2023 (BIT Numer. Math. 63:27, doi 10.1007/s10543-023-00967-x) in the form without
matrix-vector products: `(I/(h gamma) - J) u_i = f(y + sum A_ij u_j) + sum C_ij u_j / h`.
"""

from __future__ import annotations

import numpy as np

STAGES = 8
DENSE_STAGES = 9  # with the one for dense output
GAMMA = 0.21193756319429014
DIRECT_FROM = 6  # stages whose state is the last stage's state plus its increment
ERROR_ORDER = 5  # the embedded error falls with h**5
SMALLEST_ERROR = 1e-12  # squared; smaller ones ask for no larger a step

A = np.zeros((DENSE_STAGES, STAGES))
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

C = np.zeros((DENSE_STAGES, STAGES))
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

PUBLISHED_H = np.array(
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

# Dense output. A fast species that follows the slow ones nonlinearly (a complex in rapid
# equilibrium) is right at the end of a step while the published interpolant, of order 4 for
# ordinary equations alone, errs inside it by far more than the error estimate. The ninth stage is
# the defect of that interpolant at one inner point, through the same factors: zero up to h**5, and
# for a fast species the Newton correction towards the slow manifold. It enters as
# theta (1 - theta) times a quadratic, and so does the error estimate, likewise of order h**5, which
# leaves the order as it is. Point and quadratics are ours, by least squares over the steps of
# networks with and without such species; they are no property of any one network.
INNER = 0.35
H = np.zeros((3, DENSE_STAGES))
H[:, :STAGES] = PUBLISHED_H
H[:, STAGES - 1] += (0.8, -4.9, 6.5)
H[:, STAGES] = (-6.2, 56.4, -74.0)


def _inner_stage() -> tuple[np.ndarray, np.ndarray]:
    """State and minus slope of the published interpolant at INNER, as sums over stages."""
    whole = A[STAGES - 1] + np.eye(STAGES)[STAGES - 1]  # the move of the whole step
    bend = PUBLISHED_H[0] + INNER * (PUBLISHED_H[1] + INNER * PUBLISHED_H[2])
    bend_slope = PUBLISHED_H[1] + 2.0 * INNER * PUBLISHED_H[2]
    inner = INNER * (1.0 - INNER)
    slope = whole + (1.0 - 2.0 * INNER) * bend + inner * bend_slope
    return INNER * whole + inner * bend, -slope


A[STAGES], C[STAGES] = _inner_stage()

# Rates of change are quadratic, f(y + d) = f(y) + J d + q(d), and `J d = d / (h gamma) - M d` with
# the matrix M of the stages. So stage i may be solved for u_i + d_i, its move d_i included:
# `M (u_i + d_i) = f(y) + q(d_i) + sum MOVED_C_ij u_j / h`, without a linear term of the reactions.
MOVED_C = C + A / GAMMA
