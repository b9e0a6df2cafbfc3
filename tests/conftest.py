"""Settings and fixtures that every test module shares; helpers of one module stay in it."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("protacsim", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("protacsim")


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder of the independent reference tables; its README states their tolerances."""
    return Path(__file__).parent / "reference"
