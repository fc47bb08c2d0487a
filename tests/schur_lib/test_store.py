"""The store: a file belongs to a spec if it is whole, names that spec and comes from the code at hand."""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
import torch

from schur_lib import Network, Recipe, Spec, store

SPEC = Spec("copy", "cayley", 6, 3, Recipe(steps=2, horizons=(3,)))
OTHER = replace(SPEC, seed=4)


@pytest.fixture(autouse=True)
def this_code(monkeypatch):
    monkeypatch.setattr(store, "training_code", lambda: "this code")


def network(spec=SPEC, code="this code", **metadata):
    g = torch.Generator().manual_seed(0)
    made = {"spec": spec.as_dict(), "provenance": {"code": code}} | metadata
    return Network(*(torch.randn(*s, generator=g) for s in ((6, 8), (6, 6), (8, 6))), metadata=made)


def has_in_silence(spec, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return store.has(spec, folder)


def test_a_network_is_found_under_the_name_of_its_spec_and_under_no_other(tmp_path):
    assert not has_in_silence(SPEC, tmp_path)
    store.save(SPEC, network(), tmp_path)
    assert store.path(SPEC, tmp_path) == tmp_path / f"{SPEC.name}.safetensors"
    assert [p.name for p in tmp_path.iterdir()] == [f"{SPEC.name}.safetensors"]
    assert has_in_silence(SPEC, tmp_path) and not has_in_silence(OTHER, tmp_path)
    back = store.load(SPEC, str(tmp_path))
    assert torch.equal(back.W_hh, network().W_hh) and back.metadata == network().metadata
    with pytest.raises(FileNotFoundError, match=OTHER.name):
        store.load(OTHER, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "another's"])
def test_a_file_that_is_damaged_or_anothers_is_set_aside_once_and_named(tmp_path, damage):
    store.save(
        OTHER if damage == "another's" else SPEC, network(OTHER if damage == "another's" else SPEC), tmp_path
    )
    file = store.path(SPEC, tmp_path)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    else:
        shutil.move(store.path(OTHER, tmp_path), file)
    content = file.read_bytes()
    said = "damaged" if damage == "cut" else "does not hold the network of Spec"
    with pytest.raises(ValueError, match=said):
        store.load(SPEC, tmp_path)
    aside = f"{file.name}.damaged"
    with pytest.warns(UserWarning, match=f"{said}.*set aside as {aside}, to be trained again") as seen:
        assert store.has(SPEC, tmp_path) is False
    assert Path(seen[0].filename) == Path(__file__)  # points at who asks
    assert [p.name for p in tmp_path.iterdir()] == [aside]
    assert (tmp_path / aside).read_bytes() == content
    assert not has_in_silence(SPEC, tmp_path)


@pytest.mark.parametrize("made", [{"code": "other code"}, {"provenance": {}}, {"provenance": {"torch": "2"}}])
def test_what_other_code_trained_is_named_and_left_in_its_place(tmp_path, made):
    store.save(SPEC, network(**made), tmp_path)
    with pytest.warns(UserWarning, match=f"{SPEC.name}.* was trained by another version of the code") as seen:
        assert store.has(SPEC, tmp_path) is False
    assert Path(seen[0].filename) == Path(__file__)
    assert store.path(SPEC, tmp_path).exists() and store.load(SPEC, tmp_path)


def test_a_network_without_a_provenance_is_of_other_code(tmp_path):
    net = network()
    store.save(SPEC, replace(net, metadata={"spec": SPEC.as_dict()}), tmp_path)
    with pytest.warns(UserWarning, match="another version of the code"):
        assert store.has(SPEC, tmp_path) is False


def test_the_digest_is_of_what_training_reaches(monkeypatch):
    monkeypatch.undo()
    from schur_lib.provenance import code_digest

    assert store.training_code() == code_digest("schur_lib.training") != code_digest("schur_lib.recipes")


def test_without_a_folder_of_ones_own_networks_lie_among_the_users_data():
    assert store.default_folder() == platformdirs.user_data_path("schur_lib") / "networks"
