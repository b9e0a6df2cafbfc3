"""A driver compiled by numba, as LLVM assembly whose `entry` takes one table of 64-bit words.

Only what is missing from the cache brings a process here: this is the way to numba.
"""

from __future__ import annotations

import numba
from numba import types

from protacsim.kernels.drivers import ENTRY
from protacsim.kernels.jit import OPTIONS

_OWNERS_TO_DATA = ("ptr", "ptr", "i64", "i64", "ptr")


def assembly(function, arguments) -> str:
    """The driver for arguments of these types, with all that it calls; `entry` gives 0 if well."""
    dispatcher = numba.njit(_nrt=False, **OPTIONS)(function)
    signature = tuple(_kind(argument) for argument in arguments)
    dispatcher.compile(signature)
    name = dispatcher.overloads[signature].fndesc.llvm_func_name
    words = [word for kind in signature for word in _words(kind)]
    return dispatcher.inspect_llvm(signature) + _entry(name, words)


def _kind(argument):
    """numba's type of an argument; whether an array may be written to makes no difference."""
    if isinstance(argument, (int, float)):
        return numba.typeof(argument)
    return types.Array(numba.from_dtype(argument.dtype), argument.ndim, "C")


def _words(kind) -> list[str]:
    """LLVM's types of what an argument is passed as (see `drivers`)."""
    if isinstance(kind, types.Array):
        return [*_OWNERS_TO_DATA, *["i64"] * (2 * kind.ndim)]
    return ["double" if kind == types.float64 else "i64"]


def _entry(name: str, words: list[str]) -> str:
    """Read the words from the table and call; numba's functions first take places for a result
    and for an exception, and give a status.
    """
    lines = [f"define i32 @{ENTRY}(ptr %table) {{", "%result = alloca ptr", "%raised = alloca ptr"]
    for place, word in enumerate(words):
        lines.append(f"%p{place} = getelementptr i64, ptr %table, i64 {place}")
        lines.append(f"%v{place} = load {word}, ptr %p{place}")
    values = ", ".join(f"{word} %v{place}" for place, word in enumerate(words))
    lines.append(f'%status = call i32 @"{name}"(ptr %result, ptr %raised, {values})')
    return "\n" + "\n".join([*lines, "ret i32 %status", "}", ""])
