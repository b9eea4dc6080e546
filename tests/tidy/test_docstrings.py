"""Holds that the public methods of a class say what they do, in every file of Python.

A docstring may stand in a base class, or in the ``Protocol`` that a class implements: one by whose name its own ends,
as ``PosixFile`` ends by ``File``.
"""

import ast
from collections.abc import Iterator
from functools import cache

from tidy.sources import HOUSES, Source, assert_none, code

SETS = ("overload", ".setter", ".deleter")
"""Decorators of what the method of the same name says for all."""


@cache
def classes() -> dict[str, list[tuple[Source, ast.ClassDef]]]:
    """The classes of kstore and of its compiled modules' stubs, by name."""
    found: dict[str, list[tuple[Source, ast.ClassDef]]] = {}
    for source in code(*HOUSES):
        for node in ast.walk(source.tree) if source.path.suffix in {".py", ".pyi"} else ():
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append((source, node))
    return found


@cache
def bases(name: str) -> set[str]:
    """The names of a class's bases."""
    written = (ast.unparse(base) for _, node in classes().get(name, ()) for base in node.bases)
    return {base.split("[")[0].rpartition(".")[2] for base in written}


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Its public methods that are to say what they do, if nobody else does."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and not each.name.startswith("_"):
            decorators = [ast.unparse(decorator) for decorator in each.decorator_list]
            if not any(decorator.endswith(SETS) for decorator in decorators):
                yield each


def says(name: str, method: str, seen: tuple[str, ...] = ()) -> bool:
    """Whether a class, or one that it inherits from, has a docstring for the method."""
    own = (each for _, node in classes().get(name, ()) for each in methods(node) if each.name == method)
    return any(ast.get_docstring(each) for each in own) or any(
        says(base, method, (*seen, name)) for base in bases(name) if base not in seen and base != name
    )


@cache
def protocols() -> list[str]:
    return [name for name in classes() if "Protocol" in bases(name)]


def protocols_of(name: str) -> list[str]:
    """The protocols that a class implements, as its name says."""
    return [each for each in protocols() if each != name and name.endswith(each)]


def test_a_public_method_says_what_it_does() -> None:
    assert_none(
        [
            f"{source.name}:{method.lineno}: {name}.{method.name} has no docstring"
            for name, found in classes().items()
            for source, node in found
            if source.is_python and not name.startswith("_")
            for method in methods(node)
            if not ast.get_docstring(method)
            and not any(says(base, method.name) for base in (*bases(name), *protocols_of(name)))
        ]
    )
