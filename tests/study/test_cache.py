"""Tables that take long: resumed, stamped, and still what the code measures."""

import importlib
import json

import pandas as pd
import pytest
import torch

from schur_lib.networks import Network
from schur_lib.training import Spec
from study import cache, catalogue, folders
from tools.references import RESULTS, beyond_tolerance, read_table

calls = []


def size(spec, net, factor=1.0):
    calls.append(spec.seed)
    return pd.DataFrame({"removed": ["", "CC"], "norm": [factor * float(net.W_hh.norm()), 0.5]})


@pytest.fixture
def pair(monkeypatch, tmp_path):
    calls.clear()
    monkeypatch.setenv("SCHUR_LIB_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SCHUR_LIB_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(folders, "RESULTS", tmp_path / "shipped")
    spec = Spec("flip_flop", seed=4)
    net = Network(torch.rand(64, 3), torch.rand(64, 64), torch.rand(3, 64))
    return spec, net


def test_a_second_run_reads_what_the_first_has_measured(pair):
    spec, net = pair
    first = cache.measured("size", size, [spec], [net])
    second = cache.measured("size", size, [spec], [net])
    assert calls == [4]
    pd.testing.assert_frame_equal(first, second)
    assert list(first.columns[:4]) == ["task", "construction", "hidden_size", "seed"]
    assert first.removed.tolist() == ["", "CC"]


def test_other_weights_or_options_are_measured_again(pair):
    spec, net = pair
    cache.measured("size", size, [spec], [net])
    cache.measured("size", size, [spec], [net], factor=2.0)
    other = Network(net.W_xh, net.W_hh * 2, net.W_hy)
    table = cache.measured("size", size, [spec], [other])
    assert calls == [4, 4, 4]
    assert table.norm[0] == pytest.approx(2 * float(net.W_hh.norm()), rel=1e-6)


def test_a_shipped_table_is_read_only_under_its_own_stamp(pair, tmp_path):
    spec, net = pair
    cache.measured("size", size, [spec], [net])
    shipped = tmp_path / "shipped"
    (tmp_path / "results").rename(shipped)
    table = pd.read_csv(shipped / "size.csv", keep_default_na=False)
    table.assign(norm=7.0).to_csv(shipped / "size.csv", index=False)
    assert (cache.measured("size", size, [spec], [net]).norm == 7).all()
    stamp = json.loads((shipped / "size.json").read_text())
    (shipped / "size.json").write_text(json.dumps({**stamp, "code": "older"}))
    assert not (cache.measured("size", size, [spec], [net]).norm == 7).any()


def test_everything_is_measured_anew_on_demand(pair, monkeypatch):
    spec, net = pair
    cache.measured("size", size, [spec], [net])
    monkeypatch.setenv("SCHUR_LIB_MEASURE", "all")
    cache.measured("size", size, [spec], [net])
    assert calls == [4, 4]


SHIPPED = sorted(path.stem for path in RESULTS.glob("*.json"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_table_is_what_the_code_at_hand_measures(name):
    stamp, table = cache.shipped_stamp(name), read_table(RESULTS / f"{name}.csv")
    module, function = stamp["measure"].rsplit(".", 1)
    measure = getattr(importlib.import_module(module), function)
    assert stamp["code"] == cache._code_of(measure), "run `python3 run.py references`"
    keys = ["task", "construction", "hidden_size", "seed"]
    specs = [s for task in catalogue.TASKS for s in catalogue.specs(task)]
    if "steps" in table:
        keys.append("steps")
        specs = [*catalogue.sizes(), *(s for *_, s in catalogue.time_course())]
    reference = {
        (s.task, s.construction, s.hidden_size, s.seed, s.recipe.steps)[: len(keys)]: s
        for s in specs
    }
    rows = dict(list(table.groupby(keys, sort=False)))
    assert stamp["n_networks"] == len(rows)
    key = list(rows)[sum(map(ord, name)) % len(rows)]  # one network, another for each table
    net = catalogue.networks([reference[key]])[0]
    again = cache.measure_one(measure, reference[key], net, stamp["options"])
    assert beyond_tolerance(rows[key].reset_index(drop=True), again) == []
