"""Which code made a result: a digest of all that a module's code can reach.

What can be reached is found by following imports, not listed. The digest is of the syntax trees, so that
comments, layout and docstrings do not count, and it is the same in every supported Python and locale.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

LIBRARIES = ("numba", "numpy", "scipy", "torch")


def code_digest(*modules: str) -> str:
    """12 hexadecimal digits of the logic of modules and of all that they import of their packages and schur_lib.

    The modules are given by dotted names, such as "schur_lib.training".
    """
    packages = frozenset(name.partition(".")[0] for name in (*modules, "schur_lib"))
    digest = hashlib.sha256()
    for name in sorted(reached(modules, packages)):
        digest.update(f"{name} {_logic(name)}\n".encode())
    return digest.hexdigest()[:12]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that numbers depend on, without the label of a build."""
    return {name: importlib.metadata.version(name).partition("+")[0] for name in LIBRARIES}


def reached(modules: Iterable[str], packages: Collection[str]) -> set[str]:
    """The modules of some packages that the code of some modules imports, directly or not."""
    found: set[str] = set()
    left = list(modules)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            near = [names for names in _imports(name) if names[0].partition(".")[0] in packages]
            left += [next(filter(_source, names)) for names in near if any(map(_source, names))]
    return found


@cache
def _imports(module):
    """What a module imports: (a module,), or (a module of that name, the one in which that name stands)."""
    names: list[tuple[str, ...]] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names += [(alias.name,) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: to the package that the module is in
                up = node.level - (_source(module).name == "__init__.py")
                base = ".".join([*module.split(".")[: -up or None], *filter(None, [base])])
            names += [(f"{base}.{alias.name}", base) for alias in node.names]
    return names


@cache
def _logic(module):
    return hashlib.sha256(_text(_tree(module)).encode()).hexdigest()


def _text(node):
    """A syntax tree as text: docstrings left out, and what a later Python adds empty to every node."""
    if isinstance(node, ast.AST):
        fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
        match fields.get("body"):
            case [ast.Expr(ast.Constant(str())), *rest]:
                fields["body"] = rest
        inner = " ".join(f"{name}={_text(value)}" for name, value in fields.items())
        return f"{type(node).__name__}({inner})"
    if isinstance(node, list):
        return f"[{' '.join(map(_text, node))}]"
    return ascii(node)


@cache
def _tree(module):
    return ast.parse(_source(module).read_text(encoding="utf-8"))


@cache
def _source(module):
    """The file of a module, of which its packages alone are imported; None if it is not one of Python source."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # what should hold it is no package
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
