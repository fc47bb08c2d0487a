"""Interactions of the blocks: effects whose terms are known, and what must add up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from schur_lib.profile import profile_of
from study.probes.interactions import mobius, shapley, two_cubed
from study.probes.nulls import REMOVED
from tests.study.probes.test_nulls import silent


def subsets(value):
    return {name: value(set(filter(None, name.split("+")))) for name in ("", *REMOVED)}


def test_interactions_of_an_additive_effect_vanish():
    weight = {"RR": 0.3, "CR": -0.2, "CC": 1.5}
    harms = subsets(lambda s: sum(weight[name] for name in s))
    terms = mobius(harms)
    assert_allclose([terms[name] for name in weight], list(weight.values()))
    assert_allclose([terms[name] for name in terms if "+" in name], 0, atol=1e-12)
    assert shapley(harms) == pytest.approx(weight)


def test_the_terms_add_up_to_every_effect_and_shapley_values_to_the_whole():
    rng = np.random.default_rng(0)
    harms = subsets(lambda s: rng.normal() if s else 0.0)
    terms = mobius(harms)
    for name in harms:
        inside = [t for t in terms if set(filter(None, t.split("+"))) <= set(name.split("+"))]
        assert sum(terms[t] for t in inside) == pytest.approx(harms[name])
    assert sum(shapley(harms).values()) == pytest.approx(harms["RR+CR+CC"])


def test_an_effect_of_two_blocks_together_is_shared_equally_between_them():
    harms = subsets(lambda s: 1.0 if {"RR", "CC"} <= s else 0.0)
    assert mobius(harms)["RR+CC"] == 1 and mobius(harms)["RR+CR+CC"] == 0
    assert shapley(harms) == pytest.approx({"RR": 0.5, "CR": 0.0, "CC": 0.5})


def test_the_2x2x2_design_of_a_network_whose_only_block_is_RR():
    table = two_cubed(silent(32)).set_index("removed")
    assert table.term["RR"] == table.harm["RR"] == pytest.approx(table.shapley["RR"])
    assert_allclose(table.term[table.index != "RR"], 0, atol=1e-7)


def test_the_2x2x2_design_of_anyones_network_adds_up(anyone):
    trials = anyone()
    table = two_cubed(trials, 0.7)
    profile = profile_of(trials, 0.7, n_draws=0).set_index("removed")
    change = trials.metric.harm(profile.score["RR+CR+CC"], profile.score[""])
    assert table.set_index("removed").harm["RR+CR+CC"] == pytest.approx(change)
    assert table.term.sum() == pytest.approx(change)
    assert table.shapley.sum() == pytest.approx(change)


def test_a_missing_subset_is_named():
    with pytest.raises(ValueError, match="RR\\+CC"):
        mobius({name: 0.0 for name in ("", *REMOVED) if name != "RR+CC"})


def test_a_missing_intact_network_is_named():
    for function in (mobius, shapley):
        with pytest.raises(ValueError, match="all eight sets, missing the intact network"):
            function(dict.fromkeys(REMOVED, 0.0))


def test_the_design_has_one_row_a_nonempty_set_and_shares_for_single_blocks(copier):
    table = two_cubed(copier(), 0.7)
    assert list(table.removed) == list(REMOVED)
    assert list(table.columns) == ["removed", "harm", "term", "shapley"]
    assert set(table.removed[table.shapley.notna()]) == {"RR", "CR", "CC"}
    # the default threshold is another cut of this network
    assert not np.allclose(two_cubed(copier()).harm, table.harm)
    assert_allclose(two_cubed(copier()).harm, two_cubed(copier(), 0.9).harm)
