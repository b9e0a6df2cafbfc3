"""The documentation as it stands: its files and commands run, its names are all there.

Code cells run when the pages are built (`make docs`), notebooks in `make notebooks`; here is what
neither does: configurations and commands of the pages, and the completeness of the reference.
"""

import ast
import inspect
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import protacsim as ps
from protacsim import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = ("benchmarks.md", "performance.md", "validation.md", "stochastic_accuracy.md")
"""Pages that scripts write; what their commands do takes minutes and is tested elsewhere."""

PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if path.parent.name != "generated" and path.name not in WRITTEN
)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CAPTION = re.compile(r":caption: (\S+)\n\n?")
RUN = re.compile("^```(sh|python)$", re.MULTILINE)
MODULES = [name for name in ps.__all__ if inspect.ismodule(getattr(ps, name))]
QUESTIONS = ["dose_response", "hook", "c481s", "covalent", "single_cells", "fit", "sweeps", "good"]


def page_id(path):
    return str(path.relative_to(DOCS))


def blocks(path):
    return BLOCK.findall(path.read_text())


def commands(path):
    shells = [body for info, body in blocks(path) if info == "sh"]
    return [line for body in shells for line in body.splitlines() if line]


def run_page(path):
    """Write the page's files and run its commands, in the order of the page."""
    for info, body in blocks(path):
        if info == "python":
            exec(body, {})
        named = CAPTION.match(body)
        if named:
            Path(named[1]).write_text(body[named.end() :])
        for line in body.splitlines() if info == "sh" else ():
            if line.startswith("protacsim"):
                done = CliRunner().invoke(cli.app, shlex.split(line)[1:])
                assert done.exit_code == 0, (line, done.output, done.exception)


@pytest.mark.jit_only
@pytest.mark.parametrize("path", [p for p in PAGES if RUN.search(p.read_text())], ids=page_id)
def test_commands_of_a_page_run_in_their_order(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(path)


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_blocks_are_of_a_kind_that_something_runs(path):
    for info, body in blocks(path):
        kind = info.split()[0] if info else ""
        if kind == "{code-block}":
            assert CAPTION.match(body), f"{body[:60]!r} has no :caption: and is never read"
        else:
            assert kind in ("sh", "python", "toml", "{code-cell}", "{toctree}", "{eval-rst}", ""), (
                info
            )


def test_other_commands_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in (line for path in PAGES for line in commands(path)):
        words = shlex.split(line)
        assert words[0] in ("protacsim", "pip", "make"), line
        assert words[0] != "make" or words[1] in targets, line


def test_every_public_name_stands_in_the_reference():
    """A new one is a line in docs/api.md."""
    listed = re.findall(r"^\.\. auto\w+:: protacsim\.(\w+)$", (DOCS / "api.md").read_text(), re.M)
    assert sorted(listed) == sorted(set(ps.__all__) - {"__version__"})


def public(module):
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
    return {f"{module.__name__}.{name}": getattr(module, name) for name in names}


EVERYTHING = {f"protacsim.{n}": getattr(ps, n) for n in ps.__all__ if n != "__version__"} | {
    path: value for name in MODULES for path, value in public(getattr(ps, name)).items()
}


@pytest.mark.parametrize("path", [p for p, v in EVERYTHING.items() if callable(v)])
def test_every_public_name_says_what_it_is(path):
    said = inspect.getdoc(EVERYTHING[path]) or ""
    assert len(said.split()) > 3
    assert "dataclass" not in said.split("\n")[0]


@pytest.mark.parametrize("noun", ["Compound", "Protein", "Cell", "Ubiquitination", "Schedule"])
def test_numbers_of_a_noun_carry_their_unit(noun):
    fields = inspect.signature(getattr(ps, noun)).parameters
    dimensionless = re.compile("cooperativity|fraction|accumulation|chain|destroyed|doses")
    unit = re.compile(r"_(nM|uM|h|pL|copies)$|_per_h$")
    for name, field in fields.items():
        if "float" in str(field.annotation) or "Positive" in str(field.annotation):
            assert unit.search(name) or dimensionless.search(name), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_committed_as_it_ran_from_top_to_bottom(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        source, outputs = "".join(cell["source"]), cell["outputs"]
        assert not [o for o in outputs if "error" in o["output_type"] or o.get("name") == "stderr"]
        if "ps.plot." in source:
            assert any("image/png" in o.get("data", {}) for o in outputs), source
    assert path.stat().st_size < 400_000


def lines(node):
    """Lines of a function; 0 for anything else."""
    return node.end_lineno - node.lineno if isinstance(node, ast.FunctionDef) else 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_and_short_functions(path):
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert "._" not in source
            assert not re.search(r"from protacsim|import protacsim\.", source)
            assert all(lines(node) <= 10 for node in ast.parse(source).body)


def test_there_is_a_notebook_for_every_question():
    assert len(NOTEBOOKS) == len(QUESTIONS)
    for i, (path, word) in enumerate(zip(NOTEBOOKS, QUESTIONS, strict=True), 1):
        assert path.stem.startswith(f"{i:02d}_")
        assert word in path.stem


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_a_confidence_means_the_same_everywhere(page):
    from protacsim.report.words import CONFIDENCES

    table = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / page).read_text(), re.MULTILINE)
    told = {word: said for word, said in table if word in CONFIDENCES}
    assert told == {word: said for word, said in CONFIDENCES.items() if word != "given"}
