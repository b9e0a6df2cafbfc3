"""Publication figures from result Datasets: one dose-response panel, a grid of panels, files.

Numbers such as DC50 are read by `protacsim.pharmacology`; nothing is simulated or fitted here.
"""

from protacsim.plot.files import save
from protacsim.plot.grid import dose_response_grid
from protacsim.plot.panel import dose_response

__all__ = ["dose_response", "dose_response_grid", "save"]
