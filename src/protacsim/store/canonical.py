"""Plain data as canonical JSON, its hash, and JSON files that carry their own hash."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from protacsim.errors import StoreError


def sha256_of(obj: Any) -> str:
    """Hash of the canonical JSON of `obj`: UTF-8, sorted keys, no spaces, shortest floats.

    NumPy scalars and arrays count as their Python values, tuples as lists, and non-finite floats
    as the strings "NaN", "Infinity" and "-Infinity"; 1 and 1.0 differ.

    Raises `StoreError` for what JSON cannot hold.
    """
    return _hash(jsonable(obj, "value"))


def sealed(content: Mapping[str, Any], key: str) -> bytes:
    """JSON text of `content` with its own hash under `key`."""
    complete = {**content, key: _hash(content)}
    text = json.dumps(complete, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def unsealed(path: Path, key: str) -> dict[str, Any]:
    """Content of a sealed file, hash included; raises `StoreError` unless it is what was written.

    A missing file raises `FileNotFoundError`.
    """
    try:
        content = path.read_bytes()
        found = json.loads(content)
        whole = isinstance(found, dict) and content == sealed(
            {name: value for name, value in found.items() if name != key}, key
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError):
        raise StoreError(f"{path} is damaged: it is no JSON") from None
    if not whole:
        raise StoreError(f"{path} is damaged: it is not what was written (by its own sha256)")
    return dict(found)


def lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    """Events as lines of JSON."""
    return b"".join(_canonical(jsonable(event, "log event")) + b"\n" for event in events)


def jsonable(value: Any, where: str) -> Any:
    """`value` in the types of JSON; `where` names it in the error message."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case np.generic() | np.ndarray():
            return jsonable(value.tolist(), where)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else _non_finite(value)
        case Mapping():
            return {_key(k, where): jsonable(entry, f"{where}.{k}") for k, entry in value.items()}
        case list() | tuple():
            return [jsonable(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    raise StoreError(
        f"{where} is of type {type(value).__name__}, which JSON cannot hold; "
        "give a number, a string, a list or a mapping"
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise StoreError(f"{where} has the key {key!r}; JSON keys are strings, so quote it")
    return str(key)


def _non_finite(value: float) -> str:
    """Name of a float that JSON has no number for, as in Zarr's fill values."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
