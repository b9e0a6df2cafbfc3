"""What is declared in pyproject.toml against what the package imports and the checkout holds."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DISTRIBUTION_OF = {"SALib": "salib", "pydantic_core": "pydantic"}


def declared(requirements):
    return {re.match(r"[\w-]+", each)[0].lower() for each in requirements}


def imported():
    """Distributions that the package imports anywhere, but to check types."""
    for path in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(path.read_text())
        typed = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)
        ]
        unseen = {id(inner) for block in typed for each in block.body for inner in ast.walk(each)}
        for node in ast.walk(tree):
            if id(node) in unseen:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def test_what_the_package_imports_is_declared():
    names = set(imported()) - set(sys.stdlib_module_names) - {"protacsim"}
    found = {DISTRIBUTION_OF.get(name, name) for name in names}
    extras = PROJECT["project"]["optional-dependencies"]
    optional = declared(
        each
        for name in ("export", "distributed", "sensitivity", "notebooks")
        for each in extras[name]
    )
    assert found - declared(PROJECT["project"]["dependencies"]) <= optional
    assert "pandas" in found


def test_the_source_distribution_holds_the_checkout():
    """Tests read files of the whole repository; the build adds readme, licence and project file."""
    ignored = {line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    there = {
        path.name
        for path in ROOT.iterdir()
        if path.name not in ignored and not path.name.startswith((".", "__"))
    }
    given = {
        name.strip("/") for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    assert there - given <= {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO"}
    assert given <= there


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").iterdir()), ids=lambda path: path.stem)
def test_a_lock_pins_what_is_declared(lock):
    from packaging.requirements import Requirement

    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE))
    for text in PROJECT["project"]["dependencies"]:
        requirement = Requirement(text)
        assert pins[requirement.name] in requirement.specifier, text
        (line,) = re.findall(rf"^{requirement.name}==.*$", lock.read_text(), re.MULTILINE)
        assert "protacsim (pyproject.toml)" in line
