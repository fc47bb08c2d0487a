"""JupyterLab with the project's kernel: what it is told, and, slowly, a notebook run in it by a browser."""

import json
import re
import subprocess
import sys
import time

import pytest

from tools import lab


def test_the_kernel_is_the_projects_python_under_both_names(tmp_path):
    lab.add_kernel(tmp_path, "/somewhere/bin/python")
    for name in ("python3", lab.NAME):
        spec = json.loads((tmp_path / "share" / "jupyter" / "kernels" / name / "kernel.json").read_text())
        assert spec["argv"][0] == "/somewhere/bin/python" and "{connection_file}" in spec["argv"]
        assert spec["env"]["OMP_NUM_THREADS"] == "1"


def test_what_is_installed_is_not_installed_again(tmp_path, monkeypatch):
    wanted = lab.tomllib.loads((lab.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "lab"
    ]
    monkeypatch.setattr(lab.venv, "create", lambda *a, **k: pytest.fail("made anew"))
    (tmp_path / "installed").write_text(json.dumps(wanted))
    lab.install(tmp_path)


def test_an_installation_that_fails_says_so_and_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(lab.venv, "create", lambda *a, **k: None)
    monkeypatch.setattr(lab.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    for _ in range(2):
        with pytest.raises(SystemExit, match="could not install JupyterLab"):
            lab.install(tmp_path)


@pytest.mark.slow
def test_a_notebook_runs_in_jupyterlab_and_shows_its_sentences(browser, tmp_path):
    """In the browser: every cell of a copy of Table 1 is run, and the numbers stand in its outputs."""
    copy = tmp_path / "lab-check.ipynb"
    nb = json.loads((lab.ROOT / "notebooks" / "table_1.ipynb").read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    last = {"cell_type": "code", "id": "where", "metadata": {}, "outputs": [], "execution_count": None}
    nb["cells"].append(last | {"source": "import sys\nprint('run by', sys.executable)"})
    copy.write_text(json.dumps(nb), encoding="utf-8")
    options = ["--no-browser", "--allow-root", "--port=8931", "--port-retries=0", "--IdentityProvider.token=t"]
    command = [sys.executable, "-m", "tools.lab", "--root", str(tmp_path), *options]
    said = tmp_path / "server.txt"
    with said.open("w") as file:
        server = subprocess.Popen(command, cwd=lab.ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 300
        while "is running at" not in said.read_text():
            assert server.poll() is None and time.monotonic() < until, said.read_text()
            time.sleep(0.5)
        tab = browser.new_page(viewport={"width": 1400, "height": 6000})
        tab.set_default_timeout(240_000)
        tab.goto("http://localhost:8931/lab/tree/lab-check.ipynb?token=t&reset")
        tab.wait_for_selector(".jp-Notebook .jp-Cell")
        tab.get_by_role("menuitem", name=re.compile("^Run$")).click()
        tab.get_by_role("menuitem", name=re.compile("^Run All Cells$")).click()
        shown = tab.get_by_text("run by " + sys.executable)
        shown.wait_for()
        told = " ".join(tab.locator(".jp-OutputArea-output").all_inner_texts())
        assert "Claim 4" in told and re.search(r"No accuracy moves by more than 0\.\d+ in any network", told)
        assert not tab.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
        tab.close()
    finally:
        server.terminate()
        time.sleep(1)
        server.kill()
