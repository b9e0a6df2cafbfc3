"""Machine code of a tape: compiled once per network and CPU, kept on disk, called by address.

What the code says is `emit`'s business. A file opens with the sha256 of what follows, so that a
damaged one is noticed and made anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from functools import cache
from pathlib import Path

import llvmlite
import numpy as np
from llvmlite import binding as llvm

from protacsim.kernels import emit, jit, tape

INTERPRETED = np.zeros(len(emit.FUNCTIONS), np.int64)
"""Addresses that let the driver run the interpreted lanes."""

_DIGEST = 32
_loaded: dict[str, np.ndarray] = {}
_LOADING = threading.Lock()


@cache
def width() -> int:
    """Runs side by side in emitted code: a full register of this CPU; 0 where it cannot fuse."""
    features = llvm.get_host_cpu_features()
    if llvm.get_process_triple().startswith("x86_64") and not features.get("fma"):
        return 0
    return 8 if features.get("avx512f") else 4


def addresses(packed: tape.Tape) -> np.ndarray:
    """Addresses of a tape's functions (see `emit.FUNCTIONS`), compiled or from the disk.

    `packed` has no events. Raises OSError or RuntimeError where code cannot be made or loaded.
    """
    key = _key(packed)
    with _LOADING:
        if key not in _loaded:
            _loaded[key] = _placed(_object(packed, jit.cache_directory() / f"{key}.emitted"))
        return _loaded[key]


def _key(packed: tape.Tape) -> str:
    digest = hashlib.sha256(f"{llvmlite.__version__} {_cpu()}".encode())
    digest.update(packed.code.tobytes())
    digest.update(packed.factors.tobytes())
    return digest.hexdigest()[:32]


@cache
def _cpu() -> tuple[str, str]:
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target() -> llvm.TargetMachine:
    """A new target for every use: an execution engine deletes the one it was given."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _cpu()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(name, features, opt=2, jit=True)


def _object(packed: tape.Tape, path: Path) -> bytes:
    """The object of a tape: from `path` where that is whole, else compiled and put there."""
    kept = _read(path)
    if kept is not None:
        return kept
    module = llvm.parse_assembly(emit.assembly(packed, width()))
    made = _target().emit_object(module)
    _write(path, made)
    return made


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[_DIGEST:]
    return body if hashlib.sha256(body).digest() == content[:_DIGEST] else None


def _write(path: Path, body: bytes) -> None:
    """Write in one step; a directory that cannot be written costs the next process its time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
        os.replace(name, path)
    except OSError:
        return


def _placed(body: bytes) -> np.ndarray:
    """Addresses of an object's functions, in memory for as long as the process lives.

    The engine is let go of: disposed of at exit, it would take the code away under a thread that
    still runs.
    """
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(body))
    engine.finalize_object()
    found = np.array([engine.get_function_address(name) for name in emit.FUNCTIONS], np.int64)
    engine.detach()
    return found
