"""Slips in calls of the Python API: one sentence that says what to change, never a wrong number."""

from __future__ import annotations

import numpy as np
import pytest

import protacsim as ps
from protacsim.errors import ParameterError
from protacsim.network import Dose


def decay():
    net = ps.Network("n")
    net.add("decay", "A", (), "k")
    return net


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Dose(-np.inf, "A", 5.0, False), "a change of A is at -inf h"),
        (Dose(np.nan, "A", 5.0, False), "a change of A is at nan h"),
        (Dose(0.5, "A", -5.0, True), "has the amount -5"),
        (Dose(0.5, "A", np.nan, False), "has the amount nan"),
        (Dose(0.5, "B", 1.0, False), "names 'B'.*known: A"),
        (Dose([0.5, 1.0], "A", [1.0, 2.0, 3.0], False), "one number for each point"),
    ],
)
@pytest.mark.parametrize("method", [ps.ODE(), ps.Reference()], ids=["ode", "reference"])
def test_changes_that_cannot_be_made_are_refused(change, said, method):
    with pytest.raises(ParameterError, match=said):
        ps.solve(decay(), {"k": 1.0}, {"A": 100.0}, [1.0, 2.0], changes=[change], method=method)


def test_numbers_for_different_numbers_of_points_are_refused():
    with pytest.raises(ParameterError, match="one number for each point"):
        ps.solve(decay(), {"k": [1.0, 2.0]}, {"A": [1.0, 2.0, 3.0]}, [1.0])


@pytest.mark.parametrize("name", ["C481S", "L528W", "V416L", "T474I"])
def test_an_allele_of_the_library_is_not_wild_type_under_its_name(name):
    with pytest.raises(ParameterError, match=f"unlike the {name} of the library"):
        ps.Scenario(cell="molm14", target=ps.Target("BTK", allele=ps.Allele(name)))


def test_an_allele_of_ones_own_and_resolved_ones_are_taken():
    ps.Scenario(cell="molm14", target=ps.Target("BTK", allele=ps.Allele("mine")))
    one = ps.Scenario(cell="molm14", target={"name": "BTK", "allele": "C481S"})
    assert ps.Scenario(cell="molm14", target=one.target).allele == one.allele


@pytest.mark.parametrize("as_noun", [True, False])
def test_a_preset_fills_what_a_noun_leaves_open(as_noun):
    given = {"chain_length": 3, "k_dub_bound_per_h": 5.0}
    chain = ps.Ubiquitination(**given) if as_noun else given
    found = ps.Scenario(preset="bartlett2021", ubiquitination=chain).ubiquitination
    preset = ps.Scenario(preset="bartlett2021").ubiquitination
    assert (found.chain_length, found.k_dub_bound_per_h) == (3, 5.0)
    assert found.chain_on_release == preset.chain_on_release == "erased"
    assert found.k_ub_per_h == preset.k_ub_per_h
