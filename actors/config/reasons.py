"""Why keys have no effect in kstore: by patterns of their names; the first that fits a key counts."""

from __future__ import annotations

from collections.abc import Sequence

THREADS = "a node's actors take turns on one thread, and files are synced on others: there are no pools to size"
REASONS: Sequence[tuple[tuple[str, ...], str]] = (
    (
        (
            "remote.*",
            "log.remote.*",
            "log.local.*",
            "local.*",
            "follower.fetch.last.tiered.offset.enable",
        ),
        "tiered storage isn't implemented: all segments are kept in `--data-dir`",
    ),
    (
        ("group.share.*", "share.*", "errors.deadletterqueue.*"),
        "share groups aren't implemented",
    ),
    (("group.streams.*", "streams.*"), "streams groups aren't implemented"),
    (
        (
            "*.quota.window.*",
            "quota.window.*",
            "*.replication.throttled.*",
            "max.connection.creation.rate",
            "replica.alter.log.dirs.io.max.bytes.per.second",
        ),
        "quotas aren't implemented",
    ),
    (
        (
            "background.threads",
            "group.coordinator.background.threads",
            "group.coordinator.threads",
            "num.*.threads",
            "num.recovery.threads.per.data.dir",
            "num.replica.fetchers",
            "queued.max.requests",
        ),
        f"{THREADS}; requests are bounded by `queued.max.request.bytes`",
    ),
    (
        ("*.purgatory.purge.interval.requests",),
        "a request that waits is taken out as soon as it is answered: nothing is left to purge",
    ),
    (
        (
            "group.coordinator.append.linger.ms",
            "group.coordinator.cached.buffer.max.bytes",
            "*.load.buffer.size",
        ),
        "a coordinator's records are appended in the same turn, without a buffer of its own, and read in slices",
    ),
    (
        ("offsets.topic.compression.codec",),
        "what is written into `__consumer_offsets` at once is a few records, which aren't compressed",
    ),
    (
        (
            "controller.*",
            "controlled.shutdown.enable",
            "initial.broker.registration.timeout.ms",
            "request.timeout.ms",
            "socket.connection.setup.timeout.*",
            "replica.socket.receive.buffer.bytes",
        ),
        "the nodes are in one process, with one controller: they send messages over no connections, and don't vote",
    ),
    (
        ("metadata.*",),
        "the metadata log is kept whole, without snapshots, and an idle controller writes nothing into it",
    ),
    (
        (
            "interval.ms",
            "kafka.metrics.*",
            "match",
            "metric.reporters",
            "metrics",
            "metrics.*",
            "telemetry.max.bytes",
        ),
        "there are no reporters of metrics, which are classes of Java, and clients' metrics aren't collected",
    ),
    (
        ("socket.*.buffer.bytes", "socket.listen.backlog.size"),
        "sockets have the sizes that the system gives them",
    ),
    (
        ("broker.rack", "replica.selector.class"),
        "consumers read from leaders alone (KIP-392 isn't implemented); `replica.selector.class` is a class of Java",
    ),
    (
        ("config.providers",),
        "a provider is a class of Java",
    ),
    (
        ("connection.failed.authentication.delay.ms", "early.start.listeners"),
        "security isn't implemented, and listeners have no order among them",
    ),
    (
        ("log.dir.failure.timeout.ms",),
        "a node with a folder that fails goes on with the logs that work",
    ),
    (
        ("log.flush.scheduler.interval.ms",),
        "whether a sync is due is looked at every second, and with each append",
    ),
    (
        ("group.coordinator.rebalance.protocols",),
        "share and streams groups aren't implemented",
    ),
)
