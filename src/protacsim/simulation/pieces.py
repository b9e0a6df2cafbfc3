"""Single kernels of both engines on a state at hand, and the rulers that they are timed against.

`bench` is made of these. Runs are made by `solve` and `sample`, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protacsim.kernels import jit, objects, programs, rejection, repeats, rulers, tape
from protacsim.kernels.randomness import new_stream, seed_stream
from protacsim.kernels.tableau import DENSE_STAGES, GAMMA
from protacsim.kernels.tape import WIDTH
from protacsim.methods import ODE
from protacsim.network import Network
from protacsim.network.jumps import compile_jumps
from protacsim.simulation.engines import NO_EVENTS

Floats = NDArray[np.float64]


class Lanes:
    """All lanes of the deterministic engine at one state, with one step size in h."""

    def __init__(
        self,
        network: Network,
        rates: Mapping[str, Any],
        state: Mapping[str, Any],
        step_h: float,
        method: ODE,
    ) -> None:
        compiled = network.compile()
        self.species = len(compiled.species)
        self.rtol = method.rtol
        self.code, self.factors = tape.pack(compiled.programs, NO_EVENTS, NO_EVENTS, DENSE_STAGES)
        emitted = method.engine == "emitted"
        packed = tape.Tape(self.code, self.factors)
        self.machine = objects.addresses(packed) if emitted else objects.INTERPRETED
        self.width = objects.width() if emitted else WIDTH
        self.work = tape.workspace(self.code, self.width)
        row = np.atleast_2d(compiled.rate_vector(rates)).copy()
        for lane in range(self.width):
            programs.coefficients(self.code, self.factors, row, 0, self.work, lane)
        self.work[self.code[tape.ROW_STATE] + self.species] = 1.0
        self._fill(tape.ROW_STATE, compiled.state_vector(state))
        for lane in range(self.width):
            programs.conserved_totals(self.code, self.factors, self.work, lane)
        self._fill(tape.ROW_ATOL, np.full(self.species, method.atol_nM))
        self._fill(tape.ROW_SHIFT, np.array([1.0 / (step_h * GAMMA)]))
        self._fill(tape.ROW_INVERSE_H, np.array([1.0 / step_h]))

    def _fill(self, field: int, values: Floats) -> None:
        first = self.code[field]
        self.work[first : first + len(values)] = np.asarray(values, float)[:, None]

    def right_hand_sides(self, times: int) -> None:
        """Rates of change at the state, so many times."""
        repeats.right_hand_sides(self.code, self.work, times)

    def factorisations(self, times: int) -> None:
        """The shifted Jacobian at the state, and its factors."""
        repeats.factorisations(self.code, self.work, times)

    def steps(self, times: int) -> None:
        """Attempted steps, all from the same state."""
        with np.errstate(all="ignore"):
            repeats.steps(self.code, self.factors, self.machine, self.work, self.rtol, times)

    def accepts(self, times: int) -> None:
        """New states not taken: the old ones stay."""
        repeats.accepts(self.code, self.machine, self.work, self.rtol, times)

    def new_state(self) -> Floats:
        """Where the last step led: the state (n,) of the first lane."""
        first = self.code[tape.ROW_NEW]
        found: Floats = self.work[first : first + self.species, 0].copy()
        return found


class Candidates:
    """The rejection solver at fixed counts: draws, and what is tried and fires in one window."""

    def __init__(
        self, network: Network, rates: Mapping[str, Any], counts: Mapping[str, Any]
    ) -> None:
        compiled = network.compile()
        self.net = compile_jumps(network)
        self.rates = np.array(compiled.rate_vector(rates), float).reshape(-1)
        whole = np.array(compiled.state_vector(counts), float).reshape(-1)
        self.counts = np.append(np.round(whole).astype(np.int64), 1)
        self.table = rejection.new_table(len(whole), len(self.net.reactants))
        self.stream = new_stream()

    def centre(self) -> int:
        """Intervals and alias table around the counts; the number of slots."""
        rejection.centre_all(self.net, self.rates, self.table, self.counts)
        table = self.table
        slots, _ = rejection.build_alias(table.weight, table.choice, table.limit)
        return int(slots)

    def windows(self, count: int) -> tuple[int, int]:
        """Candidates tried and fired in so many windows, each from the counts anew."""
        with np.errstate(all="ignore"):  # words wrap
            seed_stream(self.stream, np.uint64(1), np.uint64(0), np.uint64(0))
            tried = fired = 0
            for _ in range(count):
                slots = self.centre()
                more, hits, _ = rejection.try_candidates(
                    self.net, self.table, self.stream, slots, int(rejection.WINDOW)
                )
                tried += more
                fired += hits
        return int(tried), int(fired)


def compiled_ruler(rounds: int) -> Callable[[], None]:
    """Compiled work that never changes, `rounds` times; 1,000 take a good half millisecond."""
    rows, choice, limit, count = rulers.tables()

    def work() -> None:
        with np.errstate(all="ignore"):
            rulers.arithmetic(rounds, rows)
            rulers.lookups(16 * rounds, choice, limit, count)

    return work


def allocations(work: Callable[[], object]) -> int:
    """Arrays that kernels made while `work` ran; 0 with the JIT off, where numpy makes them."""
    before: int = jit.arrays_made()
    work()
    return int(jit.arrays_made() - before)
