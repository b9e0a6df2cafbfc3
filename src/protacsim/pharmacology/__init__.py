"""Numbers read off results: DC50, Dmax, hook, IC50, fold shift, kinetics, catalysis, populations.

`degradation_curve`, `inhibition_curve` and the time-course functions take arrays of one curve;
the others take the Dataset of a study. A number that its definition does not give is NaN with a
`Reason`. Nothing here simulates, fits the model to data or draws; `fit_hill` and `fit_bell` only
describe a curve's shape.
"""

from protacsim.pharmacology.cells import (
    cell_summary,
    fano_factor,
    first_passage_h,
    fraction_lost,
    fraction_of_cells,
    mean_and_quantiles,
)
from protacsim.pharmacology.comparison import compared, operator_of
from protacsim.pharmacology.curve_fits import Fit, fit_bell, fit_hill
from protacsim.pharmacology.datasets import (
    dose_response,
    fold_shift,
    inhibition,
    recovery,
    summary,
    time_course,
    without_dose,
)
from protacsim.pharmacology.dose_curves import (
    DegradationCurve,
    InhibitionCurve,
    degradation_curve,
    dose_line,
    inhibition_curve,
)
from protacsim.pharmacology.engagement import (
    area_over_the_curve,
    occupancy_and_degradation,
    turnover_numbers,
)
from protacsim.pharmacology.fronts import pareto_front
from protacsim.pharmacology.points import point_summary
from protacsim.pharmacology.populations import (
    distribution,
    fraction_below,
    in_words,
    interval,
    member_dims,
    mixture,
)
from protacsim.pharmacology.readings import Reading, Reason
from protacsim.pharmacology.ternary_peaks import TernaryPeak, ternary_peak, ternary_peaks
from protacsim.pharmacology.time_curves import (
    d50_time_h,
    initial_rate_per_h,
    rate_and_plateau,
    recovery_half_time_h,
    time_line,
)

__all__ = [
    "DegradationCurve",
    "Fit",
    "InhibitionCurve",
    "Reading",
    "Reason",
    "TernaryPeak",
    "area_over_the_curve",
    "cell_summary",
    "compared",
    "d50_time_h",
    "degradation_curve",
    "distribution",
    "dose_line",
    "dose_response",
    "fano_factor",
    "first_passage_h",
    "fit_bell",
    "fit_hill",
    "fold_shift",
    "fraction_below",
    "fraction_lost",
    "fraction_of_cells",
    "in_words",
    "inhibition",
    "inhibition_curve",
    "initial_rate_per_h",
    "interval",
    "mean_and_quantiles",
    "member_dims",
    "mixture",
    "occupancy_and_degradation",
    "operator_of",
    "pareto_front",
    "point_summary",
    "rate_and_plateau",
    "recovery",
    "recovery_half_time_h",
    "summary",
    "ternary_peak",
    "ternary_peaks",
    "time_course",
    "time_line",
    "turnover_numbers",
    "without_dose",
]
