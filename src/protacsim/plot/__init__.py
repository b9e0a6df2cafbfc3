"""Publication figures from result Datasets, tables and networks, on axes, as sheets, in files.

Numbers such as DC50 are read by `protacsim.pharmacology`; nothing is simulated or fitted here.
A figure takes `ax=` and returns `Axes`, and its `..._grid` or `..._sheet` adds legend and caption;
`heatmap`, `sensitivity` and `fit_sheet` are whole figures with a caption and return a `Figure`.
"""

from protacsim.plot.agreement import observed_vs_predicted, observed_vs_predicted_sheet
from protacsim.plot.catalysis import occupancy_vs_degradation, occupancy_vs_degradation_sheet
from protacsim.plot.files import save
from protacsim.plot.fitted import fit_sheet
from protacsim.plot.flow import species_flow, species_flow_sheet
from protacsim.plot.graph import network, network_sheet
from protacsim.plot.grid import dose_response_grid, time_course_grid
from protacsim.plot.heatmap import heatmap
from protacsim.plot.panel import dose_response
from protacsim.plot.sensitivity import sensitivity
from protacsim.plot.shift import allele_shift, allele_shift_sheet
from protacsim.plot.single_cell import single_cell, single_cell_sheet
from protacsim.plot.ternary import ternary_bell, ternary_bell_sheet
from protacsim.plot.time_panel import time_course

__all__ = [
    "allele_shift",
    "allele_shift_sheet",
    "dose_response",
    "dose_response_grid",
    "fit_sheet",
    "heatmap",
    "network",
    "network_sheet",
    "observed_vs_predicted",
    "observed_vs_predicted_sheet",
    "occupancy_vs_degradation",
    "occupancy_vs_degradation_sheet",
    "save",
    "sensitivity",
    "single_cell",
    "single_cell_sheet",
    "species_flow",
    "species_flow_sheet",
    "ternary_bell",
    "ternary_bell_sheet",
    "time_course",
    "time_course_grid",
]
