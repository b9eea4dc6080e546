"""The brokers' sessions with the controller: the last heartbeat, and how far each has read the metadata log.

Sessions are in the controller's memory, not in the log: a controller that starts gives every broker a new one. Their
times are milliseconds of a clock that never goes back or jumps.
"""

from __future__ import annotations

from collections.abc import Iterable


class BrokerSession:
    """One broker's session; ``shutdown_offset`` is how far all must have read before it may stop (-1: it stays)."""

    __slots__ = ("last_contact_ms", "metadata_offset", "shutdown_offset")

    def __init__(self, last_contact_ms: int, metadata_offset: int) -> None:
        self.last_contact_ms = last_contact_ms
        self.metadata_offset = metadata_offset
        self.shutdown_offset = -1


class BrokerSessions:
    """The session of every broker that has one."""

    def __init__(self) -> None:
        self._sessions: dict[int, BrokerSession] = {}

    def touch(self, broker_id: int, now_ms: int, metadata_offset: int = -1) -> None:
        """Note a heartbeat; a broker's first one opens its session."""
        session = self._sessions.get(broker_id)
        if session is None:
            self._sessions[broker_id] = BrokerSession(now_ms, metadata_offset)
            return
        session.last_contact_ms = now_ms
        session.metadata_offset = max(session.metadata_offset, metadata_offset)

    def end(self, broker_id: int) -> None:
        """End a broker's session, as it was fenced or has gone."""
        self._sessions.pop(broker_id, None)

    def begin_shutdown(self, broker_id: int, offset: int) -> None:
        """Let the broker stop once every active broker has read the metadata log up to ``offset``."""
        self._sessions[broker_id].shutdown_offset = offset

    def may_shut_down(self, broker_id: int, active: Iterable[int]) -> bool:
        """Whether all ``active`` brokers have read the metadata log up to the broker's shutdown offset."""
        wanted = self._sessions[broker_id].shutdown_offset
        return all(self._sessions[other].metadata_offset >= wanted for other in active if other in self._sessions)

    def expired(self, now_ms: int, timeout_ms: int) -> list[int]:
        """The ids of brokers without a heartbeat for ``timeout_ms``."""
        return sorted(b for b, s in self._sessions.items() if now_ms - s.last_contact_ms >= timeout_ms)

    def next_expiry_ms(self, timeout_ms: int) -> int | None:
        """When the first session expires without another heartbeat; None without sessions."""
        if not self._sessions:
            return None
        return min(session.last_contact_ms for session in self._sessions.values()) + timeout_ms
