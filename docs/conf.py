"""How the documentation is built: MyST-NB pages, executed where they hold code, in furo."""

import shutil
import sys
from importlib.metadata import version as installed
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "protacsim"
author = "protacsim contributors"
project_copyright = author
version = release = installed("protacsim")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "library_pages", "mathml"]
exclude_patterns = ["_ext", "examples"]
html_theme = "furo"
html_title = f"protacsim {release}"
html_static_path: list[str] = []

html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Pages are executed when they are built, and an error in one of them is an error of the build.
# Notebooks are shown as they were committed; `make notebooks` executes those.
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*.ipynb"]
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_in_temp = True
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_typehints = "none"
autodoc_member_order = "groupwise"
napoleon_google_docstring = False
napoleon_use_rtype = False
default_role = "code"
# Only names of this package must resolve: no inventory of another project is fetched.
nitpick_ignore_regex = [(r"py:.*", r"(?!protacsim\.).*")]
suppress_warnings = ["mystnb.unknown_mime_type"]  # sliders show in Jupyter only
# Pages that scripts write; the table of contents lists those that are there.
WRITTEN = ("validation", "stochastic_accuracy", "performance", "benchmarks")

shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True)


def listed(_app: Sphinx, page: str, source: list[str]) -> None:
    """Take written pages that are not there out of the table of contents."""
    for name in WRITTEN if page == "index" else ():
        if not (HERE / f"{name}.md").exists():
            source[0] = source[0].replace(f"\n{name}\n", "\n")


def setup(app: Sphinx) -> None:
    """Connect what depends on the pages at hand."""
    app.connect("source-read", listed)
