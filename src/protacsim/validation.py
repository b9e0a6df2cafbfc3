"""Validated, frozen, hashable nouns: number types with bounds, and mistakes as sentences.

Domain words do not live here; `entities`, `scenario` and `config` build their nouns from these.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from protacsim.errors import ParameterError
from protacsim.units import to_canonical, unit_of

if TYPE_CHECKING:
    from pydantic import ValidationInfo
    from pydantic_core import ErrorDetails

T = TypeVar("T")

MOST_LISTED = 20
MOST_MEANT = 3


@dataclass_transform(frozen_default=True, field_specifiers=(Field, dataclasses.field))
def noun(cls: type[T]) -> type[T]:
    """Frozen, hashable pydantic dataclass that refuses unknown keys and non-finite numbers."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    made: Any = dataclass(frozen=True, config=config)(cls)
    validate = made.__init__

    @functools.wraps(validate)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            validate(self, *args, **kwargs)
        except ValidationError as error:
            names = (field.name for field in dataclasses.fields(made))
            given = dict(zip(names, args, strict=False)) | kwargs
            raise ParameterError("\n".join(problems(error, made, given))) from None

    made.__init__ = checked
    _NOUN_NAMES.add(cls.__name__)
    return cast("type[T]", made)


def _number(value: object, info: ValidationInfo) -> object:
    if isinstance(value, bool):
        raise ParameterError("must be a number")
    if isinstance(value, str):
        return to_canonical(info.field_name or "", value)
    return value


Quantity = BeforeValidator(_number)
Positive = Annotated[float, Quantity, Field(gt=0)]
NonNegative = Annotated[float, Quantity, Field(ge=0)]
Real = Annotated[float, Quantity]
Fraction = Annotated[float, Quantity, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Quantity, Field(gt=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][\w .+*()-]*$")]


Label = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


def distinct(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """Named entries sorted by name, so that the order of a table means nothing; no name twice."""
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(f"{twice} is given twice; keep one")
    return tuple(sorted(entries, key=lambda entry: str(entry.name)))


def named_entries(value: object) -> object:
    """Accept `{"BTK": {...}}` where a tuple of named nouns is stored."""
    if isinstance(value, Mapping):
        return tuple(
            {"name": name, **entry} if isinstance(entry, Mapping) else entry
            for name, entry in value.items()
        )
    return value


def closest(found: str, allowed: Iterable[str]) -> str | None:
    """The known word most like `found`, or None when nothing is near.

    Words that contain all parts of `found` come first: `dc50_nM` means `dc50_relative_nM` rather
    than `ic50_nM`.
    """
    words = list(allowed)
    if found in words:
        return found
    whole = _containing(found, words)
    return whole[0] if len(whole) == 1 else _most_like(found, whole) or _most_like(found, words)


def _most_like(found: str, allowed: Iterable[str]) -> str | None:
    known = {word.casefold(): word for word in allowed}
    match = difflib.get_close_matches(found.casefold(), known, n=1, cutoff=0.6)
    return known[match[0]] if match else None


def _containing(found: str, allowed: Iterable[str]) -> list[str]:
    """Words with all the parts of `found` between underscores and dots."""
    parts = _parts(found)
    return [word for word in allowed if parts and parts <= _parts(word)]


def _parts(word: str) -> set[str]:
    return set(filter(None, re.split(r"[_.]", word.casefold())))


def one_of(found: str, allowed: Iterable[str]) -> str:
    """Half a sentence: what is allowed instead of `found`, nearest word first."""
    words = sorted(allowed)
    near = _near(found[:80], words)
    shown = words
    if len(words) > MOST_LISTED:
        alike = difflib.get_close_matches(found[:80], words, n=5, cutoff=0.0)
        shown = list(dict.fromkeys([*near, *alike]))[:5]
    rest = f" and {len(words) - len(shown)} more" if len(words) > len(shown) else ""
    listed = ", ".join(shown) + rest
    meant = " or ".join(map(repr, near))
    return f"did you mean {meant}? Known: {listed}" if near else f"known: {listed}"


def _near(found: str, words: list[str]) -> list[str]:
    """The closest word; several, closest first, if a few contain all parts of `found`."""
    whole = _containing(found, words)
    if found not in words and 1 < len(whole) <= MOST_MEANT:
        return difflib.get_close_matches(found, whole, n=MOST_MEANT, cutoff=0.0)
    near = closest(found, words)
    return [] if near is None else [near]


def problems(error: ValidationError, root: Any, raw: object = None, at: str = "") -> list[str]:
    """One sentence per mistake: key path, what was found, what is allowed.

    `root` is the noun that was being validated, `raw` the input, from which entries of named
    tables get their names, `at` the path of the noun itself.
    """
    seen: dict[str, list[str]] = {}
    first: dict[str, ErrorDetails] = {}
    for item in error.errors(include_url=False):
        path = _place(item, raw)
        joint = "" if not (at and path) or path.startswith("[") else "."
        first.setdefault(path, item)
        lines = _sentence(item, root).splitlines()
        seen.setdefault(path, [_stated(f"{at}{joint}{path}", line) for line in lines])
    return [
        sentence
        for path, sentences in seen.items()
        if not _told_already(path, first, root)
        for sentence in sentences
    ]


def _told_already(path: str, items: Mapping[str, ErrorDetails], root: Any) -> bool:
    """Whether a mistake only follows from one that is told at another place."""
    match items[path]["type"]:
        case "string_type" | "dataclass_type":
            return any(other.rpartition(".")[0] == path for other in items)
        case "too_short":
            return any(other.startswith((f"{path}.", f"{path}[")) for other in items)
        case "missing" | "missing_argument":
            return any(_means(other, items[path], root) for other in items.values())
    return False


def _means(unknown: ErrorDetails, missing: ErrorDetails, root: Any) -> bool:
    """Whether an unknown key is the missing one, misspelt."""
    *above, key = unknown["loc"] or ("",)
    if unknown["type"] not in _UNKNOWN or tuple(above) != missing["loc"][:-1]:
        return False
    return closest(str(key)[:80], _keys_at(root, tuple(above))) == missing["loc"][-1]


def _stated(path: str, sentence: str) -> str:
    if not path:
        return sentence
    return f"{path} {sentence}" if sentence.startswith("is ") else f"{path}: {sentence}"


def shown(value: object) -> str:
    """A cell for people: an empty place for nothing, numbers in four significant digits.

    A power of ten stands only in numbers below 1e-4 and from 1e7 on.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, float):
        return str(value)
    near = float(f"{value:.4g}")
    return f"{near:.0f}" if 1e4 <= abs(near) < 1e7 else f"{near:.4g}"


def quoted(value: object) -> str:
    """What the user wrote, short, on one line, without control characters."""
    try:
        text = repr(value).replace("\n", " ")  # of arrays and tables
    except (ValueError, RecursionError):  # an integer of thousands of digits; endless nesting
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_kind(what: str, value: object, kind: Any, advice: str = "") -> None:
    """Raise `ParameterError` unless an argument is of a class, or of one of a union of classes."""
    if not isinstance(value, kind):
        names = " or ".join(each.__name__ for each in get_args(kind) or (kind,))
        raise ParameterError(f"{what} is {quoted(value)}; must be of the kind {names}{advice}.")


_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def _place(item: ErrorDetails, raw: object) -> str:
    """Where the mistake is; an unknown key is shown whatever it is called."""
    *above, last = item["loc"] or ("",)
    if item["type"] not in _UNKNOWN:
        return _path(item["loc"], raw)
    return f"{_path(tuple(above), raw)}.{_key(last)}".lstrip(".")


def _path(loc: tuple[int | str, ...], raw: object = None) -> str:
    """Dotted path, without pydantic's names for union branches; list places count from 1."""
    path = ""
    for part in loc:
        if _is_branch(part):
            continue
        if isinstance(part, int):
            named = list(raw) if isinstance(raw, Mapping) else []
            path += f".{_key(named[part])}" if part < len(named) else f"[{part + 1}]"
            raw = raw[named[part]] if part < len(named) else _inside(raw, part)  # type: ignore[index]
        elif part not in _HIDDEN:
            path += f".{_key(part)}"
            raw = _inside(raw, part)
    path = path.lstrip(".")
    return path if len(path) <= 120 else f"{path[:117]}..."


def _key(key: object) -> str:
    return quoted(key)[1:-1]


def _inside(raw: object, part: int | str) -> object:
    if isinstance(raw, Mapping):
        return raw.get(part)
    if isinstance(raw, list | tuple) and isinstance(part, int) and part < len(raw):
        return raw[part]
    return None


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and (
        part in _BRANCHES
        or (part[:1].isupper() and part in _NOUN_NAMES)
        or part.startswith("constrained-")
        or "[" in part
    )


_BRANCHES = {"float", "int", "str", "bool", "function-before"}
_HIDDEN = {"compound", "schedule"}  # a dosed compound is one flat table to the user
_NOUN_NAMES: set[str] = set()


def _sentence(item: ErrorDetails, root: Any) -> str:
    kind, found, context = item["type"], item["input"], item.get("ctx", {})
    unit = unit_of(_path(item["loc"]))
    unit = f" {unit}" if unit else ""
    match kind:
        case "unexpected_keyword_argument" | "extra_forbidden":
            key = str(item["loc"][-1])
            return f"is no known key; {one_of(key[:80], _keys_at(root, item['loc'][:-1]))}."
        case "missing" | "missing_argument":
            return "is missing; add it."
        case "greater_than":
            return f"is {quoted(found)}; must be above {context['gt']:g}{unit}."
        case "greater_than_equal":
            return f"is {quoted(found)}; must be at least {context['ge']:g}{unit}."
        case "less_than":
            return f"is {quoted(found)}; must be below {context['lt']:g}{unit}."
        case "less_than_equal":
            return f"is {quoted(found)}; must be at most {context['le']:g}{unit}."
        case "finite_number":
            return f"is {quoted(found)}; must be a finite number{f' in{unit}' if unit else ''}."
        case "literal_error":
            return f"is {quoted(found)}; must be {context['expected']}."
        case "value_error":
            return _own_sentence(found, str(context["error"]))
        case "float_type" | "float_parsing":
            return f"is {quoted(found)}; must be a number{f' in{unit}' if unit else ''}."
        case "too_short":
            return f"is {quoted(found)}; give at least {context['min_length']}."
        case "too_long":
            return f"is {quoted(found)}; give at most {context['max_length']}."
        case "string_pattern_mismatch":
            return f"is {quoted(found)}; a name is letters, digits, blanks and .+*()-_ on one line."
        case "dataclass_type" | "dataclass_exact_type" | "model_attributes_type" | "dict_type":
            return f"is {quoted(found)}; must be a name or a table."
        case "tuple_type" | "list_type" | "iterable_type":
            return f"is {quoted(found)}; must be a list."
        case "string_type":
            return f"is {quoted(found)}; must be text."
        case "bool_type" | "bool_parsing":
            return f"is {quoted(found)}; must be true or false."
        case "int_type" | "int_parsing" | "int_from_float":
            return f"is {quoted(found)}; must be a whole number."
        case _:
            message = item["msg"][0].lower() + item["msg"][1:]
            return f"is {quoted(found)}; {message}."


def _own_sentence(found: object, sentence: str) -> str:
    """A check's own words, after a scalar that was found; a whole table is not repeated."""
    lines = [line if line.endswith(".") else f"{line}." for line in sentence.splitlines()]
    if isinstance(found, str | int | float) and not lines[0].startswith(
        (quoted(found), f"is {quoted(found)}")
    ):
        lines[0] = f"is {quoted(found)}: {lines[0]}"
    return "\n".join(lines)


def _keys_at(root: Any, loc: tuple[int | str, ...]) -> list[str]:
    """Field names of the noun that stands at `loc` below `root`."""
    found = _nouns(root)
    for part in loc:
        if isinstance(part, int) or _is_branch(part):
            continue
        names = _HIDDEN if part in _HIDDEN else {part}
        fields = [cls.__pydantic_fields__.get(name) for cls in found for name in names]
        found = [inner for field in fields if field for inner in _nouns(field.annotation)] or found
    return [name for cls in found for name in cls.__pydantic_fields__]


def _nouns(annotation: Any) -> list[Any]:
    """Every noun class inside a type annotation."""
    if hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    if get_origin(annotation) in (Literal, None):
        return []
    return [cls for arg in get_args(annotation) for cls in _nouns(arg)]
