"""The bootstrap of a mean: its quantiles by an independent count, its seed, and where there is none."""

import numpy as np
import pytest

from schur_lib.intervals import interval


def test_it_holds_the_middle_95_percent_of_the_means_of_resamples():
    """Of two values 0 and 1 among n the mean of a resample is binomial: its quantiles are known."""
    from scipy import stats

    values = np.r_[np.zeros(30), np.ones(10)]
    low, high = interval(values, n_draws=200_000)
    expected = stats.binom(40, 0.25).ppf([0.025, 0.975]) / 40
    np.testing.assert_allclose([low, high], expected, atol=1e-12)


def test_it_is_that_of_the_naive_bootstrap_up_to_what_is_drawn():
    values = np.random.default_rng(1).exponential(1, 25)
    rng = np.random.default_rng(2)
    means = [rng.choice(values, 25).mean() for _ in range(20_000)]
    np.testing.assert_allclose(interval(values, 20_000), np.quantile(means, [0.025, 0.975]), rtol=0.02)


def test_it_follows_its_seed_which_is_0_as_its_2000_draws_unless_it_is_told():
    values = np.random.default_rng(3).normal(size=12)
    assert interval(values) == interval(values, 2000, 0) == interval(list(values), seed=0)
    assert len({interval(values), interval(values, seed=1), interval(values, 1999)}) == 3
    low, high = interval(values)
    assert type(low) is type(high) is float and low < values.mean() < high


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan, 2.0], [1.0, np.inf, 2.0], [-np.inf, 0.0, 0.0]])
def test_few_values_or_ones_that_are_not_finite_have_none(values):
    assert np.isnan(interval(values)).all()


def test_two_values_have_one_from_the_one_to_the_other():
    assert interval([1.0, 3.0]) == (1.0, 3.0) and interval([2, 2]) == (2.0, 2.0)
