"""Recipes: what is filled in, what is refused, and the numbers of the paper and of its ancestor."""

import pytest

from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE, Recipe


def test_the_two_recipes_that_networks_are_trained_by():
    assert COPY_RECIPE == Recipe(20_000, 64, 1e-3, 1.0, (10, 20, 40, 60, 100), 0.96, 1.0)
    assert NEURO_RECIPE == Recipe(3840, 64, 1e-3, None, (), 0.96, 1.0)


def test_what_is_not_given():
    recipe = Recipe(7)
    assert (recipe.steps, recipe.batch_size, recipe.learning_rate, recipe.clip_norm) == (7, 64, 0.001, None)
    assert (recipe.horizons, recipe.advance_at, recipe.readout_scale) == ((), 0.96, 1.0)


def test_horizons_from_a_list_are_the_same_recipe():
    assert Recipe(1, horizons=[3, 5]) == Recipe(1, horizons=(3, 5)) and hash(Recipe(1, horizons=[3, 5]))


def test_the_smallest_that_is_allowed():
    assert Recipe(1, 1, 1e-12, 1e-12, (1,), 1e-12, 1e-12).horizons == (1,)


def test_a_recipe_cannot_be_changed():
    with pytest.raises(AttributeError):
        COPY_RECIPE.steps = 1


@pytest.mark.parametrize("bad", [0, -1, 1.0, "1", None])
@pytest.mark.parametrize("name", ["steps", "batch_size"])
def test_steps_and_trials_that_are_no_positive_integers_are_refused(name, bad):
    with pytest.raises(ValueError, match=f"^{name} must be integers ≥ 1, got {bad!r}$"):
        Recipe(**{"steps": 1, name: bad})


@pytest.mark.parametrize("bad", [(0,), (3, 0), (3.0,), (-1, 3)])
def test_horizons_that_are_no_positive_integers_are_refused(bad):
    with pytest.raises(ValueError, match="horizons must be integers ≥ 1"):
        Recipe(1, horizons=bad)


@pytest.mark.parametrize("bad", [0, 0.0, -1e-3, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["learning_rate", "clip_norm", "advance_at", "readout_scale"])
def test_numbers_that_are_not_positive_and_finite_are_refused(name, bad):
    with pytest.raises(ValueError, match=f"^{name} must be positive and finite, got {bad!r}$"):
        Recipe(1, **{name: bad})


@pytest.mark.parametrize("name", ["learning_rate", "advance_at", "readout_scale"])
def test_only_the_clipping_can_be_none(name):
    with pytest.raises((ValueError, TypeError)):
        Recipe(1, **{name: None})
