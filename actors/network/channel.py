"""What stands between a connection and whoever is at its other end: the messages it gets, the calls it makes."""

from __future__ import annotations

from typing import Any, Protocol

from actors.network.framing import Frame
from kstore.named import NamedTuple


class FramesReceived(NamedTuple):
    """Whole frames from a socket, without their length, in order."""

    frames: list[Frame]


class Requested(NamedTuple):
    """A request object from a link inside the process."""

    correlation_id: int
    request: Any
    version: int
    client_id: str


class AnswersTaken(NamedTuple):
    """The other end has taken the answers that it was given, after ``Channel.tell_when_taken``."""


class ChannelClosed(NamedTuple):
    """The other end is gone."""


class Channel(Protocol):
    """The way back to the other end."""

    def respond(self, correlation_id: int, response: Any, version: int) -> None:
        """Send an answer; answers leave in the order of these calls."""

    @property
    def is_backed_up(self) -> bool:
        """Whether answers wait for the other end to take them: as in Apache Kafka, no more of its requests are begun
        until then."""

    def tell_when_taken(self) -> None:
        """While it is backed up: say ``AnswersTaken`` once it isn't any more."""

    def request_done(self, size_bytes: int) -> None:
        """A request whose frame had so many bytes takes memory no more."""

    def abort(self) -> None:
        """Close the connection now."""

    def pause_reading(self) -> None:
        """Take nothing more from the other end until ``resume_reading``."""

    def resume_reading(self) -> None:
        """Take requests again."""
