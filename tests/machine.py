"""The compiled kernels one by one, for tests: a packed network and the same run in every lane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.kernels import drivers, integrate, objects, programs, records, rodas5p, tableau, tape
from protacsim.kernels.tape import WIDTH
from protacsim.network import CompiledNetwork

Floats = NDArray[np.float64]
NONE = np.zeros(0, np.int32)


def integrated(
    compiled: CompiledNetwork, rates: Floats, initial: Floats, times: Floats, *,
    engine: str = "interpreted", rtol: float = 1e-5, atol: float = 1e-8, max_steps: int = 100_000,
) -> tuple[Floats, NDArray[np.int64], Floats]:  # fmt: skip
    """The driver on unchecked numbers: states (b, t, n), report (b, 4) and times reached (b,)."""
    code, factors = tape.pack(compiled.programs.with_states(), NONE, NONE, tableau.DENSE_STAGES)
    emitted = engine == "emitted"
    machine = objects.addresses(tape.Tape(code, factors)) if emitted else objects.INTERPRETED
    width = objects.width() if emitted else WIDTH
    runs, seen = len(rates), code[tape.OBSERVABLES]
    span = np.tile([0.0, times[-1]], (runs, 1))
    out = np.full((runs, len(times), seen), np.nan)
    report, reached = np.zeros((runs, records.REPORT), np.int64), np.zeros(runs)
    tolerance, none = np.full(initial.shape, atol), np.zeros((runs, 0))
    with np.errstate(all="ignore"):
        drivers.integrate_batch(
            code, factors, machine, tape.workspace(code, width), *records.desk(width),
            rates, initial, tolerance, span, none, none, times, rtol, max_steps,
            out, report, reached,
        )  # fmt: skip
    return out[..., seen - initial.shape[1] :], report, reached


class Machine:
    """A network's tape and its work matrix; every lane holds the same numbers."""

    def __init__(self, compiled: CompiledNetwork, rates: ArrayLike, width: int = WIDTH) -> None:
        self.programs = compiled.programs
        self.code, self.factors = tape.pack(compiled.programs, NONE, NONE, tableau.DENSE_STAGES)
        self.work = tape.workspace(self.code, width)
        self.n = len(compiled.species)
        row = np.atleast_2d(np.asarray(rates, float))
        for lane in range(width):
            programs.coefficients(self.code, self.factors, row, 0, self.work, lane)
        self.work[self.code[tape.ROW_STATE] + self.n] = 1.0

    def read(self, field: int, count: int, offset: int = 0) -> Floats:
        """`count` rows from a named row on; all lanes must agree, one is returned."""
        first = self.code[field] + offset
        rows = self.work[first : first + count]
        np.testing.assert_array_equal(rows, rows[:, :1] + np.zeros(self.work.shape[1]))
        return rows[:, 0].copy()

    def write(self, field: int, values: ArrayLike, offset: int = 0) -> None:
        """Put values into the rows from a named row on, in every lane."""
        values = np.atleast_1d(np.asarray(values, float))
        first = self.code[field] + offset
        self.work[first : first + len(values)] = values[:, None]

    def rates_of_change(self, y: ArrayLike) -> Floats:
        """dy/dt at y."""
        self.write(tape.ROW_STATE, y)
        state, out = self.code[tape.ROW_STATE], self.code[tape.ROW_SLOPE]
        programs.right_hand_side(self.code, self.work, state, out)
        return self.read(tape.ROW_SLOPE, self.n)

    def matrix(self, y: ArrayLike, shift: float = 0.0) -> Floats:
        """The dense matrix `shift * I - J(y)` that the LU rows hold."""
        self.rates_of_change(y)
        self.write(tape.ROW_SHIFT, shift)
        programs.shifted_jacobian(self.code, self.work, self.code[tape.ROW_STATE])
        slots = self.read(tape.ROW_LU, self.programs.jac_ptr.size - 1)
        p, dense = self.programs, np.zeros((self.n, self.n))
        for k, species in enumerate(p.order):
            dense[species, species] = slots[p.diag_slot[k]]
            for e in range(p.f_ptr[k], p.f_ptr[k + 1]):
                dense[species, p.f_col[e]] = slots[p.f_slot[e]]
            for e in range(p.u_ptr[k], p.u_ptr[k + 1]):
                dense[species, p.u_col[e]] = slots[p.u_slot[e]]
        return dense

    def factorise(self) -> float:
        """Factor the matrix at hand; returns the magnitude of the smallest pivot."""
        programs.factorise(self.code, self.work)
        return -float(self.read(tape.ROW_PIVOT, 1)[0])

    def solve(self, right: ArrayLike) -> Floats:
        """Solve the factored system."""
        self.write(tape.ROW_STAGES, right)
        programs.solve(self.code, self.work, self.code[tape.ROW_STAGES])
        return self.read(tape.ROW_STAGES, self.n)

    def step(self, y: ArrayLike, h: float) -> Floats:
        """One step of the method."""
        self.matrix(y, 1.0 / (h * tableau.GAMMA))
        self.factorise()
        self.write(tape.ROW_INVERSE_H, 1.0 / h)
        rodas5p.step(self.code, self.work)
        return self.read(tape.ROW_NEW, self.n)

    def attempt(self, y: ArrayLike, h: float, rtol: float, emitted: bool) -> Floats:
        """One attempt of the driver: new state, then error, step factor and pivot rows."""
        self.write(tape.ROW_STATE, y)
        for lane in range(self.work.shape[1]):
            programs.conserved_totals(self.code, self.factors, self.work, lane)
        self.write(tape.ROW_SHIFT, 1.0 / (h * tableau.GAMMA))
        self.write(tape.ROW_INVERSE_H, 1.0 / h)
        packed = tape.Tape(self.code, self.factors)
        machine = objects.addresses(packed) if emitted else objects.INTERPRETED
        integrate.take_step(self.code, self.factors, machine, self.work, rtol)
        rows = [(tape.ROW_NEW, self.n), (tape.ROW_ERROR, 1)]
        rows += [(tape.ROW_FACTOR, 1), (tape.ROW_PIVOT, 1)]
        return np.concatenate([self.read(field, count) for field, count in rows])

    def interpolated(self, theta: float) -> Floats:
        """Observables at fraction theta of the last step."""
        seen = self.code[tape.OBSERVABLES]
        one = np.ones((1, max(1, self.code[tape.RATES])))
        for lane in range(WIDTH):
            programs.observation_weights(self.code, self.factors, one, 0, self.work, lane)
        rodas5p.look_inside(self.code, self.factors, self.work)
        return np.array(
            [rodas5p.interpolated(self.code, self.work, 0, o, theta) for o in range(seen)]
        )
