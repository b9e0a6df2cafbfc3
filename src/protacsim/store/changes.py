"""How two plans differ, in the words of a configuration; what may differ without other results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from protacsim.errors import StoreError
from protacsim.store.journal import MANIFEST_HASH, PLAN_HASH

LOOSE = ("figures", "title", "config_sha256", MANIFEST_HASH, PLAN_HASH)
"""Parts of a plan that do not touch the data, or repeat another part."""

RESOLVED = "resolved"
CAUSES = (RESOLVED, "versions", "code_and_library_sha256", "platform")
"""Parts of a plan that all others follow from."""

MAX_SHOWN = 5
FEW = 4
SHA256_DIGITS = 64


def refuse_change(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise `StoreError` with the differences, if a folder is of another plan."""
    found = changed(before, now, CAUSES) or changed(before, now, now)
    if not found:
        return
    more = f"; and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    raise StoreError(
        f"{folder} holds results of something else: {'; '.join(found[:MAX_SHOWN])}{more}. "
        "Choose another folder with --out, or replace them with --fresh"
    )


def changed(before: Mapping[str, Any], now: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """How these parts of two plans differ, one phrase each."""
    found: list[str] = []
    for key in keys:
        old, new = _part(before, key), _part(now, key)
        if key not in LOOSE and old != new:
            found += list(differences(old, new, key)) or [f"{key} is another"]
    return list(dict.fromkeys(found))


def _part(plan: Mapping[str, Any], key: str) -> Any:
    """A part of a plan, without the title that a study has of its own."""
    part = plan.get(key)
    if key != RESOLVED or not isinstance(part, Mapping):
        return part
    return {name: value for name, value in part.items() if name not in LOOSE}


def differences(before: Any, now: Any, path: str) -> Iterator[str]:
    """Where two plain values differ, one phrase each; what has another name differs as a whole."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        if before.get("name") != now.get("name"):
            before, now = before.get("name"), now.get("name")
            yield f"{_as_written(path)} was {_short(before)}, is {_short(now)}"
            return
        for key in {**before, **now}:
            yield from differences(before.get(key), now.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(now, list):
        yield from _of_lists(before, now, path)
    elif before != now:
        yield f"{_as_written(path)} was {_short(before)}, is {_short(now)}"


def _of_lists(before: list[Any], now: list[Any], path: str) -> Iterator[str]:
    """Entries are told apart by what they are called; plain values are counted."""
    old, new = _by_label(before), _by_label(now)
    if old is None or new is None:
        if before != now:
            yield f"{_as_written(path)} {_recounted(_counted(before), _counted(now))}"
        return
    for label in {**old, **new}:
        place = f"{path}.{label}"
        if label in old and label in new:
            yield from differences(old[label], new[label], place)
        else:
            yield f"{_as_written(place)} {'is new' if label in new else 'is no longer there'}"
    if set(old) == set(new) and list(old) != list(new):
        yield f"{_as_written(path)} had the order {', '.join(old)}, has {', '.join(new)}"


def _by_label(entries: list[Any]) -> dict[str, Any] | None:
    """Entries by the path, the dim or the name that they are of; None for what has none."""
    labels = [_label(entry) for entry in entries]
    found = {label: entry for label, entry in zip(labels, entries, strict=True) if label}
    return found if len(found) == len(entries) else None


def _label(entry: Any) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    inner = entry.get("compound")
    own = inner if isinstance(inner, Mapping) else entry
    labels = (own.get(key) for key in ("path", "dim", "name"))
    return next((label for label in labels if isinstance(label, str)), None)


def _counted(values: list[Any]) -> str:
    if len(values) <= FEW:
        return _short(values)
    ends = [f"{x:g}" if isinstance(x, float) else _short(x) for x in (values[0], values[-1])]
    return f"{len(values):,} values ({' to '.join(ends)})"


def _recounted(before: str, now: str) -> str:
    return f"had {before}, has {now}" if before != now else f"had other values, has {now}"


WRITTEN = (
    (r"^axes\.(.*?)(\.values)?$", r"axis \1"),
    (r"^samples\.", "sample "),
    (r"^.*?\bcompounds\.", "compounds."),
    (r"^(seed|replicates)$", r"run.\1"),
    (r"\.(compound|schedule)(?=\.)", ""),
)
"""How parts of a study are called in its configuration."""


def _as_written(path: str) -> str:
    """The path of a part of a plan, as it stands in the configuration."""
    inside = path.removeprefix(f"{RESOLVED}.")
    if inside == path:
        return path
    inside = inside.removeprefix("scenario.")
    for pattern, written in WRITTEN:
        inside = re.sub(pattern, written, inside)
    return inside


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) == SHA256_DIGITS:
        return f"{value[:8]}…"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
