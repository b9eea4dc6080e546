"""Who imports whom: every import of a source file, by module name, read without running anything.

Imports under ``if TYPE_CHECKING`` are kept apart, because they never run; those inside functions count like any other.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tidy.sources import HOUSES, Source, code

_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(.+)|c?import\s+([\w.]+(?:\s*,\s*[\w.]+)*))")


@dataclass(frozen=True)
class Import:
    source: Source
    line: int
    module: str
    only_for_types: bool

    @property
    def root(self) -> str:
        return self.module.split(".", 1)[0]

    def is_of(self, *packages: str) -> bool:
        """Whether it is one of these modules, or something inside one."""
        return any(self.module == package or self.module.startswith(f"{package}.") for package in packages)

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}: imports {self.module}"


def module_name(source: Source) -> str:
    """``kstore/log/__init__.py`` is ``kstore.log``; ``kstore/log/log.pxd`` is ``kstore.log.log``."""
    return source.name.rsplit(".", 1)[0].replace("/", ".").removesuffix(".__init__")


@cache
def modules() -> dict[str, list[Source]]:
    """The files of both houses by the name of the module that they make up."""
    found: dict[str, list[Source]] = {}
    for source in code(*HOUSES):
        if source.path.suffix != ".pyi":
            found.setdefault(module_name(source), []).append(source)
    return found


@cache
def imports(source: Source) -> tuple[Import, ...]:
    """Every import of a file, wherever in it."""
    found = _cython_imports(source) if source.is_cython else _python_imports(source)
    return tuple(Import(source, line, module, for_types) for line, module, for_types in found)


def _python_imports(source: Source) -> Iterator[tuple[int, str, bool]]:
    for_types: set[ast.AST] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for_types.update(inner for statement in node.body for inner in ast.walk(statement))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, node in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            yield from ((node.lineno, module, node in for_types) for module in _from(node.module or "", names))


def _cython_imports(source: Source) -> Iterator[tuple[int, str, bool]]:
    for number, line in enumerate(source.lines, 1):
        if match := _CYTHON_IMPORT.match(line):
            if match[1]:
                names = re.findall(r"(\w+)(?:\s+as\s+\w+)?", match[2].split("#")[0])
                yield from ((number, module, False) for module in _from(match[1], names))
            else:
                yield from ((number, module.strip(), False) for module in match[3].split(","))


def _from(module: str, names: list[str]) -> list[str]:
    """``from a import b`` imports ``a.b`` where that is a module of ours, else ``a``."""
    if module.split(".", 1)[0] not in HOUSES:
        return [module]
    own = modules()
    return sorted({f"{module}.{name}" if f"{module}.{name}" in own else module for name in names})


def reached(module: str) -> dict[str, Import]:
    """Every module that importing this one runs, in both houses and beyond, each with the import that leads there."""
    own, found, waiting = modules(), {}, [module]
    while waiting:
        for source in own.get(waiting.pop(), ()):
            for each in imports(source):
                if not each.only_for_types and each.module not in found:
                    found[each.module] = each
                    waiting.append(each.module)
    return found
