"""Fixed points and the Schur form of the Jacobian there, on cells whose answer is known."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib.dynamics import rollout
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.specs import Spec
from schur_lib.subjects import evaluation, on_task
from schur_lib.tasks import flip_flop, held_out
from study import catalogue, cells
from study.probes import fixed_points

PULSED = flip_flop(pulse_probability=0.2, first_pulse=True)  # a trial without a pulse would stay at the origin


def on(model, n_trials):
    """A network or module on held-out flip-flop trials."""
    if isinstance(model, Network):
        return on_task(model, PULSED, n_trials)
    inputs, targets = (x.to(model.readout.weight) for x in held_out(PULSED, n_trials))
    gate = None if isinstance(model.core, cells.Leaky) else 0
    return evaluation(model, "core.weight_hh_l0", inputs, targets, gate=gate)


def linearised(trials, draws):
    rest = fixed_points.Rest(trials)
    return fixed_points.points_table(rest), fixed_points.effects_table(rest, draws)


def tanh_network(W_hh, seed=0, scale=1.0):
    g = torch.Generator().manual_seed(seed)
    W_hh = torch.as_tensor(W_hh, dtype=torch.float64)
    n = len(W_hh)
    W_xh = scale * torch.randn(n, 3, generator=g, dtype=torch.float64)
    return Network(W_xh, W_hh, torch.randn(3, n, generator=g, dtype=torch.float64) / scale)


def cell(kind, n=5, seed=0):
    torch.manual_seed(seed)
    return cells.Model(kind, n).double().eval()


def silent(kind, n=4):
    """A cell all of whose weights are zero."""
    model = cell(kind, n)
    with torch.no_grad():
        for parameter in model.core.parameters():
            parameter.zero_()
    return model


def numerical_jacobian(function, x, size=1e-6):
    steps = size * np.eye(len(x))
    moved = [(function(x + e) - function(x - e)) / (2 * size) for e in steps]
    return np.stack(moved, axis=1)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_step_is_that_of_the_module(kind):
    model, inputs = cell(kind), torch.randn(6, 3, 3, dtype=torch.float64)
    step, read, size = fixed_points.cell_of(on(model, 2))
    states = fixed_points.run(step, torch.zeros(3, size, dtype=torch.float64), inputs)
    np.testing.assert_allclose(read(states), model(inputs).detach(), atol=1e-12)


def test_the_step_of_a_network_is_that_of_the_rollout():
    net, inputs = tanh_network(np.eye(4) / 2), torch.randn(6, 3, 3, dtype=torch.float64)
    biased = replace(net, b_h=torch.ones(4).double(), b_y=torch.ones(3).double(), activation="relu")
    for each in (net, biased):
        step, read, size = fixed_points.cell_of(on(each, 2))
        states = fixed_points.run(step, torch.zeros(3, size, dtype=torch.float64), inputs)
        np.testing.assert_allclose(read(states), rollout(each, inputs), atol=1e-12)


def test_other_cells_are_refused():
    with pytest.raises(ValueError, match="GRU or LSTM and a Linear; got"):
        fixed_points.cell_of(on(cell("leaky"), 2))


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_jacobian_is_the_derivative_of_the_step_without_input(kind):
    step, _, size = fixed_points.cell_of(on(cell(kind), 2))
    x, u = np.random.default_rng(0).normal(size=size), torch.zeros(3).double()
    expected = numerical_jacobian(lambda x: step(torch.from_numpy(x), u).numpy(), x)
    np.testing.assert_allclose(fixed_points.jacobian_at(step, x, 3), expected, atol=1e-8)


def test_at_rest_the_jacobian_of_a_tanh_network_without_biases_is_W():
    W = np.random.default_rng(1).normal(size=(6, 6))
    step, *_ = fixed_points.cell_of(on(tanh_network(W), 2))
    assert np.array_equal(fixed_points.jacobian_at(step, np.zeros(6), 3), W)


def test_the_three_fixed_points_of_a_bistable_unit_are_found_and_counted_once():
    # x = tanh(2 x) at 0 and ± 0.957504
    step, *_ = fixed_points.cell_of(on(tanh_network([[2.0]]), 2))
    starts = np.array([[0.9], [-0.8], [0.0], [0.7], [-0.95]])
    points, comes_to = fixed_points.fixed_points(step, starts, 3)
    np.testing.assert_allclose(points[:, 0], [-0.9575040, 0, 0.9575040], atol=1e-7)
    assert comes_to.tolist() == [2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    "step",
    [
        lambda x, u: x + 1e-3,  # never rests
        lambda x, u: -x,  # a cycle of two, around a point that is none of its states
        # no point, but as slow as 5e-8 where two have been: least squares took the place for fixed
        lambda x, u: x + x**2 + 5e-8,
    ],
    ids=["drift", "cycle", "ghost"],
)
def test_a_cell_that_does_not_rest_has_no_point(step):
    points, comes_to = fixed_points.fixed_points(step, np.full((2, 1), -0.5), 3)
    assert points.shape == (0, 1) and comes_to.tolist() == [-1, -1]


def test_points_on_a_line_are_those_that_the_starts_come_to_one_where_they_are_close():
    starts = np.array([[1.016, 3.0], [0.0, 1.0], [1.0, 1.0], [1.008, -2.0]])
    points, comes_to = fixed_points.fixed_points(lambda x, u: x * x.new_tensor([1, 0.5]), starts, 3)
    np.testing.assert_allclose(points, [[0, 0], [1.016, 0]], atol=1e-12)
    assert comes_to.tolist() == [1, 0, 1, 1]


def test_the_points_do_not_depend_on_the_order_of_the_starts():
    step, *_ = fixed_points.cell_of(on(tanh_network(2 * np.eye(3)), 2))
    starts = np.random.default_rng(0).normal(size=(60, 3))
    points, comes_to = fixed_points.fixed_points(step, starts, 3)
    again, came_to = fixed_points.fixed_points(step, starts[::-1].copy(), 3)
    assert len(points) == 8 and np.array_equal(np.sign(points[comes_to]), np.sign(starts))
    np.testing.assert_allclose(again, points, atol=1e-12)
    assert np.array_equal(came_to[::-1], comes_to)


def test_rounding_does_not_decide_the_order():
    keys = np.array([[1, 0.5], [0, 3.0], [1, -0.5], [0, 2.0]])
    for noise in np.random.default_rng(0).normal(scale=1e-9, size=(20, 4, 2)):
        assert fixed_points.in_order(keys + noise).tolist() == [3, 1, 2, 0]


def test_the_random_changes_of_a_point_do_not_depend_on_the_others():
    names = np.array([[0, 0, 0], [-1, -1, 1], [-1, -1, 1], [1, 1, 1]])
    drawn = fixed_points.gaussian(names, 4, 2, (0, 1))
    assert len(np.unique(drawn.round(12))) == drawn.size
    assert np.array_equal(fixed_points.gaussian(names[[1, 3]], 4, 2, (0, 1)), drawn[:, [1, 3]])
    assert not np.isin(fixed_points.gaussian(names, 4, 2, (0, 2)), drawn).any()


def test_a_silent_gru_halves_its_state_and_has_no_couplings():
    points, effects = linearised(on(silent("GRU"), 8), draws=2)
    assert len(points) == 1 and effects.empty
    row = points.iloc[0]
    assert (row.point, row.n_unstable, row.n_leading, row["size"]) == ("origin", 0, 4, 4)
    np.testing.assert_allclose([row.rho, row.henrici, row.visited], [0.5, 0, 1], atol=1e-12)


def test_a_silent_lstm_couples_only_what_forgets_at_once_into_its_memory():
    # c' = c/2, h' = tanh(c')/2: J = [[0, I/4], [0, I/2]], R the n eigenvalues 1/2, C the n zeros
    points, _ = linearised(on(silent("LSTM"), 8), draws=2)
    row, mass = points.iloc[0], (1 / 4) / (5 / 16) ** 0.5
    assert (len(points), row.n_leading, row["size"]) == (1, 4, 8)
    expected = [0.5, mass, 0, mass, 0, 1]
    found = row[["rho", "henrici", "RR", "CR", "CC", "share_CR"]].astype(float)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_the_change_leaves_the_points_and_adds_itself_to_the_jacobian_there():
    step, *_ = fixed_points.cell_of(on(tanh_network([[2.0, 0.5], [0.0, 1.8]]), 2))
    starts = np.array([[0.9, 0.9], [-0.9, -0.9]])
    points, _ = fixed_points.fixed_points(step, starts, 3)
    assert len(points) == 2
    changes = np.random.default_rng(0).normal(size=(2, 2, 2))
    at, by, u = torch.from_numpy(points), torch.from_numpy(changes), torch.zeros(1, 1, 3).double()

    def changed(x):
        return fixed_points.run(step, torch.from_numpy(x)[None], u, at, by)[0, 0].numpy()

    for x, change in zip(points, changes, strict=True):
        np.testing.assert_allclose(changed(x), x, atol=1e-9)
        expected = fixed_points.jacobian_at(step, x, 3) + change
        np.testing.assert_allclose(numerical_jacobian(changed, x), expected, atol=1e-7)


def test_each_state_is_changed_around_its_nearest_point():
    at = torch.tensor([[-1.0], [1.0]]).double()
    by = torch.tensor([[[10.0]], [[100.0]]]).double()
    x = torch.tensor([[-0.5], [0.5], [3.0]]).double()
    states = fixed_points.run(lambda x, u: torch.zeros_like(x), x, torch.zeros(1, 3, 3), at, by)
    np.testing.assert_allclose(states[0, :, 0], [10 * 0.5, 100 * -0.5, 100 * 2])


def test_near_rest_the_change_around_the_origin_is_the_papers_deletion():
    # tiny states: tanh(W x) + (W̃ − W) x = W̃ x up to the cube of the state
    rng = np.random.default_rng(2)
    W = 0.8 * np.triu(rng.normal(size=(6, 6)), 1) / 3 + np.diag([0.9, 0.88, 0.5, 0.4, 0.3, 0.2])
    net = tanh_network(W, scale=1e-4)
    points, effects = linearised(on(net, 16), draws=3)
    origin = effects[effects.points == "origin"]
    assert list(points.point) == ["origin"] and list(origin.removed) == list(COUPLINGS)
    assert origin.from_W.abs().min() > 1e-3
    np.testing.assert_allclose(origin.delta, origin.from_W, rtol=1e-5, atol=2e-7)
    nearest = effects[effects.points == "nearest"]
    np.testing.assert_allclose(nearest.delta, origin.delta)  # there is no other point
    for name, mass in points.iloc[0][list(COUPLINGS)].items():
        np.testing.assert_allclose(mass, ordered_schur(W).removed_mass({name}), atol=1e-7)


def test_the_points_of_a_trained_cell_are_its_eight_memories():
    model = cells.load("GRU", 0)
    points, effects = linearised(on(model, 64), draws=1)
    bits = points[["bit_1", "bit_2", "bit_3"]].to_numpy()
    assert bits.tolist() == [list(bits) for bits in itertools.product((-1, 1), repeat=3)]
    assert (points.n_unstable == 0).all() and (points.point == "memory").all()
    np.testing.assert_allclose(points[["reached", "visited"]].sum(), 1, atol=1e-6)
    squares = (points[list(COUPLINGS)].to_numpy() / points[["henrici"]].to_numpy()) ** 2
    np.testing.assert_allclose(points[[f"share_{n}" for n in COUPLINGS]], squares, atol=1e-6)
    assert set(effects.points) == {"nearest"} and effects.from_W.isna().all()


@pytest.mark.parametrize("kind", ["tanh", "GRU", "LSTM"])
def test_rounding_moves_no_label_no_row_and_no_number(kind):
    # noise of the weights a billion times above rounding, as another processor's would be amplified
    def noisy(tensor, g):
        return tensor.detach().double() * (1 + 1e-7 * torch.randn(tensor.shape, generator=g).double())

    tables = []
    for seed in (0, 1):
        g = torch.Generator().manual_seed(seed)
        if kind == "tanh":
            model = catalogue.networks([Spec("flip_flop", seed=0)], "reference")[0]
            parts = {name: noisy(tensor, g) for name, tensor in model.tensors().items()}
            model = replace(model, **parts)
        else:
            model = cells.load(kind, 1).double()
            model.load_state_dict({n: noisy(t, g) for n, t in model.state_dict().items()})
        tables.append(linearised(on(model, 32), draws=4))
    for first, second in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(first, second, rtol=1e-4, atol=1e-5)


def test_random_changes_have_the_norm_of_the_block_at_every_point(monkeypatch):
    run, seen = fixed_points.run, []

    def recorded(step, x, inputs, points=None, changes=None):
        seen.append(changes)
        return run(step, x, inputs, points, changes)

    monkeypatch.setattr(fixed_points, "run", recorded)
    W = 1.5 * np.eye(6) + np.triu(np.random.default_rng(3).normal(size=(6, 6)), 1) / 4
    _, effects = linearised(on(tanh_network(W), 16), draws=3)
    changes = iter(c.norm(dim=(1, 2)).numpy() for c in seen if c is not None)
    assert len(effects) and (effects.draws == 3).all()
    for _ in range(len(effects)):
        block = next(changes)
        for _ in range(3):
            np.testing.assert_allclose(next(changes), block, rtol=1e-10)
    assert next(changes, None) is None
    assert effects.p.between(1 / 4, 1).all() and effects.effect.between(-1, 1).all()


@pytest.mark.parametrize(
    ("weights", "drive", "name", "n_unstable"),
    [((2, 2), 1, "memory", 0), ((2, 2), 0, "saddle", 1), ((2, 1), 0, "marginal", 0)],
)
def test_points_are_named_by_where_they_are_and_whether_they_are_stable(weights, drive, name, n_unstable):
    # two units, the first bistable and driven; the second remembers, or stays at its unstable or
    # neutral rest: its eigenvalue is its weight there
    W_xh = torch.diag(torch.tensor([1, drive])).double() @ torch.eye(3)[:2].double()
    net = replace(tanh_network(np.diag(np.array(weights, dtype=float))), W_xh=W_xh)
    points, _ = linearised(on(net, 64), draws=1)
    assert list(points.point) == ["origin"] + [name] * (4 if drive else 2)
    away = points[points.point == name]
    np.testing.assert_allclose(away.distance, 0.957504 * (1 + drive) ** 0.5, atol=1e-5)
    assert (away.n_unstable == n_unstable).all() and away.reached.gt(0).all()
    assert points.n_unstable[0] == sum(w > 1 for w in weights)


def test_the_nulls_of_each_block_are_counted_as_mild_where_they_do_no_more_harm():
    W = 0.8 * np.triu(np.random.default_rng(2).normal(size=(6, 6)), 1) / 3 + np.diag(
        [0.9, 0.88, 0.5, 0.4, 0.3, 0.2]
    )
    rest = fixed_points.Rest(on(tanh_network(W), 16))
    effects = fixed_points.effects_table(rest, draws=5, seed=3)
    assert effects.points.unique().tolist() == ["nearest", "origin"] and (effects.draws == 5).all()
    for row in effects.itertuples():
        block = COUPLINGS.index(row.removed)
        form = rest.forms[0]
        change = -form.part(form.mask({row.removed}))
        chosen = np.array([True])
        assert row.delta == pytest.approx(rest.harm(chosen, change[None]), abs=1e-6)
        drawn = fixed_points.gaussian(rest.bits, rest.size, 5, (3, block))[:, 0]
        drawn *= np.linalg.norm(change) / np.linalg.norm(drawn, axis=(1, 2), keepdims=True)
        nulls = np.array([rest.harm(chosen, null[None]) for null in drawn])
        assert row.null_median == pytest.approx(np.median(nulls), abs=1e-6)
        assert row.p == pytest.approx((1 + np.sum(nulls <= row.delta)) / 6, abs=1e-6)
        assert row.effect == pytest.approx(np.mean(nulls > row.delta) - np.mean(nulls < row.delta), abs=1e-6)
    assert len(set(effects.p)) > 1
    other = fixed_points.effects_table(rest, draws=5, seed=4)
    assert not np.allclose(other.null_median, effects.null_median)
