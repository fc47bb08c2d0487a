"""Kill a build, start two at once, fill its disk, damage its files: is anything lost or wrong afterwards?

`python3 run.py faults [--seed N]` trains and executes one chapter of the quick profile, undisturbed, and then
again under one fault after the other; what it makes has to be the same to the digit. It takes some minutes,
leaves the project and its builds as they are, and ends with 1 where something was lost or is wrong. What is
killed when, and which file is damaged where, is drawn from the seed.
"""

import argparse
import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tools.notebooks import ROOT

CHAPTER = "flip_flop"
TASKS = ("train:flip_flop", "notebook:flip_flop")  # what the chapter takes
WORDS = (
    "stopped (",
    "waiting: ",
    "The disk is full",
    "is damaged",
    "cannot build",
    "set aside",
    "another version",
)


def command(folder):
    return [sys.executable, "run.py", "notebook", CHAPTER, "--profile", "quick", "--output", str(folder)]


def call(words, cwd=ROOT, **settings):
    """Run a command to its end; (exit code, what it said)."""
    done = subprocess.run(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **settings
    )
    return done.returncode, done.stdout


def made(folder):
    """What a build is for: its chapter and tables, {name: content}; without the stamps, which name libraries."""
    tables = {file.name: file.read_bytes() for file in sorted((folder / "results").glob("*.csv"))}
    chapter = folder / "chapters" / f"{CHAPTER}.ipynb"
    return {**tables, chapter.name: chapter.exists() and without_warnings(chapter.read_text(encoding="utf-8"))}


def without_warnings(text):
    """A chapter without what it says of a damage that was found and mended while it was executed."""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    for cell in content["cells"]:
        cell["outputs"] = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    return content


def sentence(said):
    """The line of a build's output that speaks of the fault."""
    lines = [line for line in said.splitlines() if any(word in line for word in WORDS)]
    return (
        re.sub(r"^.*?left(?=\[)|\[ *\d+:\d\d\] |^.*Warning: |(?<!\w)/\S*/", "", lines[-1]).strip() if lines else ""
    )


def judged(code, said, folder, expected):
    """What is wrong after a build that should have mended all: complaints, [] for none."""
    complaints = [f"the build ends with {code}: {said[-300:]}"] if code else []
    complaints += ["a traceback"] * ("Traceback" in said)
    now = made(folder)
    return complaints + [f"{name} differs" for name in expected if now.get(name) != expected[name]]


def left_over(seconds=15):
    """Processes of builds that have been killed and are still there; they are ended."""
    _, left = psutil.wait_procs(psutil.Process().children(recursive=True), seconds)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, seconds)
    return len(left)


def adopt_orphans():
    """On Linux: have processes whose parent ends become children of this one, so that none is lost sight of."""
    if sys.platform.startswith("linux"):
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# --- the faults: each gives (fault, what was said, complaints), one after the other -----------


def kills(folder, expected, seconds, draw):
    """A build killed at drawn moments and begun again; from nothing, where it got through before."""
    for number in ("SIGKILL", "SIGTERM", "SIGINT", "SIGKILL", "SIGHUP", "SIGKILL"):
        if (folder / "finished" / f"notebook-{CHAPTER}.json").exists():
            shutil.rmtree(folder)
        moment = draw.uniform(0.1, 0.6) * seconds
        before = {file.stem for file in (folder / "finished").glob("*.json")}
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            build = subprocess.Popen(command(folder), cwd=ROOT, stdout=log, stderr=log)
            time.sleep(moment)
            ended = build.poll() is not None
            build.send_signal(getattr(signal, number))
            build.wait()
            left = left_over()
            log.seek(0)
            said = log.read()
        complaints = [f"{left} processes went on"] * bool(left) + ["a traceback"] * ("Traceback" in said)
        again = [name for name in before if f".  {name.replace('-', ':', 1)}\n" in said]
        complaints += [f"{name} was finished, and ran again" for name in again]
        complaints += [f"no word: {said[-200:]}"] * ("stopped (" not in said and number != "SIGKILL" and not ended)
        yield f"{number} after {moment:.0f} s{', too late' * ended}", sentence(said), complaints
    code, said = call(command(folder))
    yield "and the build after these", sentence(said), judged(code, said, folder, expected)


def two_at_once(folder, expected, seconds, draw):
    """Two builds into one folder; the first is killed."""
    shutil.rmtree(folder)
    with tempfile.TemporaryFile() as log:
        first = subprocess.Popen(command(folder), cwd=ROOT, stdout=log, stderr=log)
        time.sleep(draw.uniform(0.2, 0.5) * seconds)
        second = subprocess.Popen(
            command(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        time.sleep(3)
        ended = second.poll() is not None or first.poll() is not None
        first.kill()
        said = second.communicate()[0]
        first.wait()
    complaints = judged(second.returncode, said, folder, expected)
    complaints += ["the second did not wait"] * (ended or f"(process {first.pid} on" not in said)
    yield "two builds in one folder, the first killed", sentence(said), complaints


FULL = """
mount -t tmpfs -o size={size}k tmpfs {folder} && cd {root} || exit 99
{environment} {command} > {log}.1 2>&1; echo $? > {log}.code
mount -o remount,size=2g {folder} || exit 99
{command} > {log}.2 2>&1; code=$?
cp -r {folder}/chapters {folder}/results {log}.made; exit $code
"""


def full_disks(folder, expected, draw):
    """A disk (of memory, in a name space of its own) that is full at several points, and then has room."""
    network, rest = (
        sum(f.stat().st_size for part in parts for f in (folder / part).rglob("*") if f.is_file()) // 1024
        for parts in (["store"], ["chapters", "records", "results"])
    )
    where = folder.parent / "disk"
    for what, size in (("networks", network * 0.6), ("a chapter", network + rest * draw.uniform(0.3, 0.7))):
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        log = folder.parent / "disk-log"
        shutil.rmtree(f"{log}.made", ignore_errors=True)
        Path(f"{log}.made").mkdir()
        script = FULL.format(
            size=max(int(size), 16), folder=where, root=ROOT, log=log, environment="",
            command=" ".join(command(where)),
        )  # fmt: skip
        own = ["--map-root-user"] if os.getuid() else []
        try:
            code, trouble = call(["unshare", "--mount", *own, "sh", "-c", script])
        except OSError as error:
            code, trouble = 99, str(error)
        fault = f"the disk is full while {what} {'are' if what == 'networks' else 'is'} written"
        if code == 99:
            yield fault, f"NOT TRIED: no disk of memory can be made here ({trouble.strip()})", []
            continue
        first, said = (Path(f"{log}.{i}").read_text(errors="replace") for i in (1, 2))
        complaints = judged(code, said, Path(f"{log}.made"), expected)
        complaints += ["the build did not fail"] * (Path(f"{log}.code").read_text().strip() == "0")
        complaints += ["a traceback"] * ("Traceback" in first)
        complaints += ["no word on the disk"] * ("The disk is full" not in first)
        yield fault, sentence(first), complaints


def damaged(data, how, draw):
    place = draw.randrange(len(data) // 4, max(3 * len(data) // 4, 1)) if data else 0
    if how == "a flipped byte":
        return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
    return data[:place] if how == "cut short" else b""


# What is damaged, and whether the chapter has to be executed again to read it.
KINDS = {
    "a network": ("store/*.safetensors", False),
    "a measured part": ("store/measured/*.csv", True),
    "a table": ("results/*.csv", False),
    "an executed chapter": ("chapters/*.ipynb", False),
    "a record": ("records/flip_flop.json", False),
    "the list of networks": ("networks/*.json", False),
    "a note of what is finished": ("finished/*.json", False),
}


def damages(folder, expected, draw):
    """Each kind of file that a build leaves, damaged, and the build after it."""
    (record,) = (folder / "records").glob(f"{CHAPTER}.json")
    for kind, (pattern, anew) in KINDS.items():
        for how in ("a flipped byte", draw.choice(["cut short", "emptied"])):
            file = draw.choice(sorted(folder.glob(pattern)))
            before = file.read_bytes()
            file.write_bytes(damaged(before, how, draw))
            if anew:
                (folder / "finished" / f"notebook-{CHAPTER}.json").unlink(missing_ok=True)
            code, said = call(command(folder))
            complaints = judged(code, said, folder, expected)
            if file == record and file.read_bytes() != before and f".  notebook:{CHAPTER}" not in said:
                complaints.append("the record stays damaged")
            yield f"{kind}: {how}", sentence(said), complaints
            if complaints:  # mended by hand, so that the next fault stands alone
                file.write_bytes(before)
                shutil.rmtree(folder / "finished")
                call(command(folder))


SHIPPED = {
    "a shipped network": "data/networks/flip_flop-dense_orthogonal-64-seed[0-9]-*.safetensors",
    "a shipped table": "data/results/flip_flop.csv",
    "the stamp of a shipped table": "data/results/flip_flop.json",
}


def shipped(folder, draw):
    """Damaged data of the project, in a copy of it: refused in a sentence, or mended; never in the chapter."""
    copy, output = folder.parent / "project", folder.parent / "shipped"
    ignored = shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=ignored, dirs_exist_ok=True)
    words = [
        sys.executable,
        "-m",
        "doit",
        "run",
        "networks=reference",
        f"output={output}",
        f"store={output / 'store'}",
    ]
    code, said = call([*words, TASKS[1]], cwd=copy)
    expected = made(output)
    yield "nothing, with the shipped networks", "", judged(code, said, output, expected)
    for kind, pattern in SHIPPED.items():
        for how in ("a flipped byte", "cut short"):
            file = draw.choice(sorted(copy.glob(pattern)))
            before = file.read_bytes()
            file.write_bytes(damaged(before, how, draw))
            shutil.rmtree(output, ignore_errors=True)
            code, said = call([*words, TASKS[1]], cwd=copy)
            file.write_bytes(before)
            # a build that says no is as good as one that mends
            refused = code and file.name in said
            yield f"{kind}: {how}", sentence(said) or ("refused, by name" if refused else ""), (
                [] if refused else judged(code, said, output, expected)
            )  # fmt: skip


def faults(folder, seed):
    """All faults, one after the other: (fault, what was said, complaints)."""
    draw = random.Random(seed)
    base, victim = folder / "undisturbed", folder / "disturbed"
    start = time.monotonic()
    code, said = call(command(base))
    seconds = time.monotonic() - start
    if code:
        sys.exit(f"the undisturbed build failed, so that there is nothing to compare with:\n{said[-3000:]}")
    expected = made(base)
    yield "nothing", f"{seconds:.0f} s", []
    yield from kills(victim, expected, seconds, draw)
    yield from two_at_once(victim, expected, seconds, draw)
    yield from full_disks(victim, expected, draw)
    yield from damages(victim, expected, draw)
    yield from shipped(victim, draw)


def main():
    parser = argparse.ArgumentParser(prog="run.py faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    seed = parser.parse_args().seed
    if os.name != "posix":
        sys.exit("builds are killed and disks filled on Linux and macOS only")
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # builds would else inherit that it is ignored
    adopt_orphans()  # so that what a killed build leaves is seen
    wrong, start = 0, time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for fault, said, complaints in faults(Path(folder), seed):
            wrong += bool(complaints)
            print(f"{'WRONG' if complaints else 'ok':6} {fault:48} {said[:110]}", flush=True)
            for complaint in complaints:
                print(f"       {complaint}", flush=True)
    print(
        f"{time.monotonic() - start:.0f} s, seed {seed}: "
        + (f"{wrong} WRONG" if wrong else "nothing lost, nothing wrong")
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
