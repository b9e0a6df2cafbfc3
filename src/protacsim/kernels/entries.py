"""A driver compiled by numba, as LLVM assembly whose `entry` takes one table of 64-bit words.

`make kernels` runs this as a program, which ships the drivers' assembly with the package; another
process comes here only where that is not of these sources.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import types

from protacsim.kernels import machine_code, shipped
from protacsim.kernels.drivers import DRIVERS, ENTRY
from protacsim.kernels.jit import OPTIONS

_OWNERS_TO_DATA = ("ptr", "ptr", "i64", "i64", "ptr")
_NUMBERS = {"float": types.float64, "int": types.int64}


def main() -> None:
    """Ship the assembly of every driver."""
    for driver in DRIVERS:
        shipped.write(driver.module, driver.name, assembly(driver.function(), driver.kinds))


def assembly(function, kinds) -> str:
    """The driver for arguments of these kinds, with all that it calls; `entry` gives 0 if well."""
    dispatcher = numba.njit(_nrt=False, **OPTIONS)(function)
    signature = tuple(map(_numba_type, kinds))
    dispatcher.compile(signature)
    name = dispatcher.overloads[signature].fndesc.llvm_func_name
    words = [word for kind in signature for word in _words(kind)]
    whole = dispatcher.inspect_llvm(signature) + _entry(name, words)
    return machine_code.portable(machine_code.pruned(whole, (ENTRY,)))


def _numba_type(kind: str):
    """numba's type of an argument (see `drivers.Driver`)."""
    if kind in _NUMBERS:
        return _NUMBERS[kind]
    dtype, dimensions = kind.split(":")
    return types.Array(numba.from_dtype(np.dtype(dtype)), int(dimensions), "C")


def _words(kind) -> list[str]:
    """LLVM's types of what an argument is passed as (see `drivers`)."""
    if isinstance(kind, types.Array):
        return [*_OWNERS_TO_DATA, *["i64"] * (2 * kind.ndim)]
    return ["double" if kind == types.float64 else "i64"]


def _entry(name: str, words: list[str]) -> str:
    """Read the words from the table and call.

    numba's functions first take places for a result and for an exception, and give a status.
    """
    lines = [f"define i32 @{ENTRY}(ptr %table) {{", "%result = alloca ptr", "%raised = alloca ptr"]
    for place, word in enumerate(words):
        lines.append(f"%p{place} = getelementptr i64, ptr %table, i64 {place}")
        lines.append(f"%v{place} = load {word}, ptr %p{place}")
    values = ", ".join(f"{word} %v{place}" for place, word in enumerate(words))
    lines.append(f'%status = call i32 @"{name}"(ptr %result, ptr %raised, {values})')
    return "\n" + "\n".join([*lines, "ret i32 %status", "}", ""])


if __name__ == "__main__":
    main()
