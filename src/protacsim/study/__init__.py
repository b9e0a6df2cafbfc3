"""What is asked (`axes`, `nouns`), what it expands to (`combination`), and the runner."""

from protacsim.study.axes import DOSE, TREATMENT, Axis, Draw, Sample
from protacsim.study.combination import Combination
from protacsim.study.nouns import Readout, Study
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
