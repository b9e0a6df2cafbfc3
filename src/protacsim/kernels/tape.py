"""How a network's programs and a run's numbers lie in memory: one integer tape, flat matrices.

Kernels take a handful of arrays instead of dozens, which keeps them quick to compile and to call.
The tape opens with a header of sizes and starts, named here; the lists follow. `work` is one
matrix whose columns are runs and whose rows hold everything that a row of runs needs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Header of the tape: sizes, ...
SPECIES, RATES, COEFFICIENTS, PRODUCTS, SLOTS, LAWS, OBSERVABLES, TERMS, EVENTS = range(9)
# ... where each list starts on the tape (or, for weights, in the array of factors), ...
(
    COEF_PTR, COEF_RATE, COEF_WEIGHT, MONO_A, MONO_B, RHS_PTR, RHS_PRODUCT, RHS_COEF, RHS_STATE,
    JAC_PTR, JAC_COEF, JAC_STATE, ORDER, DIAG_SLOT, L_PTR, L_SLOT, U_PTR, U_SLOT, U_COL,
    T_SLOT, F_PTR, F_SLOT, F_COL, LAW_PTR, LAW_SPECIES, LAW_WEIGHT, OBS_PTR, OBS_SPECIES,
    OBS_RATE, OBS_WEIGHT, EVENT_KIND, EVENT_SPECIES,
) = range(9, 41)  # fmt: skip
# ... and rows of the work matrix.
(
    ROW_COEF, ROW_STATE, ROW_NEW, ROW_INSIDE, ROW_SLOPE, ROW_STAGES, ROW_LU, ROW_ATOL, ROW_TOTALS,
    ROW_WEIGHTS, ROW_SEEN, ROW_BEFORE, ROW_AFTER, ROW_BENDS, ROW_SHIFT, ROW_INVERSE_H, ROW_ERROR,
    ROW_FACTOR, ROW_PIVOT, ROW_ACCEPTED, ROW_MOVED, ROW_DEPTH, ROW_DRIFTED, ROWS,
) = range(41, 65)  # fmt: skip
HEADER = 65

WIDTH = 16
"""Columns of `work` for the interpreted lanes."""

BENDS = 3
"""Numbers per observable that say how it bends inside a step."""

DRIFT, STAGE_DRIFT = 1e-12, 2e-13
"""Shares of a conserved total from which its drift is put back: of states, and of stages."""

ONE_AS_BITS = 1023.0 * 2.0**52
"""Bits of the double 1.0, read as an integer: the zero of logarithms (see `lanes.near_power`)."""

_LISTS = {
    COEF_PTR: "coef_ptr", COEF_RATE: "coef_rate", MONO_A: "mono_a", MONO_B: "mono_b",
    RHS_PTR: "rhs_ptr", RHS_PRODUCT: "rhs_product", RHS_COEF: "rhs_coef", RHS_STATE: "rhs_state",
    JAC_PTR: "jac_ptr", JAC_COEF: "jac_coef", JAC_STATE: "jac_state", ORDER: "order",
    DIAG_SLOT: "diag_slot", L_PTR: "l_ptr", L_SLOT: "l_slot", U_PTR: "u_ptr", U_SLOT: "u_slot",
    U_COL: "u_col", T_SLOT: "t_slot", F_PTR: "f_ptr", F_SLOT: "f_slot", F_COL: "f_col",
    LAW_PTR: "law_ptr", LAW_SPECIES: "law_species", OBS_PTR: "obs_ptr",
    OBS_SPECIES: "obs_species", OBS_RATE: "obs_rate",
}  # fmt: skip
_FACTORS = {COEF_WEIGHT: "coef_weight", LAW_WEIGHT: "law_weight", OBS_WEIGHT: "obs_weight"}
_ROW_OF = {  # lists that name rows of `work`, shifted once here instead of at every use
    ROW_COEF: ("rhs_coef", "jac_coef"),
    ROW_LU: ("diag_slot", "l_slot", "u_slot", "t_slot", "f_slot"),
}


class Tape(NamedTuple):
    """A network ready for the kernels: integers (lists and layout) and factors (weights)."""

    code: NDArray[np.int32]
    factors: NDArray[np.float64]


def pack(programs: Any, kinds: NDArray[np.int32], species: NDArray[np.int32], stages: int) -> Tape:
    """Lay out programs (the arrays named above, as attributes) and the events of a batch."""
    header = np.zeros(HEADER, np.int32)
    header[: EVENTS + 1] = _sizes(programs, len(kinds))
    header[ROW_COEF : ROWS + 1] = np.cumsum([0, *_heights(header, stages)])
    lists = {field: getattr(programs, name) for field, name in _LISTS.items()}
    for row, names in _ROW_OF.items():
        for field, name in _LISTS.items():
            if name in names:
                lists[field] = lists[field] + header[row]
    lists |= {EVENT_KIND: kinds, EVENT_SPECIES: species}
    _place(header, HEADER, lists)
    factors = {field: getattr(programs, name) for field, name in _FACTORS.items()}
    _place(header, 0, factors)
    return Tape(
        np.concatenate([header, *lists.values()]).astype(np.int32),
        np.concatenate([*factors.values(), [0.0]]),
    )


def _sizes(programs: Any, events: int) -> list[int]:
    """Header fields SPECIES to EVENTS."""
    rates = int(max([-1, *programs.coef_rate, *programs.obs_rate])) + 1
    return [
        programs.order.size,
        rates,
        programs.coef_ptr.size - 1,
        programs.mono_a.size,
        programs.jac_ptr.size - 1,
        programs.law_ptr.size - 1,
        programs.obs_ptr.size - 1,
        programs.obs_species.size,
        events,
    ]


def _heights(header: NDArray[np.int32], stages: int) -> list[int]:
    """Heights of the blocks of `work`, in the order of the ROW_ fields."""
    n, _, coefficients, products, slots, laws, seen, terms, _ = (int(x) for x in header[:9])
    state = n + 1 + products
    return [
        coefficients, state, state, state, n, stages * n, slots, n, laws, terms,
        seen, seen, seen, BENDS * seen, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ]  # fmt: skip


def _place(header: NDArray[np.int32], start: int, lists: dict[int, NDArray[Any]]) -> None:
    for field, values in lists.items():
        header[field] = start
        start += len(values)


def workspace(code: NDArray[np.int32], width: int) -> NDArray[np.float64]:
    """A `work` matrix of zeros that starts at a multiple of 64 bytes."""
    rows = int(code[ROWS])
    flat = np.zeros(rows * width + 7)
    start = -(flat.ctypes.data // 8) % 8
    return flat[start : start + rows * width].reshape(rows, width)
