"""What is not given has one value everywhere, and what is known of a thing cannot be changed in place."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import schur_lib
import study.probes

MODULES = [f"schur_lib.{m.name}" for m in pkgutil.iter_modules(schur_lib.__path__) if m.name != "__main__"]
MODULES += [f"study.probes.{m.name}" for m in pkgutil.iter_modules(study.probes.__path__)]
MODULES += ["study.claims", "study.statistics", "report.measure", "report.findings"]

EVERYWHERE = {
    "alpha": 0.9,  # the paper's
    "alphas": (0.9,),
    "epsilon": 0.05,
    "floor": 0.01,
    "free_steps": 0,
    "n_draws": 2000,
    "n_trials": 1024,
    "seed": 0,
    "share": 0.99,
    "shares": (0.95, 0.99, 0.999),
    "size": 0.001,
    "tolerance": 0.05,
}
# Random changes, or points and steps of a search, by function: each is the price of a table.
NUMBERS = {
    "study.probes.activity.directions": {"draws": 50},
    "study.probes.activity.rotations": {"draws": 100},
    "study.probes.coordinates.measure_bases": {"draws": 5},
    "study.probes.coordinates.measure_nudges": {"draws": 10},
    "study.probes.coordinates.measure_symmetries": {"draws": 3},
    "study.probes.coordinates.shuffled_order": {"near": 0.05},
    "study.probes.fixed_points.effects_table": {"draws": 50},
    "study.probes.fixed_points.fixed_points": {"apart": 0.01},
    "study.probes.nonnormality.couplings_moved": {"draws": 5},
    "study.probes.nonnormality.departure_of": {"powers": 64},
    "study.probes.nonnormality.measure_pseudospectra": {"extent": 1.6, "step": 0.08},
    "study.probes.nonnormality.measure_sensitivity": {"draws": 5, "per_block": 10},
    "study.probes.nonnormality.power_norms": {"n": 64},
    "study.probes.nulls.beside_random_changes": {"draws": 20},
    "study.probes.nulls.matched_nulls": {"draws": 200},
    "study.probes.operative.global_rows": {"enough": 1e-4},
    "study.probes.operative.local_rows": {"enough": 0.0},
    "study.probes.operative.operative_profile": {"n_states": 128},
    "study.probes.parts.worst_parts": {"least": 0.01},
    "study.probes.perturbations.perturbations": {"draws": 10},
    "study.probes.symmetries.finite": {"draws": 4},
    "report.measure.plan_of": {"budget": 15.0},
}


def functions(name):
    """Public functions and methods of a module: (dotted name, function)."""
    for key, value in vars(importlib.import_module(name)).items():
        if getattr(value, "__module__", None) != name or key.startswith("_"):
            continue
        if inspect.isfunction(value):
            yield f"{name}.{key}", value
        elif inspect.isclass(value):
            yield from ((f"{name}.{key}.{k}", f) for k, f in vars(value).items() if inspect.isfunction(f))


@pytest.mark.parametrize("name", MODULES)
def test_an_argument_that_many_functions_take_is_the_same_in_all_where_it_is_left_out(name):
    for function, value in functions(name):
        for argument in inspect.signature(value).parameters.values():
            if argument.default is not argument.empty and argument.name in EVERYWHERE:
                expected = (function, argument.name, EVERYWHERE[argument.name])
                assert (function, argument.name, argument.default) == expected


@pytest.mark.parametrize("name", MODULES)
def test_how_much_is_drawn_where_it_is_not_said(name):
    known = dict(functions(name))
    expected = {n: numbers for n, numbers in NUMBERS.items() if n.rpartition(".")[0] == name}
    for n, numbers in expected.items():
        assert {k: _default(known[n], k) for k in numbers} == numbers, n
    drawing = {n for n, f in known.items() if isinstance(_default(f, "draws"), int)}
    assert drawing == {n for n, numbers in expected.items() if "draws" in numbers}


def _default(function, name):
    parameters = inspect.signature(function).parameters
    return parameters[name].default if name in parameters else None


@pytest.mark.parametrize("name", MODULES)
def test_no_record_can_be_changed_in_place(name):
    for value in vars(importlib.import_module(name)).values():
        if inspect.isclass(value) and value.__module__ == name and dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, value
