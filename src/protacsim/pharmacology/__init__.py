"""Numbers read off results: DC50, Dmax, hook effect, IC50, fold shift, degradation kinetics.

`degradation_curve`, `inhibition_curve` and the time-course functions take arrays of one curve;
`dose_response`, `inhibition`, `time_course`, `recovery`, `fold_shift` and `summary` take the
Dataset of a study. A number that its definition does not give is NaN with a `Reason`. Nothing
here simulates, fits models to data or draws.
"""

from protacsim.pharmacology.datasets import (
    dose_response,
    fold_shift,
    inhibition,
    recovery,
    summary,
    time_course,
)
from protacsim.pharmacology.dose_curves import (
    DegradationCurve,
    InhibitionCurve,
    degradation_curve,
    inhibition_curve,
)
from protacsim.pharmacology.readings import Reading, Reason
from protacsim.pharmacology.time_curves import (
    d50_time_h,
    initial_rate_per_h,
    rate_and_plateau,
    recovery_half_time_h,
)

__all__ = [
    "DegradationCurve",
    "InhibitionCurve",
    "Reading",
    "Reason",
    "d50_time_h",
    "degradation_curve",
    "dose_response",
    "fold_shift",
    "inhibition",
    "inhibition_curve",
    "initial_rate_per_h",
    "rate_and_plateau",
    "recovery",
    "recovery_half_time_h",
    "summary",
    "time_course",
]
