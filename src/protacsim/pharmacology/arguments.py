"""What functions that read results refuse before they read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import xarray as xr

from protacsim.validation import check_kind

P = ParamSpec("P")
R = TypeVar("R")


def reads_dataset(function: Callable[P, R]) -> Callable[P, R]:
    """The same function; it raises `ParameterError` for a first argument that is no Dataset."""
    first = next(iter(inspect.signature(function).parameters))

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for given in args[:1] or [kwargs[name] for name in kwargs if name == first]:
            check_kind(first, given, xr.Dataset, ", such as run returns")
        return function(*args, **kwargs)

    return checked
