"""Type names of generated modules for Kafka's types that Python doesn't have."""

from typing import Any, TypeAlias

Records: TypeAlias = Any
"""Record batches. Decoded: a ``memoryview`` into the frame. To encode: anything with the buffer protocol, or a
list of chunks, each a buffer or an object that is read later and has ``nbytes``."""
