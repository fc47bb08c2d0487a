"""Networks whose couplings are held at zero while they are trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from schur_lib import store
from schur_lib.recipes import NEURO_RECIPE
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.training import train_one
from study import catalogue, clamped, folders
from study.clamped import Clamped

HELD = ("", "RR", "CR", "CC", "RR+CR+CC")


def spec(held, task="flip_flop", construction="schur", steps=20):
    recipe = replace(NEURO_RECIPE, steps=steps, batch_size=8, learning_rate=0.05)
    return Clamped(task, construction, 12, 1, recipe, held=held)


@pytest.mark.parametrize("held", HELD)
def test_a_held_block_is_zero_after_training_and_the_others_are_not(held):
    net = train_one(spec(held))
    form = ordered_schur(net.W_hh.double().numpy())
    assert form.n_leading(clamped.ALPHA) == clamped.N_LEADING["flip_flop"]
    for block in COUPLINGS:
        mass = form.removed_mass({block}, clamped.ALPHA)
        assert (mass < 1e-6) if block in held.split("+") else (mass > 1e-3)


@pytest.mark.parametrize("held", ["", "CR"])
def test_gradients_by_what_is_trained_are_finite_differences(held):
    chosen = spec(held)
    start = {k: v.double() for k, v in chosen.initial_parameters(torch.Generator().manual_seed(2)).items()}
    start["couplings"] = torch.randn(12, 12, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    by_W = torch.randn(12, 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    _, gradients = chosen.with_gradients(start)
    for (name, value), gradient in zip(start.items(), gradients(by_W), strict=True):
        away = torch.randn(value.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        ends = [
            (chosen.with_gradients(start | {name: value + sign * 1e-6 * away})[0] * by_W).sum() for sign in (1, -1)
        ]
        assert float((gradient * away).sum()) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-7)


def test_a_held_coupling_has_no_gradient():
    chosen = spec("RR+CR")
    start = chosen.initial_parameters(torch.Generator().manual_seed(0))
    by_couplings = chosen.with_gradients(start)[1](torch.ones(12, 12))[-1].numpy()
    k, pair = clamped.N_LEADING["flip_flop"], np.arange(12) // 2
    assert (by_couplings[:k] == 0).all() and (by_couplings[pair[:, None] >= pair] == 0).all()
    assert (by_couplings[k : k + 2, k + 2 :] != 0).all()


def test_a_chain_starts_without_eigenvalues_and_is_trained_whole():
    chosen = spec("", construction="chain", steps=2)
    W = chosen.initial_parameters(torch.Generator())["W_hh"]
    assert torch.linalg.matrix_power(W, 11).any() and not torch.linalg.matrix_power(W, 12).any()
    assert (train_one(chosen).W_hh != W).any()


def test_specs_that_differ_in_what_is_held_have_names_of_their_own():
    chosen = clamped.specs()
    assert len({s.name for s in chosen}) == len(chosen) == 3 * 5 * clamped.SEEDS


def test_the_leading_sector_has_the_size_of_the_median_network():
    for task, size in clamped.N_LEADING.items():
        specs = [s for s in catalogue.of_all_tasks() if s.task == task and s.seed < 10]
        forms = [ordered_schur(net.W_hh.double().numpy()) for net in catalogue.networks(specs)]
        median = np.median([form.n_leading(clamped.ALPHA) for form in forms])
        assert size == 2 * np.ceil(median / 2)


def test_every_network_is_shipped_and_its_block_empty():
    for s, net in zip(clamped.specs(), clamped.networks(clamped.specs()), strict=True):
        assert folders.shipped(store.path(s, clamped.FOLDER))
        if s.held:
            form = ordered_schur(net.W_hh.double().numpy())
            assert form.removed_mass(s.held.split("+"), clamped.ALPHA) < 1e-5
