"""A pack gives back every network bit by bit, and refuses what is not as it was saved."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from schur_lib import Network, Spec
from study import packs

SPECS = [Spec("flip_flop", hidden_size=4, seed=seed) for seed in (10, 11, 12)]
CURVE = {"columns": ["step", "loss"], "rows": [[step, 1 / step] for step in range(1, 102)]}


def network(spec, n=4, maps=3):
    g = torch.Generator().manual_seed(spec.seed)
    draw = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    told = {"spec": spec.as_dict(), "provenance": {"code": "abc"}, "history": CURVE}
    return Network(draw(n, maps), draw(n, n), draw(maps, n), metadata=told)


NETWORKS = [network(spec) for spec in SPECS]


def test_networks_come_back_bit_by_bit_in_the_order_of_their_seeds(tmp_path):
    file = packs.save(SPECS, NETWORKS, tmp_path)
    assert (
        file.name == "flip_flop-dense_orthogonal-4-seeds10-12.safetensors" and len(list(tmp_path.iterdir())) == 1
    )
    for spec, net, again in zip(SPECS, NETWORKS, packs.load(SPECS, tmp_path), strict=True):
        assert again.digest() == net.digest() and again.W_hh.dtype == net.W_hh.dtype
        assert again.metadata["spec"] == spec.as_dict() and again.metadata["provenance"] == {"code": "abc"}
    assert [net.digest() for net in NETWORKS] != [NETWORKS[0].digest()] * 3


def test_a_learning_curve_is_thinned_and_keeps_its_last_point(tmp_path):
    packs.save(SPECS, NETWORKS, tmp_path)
    rows = packs.load(SPECS, tmp_path)[0].metadata["history"]["rows"]
    assert rows[-1] == [101, 0.009901] and rows[0] == [1, 1.0] and len(rows) == 21


def test_a_network_that_is_not_of_its_spec_is_not_packed(tmp_path):
    with pytest.raises(ValueError, match=f"{SPECS[0].name} is not"):
        packs.save(SPECS, NETWORKS[::-1], tmp_path)
    biased = replace(NETWORKS[0], b_h=torch.zeros(4))
    with pytest.raises(ValueError, match=f"with the tensors .*; {SPECS[0].name} is not"):
        packs.save(SPECS, [biased, *NETWORKS[1:]], tmp_path)


def test_other_specs_than_those_that_were_packed_are_refused(tmp_path):
    file = packs.save(SPECS, NETWORKS, tmp_path)
    longer = [Spec("flip_flop", hidden_size=4, seed=s.seed, task_options={"steps": 30}) for s in SPECS]
    with pytest.raises(ValueError, match=f"{file.name} does not hold the networks of"):
        packs.load(longer, tmp_path)
    with pytest.raises(FileNotFoundError):
        packs.load(SPECS[:2], tmp_path)


@pytest.mark.parametrize("damage", ["weight", "metadata", "cut", "order"])
def test_damage_is_refused(tmp_path, damage):
    file = packs.save(SPECS, NETWORKS, tmp_path)
    data = bytearray(file.read_bytes())
    if damage == "weight":
        at = data.rindex(NETWORKS[1].W_xh.numpy().tobytes())
        data[at : at + 4] = np.float32(0.5).tobytes()
    elif damage == "metadata":
        at = data.index(b"0.009901")
        data[at : at + 8] = b"0.009902"
    elif damage == "cut":
        del data[-9:]
    else:
        one, other = (net.W_hh.numpy().tobytes() for net in NETWORKS[:2])
        at, to = data.index(one), data.index(other)
        data[at : at + len(one)], data[to : to + len(one)] = other, one
    file.write_bytes(data)
    with pytest.raises(ValueError, match="is damaged or"):
        packs.load(SPECS, tmp_path)
