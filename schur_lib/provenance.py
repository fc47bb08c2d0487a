"""Which code made a result: a digest of all that a module's code can reach.

What can be reached is found by following imports, not listed. The digest is of the syntax trees, so that
comments, layout and docstrings do not count, and it is the same in every supported Python and locale.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
from functools import cache
from pathlib import Path

LIBRARIES = ("numba", "numpy", "scipy", "torch")


def code_digest(*modules: str) -> str:
    """A digest of the logic of modules and of all that they import from their own packages.

    Args:
        modules: dotted names, such as "schur_lib.training"; the packages followed are their first parts
            and schur_lib.

    Returns:
        12 hexadecimal digits.
    """
    packages = frozenset(name.partition(".")[0] for name in (*modules, "schur_lib"))
    digest = hashlib.sha256()
    for name in sorted(reached(modules, packages)):
        digest.update(f"{name} {_logic(name)}\n".encode())
    return digest.hexdigest()[:12]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that numbers depend on, without the label of a build."""
    return {name: importlib.metadata.version(name).partition("+")[0] for name in LIBRARIES}


def reached(modules, packages) -> set[str]:
    """The modules of some packages that the code of some modules imports, directly or not."""
    found: set[str] = set()
    left = list(modules)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [m for m in _imports(name) if m.partition(".")[0] in packages]
    return found


@cache
def _imports(module):
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: to the package that the module is in
                parts = module.split(".") if _is_package(module) else module.split(".")[:-1]
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            # a name is a module of its own, or stands in the module that it is imported from
            names += [m if _source(m := f"{base}.{alias.name}") else base for alias in node.names]
    return tuple(name for name in names if _source(name))


@cache
def _logic(module):
    return hashlib.sha256(_text(_tree(module)).encode()).hexdigest()


def _text(node):
    """A syntax tree as text: docstrings left out, and what a later Python adds empty to every node."""
    if isinstance(node, ast.AST):
        fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
        body = fields.get("body")
        if isinstance(body, list) and _is_text(body[0]):
            fields["body"] = body[1:]
        inner = " ".join(f"{name}={_text(value)}" for name, value in fields.items())
        return f"{type(node).__name__}({inner})"
    if isinstance(node, list):
        return f"[{' '.join(map(_text, node))}]"
    return ascii(node)


def _is_text(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _tree(module):
    return ast.parse(_source(module).read_text(encoding="utf-8"))


@cache
def _source(module):
    """The file of a module, found without importing it; None if it is not one of Python source."""
    parts = module.split(".")
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    for folder in map(Path, spec.submodule_search_locations):
        for file in (folder.joinpath(*parts[1:], "__init__.py"),
                     folder.joinpath(*parts[1:]).with_suffix(".py") if parts[1:] else None):  # fmt: skip
            if file is not None and file.is_file():
                return file
    return None


def _is_package(module):
    return _source(module).name == "__init__.py"
