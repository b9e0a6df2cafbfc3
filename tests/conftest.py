"""Settings and fixtures that every test module shares; helpers of one module stay in it."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("protacsim", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("protacsim")

# Modules whose code is the same with the JIT off, where it would only run more slowly.
NO_KERNELS = {
    "test_bench",
    "test_cli",
    "test_config",
    "test_config_figures",
    "test_curve_fits",
    "test_designs",
    "test_docs",
    "test_executors",
    "test_export",
    "test_hostile",
    "test_import_budget",
    "test_init",
    "test_library",
    "test_plot",
    "test_plot_figures",
    "test_plot_maps",
    "test_plot_single_cell",
    "test_plot_time_course",
    "test_provenance",
    "test_report",
    "test_resume",
    "test_store",
    "test_units",
    "test_validation",
    "test_validation_page",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what need not run with the JIT off."""
    for item in items:
        if item.path.stem in NO_KERNELS:
            item.add_marker("jit_only")


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder of the independent reference tables; its README states their tolerances."""
    return Path(__file__).parent / "reference"
