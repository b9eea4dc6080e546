"""Names that the product defines, and where the product uses them: no tool knows Cython and Python.

What a class defines is used where it is asked for behind a dot, or by its name as a text (``getattr``). What a module
defines is used where it is asked for behind a dot as well, or stands in a file that defines or imports it: a local
variable of the same name isn't a use. An import alone isn't one either, nor is what a benchmark or a test does. A page
of the documentation uses what it names. Of two classes that share a name of a method both are used when one is.
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
    r"(\s*)(?:(?:async def|def|cpdef|cdef)\b(?!\s+(?:class|struct|enum|union|extern|packed))[^=#(]*?(\w+)\("
    r"|(?:cdef )?class (\w+)"
    r"|(?<!\s)([A-Z_]{3,})\s*=)"
)
DECORATED = ("receives(", "pytest.fixture", "pytest.hookimpl")
ERRORS = "kstore/errors/table.py"
"""The table of Kafka's errors, and of Java's names for them, which are there for users to catch."""


class Definition(NamedTuple):
    """Where a name is defined; ``of_class``: in one, so that it is reached behind a dot."""

    name: str
    place: str
    of_class: bool


def defined(source: Source) -> Iterator[Definition]:
    """The functions, classes, methods and constants of a file; what a decorator or an enumeration uses is left out."""
    if source.path.suffix == ".pyi":
        return
    if source.is_python:
        yield from _of_body(source, source.tree.body)
        return
    code_alone = TRIPLE_QUOTED.sub(lambda match: "\n" * match[0].count("\n"), source.text)
    for number, line in enumerate(code_alone.splitlines(), 1):
        if match := CYTHON.match(line):
            indent, *names = match.groups()
            yield Definition(next(filter(None, names)), f"{source.name}:{number}", bool(indent))


def _of_body(source: Source, body: Iterable[ast.stmt], of_class: bool = False) -> Iterator[Definition]:
    for node in body:
        place = f"{source.name}:{node.lineno}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not any(ast.unparse(each).startswith(DECORATED) for each in node.decorator_list):
                yield Definition(node.name, place, of_class)
        elif isinstance(node, ast.ClassDef):
            yield Definition(node.name, place, of_class)
            if not any("Enum" in ast.unparse(base) for base in node.bases):
                yield from _of_body(source, node.body, True)
        elif isinstance(node, ast.Assign):
            names = [each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            yield from (Definition(name, place, of_class) for name in names)
        elif isinstance(node, ast.If):
            yield from _of_body(source, [*node.body, *node.orelse], of_class)


class Uses:
    """The names that files use: ``asked`` of something, behind a dot or as a text, and ``spoken`` on their own."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.asked: set[str] = set()
        self.spoken: set[str] = set()
        self.of_file: dict[str, set[str]] = {}
        for source in sources:
            spoken = self._of_python(source) if source.is_python else self._of_cython(source)
            self.of_file[source.name] = spoken

    def _of_python(self, source: Source) -> set[str]:
        names: set[str] = set()
        imported: dict[str, str] = {}
        behind: dict[str, set[str]] = {}
        listed = {each for node in source.tree.body if _is_all(node) for each in ast.walk(node)}
        for node in ast.walk(source.tree):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=name, ctx=ast.Load()):
                    self.asked.add(name)
                    behind.setdefault(owner, set()).add(name)
                case ast.Attribute(attr=name, ctx=ast.Load()):
                    self.asked.add(name)
                case ast.Constant(value=str(text)) if node not in listed:
                    self.asked.add(text)
                    self.spoken.add(text)
                case ast.MatchClass(kwd_attrs=attributes):
                    self.asked.update(attributes)
                case ast.Name(id=name, ctx=ast.Load()):
                    names.add(name)
                case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                    imported.update({each.asname or each.name: each.name for each in aliases})
        self.spoken.update(imported[name] for name in names & imported.keys())
        self.spoken.update(name for owner in imported for name in behind.get(owner, ()))
        return names

    def _of_cython(self, source: Source) -> set[str]:
        without = TRIPLE_QUOTED.sub(lambda match: match[0] if match[1] is None else "", source.text)
        text = IMPORT.sub("", COMMENT.sub("", without))
        self.asked.update(re.findall(r"\.([A-Za-z_]\w*)", text))
        counts = Counter(WORD.findall(text)) - Counter(each.name for each in defined(source))
        self.spoken.update(+counts)
        return set(+counts)

    def has(self, each: Definition) -> bool:
        """Whether a name is used, as far as can be told."""
        here = self.of_file[each.place.rpartition(":")[0]]
        return each.name in here or each.name in (self.asked if each.of_class else self.spoken)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def unused() -> dict[str, list[str]]:
    """The names that are used nowhere but in tests and benchmarks, if there, and where each is defined."""
    uses = Uses(each for each in text_files() if each.name.startswith(HOUSES) and (each.is_python or each.is_cython))
    pages = {word for each in text_files() if each.path.suffix in {".md", ".toml"} for word in WORD.findall(each.text)}
    found: dict[str, list[str]] = {}
    for source in code(*HOUSES):
        for each in defined(source) if source.name != ERRORS else ():
            if not each.name.startswith("__") and each.name not in pages and not uses.has(each):
                found.setdefault(each.name, []).append(each.place)
    return found
