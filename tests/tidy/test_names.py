"""No name of the product is there for tests alone: they use what the product uses, or have helpers of their own."""

from __future__ import annotations

import pytest
from tidy.names import defined, unused
from tidy.sources import Source, assert_none

CALLED_BY_OTHERS = {
    "asyncio": "buffer_updated connection_lost connection_made eof_received get_buffer pause_writing resume_writing",
    "argparse": "_check_value _fill_text",
    "Pykka": "_create_actor_inbox _create_future on_receive",
    "pytest": "pytest_addoption pytest_configure pytest_generate_tests pytest_report_header",
    "users of the clients": "is_default",
    "users of a cluster": "is_controller",
}
"""Names that stand nowhere else, by who calls them."""

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
