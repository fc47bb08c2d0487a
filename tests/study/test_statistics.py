"""Statistics over networks, by hand and by simulation."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from study import catalogue
from study.statistics import (
    FEWEST,
    NETWORK,
    bootstrap_interval,
    dominance,
    effect_size,
    explained,
    holm,
    joint_p,
    mean_interval,
    median_interval,
    prediction_interval,
    share_interval,
    sign_flip,
)


def test_holm_agrees_with_an_example_worked_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1 gives 0.02, 0.03, 0.06, 0.04, the last raised
    assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert_allclose(holm([0.6, 0.7]), [1, 1])


def test_holm_does_not_count_tests_that_were_not_possible():
    assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert holm([]).shape == (0,)


def test_holm_takes_any_numbers_and_none_for_a_test_that_was_not_possible_and_leaves_them_as_they_are():
    p = np.array([0.03, 0.01])
    assert_allclose(holm(p), [0.03, 0.02])
    assert p.tolist() == [0.03, 0.01]
    assert holm([0, 1]).dtype == float and holm([0, 1]).tolist() == [0, 1]
    assert_allclose(holm([0.02, None, 0.03]), [0.04, np.nan, 0.04])
    for wrong in ([-0.1], [0.5, 1.01], [np.nan, -1e-9]):
        with pytest.raises(ValueError, match="p-values must be in"):
            holm(wrong)


def test_sign_flip_counts_all_up_to_13_networks_and_draws_9999_beyond():
    d = np.random.default_rng(0).normal(0.4, 1, 14)
    assert sign_flip(d[:13], seed=0) == sign_flip(d[:13], seed=1)
    assert sign_flip(d, seed=0) != sign_flip(d, seed=1) and sign_flip(d) == sign_flip(d, 0)
    assert sign_flip(d) * 10_000 == pytest.approx(round(sign_flip(d) * 10_000))
    means = [np.mean(d * signs) for signs in product((-1, 1), repeat=14)]
    exact = np.mean(np.abs(means) >= abs(d.mean()) - 1e-12)
    assert sign_flip(d) == pytest.approx(exact, abs=0.02)


def test_sign_flip_counts_all_sign_patterns():
    d = np.array([0.3, -0.1, 0.5, 0.9, 0.2])
    means = [np.mean(d * signs) for signs in product((-1, 1), repeat=len(d))]
    upper = np.mean([m >= d.mean() - 1e-12 for m in means])
    assert_allclose(sign_flip(d), 2 * upper)


def test_no_sign_flip_test_of_n_networks_goes_below_its_bound():
    for n in (3, 10):
        assert_allclose(sign_flip(np.arange(1.0, n + 1)), 2.0 ** (1 - n))
    assert sign_flip([0.0, 0.0, 0.0]) == sign_flip([2.0]) == 1.0
    assert np.isnan(sign_flip([]))


def test_sign_flip_of_many_networks_does_not_depend_on_anything_but_its_seed():
    d = np.random.default_rng(3).normal(0.1, 1, 30)
    assert sign_flip(d) == sign_flip(d)
    assert 0.2 < sign_flip(d - d.mean() + 0.01) <= 1


def covered(interval, draw, truth, repeats=1000, **options):
    """How often an interval of simulated networks holds the truth."""
    rng = np.random.default_rng(0)
    ends = np.array([interval(draw(rng), **options) for _ in range(repeats)])
    return np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))


@pytest.mark.parametrize("n", [6, 10, 30])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_intervals_cover_as_often_as_they_say(n, level):
    """Simulated: t exactly for normal values, order statistics and shares at least, whatever the distribution."""
    normal, skewed = (lambda g: g.normal(2, 3, n)), (lambda g: g.lognormal(0, 2, n))
    three = 3 * np.sqrt(level * (1 - level) / 1000)
    assert abs(covered(mean_interval, normal, 2, level=level) - level) < three
    for draw, truth in ((normal, 2), (skewed, 1)):
        assert covered(median_interval, draw, truth, level=level) > level - three
    ends = np.array([share_interval(np.arange(n) < k, level) for k in range(n + 1)])
    for share in (0.1, 0.5, 0.97):  # over all numbers of networks, with their probabilities
        inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert stats.binom.pmf(np.arange(n + 1), n, share)[inside].sum() >= level


@pytest.mark.parametrize("m", [1, 3])
def test_a_prediction_interval_holds_further_networks_as_often_as_it_says(m):
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        low, high = prediction_interval(rng.normal(5, 2, 10), m)
        inside += low <= rng.normal(5, 2, m).mean() <= high
    assert abs(inside / 2000 - 0.95) < 0.015


def test_the_joint_p_is_uniform_for_networks_like_ours_and_sees_what_each_number_alone_does_not():
    rng = np.random.default_rng(2)
    mix = np.array([[1.0, 0.0], [0.95, 0.3]])
    p = [joint_p((mix @ rng.normal(size=(2, 11))).T[:10], (mix @ rng.normal(size=2))) for _ in range(2000)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    pairs = (mix @ rng.normal(size=(2, 10))).T
    off = pairs.mean(0) + [1.0, -1.0]
    for column in (0, 1):
        low, high = prediction_interval(pairs[:, column])
        assert low < off[column] < high
    assert joint_p(pairs, off) < 0.01
    # in one dimension it is the t test of a further value
    x = pairs[:, :1]
    t = (1.3 - x.mean()) / (x.std(ddof=1) * np.sqrt(1 + 1 / 10))
    assert_allclose(joint_p(x, [1.3]), 2 * stats.t.sf(abs(t), 9))
    assert np.isnan(joint_p(pairs[:5], off)) and np.isnan(joint_p(np.ones((10, 2)), [1, 1]))


def test_the_intervals_of_known_samples():
    ten = np.arange(1.0, 11)
    assert median_interval(ten) == (2, 9) and median_interval(np.arange(1.0, 7)) == (1, 6)
    assert_allclose(mean_interval(ten), stats.t.interval(0.95, 9, 5.5, stats.sem(ten)))
    assert_allclose(share_interval([True] * 10), (0.025 ** (1 / 10), 1))
    assert_allclose(share_interval([False] * 10), (0, 1 - 0.025 ** (1 / 10)))
    assert mean_interval([0.7] * 8) == pytest.approx((0.7, 0.7))


@pytest.mark.parametrize("interval", [mean_interval, median_interval, share_interval, prediction_interval])
def test_fewer_than_six_networks_have_no_interval(interval):
    assert FEWEST == 6
    assert np.isnan(interval([0.0, 1.0, 1.0, 0.0, 1.0])).all()
    assert np.isfinite(interval([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])).all()


def test_samples_are_resampled_each_on_its_own():
    """Two tasks with constant values: their difference has no spread, their pool has."""
    one, other = np.r_[np.zeros(9), 0.01], np.r_[np.ones(9), 1.01]
    low, high = bootstrap_interval(lambda a, b: b.mean() - a.mean(), one, other)
    assert 0.98 < low <= 1 <= high < 1.02
    low, high = bootstrap_interval(np.mean, np.r_[one, other])
    assert high - low > 0.3
    assert np.isnan(bootstrap_interval(np.mean, one, other[:5])).all()


def test_effect_size_is_the_mean_in_standard_deviations():
    assert_allclose(effect_size([1.0, 2.0, 3.0]), 2.0)
    assert np.isnan(effect_size([1.0])) and np.isnan(effect_size([2.0, 2.0]))


def test_dominance_is_one_where_all_are_larger_and_zero_where_half_are():
    assert dominance([2, 3, 4], 1) == 1 and dominance([2, 3], 5) == -1
    assert dominance([1, 3], 2) == 0 and dominance([2, 2], 2) == 0


def networks_of(effect, n=8, tasks=("a", "b")):
    """Three blocks of n networks of each task; effect(task number, seed, block number, size)."""
    rng = np.random.default_rng(0)
    rows = []
    for t, task in enumerate(tasks):
        for seed in range(n):
            for b, block in enumerate(("RR", "CR", "CC")):
                size = rng.uniform()
                rows.append((task, "c", 9, seed, block, size, effect(t, seed, b, size)))
    columns = ["task", "construction", "hidden_size", "seed", "removed", "size", "delta"]
    return pd.DataFrame(rows, columns=columns)


ACCOUNTS = {"size": ["size"], "block": ["removed"], "both": ["size", "removed"]}


def test_the_account_that_made_the_effect_explains_it_and_the_other_does_not():
    by_size = explained(networks_of(lambda t, i, b, x: np.exp(9 * x)), "delta", ACCOUNTS)
    by_block = explained(networks_of(lambda t, i, b, x: 10.0**-b), "delta", ACCOUNTS)
    for table, true, false in ((by_size, "size", "block"), (by_block, "block", "size")):
        table = table.set_index("account")
        assert table.r2[true] == pytest.approx(1) and table.unseen[true] == pytest.approx(1)
        assert table.r2[false] < 0.2 and table.unseen[false] < table.r2[false]
        assert table.r2["both"] == pytest.approx(1)
        assert table.low[false] <= table.r2[false] <= table.high[false]
    assert list(by_size.parameters) == [1, 2, 3]


def test_r2_of_one_number_is_the_squared_rank_correlation():
    table = networks_of(lambda t, i, b, x: x + 0.3 * np.sin(7 * i + b))
    found = explained(table, "delta", {"size": ["size"]})
    assert_allclose(found.r2[0], stats.spearmanr(table["size"], table.delta).statistic ** 2)


def test_an_effect_of_the_block_that_differs_between_tasks_needs_their_combination():
    table = networks_of(lambda t, i, b, x: float((b + t) % 3))
    accounts = {"block": ["removed"], "combination": ["removed × task"]}
    found = explained(table, "delta", accounts).set_index("account")
    assert found.r2["block"] < 0.8 and found.r2["combination"] == pytest.approx(1)
    assert found.parameters["combination"] == 5


def test_what_is_unseen_is_the_error_for_the_network_that_was_left_out():
    table = networks_of(lambda t, i, b, x: x + 0.4 * np.cos(5 * i + b), n=2, tasks=("a",))
    found = explained(table, "delta", {"block": ["removed"]})
    y, missed = table.delta.rank().to_numpy(), 0.0
    for seed in (0, 1):  # the fit of an indicator is the mean of the other network's rows
        own, other = (table.seed == seed).to_numpy(), (table.seed != seed).to_numpy()
        missed += ((y[own] - y[other]) ** 2).sum()
    assert_allclose(found.unseen, 1 - missed / ((y - y.mean()) ** 2).sum())
    fit = np.repeat(y.reshape(2, 3).mean(0)[None], 2, 0).ravel()
    assert_allclose(found.r2, 1 - ((y - fit) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert found.parameters.tolist() == [2] and found.low.isna().all()


def test_few_networks_have_no_interval_and_a_constant_effect_no_r2():
    found = explained(networks_of(lambda t, i, b, x: x, n=1, tasks=("a",)), "delta", ACCOUNTS)
    assert found.low.isna().all() and found.unseen.isna().all()
    found = explained(networks_of(lambda t, i, b, x: 0.0), "delta", ACCOUNTS)
    assert found.r2.isna().all() and found.unseen.isna().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([[1, 2], [3, 4]]), "one a network"),
        (lambda: median_interval([1.0, 2.0, np.nan]), "must not hold NaN"),
        (lambda: holm([0.5, 1.2]), "p-values must be in"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_names_a_network_tells_all_of_the_reference_networks_apart():
    specs = [spec for task in catalogue.TASKS for spec in catalogue.specs(task)]
    names = {tuple(getattr(spec, field) for field in NETWORK) for spec in specs}
    assert len(names) == len(specs)
