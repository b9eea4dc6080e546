"""The timers of a shard of groups, by name."""

from kstore.named import NamedTuple


class TimerKey(NamedTuple):
    """``subject`` is a member's id, or empty."""

    kind: str
    group_id: str
    subject: str = ""


RETENTION = TimerKey("retention", "")
RETENTION_GOES_ON = TimerKey("retention-goes-on", "")

SESSION = "session"
JOIN = "join"
SYNC = "sync"


def session_key(group_id: str, member_id: str) -> TimerKey:
    return TimerKey(SESSION, group_id, member_id)


def join_key(group_id: str) -> TimerKey:
    return TimerKey(JOIN, group_id)


def sync_key(group_id: str) -> TimerKey:
    return TimerKey(SYNC, group_id)
