"""Populations against normal distributions and counts; fronts against the definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from protacsim import pharmacology as ph
from protacsim.errors import ParameterError

DOSE = "compound.dose_nM"


def patients(values, **coords):
    """Values (doses, patients) as a result has them."""
    values = np.asarray(values, float)
    dims = (DOSE, "patient")
    at = {DOSE: np.geomspace(1.0, 10.0 ** (len(values) - 1), len(values))}
    data = xr.Dataset(
        {"target_total_percent": (dims, values, {"units": "%"})},
        coords={**at, "patient": np.arange(values.shape[1]), **coords},
    )
    data["status"] = (dims, np.where(np.isnan(values), 1, 0).astype(np.int8))
    return data


@given(
    st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3), st.floats(0.0, 100.0), st.floats(0, 100)
)
def test_a_mixture_is_the_mean_over_its_cells(fractions, of_wild_type, of_variant):
    both = xr.concat(
        [patients(np.full((2, 3), x)) for x in (of_wild_type, of_variant)],
        xr.IndexVariable("target.allele", ["WT", "C481S"]),
    )["target_total_percent"]
    found = ph.mixture(both, xr.DataArray(fractions, dims="patient"))
    cells = 1000
    for p, fraction in enumerate(fractions):
        carriers = round(fraction * cells)
        mean = (carriers * of_variant + (cells - carriers) * of_wild_type) / cells
        assert found.isel(patient=p).to_numpy() == pytest.approx(mean, abs=0.06)
    assert found.dims == (DOSE, "patient")
    assert found.attrs["units"] == "%"
    np.testing.assert_array_equal(ph.mixture(both, 0.0), both.sel({"target.allele": "WT"}))


def test_a_mixture_needs_both_alleles_and_fractions():
    one = patients(np.zeros((2, 3)))["target_total_percent"].expand_dims({"target.allele": ["WT"]})
    with pytest.raises(ParameterError, match="simulate both alleles"):
        ph.mixture(one, 0.5)
    with pytest.raises(ParameterError, match="outside 0 to 1"):
        ph.mixture(one, 50.0)


def test_members_are_numbered_from_zero():
    data = patients(np.zeros((2, 3))).expand_dims({"time_h": [4.0], "arm": ["a", "b"]})
    assert ph.member_dims(data) == ("patient",)
    assert ph.member_dims(data.assign_coords(patient=[1, 2, 3])) == ()
    assert ph.member_dims(data.assign_coords(patient=[0.0, 1.0, 2.0])) == ()


def test_quantiles_and_mean_of_a_normal_population():
    scores = stats.norm(50.0, 5.0).ppf((np.arange(20000) + 0.5) / 20000)
    data = patients(np.stack([scores, 2.0 * scores]))
    data["target_total_percent"][0, ::4] = math.nan
    found = ph.distribution(data["target_total_percent"], "patient", (0.05, 0.5, 0.95))
    assert found["quantile"].dims == ("probability", DOSE)
    expected = stats.norm(50.0, 5.0).ppf([0.05, 0.5, 0.95])
    assert found["quantile"].isel({DOSE: 0}).values == pytest.approx(expected, rel=1e-3)
    assert found["quantile"].isel({DOSE: 1}).values == pytest.approx(2.0 * expected, rel=1e-3)
    assert found["mean"].values == pytest.approx([50.0, 100.0], rel=1e-3)
    assert found["members"].values.tolist() == [15000, 20000]
    assert found["nulls"].values.tolist() == [5000, 0]


def test_responders_against_dose():
    data = patients([[90.0, 80.0, 70.0, math.nan], [10.0, 30.0, 19.0, 20.0], [math.nan] * 4])
    found = ph.fraction_below(data, "target_total_percent", 20.0, "patient")
    assert found["fraction"].values == pytest.approx([0.0, 0.5, math.nan], nan_ok=True)
    assert found["members"].values.tolist() == [3, 4, 0]
    assert found["not_counted"].values.tolist() == [1, 0, 4]
    assert found["fraction"].attrs["long_name"] == "fraction with target total below 20 %"


@pytest.mark.parametrize(
    ("units", "said"), [("nM", "below 20 nM"), ("1", "below 20"), ("", "below 20")]
)
def test_a_threshold_has_the_unit_of_its_variable(units, said):
    data = patients([[90.0, 10.0]]).rename(target_total_percent="target_total")
    data["target_total"].attrs["units"] = units
    found = ph.fraction_below(data, "target_total", 20.0, "patient")
    assert found["fraction"].attrs["long_name"].endswith(f"target total {said}")


def test_pure_numbers_say_that_they_are_some():
    """The unit of CF-1.11, section 3.1, for what is dimensionless."""
    data = patients([[90.0, 10.0], [50.0, 5.0], [20.0, 1.0]]).expand_dims({"arm": ["a", "b"]})
    curves = ph.dose_response(data)
    shifts = ph.fold_shift(curves, "dmax_percent", "arm", "a")
    courses = ph.time_course(data.rename({DOSE: "time_h"}))
    responders = ph.fraction_below(data, "target_total_percent", 20.0, "patient")
    for found in (shifts, courses["plateau"], responders["fraction"]):
        assert found.attrs["units"] == "1"


def test_the_interval_of_a_reading_and_its_sentence():
    share = np.linspace(0.0, 1.0, 400).clip(1e-6, 1.0 - 1e-6)
    dc50 = 10.0 ** stats.norm(math.log10(2.1), 0.29).ppf(share)
    curves = xr.Dataset({"dc50_relative_nM": ("patient", dc50)})
    found = ph.interval(curves, "dc50_relative_nM", "patient")
    assert ph.in_words(found, "DC50", "nM", "patients") == (
        "DC50 2.1 nM, 90 % interval 0.70 to 6.3 nM over 400 patients"
    )
    narrow = ph.interval(curves, "dc50_relative_nM", "patient", level=0.5)
    assert narrow["low"] > found["low"]
    curves["dc50_relative_nM"][:30] = math.nan
    with_nulls = ph.interval(curves, "dc50_relative_nM", "patient")
    assert (with_nulls["members"].item(), with_nulls["nulls"].item()) == (370, 30)
    assert ph.in_words(with_nulls, "DC50", "nM").endswith("over 370 members; 30 have none")
    none = ph.interval(curves.where(False), "dc50_relative_nM", "patient")
    assert ph.in_words(none, "DC50", "nM") == "DC50: none of 400 members has one"
    assert np.isnan(none["median"])


@given(st.lists(st.one_of(st.floats(-9.0, 9.0), st.just(math.nan)), min_size=1, max_size=30))
def test_an_interval_holds_the_share_it_says(values):
    curves = xr.Dataset({"dmax_percent": ("cell_id", values)})
    found = ph.interval(curves, "dmax_percent", "cell_id", level=0.8)
    numbers = np.array(values)[np.isfinite(values)]
    assert found["members"].item() == numbers.size
    if numbers.size:
        outside = 0.1 * (numbers.size - 1) + 1  # quantiles lie between two members
        assert (numbers < found["low"].item() - 1e-12).sum() <= outside
        assert (numbers > found["high"].item() + 1e-12).sum() <= outside
        assert numbers.min() <= found["median"].item() <= numbers.max()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda d: ph.fraction_below(d, "ternary_percent", 1.0, "patient"), "only target_total_p"),
        (lambda d: ph.fraction_below(d, "target_total_percent", 1.0, "cell"), "no dimension 'cell"),
        (lambda d: ph.distribution(d["status"], "cell"), "no dimension 'cell'"),
        (lambda d: ph.distribution(d["status"], "patient", (1.5,)), "between 0 and 1"),
        (lambda d: ph.interval(d, "dc50", "patient"), "no 'dc50'; choose from target_total"),
        (lambda d: ph.interval(d, "status", "patient", level=1.0), "level is 1.0"),
    ],
)
def test_mistakes_say_what_there_is(ask, message):
    with pytest.raises(ParameterError, match=message):
        ask(patients(np.zeros((2, 3))))


@given(
    st.lists(
        st.tuples(*[st.one_of(st.integers(0, 6).map(float), st.just(math.nan))] * 3),
        min_size=1,
        max_size=60,
    )
)
def test_a_front_is_what_nobody_beats(rows):
    table = pd.DataFrame(rows, columns=["dc50", "hook", "spared"])
    front = ph.pareto_front(table, ["dc50", "hook"], maximise=["spared"])
    costs = [(a, b, -c) for a, b, c in rows]

    def beats(one, other):
        return all(x <= y for x, y in zip(one, other, strict=True)) and one != other

    known = [i for i, cost in enumerate(costs) if not any(map(math.isnan, cost))]
    expected = [i for i in known if not any(beats(costs[j], costs[i]) for j in known)]
    assert front.index.tolist() == expected


def test_a_front_of_many_designs():
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.uniform(size=(3000, 2)), columns=["a", "b"])
    front = ph.pareto_front(table, ["a", "b"]).sort_values("a")
    assert (np.diff(front["b"]) < 0.0).all()
    running = table.sort_values("a")["b"].cummin()
    assert len(front) == running.nunique()
    with pytest.raises(ParameterError, match="no column 'c'; choose from a, b"):
        ph.pareto_front(table, ["c"])
