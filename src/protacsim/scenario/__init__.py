"""Everything one run needs (`nouns`), every number by path (`paths`), its `use`, and `mistakes`."""

from protacsim.scenario.mistakes import (
    check_inactivation,
    idle_losses,
    idle_neosubstrates,
    misspelt_proteins,
    unknown_folds,
)
from protacsim.scenario.nouns import (
    PROTEASOME,
    SCHEDULE_FIELDS,
    DosedCompound,
    Scenario,
    Treatment,
    as_treatment,
    looked_up,
)
from protacsim.scenario.paths import (
    displace,
    full_path,
    is_structural,
    molecules,
    number_at,
    numbers,
    paths,
    replaced,
)
from protacsim.scenario.use import dosed, field_of, idle_constants, used

__all__ = [
    "PROTEASOME",
    "SCHEDULE_FIELDS",
    "DosedCompound",
    "Scenario",
    "Treatment",
    "as_treatment",
    "check_inactivation",
    "displace",
    "dosed",
    "field_of",
    "full_path",
    "idle_constants",
    "idle_losses",
    "idle_neosubstrates",
    "is_structural",
    "looked_up",
    "misspelt_proteins",
    "molecules",
    "number_at",
    "numbers",
    "paths",
    "replaced",
    "unknown_folds",
    "used",
]
