"""The chapter on context integration says what its tables say, whichever way they turn out."""

import pandas as pd
import torch

from schur_lib.specs import Spec
from study.answers import context_integration as answers
from tests.study.answers.tables import form, parts, profile, states


def effects(n=4, **deltas):
    deltas = {
        "CC": [0.1, 0.2, 0.3, 6.0],
        "CR": [1.0, 1.0, 1.0, 2.0],
        "RR": [2.0, 0.1, 0.0, 0.0],
    } | deltas
    return profile(
        "context_integration",
        [0.01] * n,
        [3, 9, 27, 50][:n],
        **{b: d[:n] for b, d in deltas.items()},
    )


def both(
    name="context",
    CR=({1: 1.0, 2: 0.2}, {1: 0.2, 2: 1.0}),
    CC=({1: 0.5, 2: 0.4},),
    RR=({1: 0.0, 2: 0.0},),
):
    return parts(name, {"CR": CR, "CC": CC, "RR": RR})


def test_the_setting_is_the_specs():
    said = answers.setting([Spec("context_integration", task_options={"noise": 0.5, "bias": 0.2})])
    assert "a trial has 48 steps" in said and "standard deviation of 0.5 divided" in said
    assert "one of 0.2 on the same scale. The training" in said


def test_examples_are_of_both_contexts_in_the_order_of_their_targets():
    context = torch.tensor([0, 1, 0, 1, 0, 1])
    last = torch.tensor([0.0, -1.0, 2.0, 3.0, 1.0, 0.5])
    assert answers.examples(context, last, (0, 1)) == [1, 0, 2, 3]
    assert answers.examples(context, last, (0.5,)) == [5, 4]


def test_a_threshold_in_the_crowd_and_one_beside_it():
    crowded, clear = form(1.05, 0.95, 0.94, 0.1), form(1.0, 0.5, 0.4, 0.1)
    said = answers.spectrum(states(2.0, 1.0, 1.0), [crowded])
    assert "75 % of them" in said and "ends at 1.05." in said
    assert "On average 2 eigenvalues lie within 5 % of the threshold $\\alpha\\rho$: it passes" in said
    said = answers.spectrum(states(2.0, 1.0, 1.0), [clear])
    assert said.endswith("On average 0 eigenvalues lie within 5 % of the threshold $\\alpha\\rho$.")


def test_heavy_tails_are_told_by_means_medians_and_threes():
    assert answers.harms(effects()) == (
        "As mean ± standard deviation over networks, the ΔFVU is 1.65 ± 2.90 without $T_{CC}$ (paper: mean 0.94), "
        "1.25 ± 0.50 without $T_{CR}$ (paper 0.37) and 0.53 ± 0.98 without $T_{RR}$; the medians are 0.25, 1.00 "
        "and 0.05. Without $T_{CC}$ single networks lose 0.10 to 6.00. Three networks, as the paper has, say "
        "little here: taken from ours, three have a mean ΔFVU of 0.20 to 2.17 without $T_{CC}$ and "
        "of 1.00 to 1.33 without $T_{CR}$, and in 75 % of all threes $T_{CC}$ has the larger mean.\n\n"
        "The block with the largest effect, network by network (4), is RR in 1, CR in 2 and CC in 1. Ablating "
        "$T_{CC}$ does more harm than ablating $T_{CR}$ in 1 of 4 networks."
    )


def test_few_networks_have_no_threes_and_no_correlation():
    said = answers.harms(effects(n=1))
    assert (
        "is 0.10 without $T_{CC}$" in said and "Three networks" not in said and "$T_{CR}$ in no network." in said
    )
    for few in (effects(n=3), effects().assign(n_leading=3)):
        assert "too few" in answers.by_size(few)


def test_the_rank_correlation_has_its_sign():
    said = answers.by_size(effects(CR=[1.0, 0.5, 0.25, 0.1], RR=[1.0, 3.0, 2.0, 4.0]))
    assert "+1.00 without $T_{CC}$, −1.00 without $T_{CR}$ and +0.80 without $T_{RR}$" in said


def gains(other_CR):
    rows = [(b, seed, 0.9, other, 0.1, -0.3 * (b == "CR"), 0.2)
            for b, others in {"": (0, 0), "CR": other_CR, "CC": (0.1, 0.1)}.items()
            for seed, other in enumerate(others)]  # fmt: skip
    columns = ["removed", "seed", "cued", "other", "offset_1", "offset_2", "unexplained"]
    return pd.DataFrame(rows, columns=columns)


def test_the_gains_are_medians_with_the_larger_offset():
    found = answers.gains(gains((0.3, -0.5))).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["0.90", "−0.10", "0.30", "0.20"]
    assert found.loc["−CC"].tolist() == ["0.90", "+0.10", "0.10", "0.20"]
    assert answers.leaks(gains((0.3, -0.5))).endswith("in 1 of 2 networks.")
    assert answers.leaks(gains((0.3, 0.5))).endswith("in 2 of 2 networks.")


def test_contexts_are_compared_network_by_network():
    found = answers.contexts(both()).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["1", "1", "5.0"]
    assert found.loc["−CC"].tolist() == ["1", "0", "1.2"]
    assert found.loc["−RR"].tolist() == ["–", "–", "–"]


def test_a_network_may_lose_one_context_or_both():
    assert "and which one differs" in answers.which_context(both(CC=({1: 0.5, 2: 0.4}, {1: 0.4, 2: 0.5})))
    assert "mainly one of them, often the same one: the" in answers.which_context(both())
    assert answers.which_context(both(CR=({1: 1.0, 2: 0.9},))).endswith("and both suffer alike.")
    nothing = both(CR=({1: 0.0, 2: 0.0},), CC=({1: 0.0, 2: 0.0},))
    assert answers.which_context(nothing).endswith("and both suffer alike.")


def test_the_steps_where_it_breaks():
    curves = both("step", CR=({1: 0.0, 2: 0.2, 3: 0.4, 4: 0.3},) * 2, CC=({1: 0.0, 2: 0.1, 3: 0.05, 4: 0.0},),
                  RR=({1: 0.0, 2: 0.05, 3: 0.1, 4: 0.15},))  # fmt: skip
    found = answers.steps(curves).set_index("ablated")
    assert list(found)[0] == "passes 0.1 at step"
    assert found.loc["−CR"].tolist() == ["2", "3", "0.40", "0.30"]
    assert found.loc["−CC"].tolist() == ["–", "2", "0.10", "0.00"]
    assert found.loc["−RR"].tolist() == ["4", "4", "0.15", "0.15"]


def test_the_answer_depends_on_whether_one_block_leads_in_all():
    assert answers.answer(effects(), 2) == (
        "**The answer.** No one block holds the integrator or the gate in all 4 networks: the largest effect is "
        "that of RR in 1, CR in 2 and CC in 1, and $n_R$ is 3 to 50. The example network is seed 2, the "
        "one nearest to the median effects."
    )
    assert "In all networks (1) the largest effect is that of $T_{RR}$, and" in answers.answer(effects(n=1), 0)
