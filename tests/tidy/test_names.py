"""No name of the product is there for tests alone: they use what the product uses, or have helpers of their own."""

from __future__ import annotations

import pytest
from tidy.names import Uses, defined, unused
from tidy.sources import Source, assert_none

CALLED_BY_OTHERS = {
    "asyncio": "buffer_updated connection_lost connection_made eof_received get_buffer pause_writing resume_writing",
    "argparse": "_check_value _fill_text",
    "Pykka": "_create_actor_inbox _create_future on_receive",
    "the command": "add_to",
    "processors without the instruction": "crc32c_portable",
    "pytest": "pytest_addoption pytest_configure pytest_generate_tests pytest_report_header",
    "users of the clients": "is_default",
    "users of a cluster": "is_controller",
}
"""Names that stand nowhere else, by who calls them; the tables of checksums run where the processor has no instruction,
and this name is how tests reach them on the others."""

EXPECTED = {name for names in CALLED_BY_OTHERS.values() for name in names.split()}


def test_every_name_is_used_by_more_than_tests() -> None:
    assert_none(sorted(f"{name}: {', '.join(places)}" for name, places in unused().items() if name not in EXPECTED))


def test_every_name_that_others_call_is_there() -> None:
    assert_none(sorted(EXPECTED - unused().keys()))


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("a.py", "A, B = 1, 2\ndef f(): x = 1\nclass C:\n    D = 1\n    def m(self): ...\n", "A B f C D m"),
        ("a.py", "@receives(Told)\ndef told(self): ...\nclass E(IntEnum):\n    ONE = 1\n", "E"),
        ("a.pyx", "cdef int f(int a) noexcept:\n    pass\ncdef class C:\n    def m(self):\n        g(1)\n", "f C m"),
        ("a.pyx", "LIMIT = 3\ncdef enum:\n    ONE = 1\ncdef struct Row:\n    int a\n", "LIMIT"),
    ],
)
def test_what_a_file_defines_is_found(tmp_path, file: str, text: str, names: str) -> None:
    path = tmp_path / file
    path.write_text(text)
    assert [each.name for each in defined(Source(path, tmp_path))] == names.split()


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("def f(x): return x.build()\n", "build"),
        ("def f(x): return getattr(x, 'build')\n", "build"),
        ("from a import make as new\nnew()\n", "make"),
        ("import a\na.make()\n", "make"),
        ("from a import make\n__all__ = ['make']\n", ""),
        ("def f(x): return x.make()\n", ""),
        ("def f(make): return make\n", ""),
    ],
)
def test_what_another_file_uses_is_told_from_what_only_has_its_name(tmp_path, text: str, used: str) -> None:
    for name, content in (("a.py", "def make(): ...\nclass C:\n    def build(self): ...\n"), ("b.py", text)):
        (tmp_path / name).write_text(content)
    a, b = (Source(tmp_path / name, tmp_path) for name in ("a.py", "b.py"))
    uses = Uses([a, b])
    assert [each.name for each in defined(a) if uses.has(each)] == used.split()
