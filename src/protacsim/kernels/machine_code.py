"""Machine code: LLVM assembly compiled for this CPU, kept on disk, placed in memory by address.

What the assembly says is the business of `objects` (one network) and `drivers` (any network).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from llvmlite import binding as llvm

from protacsim.kernels.cache import kept

_placed: dict[str, np.ndarray] = {}
_PLACING = threading.Lock()


def addresses(
    key: bytes, names: Sequence[str], make: Callable[[], str], *, inlined: bool
) -> np.ndarray:
    """Addresses of the functions `names` of the assembly from `make`, compiled or from the disk.

    `key` tells this assembly from any other of the same package; `inlined` says that nothing is to
    be gained by optimising it as a whole. Raises OSError or RuntimeError where code cannot be made
    or loaded.
    """
    name = hashlib.sha256(key + " ".join(cpu()).encode()).hexdigest()[:32] + ".o"
    with _PLACING:
        if name not in _placed:
            _placed[name] = _place(kept(name, lambda: _object(make(), names, inlined)), names)
        return _placed[name]


@cache
def cpu() -> tuple[str, str]:
    """Name of this CPU, and what it can do."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target() -> llvm.TargetMachine:
    """A new target for every use: an execution engine deletes the one it was given."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(*cpu(), opt=2, jit=True)


def pruned(assembly: str, names: Sequence[str], level: int = 0) -> llvm.ModuleRef:
    """These functions and what they call, optimised to a level, and nothing else of the assembly.

    Raises RuntimeError for assembly that this LLVM does not know.
    """
    module, target = llvm.parse_assembly(assembly), _target()
    module.triple, module.data_layout = target.triple, str(target.target_data)
    for function in module.functions:
        if not function.is_declaration and function.name not in names:
            function.linkage = "internal"
    builder = llvm.create_pass_builder(target, llvm.PipelineTuningOptions(level))
    passes = builder.getModulePassManager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    return module


def portable(module: llvm.ModuleRef) -> str:
    """Assembly that names no machine."""
    lines = str(module).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("target ", "source_", "; ")))


def _object(assembly: str, names: Sequence[str], inlined: bool) -> bytes:
    """Object code of the functions."""
    module = pruned(assembly, names, 0 if inlined else 3)
    found: bytes = _target().emit_object(module)
    return found


def _place(body: bytes, names: Sequence[str]) -> np.ndarray:
    """Addresses of an object's functions, in memory for as long as the process lives.

    The engine is let go of: disposed of at exit, it would take the code away under a thread that
    still runs.
    """
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(body))
    engine.finalize_object()
    found = np.array([engine.get_function_address(name) for name in names], np.int64)
    engine.detach()
    return found
