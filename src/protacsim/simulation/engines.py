"""Which back end of the deterministic engine runs: the interpreted lanes or emitted machine code.

The choice depends on the network, the method and the number of runs alone, never on a clock or on
what is cached, so that it can be written down before anything runs.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import EngineWarning
from protacsim.kernels import objects, tape
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.kernels.tableau import DENSE_STAGES
from protacsim.kernels.tape import WIDTH
from protacsim.methods import ODE, Method
from protacsim.network import CompiledNetwork, Network
from protacsim.network.compiler import Programs

Engine = Literal["interpreted", "emitted", "reference"]

RUNS_WORTH_EMITTING = 10_000
"""From this many runs on, `auto` emits. For 40 species and 146 reactions code is made in 0.7 s and
saves 60 µs a run, on the machine that interprets in 115 µs; both grow with the network."""

OPERATIONS_AT_MOST = 20_000
"""Multiply-adds of a network's programs up to which straight-line code is made of them: 0.3 to
0.7 ms each. 120 species with 600 random reactions take 46,000."""

NO_EVENTS = np.zeros(0, np.int32)


def engine_of(network: Network | CompiledNetwork, method: Method, runs: int) -> Engine:
    """The back end that `solve` uses for a study of so many runs of one network.

    "reference" for the `Reference` method. What the method asks for is not always possible: a
    network may be too large to emit, or this CPU rule it out. `auto` never emits with the JIT off.
    """
    if not isinstance(method, ODE):
        return "reference"
    compiled = network.compile() if isinstance(network, Network) else network
    if method.engine == "interpreted" or obstacle(compiled.programs):
        return "interpreted"
    large = JIT_ENABLED and runs >= RUNS_WORTH_EMITTING
    return "emitted" if method.engine == "emitted" or large else "interpreted"


def obstacle(programs: Programs) -> str:
    """Why no code can be emitted for these programs; empty where it can."""
    if not objects.width():
        return "this CPU has no fused multiply-add"
    if programs.operations > OPERATIONS_AT_MOST:
        return (
            f"the network takes {programs.operations:,} multiply-adds per step, more than "
            f"{OPERATIONS_AT_MOST:,}"
        )
    return ""


def prepared(
    compiled: CompiledNetwork, programs: Programs, method: ODE, runs: int
) -> tuple[Engine, NDArray[np.int64], int]:
    """The back end for these runs, the addresses of its code, and its width in runs."""
    engine = engine_of(compiled, method, runs)
    if engine == "interpreted":
        if method.engine == "emitted":
            _fall_back(obstacle(compiled.programs))
        return engine, objects.INTERPRETED, WIDTH
    try:
        packed = tape.pack(programs, NO_EVENTS, NO_EVENTS, DENSE_STAGES)
        return engine, objects.addresses(packed), objects.width()
    except (OSError, RuntimeError) as error:
        _fall_back(str(error))
        return "interpreted", objects.INTERPRETED, WIDTH


def _fall_back(reason: str) -> None:
    """Say once why the interpreted lanes run instead; the numbers are the same."""
    message = (
        f'method.engine: no machine code was made, because {reason}; the "interpreted" engine runs '
        'instead. The results are the same. To silence this, set engine = "interpreted".'
    )
    warnings.warn(message, EngineWarning, stacklevel=2)
