"""Tables that take long: resumed, stamped, and still what the code measures."""

import ast
import copy
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from schur_lib import provenance
from schur_lib.networks import Network
from schur_lib.specs import Spec
from study import cache, cells, folders, paper
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
    monkeypatch.setattr(folders, "DATA", tmp_path)
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


def ship(tmp_path):
    """What the last measurement saved becomes the shipped table; what is shipped gets its checksums."""
    if not (tmp_path / "shipped").exists():
        (tmp_path / "results").rename(tmp_path / "shipped")
    lines = [f"{folders.digest(path)}  shipped/{path.name}\n" for path in (tmp_path / "shipped").iterdir()]
    (tmp_path / folders.CHECKSUMS).write_text("".join(lines))


def test_a_shipped_table_is_read_only_under_its_own_stamp(pair, tmp_path):
    spec, net = pair
    cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    ship(tmp_path)
    shipped = tmp_path / "shipped"
    table = pd.read_csv(shipped / "size.csv", keep_default_na=False)
    table.assign(norm=7.0).to_csv(shipped / "size.csv", index=False)
    ship(tmp_path)
    assert (cache.measured("size", size, [spec], [net], on={"n_trials": 4}).norm == 7).all()
    stamp = json.loads((shipped / "size.json").read_text())
    (shipped / "size.json").write_text(json.dumps({**stamp, "code": "older"}))
    ship(tmp_path)
    assert not (cache.measured("size", size, [spec], [net], on={"n_trials": 4}).norm == 7).any()


def weigh(models, factor=1.0):
    calls.append(models[0][:2])
    [(cell, seed, model)] = models
    norm = next(model.parameters()).detach().norm().item() if isinstance(model, torch.nn.Module) else 1.0
    return pd.DataFrame({"cell": [cell], "seed": [seed], "norm": [factor * norm]})


def test_models_without_a_spec_are_known_by_kind_seed_and_weights(pair, tmp_path):
    torch.manual_seed(0)
    one, two = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    models = [("a", 0, one), ("a", 1, two), ("plain", 0, pair[1])]
    with joblib.parallel_config(backend="sequential"):  # where `calls` can be seen
        first = cache.measured_models("weight", weigh, models)
        assert first.cell.tolist() == ["a", "a", "plain"] and first.seed.tolist() == [0, 1, 0]
        assert first.norm[0] == pytest.approx(one.weight.detach().norm().item(), abs=1e-6)
        pd.testing.assert_frame_equal(cache.measured_models("weight", weigh, models), first)
        assert calls == [("a", 0), ("a", 1), ("plain", 0)]
        with torch.no_grad():
            two.weight *= 2
        assert cache.measured_models("weight", weigh, models).norm[1] == pytest.approx(2 * first.norm[1], abs=1e-6)
        cache.measured_models("weight", weigh, models, factor=2.0)
        assert calls[3:] == [("a", 1), *[("a", 0), ("a", 1), ("plain", 0)]]


DAMAGES = {
    "cut off": lambda content: content[: content.rindex(b"\n", 0, -1) + 1],
    "a flipped digit": lambda content: content.replace(b"0.5", b"0.6"),
    "empty": lambda content: b"",
    "line ends of Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "not even text": lambda content: b"\xff\x00" + content,
}


def damage(path, how):
    """Change a file and keep its time."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = DAMAGES[how](path.read_bytes())
    assert content != path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=times)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_damaged_shipped_table_is_named_and_measured_instead(pair, tmp_path, how, ending):
    if (ending, how) == ("json", "a flipped digit"):
        return
    spec, net = pair
    good = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    ship(tmp_path)
    damage(tmp_path / "shipped" / f"size.{ending}", how)
    with pytest.warns(UserWarning, match=rf"size.{ending} is damaged.*size is measured here instead") as said:
        found = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    pd.testing.assert_frame_equal(found, good)
    assert len(said) == 1 and f"git checkout data/shipped/size.{ending}" in str(said[0].message)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_part_is_named_and_measured_again(pair, tmp_path, how):
    spec, net = pair
    good = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    [part] = (tmp_path / "store" / "measured").iterdir()
    whole = part.read_bytes()
    damage(part, how)
    with pytest.warns(UserWarning, match=f"{part.name} is damaged.*measured again"):
        found = cache.measured("size", size, [spec], [net], on={"n_trials": 4})
    assert calls == [4, 4] and part.read_bytes() == whole
    pd.testing.assert_frame_equal(found, good)


def test_a_shipped_file_is_read_only_as_its_checksum_says(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "DATA", tmp_path)
    file, other = tmp_path / "scope" / "a.safetensors", tmp_path / "b.csv"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    (tmp_path / folders.CHECKSUMS).write_text(f"{folders.digest(file)}  scope/a.safetensors\n")
    assert folders.shipped(file) == file
    other.write_text("x\n")
    for path, change in ((other, "x\n"), (file, "Weights")):
        path.write_text(change)
        with pytest.raises(
            ValueError, match=rf"{path.name} is damaged or was changed.*git checkout data/.*references"
        ):
            folders.shipped(path)
    file.unlink()
    with pytest.raises(ValueError, match=r"a.safetensors is missing.*git checkout data/scope/a.safetensors"):
        folders.shipped(file)


@pytest.mark.parametrize("what", ["a model of another cell", "the published numbers"])
def test_what_is_shipped_beside_the_networks_is_read_only_whole(tmp_path, monkeypatch, what):
    data = tmp_path / "data"
    shutil.copytree(folders.DATA, data, ignore=shutil.ignore_patterns("networks", "results"))
    monkeypatch.setattr(folders, "DATA", data)
    monkeypatch.setattr(folders, "CELLS", data / "scope")
    monkeypatch.setattr(paper, "_numbers", paper._numbers.__wrapped__)
    read, file = {
        "a model of another cell": (lambda: cells.load("GRU", 0), data / "scope" / "gru-seed0.safetensors"),
        "the published numbers": (paper.numbers, data / "paper_numbers.csv"),
    }[what]
    read()
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file.name} is damaged"):
        read()


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


every_table = pytest.mark.parametrize("name", portability.tables())


@every_table
def test_a_shipped_table_was_measured_with_the_code_at_hand(name):
    stamp = cache.shipped_stamp(name)
    module, function = stamp["probe"].rsplit(".", 1)
    probe = getattr(importlib.import_module(module), function)
    now = cache.stamp_of(probe, [], [], stamp["on"], stamp["keys"], stamp["options"])
    for made_by in ("code", "libraries"):
        assert stamp[made_by] == now[made_by], "run `python3 run.py references`"
    rows = read_table(folders.RESULTS / f"{name}.csv").groupby(stamp["keys"]).ngroups
    assert stamp["n_networks"] == rows


@pytest.mark.slow
@every_table
def test_a_shipped_table_is_what_the_code_at_hand_measures(name):
    """For one of its networks; `.ci/run` does so at each change too, under other instructions."""
    for old, new in portability.again(name):
        assert beyond_tolerance(old, new) == []


PROBES = sorted({cache.shipped_stamp(name)["probe"].rpartition(".")[0] for name in portability.tables()})


def mutated(tree, rng):
    """A copy of a syntax tree in which one drawn number, word, operator or statement is another."""
    tree = copy.deepcopy(tree)
    nodes = [n for n in ast.walk(tree) if not isinstance(n, ast.Expr) and hasattr(n, "lineno")]
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    places = [n for n in nodes if isinstance(n, ast.Constant | ast.BinOp | ast.Return) and id(n) not in docstrings]
    match places[rng.integers(len(places))] if places else None:
        case ast.Constant() as constant:
            constant.value = "other" if constant.value != "other" else 1
        case ast.BinOp() as operation:
            operation.op = ast.Sub() if not isinstance(operation.op, ast.Sub) else ast.Add()
        case ast.Return() as end:
            end.value = ast.Tuple([end.value], ast.Load())
        case None:
            tree.body.append(ast.Pass())
    return tree


@pytest.mark.parametrize("probe", PROBES)
def test_every_module_that_a_tables_code_reaches_makes_it_out_of_date(probe, monkeypatch):
    rng, tree, logic = np.random.default_rng(sum(map(ord, probe))), provenance._tree, provenance._logic
    before = provenance.code_digest(probe, "study.cache")
    seen = {before}
    modules = provenance.reached([probe, "study.cache"], {"schur_lib", "study"})
    for module in modules:
        changed = mutated(tree(module), rng)
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_tree", lambda m, module=module, t=changed: t if m == module else tree(m))
            patch.setattr(
                provenance, "_logic", lambda m, module=module: (logic.__wrapped__ if m == module else logic)(m)
            )
            seen.add(provenance.code_digest(probe, "study.cache"))
    assert len(seen) == len(modules) + 1
    assert provenance.code_digest(probe, "study.cache") == before


IMPORT = """
import importlib, json, sys, types
found = {}
for probe in sys.argv[1:]:
    for name in [m for m in sys.modules if m.partition(".")[0] in ("schur_lib", "study")]:
        del sys.modules[name]
    # without the namespace, which would import all of the method
    sys.modules["schur_lib"] = package = types.ModuleType("schur_lib")
    package.__path__ = ["schur_lib"]
    importlib.import_module(probe)
    found[probe] = [m for m in sys.modules if m.startswith(("schur_lib.", "study.")) and m != "study.probes"]
print(json.dumps(found))
"""


def test_the_modules_that_a_probe_imports_are_those_that_its_digest_reaches():
    """Imported in truth, in a process of its own."""
    command = [sys.executable, "-c", IMPORT, *PROBES]
    done = subprocess.run(command, cwd=folders.PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for probe, imported in json.loads(done.stdout).items():
        assert {probe, "schur_lib.subjects"} <= set(imported)
        assert set(imported) <= provenance.reached([probe], {"schur_lib", "study"}), probe
