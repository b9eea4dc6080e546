"""Questions about a trace: the life of a record, why a group rebalanced, why a broker leads, which actors were slow."""

from actors.trace.file import TraceFileError
from actors.trace.trace import Trace

__all__ = ["Trace", "TraceFileError"]
