"""Which networks the notebooks get: the counts the book promises, shipped and whole."""

from collections import Counter

import joblib
import numpy as np
import pytest
import torch

from schur_lib import Recipe, Spec, ordered_schur, store
from study import catalogue, folders
from study.catalogue import FIGURE_1, networks, specs


def counts(chosen):
    return Counter((s.construction, s.hidden_size) for s in chosen)


@pytest.mark.parametrize(
    ("profile", "source", "main", "others"),
    [("paper", "trained", 3, 1), ("paper", "reference", 10, 3), ("quick", "trained", 2, 1)],
)
def test_copy_networks_come_in_the_promised_numbers(profile, source, main, others):
    found = counts(specs("copy", profile, source))
    assert len(found) == 12
    assert all(n == (main if key in FIGURE_1 else others) for key, n in found.items())


def test_the_networks_of_all_tasks_are_of_one_kind_each():
    chosen = catalogue.of_all_tasks()
    assert Counter(s.task for s in chosen) == dict.fromkeys(catalogue.TASKS, 10)
    assert set(counts(s for s in chosen if s.task == "copy")) == {FIGURE_1[0]}


def test_the_two_figures_have_the_promised_numbers_of_networks():
    assert counts(catalogue.figure_1()) == dict.fromkeys(FIGURE_1, 30)
    assert Counter(s.task for s in catalogue.figure_2()) == dict.fromkeys(list(catalogue.TASKS)[1:], 100)
    assert counts(catalogue.figure_1("paper", "trained")) == dict.fromkeys(FIGURE_1, 3)
    assert len(catalogue.figure_2("quick", "trained")) == 6
    for chosen in (catalogue.figure_1(), catalogue.figure_2()):
        assert len(set(chosen)) == len(chosen)


def test_packs_go_on_where_the_few_networks_end():
    for task in catalogue.TASKS:
        own = {s.seed for s in catalogue.of_all_tasks() if s.task == task}
        for pack in catalogue.packed(task):
            assert own | {s.seed for s in pack} == set(range(catalogue.SEEDS[task]))
            assert own.isdisjoint(s.seed for s in pack)
    assert catalogue.packed("studies") == []


def test_packed_networks_are_found_among_others_in_any_order():
    pack, single = catalogue.packed("flip_flop")[0], specs("flip_flop")[0]
    found = networks([pack[7], single, pack[0]])
    assert [net.metadata["spec"]["seed"] for net in found] == [17, 0, 10]


@pytest.mark.parametrize("task", catalogue.TASKS)
def test_the_networks_trained_here_are_seeds_of_the_reference_set(task):
    assert set(map(str, specs(task, "paper", "trained"))) <= set(map(str, specs(task)))


def test_a_study_varies_one_choice_and_holds_the_default_among_its_values():
    chosen = catalogue.studies()
    for (task, varied), values in Counter((t, v) for t, v, *_ in chosen).items():
        part = [(value, s) for t, v, value, s in chosen if (t, v) == (task, varied)]
        assert values == catalogue.STUDY_SEEDS * len({value for value, _ in part})
        default = {s for _, s in part} & set(specs(task))
        assert len(default) == catalogue.STUDY_SEEDS, varied


def test_every_reference_network_is_shipped_whole_and_says_where_it_comes_from():
    chosen = sorted({s for task in (*catalogue.TASKS, "studies") for s in specs(task)}, key=str)
    for spec, net in zip(chosen, networks(chosen), strict=True):
        assert net.metadata["spec"] == spec.as_dict()
        assert net.metadata["provenance"]["torch"] and net.metadata["provenance"]["trained"]
        assert net.W_hh.dtype == torch.float32
    packed = [s for task in catalogue.TASKS for pack in catalogue.packed(task) for s in pack]
    for spec, net in zip(packed, networks(packed), strict=True):
        assert net.metadata["spec"] == spec.as_dict() and net.W_hh.dtype == torch.float32
        assert net.metadata["provenance"]["torch"] and net.metadata["history"]["rows"][-1][0] > 1000
    assert len(list(folders.NETWORKS.glob("*"))) == len(chosen) + 5


def test_a_changed_entry_of_a_reference_weight_is_refused(tmp_path, monkeypatch):
    spec = specs("copy")[0]
    data = bytearray(store.path(spec, folders.NETWORKS).read_bytes())
    weights = np.frombuffer(data, "<f4", offset=len(data) - 64)
    position = data.rindex(weights[3].tobytes())
    data[position : position + 4] = np.float32(weights[3] * 1.001).tobytes()
    monkeypatch.setattr(folders, "NETWORKS", tmp_path)
    store.path(spec, tmp_path).write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        networks([spec])


def test_reference_cayley_networks_have_no_couplings():
    cayley = {s for s in [*specs("copy"), *catalogue.figure_1()] if s.construction == "cayley"}
    masses = [ordered_schur(n.W_hh).removed_mass({"RR", "CR", "CC"}) for n in networks(list(cayley))]
    assert max(masses) <= 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("copyy",), "task"),
        (("copy", "fast"), "profile"),
        (("copy", "paper", "shipped"), "networks"),
        (("copy", "quick", "reference"), "quick"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        specs(*arguments)
    with pytest.raises(ValueError, match="networks"):
        networks([], "shipped")


def test_the_training_command_names_what_it_takes(capsys):
    with pytest.raises(SystemExit):
        catalogue.main(["copyy"])
    assert "flip_flop" in capsys.readouterr().err


def test_the_reference_command_packs_what_it_has_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "NETWORKS", tmp_path / "networks")
    monkeypatch.setenv("SCHUR_LIB_STORE", str(tmp_path / "store"))
    quick = Recipe(steps=2, batch_size=2)
    few = [Spec("flip_flop", hidden_size=4, seed=seed, recipe=quick) for seed in range(4)]
    monkeypatch.setattr(catalogue, "specs", lambda *arguments: few[:2])
    monkeypatch.setattr(catalogue, "packed", lambda task: [few[2:]])
    with joblib.parallel_config("threading"):
        catalogue.main(["flip_flop", "--reference"])
    assert {path.name for path in (tmp_path / "networks").iterdir()} == {
        *(f"{spec.name}.safetensors" for spec in few[:2]),
        "flip_flop-dense_orthogonal-4-seeds2-3.safetensors",
    }
    again = networks(few)
    trained = [
        store.load(spec, tmp_path / place)
        for spec, place in zip(few, ["networks"] * 2 + ["store"] * 2, strict=True)
    ]
    assert [net.digest() for net in again] == [net.digest() for net in trained]
