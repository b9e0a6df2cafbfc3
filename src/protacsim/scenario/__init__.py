"""Everything one run needs (`nouns`), and the path of every number in it (`paths`)."""

from protacsim.scenario.nouns import (
    PROTEASOME,
    SCHEDULE_FIELDS,
    DosedCompound,
    Scenario,
    Treatment,
    looked_up,
)
from protacsim.scenario.paths import (
    displace,
    full_path,
    is_structural,
    molecules,
    numbers,
    paths,
    replaced,
)

__all__ = [
    "PROTEASOME",
    "SCHEDULE_FIELDS",
    "DosedCompound",
    "Scenario",
    "Treatment",
    "displace",
    "full_path",
    "is_structural",
    "looked_up",
    "molecules",
    "numbers",
    "paths",
    "replaced",
]
