"""Assembly of the drivers that comes with the package: a first result need not wait for numba.

`make kernels` writes it. Each file says which sources and which llvmlite it was made from, and is
passed over where these are others: an older LLVM may not know every word of it.
"""

from __future__ import annotations

import hashlib
import lzma
import re
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent
_FOLDER = _PACKAGE / "assembly"


def assembly(module: str, name: str) -> str | None:
    """What was shipped for a driver; None where it is missing or of other sources."""
    try:
        text = lzma.decompress((_FOLDER / f"{name}.ll.xz").read_bytes()).decode()
    except (OSError, lzma.LZMAError):
        return None
    return text if text.startswith(_header(module)) else None


def write(module: str, name: str, text: str) -> None:
    """Ship the assembly of a driver."""
    _FOLDER.mkdir(exist_ok=True)
    content = lzma.compress(f"{_header(module)}{text}".encode(), preset=9)
    (_FOLDER / f"{name}.ll.xz").write_bytes(content)


def _header(module: str) -> str:
    """A comment: llvmlite's version, the sha256 of a driver's module and all kernels it imports."""
    seen: dict[str, str] = {}
    waiting = [module.rpartition(".")[2], "entries"]
    while waiting:
        stem = waiting.pop()
        if stem not in seen:
            seen[stem] = (_PACKAGE / f"{stem}.py").read_text(encoding="utf-8")
            waiting += re.findall(r"^from protacsim\.kernels\.(\w+) import", seen[stem], re.M)
            for names in re.findall(r"^from protacsim\.kernels import (.+)$", seen[stem], re.M):
                waiting += names.split(", ")
    digest = hashlib.sha256("".join(seen[stem] for stem in sorted(seen)).encode())
    return f"; llvmlite {version('llvmlite')}, {digest.hexdigest()}\n"
