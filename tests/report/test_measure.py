"""The tables of the report: which trials, what stands beside what, and networks at the edge."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from report import figures
from report.measure import NULLS, diagnose, split, with_nulls
from schur_lib import Network, rollout

T, B = 10, 24


def network(W_hh, n_outputs=1):
    torch.manual_seed(0)
    W = torch.as_tensor(W_hh).float()
    return Network(torch.randn(len(W), 1), W, torch.randn(n_outputs, len(W)))


def test_trials_for_choosing_and_for_checking_share_none():
    net, x = network(torch.eye(3) / 2), torch.randn(T, 9, 1)
    trials, some, held_out = split(net, x, rollout(net, x), "fvu")
    assert torch.equal(trials.inputs, x)
    assert torch.equal(some.inputs, x[:, ::2]) and torch.equal(held_out.inputs, x[:, 1::2])
    assert torch.equal(some.targets, trials.targets[:, ::2])


def test_a_large_network_is_measured_on_fewer_trials_and_checked_on_all_others():
    net, x = network(torch.eye(300) / 2), torch.randn(T, 90, 1)
    trials, some, held_out = split(net, x, rollout(net, x)[-1], "fvu")
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
    return diagnose(*split(net, *noisy(net, 0.05), "fvu"), draws=3)


def test_a_normal_network_without_a_complement_has_a_report_too(normal):
    said = normal.findings
    assert any("there is no complement" in sentence for sentence in said)
    assert any("nothing can be removed" in sentence for sentence in said)
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
    assert normal.does_task is True and normal.findings[0].startswith("The whole network")


@pytest.mark.parametrize("metric", ["fvu", "accuracy", "cross_entropy", "replay_accuracy"])
def test_a_network_that_fails_at_its_task_is_cautioned_whatever_the_metric(metric):
    W = np.diag([1.0, 0.9001, 0.8999, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2
    net, x = network(W, n_outputs=2), torch.randn(T, B, 1)
    y = torch.randn(T, B, 2)
    if metric in ("accuracy", "cross_entropy"):
        y = (y[..., 0] > 0).long()
    found = diagnose(
        *split(net, x, y.sign() if metric == "replay_accuracy" else y, metric), draws=2
    )
    assert found.does_task is False and found.findings[0].startswith("Caution")
    assert "the cut is not well posed" in found.findings[1]  # moduli on both sides of 0.9, near it


def test_a_cut_with_room_on_both_sides_is_called_steady():
    W = np.diag([1.0, 0.9, 0.6, 0.5]) + np.triu(np.ones((4, 4)), 1) * 0.2
    net = network(W)
    found = diagnose(*split(net, *noisy(net, 0.05), "fvu"), alpha=0.7, draws=2)
    assert (found.steady.n_low == 2).all() and (found.steady.n_high == 2).all()
    assert "leave this number as it is" in found.findings[1]
    assert list(found.doses.removed.unique()) == ["RR", "CR", "CC"]
