"""The one place for numba options, and the directory of the compiled-code cache.

numba keys its cache by the file of each function alone and goes stale when a helper in another
file changes, so the directory carries a hash of every kernel source.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., object])

JIT_ENABLED = not getattr(numba.config, "DISABLE_JIT", 0)


def cache_directory() -> Path:
    """Where compiled kernels are kept: PROTACSIM_CACHE_DIR, else the user's cache directory."""
    base = os.environ.get("PROTACSIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "protacsim" / "kernels" / _fingerprint()


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    digest.update(f"{numba.__version__} {np.__version__} {platform.machine()}".encode())
    return digest.hexdigest()[:16]


def njit(function: F) -> F:
    """Compile a kernel that allocates nothing: counting references costs atomic writes."""
    return _compiled(function, counts=False)


def njit_allocating(function: F) -> F:
    """Compile a kernel that makes arrays of its own."""
    return _compiled(function, counts=True)


def _compiled(function: F, *, counts: bool) -> F:
    """Compile without the GIL, without fastmath (`isnan` must work), cached on disk."""
    config: Any = numba.config
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(_DIRECTORY)
    try:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=counts)(
            function
        )
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
