"""Every finding from a table that is made up: the sentence, its numbers and its verdict."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from report.findings import (
    does_task,
    findings,
    number,
    of_a_block,
    of_its_size,
    of_the_activity,
    of_the_blocks,
    of_the_cut,
    of_the_departure,
    of_the_networks,
    of_the_parts,
    of_the_plan,
    of_the_task,
    of_what_can_go,
    single_blocks,
    summary,
    worst_block,
)
from schur_lib.metrics import METRICS


def profile(metric="fvu", **harms):
    """A profile with an intact score of 0.5, and the single blocks with their harms; NaN: empty."""
    sign = -1 if METRICS[metric].higher_is_better else 1
    rows = [{"removed": "", "mass": 0.0, "delta": 0.0}]
    for name, harm in harms.items():
        there = not np.isnan(harm)
        rows.append({"removed": name.replace("_", "+"), "mass": 0.25 if there else 1e-6,
                     "delta": sign * harm if there else 0.0})  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(
        score=0.5 + table.delta, low=table.delta - 0.1, high=table.delta + 0.1, metric=metric,
        isotropic_median=0.01, isotropic_p=0.25, isotropic_effect=0.0, n_leading=3, n_trials=64,
    )  # fmt: skip


# --- does it do the task? -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "enough"),
    [("fvu", 0.9), ("accuracy", 0.9), ("replay_accuracy", 0.9), ("cross_entropy", 0.5)],
)
def test_the_skill_that_is_asked_for(metric, enough):
    metric = METRICS[metric]
    assert does_task(metric, np.float64(enough)) is True
    assert does_task(metric, np.float64(enough - 1e-6)) is False
    assert does_task(metric, float("-inf")) is False
    assert does_task(metric, float("nan")) is None


def test_a_network_that_fails_at_its_task_is_said_first_of_all():
    said = of_the_task(0.4, 64, METRICS["fvu"], 0.6)
    assert said == (
        "Caution: this network does not do the task well, so that what a removal changes says little. It "
        "scores 0.4 (fraction of variance unexplained; lower is better) on 64 trials; on the way from "
        "chance (0) to a perfect score (1) that is 0.6, and this report asks for 0.9."
    )
    assert "asks for 0.5." in of_the_task(0.6, 64, METRICS["cross_entropy"], 0.4)


def test_a_score_is_rounded_for_readers():
    assert of_the_task(0.123456, 1, METRICS["fvu"], 0.95).startswith("The whole network scores 0.123 (fraction")


@pytest.mark.parametrize("skill", [0.95, float("nan")])
def test_a_network_that_does_its_task_or_may_do_it_is_given_its_score(skill):
    assert of_the_task(0.95, 9, METRICS["accuracy"], skill) == (
        "The whole network scores 0.95 (share of right classes; higher is better) on 9 trials."
    )


# --- the cut ------------------------------------------------------------------------------------


EMPTY = "there is no complement, and T_CR and T_CC are empty. "


@pytest.mark.parametrize(
    ("n_leading", "moduli", "low", "high", "said"),
    [
        (3, np.linspace(1, 0, 8), [3, 3], [3, 3],
         "The leading sector holds 3 of 8 dimensions, and changes of W by 0.1% leave this number as it "
         "is."),
        (3, np.linspace(1, 0, 8), [3, 2], [3, 5],
         "The leading sector holds 3 of 8 dimensions, but under changes of W by 0.1% this number varies "
         "from 2 to 5: the cut is not well posed, and another α should be tried beside this one."),
        (8, np.linspace(1, 0.95, 8), [8], [8],
         f"The leading sector holds all 8 dimensions: {EMPTY}An α above 0.95 splits the spectrum."),
        (8, np.full(8, 0.7), [8], [8],
         f"The leading sector holds all 8 dimensions: {EMPTY}All eigenvalues have one modulus, so that no α "
         "splits them."),
        (8, np.zeros(8), [8], [8],
         f"The leading sector holds all 8 dimensions: {EMPTY}All eigenvalues are 0, so that no α splits them."),
        (1, np.ones(1), [1], [1], "There is one dimension, and it leads: T_RR, T_CR and T_CC are empty."),
    ],
)  # fmt: skip
def test_where_the_cut_lies_and_whether_it_stays(n_leading, moduli, low, high, said):
    assert of_the_cut(n_leading, moduli, pd.DataFrame({"n_low": low, "n_high": high})) == said


# --- which blocks matter --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harms", "said"),
    [
        ({"CC": 0.3, "RR": 0.01, "CR": 0.04},
         "Of the coupling blocks, removing T_CC does harm (without T_CC the score becomes 0.8), while T_RR and "
         "T_CR can each be removed within a harm of 0.05."),
        ({"CC": 0.3, "RR": 0.2, "CR": -0.1},
         "Of the coupling blocks, each of T_CC and T_RR does harm when removed (without T_CC the score becomes "
         "0.8), while T_CR can be removed within a harm of 0.05."),
        ({"CC": 0.3, "RR": 0.2, "CR": 0.1},
         "Of the coupling blocks, each of T_CC, T_RR and T_CR does harm when removed, T_CC the most: the score "
         "becomes 0.8."),
        ({"CC": 0.02, "RR": 0.01, "CR": 0.0},
         "Of the coupling blocks, T_CR, T_RR and T_CC can each be removed within a harm of 0.05."),
        ({"RR": 0.3, "CC": np.nan},
         "The only coupling block that holds anything, T_RR, does harm when removed: the score becomes 0.8."),
        ({"RR": 0.01},
         "The only coupling block that holds anything, T_RR, can be removed within a harm of 0.05."),
        ({"CC": np.inf, "RR": 0.01},
         "Of the coupling blocks, removing T_CC does harm (without T_CC the score becomes without bound), while "
         "T_RR can be removed within a harm of 0.05."),
    ],
)  # fmt: skip
def test_which_blocks_the_score_depends_on_in_one_sentence(harms, said):
    assert of_the_parts(profile(**harms), {"rho": 1.0, "henrici": 0.5}, 0.05) == said


@pytest.mark.parametrize(
    ("departure", "said"),
    [
        ({"rho": 0.0, "henrici": 0.0}, "W is zero: the network has no recurrence, and nothing can be removed."),
        ({"rho": 1.0, "henrici": 1e-9}, "No coupling block holds more than rounding: W is normal, and nothing "
                                        "can be removed."),
        ({"rho": 1.0, "henrici": 0.2}, "No coupling block holds more than rounding, so that nothing can be "
                                       "removed: what makes W nonnormal stands in the 2×2 blocks of its complex "
                                       "eigenvalues."),
    ],
)  # fmt: skip
def test_why_there_is_nothing_to_remove(departure, said):
    assert of_the_parts(profile(CC=np.nan, RR=np.nan), departure, 0.05) == said


# --- single blocks ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["fvu", "accuracy"])
def test_blocks_stand_in_the_order_of_their_harm_in_either_direction_of_the_metric(metric):
    table = profile(metric, CC=0.3, RR=-0.1, RR_CC=0.9, CR=0.1)
    assert single_blocks(table).removed.tolist() == ["RR", "CR", "CC"]
    np.testing.assert_allclose(single_blocks(table).harm, [-0.1, 0.1, 0.3])
    assert worst_block(table) == "CC"


def test_the_worst_and_the_mildest_block_are_named_and_then_compared_with_their_nulls():
    worst, mildest, *sizes = of_the_blocks(profile(CC=0.3, RR=-0.1, CR=0.1))
    assert worst == (
        "Of the single blocks, removing T_CC does the most harm: it holds 0.250 of the Schur mass, and "
        "without it the score is 0.8, a change of 0.3 (95 % over trials 0.2 to 0.4)."
    )
    assert mildest == (
        "Of the single blocks, removing T_RR does the least: it holds 0.250 of the Schur mass, and "
        "without it the score is 0.4, a change of −0.1 (95 % over trials −0.2 to 0)."
    )
    assert ["as large as T_RR" in sizes[0], "as large as T_CC" in sizes[1]] == [True, True]


def test_a_block_alone_is_the_worst_and_no_mildest_beside_it():
    said = of_the_blocks(profile(CC=0.3, RR=np.nan, CR=np.nan))
    assert len(said) == 2 and "T_CC does the most harm" in said[0] and "large as T_CC" in said[1]


def test_where_no_block_holds_anything_nothing_is_said_of_blocks():
    table = profile(CC=np.nan, RR=np.nan)
    assert worst_block(table) is None
    assert of_the_blocks(table) == []


def test_an_interval_that_is_unknown_is_left_out():
    row = profile(CC=0.3).iloc[1]
    row["low"] = row["high"] = np.nan
    assert of_a_block(row, "the most harm").endswith("the score is 0.8, a change of 0.3.")


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [(0.91, "less harm than"), (0.9, "about the harm that"), (-0.9, "about the harm that"),
     (-0.91, "more harm than")],
)  # fmt: skip
def test_a_block_is_called_mild_or_harsh_for_its_size_where_nearly_all_nulls_differ(effect, verdict):
    row = profile(CC=0.3).assign(isotropic_effect=effect).iloc[1]
    assert of_its_size(row) == (
        "Isotropic random changes as large as T_CC do a harm of 0.01 (median; p = 0.250 for a change as "
        f"mild as the removal): removing it does {verdict} its size lets expect."
    )


ROW = {"kind": "blocks", "removed": "RR+CC", "share": 0.4, "mass": 0.3, "allowed": 0.02,
       "held_out_harm": 0.01, "held_out_allowed": 0.03, "holds": True}  # fmt: skip


# --- activity, what can go, nonnormality ----------------------------------------------------------


def test_the_parts_of_the_worst_block_on_and_off_the_activity():
    halved = pd.DataFrame(
        {
            "removed": ["RR"] * 3 + ["CC"] * 3,
            "part": ["whole", "on", "off"] * 2,
            "k": [8, 2, 2] * 2,
            "harm": [9.0, 9.0, 9.0, 0.3, 0.2, 0.05],
        }
    )
    assert of_the_activity(halved, "CC", 8) == [
        "The activity fills 2 of 8 dimensions (to 99%). Of T_CC, the part that reads them does a harm of "
        "0.2 when removed alone, the rest 0.05, the whole 0.3."
    ]
    assert of_the_activity(halved.iloc[:0], None, 8) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Blocks that can go at once within a harm of 0.02: T_RR, T_CC (Schur mass 0.300). This holds "
             "on other trials (harm 0.01 of 0.03)."),
        ({"holds": False}, "Blocks that can go at once within a harm of 0.02: T_RR, T_CC (Schur mass "
                           "0.300). This does not hold on other trials (harm 0.01 of 0.03)."),
        ({"removed": ""}, "Blocks that can go at once within a harm of 0.02: none."),
        ({"kind": "groups"}, "In groups between eigenvalue blocks, 40% of all couplings (Schur mass 0.300) "
                             "were found to be removable at once; this holds on other trials (harm 0.01 of "
                             "0.03)."),
        ({"kind": "entries", "holds": False},
         "In single entries, 40% of all couplings (Schur mass 0.300) were found to be removable at once; "
         "this does not hold on other trials (harm 0.01 of 0.03)."),
    ],
)  # fmt: skip
def test_what_can_go_and_whether_it_holds_on_other_trials(change, said):
    assert of_what_can_go(SimpleNamespace(**{**ROW, **change})) == said


def test_the_summary_and_all_findings_in_their_order():
    halved = pd.DataFrame({"removed": "CC", "part": ["whole", "on", "off"], "k": [8, 2, 2], "harm": 0.3})
    found = SimpleNamespace(
        profile=profile(CC=0.3, RR=0.1), halves=halved, skill=0.5, alpha=0.7, does_task=False, allowed=0.01,
        steady=pd.DataFrame({"n_low": [3], "n_high": [3]}), stable=pd.DataFrame([ROW, ROW]),
        departure={"rho": 1.0, "henrici": 0.6, "peak": 2.0, "peak_k": 25}, equation="y = x",
        trials=SimpleNamespace(metric=METRICS["fvu"], W_hh=np.eye(8),
                               form=SimpleNamespace(eigenvalues=np.linspace(1, 0, 8))),
    )  # fmt: skip
    begin = ["The leading sector holds 3 of 8", "Of the single blocks, removing T_CC",
             "Of the single blocks, removing T_RR", "Isotropic random changes as large as T_RR",
             "Isotropic random changes as large as T_CC", "The activity fills 2 of 8", "Blocks that can go",
             "Blocks that can go", "W departs from normality"]  # fmt: skip
    said = findings(found)
    assert [s.startswith(b) for s, b in zip(said, begin, strict=True)] == [True] * len(begin)
    task, run, parts = summary(found)
    assert task.startswith("Caution: this") and parts.startswith(
        "Of the coupling blocks, each of T_CC and T_RR does"
    )
    assert run == "What was run, with 8 units: y = x."
    found.does_task, found.skill = True, 0.99
    assert [sentence.split()[0] for sentence in summary(found)] == ["What", "The", "Of"]
    found.profile, found.stable = profile(CC=np.nan), pd.DataFrame([ROW])
    assert len(findings(found)) == 2  # nothing can go where nothing is


@pytest.mark.parametrize(
    ("departure", "said"),
    [
        ({"rho": 1.0, "henrici": 0.65432, "peak": 2.0, "peak_k": 25},
         "W departs from normality by 0.654 (Henrici, 0 to 1); its powers, without the growth of ρᵏ, reach a "
         "norm of 2 at k = 25."),
        ({"rho": 1.0, "henrici": 0.0, "peak": 1.0, "peak_k": 0},
         "W departs from normality by 0.000 (Henrici, 0 to 1); its powers, without the growth of ρᵏ, never "
         "exceed a norm of 1."),
        ({"rho": 1.0, "henrici": 0.5, "peak": np.nan, "peak_k": 0},
         "W departs from normality by 0.500 (Henrici, 0 to 1)."),
        ({"rho": 0.0, "henrici": 1.0, "peak": np.nan, "peak_k": 0},
         "W departs from normality by 1.000 (Henrici, 0 to 1); it is nilpotent: all its eigenvalues are 0, and "
         "what it does is done by its couplings alone."),
        ({"rho": 0.0, "henrici": 0.0, "peak": np.nan, "peak_k": 0}, "W is zero, and with it each of its powers."),
    ],
)  # fmt: skip
def test_the_departure_from_normality_and_the_peak_of_the_powers(departure, said):
    assert of_the_departure(departure) == said


def test_what_was_thinned_is_listed_and_nothing_is_said_where_nothing_was():
    all_ = SimpleNamespace(draws=100, perturbations=20, doses=21, powers=100)
    some = SimpleNamespace(draws=19, perturbations=20, doses=5, powers=0)
    assert of_the_plan(SimpleNamespace(amount=all_, n_trials=50), 50, all_) == ""
    assert of_the_plan(SimpleNamespace(amount=some, n_trials=12), 50, all_) == (
        "Thinned to keep within the budget of time and memory: 12 of the 50 trials, taken evenly; 19 random "
        "changes of each kind and set instead of 100; 5 doses of each block instead of 21; no powers of W "
        "instead of 100. --budget MINUTES allows more time."
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.25, "0.25"), (-0.0123456, "−0.0123"), (1.5e-7, "1.5·10⁻⁷"), (2e9, "2.0·10⁹"),
     (1e-4, "0.0001"), (1e5, "1.0·10⁵"), (-3e-5, "−3.0·10⁻⁵"),
     (float("inf"), "without bound"), (float("nan"), "undefined")],
)  # fmt: skip
def test_numbers_are_written_for_readers(value, said):
    assert number(value) == said


def over_networks(metric_sign=1, **deltas):
    rows = [{"removed": "", "mass": 0.0, "delta": 0.0, "low": np.nan, "high": np.nan}]
    for name, (delta, low, high) in deltas.items():
        ends = sorted((metric_sign * low, metric_sign * high))
        rows.append({"removed": name, "mass": 0.1, "delta": metric_sign * delta, "low": ends[0], "high": ends[1]})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("metric", "sign"), [("fvu", 1), ("accuracy", -1)])
def test_which_block_matters_most_over_networks(metric, sign):
    over = over_networks(sign, RR=(0.1, 0, 0.2), CC=(0.3, 0.2, 0.5), CR=(0.2, 0.1, 0.3))
    assert of_the_networks(over, METRICS[metric]) == (
        "On average over the networks, removing T_CC does the most harm, 0.3 (95 % over networks 0.2 to 0.5), and "
        "T_RR the least, 0.1."
    )
    alone = over_networks(sign, CC=(0.3, np.nan, np.nan))
    assert of_the_networks(alone, METRICS[metric]).endswith("removing T_CC does the most harm, 0.3.")
    assert "nothing can be removed" in of_the_networks(over_networks(), METRICS[metric])
