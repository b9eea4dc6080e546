from typing import final

BUFFERS_MAX: int

@final
class PooledBuffer:
    size_bytes: int
    borrowers: int
    def __new__(cls, size_bytes: int) -> PooledBuffer: ...

@final
class BufferPool:
    def __init__(self) -> None: ...
    def take(self, size_bytes: int) -> memoryview: ...
