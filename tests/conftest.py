"""What several test modules share: one quick build of the book, a toy notebook, a browser."""

import inspect
import os
import shutil

import pytest
from filelock import FileLock
from playwright.sync_api import Error, sync_playwright

from tests.cases import PARAMETERS, listen, run
from tools import notebooks

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What takes longest begins first, so that no module runs alone at the end; the first begins the quick build.
LONG = ("test_build", "test_notebooks", "test_cache", "test_kills", "test_pairs")

WINDOWS_HAS_NOT = ("symlink_to(", '"bash"', ".chmod(", "SIGKILL", "#!/")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that are marked slow too")


def pytest_collection_modifyitems(config, items):
    """Mark the tests that need a built book or .venv; leave slow ones out unless asked for.

    On Windows, skip those that need what it has not.
    """
    if not config.getoption("--slow"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    for item in items:
        text = inspect.getsource(item.function) if hasattr(item, "function") else ""
        calls_run = getattr(getattr(item, "module", None), "run", None) is run and "run(" in text
        if calls_run or {"output", "rerun"} & set(item.fixturenames):
            item.add_marker(pytest.mark.built)
        if os.name == "nt":
            if lacking := [word for word in WINDOWS_HAS_NOT if word in text]:
                item.add_marker(pytest.mark.skip(reason=f"Windows has not, or not so: {lacking[0]}"))


@pytest.fixture(scope="session")
def output(tmp_path_factory):
    """The quick build, from an empty store to the pages; made once, whatever number of workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, said = shared / "quick", shared / "quick.txt"
    with FileLock(shared / "quick.lock"):
        if not said.exists():
            done = run("book", "--profile", "quick", "--output", folder)
            said.write_text(f"{done.returncode}\n{done.stdout[-6000:]}{done.stderr[-6000:]}")
    assert said.read_text().startswith("0\n"), said.read_text()
    return folder


@pytest.fixture(scope="session")
def pages(output):
    """The pages that readers see: {path: text}; the redirect at the root is none."""
    html = output / "html"
    found = {
        p.relative_to(html).as_posix(): p.read_text()
        for p in sorted(html.rglob("*.html"))
        if not {"_static", "downloads"} & set(p.parts)
    }
    return {path: text for path, text in found.items() if 'http-equiv="Refresh"' not in text}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A notebook `toy` in a folder of its own; call it with sources to give it more cells."""
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)

    def write(*sources):
        text = f'# %% tags=["parameters"]\n{PARAMETERS}\n'
        (tmp_path / "toy.py").write_text(text + "".join(f"\n# %%\n{s}\n" for s in sources))

    write()
    return write


@pytest.fixture(scope="session")
def browser():
    """Chromium: the machine's, else Playwright's own. Without one its tests are skipped, in CI they fail."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            reason = str(error).splitlines()[0]
            if os.environ.get("CI"):
                pytest.fail(f"no Chromium, which .ci/run installs: {reason}")
            pytest.skip(
                "no Chromium on this machine; to run this test, install it, or get Playwright's "
                f"with `.venv/bin/playwright install chromium`: {reason}"
            )
        yield found
        found.close()


@pytest.fixture
def tab(browser):
    """An empty tab; the test fails at the end on any trouble the page told of."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(180_000)  # ms; a busy machine takes long, a broken page forever
    tab, troubles = context.new_page(), []
    listen(tab, troubles)
    yield tab
    context.close()
    assert troubles == []
