"""The compiled drivers as Python calls them: by address, each an object file of its own.

A process that finds the object on disk never loads numba, whose start takes longer than a small
study. What the arguments are stands where the drivers are written. With the JIT off these call the
same functions as plain Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from protacsim.kernels import machine_code
from protacsim.kernels.cache import JIT_ENABLED

ENTRY = "entry"
_KIND_OF_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Driver:
    """One driver: takes C-contiguous arrays, floats and ints; compiled once per kinds of these."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self.compiled: dict[str, Callable[[int], int]] = {}

    def __call__(self, *arguments: Any) -> None:
        """Run it; raises `TypeError` for an argument that compiled code cannot take."""
        if not JIT_ENABLED:
            self._function()(*arguments)
            return
        kinds = " ".join(map(_kind, arguments))
        if kinds not in self.compiled:
            self.compiled[kinds] = _KIND_OF_ENTRY(self._address(kinds, arguments))
        words = np.array([word for argument in arguments for word in _words(argument)], np.int64)
        if self.compiled[kinds](words.ctypes.data):
            raise RuntimeError(f"{self.name} stopped; this is a defect of protacsim.")

    def _function(self) -> Callable[..., None]:
        found: Callable[..., None] = getattr(import_module(self.module), self.name)
        return found

    def _address(self, kinds: str, arguments: tuple[Any, ...]) -> int:
        key = f"{self.name} {kinds}".encode()
        (address,) = machine_code.addresses(
            key, (ENTRY,), lambda: self._assembly(arguments), inlined=False
        )
        return int(address)

    def _assembly(self, arguments: tuple[Any, ...]) -> str:
        from protacsim.kernels.entries import assembly

        return assembly(self._function(), arguments)


integrate_batch = Driver("protacsim.kernels.integrate", "integrate_batch")
settle_batch = Driver("protacsim.kernels.steady", "settle_batch")


def _kind(argument: Any) -> str:
    """What an argument is compiled for: a number's type, an array's with its dimensions."""
    if isinstance(argument, (float, int)):
        return type(argument).__name__
    if isinstance(argument, np.ndarray) and argument.flags.c_contiguous:
        return f"{argument.dtype.str}{argument.ndim}"
    raise TypeError(f"a driver takes floats, ints and C-contiguous arrays; got {type(argument)}.")


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
