"""The workflows are sound and run the local commands; releases, buttons, licences and citations."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml

import run
from study import folders
from study.cache import read
from tools import book, crate, floors, publish, release, retrained

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent  # no activated environment is needed
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def steps(content):
    return [step for job in content["jobs"].values() for step in job["steps"]]


def tool(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def zizmor(*paths):
    return tool(str(BIN / "zizmor"), "--offline", "--no-progress", "--pedantic", *map(str, paths))


def schema(name, *paths):
    return tool(str(BIN / "check-jsonschema"), "--builtin-schema", name, *map(str, paths))


# --- linters --------------------------------------------------------------------------------


def test_the_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["book", "dependencies", "pythons", "release", "retrain", "test",
                                                   "weekly"]  # fmt: skip


def test_zizmor_finds_nothing_in_the_workflows():
    code, said = zizmor(*WORKFLOWS, ROOT / ".github" / "dependabot.yml")
    assert code == 0, said
    assert "No findings to report" in said


@pytest.mark.parametrize("name", ["github-workflows", "dependabot", "citation-file-format"])
def test_files_for_others_keep_to_their_schema(name):
    files = {
        "github-workflows": WORKFLOWS,
        "dependabot": [ROOT / ".github" / "dependabot.yml"],
        "citation-file-format": [ROOT / "CITATION.cff"],
    }[name]
    code, said = schema(f"vendor.{name}", *files)
    assert code == 0, said


BROKEN = {
    "unpinned-uses": (r"actions/checkout@\w+ # \S+", "actions/checkout@v7"),
    "excessive-permissions": (r"^permissions: \{\}", "permissions: write-all"),
    "template-injection": (r"run: bash \.ci/run", "run: echo ${{ github.head_ref }}"),
    "artipacked": (r"\n        with:\n          persist-credentials: false", ""),
    "dangerous-triggers": (r"^  pull_request:", "  pull_request_target:"),
}


@pytest.mark.parametrize("finding", BROKEN)
def test_zizmor_sees_a_workflow_that_was_broken(finding, tmp_path):
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    broken, n = re.subn(*BROKEN[finding], text, flags=re.M)
    assert n == 1
    path = tmp_path / ".github" / "workflows" / "test.yml"
    path.parent.mkdir(parents=True)
    path.write_text(broken)
    code, said = zizmor(path)
    assert code != 0
    assert f"[{finding}]" in said


def test_the_schema_sees_a_misspelt_key(tmp_path):
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    path = tmp_path / "test.yml"
    path.write_text(text.replace("timeout-minutes:", "timeout-minuts:"))
    assert schema("vendor.github-workflows", path)[0] != 0


# --- what no linter knows -------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_and_names_its_version(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for line in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_commit_and_one_version_in_all_workflows():
    uses = [line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len({line.split("@")[0] for line in uses}) == len(set(uses))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_can_write_only_what_it_is_there_to_write(path):
    allowed = {
        ("book", "deploy"): {"pages": "write", "id-token": "write"},
        ("retrain", "report"): {"issues": "write"},
        ("release", "release"): {"contents": "write"},
    }
    content = yaml.safe_load(path.read_text())
    assert content["permissions"] == {}
    assert content["concurrency"]["group"]
    for name, job in content["jobs"].items():
        assert job["permissions"] == allowed.get((path.stem, name), {"contents": "read"}), name
        assert 0 < job["timeout-minutes"] < 360, name
        if "write" in job["permissions"].values():  # no code of the repository runs beside a write
            assert not any("checkout" in step.get("uses", "") for step in job["steps"]), name


def test_no_checkout_leaves_its_credentials_behind():
    checkouts = [
        step["with"]["persist-credentials"]
        for path in WORKFLOWS
        for step in steps(yaml.safe_load(path.read_text()))
        if "checkout" in step.get("uses", "")
    ]
    assert len(checkouts) == 13 and set(checkouts) == {False}


def test_run_blocks_contain_no_expression():
    for path in WORKFLOWS:
        for step in steps(yaml.safe_load(path.read_text())):
            assert "${{" not in step.get("run", ""), path.name


def test_run_blocks_are_bash_that_parses():
    for path in WORKFLOWS:
        for step in steps(yaml.safe_load(path.read_text())):
            done = subprocess.run(["bash", "-n"], input=step.get("run", ""), text=True)
            assert done.returncode == 0, step


def project_commands(text):
    """The lines of a text that run something of this project, without their redirections."""
    lines = [line.split("#")[0].split(" > ")[0].strip() for line in text.splitlines()]
    return [line for line in lines if re.match(r"((?:\.venv/bin/)?python3?|pip|pytest|bash|doit|jupyter)\b", line)]


def readme_commands():
    return project_commands((ROOT / "README.md").read_text().replace("| `", "\n").replace("`", "\n"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_workflows_run_the_commands_that_the_readme_gives(path):
    found = []
    for step in steps(yaml.safe_load(path.read_text())):
        found += project_commands(step.get("run", ""))
    assert found
    for command in found:
        shown = re.sub(r' --(tag|seed) "\$GITHUB_\w+"$', "", command)
        assert shown.removesuffix(" || code=$?") in readme_commands(), command


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_commands_of_the_workflows_are_taken_by_what_they_call(path):
    """By its own parser, where it has one: nothing is run."""
    for step in steps(yaml.safe_load(path.read_text())):
        for command in project_commands(step.get("run", "")):
            words = shlex.split(command)
            if words[1] == "run.py":
                known, rest = run.parser().parse_known_args(words[2:])
                assert rest == [] or known.command in ("portability", "faults", "test"), command  # have their own
            elif words[1:2] == ["-m"] and words[2].startswith("tools."):
                module = ROOT / f"{words[2].replace('.', '/')}.py"
                assert module.exists(), command
                if "argparse" in module.read_text(encoding="utf-8"):
                    code, said = tool(sys.executable, "-m", words[2], "--help")
                    assert code == 0 and set(re.findall(r"--\w+", command)) <= set(re.findall(r"--\w+", said)), (
                        command
                    )


def step_runs(name, step, cwd):
    """Run a step of a workflow as the workflow would; its exit code."""
    script = step_named(workflow(name), step)
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=cwd, capture_output=True).returncode


def test_data_that_do_not_match_their_checksums_stop_a_deployment(tmp_path):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    step = "Compare the data with their checksums"
    assert step_runs("book", step, tmp_path) == 0
    file = tmp_path / "data" / "results" / "table_1.csv"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"1", b"2", 1))
    assert step_runs("book", step, tmp_path) != 0
    file.unlink()
    assert step_runs("book", step, tmp_path) != 0


def test_the_builds_of_the_workflows_are_commands_that_run_py_takes():
    built = {}
    for path in WORKFLOWS:
        for step in steps(yaml.safe_load(path.read_text())):
            for command in project_commands(step.get("run", "")):
                if re.match(r"python3 run\.py (book|pdf)\b", command):
                    arguments = run.parser().parse_args(shlex.split(command)[2:])
                    built[path.stem] = run.settings_of(arguments)[0].relative_to(ROOT).as_posix()
    assert built == {
        "book": "build/paper-reference",
        "release": "build/paper-reference",
        "retrain": "build/paper-trained",
    }
    # what follows the build takes the folder that it made
    assert f"{built['book']}/html" in [s.get("with", {}).get("path") for s in steps(workflow("book"))]
    for name in ("release", "retrain"):
        assert any(f"{built[name]}" in step.get("run", "") for step in steps(workflow(name)))


def test_a_pull_request_runs_the_whole_of_ci_and_nothing_can_be_written():
    content = workflow("test")
    assert set(content[True]) == {"pull_request"}  # YAML takes the key `on` for a truth value
    assert [step["run"] for step in steps(content) if "run" in step] == ["bash .ci/run"]


def test_pages_are_deployed_only_from_a_commit_that_passed_the_tests():
    jobs = workflow("book")["jobs"]
    needed, left = [], ["deploy"]
    while left:
        name = left.pop()
        needed.append(name)
        left += [jobs[name]["needs"]] if isinstance(jobs[name].get("needs"), str) else jobs[name].get("needs", [])
    assert needed == ["deploy", "build", "test"]
    assert (
        step_named({"jobs": {"test": jobs["test"]}}, "Test")
        == step_named(workflow("test"), "Test")
        == "bash .ci/run"
    )
    assert workflow("book")[True]["push"]["branches"] == ["main"]
    for path in ("book", "test"):  # nothing goes on where something failed
        text = (ROOT / ".github" / "workflows" / f"{path}.yml").read_text()
        assert "continue-on-error" not in text and "always()" not in text and "failure()" not in text
    everything = [step for path in WORKFLOWS for step in steps(yaml.safe_load(path.read_text()))]
    assert len([step for step in everything if "deploy-pages" in step.get("uses", "")]) == 1


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("weekly", [".venv/bin/python -m tools.mutants", "python3 run.py faults", "python3 run.py test --slow"]),
        ("dependencies", ["python3 -m tools.floors", "python3 run.py portability", "python3 -m pip_audit"]),
        ("retrain", ["python3 run.py book"]),
    ],
)
def test_what_takes_long_runs_once_a_week(name, commands):
    [when] = workflow(name)[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])
    found = [line for step in steps(workflow(name)) for line in step.get("run", "").splitlines()]
    assert all(any(line.startswith(command) for line in found) for command in commands)


def test_every_python_that_the_lock_is_for_is_tested():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    jobs = workflow("pythons")["jobs"]
    tested = jobs["linux"]["strategy"]["matrix"]["python"]
    assert f"For CPython {', '.join(tested[:-1])} and {tested[-1]} on Linux" in text
    systems = [system.split("-")[0] for system in jobs["elsewhere"]["strategy"]["matrix"]["system"]]
    assert systems == ["macos", "windows"]
    assert all(system in text.lower() for system in systems)


def test_the_audit_reads_both_locks_every_week():
    content = workflow("dependencies")
    assert len(content[True]["schedule"]) == 1
    audit = step_named(content, "Audit")
    for name in ("requirements.lock", "requirements-cuda.lock"):
        assert (ROOT / name).exists() and f"-r {name}" in audit
    assert "--strict" in audit  # what cannot be looked up is no clean bill


@pytest.mark.parametrize(
    ("line", "floor"),
    [
        ('"joblib>=1.5,<2"', {"joblib": "1.5"}),
        ('"distributed>=2026.1"', {"distributed": "2026.1"}),
        ('"joblib<2"', None),
        ('"joblib==1.5"', None),
    ],
)
def test_the_floors_are_those_of_pyproject(tmp_path, monkeypatch, line, floor):
    extras = "".join(f"{extra} = []\n" for extra in floors.EXTRAS)
    (tmp_path / "pyproject.toml").write_text(
        f"[project]\ndependencies = [{line}]\n[project.optional-dependencies]\n{extras}"
    )
    monkeypatch.setattr(floors, "ROOT", tmp_path)
    if floor:
        assert floors.floors() == floor
    else:
        with pytest.raises(ValueError, match="no lowest version of joblib"):
            floors.floors()


def test_every_requirement_has_a_floor_and_one_that_is_not_to_be_had_is_named():
    declared = floors.floors()
    assert len(declared) > 25
    constraints = "".join(f"{name}=={version}.0\n" for name, version in declared.items())
    assert floors.higher(declared, constraints) == []
    assert floors.higher({"safetensors": "0.6"}, "safetensors==0.6.1\n") == [
        "safetensors>=0.6 is declared, the lowest that goes is 0.6.1"
    ]


def test_only_main_is_deployed():
    assert workflow("book")["jobs"]["deploy"]["if"] == "github.ref == 'refs/heads/main'"


# --- retrained ------------------------------------------------------------------------------


def scores(mean, n=10, removed="CR", spread=0.01):
    """Networks of one kind whose scores have this mean and lie up to 1.5 spreads from it."""
    offsets = spread * np.linspace(-1.5, 1.5, n)
    rows = pd.DataFrame({"seed": range(n), "score": mean + offsets, "removed": removed})
    return rows.assign(task="copy", construction="cayley", hidden_size=72)


def test_numbers_are_compared_with_prediction_intervals():
    shipped = pd.concat([scores(0.7), scores(0.9, removed="")])
    assert retrained.differences(shipped, shipped) == []
    (line,) = retrained.differences(shipped, pd.concat([scores(0.725, 3), scores(0.905, 3, "")]))
    assert line.startswith("- copy, cayley, N_h 72, CR: mean score 0.7250 of 3 networks, 0.6")
    # a single network may lie as far from the mean as networks do
    assert retrained.differences(shipped, pd.concat([scores(0.725, 1, spread=0), scores(0.9, 1, "")])) == []
    assert retrained.differences(scores(0.7), shipped) == [
        "- copy, cayley, N_h 72, intact: in one of the two tables only"
    ]


def test_the_shipped_tables_are_as_expected_and_a_missing_one_is_no_difference(tmp_path, capsys):
    assert retrained.main([str(folders.RESULTS)]) == 0 and "as expected" in capsys.readouterr().out
    assert retrained.main([str(tmp_path)]) == 2 and "cannot be compared" in capsys.readouterr().err
    assert retrained.main([]) == 2


def step_named(content, name):
    return next(step["run"] for step in steps(content) if step.get("name") == name)


@pytest.mark.parametrize(
    ("shift", "code", "outputs"), [(0, 0, "changed=0\n"), (0.5, 0, "changed=1\n"), (None, 2, "")]
)
def test_the_retraining_hands_on_what_changed_and_fails_without_a_table(tmp_path, shift, code, outputs):
    """The step is run as it stands, in a folder laid out like the project."""
    new = tmp_path / "build" / "paper-trained" / "results"
    new.mkdir(parents=True)
    for name in retrained.TABLES if shift is not None else ():
        table = read(folders.RESULTS / f"{name}.csv")
        table.assign(score=table.score + shift).to_csv(new / f"{name}.csv", index=False, na_rep="nan")
    for name in ("tools", "study", "schur_lib", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    (tmp_path / "output").touch()
    script = step_named(workflow("retrain"), "Compare the numbers")
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "GITHUB_OUTPUT": str(tmp_path / "output")},
    )
    assert done.returncode == code, done.stderr
    written = (tmp_path / "output").read_text()
    assert written.startswith(outputs)
    assert ("- flip_flop, dense_orthogonal, N_h 64, CC: mean score" in written) == bool(shift)


GH = """#!/usr/bin/env bash
if [ "$2" = list ]; then printf '%s' "$OPEN"; else printf '%s\\n' "$@" > said; fi
"""


@pytest.mark.parametrize(("open_issue", "verb"), [("", "create"), ("17", "comment")])
def test_changed_numbers_open_one_issue_and_then_comments_on_it(tmp_path, open_issue, verb):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    script = step_named(workflow("retrain"), "Open an issue, or add to the open one")
    hostile = '- copy: mean score "; touch owned; $(touch owned)'
    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        check=True,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "OPEN": open_issue,
            "TITLE": "A title",
            "DIFFERENCES": hostile,
            "RUN": "https://example.org/run/1",
        },
    )
    said = (tmp_path / "said").read_text()
    assert said.startswith(f"issue\n{verb}\n")
    assert hostile in said and "https://example.org/run/1" in said
    assert not (tmp_path / "owned").exists()


# --- buttons --------------------------------------------------------------------------------

URL = "https://github.com/someone/companion"


@pytest.mark.parametrize("environment", [{}, {"BOOK_REPOSITORY_URL": ""}, {"GITHUB_REPOSITORY": "a/b"}])
def test_without_an_address_nothing_is_changed(environment, tmp_path):
    config = tmp_path / "_config.yml"
    config.write_text("# a comment that a rewriting would lose\ntitle: x\n")
    before = config.read_bytes()
    publish.configure(config, environment)
    assert publish.config_overrides(environment) == {}
    assert config.read_bytes() == before


def test_an_address_on_github_gives_all_buttons_and_keeps_the_rest_of_the_config(tmp_path):
    config = tmp_path / "_config.yml"
    config.write_bytes((ROOT / "_config.yml").read_bytes())
    publish.configure(config, {"BOOK_REPOSITORY_URL": f"{URL}.git/", "BOOK_REPOSITORY_BRANCH": "v1"})
    before, after = (yaml.safe_load(p.read_text()) for p in (ROOT / "_config.yml", config))
    assert after["repository"] == {"url": URL, "branch": "v1", "path_to_book": ""}
    assert after["html"].pop("use_repository_button") is True
    assert before["html"].pop("use_repository_button") is False
    assert {"binderhub_url", "colab_url"} < after["launch_buttons"].keys()
    assert after["sphinx"]["local_extensions"].pop("launch") == "book/_ext"
    assert (ROOT / "book" / "_ext" / "launch.py").exists()
    assert {key: after[key] for key in before} == before


def test_an_address_elsewhere_gives_the_repository_button_alone():
    overrides = publish.config_overrides({"BOOK_REPOSITORY_URL": "https://git.example.org/a/b"})
    assert overrides["repository"] == {
        "url": "https://git.example.org/a/b",
        "branch": "main",
        "path_to_book": "",
    }
    assert "launch_buttons" not in overrides


@pytest.mark.parametrize(
    "url",
    [
        "github.com/a/b",
        "http://github.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b?c",
        "javascript:alert(1)",
    ],
)
def test_an_address_of_another_form_is_refused(url):
    with pytest.raises(ValueError, match="has to be https://<host>/<owner>/<name>"):
        publish.config_overrides({"BOOK_REPOSITORY_URL": url})


def test_a_built_page_has_buttons_that_open_its_notebook_in_the_repository(tmp_path):
    pages = tmp_path / "book"
    (pages / "chapters").mkdir(parents=True)
    (pages / "_generated").mkdir()
    shutil.copytree(ROOT / "book" / "_ext", pages / "_ext")
    (pages / "_toc.yml").write_text("format: jb-book\nroot: page\nchapters: [file: chapters/figure_1]\n")
    (pages / "page.md").write_text("# A page\n")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# A chapter", id="a")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, pages / "chapters" / "figure_1.ipynb")
    (tmp_path / "_config.yml").write_text(
        'title: x\nexecute: {execute_notebooks: "off"}\nexclude_patterns: ["_generated/*"]\n'
    )
    publish.publish(tmp_path, {"BOOK_REPOSITORY_URL": URL, "BOOK_REPOSITORY_BRANCH": "v1"})
    code, said = tool(
        str(BIN / "jupyter-book"), "build", str(pages), "--config", str(tmp_path / "_config.yml"),
        "--path-output", str(tmp_path), "--all", "-W",
    )  # fmt: skip
    assert code == 0, said
    made = [tmp_path / "_build" / "html" / name for name in ("chapters/figure_1.html", "page.html")]
    chapter, page = (set(re.findall(r'href="(https://[^"]*)"', p.read_text())) for p in made)
    assert {link for link in chapter if "companion" in link} == {
        URL,
        "https://mybinder.org/v2/gh/someone/companion/v1?urlpath=lab/tree/notebooks/figure_1.ipynb",
        "https://colab.research.google.com/github/someone/companion/blob/v1/notebooks/figure_1.ipynb",
    }
    assert {link for link in page if "companion" in link} == {URL}
    assert (ROOT / "notebooks" / "figure_1.ipynb").exists()


def test_a_build_publishes_its_copy_of_the_book_with_the_environment(monkeypatch, tmp_path):
    def stop(work, environment):
        raise RuntimeError(f"{work.name} {environment['BOOK_REPOSITORY_URL']}")

    monkeypatch.setenv("BOOK_REPOSITORY_URL", URL)
    monkeypatch.setattr(publish, "publish", stop)
    monkeypatch.setattr(book, "names", list)
    for name in ("copy_downloads", "runs"):
        monkeypatch.setattr(book, name, lambda *folders: "")
    for name in ("explorer", "records"):
        (tmp_path / name).mkdir()
    with pytest.raises(RuntimeError, match=f"work {URL}"):
        book.build(tmp_path, "quick", "trained")


# --- release --------------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path):
    build = tmp_path / "build"
    for path in (
        "html/index.html",
        "html/_static/a.js",
        "chapters/x.ipynb",
        "chapters/x.txt",
        "results/t.csv",
        "records/x.shown/fig.csv",
        "work/book/intro.md",
        "work/book/_ext/stamp.py",
        "work/book/_extra/downloads/large.csv",
        "doit.sqlite",
        "book.pdf",
    ):
        (build / path).parent.mkdir(parents=True, exist_ok=True)
        (build / path).write_text(path)
    record = {"notebook": "x", "parameters": {"networks": "reference", "profile": "paper"}, "seconds": 2.0,
              "versions": {"python": "3.11.2"}, "tables": {"t.csv": "…"},
              "shown": [{"cell": 1, "kind": "figure", "name": "fig", "files": {"fig.csv": "…"}}]}  # fmt: skip
    (build / "records" / "x.json").write_text(json.dumps(record))
    (build / "work" / "_config.yml").write_text("sphinx: {local_extensions: {stamp: book/_ext}}\n")
    return build


def unzipped(path):
    """{path in the archive, without its first folder: bytes}."""
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def test_a_release_holds_site_notebooks_results_networks_and_their_checksums(built, tmp_path):
    target = tmp_path / "release"
    written = release.pack(built, target)
    assert sorted(target.iterdir()) == sorted(written)
    stem = f"schur-lib-{PROJECT['version']}"
    inside = {}
    for path in written[:-2]:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            prefix = f"{path.stem}/"
            assert all(name.startswith(prefix) for name in archive.namelist())
            inside[path.name] = {name.removeprefix(prefix) for name in archive.namelist()}
    assert (target / f"{stem}-book.pdf").read_text() == "book.pdf"
    assert inside[f"{stem}-site.zip"] == {"index.html", "_static/a.js"}
    assert inside[f"{stem}-notebooks.zip"] == {"x.ipynb"}
    assert inside[f"{stem}-results.zip"] == {"results/t.csv", "records/x.json", "records/x.shown/fig.csv"}
    networks = {
        p.relative_to(ROOT / "data").as_posix() for p in (ROOT / "data" / "networks").rglob("*.safetensors")
    }
    assert networks and networks < inside[f"{stem}-networks.zip"]
    assert {"checksums.sha256", "README.md"} < inside[f"{stem}-networks.zip"]
    sums = dict(line.split()[::-1] for line in (target / "SHA256SUMS").read_text().splitlines())
    assert sums == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in written[:-1]}


def test_the_crate_is_read_back_and_describes_every_file_and_run(built, tmp_path):
    release.pack(built, tmp_path / "release")
    [path] = (tmp_path / "release").glob("*-ro-crate.zip")
    files = unzipped(path)
    told = json.loads(files["ro-crate-metadata.json"])
    assert crate.faults(told, files) == []
    by = {entity["@id"]: entity for entity in told["@graph"]}
    run = by["#run-x"]
    assert run["instrument"] == {"@id": "chapters/x.ipynb"} and {"@id": "results/t.csv"} in run["result"]
    assert {"@id": "records/x.shown/fig.csv"} in run["result"] and {"@id": "#x-networks"} in run["object"]
    assert by["results/t.csv"]["sha256"] == hashlib.sha256(files["results/t.csv"]).hexdigest()
    assert by["#python-3.11.2"]["softwareVersion"] == "3.11.2" and "identifier" not in by["./"]


def test_a_crate_that_was_damaged_is_not_sound(built):
    files = release.described(built, "")
    told = json.loads(files.pop("ro-crate-metadata.json"))
    assert crate.faults(told, [*files, "other.csv"]) == ["other.csv is there and not described"]
    assert crate.faults(told, [name for name in files if name != "results/t.csv"]) == [
        "results/t.csv is described and not there"
    ]
    lost = {**told, "@graph": [e for e in told["@graph"] if e["@id"] != "#x-profile"]}
    assert crate.faults(lost, files) == ["#run-x: object names #x-profile, which is not described"]
    assert crate.faults({"@graph": []}, files) == ["it has no @context or no @graph"]
    with pytest.raises(ValueError, match="no record of an executed notebook"):
        crate.crate({}, {})


def test_a_repository_for_neurolibre_has_its_folders_and_paths_that_hold_there(built, tmp_path):
    release.pack(built, tmp_path / "release")
    [path] = (tmp_path / "release").glob("*-neurolibre.zip")
    files = unzipped(path)
    assert files["content/intro.md"] == b"work/book/intro.md" and "content/_extra/downloads/large.csv" not in files
    assert yaml.safe_load(files["content/_config.yml"])["sphinx"]["local_extensions"] == {"stamp": "_ext"}
    pip = yaml.safe_load(files["binder/environment.yml"])["dependencies"][-1]["pip"]
    assert pip[-1] == "--editable .." and "projectName" in json.loads(files["binder/data_requirement.json"])
    assert {"schur_lib/schur.py", "study/words.py", "data/README.md", "pyproject.toml"} <= set(files)


def test_a_doi_stands_where_it_is_looked_for_and_what_is_none_is_refused(built, tmp_path):
    release.pack(built, tmp_path / "release", doi="10.5281/zenodo.1")
    assert yaml.safe_load((tmp_path / "release" / "CITATION.cff").read_text())["doi"] == "10.5281/zenodo.1"
    code, said = schema("vendor.citation-file-format", tmp_path / "release" / "CITATION.cff")
    assert code == 0, said
    [path] = (tmp_path / "release").glob("*-ro-crate.zip")
    root = next(e for e in json.loads(unzipped(path)["ro-crate-metadata.json"])["@graph"] if e["@id"] == "./")
    assert root["identifier"] == "https://doi.org/10.5281/zenodo.1"
    code, said = tool(sys.executable, "-m", "tools.release", str(built), str(tmp_path / "r"), "--doi", "zenodo.1")
    assert code == 2 and "zenodo.1 is no DOI" in said


def test_packing_again_gives_the_same_bytes(built, tmp_path):
    first = {p.name: p.read_bytes() for p in release.pack(built, tmp_path / "one")}
    for path in built.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert {p.name: p.read_bytes() for p in release.pack(built, tmp_path / "two")} == first


def test_a_build_without_pages_is_not_packed(built, tmp_path):
    for path in (built / "html").rglob("*.*"):
        path.unlink()
    with pytest.raises(ValueError, match="has no site"):
        release.pack(built, tmp_path / "release")
    assert not (tmp_path / "release").exists()


def test_a_build_is_not_packed_with_the_print_of_older_pages(built, tmp_path):
    os.utime(built / "book.pdf", (1e9, 1e9))
    with pytest.raises(ValueError, match=r"no book.pdf of these pages"):
        release.pack(built, tmp_path / "release")
    (built / "book.pdf").unlink()
    with pytest.raises(ValueError, match=r"no book.pdf of these pages"):
        release.pack(built, tmp_path / "release")


def test_a_tag_that_is_not_the_version_is_refused(built, tmp_path):
    code, said = tool(
        sys.executable,
        "-m",
        "tools.release",
        str(built),
        str(tmp_path / "release"),
        "--tag",
        "v99.0",
    )
    assert code == 2
    assert f"the tag is v99.0, but the version in pyproject.toml is {PROJECT['version']}" in said


@pytest.mark.parametrize("module", ["release", "crate", "floors", "lock"])
def test_what_runs_outside_the_environment_needs_the_standard_library_only(module):
    text = (ROOT / "tools" / f"{module}.py").read_text()
    assert set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.M)) <= {*sys.stdlib_module_names, "tools"}


# --- licences and citations -----------------------------------------------------------------


def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def zenodo():
    return json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))


def test_version_and_licence_are_the_same_everywhere():
    assert citation()["version"] == zenodo()["version"] == PROJECT["version"]
    assert citation()["license"] == PROJECT["license"] == "BSD-3-Clause"
    assert zenodo()["license"] == "bsd-3-clause"
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License\n")
    assert "SPDX-License-Identifier: CC-BY-4.0" in (ROOT / "LICENSE-text").read_text(encoding="utf-8")
    assert PROJECT["license-files"] == ["LICENSE"]


def test_title_and_authors_are_the_same_in_both_citation_files():
    assert citation()["title"] == zenodo()["title"]
    assert [a["name"] for a in citation()["authors"]] == [c["name"] for c in zenodo()["creators"]]


def test_the_paper_is_cited_as_in_the_bibliography():
    (paper,) = citation()["references"]
    entry = publish.bibtex({}).split("\n\n")[0]
    author = paper["authors"][0]
    assert f"{{{author['family-names']}, {author['given-names']}}}" in entry
    assert f"title = {{{paper['title']}}}" in entry
    number = re.search(r"eprint = \{(.*)\}", entry).group(1)
    assert paper["identifiers"][0]["value"] == f"arXiv:{number}"
    assert paper["url"].endswith(number)
    assert zenodo()["related_identifiers"][0]["identifier"] == f"arXiv:{number}"


def test_nobody_has_made_up_a_doi():
    for name in ("CITATION.cff", ".zenodo.json"):
        assert "doi" not in (ROOT / name).read_text(encoding="utf-8").lower()
    assert "doi" not in publish.bibtex({}).lower()


def test_the_bibtex_of_the_cite_page_is_read_by_a_bibtex_parser():
    from pybtex.database import parse_string

    entries = parse_string(publish.bibtex({"BOOK_REPOSITORY_URL": URL}), "bibtex").entries
    assert list(entries) == ["drager2026", "schur_lib"]
    ours = entries["schur_lib"]
    assert ours.fields["version"] == PROJECT["version"]
    assert ours.fields["url"] == URL
    assert ours.persons["author"][0].last_names == [r"{The schur\_lib developers}"]
    assert "url" not in parse_string(publish.bibtex({}), "bibtex").entries["schur_lib"].fields


def test_the_cite_page_includes_the_entries_and_names_both_licence_files(tmp_path):
    (tmp_path / "book" / "_generated").mkdir(parents=True)
    publish.publish(tmp_path, {})
    page = (ROOT / "book" / "cite.md").read_text(encoding="utf-8")
    included = re.search(r"\{include\} (\S+)", page).group(1)
    assert publish.bibtex({}) in (tmp_path / "book" / included).read_text(encoding="utf-8")
    for name in ("LICENSE", "LICENSE-text", "CITATION.cff", ".zenodo.json"):
        assert f"`{name}`" in page
        assert (ROOT / name).exists()
