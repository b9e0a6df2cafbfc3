"""Machine code of a tape: compiled once per network and CPU, called by address from the drivers.

What the code says is `emit`'s business.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from llvmlite import binding as llvm

from protacsim.kernels import emit, machine_code, tape

INTERPRETED = np.zeros(len(emit.FUNCTIONS), np.int64)
"""Addresses that let the driver run the interpreted lanes."""


HALVING = ("znver4",)
"""CPUs that work on a register of 512 bits in two halves: the smaller working set is faster."""


@cache
def width() -> int:
    """Runs side by side in emitted code: what this CPU works on at once; 0 where it cannot fuse."""
    features = llvm.get_host_cpu_features()
    if llvm.get_process_triple().startswith("x86_64") and not features.get("fma"):
        return 0
    return 8 if features.get("avx512f") and llvm.get_host_cpu_name() not in HALVING else 4


def addresses(packed: tape.Tape) -> np.ndarray:
    """Addresses of a tape's functions (see `emit.FUNCTIONS`), compiled or from the disk.

    `packed` has no events. Raises OSError or RuntimeError where code cannot be made or loaded.
    """
    key = b"tape" + packed.code.tobytes() + packed.factors.tobytes()
    return machine_code.addresses(
        key, emit.FUNCTIONS, lambda: emit.assembly(packed, width()), inlined=True
    )
