"""The score of each part of the trials against naive loops, and where the answer is known."""

import math

import pandas as pd
import pytest
import torch

from schur_lib import Network, ablation_profile, fvu, ordered_schur, tasks
from study.probes.parts import (
    accuracy_when_deleted,
    channel_profile,
    integration_gains,
    parts,
    scores_by,
    typical,
    worst_parts,
)

SMALL = [
    tasks.copy(n_symbols=3, n_channels=2, horizon=7),
    tasks.flip_flop(steps=9),
    tasks.sine_generation(steps=11, n_frequencies=5),
    tasks.context_integration(steps=8),
]


def draw(task, batch_size=20):
    return task.sample(batch_size, torch.Generator().manual_seed(3))


def network(task, n=10, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    return Network(draw(n, task.n_inputs), draw(n, n) / n**0.5, draw(task.n_outputs, n))


@pytest.mark.parametrize("metric", ["fvu", "replay_accuracy"])
def test_a_parts_score_is_the_definition_written_as_loops(metric):
    inputs, targets = draw(SMALL[1])
    outputs = targets + torch.randn(targets.shape, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(0, 4, targets.shape, generator=torch.Generator().manual_seed(2))
    T, B, C = targets.shape
    cells = [(t, b, c) for t in range(T) for b in range(B) for c in range(C)]
    mean = [sum(float(targets[t, b, c]) for t, b, k in cells if k == c) / (T * B) for c in range(C)]
    scores = scores_by(outputs, targets, labels, metric)
    assert list(scores) == [0, 1, 2, 3]
    for part, score in scores.items():
        inside = [i for i in cells if int(labels[i]) == part]
        if metric == "fvu":
            error = sum((float(outputs[i]) - float(targets[i])) ** 2 for i in inside)
            slow = error / sum((float(targets[i]) - mean[i[2]]) ** 2 for i in inside)
        else:
            right = [float(outputs[i]) * float(targets[i]) > 0 for i in inside]
            slow = sum(right) / len(inside)
        assert math.isclose(score, slow, rel_tol=1e-5)


def test_a_single_part_is_the_whole_score():
    _, targets = draw(SMALL[3])
    outputs = 0.5 * targets
    (score,) = scores_by(outputs, targets, torch.zeros(targets.shape), "fvu").values()
    assert math.isclose(score, float(fvu(outputs, targets)), rel_tol=1e-5)


def test_an_error_on_one_bit_shows_on_that_bit_alone():
    inputs, targets = draw(SMALL[1])
    outputs = targets.clone()
    outputs[..., 1] *= -1
    scores = scores_by(outputs, targets, parts(SMALL[1], inputs, targets)["bit"], "fvu")
    assert scores[1] == scores[3] == 0 and scores[2] > 3


def test_the_steps_since_the_last_pulse_are_counted_for_each_line():
    inputs, targets = draw(SMALL[1])
    found = parts(SMALL[1], inputs, targets)["since_pulse"]
    for trial in range(20):
        for bit in range(3):
            since = None
            for t in range(9):
                since = 0 if float(inputs[t, trial, bit]) else since + 1
                assert int(found[t, trial, bit]) == since


def test_what_the_last_pulse_did_is_told_for_each_line():
    inputs, targets = draw(SMALL[1], 60)
    found = parts(SMALL[1], inputs, targets)["last_pulse"]
    for trial in range(60):
        for bit in range(3):
            held, did = None, None
            for t in range(9):
                pulse = float(inputs[t, trial, bit])
                if pulse:
                    did = 0 if held is None else 1 if pulse == held else 2
                    held = pulse
                assert int(found[t, trial, bit]) == did
    assert {int(x) for x in found.unique()} == {0, 1, 2}


def test_cue_context_step_and_lag_are_those_of_the_trial():
    inputs, targets = draw(SMALL[2])
    cue = parts(SMALL[2], inputs, targets)["cue"]
    assert all(cue[t, b, 0] == inputs[0, b, 0] for t in range(11) for b in range(20))
    inputs, targets = draw(SMALL[3])
    found = parts(SMALL[3], inputs, targets)
    for trial in range(20):
        named = 1 if float(inputs[0, trial, 2]) == 1 else 2
        for t in range(8):
            assert int(found["context"][t, trial, 0]) == named
            assert int(found["step"][t, trial, 0]) == t + 1
    inputs, targets = draw(SMALL[0])
    lag = parts(SMALL[0], inputs, targets)["lag"]
    assert lag.shape == targets.shape and [int(x) for x in lag[:, 4, 1]] == list(range(1, 8))


@pytest.mark.parametrize("task", SMALL, ids=lambda t: t.name)
def test_the_parts_add_up_to_the_profile_of_the_whole(task):
    net = network(task)
    whole = ablation_profile(net, task, batch_size=40).set_index("removed")
    table = channel_profile(net, task, batch_size=40)
    inputs, targets = task.sample(40, _held_out_generator())
    for part, labels in parts(task, inputs, targets).items():
        variance = (targets - targets.mean((0, 1))).square()
        if task.name == "copy":
            variance = torch.ones_like(targets)
        weight = {float(v): float(variance[labels == v].sum()) for v in labels.unique()}
        for removed in ("", "RR", "CR", "CC"):
            rows = table[(table.part == part) & (table.removed == removed)].set_index("value")
            assert set(rows.index) == set(weight)
            for column in ("score", "delta"):
                mean = sum(weight[v] * rows[column][v] for v in weight) / sum(weight.values())
                assert abs(mean - whole[column][removed]) < 1e-3 * (1 + abs(mean))


def _held_out_generator():
    from schur_lib.training import generator

    return generator("held out", 0)


def test_before_the_recurrent_weights_act_no_ablation_changes_anything():
    task = SMALL[3]
    table = channel_profile(network(task), task, batch_size=16)
    first = table[(table.part == "step") & (table.value == 1)]
    assert len(first) == 4 and (first.delta == 0).all()
    last = table[(table.part == "step") & (table.value == 8) & (table.removed == "CR")]
    assert (last.delta != 0).all()


def test_the_typical_network_is_the_one_at_the_medians():
    effects = {0: (0, 9, 1), 1: (0, 2, 2), 2: (0, 1, 50), 3: (0, 2, 3), 4: (0, 2, 2.5)}
    table = pd.DataFrame(
        [
            (s, r, d)
            for s, row in effects.items()
            for r, d in zip(("RR", "CR", "CC"), row, strict=True)
        ]
        + [(s, "", 0.0) for s in effects],
        columns=["seed", "removed", "delta"],
    )
    assert typical(table) == 4
    assert typical(table[table.seed == 2]) == 2


def test_the_worst_parts_are_counted_over_the_networks_that_suffer():
    deltas = {0: (0.1, 0.4), 1: (0.2, 0.1), 2: (0.001, 0.3), 3: (0.0, 0.001)}
    table = pd.DataFrame(
        [(s, v, "CR", d) for s, row in deltas.items() for v, d in zip((1, 2), row, strict=True)]
        + [(s, v, "RR", 0.0) for s in deltas for v in (1, 2)]
        + [(s, v, "", 0.0) for s in deltas for v in (1, 2)],
        columns=["seed", "value", "removed", "delta"],
    )
    found = worst_parts(table)
    assert list(found.index) == ["CR", "RR"]
    assert found.n["CR"] == 3 and found.worst["CR"] == (1, 2)
    assert math.isclose(found.ratio["CR"], 4)
    assert found.n["RR"] == 0 and found.worst["RR"] == (0, 0) and math.isnan(found.ratio["RR"])


def test_the_gains_of_a_known_integrator_are_found():
    """h sums both streams, almost linearly; the second unit holds the context and shifts the readout."""
    small = 1e-3
    W_xh = small * torch.tensor([[1.0, 0.25, 0, 0], [0, 0, 0, 1.0]])
    net = Network(
        W_xh.double(),
        torch.tensor([[1.0, 0.0], [0.0, 0.5]]).double(),
        torch.tensor([[1 / small, 0.3 / small]]).double(),
    )
    task = tasks.context_integration(steps=12)
    gains = integration_gains(net, task, batch_size=400)
    # stream 1 counts 1 and stream 2 a quarter whatever the context, so the two gains mix
    inputs, _ = task.sample(400, _held_out_generator())
    cued, other = [], []
    for b in range(400):
        first, second = (float(inputs[:, b, i].sum()) for i in (0, 1))
        named = int(inputs[0, b, 3])
        cued.append((first, second)[named])
        other.append((first, second)[1 - named])
    last = [
        sum(float(inputs[t, b, 0]) + 0.25 * float(inputs[t, b, 1]) for t in range(12))
        + 0.3 * float(inputs[0, b, 3]) * sum(0.5**k for k in range(12))
        for b in range(400)
    ]
    left = [
        y - gains["cued"] * c - gains["other"] * o - gains[f"offset_{1 + int(inputs[0, b, 3])}"]
        for b, (y, c, o) in enumerate(zip(last, cued, other, strict=True))
    ]
    mean = sum(left) / 400
    spread = math.sqrt(sum((x - mean) ** 2 for x in left) / 400)
    assert abs(spread - gains["unexplained"]) < 1e-3 and spread > 0.1
    # the residual of a least-squares fit is orthogonal to what it was fitted with
    assert abs(sum(x * c for x, c in zip(left, cued, strict=True))) < 0.5
    assert abs(sum(x * o for x, o in zip(left, other, strict=True))) < 0.5
    assert abs(gains["offset_2"] - gains["offset_1"] - 0.6) < 0.15


@pytest.mark.parametrize("when", ["input", "replay"])
def test_a_deletion_in_one_phase_is_the_recurrence_with_two_matrices(when):
    task, removed = SMALL[0], frozenset({"CR"})
    net = network(task)
    inputs, targets = task.sample(30, _held_out_generator())
    ablated = torch.from_numpy(ordered_schur(net.W_hh).ablate(removed))
    right = 0
    for b in range(30):
        h = torch.zeros(10, dtype=torch.float64)
        for t in range(3 + 7):
            W = ablated if (t < 3) == (when == "input") else net.W_hh.double()
            drive = net.W_xh.double() @ inputs[t, b].double() if t < 3 else 0
            h = torch.tanh(drive + W @ h)
            if t >= 3:
                y = net.W_hy.double() @ h
                right += sum(float(y[c]) * float(targets[t - 3, b, c]) > 0 for c in range(2))
    found = accuracy_when_deleted(net, task, removed, when, batch_size=30)
    assert abs(found - right / (30 * 7 * 2)) < 3e-3
    nothing = accuracy_when_deleted(net, task, frozenset(), when, batch_size=30)
    assert abs(nothing - ablation_profile(net, task, batch_size=30).score[0]) < 3e-3
    assert nothing != found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores_by(torch.zeros(2, 3, 1), torch.zeros(2, 4, 1), torch.zeros(2, 4, 1), "fvu"),
         r"\(2, 3, 1\)"),
        (lambda: scores_by(*[torch.zeros(2, 3, 1)] * 3, "mse"), "mse"),
        (lambda: accuracy_when_deleted(network(SMALL[0]), SMALL[0], {"CR"}, "now"), "now"),
        (lambda: channel_profile(network(SMALL[0]), SMALL[1]), "3 inputs"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
