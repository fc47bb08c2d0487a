"""Scores with known answers."""

import math

import numpy as np
import pytest
import torch

from schur_lib import fvu, replay_accuracy
from schur_lib.metrics import METRICS, Metric, by_name, check_labels, is_scored, masked, sensitivity


def test_fvu_is_0_for_the_target_and_1_for_its_mean():
    y = torch.randn(7, 5, 3)
    assert fvu(y, y) == 0
    torch.testing.assert_close(fvu(y.mean((0, 1)).expand_as(y), y), torch.tensor(1.0))


def test_fvu_equals_the_definition_written_as_loops():
    y, y_hat = torch.randn(4, 3, 2, dtype=torch.float64), torch.randn(4, 3, 2, dtype=torch.float64)
    mean = [sum(float(y[t, b, c]) for t in range(4) for b in range(3)) / 12 for c in range(2)]
    cells = [(t, b, c) for t in range(4) for b in range(3) for c in range(2)]
    error = sum(float(y_hat[i] - y[i]) ** 2 for i in cells)
    variance = sum((float(y[i]) - mean[i[2]]) ** 2 for i in cells)
    assert math.isclose(float(fvu(y_hat, y)), error / variance, rel_tol=1e-12)


def test_fvu_keeps_leading_dimensions_and_scales_with_noise():
    y = torch.randn(50, 400, 2)
    stack = torch.stack([y + s * torch.randn_like(y) for s in (0.1, 0.5)])
    torch.testing.assert_close(fvu(stack, y), torch.tensor([0.01, 0.25]), rtol=0.05, atol=0)


def test_replay_accuracy_counts_right_signs_and_no_zeros():
    y = torch.tensor([[[1.0, -1.0]], [[1.0, 1.0]]])
    y_hat = torch.tensor([[[0.3, -9.0]], [[-0.1, 0.0]]])
    assert replay_accuracy(y_hat, y) == 0.5
    assert replay_accuracy(torch.stack([y, -y]), y).tolist() == [1.0, 0.0]


def test_sensitivity_is_the_ratio_and_undefined_at_rounding_level():
    assert sensitivity(0.5, 0.25) == 2
    assert math.isnan(sensitivity(0.5, 1e-6)) and math.isnan(sensitivity(0.0, 0.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fvu(torch.zeros(2, 3, 1), torch.ones(2, 3, 1)), "vary"),
        (lambda: fvu(torch.zeros(2, 3, 1), torch.ones(2, 4, 1)), r"\(2, 4, 1\)"),
        (lambda: fvu(torch.zeros(2, 3), torch.ones(2, 3)), r"\(T, B, N_y\)"),
        (lambda: replay_accuracy(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1)), "−1 or"),
        (lambda: replay_accuracy(torch.zeros(3, 1), torch.ones(2, 3, 1)), r"\(2, 3, 1\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- what is known of each metric -----------------------------------------------------------------

G = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(2, 4, 5, 3, generator=G)  # of two networks
NUMBERS = torch.randn(4, 5, 3, generator=G)
SIGNS = torch.where(NUMBERS > 0, 1.0, -1.0)
CLASSES = torch.randint(0, 3, (4, 5), generator=G)
TARGETS = {"fvu": NUMBERS, "replay_accuracy": SIGNS, "accuracy": CLASSES, "cross_entropy": CLASSES}


def one_by_one(name, outputs, targets):
    """(B,): the score of each trial, entry by entry."""
    n_steps, n_trials = targets.shape[:2]
    if name == "fvu":
        flat = targets.double().reshape(-1, 3).numpy()
        variance = sum(((row - flat.mean(0)) ** 2).sum() for row in flat) / len(flat)
        wrong = ((outputs - targets).double() ** 2).sum(-1)
        return [float(wrong[:, b].sum()) / n_steps / variance for b in range(n_trials)]
    if name == "replay_accuracy":
        return [
            sum(float(outputs[t, b, c] * targets[t, b, c] > 0) for t in range(n_steps) for c in range(3)) / 12
            for b in range(n_trials)
        ]
    scores = []
    for b in range(n_trials):
        of_steps = []
        for t in range(n_steps):
            y, k = outputs[t, b].double().numpy(), int(targets[t, b])
            p = np.exp(y[k]) / np.exp(y).sum()
            of_steps.append(float(y[k] == y.max()) if name == "accuracy" else -np.log(p))
        scores.append(sum(of_steps) / n_steps)
    return scores


@pytest.mark.parametrize("name", TARGETS)
def test_the_score_of_each_trial_is_counted_entry_by_entry_and_the_score_is_their_mean(name):
    metric, targets = METRICS[name], TARGETS[name]
    assert metric.name == name
    expected = [one_by_one(name, outputs, targets) for outputs in OUTPUTS]
    np.testing.assert_allclose(metric.per_trial(OUTPUTS, targets), expected, rtol=1e-5)
    np.testing.assert_allclose(metric.score(OUTPUTS, targets), np.mean(expected, axis=1), rtol=1e-5)
    np.testing.assert_allclose(metric.per_trial(OUTPUTS[0], targets), expected[0], rtol=1e-5)


def test_which_way_is_better_and_what_counts_as_a_perfect_and_as_a_blind_answer():
    ours = {name: METRICS[name] for name in TARGETS}
    assert {n for n, m in ours.items() if m.higher_is_better} == {"accuracy", "replay_accuracy"}
    assert {n for n, m in ours.items() if "higher is better" in m.title} == {"accuracy", "replay_accuracy"}
    assert {n for n, m in ours.items() if m.classes} == {"accuracy", "cross_entropy"}
    assert {n: m.perfect for n, m in ours.items()} == {
        "fvu": 0, "accuracy": 1, "cross_entropy": 0, "replay_accuracy": 1}  # fmt: skip
    classes = torch.tensor([[0, 2, 2], [2, 1, 2]])
    assert METRICS["fvu"].chance(NUMBERS, 3) == 1 and METRICS["replay_accuracy"].chance(SIGNS, 3) == 0.5
    assert METRICS["accuracy"].chance(classes, 5) == pytest.approx(4 / 6)  # the commonest
    assert METRICS["cross_entropy"].chance(classes, 5) == pytest.approx(math.log(5))


@pytest.mark.parametrize("name", TARGETS)
def test_a_perfect_answer_has_the_perfect_score_and_a_blind_one_that_of_chance(name):
    metric, targets = METRICS[name], TARGETS[name]
    one_hot = torch.nn.functional.one_hot(CLASSES, 3) * 100.0
    perfect = one_hot if metric.classes else targets
    assert float(metric.score(perfect, targets)) == pytest.approx(metric.perfect, abs=1e-6)
    blind = {
        "fvu": NUMBERS.mean((0, 1)).expand(4, 5, 3),
        "cross_entropy": torch.zeros(4, 5, 3),
        "accuracy": torch.nn.functional.one_hot(CLASSES.flatten().mode().values, 3).expand(4, 5, 3),
        "replay_accuracy": None,
    }[name]
    if blind is not None:
        score = metric.score(blind.float(), targets)
        assert float(score) == pytest.approx(metric.chance(targets, 3), rel=1e-5)


def test_harm_error_and_skill_of_lower_and_of_higher_scores():
    fvu, accuracy = METRICS["fvu"], METRICS["accuracy"]
    assert fvu.harm(0.7, 0.2) == pytest.approx(0.5) and accuracy.harm(0.7, 0.9) == pytest.approx(0.2)
    np.testing.assert_allclose(accuracy.harm(np.array([0.7, 0.95]), 0.9), [0.2, -0.05])
    assert fvu.error(0.3) == 0.3 and accuracy.error(0.7) == pytest.approx(0.3)
    classes = torch.tensor([[0, 0, 1, 2]])
    assert fvu.skill(0.25, NUMBERS, 3) == 0.75 and fvu.skill(1.5, NUMBERS, 3) == -0.5
    assert accuracy.skill(0.9, classes, 3) == pytest.approx(0.8)
    assert accuracy.skill(0.5, classes, 3) == 0 and accuracy.skill(0.25, classes, 3) == pytest.approx(-0.5)
    assert math.isnan(accuracy.skill(1.0, torch.zeros(1, 4, dtype=torch.long), 3))  # chance is perfect


def test_of_a_function_of_ones_own_nothing_is_assumed():
    own = Metric("own", "own", lambda outputs, targets: outputs.mean((-3, -1)))
    assert not own.higher_is_better and not own.classes
    assert math.isnan(own.error(0.5)) and math.isnan(own.skill(0.5, NUMBERS, 3))
    known = Metric("own", "own", None, chance=lambda targets, n_outputs: float(n_outputs), perfect=1.0)
    assert known.skill(2.0, NUMBERS, 3) == 0.5
    assert by_name(own) is own and by_name("fvu") is METRICS["fvu"]
    with pytest.raises(ValueError, match="metric must be one of .*'cross_entropy'.* got 'mse'"):
        by_name("mse")


def test_an_accuracy_may_lose_half_a_percent_and_a_classifier_of_noisy_data_need_not_be_sure():
    assert {n: METRICS[n].allowed for n in TARGETS} == {
        "fvu": 0, "accuracy": 0.005, "cross_entropy": 0, "replay_accuracy": 0.005}  # fmt: skip
    assert {n: METRICS[n].enough for n in TARGETS} == {
        "fvu": 0.9, "accuracy": 0.9, "cross_entropy": 0.5, "replay_accuracy": 0.9}  # fmt: skip


def test_the_sensitivity_is_undefined_up_to_a_mass_of_a_hundred_thousandth():
    assert math.isnan(sensitivity(1.0, 1e-5)) and sensitivity(1.0, 1.1e-5) == pytest.approx(1 / 1.1e-5)
    assert sensitivity(-0.5, 0.25) == -2


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "message"),
    [
        ("fvu", torch.zeros(2, 3, 1), torch.zeros(0, 3, 1), "not all of them NaN"),
        ("fvu", torch.zeros(3, 1), torch.ones(2, 3, 1), "batch_first=True"),
        (
            "accuracy",
            torch.zeros(2, 3, 4),
            torch.zeros(3, 2, dtype=torch.long),
            r"targets' \(3, 2\), got \(2, 3\)",
        ),
        (
            "accuracy",
            torch.zeros(2, 3, 4),
            torch.full((2, 3), 4),
            "classes 0 to 3, one for each output .*; got 4 to 4",
        ),
        ("cross_entropy", torch.zeros(2, 3, 4), torch.full((2, 3), -1), "classes 0 to 3"),
        ("cross_entropy", torch.zeros(2, 3, 4), torch.zeros(2, 2, dtype=torch.long), "steps and trials"),
    ],
)
def test_what_a_metric_cannot_take_is_named(name, outputs, targets, message):
    with pytest.raises(ValueError, match=message):
        METRICS[name].score(outputs, targets)


# --- targets that are not all scored ----------------------------------------------------------------

MASK = torch.rand(4, 5, generator=G) < 0.6
MASK[:, 1], MASK[0, 0], MASK[0, 2] = False, True, False  # of one trial nothing is scored


def unscored(name):
    targets = TARGETS[name]
    return masked(targets, MASK)


@pytest.mark.parametrize("name", TARGETS)
def test_only_what_is_scored_counts_and_each_trial_by_its_share(name):
    """As if the scored steps of all trials were steps of one trial; the mean over trials is that of its score."""
    metric, targets = METRICS[name], unscored(name)
    assert torch.equal(is_scored(targets).reshape(4, 5, -1).all(-1), MASK)
    alone, there = TARGETS[name][MASK][:, None], OUTPUTS[:, MASK][:, :, None]
    expected = metric.score(there, alone)
    torch.testing.assert_close(metric.score(OUTPUTS, targets).double(), expected.double(), rtol=1e-5, atol=1e-7)
    each = metric.per_trial(OUTPUTS[0], targets)
    assert each[1] == 0 and each.shape == (5,)
    one = metric.per_trial(there[0].transpose(0, 1), alone.transpose(0, 1))  # every scored step as a trial
    for b in range(5):
        mine = one[torch.nonzero(MASK)[:, 1] == b]
        assert float(each[b]) == pytest.approx(float(mine.sum()) * 5 / len(one), rel=1e-5, abs=1e-7)
    changed = OUTPUTS.masked_fill(~MASK[..., None], 7.0)
    torch.testing.assert_close(metric.score(changed, targets), metric.score(OUTPUTS, targets))


def test_what_is_not_scored_is_neither_the_commonest_class_nor_checked():
    classes = torch.tensor([[2, -100, 1], [2, -100, -100]])
    assert METRICS["accuracy"].chance(classes, 3) == pytest.approx(2 / 3)
    check_labels(classes, 3)
    with pytest.raises(ValueError, match="classes 0 to 1, one for each output .*; got 1 to 2"):
        check_labels(classes, 2)
    with pytest.raises(ValueError, match="got -100 to -100"):
        check_labels(torch.full((2, 3), -100), 3)


def test_a_mask_is_of_steps_or_of_entries_and_leaves_the_targets_as_they_are():
    targets, before = NUMBERS.clone(), NUMBERS.clone()
    by_step = masked(targets, MASK)
    assert torch.equal(by_step.isnan(), ~MASK[..., None].expand(4, 5, 3)) and torch.equal(targets, before)
    assert torch.equal(by_step[MASK], NUMBERS[MASK])
    entries = torch.rand(4, 5, 3) < 0.5
    assert torch.equal(masked(targets, entries.float()).isnan(), ~entries)
    classes = masked(CLASSES, MASK.int())
    assert torch.equal(classes == -100, ~MASK) and torch.equal(classes[MASK], CLASSES[MASK])
    for wrong, message in (
        (MASK[:3], r"mask must have the shape of the targets' \(4, 5, 3\), or that without the last axis"),
        (MASK.float() / 2, "mask must be true"),
        (MASK & False, "true somewhere"),
    ):
        with pytest.raises(ValueError, match=message):
            masked(targets, wrong)
    with pytest.raises(ValueError, match=r"the targets' \(4, 5\); got \(4, 5, 3\)"):
        masked(CLASSES, entries)


def test_whether_a_network_of_a_skill_does_its_task():
    for name, enough in (("fvu", 0.9), ("cross_entropy", 0.5)):
        metric = METRICS[name]
        assert metric.does_task(enough) is True and metric.does_task(enough - 1e-9) is False
        assert metric.does_task(float("nan")) is None
