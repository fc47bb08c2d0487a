"""Would the tests notice? `python3 -m tools.mutants [--seed S] [--n N] [MODULE or ROOM …]`, on Linux.

Small faults are drawn at random and put, one at a time, into a copy of the project: another comparison, operator
or constant; a statement, negation, keyword, transpose or row that is missing; two things that are swapped. For
each, the unit tests that mirror the module run until one fails. A fault that none notices survives.
`tools/mutants.csv` lists survivors that are known, with the reason why no test is owed: those that change nothing
that can be observed are left out of the score, and are printed all the same.
Ends with 1 where fewer than 92 % are noticed.
"""

import argparse
import ast
import contextlib
import copy
import csv
import ctypes
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
METHOD = ("schur", "networks", "kernels", "dynamics", "tasks", "metrics", "subjects", "intervals", "profile",
          "stability", "training", "initialisations", "store", "specs", "recipes", "provenance")  # fmt: skip
EVERY = "tests/test_defaults.py"  # asks of every module
# Tests of a module beside those that bear its name.
ALSO = {
    "schur_lib/kernels.py": ["tests/schur_lib/test_dynamics.py"],
    "schur_lib/subjects.py": ["tests/schur_lib/test_foreign.py", "tests/schur_lib/test_device.py"],
    "schur_lib/dynamics.py": ["tests/schur_lib/test_device.py"],
    "schur_lib/profile.py": ["tests/schur_lib/test_subjects.py"],
    "schur_lib/intervals.py": ["tests/study/test_statistics.py"],
    "schur_lib/recipes.py": ["tests/schur_lib/test_specs.py"],
    "schur_lib/store.py": ["tests/schur_lib/test_training.py"],
    "study/probes/predicted_cells.py": ["tests/study/probes/test_predictor.py"],
    "report/measure.py": ["tests/report/test_findings.py"],
}
LEAST = 0.92
AT_LEAST = 5  # mutants of each module
SLOW = 4.0  # seconds: a slower test is no unit test
MEMORY = 8 * 2**30  # bytes that a mutant may take beyond what it starts with

COMPARISONS = {ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
               ast.GtE: [ast.Gt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn],
               ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is]}  # fmt: skip
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
              ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
              ast.LShift: ast.RShift, ast.RShift: ast.LShift}  # fmt: skip
OPPOSITES = [("min", "max"), ("argmin", "argmax"), ("any", "all"), ("zeros", "ones"), ("zeros_like", "ones_like"),
             ("sum", "mean"), ("mean", "median"), ("sin", "cos"), ("floor", "ceil"), ("real", "imag")]  # fmt: skip
OPPOSITE = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}


def changed(node, **fields):
    """A copy of a node with other fields."""
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def without(items, i):
    return [*items[:i], *items[i + 1 :]]


def swapped(items, i):
    """A copy in which item i and the next have changed places."""
    return [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def faults(node):
    """The faults of one node: (kind, what stands in its place)."""
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield "comparison", changed(node, ops=[*ops[:i], other(), *ops[i + 1 :]])
        case ast.BinOp(left, op, right):
            if type(op) in ARITHMETIC:
                yield "operator", changed(node, op=ARITHMETIC[type(op)]())
            if isinstance(op, ast.MatMult | ast.Sub | ast.Div | ast.Pow):
                yield "swapped operands", changed(node, left=right, right=left)
            if not isinstance(op, ast.Pow):
                yield "dropped operand", left
        case ast.BoolOp(op, values):
            yield "and, or", changed(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for i in range(len(values)):
                kept = without(values, i)
                yield "dropped condition", kept[0] if len(kept) == 1 else changed(node, values=kept)
        case ast.UnaryOp(op, operand):
            if isinstance(op, ast.USub | ast.Not | ast.Invert):
                yield "dropped sign", operand
        case ast.Constant(bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int(value)):
            for other in sorted({value + 1, value - 1, 2 * value} - {value}):
                yield "constant", ast.Constant(other)
        case ast.Constant(float(value)):
            for other in sorted({value * 2, value / 2, value + 1, 1 - value} - {value}):
                yield "constant", ast.Constant(other)
        case ast.Attribute(value, attr):
            if attr == "T":
                yield "dropped transpose", value
            elif attr in OPPOSITE:
                yield "opposite", changed(node, attr=OPPOSITE[attr])
        case ast.Name(name) if name in OPPOSITE:
            yield "opposite", changed(node, id=OPPOSITE[name])
        case ast.Call(function, arguments, keywords):
            for i in range(len(keywords)):
                yield "dropped keyword", changed(node, keywords=without(keywords, i))
            for i in range(len(keywords) - 1):
                values = swapped([k.value for k in keywords], i)
                new = [ast.keyword(k.arg, v) for k, v in zip(keywords, values, strict=True)]
                yield "swapped keywords", changed(node, keywords=new)
            for i in range(len(arguments) - 1):
                yield "swapped arguments", changed(node, args=swapped(arguments, i))
            if isinstance(function, ast.Attribute) and not arguments and not keywords:
                yield "dropped call", function.value
            elif len(arguments) == 1 and not keywords:
                yield "dropped call", arguments[0]
        case ast.Tuple(items, ast.Load()) | ast.List(items, ast.Load()):
            for i in range(len(items) - 1):
                yield "swapped items", changed(node, elts=swapped(items, i))
            for i in range(len(items)):
                yield "dropped item", changed(node, elts=without(items, i))
        case ast.Dict(keys, values):
            for i in range(len(values) - 1):
                yield "swapped items", changed(node, values=swapped(values, i))
            for i in range(len(values)):
                yield "dropped item", changed(node, keys=without(keys, i), values=without(values, i))
        case ast.If(test) | ast.While(test) | ast.IfExp(test):
            yield "negated condition", (test, ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(iter=rows, ifs=ifs):
            for test in ifs:
                yield "negated condition", (test, ast.UnaryOp(ast.Not(), test))
            yield "dropped row", (rows, ast.parse(f"list({ast.unparse(rows)})[1:]", mode="eval").body)
        case ast.For(iter=rows):
            yield "dropped row", (rows, ast.parse(f"list({ast.unparse(rows)})[1:]", mode="eval").body)
        case ast.Return(ast.AST() as value) if not isinstance(
            value, ast.Constant | ast.Dict | ast.Compare | ast.BoolOp
        ):
            yield "dropped row", (value, ast.parse(f"({ast.unparse(value)})[1:]", mode="eval").body)
        case ast.Raise():
            yield "dropped validation", ast.Pass()
        case ast.Expr() | ast.AugAssign() | ast.Continue() | ast.Break():
            yield "dropped statement", ast.Pass()
        case ast.Assign([ast.Subscript() | ast.Attribute()]):
            yield "dropped statement", ast.Pass()


def places(tree):
    """All faults of a module: {line: [(kind, node, what stands in its place), …]}."""
    found = {}

    def visit(node, string):
        """Go through a node; `string` is the f-string around it, whose parts have no places of their own."""
        string = string or (node if isinstance(node, ast.JoinedStr) else None)
        for kind, new in faults(node):
            old, new = new if isinstance(new, tuple) else (node, new)
            if string:
                old, new = string, _Replace(old, new).visit(copy.deepcopy(string))
            found.setdefault(old.lineno, []).append((kind, old, new))
        for name, child in ast.iter_fields(node):
            if name in ("annotation", "returns") or isinstance(node, ast.Raise):
                continue
            for inner in child if isinstance(child, list) else [child]:
                docstring = isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)
                if isinstance(inner, ast.AST) and not docstring:
                    visit(inner, string)

    visit(tree, None)
    return found


def put(source, old, new):
    """The text of a module with another expression or statement in the place of one; None if it is no other."""
    lines, text = source.encode().splitlines(keepends=True), ast.unparse(new)
    loose = ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp | ast.IfExp | ast.Lambda
    text = f"({text})" if isinstance(new, loose) else text
    first, last = old.lineno - 1, old.end_lineno - 1
    before, after = lines[first][: old.col_offset], lines[last][old.end_col_offset :]
    text = b"".join([*lines[:first], before, text.encode(), after, *lines[last + 1 :]]).decode()
    with contextlib.suppress(SyntaxError):  # such as quotes in an f-string
        return ast.parse(text) and (None if ast.dump(old) == ast.dump(new) else text)


class _Replace(ast.NodeTransformer):
    """Puts a node in the place of the one that is written the same way, the first time it is met."""

    def __init__(self, old, new):
        self.old, self.new = ast.dump(old, include_attributes=True), new

    def visit(self, node):
        return self.new if ast.dump(node, include_attributes=True) == self.old else self.generic_visit(node)


def modules(names):
    """Paths of the modules that are named, such as "schur_lib/schur.py", "schur", "study/probes"; else all."""
    paths = [Path("schur_lib", f"{name}.py") for name in METHOD]
    paths += [p.relative_to(ROOT) for p in sorted(ROOT.glob("study/probes/[!_]*.py"))]
    paths += [
        Path(p) for p in ("study/statistics.py", "study/claims.py", "report/findings.py", "report/measure.py")
    ]
    if not names:
        return paths
    wanted = {Path(name).with_suffix("").as_posix().rstrip("/") for name in names}
    found = [p for p in paths if {p.stem, *(q.as_posix() for q in (p.with_suffix(""), *p.parents))} & wanted]
    if not found:
        raise SystemExit(
            f"no module is named {', '.join(names)}; there are {', '.join(p.as_posix() for p in paths)}"
        )
    return found


def tests_of(path):
    mirror = Path("tests", *path.parts[:-1], f"test_{path.name}")
    return [test for test in [mirror.as_posix(), EVERY, *ALSO.get(path.as_posix(), [])] if (ROOT / test).exists()]


def draw(sources, n, seed):
    """About n faults of {path: text}, each once, AT_LEAST or more of a module: [(path, line, kind, text), …]."""
    rng = random.Random(seed)
    found = {path: places(ast.parse(source)) for path, source in sources.items()}
    n_lines = sum(map(len, found.values()))
    for path, there in found.items():
        drawn = {}
        for _ in range(1000):  # some changes are none
            if len(drawn) == max(AT_LEAST, round(n * len(there) / n_lines)):
                break
            line = rng.choice(sorted(there))
            kind = rng.choice(sorted({kind for kind, *_ in there[line]}))
            text = put(sources[path], *rng.choice([change for k, *change in there[line] if k == kind]))
            if text:
                drawn.setdefault(text, (path, line, kind, text))
        yield from drawn.values()


def difference(old, new):
    """The lines of a text that another takes away and puts there, as a diff has them."""
    old, new = old.splitlines(), new.splitlines()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return [f"-{line.strip()}" for line in old] + [f"+{line.strip()}" for line in new]


class Order:
    """Takes the quick tests in the order of their times, which it writes down; not those that fail anyhow."""

    def __init__(self, file, path):
        self.file, self.times, self.module = file, Counter(), path.with_suffix("").as_posix().replace("/", ".")
        self.known = json.loads(file.read_text()) if file.exists() else {}

    def pytest_collection_modifyitems(self, items):
        own = [item for item in items if EVERY not in item.nodeid or f"[{self.module}]" in item.nodeid]
        quick = [item for item in own if self.known.get(item.nodeid, 0) < SLOW]
        items[:] = sorted(quick, key=lambda item: self.known.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report):
        self.times[report.nodeid] += float("inf") if report.failed else report.duration

    def pytest_sessionfinish(self):
        if not self.known:
            self.file.write_text(json.dumps(self.times))


class Copy:
    """A copy of the project, and processes forked from this one, which has the libraries, that test it."""

    def __init__(self, folder):
        self.folder, self.tree = folder, folder / "project"
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
            if name and (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        rooms = {path.name for path in ROOT.iterdir()}
        for path in self.tree.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                for name in [*names, *([node.module] if isinstance(node, ast.ImportFrom) else [])]:
                    if name and name.partition(".")[0] not in rooms:
                        with contextlib.suppress(Exception):
                            importlib.import_module(name)
        self.test(Path("schur_lib/kernels.py"))  # compiles, so that no test of another module is slow for that
        for file in folder.glob("*.json"):
            file.unlink()

    def test(self, path, text=None, seconds=600):
        """Do the tests of a module pass? With another text in its place, if one is given."""
        file = self.tree / path
        whole, times = file.read_bytes(), file.stat()
        if text is not None:
            file.write_text(text, encoding="utf-8")
        try:
            child = os.fork()
            if not child:
                try:
                    status = self._in_child(path, text)
                finally:
                    os._exit(status if "status" in locals() else 1)
            end = time.monotonic() + seconds
            while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
                time.sleep(0.02)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # with all that the tests have started
            if done[0] == 0:
                os.waitpid(child, 0)
                return False
            return os.waitstatus_to_exitcode(done[1]) == 0
        finally:
            file.write_bytes(whole)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # by which numba knows what it has compiled

    def _times(self, path):
        return self.folder / f"{path.as_posix().replace('/', '.')}.json"

    def times(self, path):
        """Seconds that each test of a module took; infinite where it failed."""
        return json.loads(self._times(path).read_text()) if self._times(path).exists() else {}

    def _in_child(self, path, text):
        import resource

        import numba
        import pytest

        os.setsid()
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: ends when the parent does
        output = os.open(self.folder / "output.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(output, 1), os.dup2(output, 2)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY,) * 2)
        for name in [name for name in sys.modules if (self.tree / name.partition(".")[0]).exists()]:
            del sys.modules[name]
        for name in [name for name in sys.modules if (self.tree / f"{name}.py").exists()]:
            del sys.modules[name]
        sys.path[:] = [str(self.tree), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
        os.chdir(self.tree)
        # What is compiled from a mutant must not be met again.
        compiled = self.folder / ("numba" if text is None or "jit" not in text else "numba-of-one")
        if compiled.name != "numba":
            shutil.rmtree(compiled, ignore_errors=True)
        numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = str(compiled)
        os.environ["PYTHONPATH"], os.environ["PYTHONDONTWRITEBYTECODE"] = str(self.tree), "1"
        sys.dont_write_bytecode = True
        if not (tests := tests_of(path)):
            return 0
        times = self._times(path)
        options = [
            *(["-x"] if text else []),
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            f"--basetemp={self.folder / 'pytest'}",
        ]
        return pytest.main([*options, *tests], plugins=[Order(times, path)])


def main():
    parser = argparse.ArgumentParser(prog="python3 -m tools.mutants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument(
        "names", nargs="*", metavar="MODULE or ROOM", help="default: the method, the probes, findings"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the draw (default: another each time)"
    )
    parser.add_argument("--n", type=int, default=200, help="number of faults, about (default: 200)")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
    with open(Path(__file__).with_suffix(".csv"), encoding="utf-8", newline="") as file:
        known = {(row["module"], row["before"], row["after"]): row for row in csv.DictReader(file)}
    killed, lived, equivalent, limits, start = Counter(), Counter(), Counter(), {}, time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = Copy(Path(folder).resolve())
        sources = {path: (project.tree / path).read_text(encoding="utf-8") for path in modules(arguments.names)}
        drawn = list(draw(sources, arguments.n, arguments.seed))
        for i, (path, line, kind, text) in enumerate(drawn):
            if path not in limits:
                began = time.monotonic()
                if not project.test(path):
                    failed = [test for test, took in project.times(path).items() if took == float("inf")]
                    said = (project.folder / "output.txt").read_text()
                    if not failed:
                        raise SystemExit(f"the tests of {path} fail without any fault\n{said[-3000:]}")
                    print(f"\nleft out, since they fail without any fault: {', '.join(failed)}", flush=True)
                limits[path] = 20 + 4 * (time.monotonic() - began)
            if project.test(path, text, limits[path]):
                diff = difference(sources[path], text)
                before, after = (" ".join(x[1:] for x in diff if x[0] == sign) for sign in "-+")
                row = known.get((path.as_posix(), before, after))
                counter = equivalent if row and row["equivalent"] == "yes" else lived
                counter[path] += 1
                print(f"\n{path}:{line} survived ({kind})", *diff, *([f"known: {row['reason']}"] if row else []),
                      sep="\n    ", flush=True)  # fmt: skip
            else:
                killed[path] += 1
            passed = (time.monotonic() - start) / 60
            left = passed / (i + 1) * (len(drawn) - i - 1)
            print(f"\r{i + 1} of {len(drawn)}, {killed.total()} noticed, {passed:.0f} min, {left:.0f} to go ",
                  end="", file=sys.stderr, flush=True)  # fmt: skip
    print(
        f"\nseed {arguments.seed}, {passed:.1f} min\n\nmodule: noticed of all (and of those that change nothing)"
    )
    rooms = {
        room: [path for path in limits if path.is_relative_to(room)] for path in limits for room in path.parents
    }
    for name, paths in {**{path: [path] for path in limits}, **dict(sorted(rooms.items()))}.items():
        noticed, equal = sum(killed[path] for path in paths), sum(equivalent[path] for path in paths)
        all_of = noticed + sum(lived[path] for path in paths)
        print(f"{name}: {noticed} of {all_of} ({equal}), {noticed / max(1, all_of):.0%}")
    sys.exit(killed.total() < LEAST * (killed.total() + lived.total()))


if __name__ == "__main__":
    main()
