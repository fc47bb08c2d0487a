"""The wheel alone, in an environment that holds what it declares and nothing else, far from the project."""

import ast
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SMALL = 300_000  # bytes

WORK = """
import json, sys
from pathlib import Path
before = set(sys.modules)
import numba
numba_before = numba.config.CACHE_DIR
import torch, numpy
import schur_lib
from schur_lib import Network, Recipe, Spec, evaluation, profile_of, stabilisers, tasks, train, store
assert numba.config.CACHE_DIR == numba_before
specs = [Spec("flip_flop", "dense_orthogonal", 8, seed, Recipe(steps=3, batch_size=4)) for seed in (0, 1)]
nets = train(specs, n_jobs=2, progress=False)
assert numba.config.CACHE_DIR == numba_before
table = schur_lib.ablation_profile(nets[0], tasks.flip_flop(), n_trials=8)
assert len(table) == 8
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.readout = torch.nn.GRU(3, 6), torch.nn.Linear(6, 2)
    def forward(self, x):
        return self.readout(self.rnn(x)[0])
trials = evaluation(Model(), "rnn.weight_hh_l0", torch.randn(9, 8, 3), torch.randn(9, 8, 2), gate="new")
assert len(profile_of(trials)) == 8 and trials.states().shape == (9, 8, 6)
assert len(stabilisers(trials, trials)) == 3
nets[0].save("net.safetensors")
x, y = tasks.held_out(tasks.flip_flop(), 16)
numpy.savez("data.npz", inputs=x.numpy(), targets=y.numpy())
for name in ("study", "report", "tools", "matplotlib", "seaborn", "pytest"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} can be imported: the environment is not clean")
files = {n: getattr(m, "__file__", None) for n, m in list(sys.modules.items()) if n not in before}
print(json.dumps({"file": schur_lib.__file__, "store": str(store.default_folder()), "modules": files}))
"""


def needed(name):
    """The distributions that one needs, without extras, directly or not."""
    found, left = set(), [name]
    while left:
        for line in importlib.metadata.requires(left.pop()) or []:
            requirement = Requirement(line)
            one = canonicalize_name(requirement.name)
            if one not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                found.add(one)
                left.append(one)
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of what is in version control, so that nothing is left in the project."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "schur_lib", source / "schur_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "study").mkdir()
    (source / "study" / "__init__.py").touch()
    pip = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "-w", str(out)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """(python, site-packages, links) of an environment with the wheel, and links to what the wheel declares."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    links = folder / "dependencies"
    links.mkdir()
    for name in needed_by(wheel):
        for file in importlib.metadata.files(name) or []:
            first = file.parts[0]
            target = Path(importlib.metadata.distribution(name).locate_file(first))
            if first not in ("..", "__pycache__") and not (links / first).exists() and target.exists():
                (links / first).symlink_to(target.resolve())
    (site / "dependencies.pth").write_text(f"{links}\n")
    return folder / "bin" / "python", site, links


def needed_by(wheel):
    """What the wheel itself declares, and what that needs."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        lines = file.read(name).decode().splitlines()
    declared = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    own = {canonicalize_name(r.name) for r in declared if not r.marker or r.marker.evaluate({"extra": ""})}
    return own.union(*map(needed, own))


def run(environment, home, *arguments, **variables):
    python = environment[0]
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR", "OMP_NUM_THREADS")}
    kept |= {"HOME": str(home), **variables}
    return subprocess.run([str(python), "-I", *arguments], cwd=home, env=kept, capture_output=True, text=True)


def listing(folder):
    return {(str(p.relative_to(folder)), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    expected = {f"schur_lib/{path.name}" for path in (ROOT / "schur_lib").glob("*.py")}
    assert names == expected | {"schur_lib/py.typed"}
    assert wheel.stat().st_size < SMALL


def test_the_declared_dependencies_are_those_that_the_package_imports(wheel):
    """Not more, either: each is imported somewhere in the package."""
    imported = set()
    for path in (ROOT / "schur_lib").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        lines = file.read(name).decode().splitlines()
    declared = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    assert imported - set(sys.stdlib_module_names) - {"schur_lib"} == {r.name for r in declared if not r.marker}


@pytest.mark.slow
def test_the_wheel_works_alone_and_writes_nothing_beside_itself(environment, tmp_path):
    _, site, links = environment
    before = listing(site)
    home = tmp_path / "home"
    done = run(environment, home, "-c", WORK)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["file"]).parent == site / "schur_lib"
    assert Path(told["store"]).is_relative_to(home) and len(list(Path(told["store"]).iterdir())) == 2
    homes = [sysconfig.get_path("stdlib"), site / "schur_lib", links]  # what is linked is what is declared
    for name, file in told["modules"].items():
        lies = Path(file or ".")
        assert not lies.is_absolute() or any(lies.is_relative_to(home) for home in homes), (name, file)
    compiled = home / ".cache" / "schur_lib" / "numba"
    assert list(compiled.rglob("*.nbi")) and listing(site) == before

    for arguments, code in (
        (["net.safetensors", "data.npz"], 0),
        (["net.safetensors", "none.npz", "--output", "other"], 1),
    ):
        done = run(environment, home, "-m", "schur_lib", *arguments)
        assert done.returncode == code, done.stderr
    assert done.stderr == "schur_lib: no data file none.npz\n"
    summary = json.loads((home / "net-profile" / "summary.json").read_text(encoding="utf-8"))
    assert summary["schema"] == 1 and listing(site) == before


RUN = """
import numba, torch
from schur_lib import Network, rollout
net = Network(torch.ones(4, 2), torch.eye(4), torch.ones(3, 4))
assert rollout(net, torch.zeros(3, 2, 2)).shape == (3, 2, 3)
print(numba.config.CACHE_DIR)
"""


@pytest.mark.slow
def test_the_folder_of_compiled_code_can_be_chosen(environment, tmp_path):
    home, chosen = tmp_path / "home", tmp_path / "chosen"
    # -I leaves NUMBA_CACHE_DIR alone: it is numba's, not Python's
    done = run(environment, home, "-c", RUN, NUMBA_CACHE_DIR=str(chosen))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(chosen)
    assert list(chosen.rglob("*.nbi")) and not list(home.rglob("*.nbi"))


@pytest.mark.slow
def test_where_nothing_can_be_written_it_works_without_a_cache(environment, tmp_path):
    site = environment[1]
    before, file = listing(site), tmp_path / "a file, not a folder"
    file.touch()
    done = run(environment, tmp_path / "home", "-c", RUN, XDG_CACHE_HOME=str(file))
    assert done.returncode == 0, done.stderr
    assert listing(site) == before and not list(tmp_path.rglob("*.nbi"))
