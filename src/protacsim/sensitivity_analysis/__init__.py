"""Which constant decides a reading: Sobol indices, Morris screening, elasticities, uncertainty.

A design is a sample of the study, so the runner executes and stores it like any other; here its
results are analysed. SALib does the statistics and is an extra.
"""

from protacsim.sensitivity_analysis.indices import effect_unit, indices, sensitivity
from protacsim.sensitivity_analysis.local import elasticities
from protacsim.sensitivity_analysis.reading import reading
from protacsim.sensitivity_analysis.uncertain import (
    library_draws,
    partial_rank_correlation,
    uncertainty,
)
from protacsim.study.designs import design

__all__ = [
    "design",
    "effect_unit",
    "elasticities",
    "indices",
    "library_draws",
    "partial_rank_correlation",
    "reading",
    "sensitivity",
    "uncertainty",
]
