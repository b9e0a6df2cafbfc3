"""A general mass-action machine: species, reactions of order 0 to 2, rates as names.

Nothing here knows of BTK, of numbers, or of solvers. `Network.compile()` turns the one reaction
table into the integer programs (`compiler`) that every solver runs.
"""

from protacsim.network.compiler import CompiledNetwork, Programs
from protacsim.network.dose import Dose
from protacsim.network.gene import Gene
from protacsim.network.model import Network, Reaction, Term

__all__ = ["CompiledNetwork", "Dose", "Gene", "Network", "Programs", "Reaction", "Term"]
