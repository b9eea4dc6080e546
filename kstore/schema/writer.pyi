from typing import Any

from typing_extensions import Buffer

from kstore.schema.struct import Message

def encode(message: Message, version: int) -> bytes: ...
def encode_parts(message: Message, version: int, prefix: Buffer = b"") -> list[Any]: ...
