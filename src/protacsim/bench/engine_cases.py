"""Cases of both engines: single kernels, batches of the reference network, single cells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protacsim.bench import reference_network as reference
from protacsim.bench import stochastic_network as stochastic
from protacsim.bench.harness import Case, Error, Found, Trial
from protacsim.methods import ODE, SSA, Hybrid
from protacsim.network import Network
from protacsim.simulation import (
    Candidates,
    Lanes,
    Solution,
    allocations,
    moments,
    sample,
    settle,
    solve,
)

Floats = NDArray[np.float64]

STEP_H = 0.05
TIMES = {"right-hand side": 5_000, "factorisation": 900, "step": 160, "accept": 14_000}
TURNS = 45  # short ones: see `harness`
EMITTED_TIMES = 3  # as often: it is that much faster
WINDOWS = 12
DOSES, COOPERATIVITIES = 40, 25

TINY_NM = 1e-3  # below it, errors of single species are absolute


@cache
def right() -> dict[str, Any]:
    """Values at tight tolerance by SciPy, made by `benchmarks/reference_values.py`."""
    text = (files("protacsim.bench") / "reference_values.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def grid() -> tuple[Network, dict[str, Any], dict[str, Any]]:
    """The reference network, and its rates and initial amounts over the grid."""
    dose, cooperativity = reference.grid(DOSES, COOPERATIVITIES)
    return (
        reference.reference_network(),
        reference.rate_constants(cooperativity),
        reference.initial_amounts(dose),
    )


def middle_state(network: Network) -> tuple[dict[str, float], dict[str, float]]:
    """Rates and a state of the reference network two hours into a run."""
    values = right()["step"]
    rates = {name: float(k) for name, k in reference.rate_constants(10.0).items()}
    return rates, dict(zip(network.species, values["state"], strict=True))


def _lanes(engine: str) -> Lanes:
    network = reference.reference_network()
    rates, state = middle_state(network)
    method = ODE(engine="emitted" if engine == "emitted" else "interpreted")
    return Lanes(network, rates, state, STEP_H, method)


def _kernel(what: str, engine: str = "interpreted") -> Trial:
    lanes = _lanes(engine)
    lanes.steps(1)  # what `accepts` acts on
    kernel = {
        "right-hand side": lanes.right_hand_sides,
        "factorisation": lanes.factorisations,
        "step": lanes.steps,
        "accept": lanes.accepts,
    }[what]

    def read(_: None) -> Found:
        counts = {"lanes": lanes.width} if engine == "interpreted" else {}
        if what != "step":
            return Found(counts)
        wanted = np.array(right()["step"]["after"])
        off = np.abs(lanes.new_state() - wanted) / (np.abs(wanted) + TINY_NM)
        return Found(counts, errors={"error of a step": Error(float(off.max()), 1e-5, 1e-12)})

    more = EMITTED_TIMES if engine == "emitted" else 1
    return Trial(partial(kernel, more * TIMES[what]), read)


def _candidates() -> Trial:
    cell = stochastic.build("large")
    settled = right()["moments"]["mean"][1]
    counts = dict(zip(cell.network.species, settled, strict=True))
    kernel = Candidates(cell.network, cell.rates, counts)

    def read(found: tuple[int, int]) -> Found:
        return Found({"candidates": found[0], "events": found[1]})

    return Trial(lambda: kernel.windows(WINDOWS), read)


def _batch(engine: str) -> Trial:
    network, rates, initial = grid()
    method = ODE(engine="emitted" if engine == "emitted" else "interpreted")

    def run(states: bool = False) -> Solution:
        return solve(network, rates, initial, reference.TIMES_H, method=method, states=states)

    def read(_: Solution) -> Found:
        solution = run(states=True)
        steps, rejected, factorisations = solution.counters.sum(axis=0).tolist()
        counts = {
            "steps": steps,
            "rejected steps": rejected,
            "factorisations": factorisations,
            "failed": int(np.count_nonzero(solution.status)),
        }
        return Found(counts, errors=grid_errors(network, solution))

    return Trial(run, read)


def grid_errors(network: Network, solution: Solution) -> dict[str, Error]:
    """Errors of the target totals (relative) and of all species (over value plus 1e-3 nM)."""
    known = right()["grid"]
    wanted = np.array(known["states"])
    found = solution.states[np.ix_(known["points"], known["times"])]
    each = np.abs(found - wanted) / (np.abs(wanted) + TINY_NM)
    totals = []
    for variant in reference.VARIANTS:
        of = [i for i, name in enumerate(network.species) if name.startswith(variant)]
        right_total = wanted[..., of].sum(axis=-1)
        totals.append(np.abs(found[..., of].sum(axis=-1) - right_total) / right_total)
    return {
        "error of totals": Error(float(np.max(totals)), 1e-4, 1e-10),
        "error of species": Error(float(each.max()), 1e-4, 1e-10),
    }


def _steady() -> Trial:
    network, rates, initial = grid()
    known = set(network.species)
    start = {name: x for name, x in initial.items() if name in known}
    start |= {"inhibitor_medium": 0.0}

    def run() -> Solution:
        return settle(network, rates, start, method=ODE(engine="interpreted"))

    def read(solution: Solution) -> Found:
        counts = {
            "steps": int(solution.counters[:, 0].sum()),
            "failed": int(np.count_nonzero(solution.status)),
        }
        worst = _residual(network, rates, solution)
        return Found(counts, errors={"rate of change": Error(worst, 1e-4, 1e-10)})

    return Trial(run, read)


def _residual(network: Network, rates: Mapping[str, Any], solution: Solution) -> float:
    """Largest |dy/dt| over the flux through a species, from the reaction table alone."""
    y, worst = solution.states[:, 0], 0.0
    index = {name: i for i, name in enumerate(network.species)}
    net, through = np.zeros_like(y), np.zeros_like(y)
    for reaction in network.reactions:
        flux = np.broadcast_to(rates[reaction.rate], (len(y),)).astype(float)
        for name, count in reaction.reactants:
            flux = flux * y[:, index[name]] ** count
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for name, count in side:
                net[:, index[name]] += sign * count * flux
                through[:, index[name]] += count * np.abs(flux)
    ok = solution.status == 0
    if ok.any():
        worst = float((np.abs(net[ok]) / (through[ok] + 1e-6)).max())
    return worst


def _cells(solver: str, hours: float) -> Trial:
    cell = stochastic.build("small")
    method = SSA(solver="direct" if solver == "direct" else "rejection")

    def run() -> Any:
        return sample(
            cell.network, cell.rates, cell.initial, [hours * 3600.0],
            method=method, seed=1, replicates=1, states=False,
        )  # fmt: skip

    def read(found: Any) -> Found:
        return Found(
            {
                "events": int(found.events.sum()),
                "candidates": int(found.candidates.sum()),
                "allocations": allocations(run),
            },
            errors=_poisson_errors(method),
        )

    return Trial(run, read)


def _poisson_errors(method: SSA) -> dict[str, Error]:
    """Z of mean and variance of birth and death, which is Poisson at all times."""
    net, cells, mean = Network("birth and death"), 4000, 20.0 * (1.0 - np.exp(-1.5))
    net.add("birth", (), "A", "birth")
    net.add("death", "A", (), "death")
    runs = sample(
        net, {"birth": 20.0, "death": 1.0}, {}, [1.5], method=method, seed=1, replicates=cells
    )
    x = runs.states[0, :, 0, 0]
    of_mean = abs(x.mean() - mean) / np.sqrt(mean / cells)
    fourth = mean + 3.0 * mean**2
    of_variance = abs(x.var(ddof=1) - mean) / np.sqrt((fourth - mean**2) / cells)
    return {
        "z of a Poisson mean": Error(float(of_mean), 4.0, 4.0),
        "z of a Poisson variance": Error(float(of_variance), 4.0, 4.0),
    }


def _hybrid() -> Trial:
    cell = stochastic.build("large")
    known = right()["moments"]

    def run() -> Any:
        return sample(
            cell.network, cell.rates, cell.initial, known["times_s"],
            method=Hybrid(), seed=1, replicates=100, states=False,
        )  # fmt: skip

    def read(found: Any) -> Found:
        total = [i for i, n in enumerate(cell.network.species) if n.startswith("T") and "W" in n]
        wanted = np.array(known["mean"])[:, total].sum(axis=-1)
        drawn = found.observables[0, :, :, 0]
        spread = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
        z = float((np.abs(drawn.mean(axis=0) - wanted) / spread).max())
        return Found(
            {"events": int(found.events.sum()), "allocations": allocations(run)},
            errors={"z of the mean of BTK": Error(z, 4.0, 4.0)},
        )

    return Trial(run, read)


def _moments() -> Trial:
    cell = stochastic.build("large")
    known = right()["moments"]

    def run() -> Any:
        return moments(cell.network, cell.rates, cell.initial, known["times_s"])

    def read(found: Any) -> Found:
        wanted = np.array(known["mean"])
        off = np.abs(found.mean[0] - wanted) / (np.abs(wanted) + 1.0)
        drift = np.abs(found.covariance - np.swapaxes(found.covariance, -1, -2)).max()
        return Found(
            errors={
                "error of the mean": Error(float(off.max()), 1e-4, 1e-9),
                "asymmetry of the covariance": Error(float(drift), 1e-3, 1e-6),
            }
        )

    return Trial(run, read)


CASES = (
    Case("kernel: right-hand side", partial(_kernel, "right-hand side"), turns=TURNS),
    Case("kernel: factorisation", partial(_kernel, "factorisation"), turns=TURNS),
    Case("kernel: step", partial(_kernel, "step"), turns=TURNS),
    Case("kernel: step, emitted", partial(_kernel, "step", "emitted"), turns=TURNS),
    Case("kernel: accept", partial(_kernel, "accept"), turns=TURNS),
    Case("kernel: candidates", _candidates, turns=TURNS),
    Case("engine: 1,000 runs, interpreted", partial(_batch, "interpreted")),
    Case("engine: 1,000 runs, emitted", partial(_batch, "emitted")),
    Case("engine: 1,000 steady states", _steady),
    Case("cell: exact, rejection", partial(_cells, "rejection", 6.0)),
    Case("cell: exact, direct", partial(_cells, "direct", 2.0)),
    Case("cell: 100 hybrid days", _hybrid),
    Case("cell: moments", _moments),
)
