"""The digest of code: what is reached by imports counts, and of that only the logic."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import schur_lib

PACKAGE = Path(schur_lib.__path__[0])
OTHERS = [Path.home() / ".pyenv" / "versions" / v / "bin" / "python" for v in ("3.12.1", "3.13.0")]
DIGEST = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("provenance", sys.argv[1])
provenance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(provenance)
print(provenance.code_digest(*sys.argv[2:]))
print(*sorted(provenance.reached(sys.argv[2:], {"schur_lib", "toy"})))
"""


def told(folder, *modules, python=sys.executable, **variables):
    """The digest of modules that lie in a folder, and what they reach, by a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", **variables}
    command = [str(python), "-c", DIGEST, str(PACKAGE / "provenance.py"), *modules]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    digest, reached = done.stdout.splitlines()
    return digest, set(reached.split())


@pytest.fixture(scope="module")
def training():
    """The digest of what trains, and what it reaches, as they are."""
    return told(PACKAGE.parent, "schur_lib.training")


@pytest.fixture
def copied(tmp_path):
    """The package in a folder of its own."""
    shutil.copytree(PACKAGE, tmp_path / "schur_lib", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_training_reaches_what_decides_a_network_and_no_more(training):
    digest, reached = training
    names = ("dynamics", "initialisations", "kernels", "metrics", "networks", "recipes", "specs", "tasks")
    assert {f"schur_lib.{name}" for name in names} <= reached
    assert not {"schur_lib.profile", "schur_lib.stability", "schur_lib.schur", "schur_lib.subjects"} & reached
    assert len(digest) == 12 and int(digest, 16) >= 0


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("kernels", "LIMIT = 7.9", "LIMIT = 7.8"),
        ("tasks", "steps: int = 25", "steps: int = 26"),
        ("metrics", "perfect=0.0", "perfect=0.5"),
    ],
)
def test_a_changed_constant_in_a_module_that_is_reached_changes_the_digest(copied, training, module, old, new):
    """A global, a default, an argument; that no module is passed over is said in tests/study/test_cache.py."""
    edit(copied / "schur_lib" / f"{module}.py", old, new)
    after = told(copied, "schur_lib.training")
    assert training[0] != after[0] and training[1] == after[1]


def test_docstrings_comments_layout_and_other_modules_do_not_count(copied, training):
    edit(copied / "schur_lib" / "kernels.py", '"""Fused', '"""Very much fused')
    edit(copied / "schur_lib" / "tasks.py", '"""Draw independent', '"""Draw quite independent')
    edit(copied / "schur_lib" / "specs.py", '"""All that determines', '"""Everything that determines')
    edit(copied / "schur_lib" / "recipes.py", "20_000", "20000  # steps\n    ")
    edit(copied / "schur_lib" / "profile.py", "n_draws: int = 2000", "n_draws: int = 3000")
    (copied / "schur_lib" / "new.py").write_text("x = 1\n")
    assert told(copied, "schur_lib.training") == training


@pytest.mark.parametrize("python", OTHERS, ids=lambda p: p.parts[-3])
def test_the_digest_is_the_same_in_every_python(python):
    if not python.exists():
        pytest.skip(f"no {python}")
    modules = ("schur_lib.training", "schur_lib.stability", "schur_lib.__main__")
    assert told(PACKAGE.parent, *modules, python=python) == told(PACKAGE.parent, *modules)


def test_the_digest_is_the_same_in_every_locale(training):
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert told(PACKAGE.parent, "schur_lib.training", **plain) == training


def toy(folder, **files):
    """A package `toy`; a double underscore in a name is a folder's end."""
    for name, text in {"__init__": "", **files}.items():
        parts = ["__init__"] if name == "__init__" else name.split("__", 1)
        parts = [part if part != "init" else "__init__" for part in parts]
        path = folder.joinpath("toy", *parts).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from . import b", {"toy.b"}),
        ("from .b import x", {"toy.b"}),
        ("from .sub import c", {"toy.sub.c"}),
        ("from .sub.c import y", {"toy.sub.c"}),
        ("from .sub import z", {"toy.sub", "toy.sub.c"}),
        ("import toy.sub.c as c", {"toy.sub.c"}),
        ("import toy.b as b, toy.sub.c", {"toy.b", "toy.sub.c"}),
        ("def f():\n    from toy import b\n    return b", {"toy.b"}),
        ("class A:\n    def f(self):\n        import toy.b\n", {"toy.b"}),
        ("from toy import one", {"toy", "toy.b"}),
        ("from .sub.up import w", {"toy.sub.up", "toy.b", "toy.sub", "toy.sub.c"}),
        ("import json, collections.abc\nfrom os import path", set()),
        ("from toy import nothing_of_the_kind", {"toy", "toy.b"}),
    ],
)
def test_imports_of_every_kind_are_followed(tmp_path, text, expected):
    toy(
        tmp_path,
        __init__="from .b import x as one",
        a=text,
        b="x = 1",
        sub__init="from .c import y as yy\nz = 3",
        sub__c="y = 2",
        sub__up="from .. import b\nfrom . import z\nw = 4",
    )
    before, reached = told(tmp_path, "toy.a")
    assert reached == {"toy.a"} | expected
    if "toy.b" in expected:
        edit(tmp_path / "toy" / "b.py", "x = 1", "x = 2")
        assert told(tmp_path, "toy.a")[0] != before


def test_a_circle_of_imports_ends(tmp_path):
    toy(tmp_path, a="from toy import b", b="from toy import a")
    assert told(tmp_path, "toy.a")[1] == {"toy.a", "toy.b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a'", "x = 'b'"),
        ("x = None", "x = 0"),
        ("def f(): return", "def f(): return None"),
        ("def f(a, b=1): pass", "def f(a=1, b=1): pass"),
        ("x = {**a}", "x = {None: a}"),
        ("def f():\n    'doc'\n    return 1", "def f():\n    return 2"),
        ("x = 1.0", "x = 1"),
        ("x = 'é'", "x = 'e'"),
    ],
)
def test_code_that_does_different_things_has_different_digests(tmp_path, one, other):
    digests = []
    for text in (one, other):
        toy(tmp_path, a=text)
        digests.append(told(tmp_path, "toy.a")[0])
    assert digests[0] != digests[1]
