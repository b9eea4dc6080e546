from typing import TypeVar

from typing_extensions import Buffer

from kstore.schema.struct import Message

M = TypeVar("M", bound=Message)

def decode(cls: type[M], version: int, data: Buffer, offset: int = 0) -> M: ...
def decode_from(cls: type[M], version: int, data: Buffer, offset: int = 0) -> tuple[M, int]: ...
