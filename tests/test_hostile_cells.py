"""Single cells where numbers are out of range, scarce beside abundant, or fast beside slow."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import MethodWarning, ParameterError
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.methods import LNA, SSA, Auto, Hybrid, Stochastic
from protacsim.network import Dose, Gene, Network, Term
from protacsim.pharmacology import fano_factor
from protacsim.scenario import Scenario
from protacsim.simulation import STATUS, choose, moments, sample
from protacsim.simulation.choosing import least_means
from protacsim.simulation.points import points_of
from protacsim.study import Readout, Study, cells
from protacsim.study.cells import chosen

Floats = NDArray[np.float64]
DOSE, COOPERATIVITY = "compound.dose_nM", "compound.cooperativity"


def counted(counts: Floats, units: str) -> xr.Dataset:
    """(replicates, times) of mRNA."""
    times = np.arange(counts.shape[1], dtype=float)
    variable = (("replicate", "time_h"), counts, {"units": units})
    return xr.Dataset({"target_mrna": variable}, {"time_h": times})


# Read-outs.


def test_a_fano_factor_of_counts_is_their_variance_over_their_mean() -> None:
    counts = np.random.default_rng(5).poisson(8.0, (500, 2)).astype(float)
    found = fano_factor(counted(counts, "molecules/cell"), 1.0, "target_mrna")["fano_factor"]
    np.testing.assert_allclose(found, counts.var(axis=0, ddof=1) / counts.mean(axis=0))


@pytest.mark.parametrize("units", ["nM/h", "%", ""])
def test_a_fano_factor_of_anything_else_is_refused(units: str) -> None:
    with pytest.raises(ParameterError, match=f"target_mrna has the units '{units}'.*nM or molec"):
        fano_factor(counted(np.ones((2, 2)), units), 1.0, "target_mrna")


# Numbers out of range.


def decay() -> Network:
    net = Network("decay")
    net.add("lose", "A", (), "d")
    return net


WRONG_CHANGES = [
    (Dose(1.5, "A", np.nan, False), "a change of A has the amount nan"),
    (Dose(1.5, "A", np.inf, True), "a change of A has the amount inf"),
    (Dose(1.5, "A", -10.0, False), "a change of A has the amount -10; must be a finite number"),
    (Dose(1.5, "A", np.array([1.0, -2.0]), True), "a change of A has the amount -2"),
    (Dose(np.nan, "A", 10.0, False), "a change of A is at nan h"),
    (Dose(-np.inf, "A", 10.0, False), "a change of A is at -inf h"),
    (Dose(1.5, "B", 10.0, False), "a change names 'B', which the network does not have; known: A"),
]


@pytest.mark.parametrize(("change", "says"), WRONG_CHANGES)
def test_a_change_out_of_range_is_refused(change: Dose, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        sample(decay(), {"d": 0.1}, {"A": 3.0}, [1.0, 2.0], seed=1, replicates=2, changes=[change])
    with pytest.raises(ParameterError, match=says):
        moments(decay(), {"d": 0.1}, {"A": 3.0}, [1.0, 2.0], changes=[change])


def test_numbers_for_different_counts_of_points_are_refused() -> None:
    changes = [Dose(0.5, "A", np.ones(3), False)]
    with pytest.raises(ParameterError, match=r"have the shapes \(0,\); give each as one"):
        sample(decay(), {"d": np.ones(0)}, {}, [1.0], seed=1, replicates=1)
    with pytest.raises(ParameterError, match=r"have the shapes \(2,\), \(3,\); give each as one"):
        sample(decay(), {"d": np.ones(2)}, {}, [1.0], seed=1, replicates=1, changes=changes)


def test_a_change_at_infinity_is_never_made() -> None:
    given: dict[str, Any] = {"seed": 1, "replicates": 5}
    never = sample(
        decay(), {"d": 0.1}, {"A": 30.0}, [2.0], changes=[Dose(np.inf, "A", 9.0, False)], **given
    )
    without = sample(decay(), {"d": 0.1}, {"A": 30.0}, [2.0], **given)
    np.testing.assert_array_equal(never.states, without.states)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seed": 1.9}, "seed is 1.9; must be a whole number"),
        ({"replicates": 2.5}, "replicates is 2.5; must be a whole number"),
        ({"first_replicate": 0.5}, "first_replicate is 0.5; must be a whole number"),
        ({"point_ids": [0.5]}, "a point's key is 0.5; must be a whole number"),
        ({"point_ids": []}, "point_ids is empty"),
    ],
)
def test_keys_that_are_no_whole_numbers_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        sample(decay(), {"d": 0.1}, {"A": 3.0}, [1.0], **{"seed": 1, "replicates": 2, **wrong})


@pytest.mark.parametrize("method", [SSA(), SSA("direct"), LNA(), Hybrid()])
@pytest.mark.parametrize("changes", [(), (Dose(0.5, "A", 1e16, False),)])
def test_more_molecules_than_a_double_counts_are_a_status(
    method: Stochastic, changes: tuple[Dose, ...]
) -> None:
    """One of two points starts with, or is given, more than 2**53."""
    start = np.array([3.0, 3.0 if changes else 1e16])
    changes = tuple(dose._replace(amount=np.array([0.0, dose.amount])) for dose in changes)
    runs = sample(
        decay(), {"d": 0.1}, {"A": start}, [0.1, 2.0], method=method, seed=1, replicates=2,
        changes=changes,
    )  # fmt: skip
    assert [STATUS[int(code)][0] for code in runs.status[:, 0]] == ["ok", "too_many_molecules"]
    assert np.isnan(runs.states[1]).all()
    np.testing.assert_array_equal(runs.reached_h, [[2.0, 2.0], [0.5 if changes else 0.0] * 2])


def expressed() -> Network:
    net = Network("gene")
    net.add("open", "off", "on", "opens")
    net.add("close", "on", "off", "closes")
    net.add("transcribe", "on", ("on", "R"), "makes")
    net.add("lose R", "R", (), "decays")
    net.add("translate", "R", ("R", "P"), "translates")
    net.add("lose P", "P", (), "turns")
    return net


GENE = Gene(("off", "on"), "R", "P", "opens", "closes", "makes", "decays", "translates", "turns")


@pytest.mark.parametrize(
    ("rates", "gene", "says"),
    [
        ({"turns": 0.0}, {}, "the gene of P has turns = 0 per h"),
        ({"decays": 0.0}, {}, "the gene of P has decays = 0 per h"),
        ({"opens": 0.0, "closes": 0.0}, {}, "the gene of P has opens . closes = 0 per h"),
        ({}, {"mrna": "Q"}, "the gene of P names 'Q', which is not among the network's species"),
        ({}, {"turnover": "t"}, "the gene of P names 't', which is not among the network's rates"),
    ],
)
def test_a_gene_without_a_stationary_law_is_refused(
    rates: dict[str, float], gene: dict[str, str], says: str
) -> None:
    given = dict.fromkeys(expressed().rates, 1.0) | rates
    with pytest.raises(ParameterError, match=says):
        sample(
            expressed(), given, {"on": 1.0, "R": 1.0, "P": 1.0}, [1.0], seed=1, replicates=1,
            genes=[GENE._replace(**gene)],
        )  # fmt: skip


# What the choice of a method looks at.


def scarce_catalyst(*, observed: bool) -> tuple[Network, dict[str, Any]]:
    """0.45 molecules of E on average beside a million X."""
    net = Network("catalyst")
    net.add("make E", (), "E", "e")
    net.add("use", ("E", "X"), "X", "u")
    net.add("make X", (), "X", "x")
    net.add("lose X", "X", (), "d")
    if observed:
        net.add_observable("E", ["E"])
    rates = {"e": 0.45, "u": 1e-6, "x": 1e6, "d": 1.0}
    return net, {"rates": rates, "initial": {"E": 1e5, "X": 1e6}, "times_h": [20.0, 40.0]}


@pytest.mark.parametrize("observed", [True, False])
def test_a_read_out_below_one_molecule_is_not_taken_as_absent(observed: bool) -> None:
    """A Gaussian of mean 0.45 and as much variance would be negative in a quarter of all cells."""
    net, given = scarce_catalyst(observed=observed)
    runs = points_of(net, **given, replicates=1000)
    found = choose([runs], Auto(most_events=1e3), 1000)
    assert isinstance(found.method, SSA)
    assert "E comes within 0.7 SD of zero" in found.reason  # the root of 0.45 is 0.67


def test_a_read_out_that_is_not_there_does_not_matter() -> None:
    net, given = scarce_catalyst(observed=True)
    given["initial"] = {"X": 1e6}
    given["rates"] = {**given["rates"], "e": 0.0}
    net.add_observable("X", ["X"])
    found = choose([points_of(net, **given)], Auto(most_events=1e3), 1000)
    assert found.method == LNA()
    assert "1000.0 SD" in found.reason  # a Poisson law of a million


def test_species_are_looked_at_where_there_are_no_observables() -> None:
    """20 molecules by a Poisson law are 4.5 SD from zero, 10 are 3.2."""
    for copies, expected in ((20.0, LNA()), (10.0, SSA())):
        net = Network("scarce from abundant")
        net.add("make X", (), "X", "x")
        net.add("lose X", "X", (), "d")
        net.add("make", "X", ("X", "A"), "b")
        net.add("lose", "A", (), "d")
        rates = {"x": 1e8, "b": copies / 1e8, "d": 1.0}
        runs = points_of(net, rates, {"X": 1e8, "A": copies}, [30.0])
        scarce = expected == SSA()
        with pytest.warns(MethodWarning, match="h on") if scarce else nullcontext():
            assert choose([runs], Auto(most_events=1.0), 1000).method == expected


def test_exact_cells_are_compared_by_species_where_there_are_no_observables() -> None:
    """No three cells of two species all lie at the mean."""
    net = Network("pairs")
    net.add("meet", {"A": 2}, "A", "k")
    net.add("make", (), "B", "b")
    net.add("lose", "B", (), "d")
    runs = sample(
        net, {"k": 1e-3, "b": 1e3, "d": 1.0}, {"A": 1e4, "B": 1e3}, [1.0], method=Auto(1.0),
        seed=1, replicates=20,
    )  # fmt: skip
    assert runs.method == LNA()
    assert "lie within 0.0 SD" not in runs.reason


def test_rates_within_observables_count_in_the_distance_from_zero() -> None:
    """Loss of 1000 A, 1 per h, and 40 B, 100 per h, each of Poisson counts."""
    net = Network("losses")
    for name, count in (("A", "a"), ("B", "b")):
        net.add(f"make {name}", (), name, count)
        net.add(f"lose {name}", name, (), f"d{name}")
    net.add_observable("loss", [Term("A", rate="dA"), Term("B", rate="dB")])
    rates = {"a": 1000.0, "b": 4000.0, "dA": 1.0, "dB": 100.0}
    runs = points_of(net, rates, {"A": 1000.0, "B": 40.0}, [40.0])
    distance = (1000.0 + 100.0 * 40.0) / np.sqrt(1000.0 + 100.0**2 * 40.0)
    assert f"stay {distance:.1f} SD" in choose([runs], Auto(most_events=1.0), 1).reason


def test_least_means_are_those_of_exponential_decay() -> None:
    net = decay()
    net.add("make", "C", ("C", "B"), "m")
    rates = {"d": np.array([0.1, 2.0]), "m": 0.0}
    runs = points_of(net, rates, {"A": 30.0}, [1.0, 3.0])
    found = least_means(runs)
    expected = {"A": 30.0 * np.exp(-3.0 * rates["d"]), "B": np.inf, "C": np.inf}
    for o, name in enumerate(runs.compiled.species):
        np.testing.assert_allclose(found[:, o], expected[name], rtol=1e-4)


# Studies.


def small_cell(**treatment: Any) -> Scenario:
    proteins = {"BTK": {"abundance_copies": 20.0, "half_life_h": 48.0}}
    return Scenario(
        preset="bartlett2021", cell={"name": "bartlett2021", "proteins": proteins}, **treatment
    )


def study(axes: dict[str, Any], scenario: Scenario | None = None) -> Study:
    readout = Readout(("target_total",), (24.0, 48.0))
    method = Auto(most_events=1e2, exact_cells=0)
    return Study(scenario or small_cell(), axes, readout, method=method, seed=1, replicates=1000)


@pytest.mark.jit_only
def test_a_dose_beside_the_middle_one_can_rule_out_gaussian_paths() -> None:
    doses = [1e-3, 1e-2, 1e-1, 1e2, 1e3]
    assert chosen(study({DOSE: doses[:3]}))[0] == LNA()
    method, reason = chosen(study({DOSE: doses}))
    assert method == SSA()
    assert "target_total comes within" in reason


@pytest.mark.jit_only
def test_a_dose_between_the_ends_can_rule_out_gaussian_paths() -> None:
    """Least BTK is left at a dose that is neither least, largest nor in the middle."""
    doses = [1e2, 1e-3, 1e-2, 1e6]  # beyond it, ternary complexes give way to binary ones
    assert chosen(study({DOSE: doses[1:]}))[0] == LNA()
    assert chosen(study({DOSE: doses}))[0] == SSA()


@pytest.mark.jit_only
def test_every_treatment_is_looked_at() -> None:
    """The second of seven, which a walk over every other one leaves out."""
    amounts = [1e-3, 1e2, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3]
    treatments = [
        {"name": f"t{n}", "compounds": [{"name": "mt-802", "dose_nM": dose}]}
        for n, dose in enumerate(amounts)
    ]
    assert chosen(study({"treatment": treatments}))[0] == SSA()


@pytest.mark.jit_only
def test_the_points_looked_at_hold_the_ends_of_every_dim() -> None:
    doses, shares = [1.0, 1e3, 10.0, 1e2], [20.0, 1.0, 5.0]
    (runs,) = cells.extremes(study({DOSE: doses, COOPERATIVITY: shares}), ["target_total"])
    given = set(np.round(runs.amount[:, 0] / runs.amount[:, 0].min(), 6))
    assert {1.0, 1e3} <= given
    assert len(runs.rates) <= 5


@pytest.mark.jit_only
def test_of_very_many_points_those_with_fewest_molecules_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 3 treatments, the dose that leaves least BTK by far."""
    monkeypatch.setattr(cells, "MOST_EXTREMES", 1)
    treatments = [
        {"name": f"t{n}", "compounds": [{"name": "mt-802", "dose_nM": dose}]}
        for n, dose in enumerate([1e-3, 1e2, 1e-2])
    ]
    (runs,) = cells.extremes(study({"treatment": treatments}), ["target_total"])
    medium_pL = small_cell().cell.medium_volume_pL
    np.testing.assert_allclose(runs.amount, [[1e2 * medium_pL * 602.214076]])


# Fast beside slow.


def test_a_fast_process_that_has_died_out_leaves_a_slow_one_its_pace() -> None:
    """A hundred A are lost within a nanosecond; B is then made at 0.01/h for 1000 h."""
    net = Network("fast and slow")
    net.add("lose", "A", (), "d")
    net.add("make", (), "B", "m")
    n = 4000 if JIT_ENABLED else 300
    runs = sample(
        net, {"d": 1.1e12, "m": 0.01}, {"A": 100.0}, [1000.0], method=SSA("direct"), seed=3,
        replicates=n,
    )  # fmt: skip
    a, b = (runs.states[0, :, 0, net.species.index(name)] for name in "AB")
    assert not a.any()
    assert abs(b.mean() - 10.0) < 4.0 * np.sqrt(10.0 / n)
    assert abs(b.var() / 10.0 - 1.0) < 4.0 * np.sqrt(2.1 / n)


@pytest.mark.parametrize("rates", [{"d": 0.0, "m": 0.0}, {"d": 1.0, "m": 5e-324}])
def test_the_direct_method_ends_where_hardly_anything_happens(rates: dict[str, float]) -> None:
    net = Network("still")
    net.add("lose", "A", (), "d")
    net.add("make", (), "B", "m")
    runs = sample(net, rates, {"A": 5.0}, [1e3], method=SSA("direct"), seed=1, replicates=3)
    assert not runs.status.any()
    left = 5.0 if rates["d"] == 0.0 else 0.0
    np.testing.assert_array_equal(runs.states[0, :, 0, net.species.index("A")], left)
