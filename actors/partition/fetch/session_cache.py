"""The fetch sessions of a broker, and which of them must go when another one wants their place (KIP-227)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.partition.fetch.sessions import FetchSession
from actors.runtime.limits import FETCH_SESSION_PARTITIONS_MAX

EVICT_AFTER_MS = 120_000


class SessionCache:
    """All sessions of a broker, at most ``slots_max`` of them."""

    def __init__(self, slots_max: int, draw_id: Callable[[], int]) -> None:
        self.slots_max = slots_max
        self.sessions: dict[int, FetchSession] = {}
        self.partitions = 0  # of all sessions together
        self.evicted = 0
        self._draw_id = draw_id

    def __len__(self) -> int:
        return len(self.sessions)

    def __iter__(self) -> Iterator[FetchSession]:
        return iter(self.sessions.values())

    def get(self, session_id: int) -> FetchSession | None:
        """The session of an id; None if there is none."""
        return self.sessions.get(session_id)

    def remove(self, session: FetchSession) -> None:
        """End a session."""
        del self.sessions[session.id]
        self.partitions -= len(session.partitions)

    def may_grow(self, partitions: int) -> bool:
        """Whether a client's session may have so many partitions; if not, the client gets none."""
        return self.partitions + partitions <= FETCH_SESSION_PARTITIONS_MAX

    def make_room(self, *, privileged: bool, partitions: int, now_ms: int) -> tuple[bool, FetchSession | None]:
        """Whether a new session may be kept, and which one is evicted for it.

        A stale session goes first. Otherwise one with a lower priority than the new one: followers come before
        consumers, more partitions before fewer. Young sessions are only evicted for a follower's.
        """
        if not privileged and self.partitions + partitions > FETCH_SESSION_PARTITIONS_MAX:
            return False, None
        if len(self.sessions) < self.slots_max:
            return True, None
        if not self.sessions:
            return False, None
        stalest = min(self.sessions.values(), key=lambda session: (session.used_ms, session.id))
        if now_ms - stalest.used_ms > EVICT_AFTER_MS:
            return True, stalest
        candidates = [
            session
            for session in self.sessions.values()
            if now_ms - session.created_ms > EVICT_AFTER_MS or (privileged and not session.privileged)
        ]
        if candidates:
            least = min(candidates, key=_worth)
            if (least.privileged, len(least.partitions)) < (privileged, partitions):
                return True, least
        return False, None

    def open(self, *, privileged: bool, uses_ids: bool, now_ms: int) -> FetchSession:
        """A new session with an id of its own; there must be room."""
        assert len(self.sessions) < self.slots_max, "a session is opened where there is room"
        session_id = self._draw_id()
        while session_id <= 0 or session_id in self.sessions:
            session_id = self._draw_id()
        session = FetchSession(session_id, privileged=privileged, uses_ids=uses_ids, now_ms=now_ms)
        self.sessions[session_id] = session
        return session

    def check(self, touched: FetchSession | None) -> None:
        """Assert that partitions are counted, and what the session promises that an operation has touched, if any."""
        assert self.partitions == sum(len(session.partitions) for session in self.sessions.values()), "partitions count"
        if touched is not None and touched.id in self.sessions:
            assert self.sessions[touched.id] is touched, "a session is kept by its id"
            touched.check()


def _worth(session: FetchSession) -> tuple[bool, int, int]:
    return session.privileged, len(session.partitions), session.id
