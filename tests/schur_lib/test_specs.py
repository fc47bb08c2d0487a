"""The name of a spec: the same for the same network, whatever was given and whatever was left out."""

import hashlib
import inspect
import json

import pytest

from schur_lib import Recipe, Spec, recipes, specs, tasks


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

    def flip_flop(n_bits=3, steps=26, pulse_probability=0.05, first_pulse=False):
        return tasks.flip_flop(n_bits, steps, pulse_probability, first_pulse)

    monkeypatch.setitem(specs.TASKS, "flip_flop", flip_flop)
    assert Spec("flip_flop").name != before.name
    assert Spec("flip_flop", task_options={"steps": 25}).name == before.name


def test_the_spec_as_a_dictionary_makes_the_spec_again():
    spec = Spec("copy", "cayley", 12, 3, task_options={"horizon": 9})
    told = spec.as_dict()
    again = Spec(**{**told, "recipe": Recipe(**told["recipe"])})
    assert again == spec and again.name == spec.name


def test_a_name_can_be_read_and_ends_in_ten_digits_of_the_content():
    spec = Spec("flip_flop", "cayley", 12, 3)
    content = json.dumps(spec.as_dict(), sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    assert spec.name == f"flip_flop-cayley-12-seed3-{digest[:10]}"
    told = spec.as_dict()
    assert told["task_options"] == {"n_bits": 3, "steps": 25, "pulse_probability": 0.05, "first_pulse": False}
    assert list(told) == ["task", "construction", "hidden_size", "seed", "recipe", "task_options"]
    assert told["recipe"]["steps"] == 3840


def test_what_is_not_given():
    spec = Spec("copy")
    assert (spec.construction, spec.hidden_size, spec.seed) == ("dense_orthogonal", 64, 0)
    assert spec.recipe == recipes.COPY_RECIPE and Spec("flip_flop").recipe == recipes.NEURO_RECIPE


def test_the_task_of_a_spec_has_its_options_but_for_those_of_the_moment():
    spec = Spec("copy", task_options={"n_symbols": 2, "n_channels": 3, "horizon": 9})
    task, shorter = spec.make_task(), spec.make_task(horizon=4)
    assert (task.steps, task.n_inputs, task.free_steps) == (2, 3, 9)
    assert (shorter.steps, shorter.n_inputs, shorter.free_steps) == (2, 3, 4)
    assert spec.make_task(n_symbols=5).steps == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "copyy"}, "task must be one of .*'copy'.* got 'copyy'"),
        ({"task": "copy", "seed": -1}, "seed must be an integer ≥ 0, got -1"),
        ({"task": "copy", "seed": 1.0}, "seed must be an integer ≥ 0, got 1.0"),
        ({"task": "copy", "construction": "dense"}, "construction must be one of"),
        ({"task": "copy", "construction": "dense_normal", "hidden_size": 9}, "even hidden_size"),
        ({"task": "copy", "task_options": {"lag": 1}}, "task 'copy' does not take {'lag': 1}: .*lag"),
        ({"task": "copy", "recipe": Recipe(1)}, "needs horizons and the others have none.*'copy' with horizons"),
        ({"task": "flip_flop", "recipe": Recipe(1, horizons=(2,))}, r"'flip_flop' with horizons \(2,\)"),
    ],
)
def test_what_no_spec_can_be_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Spec(**arguments)


def test_a_spec_is_a_key_and_cannot_be_changed():
    assert {Spec("copy"): 1}[Spec("copy")] == 1
    with pytest.raises(AttributeError):
        Spec("copy").seed = 3
