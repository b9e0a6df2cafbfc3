"""The one place for numba options: how kernels are compiled, and that they are cached.

numba keys its cache by the file of each function alone and goes stale when a helper in another
file changes; the directory from `cache` does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from protacsim.kernels.cache import JIT_ENABLED, cache_directory

F = TypeVar("F", bound=Callable[..., object])

OPTIONS = {"nogil": True, "error_model": "numpy"}
"""Without the GIL, without fastmath (`isnan` must work)."""


def njit(function: F) -> F:
    """Compile a kernel that allocates nothing: counting references costs atomic writes."""
    return _compiled(function, counts=False)


def njit_allocating(function: F) -> F:
    """Compile a kernel that makes arrays of its own."""
    return _compiled(function, counts=True)


def _compiled(function: F, *, counts: bool) -> F:
    """Compile when first called, cached on disk."""
    config: Any = numba.config
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(_DIRECTORY)
    try:
        compiled: Any = numba.njit(cache=True, _nrt=counts, **OPTIONS)(function)
    finally:
        config.CACHE_DIR = previous
    return cast("F", compiled)


def arrays_made() -> int:
    """How many arrays compiled kernels have made since this was first asked."""
    if not JIT_ENABLED:
        return 0
    from numba.core.runtime import _nrt_python, rtsys

    _nrt_python.memsys_enable_stats()
    return int(rtsys.get_allocation_stats().alloc)


_DIRECTORY = cache_directory()
