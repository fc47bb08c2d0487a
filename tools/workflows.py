"""Run the commands of a workflow here, as its runner would: `python3 -m tools.workflows book [JOB …]`.

What is committed is cloned into an empty folder, and the `run` blocks of the jobs are executed there in their
order, by bash, with the variables that GitHub sets. Actions (`uses`) are left out, which is said, and values that
only GitHub has are empty. It ends where a step fails.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"
GIVEN = {  # what an expression in `env` becomes
    "github.server_url": "https://github.com",
    "github.repository": "someone/companion",
    "github.ref_name": "v0.1.0",
    "github.run_id": "1",
}


def filled(value, outputs):
    """A value of `env` with its expressions filled in; "" for what only GitHub has.

    Args:
        value: as the workflow has it.
        outputs: {"needs.<job>.outputs.<name>": value} of jobs that ran.
    """
    return re.sub(
        r"\$\{\{\s*([\w.]+)\s*\}\}", lambda found: {**GIVEN, **outputs}.get(found.group(1), ""), str(value)
    )


def written(text):
    """What a step wrote to GITHUB_OUTPUT: {name: value}, also of several lines."""
    found = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    for name, _, value in re.findall(r"^(\w+)<<(\w+)\n(.*?)^\2$", text, re.M | re.S):
        found[name] = value.rstrip("\n")
    return found


def run(name, jobs, folder, environment, say=print):
    """Execute the `run` blocks of a workflow in a folder.

    Args:
        name: of the workflow's file, without its ending.
        jobs: names of jobs; none for all.
        folder: that the repository is in, a Path.
        environment: variables to begin with, a mapping.
        say: takes each line that is said.
    Returns:
        (exit code of the last step, [names of the steps that ran])
    """
    content = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    ran, outputs = [], {}
    for job, told in content["jobs"].items():
        if jobs and job not in jobs:
            continue
        of_steps = {}
        for step in told["steps"]:
            title = step.get("name", step.get("uses", ""))
            if "run" not in step:
                say(f"{job}: {title}: an action, left out")
                continue
            with tempfile.TemporaryDirectory() as aside:
                output = Path(aside, "output")
                output.touch()
                given = {**content.get("env", {}), **step.get("env", {})}
                variables = {
                    **environment,
                    "CI": "true",
                    "GITHUB_REF_NAME": GIVEN["github.ref_name"],
                    "GITHUB_RUN_NUMBER": "1",
                    "GITHUB_OUTPUT": str(output),
                    **{key: filled(value, outputs) for key, value in given.items()},
                }
                say(f"{job}: {title}")
                done = subprocess.run(
                    ["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=folder, env=variables
                )
                ran.append(f"{job}: {title}")
                if done.returncode:
                    say(f"{job}: {title}: failed with {done.returncode}")
                    return done.returncode, ran
                of_steps |= {
                    f"steps.{step.get('id')}.outputs.{key}": v for key, v in written(output.read_text()).items()
                }
        for key, value in told.get("outputs", {}).items():
            found = re.search(r"[\w.]+", value.replace("${{", "")).group()
            outputs[f"needs.{job}.outputs.{key}"] = of_steps.get(found, "")
    return 0, ran


def main(arguments):
    names = sorted(path.stem for path in FOLDER.glob("*.yml"))
    parser = argparse.ArgumentParser(prog="python3 -m tools.workflows", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=names, help="of the workflow")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="of it (default: all)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "repository")
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        return run(given.name, given.jobs, clone, kept)[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
