"""What is asked (`nouns`: Study, Axis, Sample, Readout) and the runner that answers (`results`)."""

from protacsim.study.nouns import DOSE, TREATMENT, Axis, Combination, Draw, Readout, Sample, Study
from protacsim.study.results import ADVICE, Progress, failures, run

__all__ = [
    "ADVICE",
    "DOSE",
    "TREATMENT",
    "Axis",
    "Combination",
    "Draw",
    "Progress",
    "Readout",
    "Sample",
    "Study",
    "failures",
    "run",
]
