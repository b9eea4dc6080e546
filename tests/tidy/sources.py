"""What the style tests look at: the project's own files, their text, and the functions inside.

Python is read by its syntax tree, Cython by its indentation: nothing at hand parses Cython without building it, and
the rules need only know where a function begins and ends.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tokenize import COMMENT

PYTHON_OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("kstore", "actors")
PLACES = (*HOUSES, "tests", "bench")
CODE = {".py", ".pyx", ".pxd", ".pyi"}
TEXT = CODE | {".c", ".cfg", ".go", ".h", ".ini", ".java", ".md", ".mod", ".sh", ".toml", ".xml", ".yaml", ".yml"}
LEFT_OUT = {"__pycache__", "build", "dist", "target", "node_modules"}

GENERATED = "kstore/schema/messages/"
"""Written by a program of the repository, which no rule is about."""

TABLES = re.compile(r".*/(?:\w+_)?table\.py$")
"""Tables are as long as what they list; each says that it is one."""

_CYTHON_FUNCTION = re.compile(
    r"^(\s*)(?:async\s+def|def|cpdef|cdef)\b(?!\s+(?:class|struct|enum|union|extern|packed))[^=#]*\("
)

_CYTHON_SAID = re.compile(
    r'^[ \t]*(?:def|cpdef|cdef)\b(?! (?:class|struct|enum))[^\n"#]*\((?:[^"#:]|:(?!\n))*:\n\s+[rR]?"""((?s:.*?))"""',
    re.MULTILINE,
)
_CYTHON_PROSE = re.compile(r'^[ \t]*[rR]?"""(?s:.*?)"""|(?:^|(?<=\s))#\s.*$', re.MULTILINE)


@dataclass(frozen=True)
class Source:
    path: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        """The path inside the repository, with forward slashes."""
        return self.path.relative_to(self.root).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def line(self, number: int) -> str:
        """A line, counted from 1, without the space around it; empty beyond the file."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a .py or .pyi file; an empty one where it has none, which a test of its own reports."""
        return ast.parse("" if self.syntax_error else self.text, self.name)

    @cached_property
    def syntax_error(self) -> str | None:
        try:
            ast.parse(self.text, self.name, feature_version=PYTHON_OLDEST)
        except SyntaxError as error:
            return f"{self.name}:{error.lineno}: {error.msg}"
        return None

    @property
    def is_python(self) -> bool:
        return self.path.suffix == ".py"

    @property
    def is_cython(self) -> bool:
        return self.path.suffix in {".pyx", ".pxd"}

    @property
    def is_table(self) -> bool:
        return TABLES.match(self.name) is not None


def assert_none(offenders: list[str]) -> None:
    """Fail with all of them, one a line."""
    assert not offenders, "\n" + "\n".join(offenders)


@cache
def text_files() -> tuple[Source, ...]:
    """Every text file that is the project's own, wherever it lies."""
    found = [ROOT / name for name in ("Makefile", ".ci/run")]
    for folder in (ROOT, *(ROOT / place for place in (*PLACES, "docs", ".github"))):
        walk = folder.glob("*") if folder == ROOT else folder.rglob("*")
        found += [path for path in walk if path.suffix in TEXT and not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    return tuple(Source(path) for path in sorted(set(found)) if path.is_file())


@cache
def code(*places: str) -> tuple[Source, ...]:
    """The Python and Cython files below those folders (all of ours unless told), generated ones left out."""
    inside = tuple(f"{place}/" for place in places or PLACES)
    return tuple(
        source
        for source in text_files()
        if source.path.suffix in CODE and source.name.startswith(inside) and not source.name.startswith(GENERATED)
    )


def functions(source: Source) -> Iterator[tuple[str, int, int]]:
    """Every function of a file: its name, its first line, and how many lines it has, decorators left out."""
    if source.is_cython:
        yield from _cython_functions(source.lines)
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def _cython_functions(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    for start, line in enumerate(lines):
        match = _CYTHON_FUNCTION.match(line)
        if match is None:
            continue
        indent, end = len(match[1]), start
        for number in range(start + 1, len(lines)):
            text = lines[number].strip()
            depth = len(lines[number]) - len(lines[number].lstrip())
            if text and depth <= indent and not text.startswith((")", "#", '"""')):
                break
            if text:
                end = number
        name = re.split(r"[\s*&]", line[: line.index("(")].strip())[-1]
        yield name, start + 1, end - start + 1


def docstrings(source: Source) -> Iterator[tuple[ast.AST, ast.Constant]]:
    """What has a docstring in a file of Python, and the docstring as the tree has it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str()) as said):
                    yield node, said


def said_of_functions(source: Source) -> Iterator[tuple[int, str]]:
    """The docstrings of a file's functions and methods, and their first lines."""
    if source.is_cython:
        for match in _CYTHON_SAID.finditer(source.text):
            yield source.text.count("\n", 0, match.start(1)) + 1, match[1]
        return
    for node, said in docstrings(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield said.lineno, str(said.value)


@cache
def prose(source: Source) -> tuple[tuple[int, str], ...]:
    """Every comment and docstring of a file, each as it is written, and its first line."""
    if source.is_cython:
        found = _CYTHON_PROSE.finditer(source.text)
        return tuple((source.text.count("\n", 0, match.start()) + 1, match[0]) for match in found)
    starts = {(said.lineno, said.col_offset) for _, said in docstrings(source)}
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return tuple((each.start[0], each.string) for each in tokens if each.type == COMMENT or each.start in starts)


def comments(source: Source) -> Iterator[tuple[int, str]]:
    """The comments of a file that have a line of their own, and their lines."""
    if source.is_cython:
        yield from ((number, text) for number, text in prose(source) if source.line(number).startswith("#"))
        return
    strings = [node for node in ast.walk(source.tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    inside = {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    for number in range(1, len(source.lines) + 1):
        if number not in inside and source.line(number).startswith("#"):
            yield number, source.line(number)
