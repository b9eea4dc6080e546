"""Kafka's UUIDs: 16 bytes in kstore, a URL-safe base64 string without padding as text.

>>> from kstore.schema.uuids import to_string
>>> to_string(b"1234567890abcdef")
'MTIzNDU2Nzg5MGFiY2RlZg'
"""

import binascii
from typing import TypeAlias

Uuid: TypeAlias = bytes

ZERO: Uuid = bytes(16)
"""No id."""

_TO_URL = bytes.maketrans(b"+/", b"-_")


def to_string(uuid: Uuid) -> str:
    """The 22 characters that Kafka prints."""
    if len(uuid) != 16:
        raise ValueError(f"an id is 16 bytes, these are {len(uuid)}")
    return binascii.b2a_base64(uuid, newline=False).rstrip(b"=").translate(_TO_URL).decode()
