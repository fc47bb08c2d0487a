"""The chapter on Figure 2 says what its tables say, whichever way they turn out."""

import pandas as pd

from study import claims
from study.answers import figure_2 as answers
from study.paper import beside_paper
from tests.study.answers.tables import profile


def networks(n=4, empty=(True, False, False, True), sine=(1, 2, 4, 1), **integration):
    flip_flop = profile("flip_flop", [0.001] * n, [3] * n, CR=[0.189] * n, CC=[0.0496] * n, RR=[0.0] * n)
    second = profile("sine_generation", [0.004] * n, sine[:n], CC=[2.0] * n, CR=[1.5] * n,
                     RR=[0.0, 0.2, 0.6, 0.0][:n])  # fmt: skip
    without_RR = second.removed.eq("RR") & second.seed.map(dict(enumerate(empty)))
    second.loc[without_RR, ["mass", "sensitivity"]] = [0.0, float("nan")]
    deltas = {"CC": [0.1, 0.2, 0.3, 6.0], "CR": [1.0, 1.0, 1.0, 2.0], "RR": [0.5] * 4} | integration
    third = profile(
        "context_integration",
        [0.01] * n,
        [3, 9, 27, 50][:n],
        **{b: d[:n] for b, d in deltas.items()},
    )
    table = pd.concat([flip_flop, second, third], ignore_index=True)
    return table[table.removed.isin(["", "RR", "CR", "CC"])]


def said(table):
    # judged as if there were networks enough: flip-flop, without CR, differs
    compared = beside_paper(table, "Figure 2")
    differs = (compared.task == "flip_flop") & (compared.removed == "CR")
    return answers.differences(table, compared.assign(agrees=differs.map({True: "no", False: "yes"})))


def test_the_networks_are_counted():
    assert answers.networks(networks(), 64).startswith("4 networks of each task with 64 units, scored")
    assert answers.networks(networks(1), 16).startswith("1 network of each task with 16 units")


def test_every_published_number_stands_beside_ours():
    table = networks()
    compared = beside_paper(table, "Figure 2")
    found = answers.beside(table, compared).set_index(["task", "ablated", "quantity"])
    assert len(found) == len(compared)
    assert found.loc[("flip-flop", "−CR", "ΔFVU")].tolist() == [
        "0.0945 ± 0.00935", "0.1890 ± 0.0000", *["0.1890"] * 3, 4, "+0.0945", "undecided"]  # fmt: skip
    assert found.loc[("sine generation", "−CC", "S")].tolist() == [
        "12.3 ± 1.5", "10.0 ± 0.0", "10.0", "10.0", "10.0", 4, "−2.3", "undecided"]  # fmt: skip
    assert found.loc[("context integration", "−CC", "ΔFVU")].tolist() == [
        "0.94 ± 0.03", "1.65 ± 2.90", "0.25", "0.10", "6.00", 4, "+0.71", "undecided"]  # fmt: skip


def test_what_we_have_not_is_a_dash():
    table = networks()[lambda t: ~(t.task.eq("sine_generation") & t.removed.eq("CC"))]
    found = answers.beside(table, beside_paper(table, "Figure 2")).set_index(["task", "ablated", "quantity"])
    assert found.loc[("sine generation", "−CC", "S")].tolist()[1:] == ["–"] * 4 + [0, "–", "–"]
    assert "sine generation, ΔFVU −CC" not in said(table)


def test_the_differences_are_listed_and_looked_into():
    found = said(networks())
    assert "flip-flop, ΔFVU −CR: 0.1890 here, 0.0945 in the paper" in found
    assert "what the paper's lose 2.0 times without $T_{CR}$ and 1.0 times without $T_{CC}$." in found
    assert "is 0.0010 here and 0.0048 in the paper" in found
    assert "leading sector has 1 to 4 dimensions. With one leading block" in found
    assert "in 2 of 4 networks $T_{RR}$ is empty" in found and "changes the FVU by +0.20 to +0.60." in found
    assert "of single networks is +0.10 to +6.00; the leading sector has 3 to 50 dimensions" in found
    assert "in 3 of the 4 choices of three" in found


def test_empty_blocks_of_all_or_of_none():
    every = said(networks(empty=(True,) * 4))
    assert "in 4 of 4 networks" in every and "not empty" not in every
    none = said(networks(empty=(False,) * 4, sine=(2,) * 4))
    assert "has 2 dimensions. Where $T_{RR}$ is not empty" in none and "nothing is done" not in none


def test_values_within_are_no_difference_and_few_networks_no_threes():
    table = networks(3)
    compared = beside_paper(table, "Figure 2")
    found = answers.differences(table, compared.assign(agrees="yes"))
    assert f"0 of the {len(compared)} published values disagree with our networks: none." in found
    assert "choices of three" not in found


def test_the_verdicts_are_the_claims():
    table = networks()
    judged = [claims.claim_5(table), claims.claim_6(table), claims.claim_7(table)]
    first, second, third = answers.verdicts(judged, table).split("\n\n")
    assert f"hardly: **{judged[0].verdict}.**" in first
    assert "0.189 without $T_{CR}$, 0.050 without $T_{CC}$ and 0.0000 without $T_{RR}$." in first
    assert f"little effect: **{judged[1].verdict}.**" in second
    assert "by 2.00 without $T_{CC}$ and by 1.50 without" in second and "is 0.20, its median 0.10." in second
    assert f"dominates $T_{{CR}}$: **{judged[2].verdict}.** Mean rises are 1.65 without $T_{{CC}}$" in third
    assert "and 1.25 without $T_{CR}$, medians" in third
    assert third.endswith("medians 0.25 and 1.00; $T_{CC}$ matters more in 1 of 4 networks.")
    few = networks(1)
    judged = [claims.claim_5(few), claims.claim_6(few), claims.claim_7(few)]
    assert answers.verdicts(judged, few).count("**undecided.**") == 3
