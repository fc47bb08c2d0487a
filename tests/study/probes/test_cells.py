"""Time course, other cells and operative dimensions, on cases whose answer is known."""

import numpy as np
import pytest
import torch

from schur_lib import initialisations
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.subjects import on_task
from schur_lib.tasks import flip_flop, generator
from study import catalogue, cells
from study.probes.cells import cell_profiles, effects_at_rest, leaky_form, leaky_profile, points_at_rest
from study.probes.fixed_points import Rest, effects_table, points_table


def random_matrix(n, seed):
    return np.random.default_rng(seed).normal(size=(n, n)) / n**0.5


def test_an_orthogonal_start_has_no_couplings_and_a_random_matrix_has():
    start = initialisations.initial_parameters("dense_orthogonal", 24, generator("start", 0))
    W = initialisations.recurrent_matrix(start)
    assert ordered_schur(W).removed_mass(set(COUPLINGS)) <= 1e-6
    assert ordered_schur(random_matrix(24, 0)).removed_mass(set(COUPLINGS)) > 0.1


def test_every_time_course_ends_at_the_reference_network_of_its_seed():
    for task, course in catalogue.TIME_COURSE.items():
        last = {s for t, _, n, s in catalogue.time_course() if t == task and int(n) == course[-1]}
        assert last <= set(catalogue.specs(task)) and len(last) == catalogue.STUDY_SEEDS


def test_the_schur_vectors_of_W_triangulate_the_linear_part_of_a_leaky_cell():
    W, leak = random_matrix(12, 1), 0.3
    form, back = leaky_form(W, leak)
    np.testing.assert_allclose(back((1 - leak) * np.eye(12) + leak * W), W, atol=1e-12)
    # the same Schur vectors: in the basis of the leaky part W is triangular too, and so is the reverse
    for basis, M in ((form, W), (ordered_schur(W), (1 - leak) * np.eye(12) + leak * W)):
        T = basis.Q.T @ M @ basis.Q
        below = np.tril(T, -1)
        for start in basis.blocks[:-1][np.diff(basis.blocks) == 2]:
            below[start + 1, start] = 0
        assert np.abs(below).max() <= 1e-10
    moduli = np.abs(form.eigenvalues)
    assert (np.diff(moduli) <= 1e-10).all()


def test_a_removal_in_leaky_order_keeps_the_spectrum_of_W():
    W = random_matrix(10, 2)
    form, back = leaky_form(W, 0.5)
    kept = np.linalg.eigvals(back(form.ablate(set(COUPLINGS))))
    np.testing.assert_allclose(np.sort(kept.real), np.sort(np.linalg.eigvals(W).real), atol=1e-8)


def test_a_leaky_cell_follows_its_equation():
    torch.manual_seed(0)
    cell, x = cells.Leaky(3, 5, leak=0.25), torch.randn(2, 4, 3)
    torch.nn.init.orthogonal_(cell.weight_hh_l0)
    h = np.zeros((4, 5))
    W_xh, W_hh = (p.detach().numpy() for p in (cell.weight_ih_l0, cell.weight_hh_l0))
    for t in range(2):
        h = 0.75 * h + 0.25 * np.tanh(x[t].numpy() @ W_xh.T + h @ W_hh.T)
    np.testing.assert_allclose(cell(x)[0][-1].detach().numpy(), h, atol=1e-6)


def test_a_low_rank_network_has_at_most_three_modes_and_trains():
    model = cells.train_one("low rank", 0, n_h=16, steps=3)
    moduli = np.abs(ordered_schur(model.core.weight_hh_l0.double()).eigenvalues)
    assert (moduli[: cells.RANK] > 1e-2).all() and moduli[cells.RANK :].max() <= 1e-2
    assert not torch.equal(model.core.U, cells.train_one("low rank", 0, n_h=16, steps=1).core.U)
    assert np.linalg.matrix_rank(model.core.weight_hh_l0.numpy(), tol=1e-4) == cells.RANK


@pytest.mark.parametrize("kind", cells.LAYERS)
def test_training_is_deterministic_by_seed_and_every_matrix_has_a_profile(kind):
    first = cells.train_one(kind, 0, n_h=8, steps=2)
    torch.rand(1)  # whatever was drawn before does not matter
    again, other = (cells.train_one(kind, seed, n_h=8, steps=2) for seed in (0, 1))
    W, V, U = (m.core.weight_hh_l0 for m in (first, again, other))
    assert torch.equal(W, V) and not torch.equal(W, U)
    trials = dict(cells.evaluations(kind, first, n_trials=4))
    assert len(trials) == len(cells.GATES.get(kind, [1]))
    for held_out in trials.values():
        assert np.isfinite(held_out.harms([0 * held_out.W_hh])).all()
        assert held_out.acted_on().shape == (25, 4, 8)
    with pytest.raises(ValueError, match="kind"):
        cells.train_one("elman", 0)


def test_the_profile_in_leaky_order_scores_the_matrix_that_is_cut_there():
    model = cells.train_one("leaky", 0, n_h=8, steps=2)
    [(_, trials)], leak = cells.evaluations("leaky", model, 4), cells.LEAK
    table, rest = leaky_profile(trials, leak).set_index("removed"), (1 - leak) * np.eye(8)
    form = ordered_schur(rest + leak * trials.W_hh.numpy())
    W = (form.ablate({"CC"}) - rest) / leak
    np.testing.assert_allclose(table.delta["CC"], trials.harms([W])[0], atol=1e-7)
    assert table.delta[""] == 0 and table.mass["CC"] == form.removed_mass({"CC"})
    assert list(table.index) == ["", *COUPLINGS] and (table.n_leading == form.n_leading()).all()
    np.testing.assert_allclose(table.score, trials.intact + table.delta, atol=1e-12)
    assert table.mass[""] == 0 and table.score[""] == trials.intact
    strict = leaky_profile(trials, leak, 0.5).set_index("removed")
    assert strict.mass["RR"] == form.removed_mass({"RR"}, 0.5) and (strict.n_leading == form.n_leading(0.5)).all()
    W = (form.ablate({"CR"}, 0.5) - rest) / leak
    np.testing.assert_allclose(strict.delta["CR"], trials.harms([W])[0], atol=1e-7)


def test_the_way_back_from_the_linear_part_of_a_leaky_cell():
    W = np.random.default_rng(0).normal(size=(5, 5))
    form, back = leaky_form(W, 0.2)
    np.testing.assert_allclose(form.Q @ form.T @ form.Q.T, 0.8 * np.eye(5) + 0.2 * W, atol=1e-12)
    np.testing.assert_allclose(back(form.Q @ form.T @ form.Q.T), W, atol=1e-12)
    np.testing.assert_allclose(back(0.8 * np.eye(5)), 0 * W, atol=1e-12)


def test_the_profiles_of_cells_name_their_matrices_and_cut_a_leaky_cell_twice():
    models = [(kind, 2, cells.train_one(kind, 0, n_h=8, steps=2)) for kind in ("leaky", "GRU")]
    table = cell_profiles(models, n_trials=4)
    columns = ["cell", "matrix", "removed", "mass", "score", "delta", "n_leading", "seed"]
    assert list(table) == columns and list(table.index) == list(range(20))
    assert table.cell.tolist() == ["leaky"] * 8 + ["GRU"] * 12
    matrices = ["W", "(1 − a) I + a W", *cells.GATES["GRU"]]
    assert table.matrix.tolist() == [name for name in matrices for _ in range(4)]
    assert table.removed.tolist() == ["", *COUPLINGS] * 5 and set(table.seed) == {2}
    [(_, trials)] = cells.evaluations("leaky", models[0][2], 4)
    np.testing.assert_allclose(table.delta[2], trials.harms([trials.form.ablate({"CR"})])[0], atol=1e-7)
    linear = leaky_profile(trials, cells.LEAK)
    for column in ("removed", "mass", "score", "delta", "n_leading"):
        assert table[column][4:8].tolist() == linear[column].tolist()
    np.testing.assert_allclose(table.delta[4:8], linear.delta)


def test_cells_at_rest_are_told_apart():
    model = cells.train_one("GRU", 0, n_h=8, steps=2)
    trials = next(cells.evaluations("GRU", model, 4))[1]
    models = [("GRU", 0, model), ("GRU", 3, model)]
    points, effects = points_at_rest(models, n_trials=4), effects_at_rest(models, n_trials=4, draws=2)
    for table in (points, effects):
        one, two = (part.drop(columns=["cell", "seed"]) for _, part in table.groupby("seed", sort=False))
        assert one.reset_index(drop=True).equals(two.reset_index(drop=True))
        assert set(zip(table.cell, table.seed, strict=True)) == {("GRU", 0), ("GRU", 3)}
    assert points.distance.tolist() == points_table(Rest(trials)).distance.tolist() * 2
    assert effects.delta.tolist() == effects_table(Rest(trials), draws=2).delta.tolist() * 2


def test_a_plain_network_at_rest_is_run_on_the_flip_flop():
    [spec] = [s for s in catalogue.specs("flip_flop") if s.seed == 0]
    [net] = catalogue.networks([spec])
    trials = on_task(net, flip_flop(), 8)
    points = points_at_rest([("tanh", 0, net)], n_trials=8)
    assert points.distance.tolist() == points_table(Rest(trials)).distance.tolist()


def test_models_are_the_shipped_ones_or_one_a_kind():
    assert [(kind, seed) for kind, seed, _ in cells.models()] == cells.shipped()
    assert [(kind, seed) for kind, seed, _ in cells.models(quick=True)] == [(k, 0) for k in cells.LAYERS]
