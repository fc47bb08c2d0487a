"""Matrices swapped into torch modules, against loops written by hand in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from schur_lib import Network, ablation_profile, fvu, ordered_schur, replay_accuracy, tasks
from schur_lib.dynamics import plain_states
from schur_lib.intervals import interval
from schur_lib.profile import over_networks, profile_of
from schur_lib.subjects import evaluation, on_task
from schur_lib.tasks import held_out

T, B, N_X, N_H, N_Y = 7, 5, 3, 6, 2


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class Sequence(nn.Module):
    """A recurrent layer of torch's and a readout."""

    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(N_X, N_H, **options)
        self.readout = nn.Linear(N_H, N_Y)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


class CellLoop(nn.Module):
    """An RNNCell in a loop of the user's own, with noise in training."""

    def __init__(self, noise=0.0):
        super().__init__()
        self.cell, self.out, self.noise = nn.RNNCell(N_X, N_H), nn.Linear(N_H, N_Y), noise

    def forward(self, x):
        h, outputs = x.new_zeros(x.shape[1], N_H), []
        for x_t in x:
            h = self.cell(x_t, h) + self.noise * torch.randn(x.shape[1], N_H)
            outputs.append(self.out(h))
        return torch.stack(outputs)


class LeakyRate(nn.Module):
    """r = tanh(v), v ← (1 − a) v + a (W r + V x + b): a rate network as neuroscientists write it."""

    def __init__(self, a=0.2):
        super().__init__()
        self.a, self.W = a, nn.Parameter(torch.randn(N_H, N_H) / N_H**0.5)
        self.V, self.b = nn.Parameter(torch.randn(N_H, N_X)), nn.Parameter(torch.randn(N_H))
        self.register_buffer("read", torch.randn(N_Y, N_H))

    def forward(self, x):
        v, outputs = x.new_zeros(x.shape[1], N_H), []
        for x_t in x:
            v = (1 - self.a) * v + self.a * (v.tanh() @ self.W.T + x_t @ self.V.T + self.b)
            outputs.append(v.tanh() @ self.read.T)
        return torch.stack(outputs)


def numbers(module):
    return {n: t.detach().double().numpy() for n, t in module.state_dict().items()}


def loop_rnn(p, x, phi, layers=1):
    for k in range(layers):
        h, states = np.zeros(N_H), []
        for x_t in x:
            h = phi(
                p[f"rnn.weight_ih_l{k}"] @ x_t
                + p[f"rnn.bias_ih_l{k}"]
                + p[f"rnn.weight_hh_l{k}"] @ h
                + p[f"rnn.bias_hh_l{k}"]
            )
            states.append(h)
        x = np.array(states)
    return x @ p["readout.weight"].T + p["readout.bias"]


def loop_gru(p, x):
    W, b = p["rnn.weight_ih_l0"].reshape(3, N_H, N_X), p["rnn.bias_ih_l0"].reshape(3, N_H)
    U, c = p["rnn.weight_hh_l0"].reshape(3, N_H, N_H), p["rnn.bias_hh_l0"].reshape(3, N_H)
    h, outputs = np.zeros(N_H), []
    for x_t in x:
        r, z = (sigmoid(W[i] @ x_t + b[i] + U[i] @ h + c[i]) for i in (0, 1))
        n = np.tanh(W[2] @ x_t + b[2] + r * (U[2] @ h + c[2]))
        h = (1 - z) * n + z * h
        outputs.append(p["readout.weight"] @ h + p["readout.bias"])
    return np.array(outputs)


def loop_lstm(p, x):
    W, b = p["rnn.weight_ih_l0"].reshape(4, N_H, N_X), p["rnn.bias_ih_l0"].reshape(4, N_H)
    U, c = p["rnn.weight_hh_l0"].reshape(4, N_H, N_H), p["rnn.bias_hh_l0"].reshape(4, N_H)
    h, cell, outputs = np.zeros(N_H), np.zeros(N_H), []
    for x_t in x:
        i, f, g, o = (W[k] @ x_t + b[k] + U[k] @ h + c[k] for k in range(4))
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        outputs.append(p["readout.weight"] @ h + p["readout.bias"])
    return np.array(outputs)


def loop_cell(p, x):
    h, outputs = np.zeros(N_H), []
    for x_t in x:
        drive = p["cell.weight_ih"] @ x_t + p["cell.bias_ih"] + p["cell.bias_hh"]
        h = np.tanh(drive + p["cell.weight_hh"] @ h)
        outputs.append(p["out.weight"] @ h + p["out.bias"])
    return np.array(outputs)


def loop_leaky(p, x, a=0.2):
    v, outputs = np.zeros(N_H), []
    for x_t in x:
        v = v + a * (-v + p["W"] @ np.tanh(v) + p["V"] @ x_t + p["b"])
        outputs.append(p["read"] @ np.tanh(v))
    return np.array(outputs)


def relu(a):
    return np.maximum(a, 0)


CASES = {
    "tanh RNN": (
        lambda: Sequence(nn.RNN),
        "rnn.weight_hh_l0",
        None,
        lambda p, x: loop_rnn(p, x, np.tanh),
    ),
    "ReLU RNN": (
        lambda: Sequence(nn.RNN, nonlinearity="relu"),
        "rnn.weight_hh_l0",
        None,
        lambda p, x: loop_rnn(p, x, relu),
    ),
    "RNN of two layers, first": (
        lambda: Sequence(nn.RNN, num_layers=2),
        "rnn.weight_hh_l0",
        None,
        lambda p, x: loop_rnn(p, x, np.tanh, 2),
    ),
    "RNN of two layers, second": (
        lambda: Sequence(nn.RNN, num_layers=2),
        "rnn.weight_hh_l1",
        None,
        lambda p, x: loop_rnn(p, x, np.tanh, 2),
    ),
    **{
        f"GRU, {gate}": (lambda: Sequence(nn.GRU), "rnn.weight_hh_l0", gate, loop_gru)
        for gate in ("reset", "update", "new", 2)
    },
    **{
        f"LSTM, {gate}": (lambda: Sequence(nn.LSTM), "rnn.weight_hh_l0", gate, loop_lstm)
        for gate in ("input", "forget", "cell", "output", slice(6, 12))
    },
    "RNNCell": (CellLoop, "cell.weight_hh", None, loop_cell),
    "leaky rate network": (LeakyRate, "W", None, loop_leaky),
}
FIRST_ROW = {"reset": 0, "update": 1, "new": 2, "input": 0, "forget": 1, "cell": 2, "output": 3}


def data(dtype=torch.float64):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(T, B, N_X, generator=g, dtype=dtype)
    return x, torch.randn(T, B, N_Y, generator=g, dtype=dtype)


@pytest.mark.parametrize("case", CASES)
def test_the_profile_of_a_module_is_that_of_a_loop_written_by_hand(case):
    make, parameter, gate, loop = CASES[case]
    torch.manual_seed(2)
    module = make().double()
    inputs, targets = data()
    trials = evaluation(module, parameter, inputs, targets, gate=gate)
    p = numbers(module)
    if isinstance(gate, slice):
        rows = gate
    else:
        first = FIRST_ROW.get(gate, gate or 0) * N_H
        rows = slice(first, first + N_H)
    W = p[parameter][rows]
    np.testing.assert_array_equal(trials.W_hh, W)
    form = ordered_schur(W)
    matrices = [W, form.ablate({"RR"}), form.ablate({"CC", "CR"}), np.zeros_like(W)]
    scores = trials.trial_scores([torch.from_numpy(M) for M in matrices])
    y = targets.numpy()
    for M, got in zip(matrices, scores, strict=True):
        swapped = p[parameter].copy()
        swapped[rows] = M
        y_hat = np.stack([loop({**p, parameter: swapped}, x) for x in inputs.numpy().swapaxes(0, 1)], 1)
        wrong = ((y_hat - y) ** 2).sum(-1).mean(0)
        expected = wrong / ((y - y.mean((0, 1))) ** 2).sum(-1).mean()
        np.testing.assert_allclose(got, expected, rtol=1e-9)
    assert not np.allclose(scores[0], scores[3])
    table = profile_of(trials)
    np.testing.assert_allclose(table.score[0], scores[0].mean())
    np.testing.assert_allclose(table[table.removed == "RR"].score.item(), scores[1].mean())


def test_the_model_is_left_as_it_was():
    module = CellLoop(noise=0.1).train()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    module.out.eval()
    state = torch.get_rng_state()
    trials = evaluation(module, "cell.weight_hh", *data(torch.float32))
    trials.scores([torch.zeros(N_H, N_H)])
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())
    assert module.training and module.cell.training and not module.out.training
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_within_the_model_is_the_same_for_every_matrix():
    trials = evaluation(CellLoop(noise=0.5), "cell.weight_hh", *data(torch.float32))
    (first,) = trials.trial_scores([trials.W_hh])
    torch.randn(3)  # what else draws random numbers makes no difference
    (second,) = trials.trial_scores([trials.W_hh])
    assert torch.equal(first, second)


def test_dropout_is_off_as_in_evaluation():
    module = Sequence(nn.GRU)
    module.readout = nn.Sequential(nn.Dropout(0.5), module.readout)
    inputs, targets = data(torch.float32)
    trials = evaluation(module.train(), "rnn.weight_hh_l0", inputs, targets, gate="new")
    scores = trials.scores([trials.W_hh])
    expected = fvu(module.eval()(inputs).detach(), targets)
    np.testing.assert_allclose(scores, [expected], rtol=1e-5)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_the_fast_path_is_taken_by_itself_and_gives_the_same_numbers(nonlinearity, batch_first):
    torch.manual_seed(0)
    module = Sequence(nn.RNN, nonlinearity=nonlinearity, batch_first=batch_first)
    inputs, targets = data(torch.float32)
    if batch_first:
        inputs, targets = inputs.transpose(0, 1), targets.transpose(0, 1)
    fast = evaluation(module, "rnn.weight_hh_l0", inputs, targets)
    assert fast.network is not None and fast.inputs.shape == (T, B, N_X)
    module.register_buffer("unused", torch.zeros(1))  # what is not plain takes the slow path
    slow = evaluation(module, "rnn.weight_hh_l0", inputs, targets)
    assert slow.network is None
    form = ordered_schur(fast.W_hh)
    matrices = [torch.from_numpy(form.ablate(s)) for s in ({"RR"}, {"CR"}, {"CC"}, {"RR", "CC"})]
    np.testing.assert_allclose(fast.trial_scores(matrices), slow.trial_scores(matrices), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.readout(m.rnn(x)[0].relu()),
        lambda m, x: m.readout(m.rnn(x, torch.ones(1, x.shape[1], N_H))[0]),
        lambda m, x: m.readout(m.rnn(2 * x)[0]),
    ],
)
def test_a_model_that_only_looks_plain_takes_the_slow_path(forward):
    torch.manual_seed(0)
    module = Sequence(nn.RNN)
    inputs, targets = data(torch.float32)
    trials = evaluation(module, "rnn.weight_hh_l0", inputs, targets, forward=forward)
    assert trials.network is None
    expected = fvu(forward(module, inputs).detach(), targets)
    np.testing.assert_allclose(trials.scores([trials.W_hh]), [expected], rtol=1e-5)


def test_a_network_gives_the_profile_of_ablation_profile():
    g = torch.Generator().manual_seed(0)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    net, task = (
        Network(draw(9, 2), draw(9, 9) / 3, draw(2, 9)),
        tasks.copy(n_symbols=2, n_channels=2, horizon=12),
    )
    inputs, targets = held_out(task, 64)
    padded = torch.cat([inputs, torch.zeros(12, 64, 2)])
    table = profile_of(evaluation(net, "W_hh", padded, targets, "replay_accuracy"))
    theirs = ablation_profile(net, task, n_trials=64)
    for column in ("mass", "score", "delta"):
        np.testing.assert_allclose(table[column], theirs[column], atol=1e-6)
    assert table.removed.tolist() == theirs.removed.tolist()


def test_every_metric_has_one_score_a_trial_whose_mean_is_the_metric():
    torch.manual_seed(0)
    module = Sequence(nn.GRU)
    inputs, y = data(torch.float32)
    signs = torch.where(y > 0, 1.0, -1.0)
    classes = torch.randint(0, N_Y, (T, B))
    outputs = module(inputs).detach()
    flat = outputs.flatten(0, 1)
    expected = {
        "fvu": (y, fvu(outputs, y)),
        "replay_accuracy": (signs, replay_accuracy(outputs, signs)),
        "accuracy": (classes, (flat.argmax(1) == classes.flatten()).double().mean()),
        "cross_entropy": (classes, nn.functional.cross_entropy(flat, classes.flatten())),
    }
    for metric, (targets, value) in expected.items():
        trials = evaluation(module, "rnn.weight_hh_l0", inputs, targets, metric, gate="new")
        scores = trials.trial_scores([trials.W_hh])
        assert scores.shape == (1, B) and scores.dtype == torch.float64
        np.testing.assert_allclose(scores.mean(), float(value), rtol=1e-5)
    trials = evaluation(module, "rnn.weight_hh_l0", inputs, classes, "accuracy", gate=0)
    assert trials.metric.higher_is_better


def test_targets_of_the_last_steps_alone_score_the_last_steps():
    module = Sequence(nn.GRU)
    inputs, y = data(torch.float32)
    outputs = module(inputs).detach()
    last = evaluation(module, "rnn.weight_hh_l0", inputs, y[-1], gate="new")
    three = evaluation(module, "rnn.weight_hh_l0", inputs, y[-3:], gate="new")
    np.testing.assert_allclose(last.scores([last.W_hh]), [fvu(outputs[-1:], y[-1:])], rtol=1e-5)
    np.testing.assert_allclose(three.scores([three.W_hh]), [fvu(outputs[-3:], y[-3:])], rtol=1e-5)
    classes = torch.zeros(B, dtype=torch.int64)
    trials = evaluation(module, "rnn.weight_hh_l0", inputs, classes, "accuracy", gate="new")
    np.testing.assert_allclose(trials.trial_scores([trials.W_hh])[0], (outputs[-1].argmax(-1) == 0).double())


def test_a_function_of_ones_own_may_score_each_trial_or_all_at_once():
    module = Sequence(nn.GRU)
    inputs, y = data(torch.float32)
    outputs = module(inputs).detach()

    def worst(outputs, targets):
        return (outputs - targets).abs().amax((0, 2))

    trials = evaluation(module, "rnn.weight_hh_l0", inputs, y, worst, gate="new")
    np.testing.assert_allclose(trials.trial_scores([trials.W_hh])[0], worst(outputs, y), rtol=1e-5)
    assert trials.metric.name == "worst" and not trials.metric.higher_is_better
    one = evaluation(module, "rnn.weight_hh_l0", inputs, y, lambda a, b: (a - b).abs().max(), gate="new")
    table = profile_of(one)
    np.testing.assert_allclose(table.score[0], worst(outputs, y).max(), rtol=1e-5)
    assert table.low[1:].isna().all() and (table.n_trials == 1).all()


def test_intervals_are_paired_over_trials_and_cover_the_mean():
    g = torch.Generator().manual_seed(0)
    covered = 0
    for k in range(200):
        low, high = interval(torch.randn(40, generator=g) + 1, 400, k)
        covered += low <= 1 <= high
    assert 0.87 <= covered / 200 <= 0.98
    assert interval(torch.full((9,), 2.0)) == (2.0, 2.0)
    assert np.isnan(interval(torch.ones(1))).all()
    assert np.isnan(interval(torch.tensor([1.0, float("inf")]))).all()


def test_several_networks_are_pooled_with_networks_as_the_unit():
    inputs, y = data(torch.float32)
    profiles = []
    for seed in range(4):
        torch.manual_seed(seed)
        module = Sequence(nn.RNN)
        profiles.append(profile_of(evaluation(module, "rnn.weight_hh_l0", inputs, y)))
    table = over_networks(profiles)
    deltas = np.array([p.delta for p in profiles])
    np.testing.assert_allclose(table.delta, deltas.mean(0))
    assert (table.n_networks == 4).all() and table.removed.tolist() == list(profiles[0].removed)
    low, high = interval(torch.from_numpy(deltas[:, 1]))
    assert (table.low[1], table.high[1]) == (low, high)
    assert over_networks(profiles[:1]).low.isna().all()


def test_outputs_beyond_all_bounds_are_infinitely_wrong():
    module = Sequence(nn.RNN, nonlinearity="relu")
    trials = evaluation(module, "rnn.weight_hh_l0", *data(torch.float32))
    scores = trials.scores([1e30 * torch.ones(N_H, N_H), trials.W_hh])
    assert scores[0] == float("inf") and torch.isfinite(scores[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameter": "rnn.weight"}, r"no parameter 'rnn.weight'.*rnn.weight_hh_l0 \(18, 6\)"),
        ({"parameter": "rnn.bias_hh_l0"}, r"real matrix, got shape \(18,\)"),
        ({"parameter": "rnn.weight_ih_l0", "gate": None}, r"square, got \(18, 3\)"),
        ({"gate": None}, r"square, got \(18, 6\).*stacks 3 matrices.*reset"),
        ({"gate": "forget"}, r"one of \['reset', 'update', 'new', 0, 1, 2\].*'forget'"),
        ({"gate": 3}, "got 3"),
        ({"gate": True}, "got True"),
        ({"gate": slice(0, 5)}, r"square, got \(5, 6\)"),
        ({"module": torch.zeros(3)}, "torch module, got Tensor"),
        ({"metric": "mse"}, r"one of \('fvu', .*got 'mse'"),
        ({"metric": "fvu", "higher_is_better": True}, "not yours to set"),
        ({"metric": "accuracy"}, "integer classes.*float32"),
        ({"metric": "replay_accuracy"}, "−1 or \\+1"),
        (
            {"metric": "accuracy", "targets": torch.full((T, B), 2)},
            "classes 0 to 1.*got 2 to 2",
        ),
        ({"targets": torch.zeros(T, B, N_Y)}, "must vary"),
        ({"targets": torch.randn(B, T, N_Y)}, r"targets' \(5, 7, 2\).*batch_first"),
        ({"targets": torch.full((T, B, N_Y), float("nan"))}, "not all of them NaN"),
        ({"targets": torch.full((T, B, N_Y), float("inf"))}, "targets hold infinite"),
        ({"targets": np.zeros((T, B, N_Y))}, "targets must be a torch tensor, got ndarray"),
        ({"targets": torch.zeros(0, B, N_Y)}, "not be empty"),
        ({"targets": torch.randn(1, T, B, N_Y)}, r"\(T, B, N_y\) or \(B, N_y\)"),
        ({"inputs": torch.full((T, B, N_X), float("nan"))}, "outputs are not all finite"),
        ({"forward": lambda m, x: m.rnn(x)}, "one tensor.*got tuple; give forward"),
        ({"metric": lambda a, b: torch.zeros(3)}, "one score a trial.*got 3 numbers"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    inputs, targets = data(torch.float32)
    arguments = {
        "module": Sequence(nn.GRU),
        "parameter": "rnn.weight_hh_l0",
        "inputs": inputs,
        "targets": targets,
        "gate": "new",
    }
    with pytest.raises(ValueError, match=message):
        evaluation(**{**arguments, **change})


def read_states(loop, p, x):
    """The states of a loop: its outputs where the readout is the identity."""
    bare = {**p, "readout.weight": np.eye(N_H), "readout.bias": np.zeros(N_H)}
    return np.stack([loop(bare, trial) for trial in x.numpy().swapaxes(0, 1)], 1)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    ("kind", "gate", "loop"),
    [(nn.GRU, gate, loop_gru) for gate in ("reset", "update", "new")]
    + [(nn.LSTM, gate, loop_lstm) for gate in ("input", "forget", "cell", "output")],
)
def test_the_states_of_gated_layers_are_those_of_a_loop_written_by_hand(kind, gate, loop, batch_first):
    torch.manual_seed(3)
    module = Sequence(kind, batch_first=batch_first).double()
    x, y = data()
    inputs, targets = (x.transpose(0, 1), y.transpose(0, 1)) if batch_first else (x, y)
    trials = evaluation(module, "rnn.weight_hh_l0", inputs, targets, gate=gate)
    p, first = numbers(module), FIRST_ROW[gate] * N_H
    for M in (None, ordered_schur(trials.W_hh).ablate({"RR", "CC"}), np.zeros((N_H, N_H))):
        swapped = p["rnn.weight_hh_l0"].copy()
        if M is not None:
            swapped[first : first + N_H] = M
        states = trials.states(M)
        assert states.shape == (T, B, N_H)
        np.testing.assert_allclose(states, read_states(loop, {**p, "rnn.weight_hh_l0": swapped}, x), rtol=1e-9)
    acted_on = trials.acted_on()
    assert (acted_on[0] == 0).all() and acted_on.dtype == torch.float64
    assert torch.equal(acted_on[1:], trials.states()[:-1])


class CellStack(nn.Module):
    """Cells of any kind in a loop."""

    def __init__(self, kind):
        super().__init__()
        self.cell, self.readout = kind(N_X, N_H), nn.Linear(N_H, N_Y)

    def forward(self, x):
        state, outputs = None, []
        for x_t in x:
            state = self.cell(x_t, state)
            outputs.append(self.readout(state[0] if isinstance(state, tuple) else state))
        return torch.stack(outputs)


@pytest.mark.parametrize(
    ("kind", "gate", "loop"),
    [
        (nn.RNNCell, None, lambda p, x: loop_rnn(p, x, np.tanh)),
        (nn.GRUCell, "new", loop_gru),
        (nn.LSTMCell, "forget", loop_lstm),
    ],
)
def test_the_states_of_cells_are_those_of_a_loop_written_by_hand(kind, gate, loop):
    torch.manual_seed(4)
    module = CellStack(kind).double()
    trials = evaluation(module, "cell.weight_hh", *data(), gate=gate)
    p = {n.replace("cell.", "rnn."): v for n, v in numbers(module).items()}
    p = {(f"{n}_l0" if n.startswith("rnn.") else n): v for n, v in p.items()}
    np.testing.assert_allclose(trials.states(), read_states(loop, p, data()[0]), rtol=1e-9)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_states_of_a_plain_layer_are_those_of_the_network_and_of_the_slow_path(batch_first):
    torch.manual_seed(5)
    module = Sequence(nn.RNN, batch_first=batch_first).double()
    x, y = data()
    arguments = (x.transpose(0, 1), y.transpose(0, 1)) if batch_first else (x, y)
    fast = evaluation(module, "rnn.weight_hh_l0", *arguments)
    module.register_buffer("unused", torch.zeros(1))
    slow = evaluation(module, "rnn.weight_hh_l0", *arguments)
    assert fast.network is not None and slow.network is None
    M = ordered_schur(fast.W_hh).ablate({"CR"})
    torch.testing.assert_close(fast.states(M), slow.states(M))
    expected = read_states(lambda p, x: loop_rnn(p, x, np.tanh), {**numbers(module), "rnn.weight_hh_l0": M}, x)
    np.testing.assert_allclose(slow.states(M), expected, rtol=1e-9)


def test_the_states_of_the_second_of_two_layers_are_known_and_of_the_first_are_not():
    torch.manual_seed(6)
    module = Sequence(nn.RNN, num_layers=2).double()
    x, y = data()
    second = evaluation(module, "rnn.weight_hh_l1", x, y)
    expected = read_states(lambda p, x: loop_rnn(p, x, np.tanh, 2), numbers(module), x)
    np.testing.assert_allclose(second.states(), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="states are unknown.*last layer"):
        evaluation(module, "rnn.weight_hh_l0", x, y).states()


def test_a_model_whose_layer_runs_twice_or_has_two_directions_has_no_known_states():
    x, y = data(torch.float32)
    twice = evaluation(
        Sequence(nn.GRU), "rnn.weight_hh_l0", x, y, gate=0, forward=lambda m, x: m(x) + m.readout(m.rnn(2 * x)[0])
    )
    with pytest.raises(ValueError, match="ran 2 times.*give evaluation"):
        twice.states()
    module = Sequence(nn.RNN, bidirectional=True)
    module.readout = nn.Linear(2 * N_H, N_Y)
    for parameter in ("rnn.weight_hh_l0", "rnn.weight_hh_l0_reverse"):
        with pytest.raises(ValueError, match="in one direction"):
            evaluation(module, parameter, x, y).states()


def test_an_owner_that_is_not_torchs_has_states_only_if_they_are_given():
    torch.manual_seed(7)
    module = LeakyRate()
    x, y = data(torch.float32)
    trials = evaluation(module, "W", x, y)
    with pytest.raises(ValueError, match="belongs to no layer or cell of torch's; give evaluation.*states="):
        trials.states()

    def states(module, x):
        v, rates = x.new_zeros(x.shape[1], N_H), []
        for x_t in x:
            rates.append(v.tanh())
            v = (1 - module.a) * v + module.a * (v.tanh() @ module.W.T + x_t @ module.V.T + module.b)
        return torch.stack([*rates[1:], v.tanh()])

    told = evaluation(module, "W", x, y, states=states)
    torch.testing.assert_close(told.states(), states(module, x).detach())
    zero = told.states(np.zeros((N_H, N_H)))
    assert zero.shape == (T, B, N_H) and not torch.allclose(zero, told.states())


def test_the_states_of_a_copy_network_go_on_through_the_free_steps():
    g = torch.Generator().manual_seed(0)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    task = tasks.copy(n_symbols=3, n_channels=2, horizon=11)
    net = Network(draw(9, 2), draw(9, 9) / 3, draw(2, 9), draw(9), draw(2), draw(9).tanh()).double()
    trials = on_task(net, task, 13, seed=4)
    inputs, targets = held_out(task, 13, 4)
    assert trials.free_steps == 11 and torch.equal(trials.inputs, inputs.double())
    for W in (net.W_hh, torch.from_numpy(trials.form.ablate({"CR", "CC"}))):
        H = plain_states(net, inputs.double(), W, free_steps=11)
        assert H.shape == (14, 13, 9)
        torch.testing.assert_close(trials.states(W), H)
        (outputs,) = trials.outputs([W])
        torch.testing.assert_close(outputs, (H @ net.W_hy.T + net.b_y)[3:])
        expected = (torch.sign(outputs) == targets).double().mean()
        torch.testing.assert_close(trials.scores([W])[0], expected)
    acted_on = trials.acted_on()
    assert torch.equal(acted_on[0], net.h0.expand(13, 9))
    torch.testing.assert_close(acted_on[1:], trials.states()[:-1])


def test_another_metric_on_the_same_trials_and_harm_in_its_direction():
    g = torch.Generator().manual_seed(0)
    draw = lambda *s: torch.randn(*s, generator=g)  # noqa: E731
    net = Network(draw(9, 2), draw(9, 9) / 3, draw(2, 9))
    trials = on_task(net, tasks.copy(2, 2, 6), 32)
    matrices = [trials.form.ablate({"CC"}), np.zeros((9, 9))]
    other = trials.scored_by("fvu")
    assert other.metric.name == "fvu" and trials.metric.name == "replay_accuracy"
    np.testing.assert_allclose(other.harms(matrices), other.scores(matrices) - other.intact)
    np.testing.assert_allclose(trials.harms(matrices), trials.intact - trials.scores(matrices))
    assert on_task(net, tasks.copy(2, 2, 6), 32, metric="fvu").intact == other.intact
    for make in (trials.scored_by, lambda m: on_task(net, tasks.copy(2, 2, 6), 32, metric=m)):
        with pytest.raises(ValueError, match="one of .*'fvu'.*got 'mse'"):
            make("mse")


def test_a_network_of_parameters_is_evaluated_without_their_gradients():
    g = torch.Generator().manual_seed(0)
    tensors = [torch.randn(*s, generator=g).requires_grad_() for s in ((9, 2), (9, 9), (2, 9))]
    trials = on_task(Network(*tensors), tasks.copy(2, 2, 6), 8)
    assert not trials.scores([trials.W_hh]).requires_grad and not trials.states().requires_grad
    assert len(profile_of(trials)) == 8


def test_a_matrix_of_another_size_is_refused():
    trials = evaluation(Sequence(nn.RNN), "rnn.weight_hh_l0", *data(torch.float32))
    with pytest.raises(ValueError, match=r"must be \(6, 6\), got \(5, 5\)"):
        trials.scores([torch.zeros(5, 5)])
