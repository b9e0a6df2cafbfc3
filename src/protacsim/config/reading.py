"""Reading a configuration: the file, the one it extends, and overrides from the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from protacsim import library
from protacsim.config.grammar import Document
from protacsim.errors import ConfigError
from protacsim.validation import quoted

LARGEST_FILE_BYTES = 5_000_000
DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){50}""")
"""A dotted key of more than 50 parts; the parser takes the square of the parts in time."""


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises `ConfigError` for one that is missing, binary or malformed."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        reason = {2: "there is no such file", 21: "is a folder, not a file"}.get(
            error.errno or 0, str(error.strerror)
        )
        raise ConfigError(f"{path}: {reason}; give the path of a TOML configuration.") from None
    except ValueError:  # a null byte in the name
        raise ConfigError(f"{quoted(str(path))} is no file name; give another.") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise ConfigError(
            f"{path}: the file is larger than {LARGEST_FILE_BYTES // 1_000_000} MB; "
            "a configuration is a short text."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path}: is not text in UTF-8; save a TOML configuration as such."
        ) from None
    try:
        if DEEP_KEY.search(text):
            raise RecursionError
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML{_mistake(str(error), text)}.") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply; a configuration is flat.") from None
    except ValueError:
        raise ConfigError(f"{path}: a number has too many digits; shorten it.") from None


MISTAKES = (
    ("Cannot overwrite", "this key stands twice in its table; keep one"),
    ("Duplicate inline table key", "a key stands twice between the braces; keep one"),
    ("Cannot declare", "this table stands twice; keep one, or write [[...]] for one of several"),
    ("Cannot mutate", "this table is written in two ways; keep one"),
    ("Invalid value", 'here a value is missing, or is text without quotes: write key = "text"'),
    ("Unclosed array", "this list lacks its ], or a comma"),
    ("Unclosed inline table", "this table lacks its }, or a comma"),
    ("Unterminated string", "a text that began here or above lacks its closing quotes"),
    ("Illegal character '\\n'", "a text lacks its closing quotes"),
    ("Expected '=' after a key", "a key is followed by =; write key = value"),
    ("Expected ']", "the name of a table lacks its closing bracket"),
    (
        "Expected newline",
        "something stands behind the value; write one key = value per line, text in quotes",
    ),
    ("Invalid statement", "this is no key = value, and no [table]"),
    ("Unescaped", "a backslash in a text; write it twice, or use single quotes"),
)
"""What the parser says, and what to do about it."""

OPENED = re.compile(r"=\s*\[")
CURLY = "“”„‘’«»"


def _mistake(said: str, text: str) -> str:
    """Where the parser stopped, what stands there, and what to do."""
    lines = text.split("\n")
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    number = min(int(place[1] or len(lines)) if place else 1, len(lines))
    if said.startswith("Unclosed array"):
        number = next((n for n in range(number, 0, -1) if OPENED.search(lines[n - 1])), number)
    line = lines[number - 1].strip()
    own = next((words for start, words in MISTAKES if said.startswith(start)), None)
    if said.startswith("Invalid") and set(CURLY) & set(line):
        own = 'curly quotes; write straight ones, such as "text"'
    reason = own or f"{said[: place.start() if place else None]}; correct that line"
    return f", line {number}, {quoted(line)}: {reason}"


def extended(raw: dict[str, Any], source: Path) -> dict[str, Any]:
    """The file laid over the one it extends (one level)."""
    base_name = raw.get("extends")
    if not isinstance(base_name, str):
        return raw
    try:
        base = read_toml(source.parent / base_name)
    except ConfigError as error:
        raise ConfigError(f"{source}: extends {base_name!r}: {error}") from None
    if "extends" in base:
        raise ConfigError(
            f"{source}: extends {base_name!r}, which extends another file; only one level is "
            "allowed, name the last file directly."
        )
    over = {key: value for key, value in raw.items() if key != "extends"}
    return library.merged(_with_files_below(base, Path(base_name).parent), over)


def _with_files_below(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration with its data files named as they are seen from outside `folder`."""
    figures = raw.get("figure")
    listed = figures if isinstance(figures, list) else []
    for section, key in [(raw.get("fit"), "data"), *((figure, "points") for figure in listed)]:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = str(folder / section[key])
    return raw


def parsed(overrides: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Paths and values of overrides; a value is read as TOML where it can be, else as text."""
    if isinstance(overrides, Mapping):
        yield from overrides.items()
        return
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {text!r}: write it as path=value, such as cell.volume_pL=0.8."
            )
        try:
            parsed = tomllib.loads(f"value = {value}")
        except (ValueError, RecursionError):
            parsed = {}
        yield key.strip(), parsed["value"] if len(parsed) == 1 else value.strip()


def override(raw: dict[str, Any], path: str, value: Any) -> None:
    """Put one override in place, in the scenario unless its first key is a top-level one."""
    keys = path.split(".")
    if keys[0] in ("compound", "compounds"):
        _set_compound(raw, path, keys, value)
        return
    if keys[0] not in Document.__dataclass_fields__:
        keys = ["scenario", *keys]
    place = raw
    for key in keys[:-1]:
        below = place.get(key)
        below = {"name": below} if isinstance(below, str) else below
        if below is not None and not isinstance(below, dict):
            raise ConfigError(f"--set {path}: {key} is no table; change it in the file.")
        place[key] = {} if below is None else below
        place = place[key]
    place[keys[-1]] = value


def _set_compound(raw: dict[str, Any], path: str, keys: list[str], value: Any) -> None:
    treatments = raw.get("treatment")
    treatments = treatments if isinstance(treatments, list) else []
    changed = [_set_in_treatment(each, keys, value) for each in treatments]
    if not any(changed):
        raise ConfigError(
            f"--set {path}: no treatment has such a compound; see protacsim describe."
        )


def _set_in_treatment(treatment: Any, keys: list[str], value: Any) -> bool:
    """Override the varied compound (`compound.x`) or a named one; False where there is none."""
    given = treatment.get("compounds") if isinstance(treatment, dict) else None
    listed = given if isinstance(given, list) else [given]
    entries = [{"name": each} if isinstance(each, str) else each for each in listed]
    named = [e for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]
    if keys[0] == "compound":
        open_doses = [e for e in named if "dose_nM" not in e]
        chosen = named if len(named) == 1 else open_doses if len(open_doses) == 1 else []
        rest = keys[1:]
    else:
        chosen = [e for e in named if keys[1 : 1 + len(_words(e))] == _words(e)]
        rest = keys[1 + len(_words(chosen[0])) :] if chosen else []
    if not chosen or not rest:
        return False
    place: dict[str, Any] = chosen[0]
    for key in rest[:-1]:
        below = place.get(key)
        place[key] = dict(below) if isinstance(below, dict) else {}
        place = place[key]
    place[rest[-1]] = value
    treatment["compounds"] = entries
    return True


def _words(entry: Mapping[str, Any]) -> list[str]:
    return str(entry["name"]).split(".")
