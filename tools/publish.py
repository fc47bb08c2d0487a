"""What a published book has and a local one has not: buttons to its repository, Binder and Colab.

The environment names the repository at build time; without it, nothing changes. The page "How to
cite" gets its entries here too, from CITATION.cff and book/references.bib.
"""

import re

import yaml

from tools.notebooks import ROOT


def config_overrides(environment):
    """What the environment adds to _config.yml.

    Args:
        environment: mapping of variables. BOOK_REPOSITORY_URL is the repository's address;
            BOOK_REPOSITORY_BRANCH the branch or tag that the buttons open, main unless given.
    Returns:
        dict in the form of _config.yml; empty without BOOK_REPOSITORY_URL. The Binder and Colab
        buttons need a repository on GitHub.
    Raises:
        ValueError: the address is not https://<host>/<owner>/<name>.
    """
    url = environment.get("BOOK_REPOSITORY_URL", "").rstrip("/").removesuffix(".git")
    if not url:
        return {}
    if not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", url):
        raise ValueError(f"BOOK_REPOSITORY_URL is {url!r}; it has to be https://<host>/<owner>/<name>")
    branch = environment.get("BOOK_REPOSITORY_BRANCH") or "main"
    overrides = {
        "repository": {"url": url, "branch": branch, "path_to_book": ""},
        "html": {"use_repository_button": True},
    }
    if url.startswith("https://github.com/"):
        overrides["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
        overrides["sphinx"] = {"local_extensions": {"launch": "book/_ext"}}
    return overrides


def merged(config, overrides):
    """The config with the overrides laid over it, key by key at every level."""
    both = {**config, **overrides}
    for key in config.keys() & overrides.keys():
        if isinstance(config[key], dict) and isinstance(overrides[key], dict):
            both[key] = merged(config[key], overrides[key])
    return both


def configure(path, environment):
    """Write the overrides of the environment into a copy of _config.yml; without any, leave it."""
    if overrides := config_overrides(environment):
        config = merged(yaml.safe_load(path.read_text(encoding="utf-8")), overrides)
        path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def bibtex(environment):
    """The BibTeX entries of the paper, from book/references.bib, and of this project.

    Args:
        environment: as in `config_overrides`; the address of the repository is cited if it is known.
    Returns:
        the two entries, the paper first.
    """
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    paper = re.search(r"^@misc\{drager2026,.*?^\}$", bibliography, re.M | re.S).group()
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    year = re.search(r"Copyright \(c\) (\d{4})", (ROOT / "LICENSE").read_text(encoding="utf-8"))
    url = config_overrides(environment).get("repository", {}).get("url")
    fields = {
        "author": f"{{{cited['authors'][0]['name']}}}",  # twice in braces: not a person's name
        "title": cited["title"],
        "year": year.group(1),
        "version": cited["version"],
        "note": f"Code: {cited['license']}; text, figures and data: CC BY 4.0",
    }
    # LaTeX takes a bare _ in text for a mistake
    fields = {name: value.replace("_", r"\_") for name, value in fields.items()}
    fields |= {"doi": cited["doi"]} if "doi" in cited else {}  # of a release that has one
    fields |= {"url": url} if url else {}
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"{paper}\n\n@software{{schur_lib,\n" + ",\n".join(lines) + "\n}"


def publish(work, environment):
    """Give the copy of the book in the folder `work` its buttons and its citations."""
    configure(work / "_config.yml", environment)
    (work / "book" / "_generated" / "bibtex.md").write_text(
        f"```bibtex\n{bibtex(environment)}\n```\n", encoding="utf-8"
    )
