"""The compiled drivers as Python calls them: by address, each an object file of its own.

A process that finds the object on disk never loads numba, whose start takes longer than a small
study. What the arguments are stands where the drivers are written. With the JIT off these call the
same functions as plain Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from protacsim.kernels import machine_code, shipped
from protacsim.kernels.cache import JIT_ENABLED

ENTRY = "entry"
_KIND_OF_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Driver:
    """One driver, and the kinds of its arguments: float, int, or an array's type:dimensions."""

    def __init__(self, module: str, name: str, kinds: str) -> None:
        self.module, self.name, self.kinds = module, name, kinds.split()

    def __call__(self, *arguments: Any) -> None:
        """Run it; raises `TypeError` for an argument that compiled code cannot take."""
        if not JIT_ENABLED:
            self.function()(*arguments)
            return
        for place, (kind, argument) in enumerate(zip(self.kinds, arguments, strict=True)):
            if _kind(argument) != kind:
                raise TypeError(f"argument {place} of {self.name} must be {kind}, C-contiguous.")
        words = np.array([word for argument in arguments for word in _words(argument)], np.int64)
        if self._entry(words.ctypes.data):
            raise RuntimeError(f"{self.name} stopped; this is a defect of protacsim.")

    def function(self) -> Callable[..., None]:
        """The driver as it is written; loads numba unless the JIT is off."""
        found: Callable[..., None] = getattr(import_module(self.module), self.name)
        return found

    @cached_property
    def _entry(self) -> Callable[[int], int]:
        key = " ".join([self.name, *self.kinds]).encode()
        (address,) = machine_code.addresses(key, (ENTRY,), self._assembly, inlined=False)
        return _KIND_OF_ENTRY(int(address))

    def _assembly(self) -> str:
        made = shipped.assembly(self.module, self.name)
        if made is not None:
            return made
        from protacsim.kernels.entries import assembly

        return assembly(self.function(), self.kinds)


integrate_batch = Driver(
    "protacsim.kernels.integrate",
    "integrate_batch",
    "i4:1 f8:1 i8:1 f8:2 f8:2 i8:2 f8:2 f8:2 f8:2 f8:2 f8:2 f8:2 f8:1 float int f8:3 i8:2 f8:1",
)
settle_batch = Driver(
    "protacsim.kernels.steady",
    "settle_batch",
    "i4:1 f8:1 i8:1 f8:2 f8:2 i8:2 f8:2 f8:2 f8:2 float float int f8:2 i8:2 f8:1",
)
DRIVERS = (integrate_batch, settle_batch)


def _kind(argument: Any) -> str:
    """What an argument is compiled for; empty where it cannot be passed."""
    if isinstance(argument, (float, int)):
        return "float" if isinstance(argument, float) else "int"
    if isinstance(argument, np.ndarray) and argument.flags.c_contiguous:
        return f"{argument.dtype.str[1:]}:{argument.ndim}"
    return ""


def _words(argument: Any) -> list[int]:
    """An argument as 64-bit words.

    Of an array numba takes two owners (none), its size, that of an item, address, shape, strides.
    """
    if isinstance(argument, float):
        return [int(np.float64(argument).view(np.int64))]
    if isinstance(argument, int):
        return [argument]
    address = argument.ctypes.data
    return [0, 0, argument.size, argument.itemsize, address, *argument.shape, *argument.strides]
