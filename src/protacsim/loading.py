"""What is imported when: names that load their module on demand, libraries that are never needed.

Starts stay short by it; what is loaded decides no number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

OTHER_ARRAYS: Final = ("cupy", "dask", "pint", "pyarrow", "sparse")
"""Libraries whose arrays xarray and pandas accept; results are NumPy arrays."""


def on_demand(package: str, home: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names live in the modules of `home`."""
    module_of = {name: module for module, names in home.items() for name in names}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return find


@contextmanager
def hidden(*modules: str) -> Iterator[None]:
    """Inside, those of the modules that are not loaded yet cannot be imported."""
    found: dict[str, Any] = dict.fromkeys(name for name in modules if name not in sys.modules)
    sys.modules.update(found)  # None stands for a module that is not there
    try:
        yield
    finally:
        for name in found:
            del sys.modules[name]


def load_xarray() -> None:
    """Load xarray and pandas for a process that is all ours, without other array libraries.

    They look for them once, by importing whichever is installed: dask alone takes as long as ten
    thousand runs. Quoted units, the dask executor and Parquet find theirs afterwards. Does
    nothing where xarray is loaded: it may have found them.
    """
    if "xarray" in sys.modules:
        return
    with hidden(*OTHER_ARRAYS):
        import xarray as xr

        xr.Dataset(coords={"any": [0.0]})
