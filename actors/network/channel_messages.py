"""The messages that a connection gets from its channel; what it calls is a ``Channel`` (``runtime/protocols.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.framing import Frame
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.schema.struct import Message


class FramesReceived(NamedTuple):
    """Whole frames from a socket, without their length, in order."""

    frames: list[Frame]


class Requested(NamedTuple):
    """A request object from a link inside the process."""

    correlation_id: int
    request: Message
    version: int
    client_id: str


class AnswersTaken(NamedTuple):
    """The other end has taken the answers that it was given, after ``Channel.tell_when_taken``."""


class ChannelClosed(NamedTuple):
    """The other end is gone."""
