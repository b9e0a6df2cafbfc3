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


@noun
class SSA:
    """Exact trajectories of whole molecules, one per replicate.

    `solver` draws them: "rejection" (uniformised rejection, fast) or "direct" (event by event).
    Both sample the same law. `max_events` bounds events plus refused candidates of one run.
    """

    solver: Literal["rejection", "direct"] = "rejection"
    max_events: Budget = 20_000_000_000


@noun
class LNA:
    """The linear noise approximation: the deterministic mean, and Gaussian paths around it.

    Cheap and good where every species is abundant; counts are real numbers and may be negative.
    `rtol` is the local error of the transitions between times, in a species' Poisson deviation.
    """

    rtol: Tolerance = 1e-3


@noun
class Hybrid:
    """Scarce species exactly, by jumps; all others by Gaussian paths that follow them.

    Scarce are species with fewer than `scarce_below` molecules on average at some time, as far as
    their reactions need none of the others (a gene and its mRNA). `steps` is the least number of
    steps of a run; scarce species act on the rest through their average over a step. `rtol` is
    that of `LNA`.
    """

    scarce_below: Positive = 30.0
    rtol: Tolerance = 1e-3
    steps: Annotated[int, Quantity, Field(ge=1, le=100_000)] = 48


@noun
class Auto:
    """The cheapest method that is good enough, chosen once for all replicates of all points.

    Exact when all runs together expect at most `most_events` events; else `Hybrid` or `LNA`, as
    long as read-outs stay far from zero. `exact_cells` runs per choice are compared with it.
    """

    most_events: Positive = 2e9
    exact_cells: Annotated[int, Quantity, Field(ge=0, le=1000)] = 3


Method = ODE | Reference
Stochastic = SSA | LNA | Hybrid | Auto
