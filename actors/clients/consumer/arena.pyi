from typing import final

ARENAS_MAX: int

@final
class Arena:
    size_bytes: int
    borrowers: int
    def __new__(cls, size_bytes: int) -> Arena: ...

@final
class Arenas:
    def __init__(self) -> None: ...
    def take(self, size_bytes: int) -> memoryview: ...
