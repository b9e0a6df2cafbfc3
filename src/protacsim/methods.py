"""How a run is solved: solver options as frozen nouns, never solver state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protacsim.validation import Positive, Quantity, noun

Tolerance = Annotated[float, Quantity, Field(gt=0, le=0.1)]
Budget = Annotated[int, Quantity, Field(ge=1, le=2**62)]


@noun
class ODE:
    """The deterministic engine: Rodas5P with a local error of `atol_nM + rtol * |state|`.

    `max_steps` bounds accepted plus rejected steps of one run. `engine` chooses between two back
    ends that give the same numbers: "interpreted" starts at once, "emitted" first makes machine
    code of the network (about a second, kept on disk), "auto" emits for large studies.
    """

    rtol: Tolerance = 1e-5
    atol_nM: Positive = 1e-8
    max_steps: Budget = 100_000
    engine: Literal["auto", "interpreted", "emitted"] = "auto"


@noun
class Reference:
    """SciPy's implicit solvers on the same network at tight tolerance: slow, and the referee."""

    rtol: Tolerance = 1e-10
    atol_nM: Positive = 1e-13
    solver: Literal["Radau", "BDF"] = "Radau"


Method = ODE | Reference
