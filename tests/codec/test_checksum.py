"""CRC32C: known values, both ways of computing it, and any cutting of the input into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model.batch_model import crc32c_slowly

from kstore.codec import crc32c
from kstore.codec.checksum import crc32c_portable

BOTH = pytest.mark.parametrize("checksum", [crc32c, crc32c_portable])

# RFC 3720, appendix B.4
KNOWN = [
    (b"", 0),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]


@BOTH
@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_known_inputs_have_their_known_checksum(checksum, data: bytes, expected: int) -> None:
    assert checksum(data) == expected


@given(st.binary(max_size=2000))
def test_both_ways_agree_with_the_polynomial(data: bytes) -> None:
    assert crc32c(data) == crc32c_portable(data) == crc32c_slowly(data)


@pytest.mark.parametrize("around", [3 * 168, 6 * 168, 3 * 4096, 6 * 4096])
def test_lanes_are_joined_rightly_at_every_length_near_their_ends(around: int) -> None:
    data = bytes(i * 167 + i // 251 & 0xFF for i in range(around + 40))
    for length in range(around - 40, around + 40):
        for start in (0, 1, 7):
            assert crc32c(data[start:length]) == crc32c_portable(data[start:length])


@BOTH
@given(st.binary(max_size=600), st.integers(0, 600), st.integers(0, 2**32 - 1))
def test_a_checksum_goes_on_from_that_of_what_came_before(checksum, data: bytes, cut: int, start: int) -> None:
    assert checksum(data[cut:], checksum(data[:cut], start)) == checksum(data, start)


@BOTH
def test_any_contiguous_buffer_of_bytes_will_do(checksum) -> None:
    assert checksum(bytearray(b"123456789")) == checksum(memoryview(b"x123456789")[1:]) == 0xE3069283
    with pytest.raises((TypeError, ValueError, BufferError)):
        checksum(memoryview(b"1x2x3x")[::2])
    with pytest.raises(TypeError):
        checksum("123456789")
