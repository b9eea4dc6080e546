"""The pages of ``docs/`` that follow from the config keys: ``python -m actors.config.documents`` writes them.

``configs.md`` lists every key, and says which have no effect yet; ``deviations.md`` what differs from Apache Kafka
where Kafka has the same. A test holds the files to what this module makes of the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actors.config.broker import DYNAMIC_KEYS, deviations
from actors.config.broker import KEYS as BROKER_KEYS
from actors.config.broker_table import QUOTA_KEYS
from actors.config.definition import Key
from actors.config.implemented import BROKER, GROUP, TOPIC
from actors.config.kstore_table import PURPOSES
from actors.config.reasons import REASONS
from actors.config.refused import PREFIXES, REFUSED, why_refused
from actors.config.resource_type import ResourceType
from actors.config.resources import keys_of
from actors.config.topic import KEYS as TOPIC_KEYS

MADE_BY = "<!-- made by `python -m actors.config.documents` -->\n"

BEHAVIOUR = """\
The defaults of topics are Apache Kafka's. The defaults of clients are the Java client's, except for these:

| keyword | Java client | kstore |
|---|---|---|
| `key_serializer`, `value_serializer` of a producer | must be given | none: bytes are sent as they are |
| `key_deserializer`, `value_deserializer` of a consumer | must be given | none: bytes are returned as they are |

`group.initial.rebalance.delay.ms` is short, so that a first member gets its partitions soon. It is 0 in a cluster that
doesn't listen, which only kstore's own clients can reach. It isn't 0 in a cluster that listens, because a kafka-python
3.0 consumer asks for its topics' metadata only `retry_backoff_ms` (100 ms) after it has started. If the group forms
sooner, such a leader knows no partitions, assigns none, and joins again when it knows them. If that second join takes
longer than the `poll()` that started it, the consumer forgets it and never gets an assignment.

## Behaviour

- A node that is known to be dead is fenced at once; Apache Kafka waits for its session to end. A new incarnation of a
  broker is registered at once for the same reason; Apache Kafka answers DUPLICATE_BROKER_REGISTRATION until then.
- If a Metadata request creates a topic, its first response already has the topic if the controller is quick enough;
  Apache Kafka always answers UNKNOWN_TOPIC_OR_PARTITION first. A CreateTopics request is answered when the broker that
  received it knows the topic.
- Every config key of Apache Kafka is accepted with its bounds, kept and described. `docs/configs.md` lists the keys
  that have no effect yet. Setting one is reported once for each key: by a line of the log `kstore.configs`, which
  `kstore serve` writes to stderr, or by a `kstore.NoEffectWarning`. Broker keys that promise safety or identify a node
  are refused, unless they ask for what kstore does anyway. An unknown broker key is refused, and the nearest one is
  suggested; Apache Kafka accepts it.
- The loggers of a broker (`kafka-configs.sh --entity-type broker-loggers`) are kstore's loggers in Python's `logging`,
  which all brokers of the process share; `root` is their parent, `kstore`.
- An AlterConfigs request that names a resource twice is answered INVALID_REQUEST, like IncrementalAlterConfigs; Apache
  Kafka 4.4.0 never answers it.
- After a fetch that brought a follower nothing, its next one waits twice as long, from `replica.fetch.wait.max.ms` on
  up to 5 s. It is still answered as soon as there is something, and idle partitions cost next to nothing. Apache
  Kafka's followers ask again after each `replica.fetch.wait.max.ms`, and so do kstore's if `replica.fetch.min.bytes` is
  above 1.
- Segments whose records were deleted (DeleteRecords) are removed at once; Apache Kafka removes them at its next check
  of retention, 5 minutes later by default.
- The records of a compressed batch that a producer sends may come to 32 times the topic's `max.message.bytes` when
  decompressed, at least to 16 MiB and at most to 64 MiB or `max.message.bytes` itself (32 MiB by default); more is
  refused with MESSAGE_TOO_LARGE. Apache Kafka bounds only single records (`max.decompressed.message.bytes`), and its
  default is practically no bound: a few kilobytes can keep a broker busy for long.
- All arrays of a request together may have 250,000 elements; Apache Kafka accepts 1,000,000 in each array.
- A connection beyond `max.connections` is closed at once; Apache Kafka lets it wait until another one ends.
- `queued.max.request.bytes` counts the bytes of large requests as they arrive, over all brokers of the process;
  Apache Kafka counts the announced length of a request. The default is 256 MiB, or `socket.request.max.bytes` if that
  is more; Apache Kafka has no bound by default.
- A subscription by regular expression (KIP-848) is matched again with a member's next heartbeat after topics have
  changed, and that heartbeat is answered afterwards; Apache Kafka does so in the background, at most every 10 s, and
  every `group.consumer.regex.refresh.interval.ms`, for which nothing is left to do here.
- Responses that clients don't read, and the metadata and assignments of group members, are bounded by two keys of
  kstore's own (`queued.max.response.bytes`, `group.metadata.max.bytes`); Apache Kafka bounds neither.
- Before the nodes start, their folders are compared. An in-sync replica whose log ends below a high watermark that some
  node has checkpointed gets a copy of the longest log, and its own log is kept as `-stray`. Apache Kafka may elect such
  a replica, and the others then truncate their logs to match it. The comparison reads data that recovery reads once
  more. Records that no replica has are reported at the start. Records that were committed after the last checkpoint
  (5 s by default) aren't noticed as missing, unless a whole log is missing.
- A clean shutdown records the segments of each log in `.kstore_cleanshutdown`, beside Apache Kafka's own marker. Kafka
  ignores this file, and it no longer counts once Kafka has run on the folder. If segments, sizes or last batches of a
  log differ at the next start, the log is copied from another replica, or is offline until its files are back; Apache
  Kafka uses it as it is. After a crash, kstore takes missing first segments for deleted records.
- A damaged batch that was on the disk is never truncated: the replica goes offline, the damaged files are kept as
  `.damaged`, and what they held is fetched again from another replica. If no other one is in sync, the rest of the log
  is served, and readers of that batch get CORRUPT_MESSAGE. The checksum of each batch is checked once when it is read
  from a disk; Apache Kafka serves what the disk returns.
- In the migration of a group, requests of its members wait while the conversion is being written; Apache Kafka answers
  on top of it. A classic group in its first rebalance becomes a consumer group; Apache Kafka answers
  UNKNOWN_SERVER_ERROR. In the middle of a later one, a new target assignment is always made; Apache Kafka keeps the
  unfinished one if the member that joins takes over from a static member with the same subscription. A heartbeat of a
  member of the classic protocol is enough for a consumer group to follow changes of topics; Apache Kafka needs a member
  of the consumer protocol, or one that joins. If the coordinator moves after a downgrade, before all have joined again,
  the next one has them join; in Apache Kafka the partitions of the member that left stay nobody's until the next
  rebalance.
- A start is refused when the controller's metadata log is lost, is shorter than another node's copy, or is damaged by
  more than a torn end after a crash. The message says what to do.
- Of the features that Apache Kafka 4.4 turns on in a new cluster, only `metadata.version`, `transaction.version` and
  `group.version` are on. There are no eligible leader replicas, and no groups of the share and streams protocols.
"""


def default_of(key: Key) -> str:
    """A default as a cell of a table; the ones that depend on the number of brokers say how."""
    one, many = deviations(1).get(key.name), deviations(3).get(key.name)
    if one != many:
        return (
            "one less than its copies, at least 1"
            if key.name.endswith(".min.isr")
            else "the lesser of 3 and the brokers"
        )
    if one != (alone := deviations(1, listening=False).get(key.name)):
        return f"`{one}`; `{alone}` without a listener"
    text = key.default if one is None else one
    return "unset" if text is None else f"`{text}`" if text else "empty"


def bounds_of(key: Key) -> str:
    """What a value may be, as a cell of a table."""
    if key.choices:
        return ", ".join(f"`{choice}`" for choice in key.choices)
    if key.low is None and key.high is None:
        return ""
    also = "" if key.also is None else f"{key.also}, "
    return f"{also}{'' if key.low is None else key.low}…{'' if key.high is None else key.high}"


ABOUT = """\
kstore accepts all keys of Apache Kafka 4.4.0, with its types, defaults and bounds. It keeps their values, and
DescribeConfigs describes them with Kafka's documentation. The effect of a key in kstore:

- **yes**: it does what Apache Kafka's documentation says;
- **no**: it has no effect yet; the [end of this page](#why-a-key-has-no-effect) says why. Setting it is reported once,
  by a line in `kstore serve`'s log or a `kstore.NoEffectWarning`, unless the value is the default or asks for what
  kstore does anyway;
- a list of values, or of elements of a list: these work, the others have no effect yet;
- **refused**: accepting the key would promise what kstore doesn't give, such as security, or it says who a node is or
  where its data is. The error names the option to use instead, or says that it isn't implemented yet.
"""


NOTHING: Mapping[str, tuple[str, ...] | None] = {}
ABOUT_GROUPS = """\
Of a single group, set with IncrementalAlterConfigs whether it is there or not, within the bounds that the brokers' keys
set. A group that sets none follows the brokers' keys. Members follow a change with their next heartbeat. Groups of the
share and streams protocols aren't implemented yet: their keys are kept and described.
"""
ABOUT_METRICS = "Kept and described; none has an effect yet: clients' metrics aren't collected.\n"


def effect_of(key: Key, implemented: Mapping[str, tuple[str, ...] | None]) -> str:
    """What a key does, as a cell of a table."""
    values = implemented.get(key.name, ())
    if values is None:
        return "yes"
    return ", ".join(f"`{value}`" for value in values) or "no"


def row(key: Key, effect: str, *cells: str) -> str:
    """A row of the tables of keys: what is asked first stands first, as a small screen shows no more at once."""
    return (
        "| " + " | ".join((f"`{key.name}`", effect, default_of(key), key.type.lower(), bounds_of(key), *cells)) + " |"
    )


def refused() -> list[str]:
    """The list of keys that are refused, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in [*sorted(REFUSED.items()), *((f"{prefix}*", why) for prefix, why in sorted(PREFIXES.items()))]:
        by_reason.setdefault(why, []).append(f"`{name}`")
    return [f"- {', '.join(names)}: {why}" for why, names in by_reason.items()]


def configs() -> str:
    """``configs.md``."""
    lines = [
        MADE_BY,
        "# Config keys\n",
        ABOUT,
        "## Brokers\n",
        "Set with `--set key=value`, or `Cluster(config=...)`; a dynamic one also while the brokers run.\n",
        "| key | effect | default | type | values | dynamic |",
        "|---|---|---|---|---|---|",
    ]
    for name, key in sorted({**BROKER_KEYS, **DYNAMIC_KEYS}.items()):
        if not key.internal and not why_refused(name):
            dynamic = "only" if key in QUOTA_KEYS else "yes" if name in DYNAMIC_KEYS else ""
            lines.append(row(key, effect_of(key, BROKER), dynamic))
    lines += ["", "Keys of kstore's own, which Apache Kafka doesn't have:\n"]
    lines += [f"- `{name}`: {purpose}" for name, purpose in PURPOSES.items()]
    lines += ["", "Refused, unless the value is what is so anyway:\n"]
    lines += refused()
    lines += [
        "",
        "## Topics\n",
        "Set when a topic is made, or with IncrementalAlterConfigs.\n",
        "| key | effect | default | type | values |",
        "|---|---|---|---|---|",
    ]
    lines += [row(key, effect_of(key, TOPIC)) for key in TOPIC_KEYS.values() if not key.internal]
    for title, about, kind, implemented in (
        ("Groups", ABOUT_GROUPS, ResourceType.GROUP, GROUP),
        ("Client metrics", ABOUT_METRICS, ResourceType.CLIENT_METRICS, NOTHING),
    ):
        lines += ["", f"## {title}\n", about, "| key | effect | default | type | values |", "|---|---|---|---|---|"]
        lines += [row(key, effect_of(key, implemented)) for key in keys_of(kind).values() if not key.internal]
    lines += ["", "## Why a key has no effect\n", "The first that fits counts.\n", *told_reasons()]
    return "\n".join(lines) + "\n"


def told_reasons() -> list[str]:
    """The list of patterns of keys without effect, each with the reason."""
    return [f"- {', '.join(f'`{each}`' for each in patterns)}: {why}" for patterns, why in REASONS]


def differences() -> str:
    """``deviations.md``."""
    lines = [
        MADE_BY,
        "# Where kstore differs from Apache Kafka 4.4\n",
        "## Defaults\n",
        "| key | Apache Kafka | kstore |",
        "|---|---|---|",
    ]
    for name in sorted(deviations(1)):
        key = BROKER_KEYS[name]
        lines.append(f"| `{name}` | `{key.default}` | {default_of(key)} |")
    return "\n".join(lines) + "\n\n" + BEHAVIOUR


PAGES = {"configs.md": configs, "deviations.md": differences}


def main() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for name, page in PAGES.items():
        (docs / name).write_text(page())


if __name__ == "__main__":
    main()
