"""The project's own files agree with each other, and its commands refuse what they do not know."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

from tools import lock
from tools.notebooks import ROOT, names


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked():
    """The locked version of each package, for the Python and the system at hand."""
    return {
        canonical(name): version
        for name, version, marker, _ in entries(lock.LOCK)
        if not marker or Marker(marker).evaluate()
    }


def entries(path):
    return lock.entries(path.read_text(encoding="utf-8"))


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["book"] + extras["test"] + extras["cluster"] + extras["files"]
    return {canonical(Requirement(line).name): Requirement(line) for line in lines}


def conda():
    parts = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = next(part["pip"] for part in parts if isinstance(part, dict))
    return {canonical(Requirement(line).name): Requirement(line) for line in lines if not line.startswith("-")}


@pytest.mark.parametrize("path", [lock.LOCK, lock.CUDA], ids=lambda path: path.stem)
def test_a_lock_holds_entries_with_hashes_and_nothing_else(path):
    """No address of an index, no option of pip, no file of a machine."""
    text = path.read_text(encoding="utf-8")
    found = entries(path)
    head = text[: text.index(f"{found[0][0]}==")]
    assert all(line.startswith("# ") for line in head.splitlines())
    assert head + lock.written(found) == text
    assert all(hashes == sorted(set(hashes)) and hashes for *_, hashes in found)
    assert [entry[0] for entry in found] == sorted(entry[0] for entry in found)
    assert not re.search(r"://|^-", text, re.M)


@pytest.mark.parametrize("python", ["3.11.0", "3.11.2", "3.11.5", "3.12.1", "3.13.0"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_lock_names_each_package_once_on_every_system_and_python(python, system):
    place = {
        "python_full_version": python,
        "python_version": python[:4],
        "sys_platform": system,
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
    }
    names = [
        name
        for path in (lock.LOCK, lock.CUDA)
        for name, _, marker, _ in entries(path)
        if not marker or Marker(marker).evaluate(place)
    ]
    assert len(names) == len(set(names))
    assert {canonical(name) for name in declared()} <= set(names)
    assert ("triton" in names) == (system == "linux") and ("colorama" in names) == (system == "win32")


def test_what_torch_needs_for_graphics_cards_has_a_lock_of_its_own():
    """So the build for CPUs, whose hashes the lock has beside those of the public one, brings none of it."""
    assert [entry[0] for entry in entries(lock.LOCK) if lock.OF_CUDA.match(entry[0])] == []
    assert all(lock.OF_CUDA.match(entry[0]) for entry in entries(lock.CUDA))
    hashes = next(entry[3] for entry in entries(lock.LOCK) if entry[0] == "torch")
    for build in (
        "a3893dc2da0a972a8ca5d698c85a9f967559ac5f8ee1797b77408aa8734d073c",
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    ):
        assert build in hashes


def test_the_lock_lacks_nothing_that_its_packages_ask_for():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_declared_range_contains_the_locked_version():
    lock = locked()
    for name, requirement in declared().items():
        assert lock[name] in requirement.specifier, name


def test_environment_yml_names_the_declared_packages_in_the_locked_versions():
    lock, environment = locked(), conda()
    assert set(environment) == set(declared())
    for name, requirement in environment.items():
        assert lock[name] in requirement.specifier, name


@pytest.mark.locked
def test_what_is_installed_is_what_is_locked():
    from importlib.metadata import version

    for name in declared():
        assert version(name).split("+")[0] == locked()[name], name


def test_jupyter_book_stays_within_version_1():
    for requirement in (declared()["jupyter-book"], conda()["jupyter-book"]):
        assert "1.0.4.post1" in requirement.specifier
        assert "2.0.0" not in requirement.specifier and "0.6.5" not in requirement.specifier


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: command"),
        (["bok"], "invalid choice: 'bok'"),
        (["book", "--profil", "quick"], "unknown arguments: --profil quick"),
        (["book", "--profile", "tiny"], "invalid choice: 'tiny'"),
        (["book", "--reference", "--profile", "quick"], "--reference goes with --profile paper only"),
        (["references", "--chek"], "unknown arguments: --chek"),
        (["bench", "--peer"], "unknown arguments: --peer"),
        (["why", "copy"], "unknown arguments: copy"),
    ],
)
def test_run_py_refuses_what_it_does_not_know(arguments, said):
    done = subprocess.run([sys.executable, "run.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr


def test_run_py_needs_the_standard_library_only():
    imports = re.findall(r"^\s*(?:import|from) (\w+)", (ROOT / "run.py").read_text(), re.M)
    assert set(imports) <= set(sys.stdlib_module_names)


def test_the_commands_in_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"python3 run\.py ([a-z][^`\n#]*)", readme)
    assert {"book", "test"} <= {command.split()[0] for command in commands}
    given = {}
    for name, *words in map(str.split, commands):
        given.setdefault(name, set()).update(word.partition("=")[0] for word in words if word.startswith("--"))
    for name, options in given.items():
        done = subprocess.run([sys.executable, "run.py", name, "--help"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and all(option in done.stdout for option in options), name


def test_ci_runs_the_readmes_test_command():
    assert "python3 run.py test" in (ROOT / ".ci" / "run").read_text()
    assert "python3 run.py test" in (ROOT / "README.md").read_text()


def test_every_notebook_is_a_chapter_of_the_book():
    toc = (ROOT / "book" / "_toc.yml").read_text()
    chapters = re.findall(r"file: chapters/(\w+)", toc)
    assert [name for name in names() if name not in chapters] == []


HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]


def test_the_hooks_of_a_commit_are_local():
    assert [repo["repo"] for repo in HOOKS] == ["local"]


@pytest.mark.parametrize("hook", [hook for repo in HOOKS for hook in repo["hooks"]], ids=lambda h: h["id"])
def test_what_a_commit_is_checked_for_holds(hook):
    command = hook["entry"].removeprefix("python -m ").split()
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "outcome", "said"),
    [
        ({}, "4 skipped", "no Chromium on this machine; to run this test, install it"),
        ({"CI": "true"}, "4 errors", "no Chromium, which .ci/run installs"),
    ],
)
def test_without_chromium_its_tests_are_skipped_and_fail_in_ci_alone(tmp_path, variables, outcome, said):
    """Those of the report, which need no built book; one fixture serves all."""
    settings = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    settings |= {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), **variables}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-rs",
            "-p",
            "no:cacheprovider",
            "tests/report/test_page.py",
            "-k",
            "in_a_browser",
        ],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
    )
    assert outcome in done.stdout.splitlines()[-1] and said in done.stdout, done.stdout[-3000:]


def test_only_the_one_fixture_starts_a_browser():
    launching = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"chromium\.launch\(", path.read_text(encoding="utf-8"))
    ]
    assert launching == ["conftest.py"]
