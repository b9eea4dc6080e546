from typing import TypeVar

from typing_extensions import Buffer

from kstore.schema.struct import Message

_M = TypeVar("_M", bound=Message)

def decode(cls: type[_M], version: int, data: Buffer, offset: int = 0, elements_max: int = ...) -> _M: ...
def decode_from(
    cls: type[_M], version: int, data: Buffer, offset: int = 0, elements_max: int = ...
) -> tuple[_M, int]: ...
