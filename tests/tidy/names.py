"""Names that the product defines, and where they are used, by the words of its code: no tool knows Cython and Python.

A name counts as used when it stands anywhere but where it is defined: in the code of the product or of the benchmarks,
or on a page of the documentation. So a name that two things share isn't told apart, and one that is found is unused.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from tidy.sources import HOUSES, Source, code, text_files

from kstore.named import NamedTuple

WORD = re.compile(r"[A-Za-z_]\w*")
TRIPLE_QUOTED = re.compile(r'(^[ \t]*)?[rRbBfF]{0,2}""".*?"""', re.DOTALL | re.MULTILINE)
IMPORT = re.compile(r"^\s*(?:from [\w.]+ c?import|c?import) (?:\([^)]*\)|.*)|^__all__ = \[[^\]]*\]", re.MULTILINE)
COMMENT = re.compile(r"(?:^|\s)#.*")
CYTHON = re.compile(
    r"\s*(?:async def|def|cpdef|cdef)\b(?!\s+(?:class|struct|enum|union|extern|packed))[^=#(]*?(\w+)\("
    r"|\s*(?:cdef )?class (\w+)"
    r"|([A-Z_]{3,})\s*="
)
DECORATED = ("receives(", "pytest.fixture", "pytest.hookimpl")


class Definition(NamedTuple):
    """Where a name is defined."""

    name: str
    place: str


def defined(source: Source) -> Iterator[Definition]:
    """The functions, classes, methods and constants of a file; what a decorator or an enumeration uses is left out."""
    if source.path.suffix == ".pyi":
        return
    if source.is_python:
        yield from _of_body(source, source.tree.body)
        return
    for number, line in enumerate(source.lines, 1):
        if match := CYTHON.match(line):
            yield Definition(next(filter(None, match.groups())), f"{source.name}:{number}")


def _of_body(source: Source, body: Iterable[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        place = f"{source.name}:{node.lineno}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not any(ast.unparse(each).startswith(DECORATED) for each in node.decorator_list):
                yield Definition(node.name, place)
        elif isinstance(node, ast.ClassDef):
            yield Definition(node.name, place)
            if not any("Enum" in ast.unparse(base) for base in node.bases):
                yield from _of_body(source, node.body)
        elif isinstance(node, ast.Assign):
            names = [each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            yield from (Definition(name, place) for name in names)
        elif isinstance(node, ast.If):
            yield from _of_body(source, [*node.body, *node.orelse])


def words(text: str) -> Counter[str]:
    """What stands in code; what is imported, or exported again, isn't used by that."""
    code_alone = TRIPLE_QUOTED.sub(lambda match: match[0] if match[1] is None else "", text)
    return Counter(WORD.findall(IMPORT.sub("", COMMENT.sub("", code_alone))))


def unused() -> dict[str, list[str]]:
    """The names that are used nowhere but in tests, if there, and where each is defined."""
    found: dict[str, list[str]] = {}
    for source in code(*HOUSES):
        for name, place in defined(source):
            if not (name.startswith("__") and name.endswith("__")):
                found.setdefault(name, []).append(place)
    used = Counter[str]()
    pages = Counter[str]()
    for source in text_files():
        if source.path.suffix in {".md", ".toml"}:
            pages.update(WORD.findall(source.text))
        elif source.name.startswith((*HOUSES, "bench")) and source.path.suffix in {".py", ".pyx", ".pxd"}:
            used.update(words(source.text))
    return {name: places for name, places in found.items() if used[name] <= len(places) and not pages[name]}
