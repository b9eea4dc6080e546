"""Broker configs whose values must go together: what Apache Kafka checks beyond the bounds of each key.

A table of pairs, from the constructors of Kafka's ``KafkaConfig``, ``GroupCoordinatorConfig`` and ``ShareGroupConfig``,
and the few checks that are more than a comparison. Only those are looked at that a key which was set takes part in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from actors.config.definition import ConfigError, Value

ValueOf = Callable[[str], Value]

AT_LEAST, AT_MOST, LESS = "greater than or equal to", "less than or equal to", "less than"
HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    AT_LEAST: lambda one, other: one >= other,
    AT_MOST: lambda one, other: one <= other,
    LESS: lambda one, other: one < other,
}


def _between(prefix: str, name: str) -> tuple[tuple[str, str, str], ...]:
    own, low, high = f"{prefix}.{name}", f"{prefix}.min.{name}", f"{prefix}.max.{name}"
    return (high, AT_LEAST, low), (own, AT_LEAST, low), (own, AT_MOST, high)


PAIRS: tuple[tuple[str, str, str], ...] = (
    *(
        pair
        for prefix in ("group.consumer", "group.share", "group.streams")
        for pair in (
            *_between(prefix, "heartbeat.interval.ms"),
            *_between(prefix, "session.timeout.ms"),
            (f"{prefix}.heartbeat.interval.ms", LESS, f"{prefix}.session.timeout.ms"),
            *_between(prefix, "assignment.interval.ms"),
        )
    ),
    ("group.streams.num.standby.replicas", AT_MOST, "group.streams.max.standby.replicas"),
    ("group.streams.num.warmup.replicas", AT_MOST, "group.streams.max.warmup.replicas"),
    ("group.streams.task.offset.interval.ms", AT_LEAST, "group.streams.min.task.offset.interval.ms"),
    *_between("group.share", "delivery.count.limit"),
    *_between("group.share", "partition.max.record.locks"),
    *_between("group.share", "record.lock.duration.ms"),
    ("group.share.max.share.sessions", AT_LEAST, "group.share.max.size"),
    ("log.cleaner.min.compaction.lag.ms", AT_MOST, "log.cleaner.max.compaction.lag.ms"),
)
"""What must be how, beside what."""

FETCH_WAIT, LAG, SOCKET = "replica.fetch.wait.max.ms", "replica.lag.time.max.ms", "replica.socket.timeout.ms"
QUEUED, FRAME = "queued.max.request.bytes", "socket.request.max.bytes"
DEDUPE, CLEANERS = "log.cleaner.dedupe.buffer.size", "log.cleaner.threads"
PER_HOST, OVERRIDES = "max.connections.per.ip", "max.connections.per.ip.overrides"
DELAY, IDLE = "connection.failed.authentication.delay.ms", "connections.max.idle.ms"
PROTOCOLS = "group.coordinator.rebalance.protocols"
RETENTION = ("log.retention.ms", "log.retention.minutes", "log.retention.hours")


def _retention(value_of: ValueOf) -> bool:
    return next(value for value in map(value_of, RETENTION) if value is not None) != 0


OTHERS: tuple[tuple[tuple[str, ...], Callable[[ValueOf], bool], str], ...] = (
    (RETENTION, _retention, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
    (
        (DEDUPE, CLEANERS),
        lambda of: whole(of, DEDUPE) // whole(of, CLEANERS) > 1024 * 1024 if whole(of, CLEANERS) else True,
        f"{DEDUPE} must be at least 1MB per cleaner thread.",
    ),
    (
        (PROTOCOLS,),
        lambda of: "classic" in names(of, PROTOCOLS),
        "Disabling the 'classic' protocol is not supported.",
    ),
    (
        (FETCH_WAIT, SOCKET),
        lambda of: whole(of, FETCH_WAIT) <= whole(of, SOCKET),
        f"{SOCKET} should always be at least {FETCH_WAIT} to prevent unnecessary socket timeouts",
    ),
    (
        (FETCH_WAIT, LAG),
        lambda of: whole(of, FETCH_WAIT) <= whole(of, LAG),
        f"{FETCH_WAIT} should always be less than or equal to {LAG} to prevent frequent changes in ISR",
    ),
    (
        (QUEUED, FRAME),
        lambda of: whole(of, QUEUED) <= 0 or whole(of, QUEUED) >= whole(of, FRAME),
        f"{QUEUED} must be larger or equal to {FRAME}",
    ),
    (
        (PER_HOST, OVERRIDES),
        lambda of: whole(of, PER_HOST) != 0 or bool(of(OVERRIDES)),
        f"{PER_HOST} can be set to zero only if {OVERRIDES} property is set.",
    ),
    (
        (DELAY, IDLE),
        lambda of: whole(of, IDLE) < 0 or whole(of, DELAY) < whole(of, IDLE),
        f"{DELAY} should always be less than {IDLE} to prevent failed authentication responses from timing out",
    ),
)
"""Which keys, what must hold, and what is said when it doesn't."""


THREADS = frozenset(
    (
        "background.threads",
        "log.cleaner.threads",
        "num.io.threads",
        "num.network.threads",
        "num.recovery.threads.per.data.dir",
        "num.replica.fetchers",
        "remote.log.manager.copier.thread.pool.size",
        "remote.log.manager.expiration.thread.pool.size",
        "remote.log.manager.follower.thread.pool.size",
        "remote.log.reader.threads",
    )
)
"""Of which a broker that runs takes no more than twice as many as it has, and no less than half."""


def check_step(now: ValueOf, wanted: ValueOf, names: Iterable[str]) -> None:
    """Check that those of ``names`` that count threads don't go too far at once from what they are now.

    Raises:
        ConfigError: one does; in Kafka's words.
    """
    for name in sorted(THREADS.intersection(names)):
        old, new = whole(now, name), whole(wanted, name)
        failed = f"Dynamic thread count update validation failed for {name}={new}"
        if new < old // 2:
            raise ConfigError(f"{failed}, value should be at least half the current value {old}")
        if new > old * 2:
            raise ConfigError(f"{failed}, value should not be greater than double the current value {old}")


def whole(value_of: ValueOf, name: str) -> int:
    """The value of a key that is a number."""
    value = value_of(name)
    assert type(value) is int, f"{name} is no integer"
    return value


def names(value_of: ValueOf, name: str) -> tuple[str, ...]:
    """The value of a key that is a list."""
    value = value_of(name)
    assert isinstance(value, tuple), f"{name} is no list"
    return value


def check_together(value_of: ValueOf, changed: Iterable[str]) -> None:
    """Check the values of the keys in ``changed``, which were set, against each other and against the rest.

    Raises:
        ConfigError: two contradict each other; in Kafka's words.
    """
    touched = frozenset(changed)
    if not touched:
        return
    for one, how, other in PAIRS:
        if (one in touched or other in touched) and not HOLDS[how](whole(value_of, one), whole(value_of, other)):
            raise ConfigError(f"{one} must be {how} {other}")
    for keys, holds, said in OTHERS:
        if not touched.isdisjoint(keys) and not holds(value_of):
            raise ConfigError(said)
