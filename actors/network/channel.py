"""What stands between a connection and whoever is at its other end: the messages it gets, the calls it makes."""

from __future__ import annotations

from typing import Any, Protocol

from kstore.named import NamedTuple


class FramesReceived(NamedTuple):
    """Whole frames from a socket, without their length, in order."""

    frames: list[Any]


class Requested(NamedTuple):
    """A request object from a link inside the process."""

    correlation_id: int
    request: Any
    version: int
    client_id: str


class ChannelClosed(NamedTuple):
    """The other end is gone."""


class Channel(Protocol):
    """The way back to the other end."""

    def respond(self, correlation_id: int, response: Any, version: int) -> None:
        """Send an answer; answers leave in the order of these calls."""

    def abort(self) -> None:
        """Close the connection now."""

    def pause_reading(self) -> None:
        """Take nothing more from the other end until ``resume_reading``."""

    def resume_reading(self) -> None:
        """Take requests again."""
