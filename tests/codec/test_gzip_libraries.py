"""gzip by two libraries: what ISA-L and zlib write and read is the same to everybody, and either does alone."""

import gzip
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kstore.codec import GZIP, compress, decompress, gzip_members
from kstore.codec.gzip_members import decompress_gzip, decompress_members
from kstore.errors import KafkaError

LIMIT = 1 << 20
ORDERS = b"".join(
    b'{"id": %d, "user": "user-%d", "price": %d.%02d}\n' % (at * 7919, at % 977, at * 37 % 500, at % 100)
    for at in range(5000)
)
NOISE = random.Random(5).randbytes(3000)
WHOLE = compress(GZIP, ORDERS[:2000] + NOISE[:300])


@pytest.fixture
def without_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_members, "HAS_ISAL", False)


@pytest.mark.parametrize("level", [None, -1, *range(1, 10)])
@pytest.mark.parametrize("data", [b"", b"x", NOISE, ORDERS], ids=["nothing", "a byte", "noise", "orders"])
def test_every_level_is_one_member_that_other_readers_take(data: bytes, level: int | None) -> None:
    member = compress(GZIP, data, level)
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert stream.decompress(member) == data == gzip.decompress(member)
    assert stream.eof
    assert not stream.unused_data
    assert len(member) <= len(data) * 1.01 + 40


def test_the_default_is_up_to_a_tenth_larger_than_zlibs() -> None:
    assert len(compress(GZIP, ORDERS)) < 1.1 * len(zlib.compress(ORDERS))


@pytest.mark.usefixtures("without_isal")
def test_zlib_alone_reads_and_writes_every_level() -> None:
    assert compress(GZIP, ORDERS) == zlib.compress(ORDERS, wbits=31) == compress(GZIP, ORDERS, 6)
    for level in (None, 1, 3, 9):
        assert decompress(GZIP, compress(GZIP, ORDERS, level), limit_bytes=len(ORDERS)) == ORDERS
    assert decompress(GZIP, WHOLE + WHOLE, limit_bytes=LIMIT) == 2 * (ORDERS[:2000] + NOISE[:300])


def outcome(read: Callable[[memoryview, int], bytes], data: bytes, limit_bytes: int) -> bytes | str:
    try:
        return read(memoryview(data), limit_bytes)
    except KafkaError as error:
        return error.name


@given(st.data())
def test_both_libraries_read_damaged_data_alike(draw: st.DataObject) -> None:
    data = bytearray(WHOLE)
    for _ in range(draw.draw(st.integers(0, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    if draw.draw(st.booleans()):
        del data[draw.draw(st.integers(0, len(data))) :]
    data += draw.draw(st.sampled_from([b"", b"\0", b"junk" * 9, WHOLE, WHOLE[:19], WHOLE[:-1]]))
    limit_bytes = draw.draw(st.sampled_from([0, 2299, 2300, 4599, 4600, LIMIT]))
    assert outcome(decompress_gzip, bytes(data), limit_bytes) == outcome(decompress_members, bytes(data), limit_bytes)


@pytest.mark.parametrize("place", range(-8, 0))
def test_a_wrong_checksum_or_length_is_found(place: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= 1
    assert outcome(decompress_gzip, bytes(data), LIMIT) == "CORRUPT_MESSAGE"
