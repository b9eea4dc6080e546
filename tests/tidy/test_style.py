"""Holds the style of CONTRIBUTING.md where a program can: sizes, names, docstrings, words that hide unfinished work.

Every test lists all offenders at once, each as ``path:line``, so that one run says everything there is to fix.
"""

import ast
import re

import pytest
from tidy.sources import Source, assert_none, code, functions, text_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
VERBATIM = ("tests/interop/programs/seed_",)  # programs that must run as others wrote them
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NotImplementedError)\b")
PLACES_OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|repo1?\.maven|maven\.apache\.org/maven2|proxy\.golang|crates\.io")

UNUSUAL = re.compile(
    r"\b(?:mend(?:s|ed|ing)?|whoever|somebody|in a while|hurr(?:y|ied)|tamper(?:s|ed|ing)?|doorway)\b", re.IGNORECASE
)
"""Words that a reader stumbles over; instead: fix, the client that, another process, later, at once."""


def own_rules(source: Source) -> bool:
    """The files of this folder name what they forbid."""
    return source.name.startswith("tests/tidy/")


def lines_matching(pattern: re.Pattern[str], sources: tuple[Source, ...]) -> list[str]:
    return [
        f"{source.name}:{number}: {line.strip()}"
        for source in sources
        if not own_rules(source)
        for number, line in enumerate(source.lines, 1)
        if pattern.search(line)
    ]


def test_a_file_holds_one_noun_in_at_most_400_lines() -> None:
    assert_none([f"{s.name}: {len(s.lines)} lines" for s in code() if len(s.lines) > FILE_LINES_MAX and not s.is_table])


def test_every_file_is_read_by_the_oldest_python_we_support() -> None:
    assert_none([s.syntax_error for s in code() if s.path.suffix in {".py", ".pyi"} and s.syntax_error])


def test_a_function_fits_a_screen() -> None:
    assert_none(
        [
            f"{source.name}:{line}: {name} has {count} lines"
            for source in code()
            for name, line, count in functions(source)
            if count > FUNCTION_LINES_MAX
        ]
    )


def test_a_table_of_any_length_says_that_it_is_one() -> None:
    assert_none([s.name for s in code() if s.is_table and not re.search(r"\btable\b|Generated", s.text[:1000])])


def test_a_name_says_what_a_thing_is() -> None:
    vague_files = [s.name for s in code() if VAGUE & set(re.split(r"[/_.]", s.name))]
    vague_classes = [
        f"{source.name}:{number}: {match[1]}"
        for source in code()
        if not own_rules(source)
        for number, line in enumerate(source.lines, 1)
        if (match := re.match(r"\s*(?:cdef )?class (\w*(?:Util|Utils|Helper|Helpers|Manager|Common))\b", line))
    ]
    assert_none(vague_files + vague_classes)


def test_nothing_says_that_it_is_unfinished() -> None:
    assert_none(lines_matching(UNFINISHED, code()))


def test_texts_use_the_usual_words() -> None:
    """In Python, Cython and pages."""
    texts = tuple(each for each in text_files() if each.name.endswith((".py", ".pyi", ".pyx", ".pxd", ".md")))
    assert_none(lines_matching(UNUSUAL, texts))


def test_no_exception_is_caught_without_saying_which() -> None:
    assert_none(lines_matching(re.compile(r"^\s*except\s*:"), code()))


def test_an_exception_of_any_kind_is_never_swallowed() -> None:
    handlers = [
        (source, node)
        for source in code()
        if source.is_python
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
    ]
    assert_none([f"{source.name}:{node.lineno}" for source, node in handlers if _swallows(node)])


def _swallows(handler: ast.ExceptHandler) -> bool:
    """What may be anything must at least be looked at; what may even be Ctrl-C must go on upwards."""
    caught = handler.type.id if isinstance(handler.type, ast.Name) else None
    if caught == "BaseException" and handler.name is None:
        return not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    does_nothing = all(isinstance(node, ast.Pass | ast.Continue | ast.Constant | ast.Expr) for node in handler.body)
    return caught in {"Exception", "BaseException"} and does_nothing and handler.name is None


def test_a_test_waits_for_a_condition_and_never_for_time() -> None:
    sleep = re.compile(r"\btime\.sleep\b|from time import .*\bsleep\b|\basyncio\.sleep\((?!0\))")
    assert_none(lines_matching(sleep, code("tests")))


def test_a_file_opens_with_what_it_is() -> None:
    files = [s for s in code() if s.path.suffix != ".pyi" and s.text.strip() and not s.name.startswith(VERBATIM)]
    assert_none([source.name for source in files if not _opens_with_words(source)])


def _opens_with_words(source: Source) -> bool:
    if source.is_python:
        return source.syntax_error is not None or bool(ast.get_docstring(source.tree))
    if source.path.suffix == ".pxd" and source.path.with_suffix(".pyx").exists():
        return True  # the .pyx beside it says it for both
    opening = re.compile(
        r'\A(?:#[^\n]*\n|\s)*[rR]?"""\s*\S' if source.path.suffix == ".pyx" else r'\A\s*(?:[rR]?"""|# ?\w)'
    )
    return opening.match(source.text) is not None


def test_a_test_is_named_as_a_sentence() -> None:
    assert_none(
        [
            f"{source.name}:{line}: {name}"
            for source in code("tests")
            if source.is_python
            for name, line, _ in functions(source)
            if name.startswith("test_") and len(name.split("_")) < 4
        ]
    )


def test_no_two_files_of_tests_have_one_name() -> None:
    """Pytest collects neither of them then; applications of frameworks run each by itself."""
    names = [source.path.name for source in code("tests") if not source.name.startswith("tests/frameworks/apps/")]
    assert_none(sorted({name for name in names if name.startswith("test_") and names.count(name) > 1}))


def test_nothing_depends_on_one_machine() -> None:
    assert_none(lines_matching(PLACES_OF_ONE_MACHINE, text_files()))


def test_nothing_names_a_registrys_host() -> None:
    assert_none(lines_matching(REGISTRIES, text_files()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a,\n      b):\n    return 1\n\nx = 1\n", [("f", 1, 3)]),
        ("cdef int f(int a) noexcept nogil:\n    a += 1\n\n    return a\ncdef int x = g(1)\n", [("f", 1, 4)]),
        ("cdef class A:\n    cpdef object m(self):\n        return 1\n    cdef int y\n", [("m", 2, 2)]),
    ],
)
def test_the_length_of_a_cython_function_is_read_off_its_indentation(tmp_path, text, expected) -> None:
    path = tmp_path / "a.pyx"
    path.write_text(text)
    assert list(functions(Source(path, tmp_path))) == expected
