"""What the recorder's rows tell: how a record lived, why a group rebalanced, why a node leads, who was slow."""

from actors.trace.file import TraceFileError
from actors.trace.trace import Trace

__all__ = ["Trace", "TraceFileError"]
