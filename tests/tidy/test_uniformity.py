"""Holds what is to be alike in every file, where ruff and mypy can't: they know no Cython, and no rule of ours.

The other tools have the rest: pyproject.toml says which rules of ruff's hold, what is banned, and what mypy reads.
"""

import inspect
import re
import tomllib
from collections.abc import Iterator

from tidy.sources import HOUSES, ROOT, assert_none, code, comments, prose, said_of_functions

import kstore

LINE_LENGTH = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
SINGLE_BACKTICKS = re.compile(r"(?<![`\\])`(?!`)[^`]+`(?!`)")
THIRD_PERSON = re.compile(
    r"\s*(?:Add|Append|Ask|Begin|Check|Close|Copie|Create|Decide|Decode|Decorate|Delete|Drop|Encode|Ensure|Fail|Fence"
    r"|Find|Flushe|Forget|Get|Give|Goe|Hand|Hold|Judge|Keep|Let|Look|Make|Move|Open|Passe|Play|Poll|Prepare|Produce"
    r"|Publishe|Put|Raise|Read|Register|Remove|Replay|Return|Run|Send|Serve|Set|Split|Start|Stop|Take|Tell|Trie|Use|Wait"
    r"|Wake|Write)s\b"
)
BANNER = re.compile(r"^\s*#\s*[-=~*#_─━]{2,}")


def test_a_line_of_cython_is_no_longer_than_one_of_python() -> None:
    assert_none(
        [
            f"{source.name}:{number}: {len(line)} characters, {LINE_LENGTH} at most"
            for source in code()
            if source.is_cython
            for number, line in enumerate(source.lines, 1)
            if len(line) > LINE_LENGTH
        ]
    )


def test_no_comment_is_a_heading() -> None:
    """A part that needs one is a class or a file of its own; what it says to the reader belongs in a docstring."""
    assert_none(
        [
            f"{source.name}:{number}: a comment that is a heading: {line.strip()}"
            for source in code()
            for number, line in comments(source)
            if BANNER.match(line) or not (source.line(number - 1) or source.line(number + 1))
        ]
    )


def test_code_in_a_comment_or_docstring_stands_in_two_backticks() -> None:
    assert_none(
        [
            f"{source.name}:{line + text.count(chr(10), 0, span.start())}: {span[0]}: code stands in two backticks"
            for source in code()
            if SINGLE_BACKTICKS.search(source.text)  # it takes long to tell what is prose
            for line, text in prose(source)
            for span in SINGLE_BACKTICKS.finditer(text)
        ]
    )


def test_a_docstring_of_a_function_says_what_to_do_or_what_it_gives() -> None:
    """It opens as a command ("Read a frame"), or names what is returned ("The frame"); never in the third person."""
    assert_none(
        [
            f"{source.name}:{line}: {match[0]}: say {match[0].removesuffix('s')}, or name what is returned"
            for source in code()
            for line, text in said_of_functions(source)
            if (match := THIRD_PERSON.match(text))
        ]
    )


def test_what_kstore_exports_says_what_it_does_name_by_name() -> None:
    """Elsewhere ruff asks for a docstring of every class; whether a method needs one depends on its name."""
    assert_none(sorted({place for name in kstore.__all__ for place in silent(name, getattr(kstore, name))}))


def silent(name: str, found: object) -> Iterator[str]:
    """The public parts of something exported that have no docstring, inherited or compiled ones too."""
    if not inspect.getdoc(found):
        yield name
    for owner in found.__mro__ if isinstance(found, type) else ():
        if owner.__module__.startswith(HOUSES):
            for part, value in vars(owner).items():
                does = inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)
                if does and not part.startswith("_") and not inspect.getdoc(getattr(found, part)):
                    yield f"{owner.__module__}.{owner.__qualname__}.{part}"
