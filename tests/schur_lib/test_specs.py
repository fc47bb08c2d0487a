"""The name of a spec: the same for the same network, whatever was given and whatever was left out."""

import inspect

import pytest

from schur_lib import Recipe, Spec, specs, tasks


@pytest.mark.parametrize("task", tasks.TASKS)
def test_a_default_that_is_given_names_the_same_network(task):
    plain = Spec(task)
    for name, parameter in inspect.signature(tasks.TASKS[task]).parameters.items():
        given = Spec(task, task_options={name: parameter.default})
        assert given.name == plain.name and given == plain and hash(given) == hash(plain)
    everything = Spec(task, "dense_orthogonal", 64, 0, plain.recipe, dict(plain.task_options))
    assert everything.name == plain.name


def test_options_in_another_order_name_the_same_network():
    one = Spec("copy", task_options={"n_symbols": 2, "n_channels": 3})
    other = Spec("copy", task_options={"n_channels": 3, "n_symbols": 2})
    assert one.name == other.name and one == other


def test_whatever_makes_another_network_makes_another_name():
    plain = {"task": "copy", "hidden_size": 10}
    recipe = Recipe(steps=30, horizons=(3, 5))
    changes = [{}, {"seed": 1}, {"hidden_size": 12}, {"construction": "cayley"}, {"recipe": recipe},
               {"recipe": Recipe(steps=30, horizons=(3, 6))}, {"task_options": {"n_symbols": 2}},
               {"task_options": {"n_channels": 2}}, {"task": "flip_flop"}]  # fmt: skip
    assert len({Spec(**{**plain, **change}).name for change in changes}) == len(changes)


def test_a_changed_default_makes_another_name(monkeypatch):
    """So that a network that was trained with the old default is not taken for one with the new."""
    before = Spec("flip_flop")

    def flip_flop(n_bits=3, steps=26, pulse_probability=0.2):
        return tasks.flip_flop(n_bits, steps, pulse_probability)

    monkeypatch.setitem(specs.TASKS, "flip_flop", flip_flop)
    assert Spec("flip_flop").name != before.name
    assert Spec("flip_flop", task_options={"steps": 25}).name == before.name


def test_the_spec_as_a_dictionary_makes_the_spec_again():
    spec = Spec("copy", "cayley", 12, 3, task_options={"horizon": 9})
    told = spec.as_dict()
    again = Spec(**{**told, "recipe": Recipe(**told["recipe"])})
    assert again == spec and again.name == spec.name
