"""The task generators against slow, obvious loops, and their statistics."""

import hashlib
import math

import numpy as np
import pytest
import torch
from scipy import stats

from schur_lib import tasks
from schur_lib.metrics import FVU, REPLAY_ACCURACY
from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE

ALL = [tasks.copy(), tasks.flip_flop(), tasks.sine_generation(), tasks.context_integration()]


def draw(task, batch_size=64, seed=0):
    inputs, targets = task.sample(batch_size, torch.Generator().manual_seed(seed))
    return inputs, targets


@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_samples_have_the_promised_shapes_and_follow_the_seed(task):
    inputs, targets = draw(task)
    assert inputs.shape == (task.steps, 64, task.n_inputs)
    assert targets.shape == (task.free_steps or task.steps, 64, task.n_outputs)
    assert inputs.dtype == targets.dtype == torch.float32
    again, other = draw(task)[0], draw(task, seed=1)[0]
    assert torch.equal(inputs, again) and not torch.equal(inputs, other)


# With every source of randomness in use.
VARIED = [
    tasks.copy(3, 2, 7),
    tasks.flip_flop(2, 9, 0.4),
    tasks.sine_generation(6, 0.02, 2.0, 3.0, 7, 0.5),
    tasks.context_integration(9, 0.7, 1.3),
]


@pytest.mark.parametrize("task", VARIED, ids=lambda t: t.name)
def test_the_seed_alone_decides_the_trials_whatever_else_draws_random_numbers(task):
    samples = []
    for elsewhere in (1, 2):
        torch.manual_seed(elsewhere)
        np.random.seed(elsewhere)
        state = torch.get_rng_state()
        samples.append([*draw(task, 33, 5), *tasks.held_out(task, 21, 5)])
        assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(*samples, strict=True))
    inputs, targets, held_inputs, held_targets = samples[0]
    assert not torch.equal(draw(task, 33, 6)[0], inputs) and not torch.equal(draw(task, 33, 6)[1], targets)
    assert not torch.equal(inputs[:, :21], held_inputs)
    expected = task.sample(21, tasks.generator("held out", 5))
    assert torch.equal(expected[0], held_inputs) and torch.equal(expected[1], held_targets)


@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_every_trial_and_channel_has_noise_of_its_own(task):
    inputs, _ = draw(task, 200)
    whole = inputs.permute(1, 0, 2).reshape(200, -1)
    n_kinds = len({tuple(trial) for trial in whole.tolist()})
    # of 51 sines; some flip-flop trials have no pulse at all
    assert n_kinds > {"sine_generation": 40, "flip_flop": 180}.get(task.name, 199)


def test_held_out_trials_are_1024_of_seed_0_unless_it_is_told():
    inputs, targets = tasks.held_out(VARIED[0])
    again = tasks.held_out(VARIED[0], 1024, 0)
    assert inputs.shape == (3, 1024, 2)
    assert torch.equal(inputs, again[0]) and torch.equal(targets, again[1])


def test_each_purpose_and_seed_has_a_source_of_its_own_from_the_digest_of_both():
    for purpose, seed in (("data", 0), ("start", 0), ("data", 12)):
        digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
        number = sum(byte << 8 * i for i, byte in enumerate(digest[:8])) // 2
        expected = torch.Generator().manual_seed(number)
        found = tasks.generator(purpose, seed)
        assert found.initial_seed() == number
        assert torch.equal(torch.rand(5, generator=found), torch.rand(5, generator=expected))


def test_what_is_known_of_each_task_stands_in_its_record():
    names = ("copy", "flip_flop", "sine_generation", "context_integration")
    titles = ("copy", "flip-flop", "sine generation", "context integration")
    for name, title in zip(names, titles, strict=True):
        task = tasks.TASKS[name]()
        assert (task.name, task.title) == (name, title)
        copy = name == "copy"
        assert task.metric is (REPLAY_ACCURACY if copy else FVU)
        assert task.recipe is (COPY_RECIPE if copy else NEURO_RECIPE)
    sizes = [(t.n_inputs, t.n_outputs, t.steps, t.free_steps) for t in VARIED]
    assert sizes == [(2, 2, 3, 7), (2, 2, 9, 0), (1, 1, 6, 0), (4, 1, 9, 0)]
    with pytest.raises(AttributeError):
        VARIED[0].steps = 3


@pytest.mark.parametrize("task", VARIED, ids=lambda t: t.name)
def test_the_score_is_of_the_last_outputs_and_one_for_each_network(task):
    _, targets = draw(task, 5)
    wrong = torch.full((task.steps, 5, task.n_outputs), 7.0)
    perfect = torch.cat([wrong, targets]) if task.free_steps else targets
    assert float(task.score(perfect, targets)) == task.metric.perfect
    scores = task.score(torch.stack([perfect, -perfect, perfect]), targets)
    assert scores.shape == (3,) and scores[0] == scores[2] == task.metric.perfect != scores[1]


def test_copied_trials_fall_into_lags_and_sines_into_their_cues():
    task = VARIED[0]
    ((name, label),) = task.parts(*draw(task, 4)).items()
    assert name == "lag" and label.flatten().tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert label.expand(7, 4, 2).shape == (7, 4, 2)
    task = VARIED[2]
    inputs, targets = draw(task, 4)
    ((name, label),) = task.parts(inputs, targets).items()
    assert name == "cue" and torch.equal(label.expand(targets.shape), inputs)


@pytest.mark.parametrize("first_pulse", [True, False])
def test_flip_flop_trials_fall_into_bits_steps_since_the_pulse_and_what_it_did(first_pulse):
    task = tasks.flip_flop(2, 12, 0.4, first_pulse)
    inputs, targets = draw(task, 50)
    parts = {name: label.expand(targets.shape) for name, label in task.parts(inputs, targets).items()}
    assert set(parts) == {"bit", "since_pulse", "last_pulse"}
    seen = set()
    for trial in range(50):
        for bit in range(2):
            last, did, state = None, None, None
            for t in range(12):
                pulse = float(inputs[t, trial, bit])
                if pulse:
                    did = 0 if state is None else 1 if state == pulse else 2
                    last, state = t, pulse
                assert int(parts["bit"][t, trial, bit]) == bit + 1
                found = [float(parts[name][t, trial, bit]) for name in ("since_pulse", "last_pulse")]
                if state is None:  # of no part
                    assert np.isnan(found).all()
                else:
                    assert found == [t - last, did]
                seen.add(did)
    assert seen == {0, 1, 2} if first_pulse else {None, 0, 1, 2}


def test_integration_trials_fall_into_contexts_and_steps():
    task = VARIED[3]
    inputs, targets = draw(task, 20)
    parts = {name: label.expand(targets.shape) for name, label in task.parts(inputs, targets).items()}
    assert list(parts) == ["context", "step"]
    for trial in range(20):
        assert set(parts["context"][:, trial, 0].tolist()) == {1 if inputs[0, trial, 2] == 1 else 2}
    assert parts["step"][:, 3, 0].tolist() == list(range(1, 10))


def test_a_sine_task_of_other_values_follows_its_formula():
    """f_j = 2 + j / 6 Hz for j = 0 … 6, steps of 0.02 s, cues j / 7 + 0.5."""
    inputs, targets = draw(VARIED[2], 300)
    seen = set()
    for trial in range(300):
        j = round((float(inputs[0, trial, 0]) - 0.5) * 7)
        seen.add(j)
        for k in range(6):
            assert float(inputs[k, trial, 0]) == pytest.approx(j / 7 + 0.5, abs=1e-6)
            expected = math.sin(2 * math.pi * (2 + j / 6) * 0.02 * k)
            assert float(targets[k, trial, 0]) == pytest.approx(expected, abs=1e-6)
    assert seen == set(range(7))


def test_a_sine_task_of_a_single_frequency_is_allowed():
    inputs, targets = draw(tasks.sine_generation(lowest=2.0, highest=2.0, n_frequencies=1), 3)
    assert (inputs == 0.25).all() and float(targets[25, 0, 0]) == pytest.approx(math.sin(math.pi), abs=1e-6)


@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_different_seeds_are_independent(task):
    a, b, c = (draw(task, 4000, seed)[0][1, :, 0].numpy() for seed in (0, 1, 2))
    for one, other in ((a, b), (a, c), (b, c)):
        assert stats.pearsonr(one, other).pvalue > 1e-4


@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_a_generator_goes_on_to_fresh_and_independent_trials(task):
    generator = torch.Generator().manual_seed(0)
    first, second = (task.sample(4000, generator)[0][1, :, 0].numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    assert stats.pearsonr(first, second).pvalue > 1e-4


@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_the_trials_of_a_batch_are_independent(task):
    x = draw(task, 4000)[0][1, :, 0].numpy()
    assert stats.pearsonr(x[:-1], x[1:]).pvalue > 1e-4


def test_the_papers_lengths_and_channels_are_the_defaults():
    sizes = {t.name: (t.n_inputs, t.n_outputs, t.steps, t.free_steps) for t in ALL}
    assert sizes == {
        "copy": (8, 8, 8, 128),
        "flip_flop": (3, 3, 25, 0),
        "sine_generation": (1, 1, 50, 0),
        "context_integration": (4, 1, 48, 0),
    }


def test_copy_replays_the_symbols_period_after_period():
    inputs, targets = draw(tasks.copy(n_symbols=5, n_channels=3, horizon=13))
    assert set(inputs.unique().tolist()) == {-1.0, 1.0}
    for lag in range(13):
        for trial in range(64):
            assert targets[lag, trial].tolist() == inputs[lag % 5, trial].tolist()


def test_copy_symbols_are_fair_and_independent_coins():
    inputs, _ = draw(tasks.copy(), 4000)
    ones = int((inputs > 0).sum())
    assert stats.binomtest(ones, inputs.numel()).pvalue > 1e-4
    flat = inputs.permute(1, 0, 2).reshape(4000, 64).numpy()
    correlation = np.corrcoef(flat.T) - np.eye(64)
    assert np.abs(correlation).max() < 5 / math.sqrt(4000)


@pytest.mark.parametrize("first_pulse", [True, False])
def test_flip_flop_targets_are_the_sign_of_the_last_pulse_and_0_before_the_first(first_pulse):
    inputs, targets = draw(tasks.flip_flop(pulse_probability=0.1, first_pulse=first_pulse))
    seen = set()
    for trial in range(64):
        for bit in range(3):
            state = 0
            for t in range(25):
                pulse = float(inputs[t, trial, bit])
                state = pulse if pulse else state
                assert float(targets[t, trial, bit]) == state
                seen.add(state)
    assert seen == ({-1, 1} if first_pulse else {-1, 0, 1})


@pytest.mark.parametrize("first_pulse", [True, False])
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_flip_flop_pulses_come_at_the_stated_rate_with_fair_signs(p, first_pulse):
    inputs, _ = draw(tasks.flip_flop(pulse_probability=p, first_pulse=first_pulse), 2000)
    assert set(inputs.unique().tolist()) <= {-1.0, 0.0, 1.0}
    first, later = int((inputs[0] != 0).sum()), inputs[1:]
    pulses = int((later != 0).sum())
    assert (
        first == inputs[0].numel() if first_pulse else stats.binomtest(first, inputs[0].numel(), p).pvalue > 1e-4
    )
    assert stats.binomtest(pulses, later.numel(), p).pvalue > 1e-4
    assert stats.binomtest(int((later > 0).sum()), pulses).pvalue > 1e-4


def test_flip_flop_pulses_at_a_rate_of_one_in_twenty_at_any_step_by_default():
    inputs, _ = draw(tasks.flip_flop(), 4000)
    for part in (inputs, inputs[:1]):
        pulses = int((part != 0).sum())
        assert stats.binomtest(pulses, part.numel(), 0.05).pvalue > 1e-4
        assert stats.binomtest(int((part > 0).sum()), pulses).pvalue > 1e-4


def test_flip_flop_waits_between_pulses_are_geometric():
    pulsed = (draw(tasks.flip_flop(pulse_probability=0.3, first_pulse=True), 4000)[0] != 0).numpy()
    waits = [0] * 6
    for trial in range(4000):
        first = next((t for t in range(1, 25) if pulsed[t, trial, 0]), 25)
        waits[min(first, 6) - 1] += 1
    expected = [0.3 * 0.7**k for k in range(5)] + [0.7**5]
    assert stats.chisquare(waits, [4000 * share for share in expected]).pvalue > 1e-4


def test_flip_flop_lines_pulse_independently():
    pulsed = (draw(tasks.flip_flop(), 4000)[0] != 0).reshape(-1, 3).float().numpy()
    assert np.abs(np.corrcoef(pulsed.T) - np.eye(3)).max() < 5 / math.sqrt(len(pulsed))


def test_sine_targets_are_sines_of_the_cued_frequency():
    inputs, targets = draw(tasks.sine_generation(), 500)
    seen = set()
    for trial in range(500):
        cue = float(inputs[0, trial, 0])
        assert torch.all(inputs[:, trial, 0] == inputs[0, trial, 0])
        j = round((cue - 0.25) * 51)
        assert abs(j / 51 + 0.25 - cue) < 1e-6 and 0 <= j <= 50
        seen.add(j)
        frequency = 1 + 5 * j / 50
        for k in range(50):
            assert abs(float(targets[k, trial, 0]) - math.sin(2 * math.pi * frequency * k / 100)) < 1e-5
    assert min(seen) <= 2 and max(seen) >= 48


def test_sine_frequencies_are_drawn_uniformly():
    inputs, _ = draw(tasks.sine_generation(), 10_000)
    j = ((inputs[0, :, 0] - 0.25) * 51).round().long()
    assert stats.chisquare(torch.bincount(j, minlength=51).numpy()).pvalue > 1e-4


def test_integration_targets_are_the_running_sum_of_the_cued_stream():
    inputs, targets = draw(tasks.context_integration())
    for trial in range(64):
        context = inputs[:, trial, 2:]
        assert torch.all(context == context[0]) and sorted(context[0].tolist()) == [0.0, 1.0]
        stream = int(context[0].argmax())
        total = 0.0
        for t in range(48):
            total += float(inputs[t, trial, stream])
            assert abs(float(targets[t, trial, 0]) - total) < 1e-5


@pytest.mark.parametrize(("noise", "bias"), [(1.0, 0.0), (0.5, 1.0), (0.0, 1.0)])
def test_integration_streams_have_the_stated_noise_and_drift(noise, bias):
    inputs, targets = draw(tasks.context_integration(noise=noise, bias=bias), 4000)
    streams = inputs[..., :2] * math.sqrt(48)
    drift = streams.mean(0)
    within = (streams - drift).square().sum(0).mean() / 47
    assert abs(float(within) - noise**2) < 0.02 * max(noise, 0.1)
    assert abs(float(drift.var()) - (bias**2 + noise**2 / 48)) < 0.06 * (bias**2 + noise**2 / 48)
    contexts = int(inputs[0, :, 2].sum())
    assert stats.binomtest(contexts, 4000).pvalue > 1e-4


def test_integration_noise_is_white_gaussian_and_the_streams_and_context_are_independent():
    inputs, _ = draw(tasks.context_integration(), 4000)
    u = inputs[..., :2].numpy().astype(float) * math.sqrt(48)
    assert stats.kstest(u[:, :200].ravel(), "norm").pvalue > 1e-4
    assert stats.pearsonr(u[:-1].ravel(), u[1:].ravel()).pvalue > 1e-4
    assert stats.pearsonr(u[..., 0].ravel(), u[..., 1].ravel()).pvalue > 1e-4
    context = inputs[0, :, 3].numpy()
    for stream in (0, 1):
        assert stats.pearsonr(u[..., stream].sum(0), context).pvalue > 1e-4


def test_integration_has_no_drift_by_default_and_a_drift_of_its_own_for_each_trial_and_stream():
    inputs, _ = draw(tasks.context_integration(noise=0.0, bias=1.0), 4000)
    drift = inputs[0, :, :2].numpy().astype(float) * math.sqrt(48)
    assert all(torch.equal(step[:, :2], inputs[0, :, :2]) for step in inputs)
    assert stats.kstest(drift.ravel(), "norm").pvalue > 1e-4
    assert stats.pearsonr(drift[:, 0], drift[:, 1]).pvalue > 1e-4
    inputs, _ = draw(tasks.context_integration(), 4000)
    means = inputs[..., :2].sum(0).numpy()
    # without a drift the sum over a trial has the variance of the noise alone
    assert abs(float(means.var()) - 1) < 5 * math.sqrt(2 / means.size)


def test_with_the_defaults_the_last_integral_has_variance_1():
    _, targets = draw(tasks.context_integration(), 20_000)
    assert abs(float(targets[-1].var()) - 1) < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tasks.copy(n_symbols=0), "n_symbols"),
        (lambda: tasks.copy(n_channels=-1), "n_channels must be an integer ≥ 1, got -1"),
        (lambda: tasks.copy(horizon=1.5), "horizon"),
        (lambda: tasks.copy(horizon=0), "horizon"),
        (lambda: tasks.flip_flop(n_bits=0), "n_bits"),
        (lambda: tasks.flip_flop(steps=2.0), "steps"),
        (lambda: tasks.flip_flop(pulse_probability=0), "pulse_probability"),
        (lambda: tasks.flip_flop(pulse_probability=float("nan")), "pulse_probability"),
        (lambda: tasks.flip_flop(pulse_probability=1.01), "pulse_probability"),
        (lambda: tasks.flip_flop(pulse_probability=-0.1), "pulse_probability"),
        (lambda: tasks.sine_generation(steps=0), "steps"),
        (lambda: tasks.sine_generation(n_frequencies=0), "n_frequencies"),
        (lambda: tasks.sine_generation(dt=-1), "dt"),
        (lambda: tasks.sine_generation(dt=0), "dt"),
        (lambda: tasks.sine_generation(lowest=0), "lowest"),
        (lambda: tasks.sine_generation(cue_offset=float("nan")), "cue_offset"),
        (lambda: tasks.sine_generation(lowest=7), "lowest"),
        (lambda: tasks.sine_generation(highest=float("inf")), "highest"),
        (lambda: tasks.context_integration(noise=0), "noise"),
        (lambda: tasks.context_integration(noise=-1), "noise"),
        (lambda: tasks.context_integration(noise=-1, bias=2), "noise"),
        (lambda: tasks.context_integration(noise=2, bias=-1), "noise"),
        (lambda: tasks.context_integration(bias=float("inf")), "noise"),
        (lambda: tasks.context_integration(steps=0), "steps"),
        (lambda: tasks.copy().sample(0, torch.Generator()), "number of trials"),
        (lambda: tasks.copy().sample(2.0, torch.Generator()), "number of trials"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
