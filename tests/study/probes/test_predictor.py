"""The predictor where the answer is known: linear networks, small changes, saturation, other cells."""

import numpy as np
import pytest
import torch
from torch import nn

from schur_lib import Network, evaluation, tasks
from schur_lib.subjects import of_network, on_task
from study import cells
from study.probes.activity import active_mass
from study.probes.predicted_cells import cell_forms, departures
from study.probes.predictor import FORMS, carried, doses, forms, lag_shares, linear_states, predict

CHEAP = ("two_sided", "mean_slopes", "no_states")


def network(seed=0, n=6, n_x=2, n_y=2, scale=1.0, activation="tanh"):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    return Network(draw(n, n_x) * scale, draw(n, n) / n**0.5, draw(n_y, n), activation=activation)


def white(n_steps=12, n_trials=4000, n_x=2, seed=1, scale=1.0):
    g = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n_steps, n_trials, n_x, generator=g, dtype=torch.float64)


def of_its_own(net, inputs, free_steps=0):
    """A network whose targets are its own outputs: without an error that could go along with the departure."""
    probe = of_network(net, inputs, torch.zeros(1, inputs.shape[1], net.n_outputs), free_steps=free_steps)
    return of_network(net, inputs, next(probe.run([net.W_hh])), free_steps=free_steps)


def a_change(net, seed=3, size=0.3):
    return size * np.random.default_rng(seed).standard_normal(net.W_hh.shape)


def test_in_a_linear_network_the_prediction_is_the_harm():
    """A tanh network of tiny states is linear; only the form that carries with W is wrong there."""
    net = network(scale=1e-7)
    trials, dW = of_its_own(net, white()), a_change(net)
    (harm,) = trials.harms([trials.W_hh.numpy() - dW])
    found = predict(trials, [dW]).loc[0]
    assert [found[form] for form in CHEAP] == pytest.approx([harm] * 3, rel=1e-6)
    assert abs(found.intact_carries / harm - 1) > 0.1
    # white inputs: the weights alone know their second moments up to sampling, here 4,000 trials
    net = Network(net.W_xh, net.W_hh * 0.9 / np.abs(np.linalg.eigvals(net.W_hh)).max(), net.W_hy)
    trials = of_its_own(net, white(scale=0.01))
    (harm,) = trials.harms([trials.W_hh.numpy() - dW])
    assert predict(trials, [dW]).weights[0] == pytest.approx(harm, rel=0.03)


def test_of_a_steady_state_the_moments_are_enough_where_steps_have_nothing_to_do_with_each_other():
    """W = 0 but for what is removed: then states of different steps are independent, and W̃ carries nothing on."""
    net = network(scale=1e-4)
    W = 0.5 * torch.eye(6, dtype=torch.float64)
    trials = of_its_own(Network(net.W_xh, W, net.W_hy), white())
    found = predict(trials, [W.numpy()]).loc[0]
    assert found.moments == pytest.approx(found.two_sided, rel=1e-6)
    assert found.moments == pytest.approx(trials.harms([W - W])[0], rel=1e-6)


def test_the_recursion_is_the_derivative_of_the_outputs():
    """Against finite differences in float64, on a saturating network: outputs by the amount of ΔW."""
    net, inputs = network(scale=1.0), white(n_trials=20)
    trials, dW, small = of_its_own(net, inputs), a_change(net), 1e-5
    plus, minus = (next(trials.run([trials.W_hh + s * small * torch.from_numpy(dW)])) for s in (-1, 1))
    slope = (plus - minus) / (2 * small)
    by_hand = slope.square().sum(-1).mean(1)
    states = trials.states()
    # at an infinitesimal amount W̃ is W
    found = carried(1 - states**2, trials.W_hh, trials.acted_on() @ torch.from_numpy(dW).T, net.W_hy)
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)


def test_the_forms_against_naive_loops():
    net, inputs = network(seed=5, scale=0.7), white(n_steps=5, n_trials=3)
    trials, dW = of_its_own(net, inputs), a_change(net)
    W, Wx, Wy = (a.numpy() for a in (net.W_hh, net.W_xh, net.W_hy))
    x, y = inputs.numpy(), trials.targets.numpy()
    h = np.zeros((6, 3, 6))
    for t in range(5):
        h[t + 1] = np.tanh(x[t] @ Wx.T + h[t] @ W.T)
    D = 1 - h[1:] ** 2
    mean, variance = D.mean((0, 1)), np.square(y - y.mean((0, 1))).sum(-1).mean()
    two = inside = 0.0
    for b in range(3):
        e = f = np.zeros(6)
        for t in range(5):
            e = D[t, b] * ((W - dW) @ e - dW @ h[t, b])
            f = D[t, b] * (W @ f - dW @ h[t, b])
            two, inside = two + np.sum((Wy @ e) ** 2) / 15, inside + np.sum((Wy @ f) ** 2) / 15
    C = np.einsum("tbi,tbj->ij", h[:-1], h[:-1]) / 15
    A, moments, M = mean[:, None] * (W - dW), 0.0, Wy.T @ Wy
    for age in range(5):
        read = mean[:, None] * dW
        moments += (5 - age) / 5 * np.trace(M @ read @ C @ read.T)
        M = A.T @ M @ A
    rho = max(1, np.abs(np.linalg.eigvals(W)).max())
    power = own = 0.0
    for lag in range(5):
        G = [Wy @ np.linalg.matrix_power(V / rho, lag) @ Wx for V in (W, W - dW)]
        share = (5 - lag) / 5
        power, own = power + share * np.sum((G[1] - G[0]) ** 2), own + share * np.sum(G[0] ** 2)
    found = predict(trials, [dW]).loc[0]
    assert found.active_mass == pytest.approx(active_mass(dW, W, C), rel=1e-10)
    assert found.two_sided == pytest.approx(two / variance, rel=1e-10)
    assert found.intact_carries == pytest.approx(inside / variance, rel=1e-10)
    assert found.moments == pytest.approx(moments / variance, rel=1e-8)
    assert found.weights == pytest.approx(power / own, rel=1e-10)


def test_where_saturation_is_built_in_the_prediction_fails_and_small_doses_do_not():
    """A bistable unit that one removed coupling holds: the flip is no small departure."""
    W = torch.tensor([[3.0, 0.0], [0.0, 0.5]], dtype=torch.float64)
    net = Network(torch.tensor([[1.0], [0.0]]).double(), W, torch.tensor([[1.0, 0.0]]).double())
    inputs = torch.zeros(12, 200, 1, dtype=torch.float64)
    inputs[0] = torch.sign(white(1, 200, 1)[0])
    trials = of_its_own(net, inputs)
    hold = np.array([[2.5, 0.0], [0.0, 0.0]])  # leaves 0.5: the unit forgets
    (harm,) = trials.harms([W.numpy() - hold])
    found = predict(trials, [hold, 0.01 * hold]).two_sided
    assert harm > 0.5 and found[0] < 0.05
    (little,) = trials.harms([W.numpy() - 0.01 * hold])
    assert found[1] == pytest.approx(little, rel=0.2)


def test_a_block_that_the_readout_does_not_see_or_the_states_do_not_meet_is_predicted_safe():
    W = torch.diag(torch.tensor([0.9, 0.8, 0.7, 0.6])).double()
    W[0, 1] = 0.5  # seen and met
    W[3, 1] = 0.5  # met, but nothing leads from unit 3 to the readout
    W[0, 2] = 0.5  # seen, but unit 2 is silent
    net = Network(torch.eye(4)[:, 1:2].double(), W, torch.eye(4)[:1].double())
    trials = of_its_own(net, white(n_x=1))
    parts = []
    for i, j in ((0, 1), (3, 1), (0, 2)):
        dW = np.zeros((4, 4))
        dW[i, j] = W[i, j]
        parts.append(dW)
    found = predict(trials, parts)
    seen = [form for form in FORMS if form != "moments"]
    found = found[list(FORMS)]
    assert (found.loc[0] > 0.01).all()
    assert (found.loc[1] == 0).all() and found.loc[2, seen].tolist() == [0] * len(seen)
    assert found.loc[2, "moments"] < 1e-10


@pytest.mark.parametrize(("n_steps", "n_scored", "n_driven"), [(6, 6, 6), (7, 3, 4), (5, 2, 5)])
def test_lags_are_counted_as_pairs_of_steps(n_steps, n_scored, n_driven):
    by_hand = [
        sum(0 <= t - k < n_driven for t in range(n_steps - n_scored, n_steps)) / n_scored for k in range(n_steps)
    ]
    assert lag_shares(n_steps, n_scored, n_driven).tolist() == pytest.approx(by_hand)


def test_linear_states_by_hand():
    W, drive = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[[1.0, 0.0]]])
    found = linear_states(torch.tensor([1.0, 0.5]), W, drive, 3)
    assert found[:, 0].tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]


def test_relu_slopes_and_biases_are_those_of_the_network():
    net = network(seed=2, activation="relu")
    net = Network(net.W_xh, net.W_hh, net.W_hy, b_h=torch.full((6,), 0.3).double(), activation="relu")
    trials = of_its_own(net, white(n_trials=50))
    dW = a_change(net, size=1e-6)  # so small that no unit is switched
    (harm,) = trials.harms([trials.W_hh.numpy() - dW])
    assert predict(trials, [dW]).two_sided[0] == pytest.approx(harm, rel=1e-3)


def test_forms_puts_predictions_beside_what_other_trials_measure():
    net, task = network(n=9, n_x=3, n_y=3, scale=0.3), tasks.flip_flop(steps=6)
    see, measure = (on_task(net, task, 32, seed, metric="fvu") for seed in (0, 1))
    table = forms(see, measure, alphas=(0.5, 0.9))
    assert len(table) == 14 and table.alpha.tolist() == [0.5] * 7 + [0.9] * 7
    row = table[(table.alpha == 0.9) & (table.removed == "CR+CC")].iloc[0]
    ablated = see.form.ablate({"CR", "CC"}, 0.9)
    assert row.delta == pytest.approx(measure.harms([ablated])[0], rel=1e-9)
    dW = see.form.part(see.form.mask({"CR", "CC"}, 0.9))
    assert row[list(FORMS)].tolist() == pytest.approx(predict(see, [dW]).loc[0, list(FORMS)].tolist())
    assert row.score == measure.intact and row.mass == see.form.removed_mass({"CR", "CC"}, 0.9)


def test_doses_end_where_the_block_is_removed_and_begin_where_first_order_is_all():
    net, task = network(n=9, n_x=3, n_y=3), tasks.flip_flop(steps=6)
    trials = on_task(net, task, 32, metric="fvu")
    table = doses(trials, (1e-4, 1.0), alpha=0.5).set_index(["removed", "dose"])
    assert table.delta["CC", 1.0] == pytest.approx(trials.harms([trials.form.ablate({"CC"}, 0.5)])[0])
    small = table.xs(1e-4, level="dose")
    np.testing.assert_allclose(small.two_sided, small.moved, rtol=1e-3)


def test_what_cannot_be_predicted_is_refused():
    torch.manual_seed(0)

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.core, self.readout = nn.GRU(2, 5), nn.Linear(5, 1)

        def forward(self, x):
            return self.readout(self.core(x)[0])

    trials = evaluation(Gated(), "core.weight_hh_l0", torch.randn(6, 4, 2), torch.randn(6, 4, 1), gate="new")
    with pytest.raises(ValueError, match="needs a schur_lib.Network and targets that are numbers, got Gated"):
        predict(trials, [np.eye(5)])


@pytest.mark.parametrize("kind", list(cells.LAYERS))
def test_the_departure_of_any_cell_is_the_derivative_of_its_run(kind):
    torch.manual_seed(1)
    core = cells.Model(kind, 5).double().core
    if kind == "low rank":
        core.U, core.V = (nn.Parameter(torch.randn(5, 3).double() / 2) for _ in range(2))
        core.train().forward(torch.zeros(1, 1, 3).double())
    else:
        nn.init.normal_(core.weight_hh_l0, std=0.4)
    core.eval()
    inputs, dW = torch.randn(7, 6, 3).double(), torch.randn_like(core.weight_hh_l0)
    small, runs = 1e-5, []
    with torch.no_grad():
        own = core.weight_hh_l0.detach().clone()
        for sign in (-1, 1):
            core.weight_hh_l0.copy_(own + sign * small * dW)
            runs.append(core(inputs)[0])
        core.weight_hh_l0.copy_(own)
        found = departures(core, inputs, small * dW) / small
    np.testing.assert_allclose(found, (runs[0] - runs[1]) / (2 * small), atol=2e-3)


def test_a_plain_cell_departs_as_the_recursion_says():
    torch.manual_seed(2)
    model = cells.Model("biases", 6).double()
    inputs = torch.randn(9, 5, 3).double()
    net = Network.from_torch(model.core, model.readout)
    trials = of_its_own(net, inputs)
    dW = a_change(net)
    with torch.no_grad():
        e = departures(model.core, inputs, torch.from_numpy(dW)) @ model.readout.weight.T
    states = trials.states()
    found = carried(1 - states**2, trials.W_hh - dW, trials.acted_on() @ torch.from_numpy(dW).T, net.W_hy)
    np.testing.assert_allclose(e.detach().square().sum(-1).mean(1), found.detach(), rtol=1e-10)


def test_cells_are_measured_gate_by_gate():
    models = [(kind, 0, cells.train_one(kind, 0, n_h=6, steps=2)) for kind in ("GRU", "leaky")]
    table = cell_forms(models, 16)
    assert set(table.matrix[table.cell == "GRU"]) <= {"reset", "update", "new"}
    assert set(table.matrix[table.cell == "leaky"]) == {"W"}
    row = table[table.cell == "GRU"].iloc[-1]
    trials = dict(cells.evaluations("GRU", models[0][2].double(), 16))[row.matrix]
    assert row.delta == pytest.approx(trials.harms([trials.form.ablate({row.removed})])[0], rel=1e-6)
    assert row.score == pytest.approx(trials.intact) and (table.two_sided > 0).all()


def test_a_cells_prediction_is_a_share_of_the_targets_variance():
    model = cells.train_one("biases", 0, n_h=6, steps=2).double()
    table = cell_forms([("biases", 0, model)], 16).set_index("removed")
    [(_, trials)] = cells.evaluations("biases", model, 16)
    for name in table.index:
        dW = torch.from_numpy(trials.form.part(trials.form.couplings()[name]))
        e = departures(model.core, trials.inputs, dW).detach() @ model.readout.weight.detach().T
        y = trials.targets
        wanted = e.square().sum() / (y - y.mean((0, 1))).square().sum()
        assert table.two_sided[name] == pytest.approx(wanted.item(), rel=1e-9)
