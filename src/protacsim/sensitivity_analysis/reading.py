"""The reading that a sensitivity is asked of: a variable, a number read off curves, a fraction."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from protacsim import pharmacology
from protacsim.errors import ParameterError
from protacsim.study import SENSITIVITY
from protacsim.study.names import CURVE_READINGS, DEGRADATION_READINGS, FRACTION_BELOW

Reader = Callable[[xr.Dataset], xr.DataArray]
ReadOut = str | Reader


def reading(data: xr.Dataset, readout: ReadOut) -> tuple[xr.DataArray, xr.DataArray | None]:
    """A reading of a result, and why it is null where it is, if that is known."""
    if callable(readout):
        return readout(data), None
    if readout in data:
        return data[readout], None
    if readout in CURVE_READINGS:
        degrades = readout in DEGRADATION_READINGS
        read = pharmacology.dose_response if degrades else pharmacology.inhibition
        curves = read(data)
        return curves[readout], curves[f"{readout}_reason"]
    below = FRACTION_BELOW.match(readout)
    if below:
        dims = [dim for dim in pharmacology.member_dims(data) if dim != SENSITIVITY]
        if not dims:
            raise ParameterError(f"{readout!r} needs a sample of members; add a [[sample]].")
        stacked = data[[below[1]]].stack({"_members": dims}, create_index=False)
        found = pharmacology.fraction_below(stacked, below[1], float(below[2]), "_members")
        return found["fraction"], None
    raise ParameterError(
        f"there is no reading {readout!r}; take one of {', '.join(CURVE_READINGS)}, a "
        'variable of the result such as target_total_percent, or "target_total_percent below 20".'
    )


def is_dose(readout: ReadOut) -> bool:
    """Whether a reading is a dose, read off a curve."""
    return readout in CURVE_READINGS and str(readout).endswith("_nM")


def name_of(readout: ReadOut) -> str:
    """What a reading is called."""
    return readout if isinstance(readout, str) else getattr(readout, "__name__", "reading")
