"""Tables that take long: resumed, stamped, and still what the code measures."""

import ast
import importlib
import json
import pkgutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from schur_lib import provenance
from schur_lib.networks import Network
from schur_lib.specs import Spec
from study import cache, folders
from tools import portability
from tools.references import beyond_tolerance, read_table

calls = []


def size(trials, factor=1.0):
    calls.append(trials.n_trials)
    norm = factor * float(trials.W_hh.norm())
    return pd.DataFrame({"removed": ["", "CC"], "norm": [norm, 0.5]})


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
    first = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    second = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    assert calls == [4]
    pd.testing.assert_frame_equal(first, second)
    assert list(first.columns[:4]) == ["task", "construction", "hidden_size", "seed"]
    assert first.removed.tolist() == ["", "CC"]


def test_other_weights_or_options_are_measured_again(pair):
    spec, net = pair
    cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    cache.measured("size", size, [spec], [net], on={"n_trials": 4}, factor=2.0)
    other = Network(net.W_xh, net.W_hh * 2, net.W_hy)
    table = cache.measured("size", size, [spec], [other], on={"n_trials": 4})
    assert calls == [4, 4, 4]
    assert table.norm[0] == pytest.approx(2 * float(net.W_hh.norm()), rel=1e-6)


def test_a_shipped_table_is_read_only_under_its_own_stamp(pair, tmp_path):
    spec, net = pair
    cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    shipped = tmp_path / "shipped"
    (tmp_path / "results").rename(shipped)
    table = pd.read_csv(shipped / "size.csv", keep_default_na=False)
    table.assign(norm=7.0).to_csv(shipped / "size.csv", index=False)
    assert (cache.measured("size", size, [spec], [net], on={"n_trials": 4}).norm == 7).all()
    stamp = json.loads((shipped / "size.json").read_text())
    (shipped / "size.json").write_text(json.dumps({**stamp, "code": "older"}))
    assert not (cache.measured("size", size, [spec], [net], on={"n_trials": 4}).norm == 7).any()


def test_everything_is_measured_anew_on_demand(pair, monkeypatch):
    spec, net = pair
    cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    monkeypatch.setenv("SCHUR_LIB_MEASURE", "all")
    cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    assert calls == [4, 4]


def test_a_changed_bias_activation_or_number_of_trials_is_another_network(pair):
    spec, net = pair
    nets = [net, replace(net, b_h=torch.ones(64)), replace(net, activation="relu"), net]
    stamps = [cache.stamp_of(size, [spec], [n], [{"n_trials": t}], cache.KEYS, {})
              for n, t in zip(nets, (4, 4, 4, 5), strict=True)]  # fmt: skip
    assert len({json.dumps(stamp, sort_keys=True) for stamp in stamps}) == 4


def test_another_version_of_a_library_makes_a_table_out_of_date(pair, monkeypatch):
    spec, net = pair
    before = cache.stamp_of(size, [spec], [net], [{}], cache.KEYS, {})
    monkeypatch.setattr(cache, "library_versions", lambda: {"numpy": "0"})
    assert cache.stamp_of(size, [spec], [net], [{}], cache.KEYS, {}) != before


def test_a_probe_is_given_a_seed_of_its_network_and_task(pair):
    spec, net = pair
    found = cache.measure_one(seeded, spec, net, [{"n_trials": 2}], {})
    assert found.seeds.tolist() == [4, 1]
    assert cache.measure_one(seeded, spec, net, [{"n_trials": 2}], {"seed": [7]}).seeds.tolist() == [7]


def seeded(trials, seed=0):
    return pd.DataFrame({"seeds": list(seed)})


def test_a_probe_of_several_trials_gets_them_in_order(pair):
    spec, net = pair
    found = cache.measure_one(several, spec, net, [{"n_trials": 3}, {"n_trials": 2, "exact": True}], {})
    assert found.n.tolist() == [3, 2] and found.exact.tolist() == [False, True]


def several(first, second):
    both = [first, second]
    return pd.DataFrame({"n": [t.n_trials for t in both],
                         "exact": [t.network.W_hh.dtype == torch.float64 for t in both]})  # fmt: skip


@pytest.mark.parametrize("file", sorted(Path(cache.__file__).parent.rglob("*.py")))
def test_the_study_imports_modules_of_the_method_not_its_namespace(file):
    """Else everything would be in the closure of every probe, and any change would measure all anew."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in ("schur_lib", "study"):
            package = importlib.import_module(node.module)
            modules = {m.name for m in pkgutil.iter_modules(package.__path__)}
            assert {alias.name for alias in node.names} <= modules


@pytest.mark.parametrize("name", portability.tables())
def test_a_shipped_table_is_what_the_code_at_hand_measures(name):
    stamp = cache.shipped_stamp(name)
    module, function = stamp["probe"].rsplit(".", 1)
    probe = getattr(importlib.import_module(module), function)
    now = cache.stamp_of(probe, [], [], stamp["on"], stamp["keys"], stamp["options"])
    for made_by in ("code", "libraries"):
        assert stamp[made_by] == now[made_by], "run `python3 run.py references`"
    rows = read_table(folders.RESULTS / f"{name}.csv").groupby(stamp["keys"]).ngroups
    assert stamp["n_networks"] == rows
    for old, new in portability.again(name):
        assert beyond_tolerance(old, new) == []


@pytest.mark.parametrize("name", portability.tables())
def test_every_module_that_a_tables_code_reaches_makes_it_out_of_date(name, monkeypatch):
    probe = cache.shipped_stamp(name)["probe"].rpartition(".")[0]
    before = provenance.code_digest(probe, "study.cache")
    for module in provenance.reached([probe, "study.cache"], {"schur_lib", "study"}):

        def mutated(m, module=module, logic=provenance._logic):
            return logic(m) + ("changed" if m == module else "")

        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_logic", mutated)
            assert provenance.code_digest(probe, "study.cache") != before, module
