"""What is asked (`axes`, `nouns`), what it expands to (`combination`, `slab`), and the runner."""

from protacsim.study.axes import DOSE, SENSITIVITY, TREATMENT, Axis, Draw, Sample, dim_of_doses
from protacsim.study.cells import settled
from protacsim.study.combination import Combination
from protacsim.study.describing import (
    PACKAGES,
    attributes,
    check_points,
    config_sha256,
    grid,
    prepare,
    references,
    resolved,
    restored,
    result_bytes,
    seconds_per_point,
    seconds_per_reference,
)
from protacsim.study.doubts import ask_about
from protacsim.study.executors import KINDS, Workers, available_cores
from protacsim.study.nouns import REPLICATE, Readout, Study
from protacsim.study.running import Progress, failures, run, run_to_store

__all__ = [
    "DOSE",
    "KINDS",
    "PACKAGES",
    "REPLICATE",
    "SENSITIVITY",
    "TREATMENT",
    "Axis",
    "Combination",
    "Draw",
    "Progress",
    "Readout",
    "Sample",
    "Study",
    "Workers",
    "ask_about",
    "attributes",
    "available_cores",
    "check_points",
    "config_sha256",
    "dim_of_doses",
    "failures",
    "grid",
    "prepare",
    "references",
    "resolved",
    "restored",
    "result_bytes",
    "run",
    "run_to_store",
    "seconds_per_point",
    "seconds_per_reference",
    "settled",
]
