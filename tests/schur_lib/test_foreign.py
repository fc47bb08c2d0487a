"""Models as people have them: the right number from a float64 loop, or a refusal that names the way out."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from schur_lib import Network, ablation_profile, evaluation, ordered_schur, profile_of, tasks
from schur_lib import subjects as subjects_module
from schur_lib.metrics import METRICS, Metric, fvu, is_scored, masked
from schur_lib.subjects import of_network, on_task

T, B, N_X, N, N_Y = 9, 7, 3, 6, 2

pytestmark = pytest.mark.filterwarnings(
    "ignore:this network does not do the task", "ignore:.*weight_norm.*deprecated"
)


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def array(tensor):
    return tensor.detach().double().numpy()


def score(outputs, targets):
    """FVU by its definition, over all that is not NaN."""
    known = ~np.isnan(targets)
    mean = [targets[..., k][known[..., k]].mean() for k in range(targets.shape[-1])]
    return ((outputs - targets)[known] ** 2).sum() / ((targets - mean)[known] ** 2).sum()


class Plain(nn.Module):
    """A recurrent layer and a readout, by torch's names."""

    def __init__(self, n_outputs=N_Y, squeeze=False, **options):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.RNN(N_X, N, **options)
        self.readout = nn.Linear(N * (1 + self.rnn.bidirectional), n_outputs)
        self.squeeze = squeeze

    def forward(self, x):
        y = self.readout(self.rnn(x)[0])
        return y.squeeze(-1) if self.squeeze else y


def loop(module, x, W=None):
    """Outputs of `Plain` with W in the place of what its forward run multiplies with."""
    rnn, x = module.rnn, array(x)
    W = array(rnn.weight_hh_l0) if W is None else W
    h, outputs = np.zeros((x.shape[1], N)), []
    for x_t in x:
        h = np.tanh(x_t @ array(rnn.weight_ih_l0).T + array(rnn.bias_ih_l0) + h @ W.T + array(rnn.bias_hh_l0))
        outputs.append(h @ array(module.readout.weight).T + array(module.readout.bias))
    return np.array(outputs)


def spread(module):
    """Weight norm whose directions have been trained to other lengths."""
    parametrizations.weight_norm(module.rnn, "weight_hh_l0")
    with torch.no_grad():
        module.rnn.parametrizations.weight_hh_l0.original1.mul_(torch.linspace(0.2, 5, N)[:, None])


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).mT


COMPUTED = {
    "orthogonal": lambda m: parametrizations.orthogonal(m.rnn, "weight_hh_l0"),
    "orthogonal without a base": lambda m: parametrizations.orthogonal(
        m.rnn, "weight_hh_l0", use_trivialization=False
    ),
    "weight norm": spread,
    "spectral norm": lambda m: parametrizations.spectral_norm(m.rnn, "weight_hh_l0"),
    "symmetric": lambda m: nn.utils.parametrize.register_parametrization(m.rnn, "weight_hh_l0", Symmetric()),
    "pruned": lambda m: prune.l1_unstructured(m.rnn, "weight_hh_l0", 0.4),
    "pruned twice": lambda m: (
        prune.l1_unstructured(m.rnn, "weight_hh_l0", 0.2),
        prune.random_unstructured(m.rnn, "weight_hh_l0", 0.2),
    ),
    "old weight norm": lambda m: nn.utils.weight_norm(m.rnn, "weight_hh_l0"),
    "old spectral norm": lambda m: nn.utils.spectral_norm(m.rnn, "weight_hh_l0"),
}


@pytest.mark.parametrize("kind", COMPUTED)
def test_of_a_computed_matrix_that_is_taken_which_acts(kind):
    module, x, y = Plain(), draw(T, B, N_X), draw(T, B, N_Y, seed=2)
    COMPUTED[kind](module)
    module(x)  # norms estimate themselves in training
    module.eval()
    right = module(x).detach()
    W = array(module.rnn.weight_hh_l0)
    module.train()
    state = {name: t.clone() for name, t in module.state_dict().items()}
    trials = evaluation(module, "rnn.weight_hh_l0", x, y)
    np.testing.assert_allclose(trials.W_hh, W, rtol=1e-6)
    matrices = [W, ordered_schur(W).ablate({"RR", "CR", "CC"}), array(draw(N, N, seed=3))]
    expected = [score(loop(module, x, M), array(y)) for M in matrices]
    np.testing.assert_allclose(trials.scores(matrices), expected, rtol=1e-5)
    assert not np.isclose(expected[0], expected[2])
    read_out = array(trials.states(matrices[2])) @ array(module.readout.weight).T + array(module.readout.bias)
    np.testing.assert_allclose(read_out, loop(module, x, matrices[2]), atol=1e-5)
    assert all(torch.equal(t, state[name]) for name, t in module.state_dict().items()) and module.training
    torch.testing.assert_close(module.eval()(x), right)


@pytest.mark.parametrize("kind", COMPUTED)
def test_the_parts_of_a_computed_matrix_are_refused_with_its_name(kind):
    module, x, y = Plain(), draw(T, B, N_X), draw(T, B, N_Y, seed=2)
    COMPUTED[kind](module)
    parts = [n for n in module.state_dict() if "weight_hh" in n and n != "rnn.weight_hh_l0"]
    assert parts
    for part in parts:
        with pytest.raises(ValueError, match=f"{part} is only a part of .*: name rnn.weight_hh_l0"):
            evaluation(module, part, x, y)
    with pytest.raises(ValueError, match=r"matrices are .*rnn.weight_hh_l0 \(6, 6\)") as error:
        evaluation(module, "rnn.weight", x, y)
    assert not [part for part in parts if part in str(error.value)]


def test_a_gate_of_a_normalised_layer_is_that_of_the_matrix_that_acts():
    gru, x = nn.GRU(N_X, N), draw(T, B, N_X)
    parametrizations.weight_norm(gru, "weight_hh_l0")
    with torch.no_grad():
        gru.parametrizations.weight_hh_l0.original0.mul_(3)
    trials = evaluation(gru, "weight_hh_l0", x, draw(T, B, N), forward=lambda m, x: m(x)[0], gate="new")
    torch.testing.assert_close(trials.W_hh.float(), gru.weight_hh_l0[2 * N :].detach())
    plain = nn.GRU(N_X, N)
    plain.load_state_dict({n: getattr(gru, n).detach() for n in plain.state_dict()})
    other = evaluation(plain, "weight_hh_l0", x, draw(T, B, N), forward=lambda m, x: m(x)[0], gate="new")
    np.testing.assert_allclose(trials.scores([np.eye(N)]), other.scores([np.eye(N)]), rtol=1e-6)


class Rate(nn.Module):
    """r = tanh(v), v ← (1 − a) v + a (E r + V x), E computed from a parameter by the model's own code."""

    def __init__(self, compute, transposed=False):
        super().__init__()
        self.weight, self.V = nn.Parameter(draw(N, N) / 2), nn.Parameter(draw(N, N_X, seed=4))
        self.signs = torch.ones(N, N)
        self.signs[:, 4:] = -1
        self.signs.fill_diagonal_(0)
        self.left, self.right = nn.Parameter(draw(N, 2, seed=5)), nn.Parameter(draw(N, 2, seed=6))
        self.compute, self.transposed = compute, transposed

    def forward(self, x):
        v, outputs, E = x.new_zeros(x.shape[1], N), [], self.compute(self)
        for x_t in x:
            v = 0.8 * v + 0.2 * (v.tanh() @ (E if self.transposed else E.T) + x_t @ self.V.T)
            outputs.append(v[:, :N_Y])
        return torch.stack(outputs)


def loop_rate(module, x, E):
    v, outputs = np.zeros((x.shape[1], N)), []
    for x_t in array(x):
        v = 0.8 * v + 0.2 * (np.tanh(v) @ E.T + x_t @ array(module.V).T)
        outputs.append(v[:, :N_Y])
    return np.array(outputs)


def in_place(m):
    E = m.weight.abs()
    E.mul_(m.signs)
    return E


OWN = {
    "Dale": lambda m: m.weight.abs() * m.signs,
    "Dale, in place": in_place,
    "mask": lambda m: m.signs * m.weight,
    "no diagonal": lambda m: m.weight - m.weight.diag().diag(),
    "softplus": lambda m: nn.functional.softplus(m.weight),
    "gains": lambda m: m.weight * torch.linspace(1, 2, N)[:, None],
    "norm": lambda m: m.weight / m.weight.norm(dim=1, keepdim=True),
    "exponential": lambda m: torch.matrix_exp(m.weight - m.weight.T),
    "part": lambda m: torch.where(m.weight > 0, m.weight, 0.1 * m.weight),
    "signs from the right": lambda m: m.weight @ m.signs[0].sub(0.5).diag(),
    "twice": lambda m: 0.5 * (m.weight @ m.weight),
    "mixed": lambda m: (m.V @ m.V.T) @ m.weight,
}


@pytest.mark.parametrize("kind", [*OWN, "Dale, in place, from the left", "low rank", "low rank, from the left"])
def test_a_matrix_that_the_models_own_code_computes_is_swapped_or_asked_for(kind):
    compute = OWN.get(kind.removesuffix(", from the left"), lambda m: m.left @ m.right.T / N)
    module, x, y = Rate(compute, kind.endswith("left")), draw(T, B, N_X), draw(T, B, N_Y, seed=2)
    effective = (lambda m: compute(m).T) if kind.endswith("left") else compute
    E = array(effective(module))
    trials = evaluation(module, "weight", x, y, effective=effective)
    np.testing.assert_allclose(trials.W_hh, E, rtol=1e-6)
    matrices = [E, ordered_schur(E).ablate({"RR", "CR", "CC"}), array(draw(N, N, seed=3))]
    expected = [score(loop_rate(module, x, M), array(y)) for M in matrices]
    np.testing.assert_allclose(trials.scores(matrices), expected, rtol=1e-5)
    assert not np.isclose(expected[0], expected[2])
    if "rank" not in kind:
        with pytest.raises(ValueError, match="multiplies not with weight but with .* of it: give effective="):
            evaluation(module, "weight", x, y)
        # the user's word that the parameter is meant counts
        trusted = evaluation(module, "weight", x, y, effective=lambda m: m.weight)
        M = draw(N, N, seed=3)
        with torch.no_grad():
            module.weight.copy_(M)
        np.testing.assert_allclose(trusted.scores([M]), score(array(module(x)), array(y)), rtol=1e-5)
    else:
        with pytest.raises(ValueError, match=r"square, got \(6, 2\) from left; .*give effective="):
            evaluation(module, "left", x, y)


def test_a_factor_that_is_never_multiplied_out_or_another_step_of_the_computation_is_refused():
    x, y = draw(T, B, N_X), draw(T, B, N_Y, seed=2)

    def factors(module, x):
        v, outputs = x.new_zeros(x.shape[1], N), []
        for x_t in x:
            v = v + 0.2 * ((v @ module.right) @ module.left.T + x_t @ module.V.T)
            outputs.append(v[:, :N_Y])
        return torch.stack(outputs)

    with pytest.raises(ValueError, match=r"no run forms it as one matrix, as in \(h @ n\) @ m.T: give a forward"):
        evaluation(Rate(None), "left", x, y, forward=factors, effective=lambda m: m.left @ m.right.T)
    with pytest.raises(ValueError, match="multiplies not with weight but with mul of it"):
        evaluation(Rate(OWN["Dale"]), "weight", x, y, effective=lambda m: m.weight.abs())
    with pytest.raises(ValueError, match="no run forms it as one matrix"):
        evaluation(Plain(), "rnn.weight_hh_l0", x, y, effective=lambda m: 2 * m.rnn.weight_hh_l0)
    with pytest.raises(ValueError, match="real matrix, got NoneType"):
        evaluation(Rate(OWN["Dale"]), "weight", x, y, effective=lambda m: None)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: Rate.forward(m, x),
        lambda m, x: Rate.forward(m, x) * (m.weight > 1e9).any().logical_not(),
        lambda m, x: torch.stack([(m.weight * x_t[:, None, :1]).sum(-1)[:, :N_Y] for x_t in x]),
    ],
)
@pytest.mark.parametrize("n_trials", [B, N])
def test_a_matrix_that_acts_as_it_stands_or_times_a_number_is_taken(forward, n_trials):
    module, x, y = Rate(lambda m: 0.5 * m.weight), draw(T, n_trials, N_X), draw(T, n_trials, N_Y, seed=2)
    trials = evaluation(module, "weight", x, y, forward=forward)
    np.testing.assert_allclose(trials.intact, score(array(forward(module, x)), array(y)), rtol=1e-5)


@pytest.mark.parametrize("n_trials", [B, N])
def test_a_matrix_whose_transpose_acts_is_warned_of_and_its_transpose_taken(n_trials):
    module, x, y = (
        Rate(lambda m: m.weight, transposed=True),
        draw(T, n_trials, N_X),
        draw(T, n_trials, N_Y, seed=2),
    )
    with pytest.warns(UserWarning, match=r"h @ W, so that its transpose acts.*module.weight.T"):
        evaluation(module, "weight", x, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "weight is multiplied")
        trials = evaluation(module, "weight", x, y, effective=lambda m: m.weight.T)
        evaluation(Rate(lambda m: m.weight), "weight", x, y)
    E = array(module.weight).T
    np.testing.assert_allclose(trials.W_hh, E, rtol=1e-6)
    matrices = [E, ordered_schur(E).ablate({"CR"}), array(draw(N, N, seed=3))]
    expected = [score(loop_rate(module, x, M), array(y)) for M in matrices]
    np.testing.assert_allclose(trials.scores(matrices), expected, rtol=1e-5)


def test_a_sparse_matrix_is_refused():
    module = Rate(lambda m: m.weight.to_dense())
    module.weight = nn.Parameter(draw(N, N).to_sparse())
    with pytest.raises(ValueError, match="real matrix, got shape .*sparse"):
        evaluation(module, "weight", draw(T, B, N_X), draw(T, B, N_Y))


def test_a_matrix_on_which_the_outputs_do_not_depend_is_warned_of():
    module = Rate(lambda m: m.left @ m.right.T)
    with pytest.warns(UserWarning, match="outputs do not depend on weight"):
        evaluation(module, "weight", draw(T, B, N_X), draw(T, B, N_Y))


def test_a_module_that_answers_differently_when_run_twice_is_refused():
    module = Plain()
    module.register_buffer("calls", torch.zeros(1))

    def counting(m, x):
        m.calls += 1
        return m(x) * m.calls

    def of_an_attribute(m, x):
        m.count += 1
        return m(x) * m.count

    def of_the_last_state(m, x):
        m.kept = m.rnn(x, m.kept)[1]
        return m.readout(m.rnn(x, m.kept)[0])

    noisy = lambda m, x: m(x) + np.random.default_rng().normal()  # noqa: E731
    for forward in (counting, of_an_attribute, of_the_last_state, noisy):
        module.count, module.kept = 0, None
        for name in ("rnn.weight_hh_l0", "weight"):
            given = {"effective": lambda m: m.rnn.weight_hh_l0} if name == "weight" else {}
            with pytest.raises(ValueError, match="answers differently when run twice"):
                evaluation(module, name, draw(T, B, N_X), draw(T, B, N_Y), forward=forward, **given)


def test_a_state_that_is_reset_or_noise_from_the_seed_is_no_other_answer():
    module, x, y = Plain(), draw(T, B, N_X), draw(T, B, N_Y, seed=2)

    def counting(m, x):
        m.count = getattr(m, "count", 0) + 1
        return m(x) + 0 * m.count

    for forward in (counting, lambda m, x: m(x) + 0.1 * torch.randn(N_Y)):
        assert np.isfinite(evaluation(module, "rnn.weight_hh_l0", x, y, forward=forward).intact)
    assert not hasattr(module, "count")


@pytest.mark.parametrize("gate", ["input", "forget", "cell", "output", 0, None, slice(0, 4)])
def test_a_projected_lstm_has_no_square_matrix(gate):
    module, x = nn.LSTM(N_X, 8, proj_size=4), draw(T, B, N_X)
    with pytest.raises(ValueError, match="square.*each of 4 gates has 8 rows of 4 columns"):
        evaluation(module, "weight_hh_l0", x, draw(T, B, 4), forward=lambda m, x: m(x)[0], gate=gate)


def test_the_input_matrix_of_a_layer_is_no_recurrent_one():
    module = Plain(num_layers=2)
    with pytest.raises(ValueError, match="weight_ih_l1 multiplies the inputs"):
        evaluation(module, "rnn.weight_ih_l1", draw(T, B, N_X), draw(T, B, N_Y))


@pytest.mark.parametrize("direction", ["", "_reverse"])
def test_each_direction_of_a_layer_is_swapped_alone(direction):
    module, x, y = Plain(bidirectional=True), draw(T, B, N_X), draw(T, B, N_Y, seed=2)
    M = array(draw(N, N, seed=3))
    trials = evaluation(module, f"rnn.weight_hh_l0{direction}", x, y)
    halves = []
    for suffix, order in (("", 1), ("_reverse", -1)):
        p = {
            n: array(getattr(module.rnn, f"{n}_l0{suffix}"))
            for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        W = M if suffix == direction else p["weight_hh"]
        h, states = np.zeros((B, N)), []
        for x_t in array(x)[::order]:
            h = np.tanh(x_t @ p["weight_ih"].T + h @ W.T + p["bias_ih"] + p["bias_hh"])
            states.append(h)
        halves.append(np.array(states)[::order])
    outputs = np.concatenate(halves, -1) @ array(module.readout.weight).T + array(module.readout.bias)
    np.testing.assert_allclose(trials.scores([M]), score(outputs, array(y)), rtol=1e-5)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("n_trials", [B, T])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_one_output_without_its_axis_is_one_output_of_all_trials(batch_first, n_trials, slow, kept):
    module = Plain(1, True, batch_first=batch_first)
    if slow:
        module.register_buffer("unused", torch.zeros(1))
    x, y = draw(T, n_trials, N_X), draw(T, n_trials, seed=2)
    expected = score(loop(module, x), array(y)[..., None])
    given = (x.transpose(0, 1), y.T) if batch_first else (x, y)
    trials = evaluation(module, "rnn.weight_hh_l0", given[0], given[1][..., None] if kept else given[1])
    assert (trials.n_trials, trials.n_outputs) == (n_trials, 1)
    np.testing.assert_allclose(trials.intact, expected, rtol=1e-5)


def test_outputs_of_two_axes_are_those_of_the_last_step_where_a_longer_input_does_not_lengthen_them():
    module = Plain(T, batch_first=True)
    x, y = draw(B, T, N_X), draw(B, T, seed=2)  # as many outputs as steps
    trials = evaluation(module, "rnn.weight_hh_l0", x, y, forward=lambda m, x: m(x)[:, -1])
    assert (trials.n_trials, trials.n_outputs) == (B, T)
    last = loop(module, x.transpose(0, 1))[-1:]
    np.testing.assert_allclose(trials.intact, score(last, array(y)[None]), rtol=1e-5)
    other = evaluation(module, "rnn.weight_hh_l0", (x, 1), y[:, :2], forward=lambda m, x: m(x[0])[:, -1, :2])
    assert (other.n_trials, other.n_outputs) == (B, 2)
    with pytest.raises(ValueError, match=r"may be \(T, B\) or \(B, N_y\): give forward="):
        evaluation(module, "rnn.weight_hh_l0", (x,), y, forward=lambda m, x: m(x[0])[:, -1])
    with pytest.raises(ValueError, match=r"may be \(T, B\) or \(B, N_y\)"):  # one trial without its axis
        evaluation(Plain(N_X), "rnn.weight_hh_l0", draw(T, N_X), draw(T, N_X))


LENGTHS = [9, 3, 5, 8, 4, 9, 6]
VALID = np.arange(T)[:, None] < np.array(LENGTHS)


def masked_cases():
    y = draw(T, B, N_Y, seed=2)
    mask = torch.from_numpy(VALID)
    yield "mask", y, mask
    yield "mask of outputs", y, mask[..., None].expand(T, B, N_Y)
    yield "mask of numbers", y, mask.float()
    yield "NaN", y.where(mask[..., None], float("nan")), None


@pytest.mark.parametrize("case", list(masked_cases()), ids=lambda case: case[0])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["network", "module"])
def test_steps_that_are_not_scored_leave_the_pooled_fvu_of_the_others(case, batch_first, kind):
    _, y, mask = case
    module, x = Plain(batch_first=batch_first), draw(T, B, N_X)
    expected = score(loop(module, x), np.where(VALID[..., None], array(draw(T, B, N_Y, seed=2)), np.nan))
    arguments = [x, y, mask]
    if batch_first:
        arguments = [t if t is None else t.transpose(0, 1) for t in arguments]
    model, name = module, "rnn.weight_hh_l0"
    if kind == "network":
        model, name = Network.from_torch(module.rnn, module.readout), "W_hh"
    trials = evaluation(model, name, *arguments[:2], batch_first=batch_first, mask=arguments[2])
    np.testing.assert_allclose(trials.intact, expected, rtol=1e-5)
    by_trial = trials.trial_scores([trials.W_hh])
    assert by_trial.shape == (1, B)
    np.testing.assert_allclose(by_trial.mean(), expected, rtol=1e-5)
    np.testing.assert_array_equal(is_scored(trials.targets).all(-1), VALID)
    assert np.isfinite(profile_of(trials).low[1:]).all()


@pytest.mark.parametrize("metric", ["accuracy", "cross_entropy"])
def test_classes_that_are_not_scored_leave_the_pooled_score_of_the_others(metric):
    module, x = Plain(), draw(T, B, N_X)
    classes = torch.randint(0, N_Y, (T, B), generator=torch.Generator().manual_seed(3))
    y = loop(module, x)
    right, losses = [], []
    for t, b in zip(*np.nonzero(VALID), strict=True):
        right.append(y[t, b].argmax() == int(classes[t, b]))
        losses.append(np.log(np.exp(y[t, b]).sum()) - y[t, b, classes[t, b]])
    expected = np.mean(right if metric == "accuracy" else losses)
    mask = torch.from_numpy(VALID)
    for targets, given in ((classes, mask), (classes.where(mask, -100), None)):
        trials = evaluation(module, "rnn.weight_hh_l0", x, targets, metric, mask=given)
        np.testing.assert_allclose(trials.intact, expected, rtol=1e-5)
    shares = [np.mean([int(classes[t, b]) == k for t, b in zip(*np.nonzero(VALID), strict=True)]) for k in (0, 1)]
    assert METRICS["accuracy"].chance(trials.targets, N_Y) == pytest.approx(max(shares))
    with pytest.raises(ValueError, match=r"classes 0 to 1.*-100, or a mask.*got -1 to 1"):
        evaluation(module, "rnn.weight_hh_l0", x, classes.where(mask, -1), metric)


def test_signs_that_are_not_scored_leave_the_share_of_the_others():
    outputs, signs = draw(T, B, N_Y), torch.where(draw(T, B, N_Y, seed=2) > 0, 1.0, -1.0)
    kept = VALID[..., None] & np.ones(N_Y, bool)
    expected = (np.sign(array(outputs)) == array(signs))[kept].mean()
    targets = masked(signs, torch.from_numpy(VALID))
    np.testing.assert_allclose(METRICS["replay_accuracy"].score(outputs, targets), expected)


def test_a_metric_of_ones_own_sees_targets_as_given():
    module, x, seen = Plain(batch_first=True), draw(B, T, N_X), []

    def metric(outputs, targets):
        seen.append(targets)
        return (outputs - 1).square().mean((0, 2))

    for targets in (draw(B, T).double(), {"lengths": LENGTHS}, None, torch.full((B,), float("nan"))):
        evaluation(module, "rnn.weight_hh_l0", x, targets, metric)
        assert all(one is targets for one in seen) and seen
        seen.clear()
    with pytest.raises(ValueError, match="sees targets as given"):
        evaluation(module, "rnn.weight_hh_l0", x, draw(B, T), metric, mask=torch.ones(B, T))


def test_a_metric_that_cannot_leave_steps_out_is_refused_and_not_infinitely_wrong():
    absolute = Metric("absolute", "mean absolute error", lambda y, t: (y - t).abs().mean((-3, -1)))
    y = draw(T, B, N_Y).where(torch.from_numpy(VALID)[..., None], float("nan"))
    net = Network.from_torch(Plain().rnn, Plain().readout)
    METRICS["absolute"] = absolute
    try:
        with pytest.raises(ValueError, match="'absolute' gives NaN: it must leave out"):
            evaluation(net, "W_hh", draw(T, B, N_X), y, "absolute")
    finally:
        del METRICS["absolute"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(B, T), r"the targets' \(9, 7, 2\), or that without the last axis; got \(7, 9\)"),
        (torch.full((T, B), 0.5), "must be true"),
        (torch.zeros(T, B), "true somewhere"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        evaluation(Plain(), "rnn.weight_hh_l0", draw(T, B, N_X), draw(T, B, N_Y), mask=mask)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("good", [False, True])
def test_a_network_that_does_not_do_the_task_is_said_so_by_every_metric(metric, good):
    x = draw(T, 40, 2)
    net = Network(3 * torch.eye(2), torch.zeros(2, 2), (9 if good else -9) * torch.eye(2))
    y = {"fvu": 9 * (3 * x).tanh(), "replay_accuracy": x.sign()}.get(metric, x.argmax(-1))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trials = evaluation(net, "W_hh", x, y, metric)
    assert [str(w.message).partition(" (")[0] for w in said] == ["this network does not do the task"] * (not good)
    assert trials.does_task is good and (trials.skill > 0.5) is good
    table = profile_of(trials)
    assert table.attrs == {"skill": pytest.approx(trials.skill), "does_task": good}
    assert METRICS[metric].does_task(np.float64(trials.skill)) is good
    assert evaluation(net, "W_hh", x, y, lambda y, t: y.mean((0, 2))).does_task is None


def test_skill_is_measured_from_chance():
    ce, accuracy = METRICS["cross_entropy"], METRICS["accuracy"]
    targets = torch.tensor([[0, 0, 0, 1, -100]])
    assert ce.skill(np.log(5), targets, 5) == pytest.approx(0) and ce.skill(0.0, targets, 5) == 1
    assert accuracy.skill(0.75, targets, 2) == pytest.approx(0) and accuracy.skill(1.0, targets, 2) == 1
    assert accuracy.does_task(accuracy.skill(1.0, torch.zeros(1, 4), 2)) is None  # one class: nothing to do


def test_an_untrained_network_is_said_so_by_its_ablation_profile():
    net = Network(draw(9, 3) / 3, draw(9, 9) / 3, draw(3, 9) / 3)
    with pytest.warns(UserWarning, match="does not do the task"):
        table = ablation_profile(net, tasks.flip_flop(), n_trials=8)
    assert table.attrs["does_task"] is False


def degenerate():
    x = np.where(np.random.default_rng(0).random((10, 16, 1)) < 0.3, 1.0, -1.0)
    for name, W in {
        "dead": np.zeros((8, 8)),
        "delay line": np.eye(8, k=-1),
        "one unit": np.array([[0.9]]),
        "copies": np.full((8, 8), 0.1),
    }.items():
        yield name, W, x


@pytest.mark.parametrize(
    ("name", "W", "x"), list(degenerate()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_degenerate_networks_have_their_scores_without_a_warning(name, W, x):
    n = len(W)
    h, outputs, y = np.zeros((16, n)), [], np.roll(x, 1, 0)
    bare = []
    for x_t in x:
        h = np.tanh(x_t @ np.ones((1, n)) + h @ W.T)
        outputs.append(h.mean(-1, keepdims=True))
        bare.append(np.tanh(x_t @ np.ones((1, n))).mean(-1, keepdims=True))
    net = Network(torch.ones(n, 1), torch.from_numpy(W).float(), torch.ones(1, n) / n)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        trials = of_network(net, torch.from_numpy(x).float(), torch.from_numpy(y).float())
        table = profile_of(trials).set_index("removed")
    np.testing.assert_allclose(trials.intact, score(np.array(outputs), y), rtol=1e-5)
    everything = table.loc["RR+CR+CC"]
    if name == "delay line":
        assert everything.mass == pytest.approx(1)
        np.testing.assert_allclose(everything.score, score(np.array(bare), y), rtol=1e-5)
    elif name in ("dead", "one unit"):
        assert everything.mass == 0 and everything.delta == 0


def test_a_network_that_explodes_is_refused_without_a_warning_of_numpys():
    net = Network(torch.ones(8, 1), 2 * torch.eye(8), torch.ones(1, 8) / 8, activation="relu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="not all finite"):
            evaluation(net, "W_hh", torch.ones(1500, 4, 1), draw(1500, 4, 1))
        assert of_network(net, torch.ones(1500, 4, 1), draw(1500, 4, 1)).intact == np.inf


@pytest.mark.parametrize(
    ("n", "steps", "trials", "most"),
    [
        (2048, 2, 1, 4),  # 17 MB a matrix
        (64, 10_000, 100, 4),  # 256 MB of states
        (64, 100_000, 100, 1),  # 2.6 GB of states
        (64, 50, 64, 5000),
    ],
)
def test_few_matrices_at_a_time_are_run_where_they_or_their_states_are_large(n, steps, trials, most, monkeypatch):
    seen = []

    def rollout(net, inputs, W, free_steps=0):
        seen.append(len(W))
        return torch.zeros(len(W), 1, 1, 1)

    monkeypatch.setattr(subjects_module, "rollout", rollout)
    net = Network(torch.ones(n, 1), torch.zeros(n, n), torch.ones(1, n))
    x = torch.zeros(1, 1, 1).expand(steps, trials, 1)
    list(of_network(net, x, x).run(net.W_hh for _ in range(9)))
    assert sum(seen) == 9 and max(seen) == min(9, most)


def test_an_evaluation_knows_its_outputs():
    g = torch.Generator().manual_seed(0)
    net = Network(*(torch.randn(*shape, generator=g) for shape in ((9, 2), (9, 9), (2, 9))))
    trials = on_task(net, tasks.copy(2, 2, 6), 32)
    assert trials.n_outputs == 2 and trials.does_task is False
    assert trials.skill == pytest.approx((trials.intact - 0.5) / 0.5)
    (outputs,) = trials.outputs([trials.W_hh])
    assert trials.scored_by("fvu").intact == pytest.approx(float(fvu(outputs, trials.targets)))
