"""The reaction table, its conservation laws, and the compiled programs against naive readings."""

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from machine import Machine
from protacsim.errors import NetworkError
from protacsim.kernels import tableau, tape
from protacsim.methods import ODE
from protacsim.network import CompiledNetwork, Network, Term
from protacsim.network.compiler import compile_topology
from protacsim.simulation import Solution, solve
from random_networks import chained_network, naive_rates, networks

Floats = NDArray[np.float64]
TIGHT = ODE(rtol=1e-9, atol_nM=1e-12)
TIMES = [0.0, 0.3, 1.0, 2.5]


def run(net: Network, rates: dict[str, float], initial: dict[str, float]) -> dict[str, Floats]:
    solution = solve(net, rates, initial, TIMES, method=TIGHT)
    assert solution.status.tolist() == [0]
    return dict(zip(net.species, solution.states[0].T, strict=True))


# Rate laws, each against its closed form.


def test_order_zero_grows_in_a_straight_line() -> None:
    net = Network()
    net.add("make", (), "A", "k")
    assert run(net, {"k": 3.0}, {"A": 1.0})["A"] == pytest.approx(1.0 + 3.0 * np.array(TIMES))


def test_order_one_decays_exponentially() -> None:
    net = Network()
    net.add("convert", "A", "B", "k")
    state = run(net, {"k": 1.7}, {"A": 10.0})
    left = 10.0 * np.exp(-1.7 * np.array(TIMES))
    np.testing.assert_allclose(state["A"], left, rtol=1e-8)
    np.testing.assert_allclose(state["B"], 10.0 - left, rtol=1e-8)


def test_observables_that_are_not_kept_are_gone() -> None:
    net = Network()
    net.add("convert", "A", "B", "k")
    net.add_observable("a", ["A"])
    net.add_observable("both", ["A", "B"])
    assert net.compile().observables == ("a", "both")
    net.keep_observables(["both"])
    assert net.compile().observables == ("both",)


def test_order_two_of_different_reactants() -> None:
    net = Network()
    net.add("bind", ("A", "B"), "AB", "k")
    k, a, b = 0.2, 5.0, 3.0
    state = run(net, {"k": k}, {"A": a, "B": b})
    decay = np.exp(-(a - b) * k * np.array(TIMES))
    np.testing.assert_allclose(state["AB"], a * b * (1 - decay) / (a - b * decay), rtol=1e-8)


@pytest.mark.parametrize("side", [{"A": 2}, ("A", "A")], ids=["counts", "repeats"])
def test_identical_reactants_run_at_k_a_squared(side: object) -> None:
    net = Network()
    net.add("dimerise", side, "B", "k")  # type: ignore[arg-type]
    state = run(net, {"k": 0.3}, {"A": 4.0})
    left = 4.0 / (1.0 + 2.0 * 0.3 * 4.0 * np.array(TIMES))  # A' = -2 k A^2
    np.testing.assert_allclose(state["A"], left, rtol=1e-8)
    np.testing.assert_allclose(state["B"], (4.0 - left) / 2.0, rtol=1e-8, atol=1e-12)


def test_any_stoichiometry() -> None:
    net = Network()
    net.add("burst", "A", {"A": 1, "B": 5, "C": 3}, "k")  # A acts as a catalyst
    state = run(net, {"k": 0.5}, {"A": 2.0})
    np.testing.assert_allclose(state["A"], 2.0)
    np.testing.assert_allclose(state["B"], 5.0 * np.array(TIMES), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(state["C"], 3.0 * np.array(TIMES), rtol=1e-9, atol=1e-12)


def test_buffered_species_acts_and_never_changes() -> None:
    net = Network()
    net.add("feed", ("S", "A"), {"A": 2}, "k")
    net.add_species("S", buffered=True)
    state = run(net, {"k": 0.4}, {"S": 3.0, "A": 1.0})
    assert state["S"].tolist() == [3.0] * 4
    np.testing.assert_allclose(state["A"], np.exp(0.4 * 3.0 * np.array(TIMES)), rtol=1e-8)


def test_buffered_dimerisation_keeps_its_rate() -> None:
    net = Network()
    net.add_species("S", buffered=True)
    net.add("dimerise", {"S": 2}, "B", "k")
    assert run(net, {"k": 0.5}, {"S": 3.0})["B"] == pytest.approx(0.5 * 9.0 * np.array(TIMES))


def test_unnamed_amounts_start_at_zero_and_a_lone_species_stays() -> None:
    net = Network()
    net.add_species("A")
    assert run(net, {}, {"A": 2.0})["A"].tolist() == [2.0] * 4


# Errors: where, what was found, what is allowed.


def test_order_three_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"'r' has order 3; at most 2"):
        Network("n").add("r", {"A": 2, "B": 1}, "C", "k")


def test_a_reaction_name_stands_once() -> None:
    net = Network()
    net.add("r", "A", "B", "k")
    with pytest.raises(NetworkError, match="'r' is stated twice"):
        net.add("r", "B", "A", "k")


@pytest.mark.parametrize("count", [-1, 1.5])
def test_counts_are_whole_numbers(count: float) -> None:
    with pytest.raises(NetworkError, match=r"reaction 'r' has .* of A; counts are"):
        Network().add("r", {"A": count}, "B", "k")  # type: ignore[dict-item]


def test_names_are_needed() -> None:
    with pytest.raises(NetworkError, match="no rate name"):
        Network().add("r", "A", "B", "")
    with pytest.raises(NetworkError, match="species needs a name"):
        Network().add_species("")
    with pytest.raises(NetworkError, match="no species"):
        Network().compile()


def test_observables_name_known_species() -> None:
    net = Network()
    net.add("r", "A", "B", "k")
    with pytest.raises(NetworkError, match="'total' names unknown species C, D"):
        net.add_observable("total", ["A", "D", "C"])


def decay() -> CompiledNetwork:
    net = Network("decay")
    net.add("r", "A", "B", "k")
    return net.compile()


def test_missing_rate_is_named() -> None:
    with pytest.raises(NetworkError, match="decay: no rate constant given for k"):
        decay().rate_vector({"other": 1.0})


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_rates_and_amounts_are_finite_and_not_negative(value: float) -> None:
    with pytest.raises(NetworkError, match=r"rate constant k is .* at least 0"):
        decay().rate_vector({"k": value})
    with pytest.raises(NetworkError, match=r"initial amount B is .* at least 0"):
        decay().state_vector({"B": value})
    with pytest.raises(NetworkError, match="rate constant k"):
        decay().rate_vector({"k": np.array([1.0, value])})


def test_unknown_species_is_named() -> None:
    with pytest.raises(NetworkError, match="no species named C"):
        decay().state_vector({"C": 1.0})


def test_vectors_of_batches_have_one_row_per_point() -> None:
    assert decay().rate_vector({"k": np.array([1.0, 2.0])}).tolist() == [[1.0], [2.0]]
    assert decay().state_vector({"B": np.array([1.0, 2.0])}).tolist() == [[0.0, 1.0], [0.0, 2.0]]


# The printed table.


def test_printed_table_reads_like_chemistry() -> None:
    net = Network("dimer")
    net.add("dimerise", {"A": 2}, "A2", "k_on")
    net.add("make", (), "M", "k_make")
    net.add("lose", ("M", "S"), "S", "k_loss")
    net.add_species("S", buffered=True)
    lines = str(net).splitlines()
    assert lines[0] == "Network('dimer': 4 species, 3 reactions)"
    assert [line.split() for line in lines[1:]] == [
        ["dimerise", "2", "A", "->", "A2", "k_on"],
        ["make", "0", "->", "M", "k_make"],
        ["lose", "M", "+", "S", "->", "S", "k_loss"],
        ["held", "constant:", "S"],
        ["conserved:", "A", "+", "2", "A2"],
    ]


# Conservation laws.


def test_conserved_totals_of_a_dimer() -> None:
    net = Network()
    net.add("dimerise", {"A": 2}, "A2", "k_on")
    assert net.conserved() == ({"A": 1, "A2": 2},)


def test_laws_have_coprime_whole_weights() -> None:
    net = Network()
    net.add("swap", {"A": 2}, {"B": 3}, "k1")
    net.add("split", {"B": 2}, {"C": 5}, "k2")
    assert net.conserved() == ({"A": 15, "B": 10, "C": 4},)


@given(net=networks())
def test_laws_span_the_left_null_space(net: Network) -> None:
    matrix = net.stoichiometry()
    laws = net.conserved()
    for law in laws:
        weights = [law.get(name, 0) for name in net.species]
        assert all(isinstance(weight, int) for weight in law.values())
        assert not np.any(np.array(weights) @ matrix)
    inert = sum(1 for name in net.buffered if name in net.species)
    assert len(laws) == len(net.species) - inert - np.linalg.matrix_rank(matrix)


@given(net=networks())
def test_first_species_of_a_law_stands_in_no_other(net: Network) -> None:
    laws = net.conserved()
    for law in laws:
        assert sum(next(iter(law)) in other for other in laws) == 1


# Compiled programs.


def filled(net: Network, seed: int) -> tuple[Machine, dict[str, float], Floats]:
    """The network's kernels at random rate constants, these by name, and a random state."""
    rng = np.random.default_rng(seed)
    compiled = net.compile()
    named = {name: float(10 ** rng.uniform(-3, 3)) for name in compiled.rates}
    machine = Machine(compiled, compiled.rate_vector(named))
    return machine, named, rng.uniform(0.0, 10.0, len(net.species))


def assert_programs_match(net: Network, seed: int) -> None:
    """Right-hand side against the flux form, Jacobian against exact differences of it.

    The flux form is at most quadratic, so that central differences have no truncation error.
    """
    machine, named, y = filled(net, seed)
    expected = naive_rates(net, named, y)
    scale = 1.0 + np.abs(expected).max() + max(named.values()) * 1e2
    dy = machine.rates_of_change(y)
    np.testing.assert_allclose(dy, expected, rtol=1e-12, atol=1e-12 * scale)
    changing = np.nonzero(expected)[0]  # columns of species that never change are left out
    slopes = naive_jacobian(net, named, y)[:, changing]
    jacobian = -machine.matrix(y)
    np.testing.assert_allclose(jacobian[:, changing], slopes, rtol=1e-9, atol=1e-11 * scale)


def naive_jacobian(net: Network, named: dict[str, float], y: Floats) -> Floats:
    """Exact differences of the flux form, one column per species."""
    pairs = [(y + step, y - step) for step in np.eye(y.size)]
    columns = [naive_rates(net, named, a) - naive_rates(net, named, b) for a, b in pairs]
    return np.column_stack(columns) / 2.0


@given(net=networks(), seed=st.integers(0, 1000))
def test_programs_match_the_table(net: Network, seed: int) -> None:
    assert_programs_match(net, seed)


@given(net=networks(), seed=st.integers(0, 1000))
def test_a_step_is_the_published_form(net: Network, seed: int) -> None:
    """Stages by the flux form at moved states, its Jacobian, and numpy's elimination.

    The coefficients are those of `tableau`; tests of the order in `test_engine` check these.
    """
    machine, named, y = filled(net, seed)
    jacobian = naive_jacobian(net, named, y)
    slope = naive_rates(net, named, y)
    h = 1.0 / (1.0 + np.abs(slope).max() + np.abs(jacobian).sum(axis=1).max())
    matrix = np.eye(y.size) / (h * tableau.GAMMA) - jacobian
    stages = np.zeros((tableau.STAGES, y.size))
    for i in range(tableau.STAGES):
        moved = y + tableau.A[i] @ stages
        side = naive_rates(net, named, moved) + tableau.C[i] @ stages / h
        stages[i] = np.linalg.solve(matrix, side)
    round_off = 1e-11 * (y.max() + np.abs(stages).max())
    np.testing.assert_allclose(machine.step(y, h), moved + stages[-1], rtol=0.0, atol=round_off)
    last = machine.read(tape.ROW_STAGES, y.size, (tableau.STAGES - 1) * y.size)
    np.testing.assert_allclose(last, stages[-1], rtol=0.0, atol=round_off)


@given(net=networks(), seed=st.integers(0, 1000))
def test_solve_agrees_with_dense_elimination(net: Network, seed: int) -> None:
    assert_solved(net, seed)


@pytest.mark.parametrize("species", [3, 17, 40])
def test_large_networks(species: int) -> None:
    net = chained_network(species, np.random.default_rng(species))
    assert_programs_match(net, species)
    assert_solved(net, species)


def assert_solved(net: Network, seed: int) -> None:
    machine, _, y = filled(net, seed)
    shift = 1.0 + 4.0 * np.abs(machine.matrix(y)).sum(axis=1).max()  # as short steps have
    matrix = shift * np.eye(y.size) + machine.matrix(y)
    np.testing.assert_allclose(machine.matrix(y, shift), matrix, rtol=1e-15, atol=1e-12)
    right = np.random.default_rng(seed + 1).normal(size=y.size)
    assert machine.factorise() > 0.0
    np.testing.assert_allclose(
        machine.solve(right), np.linalg.solve(matrix, right), rtol=1e-10, atol=1e-16
    )


def test_factorise_reports_a_vanishing_pivot() -> None:
    net = Network()
    net.add("grow", "A", {"A": 2}, "k")
    machine = Machine(net.compile(), [2.0])
    machine.matrix([1.0], shift=2.0)
    with np.errstate(divide="ignore"):
        assert machine.factorise() == 0.0


def test_equal_terms_share_a_coefficient() -> None:
    net = Network()
    for i in range(5):
        net.add(f"loss {i}", f"A{i}", (), "k")
    assert np.unique(net.compile().programs.rhs_coef).size == 1


def test_reactions_that_cancel_leave_no_term() -> None:
    net = Network()
    net.add("idle", ("A", "B"), ("A", "B"), "k")
    assert net.compile().programs.rhs_coef.size == 0


def test_networks_that_differ_by_names_share_one_compilation() -> None:
    def made(prefix: str) -> Network:
        net = Network(prefix)
        net.add(f"{prefix} bind", (f"{prefix}a", f"{prefix}b"), f"{prefix}ab", f"{prefix}on")
        net.add(f"{prefix} split", f"{prefix}ab", (f"{prefix}a", f"{prefix}b"), f"{prefix}off")
        net.add_observable(f"{prefix}bound", [f"{prefix}ab"])
        return net

    first = made("x").compile()
    before = compile_topology.cache_info()
    second = made("y").compile()
    after = compile_topology.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    assert second.programs is first.programs
    assert second.species == ("ya", "yb", "yab")


def test_observables_weigh_species_and_rates() -> None:
    net = Network()
    net.add("r", "A", "B", "k")
    net.add_observable("total", ["A", "B"])
    net.add_observable("flux", [Term("A", 2.0, "k")])
    net.add_observable("nothing", [])
    observed = solve(net, {"k": 3.0}, {"A": 5.0, "B": 1.0}, [0.0]).observables[0, 0]
    assert observed.tolist() == [6.0, 2.0 * 5.0 * 3.0, 0.0]


def test_a_random_network_runs_like_scipy() -> None:
    rng = np.random.default_rng(8)
    net = chained_network(8, rng)
    rates = {name: float(rng.uniform(0.1, 1.0)) for name in net.rates}
    start = rng.uniform(0.0, 2.0, 8)
    expected = scipy.integrate.solve_ivp(
        lambda _, y: naive_rates(net, rates, y), (0.0, 2.5), start, "DOP853", [0.3, 1.0, 2.5],
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    solution: Solution = solve(
        net, rates, dict(zip(net.species, start, strict=True)), [0.3, 1.0, 2.5], method=TIGHT
    )
    np.testing.assert_allclose(solution.states[0].T, expected.y, rtol=1e-7)
