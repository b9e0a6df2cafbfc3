"""Every exception that protacsim raises on purpose, with the exit code it maps to.

A message says where, what was found, what is allowed and what to do. Kernels never raise; they
return a status, and `SimulationError` carries it upwards when a single run is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable


class ProtacsimError(Exception):
    """Base class: catching it catches everything that protacsim raises on purpose."""

    exit_code = 1


class ParameterError(ProtacsimError, ValueError):
    """A value passed in Python is outside what is allowed."""

    exit_code = 2


class ConfigError(ParameterError):
    """A configuration has mistakes; `problems` lists every one, one sentence each."""

    def __init__(self, problems: Iterable[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class NetworkError(ProtacsimError, ValueError):
    """A reaction network cannot be built or compiled as asked."""

    exit_code = 2


class SimulationError(ProtacsimError, RuntimeError):
    """A run ended before its last time; `status` says why and `time_h` how far it got."""

    exit_code = 4

    def __init__(self, message: str, status: int, time_h: float) -> None:
        super().__init__(message)
        self.status = status
        self.time_h = time_h

    def __reduce__(self) -> tuple[type[SimulationError], tuple[str, int, float]]:
        """Travel from a worker process whole."""
        return type(self), (str(self), self.status, self.time_h)


class StoreError(ProtacsimError, OSError):
    """Results could not be written or read back."""

    exit_code = 5


class ProtacsimWarning(UserWarning):
    """What a user should know although the run goes on; the command line prints its sentence."""


class EngineWarning(ProtacsimWarning):
    """The engine that was asked for cannot run here; another one gives the same numbers."""


class DataWarning(ProtacsimWarning):
    """Numbers that are taken as they are, but hardly mean what their unit says."""


class MethodWarning(ProtacsimWarning):
    """What `Auto` chose needs a second look: it takes very long, or exact cells contradict it."""
