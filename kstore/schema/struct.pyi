from collections.abc import Callable
from typing import Any, ClassVar, dataclass_transform

BOOL: str
INT8: str
INT16: str
INT32: str
INT64: str
UINT16: str
UINT32: str
FLOAT64: str
STRING: str
BYTES: str
RECORDS: str
UUID: str

class Field:
    @property
    def kind(self) -> object: ...
    @property
    def versions(self) -> str: ...
    @property
    def default(self) -> Any: ...
    @property
    def fresh(self) -> bool: ...
    @property
    def nullable(self) -> str: ...
    @property
    def tag(self) -> int: ...
    @property
    def ignorable(self) -> bool: ...
    @property
    def flexible(self) -> bool: ...

def field(
    kind: object,
    versions: str,
    *,
    default: Any = ...,
    factory: Callable[[], Any] | None = None,
    nullable: str = "",
    tag: int = -1,
    ignorable: bool = False,
    flexible: bool = True,
) -> Any: ...

class Layout:
    @property
    def cls(self) -> type: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def specs(self) -> tuple[Field, ...]: ...

class StructType(type):
    def fields(cls) -> dict[str, Field]: ...

@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Struct(metaclass=StructType):
    unknown_tagged_fields: tuple[tuple[int, bytes], ...]
    def __eq__(self, other: object) -> bool: ...
    __hash__: None  # type: ignore[assignment]
    def __repr__(self) -> str: ...

class Message(Struct):
    NAME: ClassVar[str]
    API_KEY: ClassVar[int]
    VERSIONS: ClassVar[tuple[int, int]]
    FLEXIBLE_FROM: ClassVar[int]
    LATEST_UNSTABLE: ClassVar[bool]
