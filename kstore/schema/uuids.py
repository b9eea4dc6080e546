"""Kafka's ids: 16 bytes here, a URL-safe base64 string without padding wherever people see them.

>>> from kstore.schema.uuids import from_string, to_string
>>> to_string(from_string("MTIzNDU2Nzg5MGFiY2RlZg"))
'MTIzNDU2Nzg5MGFiY2RlZg'
"""

import binascii
from typing import TypeAlias

Uuid: TypeAlias = bytes

ZERO: Uuid = bytes(16)
"""No id."""

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")


def to_string(uuid: Uuid) -> str:
    """The 22 characters that Kafka prints."""
    if len(uuid) != 16:
        raise ValueError(f"an id is 16 bytes, these are {len(uuid)}")
    return binascii.b2a_base64(uuid, newline=False).rstrip(b"=").translate(_TO_URL).decode()


def from_string(text: str) -> Uuid:
    """The 16 bytes of an id as Kafka prints it; ``ValueError`` when it isn't one."""
    try:
        raw = text.encode("ascii").translate(_FROM_URL)
        found = binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"{text!r} is not an id: {error}") from error
    if len(found) != 16:
        raise ValueError(f"{text!r} is not an id: it stands for {len(found)} bytes, not 16")
    return found
