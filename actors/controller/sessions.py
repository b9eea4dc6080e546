"""The brokers' sessions with the controller: when each was last heard of and how far it has read the metadata log.

Sessions are the controller's memory, not the log's: a controller that starts gives every broker a fresh one. Their
times are milliseconds of a clock that never goes back or jumps.
"""

from __future__ import annotations

from collections.abc import Iterable


class Session:
    """One broker's session; ``shutdown_offset`` is how far all must have read before it may go (-1: it stays)."""

    __slots__ = ("last_contact_ms", "metadata_offset", "shutdown_offset")

    def __init__(self, last_contact_ms: int, metadata_offset: int) -> None:
        self.last_contact_ms = last_contact_ms
        self.metadata_offset = metadata_offset
        self.shutdown_offset = -1


class Sessions:
    """The session of every broker that has one."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}

    def touch(self, broker_id: int, now_ms: int, metadata_offset: int = -1) -> None:
        """Note a sign of life; a broker's first one opens its session."""
        session = self._sessions.get(broker_id)
        if session is None:
            self._sessions[broker_id] = Session(now_ms, metadata_offset)
            return
        session.last_contact_ms = now_ms
        session.metadata_offset = max(session.metadata_offset, metadata_offset)

    def end(self, broker_id: int) -> None:
        self._sessions.pop(broker_id, None)

    def begin_shutdown(self, broker_id: int, offset: int) -> None:
        """The broker may go once every active broker has read the metadata log up to ``offset``."""
        self._sessions[broker_id].shutdown_offset = offset

    def may_shut_down(self, broker_id: int, active: Iterable[int]) -> bool:
        wanted = self._sessions[broker_id].shutdown_offset
        return all(self._sessions[other].metadata_offset >= wanted for other in active if other in self._sessions)

    def expired(self, now_ms: int, timeout_ms: int) -> list[int]:
        """The brokers not heard of for the whole of ``timeout_ms``, by id."""
        return sorted(b for b, s in self._sessions.items() if now_ms - s.last_contact_ms >= timeout_ms)

    def next_expiry_ms(self, timeout_ms: int) -> int | None:
        """When the first session ends if nothing more is heard; None without sessions."""
        if not self._sessions:
            return None
        return min(session.last_contact_ms for session in self._sessions.values()) + timeout_ms
