"""Concentrations that look as if they were in M: asked about once, and taken as they are."""

from __future__ import annotations

import pytest

import protacsim as ps
from protacsim.config import load
from protacsim.errors import DataWarning
from protacsim.study import ask_about

DOSE = "compound.dose_nM"
CONFIG = """schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
compounds = [{compound}]
[[axis]]
path = "compound.dose_nM"
{doses}
[readout]
observables = ["target_total"]
times_h = [24.0]
"""


def study(doses, **compound):
    """A curve of MT-802, some of whose numbers are given."""
    scenario = ps.Scenario(cell="molm14", target="BTK", treatment={"name": "mt-802", **compound})
    return ps.Study(scenario, axes={DOSE: doses}, readout=ps.Readout(["target_total"], [24.0]))


def asked(one):
    """What is asked about a study."""
    with pytest.warns(DataWarning) as found:
        ask_about(one)
    return [str(warning.message) for warning in found]


def test_doses_in_molar_are_asked_about_with_what_to_write():
    assert asked(study([0.0, 1e-9, 1e-6])) == [
        "compound.dose_nM has no value above 1e-06 nM; if this is in M, write text with the unit, "
        'such as "1e-06 M".'
    ]


def test_an_affinity_in_molar_is_asked_about():
    (said,) = asked(study([1.0, 10.0], kd_target_nM=4.7e-8))
    assert said.startswith("compounds.mt-802.kd_target_nM is 4.7e-08 nM; ")


@pytest.mark.parametrize("half_life", [{}, {"half_life_h": 20.0}])
def test_a_neosubstrate_that_nothing_makes_is_asked_about(half_life):
    cell = {"name": "molm14", "proteins": {"GSPT1": {"abundance_nM": 50.0, **half_life}}}
    compound = {"name": "mt-802", "neosubstrates": {"GSPT1": {"kd_nM": 500.0}}}
    one = ps.Study(
        ps.Scenario(cell=cell, treatment=compound, neosubstrates=["GSPT1"]), axes={DOSE: [1.0]}
    )
    if half_life:
        ask_about(one)  # a warning would be an error
    else:
        (said,) = asked(one)
        assert said.startswith("cell.proteins.GSPT1 has no half_life_h, so that none of it is made")


@pytest.mark.parametrize("doses", [[0.0], [0.0, 1e-6, 1.0], [0.01]])
def test_doses_that_people_use_are_not_asked_about(doses):
    ask_about(study(doses))  # a warning would be an error


def test_what_is_written_with_its_unit_is_not_asked_about(tmp_path):
    path = tmp_path / "a.toml"
    doses = 'geomspace = ["1e-9 M", "1e-4 M", 6]'
    path.write_text(CONFIG.format(compound='"mt-802"', doses=doses))
    assert load(path).study.axes[0].values[-1] == pytest.approx(1e5)


def test_a_configuration_and_a_run_ask(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(CONFIG.format(compound='"mt-802"', doses="values = [1e-9]"))
    with pytest.warns(DataWarning, match="no value above 1e-09 nM"):
        load(path)
    with pytest.warns(DataWarning, match="no value above 1e-09 nM"):
        ps.run(study([1e-9]))


@pytest.mark.parametrize("kind", ["compounds", "presets"])
def test_every_entry_of_the_library_is_beyond_doubt(kind):
    for name in ps.library.names(kind):
        for basis in ps.library.bases(kind, name) or [None]:
            for path, fact in ps.library.entry(kind, name, basis).facts.items():
                if fact.unit == "nM" and fact.value:
                    assert fact.value > 1e-3, (name, path)
