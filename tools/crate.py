"""What a release holds beside its archives, in forms that others read: an RO-Crate, and the layout of NeuroLibre.

The crate says of each executed notebook what ran (a CreateAction: the notebook, its parameters, what it made),
after the profile "Process Run Crate" 0.5 of RO-Crate 1.1. It has no times of day, which would make equal builds
differ.
Needs Python alone.
"""

import hashlib
import json
import re

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TYPES = {
    ".csv": "text/csv",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".py": "text/x-python",
    ".safetensors": "application/octet-stream",
    ".md": "text/markdown",
}
REQUIRED = {"@context", "@graph"}


def reference(identifier):
    return {"@id": identifier}


def file_entity(path, source):
    """A file as the crate describes it: its size, type and SHA-256."""
    content = source.read_bytes()
    return {
        "@id": path,
        "@type": "File",
        "name": path.rsplit("/", 1)[-1],
        "contentSize": str(len(content)),
        "encodingFormat": TYPES.get(source.suffix, "application/octet-stream"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def crate(files, project, doi=""):
    """The content of ro-crate-metadata.json.

    Args:
        files: {path in the crate: Path}, with chapters/, records/, results/ and perhaps networks/.
        project: name, version, description, title and licence, as pyproject.toml and CITATION.cff have them.
        doi: of the release, where it has one.
    Returns:
        dict.
    Raises:
        ValueError: no record of an executed notebook is among the files.
    """
    records = {
        path: json.loads(source.read_text(encoding="utf-8"))
        for path, source in files.items()
        if path.startswith("records/") and path.endswith(".json") and "/" not in path.removeprefix("records/")
    }
    runs = {path: told for path, told in records.items() if "notebook" in told}
    if not runs:
        raise ValueError("there is no record of an executed notebook to describe: build the book first")
    graph, software, actions = [], {}, []
    for path, told in sorted(runs.items()):
        for name, version in told["versions"].items():
            key = f"#{name}-{version}"
            software[key] = {"@id": key, "@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        name = told["notebook"]
        made = [f"results/{table}" for table in told["tables"]]
        made += [f"records/{name}.shown/{file}" for one in told["shown"] for file in one["files"]]
        parameters = []
        for key, value in sorted(told["parameters"].items()):
            graph.append({"@id": f"#{name}-{key}", "@type": "PropertyValue", "name": key, "value": str(value)})
            parameters.append(f"#{name}-{key}")
        given = [each for each in files if each.startswith("networks/")] if told["parameters"].get(
            "networks"
        ) == "reference" else []  # fmt: skip
        actions.append(
            {
                "@id": f"#run-{name}",
                "@type": "CreateAction",
                "name": f"execution of {name}",
                "instrument": reference(f"chapters/{name}.ipynb"),
                "object": [reference(each) for each in [*given, *parameters]],
                "result": [reference(each) for each in [path, *made] if each in files],
                "description": f"took {told['seconds']:.1f} s",
                "actionStatus": "http://schema.org/CompletedActionStatus",
            }
        )
    entities = [file_entity(path, source) for path, source in sorted(files.items())]
    for entity in entities:
        if entity["@id"].startswith("chapters/") and entity["@id"].endswith(".ipynb"):
            entity["@type"] = ["File", "SoftwareSourceCode"]
            entity["softwareRequirements"] = [reference(key) for key in sorted(software)]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": project["title"],
        "description": project["description"],
        "version": project["version"],
        "license": reference("https://creativecommons.org/licenses/by/4.0/"),
        "conformsTo": reference(PROFILE),
        "hasPart": [reference(entity["@id"]) for entity in entities],
        "mentions": [reference(action["@id"]) for action in actions],
    }
    if doi:
        root |= {"identifier": f"https://doi.org/{doi}", "cite-as": f"https://doi.org/{doi}"}
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": reference("./"),
        "conformsTo": reference("https://w3id.org/ro/crate/1.1"),
    }
    terms = [
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": "https://creativecommons.org/licenses/by/4.0/",
            "@type": "CreativeWork",
            "name": "Creative Commons Attribution 4.0 International",
        },
    ]
    graph = [descriptor, root, *terms, *entities, *actions, *graph, *(software[key] for key in sorted(software))]
    return {"@context": CONTEXT, "@graph": graph}


def faults(told, names):
    """What is wrong with a crate that was read back, a list; what only the network could tell is not asked.

    Args:
        told: the content of ro-crate-metadata.json.
        names: paths of the files beside it.
    """
    if not REQUIRED <= set(told):
        return ["it has no @context or no @graph"]
    found, by = [], {}
    for entity in told["@graph"]:
        if entity["@id"] in by:
            found.append(f"{entity['@id']} is described twice")
        by[entity["@id"]] = entity
        if "@type" not in entity:
            found.append(f"{entity['@id']} has no type")
    if by.get("ro-crate-metadata.json", {}).get("about") != reference("./"):
        found.append("the descriptor is not about ./")
    for entity in told["@graph"]:
        for key, value in entity.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and each["@id"] not in by and not re.match("https?:", each["@id"]):
                    found.append(f"{entity['@id']}: {key} names {each['@id']}, which is not described")
    files = {entity["@id"] for entity in told["@graph"] if "File" in entity.get("@type", ())}
    found += [f"{name} is described and not there" for name in sorted(files - set(names))]
    found += [
        f"{name} is there and not described" for name in sorted(set(names) - files - {"ro-crate-metadata.json"})
    ]
    for action in (entity for entity in told["@graph"] if entity.get("@type") == "CreateAction"):
        found += [
            f"{action['@id']} has no {key}" for key in ("instrument", "object", "result") if not action.get(key)
        ]
    return found


def neurolibre(root, build):
    """A repository in NeuroLibre's layout: {path in it: Path or text}.

    `content/` is the book as it was assembled, notebooks executed; `binder/` is the environment; the rest is what
    the notebooks import and read.

    Args:
        root: of the project, a Path.
        build: folder of a built book, a Path.
    """
    found = {}
    pages = build / "work" / "book"
    for path in sorted(pages.rglob("*")):
        inside = path.relative_to(pages)
        if path.is_file() and not {"__pycache__", "downloads"} & set(inside.parts):
            found[f"content/{inside.as_posix()}"] = path
    config = (build / "work" / "_config.yml").read_text(encoding="utf-8")
    found["content/_config.yml"] = config.replace("book/_ext", "_ext")
    environment = (root / "environment.yml").read_text(encoding="utf-8")
    # there the project lies above the folder of the environment
    found["binder/environment.yml"] = environment.replace("--editable .", "--editable ..")
    found["binder/data_requirement.json"] = json.dumps({"projectName": "schur_lib", "src": "", "dst": ""}) + "\n"
    for room in ("schur_lib", "study", "report", "benchmarks", "tools", "notebooks", "data"):
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path.relative_to(root).as_posix()] = path
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-text", "CITATION.cff", "run.py", "dodo.py",
                 "requirements.lock", "requirements-cuda.lock"):  # fmt: skip
        found[name] = root / name
    return found
