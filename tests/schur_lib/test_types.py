"""Every public function says what it takes and gives, and the package says that it is typed."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import schur_lib

ROOT = Path(__file__).parents[2]
FILES = sorted(Path(schur_lib.__path__[0]).glob("*.py"))


def public(tree):
    """The functions of a module, and the methods of its classes, whose names do not begin with _."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, False
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method, True


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_types_of_public_functions_are_complete(file):
    bare = []
    for name, node, method in public(ast.parse(file.read_text(encoding="utf-8"))):
        a = node.args
        arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, [a.vararg, a.kwarg])]
        missing = [x.arg for x in arguments[1 if method else 0 :] if x.annotation is None]
        if missing or node.returns is None:
            bare.append(f"{name}: {missing or 'what it returns'}")
    assert not bare


def test_the_package_says_that_it_is_typed():
    assert (Path(schur_lib.__path__[0]) / "py.typed").exists()


def test_names_that_are_loaded_when_used_are_those_that_type_checkers_see():
    tree = ast.parse(Path(schur_lib.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen.pop("tasks") == "schur_lib"
    assert seen == {name: f"schur_lib.{home}" for name, home in schur_lib._HOMES.items()}
    assert sorted(schur_lib.__all__) == sorted({*seen, "tasks"})
    for name, home in seen.items():
        assert getattr(schur_lib, name) is getattr(importlib.import_module(home), name)
    assert inspect.ismodule(schur_lib.tasks)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'spectre'"):
        schur_lib.spectre  # noqa: B018
    assert not hasattr(schur_lib, "__wrapped__")


def test_to_import_the_package_loads_neither_torch_nor_numba():
    code = (
        "import sys, schur_lib; print(sorted({'torch', 'numba', 'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
