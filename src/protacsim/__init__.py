"""protacsim: degraders and inhibitors on wild-type and resistant targets, simulated.

Nouns are frozen and verbs are free functions; names are loaded when they are first used, so that
importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protacsim import (
        fitting,
        interop,
        library,
        pharmacology,
        plot,
        reduced,
        sensitivity_analysis,
    )
    from protacsim.config import Job, load
    from protacsim.dosing import Schedule
    from protacsim.entities import (
        Allele,
        Cell,
        Compound,
        Protein,
        Target,
        Ubiquitination,
    )
    from protacsim.errors import (
        ConfigError,
        NetworkError,
        ParameterError,
        ProtacsimError,
        SimulationError,
        StoreError,
    )
    from protacsim.fitting import Parameter, fit
    from protacsim.mechanisms import build_network
    from protacsim.methods import LNA, ODE, SSA, Auto, Hybrid, Reference
    from protacsim.network import Dose, Gene, Network
    from protacsim.scenario import Scenario, Treatment
    from protacsim.simulation import (
        Ensemble,
        Moments,
        Solution,
        gradients,
        moments,
        sample,
        simulate,
        solve,
        steady_state,
    )
    from protacsim.store import open_results
    from protacsim.study import Axis, Draw, Readout, Sample, Study, Workers, run

_HOME = {
    "config": ("Job", "load"),
    "dosing": ("Schedule",),
    "entities": ("Allele", "Cell", "Compound", "Protein", "Target", "Ubiquitination"),
    "fitting": ("Parameter", "fit"),
    "errors": (
        "ConfigError",
        "NetworkError",
        "ParameterError",
        "ProtacsimError",
        "SimulationError",
        "StoreError",
    ),
    "mechanisms": ("build_network",),
    "methods": ("LNA", "ODE", "SSA", "Auto", "Hybrid", "Reference"),
    "network": ("Dose", "Gene", "Network"),
    "scenario": ("Scenario", "Treatment"),
    "simulation": (
        "Ensemble",
        "Moments",
        "Solution",
        "gradients",
        "moments",
        "sample",
        "simulate",
        "solve",
        "steady_state",
    ),
    "store": ("open_results",),
    "study": ("Axis", "Draw", "Readout", "Sample", "Study", "Workers", "run"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = (
    "fitting",
    "interop",
    "library",
    "pharmacology",
    "plot",
    "reduced",
    "sensitivity_analysis",
)

__all__ = [  # noqa: PLE0604
    "__version__",
    *sorted(_MODULE_OF),
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"protacsim.{_MODULE_OF[name]}"), name)
    if name in _MODULES:
        return import_module(f"protacsim.{name}")
    if name == "__version__":
        return import_module("importlib.metadata").version("protacsim")
    raise AttributeError(f"module 'protacsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
