"""The tables of the report: which trials, what stands beside what, and networks at the edge."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from report import figures, measure
from report.measure import AMOUNTS, NULLS, STATES, diagnose, expected_seconds, plan_of, split, with_nulls
from schur_lib import Network, rollout

T, B = 10, 24


def network(W_hh, n_outputs=1):
    torch.manual_seed(0)
    W = torch.as_tensor(W_hh).float()
    return Network(torch.randn(len(W), 1), W, torch.randn(n_outputs, len(W)))


def measured(net, x, y, metric="fvu", alpha=0.9, draws=3):
    """What the report finds, from few random changes."""
    plan = plan_of(*x.shape[:2], net.hidden_size, net.n_outputs)
    plan = replace(plan, amount=replace(plan.amount, draws=draws))
    return diagnose(*split(net, x, y, metric, plan), plan, x.shape[1], alpha)


def test_trials_for_choosing_and_for_checking_share_none():
    net, x = network(torch.eye(3) / 2), torch.randn(T, 9, 1)
    trials, some, held_out = split(net, x, rollout(net, x), "fvu", plan_of(T, 9, 3, 1))
    assert torch.equal(trials.inputs, x)
    assert torch.equal(some.inputs, x[:, ::2]) and torch.equal(held_out.inputs, x[:, 1::2])
    assert torch.equal(some.targets, trials.targets[:, ::2])


def test_a_large_network_is_measured_on_fewer_trials_and_checked_on_all_others():
    net, x = network(torch.eye(300) / 2), torch.randn(T, 90, 1)
    trials, some, held_out = split(net, x, rollout(net, x)[-1], "fvu", plan_of(T, 90, 300, 1))
    assert (trials.n_trials, some.n_trials, held_out.n_trials) == (90, 33, 45)  # 6e7 / (2 T N²)
    assert some.targets.shape == (1, 33, 1)


def test_nulls_stand_beside_the_set_and_kind_that_they_are_of():
    profile = pd.DataFrame({"removed": ["", "CC", "RR"], "mass": [0, 0.5, 0.1]})
    rows = [(removed, kind, *(10 * i + j + np.arange(5) / 10))
            for i, removed in enumerate(("RR", "CC")) for j, kind in enumerate(NULLS)]  # fmt: skip
    columns = ["removed", "kind", "null_low", "null_median", "null_high", "p", "effect"]
    table = with_nulls(profile, pd.DataFrame(rows, columns=columns)).set_index("removed")
    parts = ["low", "median", "high", "p", "effect"]
    assert list(table)[1:] == [f"{k}_{p}" for k in ("isotropic", "same_entries") for p in parts]
    np.testing.assert_allclose(table.loc["RR"][1:6].astype(float), [0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(table.loc["CC"][6:].astype(float), [11, 11.1, 11.2, 11.3, 11.4])
    assert table.loc[""][1:].isna().all()


def noisy(net, noise):
    x = torch.randn(T, B, 1)
    y = rollout(net, x)
    return x, y + noise * torch.randn_like(y)


@pytest.fixture(scope="module")
def normal():
    """What is found of a normal network whose eigenvalues have all one modulus."""
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    net = network(0.9 * Q)
    return measured(net, *noisy(net, 0.05))


def test_a_normal_network_without_a_complement_has_a_report_too(normal):
    said = [*normal.summary, *normal.findings]
    assert any("so that no α splits them" in sentence for sentence in said)
    assert any("W is normal, and nothing can be removed" in sentence for sentence in said)
    assert "nan" not in " ".join(said) and normal.halves.empty and normal.doses.empty
    for figure in (
        figures.spectrum(normal.trials.form, 0.9),
        figures.profile(normal.profile, 0.1),
        figures.doses(normal.doses, "fvu", 0.1),
        figures.halves(normal.halves, "fvu"),
        figures.growth(normal.departure["growth"], normal.departure["henrici"]),
    ):
        figure.canvas.draw()
        plt.close(figure)


def test_the_skill_of_a_good_network_is_near_one_and_nothing_is_cautioned(normal):
    assert normal.skill == pytest.approx(1 - normal.trials.intact) and normal.skill > 0.95
    assert normal.does_task is True and normal.summary[1].startswith("The whole network")


@pytest.mark.parametrize("metric", ["fvu", "accuracy", "cross_entropy", "replay_accuracy"])
def test_a_network_that_fails_at_its_task_is_cautioned_whatever_the_metric(metric):
    W = np.diag([1.0, 0.9001, 0.8999, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2
    net, x = network(W, n_outputs=2), torch.randn(T, B, 1)
    y = torch.randn(T, B, 2)
    if metric in ("accuracy", "cross_entropy"):
        y = (y[..., 0] > 0).long()
    found = measured(net, x, y.sign() if metric == "replay_accuracy" else y, metric)
    assert found.does_task is False and found.summary[0].startswith("Caution")
    assert "the cut is not well posed" in found.findings[0]  # moduli on both sides of 0.9, near it


def test_a_cut_with_room_on_both_sides_is_called_steady():
    W = np.diag([1.0, 0.9, 0.6, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2
    net = network(W)
    found = measured(net, *noisy(net, 0.05), alpha=0.7)
    assert (found.steady.n_low == 2).all() and (found.steady.n_high == 2).all()
    assert "leave this number as it is" in found.findings[0]
    assert list(found.doses.removed.unique()) == ["RR", "CR", "CC"]


# --- networks at the edge ---------------------------------------------------------------------------


def test_a_network_without_recurrence_is_called_that():
    net = network(torch.zeros(8, 8))
    found = measured(net, *noisy(net, 0.05))
    assert found.summary[2] == "W is zero: the network has no recurrence, and nothing can be removed."
    assert found.findings == [
        "The leading sector holds all 8 dimensions: there is no complement, and T_CR and T_CC are empty. All "
        "eigenvalues are 0, so that no α splits them.",
        "W is zero, and with it each of its powers.",
    ]


def test_a_delay_line_lives_by_its_couplings_alone():
    net = network(torch.diag(torch.ones(7), 1) / 2)
    x, y = noisy(net, 0.05)
    found = measured(net, x, y)
    without = float((rollout(net, x, torch.zeros(8, 8)) - y).square().sum() / (y - y.mean((0, 1))).square().sum())
    row = found.profile.set_index("removed").loc["RR+CR+CC"]
    assert row.mass == pytest.approx(1) and row.score == pytest.approx(without, abs=1e-5)
    assert "T_RR, does harm when removed" in found.summary[2]
    assert found.findings[-1].endswith("what it does is done by its couplings alone.")
    assert "undefined" not in " ".join(found.findings)


def test_eigenvalues_at_rounding_level_are_none():
    W = torch.diag(torch.ones(7), 1) / 2
    W[0, 0] = 1e-17
    net = network(W)
    found = measured(net, *noisy(net, 0.05))
    assert "it is nilpotent" in found.findings[-1] and "not well posed" in found.findings[0]


def test_one_unit_has_no_blocks():
    net = network([[0.9]])
    found = measured(net, *noisy(net, 0.05))
    assert found.findings[0] == "There is one dimension, and it leads: T_RR, T_CR and T_CC are empty."
    assert found.summary[2].endswith("W is normal, and nothing can be removed.")


# --- what it costs ------------------------------------------------------------------------------------


def seconds(plan):
    return plan.runs + plan.matrices


def test_an_ordinary_network_is_measured_in_full():
    plan = plan_of(n_steps=100, n_trials=500, hidden_size=64, n_outputs=3)
    assert plan.amount == AMOUNTS[0] and plan.kinds == ("blocks", "groups", "entries")
    assert (plan.amount.draws, plan.amount.perturbations, plan.amount.doses, plan.amount.powers) == (
        100,
        20,
        21,
        100,
    )
    assert plan_of(100, 500, 81, 3).kinds == ("blocks", "groups") and plan_of(100, 500, 129, 3).kinds == (
        "blocks",
    )
    assert (plan.n_trials, plan.n_some) == (500, 73) and seconds(plan) < 120  # 6e7 / (2 T N²)


@pytest.mark.parametrize(
    ("T", "B", "N"), [(20, 16, 1536), (10, 16, 2048), (100_000, 8, 64), (100_000, 200, 128), (100, 100_000, 64)]
)
def test_what_is_large_is_thinned_to_the_budget_and_to_memory(T, B, N):
    plan = plan_of(T, B, N, 2)
    assert seconds(plan) <= 15 * 60 and plan.memory < 24e9
    assert 4 <= plan.n_trials <= B and 2 <= plan.n_some <= plan.n_trials / 2
    assert plan.amount != AMOUNTS[0] or plan.n_trials * T * N * 8 > 0.9 * STATES
    more = plan_of(T, B, N, 2, budget=1e6)
    assert seconds(more) >= seconds(plan) and more.amount == AMOUNTS[0]


def test_what_no_thinning_fits_is_refused_with_the_budget_that_allows_it():
    with pytest.raises(
        ValueError, match="some [0-9]+ minutes even with the fewest.*--budget [0-9]+ allows"
    ) as refused:
        plan_of(100_000, 16, 1024, 1)
    minutes = int(str(refused.value).partition("--budget ")[2].split()[0])
    assert plan_of(100_000, 16, 1024, 1, budget=minutes).amount == AMOUNTS[-1]
    with pytest.raises(ValueError, match="--budget [0-9]+ allows"):
        plan_of(100_000, 16, 1024, 1, budget=minutes - 1)
    with pytest.raises(ValueError, match="--budget must be a number of minutes above 0, got -1"):
        plan_of(10, 16, 8, 1, budget=-1)


def test_what_the_machine_has_no_memory_for_is_refused(monkeypatch):
    monkeypatch.setattr(measure, "machine_memory", lambda: 1e9)
    assert plan_of(100, 100, 64, 1).memory < 1e9
    with pytest.raises(ValueError, match="needs about [0-9]+ GB of memory on 4 trials, and this machine has 1 GB"):
        plan_of(100_000, 16, 512, 1)


def test_thinned_trials_are_taken_evenly_with_targets_of_any_form():
    net, x = network(torch.eye(3) / 2), torch.randn(T, 9, 1)
    plan = replace(plan_of(T, 9, 3, 1), n_trials=5, n_some=2)
    for y in (rollout(net, x), rollout(net, x)[-1]):
        trials, some, held_out = split(net, x, y, "fvu", plan)
        assert torch.equal(trials.inputs, x[:, ::2]) and torch.equal(
            trials.targets[-1], y[..., ::2, :].reshape(-1, 5, 1)[-1]
        )
        assert torch.equal(some.inputs, x[:, [0, 4]]) and torch.equal(held_out.inputs, x[:, [2, 6]])
    classes, of_three = torch.arange(9 * T).reshape(T, 9) % 3, network(torch.eye(3) / 2, 3)
    assert torch.equal(split(of_three, x, classes, "accuracy", plan)[0].targets, classes[:, ::2])
    classes = (rollout(net, x)[..., 0] > 0).long() * 0
    assert torch.equal(split(net, x, classes[-1], "accuracy", plan)[0].targets, classes[-1:, ::2])


def test_the_time_that_is_said_grows_with_the_plan():
    net, x = network(torch.eye(30) / 2), torch.randn(T, 40, 1)
    plan = plan_of(T, 40, 30, 1)
    trials, some, _ = split(net, x, rollout(net, x), "fvu", plan)
    assert 0 < expected_seconds(plan, trials, some) < 600
    assert expected_seconds(replace(plan, runs=1e5 * plan.runs), trials, some) > 1000
    vars(trials).pop("form")
    assert expected_seconds(replace(plan, matrices=1e6), trials, some) > 1000


def test_less_is_measured_where_the_plan_says_so():
    net = network(np.diag([1.0, 0.9, 0.6, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2)
    x, y = noisy(net, 0.05)
    plan = replace(plan_of(T, B, 4, 1), amount=AMOUNTS[-1])
    found = diagnose(*split(net, x, y, "fvu", plan), plan, B, 0.7)
    assert found.doses.dose.unique().tolist() == [0, 0.5, 1, 1.5, 2]
    assert len(found.departure["growth"]) == 0 and np.isnan(found.departure["peak"])
    assert found.profile.isotropic_p.min() >= 1 / (1 + AMOUNTS[-1].draws)
