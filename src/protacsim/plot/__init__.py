"""Publication figures from result Datasets: panels and grids against dose or time, files.

Numbers such as DC50 are read by `protacsim.pharmacology`; nothing is simulated or fitted here.
"""

from protacsim.plot.files import save
from protacsim.plot.grid import dose_response_grid, time_course_grid
from protacsim.plot.heatmap import heatmap
from protacsim.plot.panel import dose_response
from protacsim.plot.sensitivity import sensitivity
from protacsim.plot.time_panel import time_course

__all__ = [
    "dose_response",
    "dose_response_grid",
    "heatmap",
    "save",
    "sensitivity",
    "time_course",
    "time_course_grid",
]
