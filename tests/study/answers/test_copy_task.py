"""The copy task's chapter says what its tables say, whichever way they turn out."""

import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib import Network
from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.specs import Spec
from study.answers import copy_task as answers
from study.figures.style import without

BLOCKS = ("", "CC", "RR", "CR")


def profiles(*configurations):
    """One row a network and block: each configuration is (size, start, score by block, masses)."""
    return pd.DataFrame(
        {
            "construction": start,
            "hidden_size": size,
            "seed": seed,
            "removed": b,
            "n_leading": size - 8 + seed,
        }
        | {"score": score, "mass": (masses or {}).get(b, 0.0)}
        for size, start, scores, masses in configurations
        for b in BLOCKS
        for seed, score in enumerate(scores.get(b, [0.5]))
    )


def network(losses, accuracies, horizon=64):
    rows = [
        [100 * (i + 1), horizon, loss, right]
        for i, (loss, right) in enumerate(zip(losses, accuracies, strict=True))
    ]
    history = {"columns": ["step", "horizon", "loss", "replay_accuracy"], "rows": rows}
    return Network(torch.ones(2, 1), torch.eye(2), torch.ones(1, 2), metadata={"history": history})


def test_the_recipe_is_the_specs():
    said = answers.recipe([Spec("copy", hidden_size=72)] * 3)
    how = Spec("copy").recipe
    assert f"learning rate {how.learning_rate:g}, batches of {how.batch_size} fresh sequences" in said
    assert f" and {how.horizons[-1]}, moving on" in said and said.endswith("steps; 3 networks in all.")


def test_what_is_learned_is_told_by_size_and_start():
    table = profiles(
        (72, "cayley", {"": [0.9]}, None),
        (72, "dense_orthogonal", {"": [0.998, 1.0]}, None),
        (56, "cayley", {"": [0.7]}, None),
    )
    found = answers.learned(table)
    assert found.values.tolist() == [
        [56, "Cayley", 1, "0.700 ± –", "48.0 ± –"],
        [72, "dense orthogonal", 2, "0.999 ± 0.001", "64.5 ± 0.7"],
        [72, "Cayley", 1, "0.900 ± –", "64.0 ± –"],
    ]
    assert answers.solved(table) == (
        "A mean accuracy of at least 0.995 is reached by dense orthogonal with 72. The best of each size is with "
        "56 units Cayley (0.700) and with 72 units dense orthogonal (0.999)."
    )
    assert answers.solved(table[table.hidden_size == 56]).startswith("The best of each size")


def test_the_replay_is_told_at_its_ends():
    per_lag = pd.DataFrame({"lag": [1, 128, 1, 128], "accuracy": [1.0, 0.9, 0.9, 0.8]})
    said = answers.replay_length(per_lag, trained=64)
    assert "ends at 64 lags; the score goes to 128." in said
    assert "0.9500 at the first lag and 0.8500 at the last." in said


def test_the_loss_falls_on_after_the_task_is_solved():
    solved = network([1.0, 0.8, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1], [0.5, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    slower = network([1.0, 0.8, 0.6, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1], [0.5] * 3 + [0.999] + [1.0] * 5)
    never = network([1.0, 0.5], [0.5, 0.6])
    assert answers.after_solved([solved, slower, never]) == (
        "Of the dense orthogonal networks of 72 units 2 of 3 reach a batch accuracy of 0.999 at the longest "
        "replay, the median one at step 350; from there to the end the loss still falls by a factor of 3.0."
    )
    assert answers.after_solved([never]).endswith("0 of 1 reach a batch accuracy of 0.999 at the longest replay.")


def test_only_the_longest_replay_counts_as_solved():
    early = network([1.0, 0.5], [1.0, 0.6])
    early.metadata["history"]["rows"][0][1] = 16
    assert answers.after_solved([early]).startswith("Of the dense orthogonal networks of 72 units 0 of 1")


def test_eigenvalues_at_roots_of_unity_are_counted_among_the_leading():
    at, off = (
        torch.diag(torch.tensor([1.0, -1.0, 0.985, 0.2])),
        torch.diag(torch.tensor([1.0, 0.95, 0.94, 0.2])),
    )
    nets = [Network(torch.ones(4, 1), W, torch.ones(1, 4)) for W in (at, off)]
    specs = [Spec("copy", start, 4) for start in ("dense_orthogonal", "cayley")]
    found = answers.at_roots(specs, nets).set_index("start")
    assert found.loc["dense orthogonal"].tolist() == [100, 3]
    assert found.loc["Cayley"].tolist() == pytest.approx([100 / 3, 3])
    assert found.loc["dense normal"].isna().all() and len(found) == len(CONSTRUCTIONS)


def test_the_masses_are_those_of_each_construction():
    masses = {"RR": 0.1, "CR": 0.2, "CC": 0.3}
    table = profiles(
        *[(72, start, {}, masses) for start in CONSTRUCTIONS if start != "cayley"],
        (72, "cayley", {}, {"RR": 3e-8, "CR": 2e-8, "CC": 1e-8}),
    )
    said = answers.masses(table)
    assert "in the dense orthogonal networks 0.100 in $T_{RR}$, 0.200 in $T_{CR}$ and 0.300 in $T_{CC}$" in said
    assert "Every block of a Cayley network holds less than 10⁻⁷:" in said


def test_each_ablation_has_a_column_and_low_ones_are_named():
    table = profiles(
        (
            64,
            "dense_normal",
            {"": [1.0, 0.9], "CC": [0.8] * 2, "RR": [0.48, 0.49], "CR": [0.6, 0.7]},
            None,
        ),
        (64, "cayley", {"": [0.7]}, None),
    )
    found = answers.ablated(table)
    assert list(found) == ["N_h", "start", without(""), "−CC", "−RR", "−CR"]
    assert found.iloc[0].tolist() == [
        64, "dense normal", "0.950 ± 0.071", "0.800 ± 0.000", "0.485 ± 0.007", "0.650 ± 0.071"]  # fmt: skip
    assert found.iloc[1].tolist() == [64, "Cayley", "0.700 ± –", *["0.500 ± –"] * 3]
    assert "these lie below it: dense normal with 64 units without RR (0.485)." in answers.below_chance(table)
    assert "none lies below it." in answers.below_chance(table[table.removed != "RR"])


def lags(RR=(0.8, 0.8), CR=(0.6, 0.6), CC=(1.0, 0.999)):
    """Mean accuracy at lags 1 and 128; 0.1 to either side are the lowest and the highest."""
    rows = [(b, lag, m, m - 0.1, m + 0.1) for b, ends in {"": (1.0, 1.0), "RR": RR, "CR": CR, "CC": CC}.items()
            for lag, m in zip((1, 128), ends, strict=True)]  # fmt: skip
    return pd.DataFrame(rows, columns=["removed", "lag", "mean", "lowest", "highest"])


def phases(CR=(0.9, 0.6), RR=(0.6, 0.9), n=2):
    """Always and only in one phase: scores of n networks."""
    scores = {"": 1.0, "RR": 0.8, "CR": 0.6, "CC": 1.0}
    always = pd.DataFrame({"removed": b, "seed": s, "score": m} for b, m in scores.items() for s in range(n))
    only = {(b, when): [score] * n for b, both in {"CR": CR, "RR": RR, "CC": (1.0, 1.0)}.items()
            for when, score in zip(("input", "replay"), both, strict=True)}  # fmt: skip
    return always, only


def test_lags_have_a_mean_and_a_range():
    found = answers.at_lags(lags(), chosen=(1, 128))
    assert found.iloc[1].tolist() == [
        128, "1.000", "0.800 (0.700–0.900)", "0.600 (0.500–0.700)", "0.999 (0.899–1.099)"]  # fmt: skip


def test_phases_stand_beside_one_another():
    found = answers.phases(*phases()).set_index("ablated")
    assert found.loc["−CR"].tolist() == ["0.600 ± 0.000", "0.900 ± 0.000", "0.600 ± 0.000"]
    assert answers.phases(*phases(n=1)).set_index("ablated").loc["−CR"].tolist()[0] == "0.600 ± –"


def test_no_lag_breaks_first_where_the_loss_is_level():
    assert answers.which_lag(lags(), *phases()) == (
        "**No lag breaks first: the loss is there at once.** The accuracy is lower without $T_{CR}$ by 0.400 at "
        "lag 1 and by 0.400 at lag 128 and without $T_{RR}$ by 0.200 at lag 1 and by 0.200 at lag 128. Without "
        "$T_{CC}$ no lag loses more than 0.0010 on average. Ablated only while the input lasts, or only during "
        "the replay, $T_{CR}$ costs 0.100 and 0.400 and $T_{RR}$ costs 0.400 and 0.100. So, in these networks (a "
        "factor of two decides, our choice): CR is needed mainly to replay it; RR is needed mainly to take the "
        "sequence in."
    )


@pytest.mark.parametrize("moved", [{"CR": (0.7, 0.6)}, {"CR": (0.5, 0.6)}, {"RR": (0.8, 0.7)}])
def test_a_loss_that_grows_or_shrinks_changes_along_the_replay(moved):
    assert answers.which_lag(lags(**moved), *phases()).startswith("**The loss changes along the replay.**")


@pytest.mark.parametrize(
    "costs, phase",
    [
        ((0.3, 0.1), "mainly to take the sequence in"),
        ((0.1, 0.3), "mainly to replay it"),
        ((0.2, 0.1), "in both phases"),
        ((0.1, 0.2), "in both phases"),
        ((np.float64(0), np.float64(0)), "in both phases"),
    ],
)
def test_a_factor_of_two_decides_where_a_block_is_needed(costs, phase):
    assert answers.needed("CR", *costs) == f"CR is needed {phase}"
