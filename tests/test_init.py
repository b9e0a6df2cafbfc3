"""The starter of every question: correct, runnable as it stands, and never written over a file."""

import json
import tomllib
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner

from protacsim import cli
from protacsim.cli.starting import QUESTIONS
from protacsim.config import load
from protacsim.errors import ParameterError, StoreError

SMALL = {
    "dose-response": ('axis=[{path="compound.dose_nM", values=[1.0, 100.0]}]',),
    "washout": ("readout.times_h=[1, 24, 48]",),
}
"""Overrides that leave a starter's question as it is and make its answer cheap."""


def call(*words: str | Path):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_starter_is_a_correct_configuration(question, folder):
    assert call("init", "--question", question).exit_code == 0
    job = load(folder / f"{question}.toml")
    assert job.study.title
    assert job.figures or job.fit is not None  # a fit has a figure of its own
    assert (job.fit is not None) == (question == "fit")
    assert job.study.is_stochastic == (question == "single-cell")


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_starter_says_how_to_go_on_under_its_own_name(question, folder):
    done = call("init", "--question", question, "--out", "mine.toml")
    text = (folder / "mine.toml").read_text()
    assert done.stdout.splitlines()[-1] == "mine.toml"
    assert "protacsim run mine.toml" in done.stderr
    assert "protacsim run mine.toml" in text
    assert "FILE" not in text
    assert max(map(len, text.splitlines())) <= 100
    tomllib.loads(text)


@pytest.mark.jit_only
@pytest.mark.parametrize("question", SMALL)
def test_starters_run(question, folder):
    call("init", "--question", question)
    sets = [word for text in SMALL[question] for word in ("--set", text)]
    done = call("run", f"{question}.toml", *sets)
    assert done.exit_code == 0, done.output
    result = folder / "results" / question
    assert (result / "report.html").is_file()
    assert (xr.open_zarr(result / "data.zarr", chunks=None)["status"] == 0).all()


def test_measurements_lie_beside_a_fit_under_its_name(folder):
    (folder / "deep").mkdir()
    done = call("init", "--question", "fit", "--out", "deep/mine.toml")
    assert done.stdout.split() == ["deep/mine.csv", "deep/mine.toml"]
    fit = load(folder / "deep/mine.toml").fit
    assert fit is not None
    assert len(fit.data) == 10


def test_nothing_is_overwritten_without_being_told(folder):
    Path("fit.csv").write_text("my only copy")
    refused = call("init", "--question", "fit")
    assert isinstance(refused.exception, ParameterError)
    assert "fit.csv is already there" in str(refused.exception)
    assert Path("fit.csv").read_text() == "my only copy"
    assert not Path("fit.toml").exists()
    assert call("init", "--question", "fit", "--force").exit_code == 0
    assert "quantity,value,unit" in Path("fit.csv").read_text()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("--question", "dose-respons"), ParameterError, "did you mean 'dose-response'"),
        (("--question", "fit", "--out", "mine.txt"), ParameterError, "ends in .toml"),
        (("--question", "fit", "--out", "no/such/mine.toml"), StoreError, "cannot be written"),
    ],
)
def test_mistakes_are_told(words, error, said, folder):
    done = call("init", *words)
    assert isinstance(done.exception, error)
    assert said in str(done.exception)
    assert not list(folder.iterdir())


def test_json_lists_what_was_written(folder):
    assert json.loads(call("init", "--question", "sweep", "--json").stdout) == ["sweep.toml"]
