"""The score of each part of the trials against naive loops, and where the answer is known."""

import math

import pandas as pd
import pytest
import torch

from schur_lib import Network, evaluation, fvu, ordered_schur, tasks
from schur_lib.profile import profile_of
from schur_lib.subjects import of_network, on_task
from schur_lib.tasks import held_out
from study.probes.parts import (
    integration_gains,
    part_profile,
    score_when_ablated,
    scores_by,
    sine_shape,
    typical,
    worst_parts,
)

SMALL = [
    tasks.copy(n_symbols=3, n_channels=2, horizon=7),
    tasks.flip_flop(steps=9, pulse_probability=0.2, first_pulse=True),
    tasks.sine_generation(steps=11, n_frequencies=5),
    tasks.context_integration(steps=8),
]


def draw(task, batch_size=20):
    return task.sample(batch_size, torch.Generator().manual_seed(3))


def parts_of(task, inputs, targets):
    """The task's labels, one for every entry of the targets."""
    return {name: labels.expand(targets.shape) for name, labels in task.parts(inputs, targets).items()}


def network(task, n=10, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    return Network(draw(n, task.n_inputs), draw(n, n) / n**0.5, draw(task.n_outputs, n))


def scored(targets, metric):
    """Trials with these targets; the network does not matter."""
    net = network(SMALL[1])
    return of_network(net, torch.zeros(len(targets), targets.shape[1], 3), targets, metric)


@pytest.mark.parametrize("metric", ["fvu", "replay_accuracy"])
def test_a_parts_score_is_the_definition_written_as_loops(metric):
    inputs, targets = draw(SMALL[1])
    outputs = targets + torch.randn(targets.shape, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(0, 4, targets.shape, generator=torch.Generator().manual_seed(2))
    T, B, C = targets.shape
    cells = [(t, b, c) for t in range(T) for b in range(B) for c in range(C)]
    mean = [sum(float(targets[t, b, c]) for t, b, k in cells if k == c) / (T * B) for c in range(C)]
    scores = scores_by(scored(targets, metric), outputs, labels)
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
    (score,) = scores_by(scored(targets, "fvu"), outputs, torch.zeros(targets.shape)).values()
    assert math.isclose(score, float(fvu(outputs, targets)), rel_tol=1e-5)


def test_an_error_on_one_bit_shows_on_that_bit_alone():
    inputs, targets = draw(SMALL[1])
    outputs = targets.clone()
    outputs[..., 1] *= -1
    scores = scores_by(scored(targets, "fvu"), outputs, parts_of(SMALL[1], inputs, targets)["bit"])
    assert scores[1] == scores[3] == 0 and scores[2] > 3


def test_what_is_of_no_part_counts_in_none():
    inputs, targets = draw(tasks.flip_flop(steps=9, pulse_probability=0.2), 60)
    outputs = torch.where(targets == 0, 7.0, targets)  # wrong before a line's first pulse, and right from there on
    labels = parts_of(tasks.flip_flop(), inputs, targets)["last_pulse"]
    assert scores_by(scored(targets, "fvu"), outputs, labels) == {0: 0, 1: 0, 2: 0}
    outputs = torch.where(labels == 2, 2 * targets, targets)
    found = scores_by(scored(targets, "fvu"), outputs, labels)
    mean = targets.mean((0, 1))
    wanted = float((outputs - targets).square()[labels == 2].sum() / (targets - mean).square()[labels == 2].sum())
    assert found == {0: 0, 1: 0, 2: pytest.approx(wanted)}


def test_the_steps_since_the_last_pulse_are_counted_for_each_line():
    inputs, targets = draw(SMALL[1])
    found = parts_of(SMALL[1], inputs, targets)["since_pulse"]
    for trial in range(20):
        for bit in range(3):
            since = None
            for t in range(9):
                since = 0 if float(inputs[t, trial, bit]) else since + 1
                assert int(found[t, trial, bit]) == since


def test_what_the_last_pulse_did_is_told_for_each_line():
    inputs, targets = draw(SMALL[1], 60)
    found = parts_of(SMALL[1], inputs, targets)["last_pulse"]
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
    cue = parts_of(SMALL[2], inputs, targets)["cue"]
    assert all(cue[t, b, 0] == inputs[0, b, 0] for t in range(11) for b in range(20))
    inputs, targets = draw(SMALL[3])
    found = parts_of(SMALL[3], inputs, targets)
    for trial in range(20):
        named = 1 if float(inputs[0, trial, 2]) == 1 else 2
        for t in range(8):
            assert int(found["context"][t, trial, 0]) == named
            assert int(found["step"][t, trial, 0]) == t + 1
    inputs, targets = draw(SMALL[0])
    lag = parts_of(SMALL[0], inputs, targets)["lag"]
    assert lag.shape == targets.shape and [int(x) for x in lag[:, 4, 1]] == list(range(1, 8))


@pytest.mark.parametrize("task", SMALL, ids=lambda t: t.name)
def test_the_parts_add_up_to_the_profile_of_the_whole(task):
    trials = on_task(network(task), task, 40)
    whole = profile_of(trials, n_draws=0).set_index("removed")
    targets, divisions = trials.targets, parts_of(task, trials.inputs, trials.targets)
    table = part_profile(trials, divisions)
    for part, labels in divisions.items():
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


def test_before_the_recurrent_weights_act_no_ablation_changes_anything():
    task = SMALL[3]
    trials = on_task(network(task), task, 16)
    table = part_profile(trials, task.parts(trials.inputs, trials.targets))
    first = table[(table.part == "step") & (table.value == 1)]
    assert len(first) == 4 and (first.delta == 0).all()
    last = table[(table.part == "step") & (table.value == 8) & (table.removed == "CR")]
    assert (last.delta != 0).all()


def test_the_typical_network_is_the_one_at_the_medians():
    effects = {0: (0, 9, 1), 1: (0, 2, 2), 2: (0, 1, 50), 3: (0, 2, 3), 4: (0, 2, 2.5)}
    table = pd.DataFrame(
        [(s, r, d) for s, row in effects.items() for r, d in zip(("RR", "CR", "CC"), row, strict=True)]
        + [(s, "", 0.0) for s in effects],
        columns=["seed", "removed", "delta"],
    ).assign(score=1.0, mass=0.5)
    assert typical(table) == 4
    assert typical(table[table.seed == 2]) == 2


def test_the_worst_parts_are_counted_over_the_networks_that_suffer():
    deltas = {0: (0.1, 0.4), 1: (0.2, 0.1), 2: (0.001, 0.3), 3: (0.0, 0.001)}
    table = pd.DataFrame(
        [(s, v, "CR", d) for s, row in deltas.items() for v, d in zip((1, 2), row, strict=True)]
        + [(s, v, "RR", 0.0) for s in deltas for v in (1, 2)]
        + [(s, v, "", 0.0) for s in deltas for v in (1, 2)],
        columns=["seed", "value", "removed", "delta"],
    ).assign(score=1.0, part="bit")
    assert worst_parts(table, 0.15).n["CR"] == 3 and worst_parts(table, 0.25).n["CR"] == 2
    assert worst_parts(table, 0.1).ratio["CR"] == pytest.approx(3)  # of 4, 2 and 3
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
    trials = on_task(net, task, 400)
    gains = integration_gains(trials, trials.inputs[..., :2], trials.inputs[0, :, 2:].argmax(-1))
    # stream 1 counts 1 and stream 2 a quarter whatever the context, so the two gains mix
    inputs, _ = held_out(task, 400)
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
    inputs, targets = held_out(task, 30)
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
    trials = on_task(net, task, 30)
    found = score_when_ablated(trials, removed, when)
    assert abs(found - right / (30 * 7 * 2)) < 3e-3
    nothing = score_when_ablated(trials, frozenset(), when)
    assert abs(nothing - trials.intact) < 3e-3
    assert nothing != found


def test_anyones_network_is_scored_by_anyones_labels(anyone):
    trials = anyone()
    half = torch.arange(trials.n_trials)[:, None] % 2
    table = part_profile(trials, {"half": half, "all": torch.zeros(1)}, alpha=0.7)
    profile = profile_of(trials, 0.7, n_draws=0).set_index("removed")
    whole = table[table.part == "all"].set_index("removed")
    for removed in ("", "RR", "CR", "CC"):
        assert math.isclose(whole.score[removed], profile.score[removed], rel_tol=1e-5)
        assert math.isclose(whole.delta[removed], profile.delta[removed], abs_tol=1e-6)
    assert list(table[(table.part == "half") & (table.removed == "RR")].value) == [0, 1]


def test_classes_have_parts_too():
    model = torch.nn.Sequential(torch.nn.RNN(2, 5), Outputs(), torch.nn.Linear(5, 3))
    inputs, step = torch.randn(6, 4, 2), torch.arange(6)[:, None]
    trials = evaluation(model, "0.weight_hh_l0", inputs, torch.randint(0, 3, (6, 4)), "accuracy")
    outputs = model(inputs).detach()
    scores = scores_by(trials, outputs, step)
    right = (outputs.argmax(-1) == trials.targets).double().mean(1)
    assert [scores[t] for t in range(6)] == right.tolist()


class Outputs(torch.nn.Module):
    """The first of what a recurrent layer of torch's gives."""

    def forward(self, both):
        return both[0]


def test_the_gains_of_anyones_network_are_those_of_its_last_output(anyone):
    trials = anyone()
    g = torch.Generator().manual_seed(5)
    streams = torch.randn(7, trials.n_trials, 2, generator=g)
    context = torch.arange(trials.n_trials) % 2
    for removed in ((), ("CR",)):
        gains = integration_gains(trials, streams, context, removed, alpha=0.7)
        last = next(trials.outputs([trials.form.ablate(removed, 0.7)]))[-1, :, 0].double()
        sums = streams.double().sum(0)
        each = torch.arange(trials.n_trials)
        left = last - gains["cued"] * sums[each, context] - gains["other"] * sums[each, 1 - context]
        left -= torch.tensor([gains["offset_1"], gains["offset_2"]])[context]
        for regressor in (sums[each, context], sums[each, 1 - context], context.double()):
            assert abs(float(left @ regressor)) < 1e-5
        assert math.isclose(float(left.std(correction=0)), gains["unexplained"], abs_tol=1e-6)


def test_a_phase_can_be_ablated_only_where_the_network_runs_on(gated, copier):
    assert 0 <= score_when_ablated(copier(), {"CR"}, "replay", alpha=0.7) <= 1
    with pytest.raises(ValueError, match="after the input"):
        score_when_ablated(gated(), {"CR"}, "replay")


def of_own(outputs, targets):
    return (outputs - targets).abs().mean((0, 2))


def a_copy(metric=None):
    return on_task(network(SMALL[0]), SMALL[0], 3, metric=metric)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: part_profile(a_copy(), {"lag": torch.zeros(4, 1, 1)}), r"\(7, 3, 2\), got \(4, 1, 1\)"),
        (lambda: part_profile(a_copy().scored_by(evaluation(
            network(SMALL[0]), "W_hh", torch.zeros(3, 2, 2), torch.zeros(3, 2, 2), of_own).metric),
            {"all": torch.zeros(1)}), "of_own"),
        (lambda: score_when_ablated(a_copy(), {"CR"}, "now"), "now"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Echo(torch.nn.Module):
    """Answers a function of its inputs, whatever its recurrent matrix is."""

    def __init__(self, answer):
        super().__init__()
        self.W, self.answer = torch.nn.Parameter(torch.eye(3)), answer

    def forward(self, inputs):
        return self.answer(inputs)


@pytest.mark.parametrize(
    "answer, shape",
    [
        (lambda x: x, (1, 1, 0, 1)),
        (lambda x: 0.5 - 2 * x, (-1, 2, None, 2)),
        (lambda x: torch.full_like(x, 0.25), (0, 0, None, 0)),
        (lambda x: x * (torch.arange(50) < 40)[:, None, None], (None, None, None, 0)),
    ],
)
def test_the_shape_of_a_sine_is_its_correlation_swing_offset_and_end(answer, shape):
    _, targets = draw(tasks.sine_generation())
    found = sine_shape(evaluation(Echo(answer), "W", targets, targets))
    for value, wanted in zip(found.values(), shape, strict=True):
        assert wanted is None or math.isclose(value, wanted, abs_tol=1e-5)
    means = [abs(float((answer(targets)[:, b] - targets[:, b]).mean())) for b in range(20)]
    assert math.isclose(found["offset"], sorted(means)[9], abs_tol=1e-5)


def test_the_shape_without_a_block_is_that_of_the_ablated_network():
    task = SMALL[2]
    net = network(task)
    trials = on_task(net, task, n_trials=15)
    ablated = Network(net.W_xh, torch.from_numpy(trials.form.ablate({"CC"})).float(), net.W_hy)
    assert sine_shape(trials, {"CC"}) == pytest.approx(sine_shape(on_task(ablated, task, 15)))
    assert sine_shape(trials, {"CC"}) != pytest.approx(sine_shape(trials))
