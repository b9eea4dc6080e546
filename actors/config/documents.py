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
from actors.config.implemented import BROKER, TOPIC
from actors.config.kstore_table import PURPOSES
from actors.config.refused import PREFIXES, REFUSED, why_refused
from actors.config.resource_type import ResourceType
from actors.config.resources import keys_of
from actors.config.topic import KEYS as TOPIC_KEYS

MADE_BY = "<!-- made by `python -m actors.config.documents` -->\n"

BEHAVIOUR = """\
The defaults of topics are Apache Kafka's. So are those of the clients, which are the Java client's, but for these:

| keyword | Java client | kstore |
|---|---|---|
| `key_serializer`, `value_serializer` of a producer | must be given | none: bytes are taken as they are |
| `key_deserializer`, `value_deserializer` of a consumer | must be given | none: bytes are given as they are |

`group.initial.rebalance.delay.ms` is short, so that a first member has its partitions soon. It is 0 in a cluster that
doesn't listen, which only kstore's own clients reach, and not 0 in one that does, because a
kafka-python 3.0 consumer asks for its topics' metadata only `retry_backoff_ms` (100 ms) after it has started: as the
leader of a group that is formed sooner it knows of no partitions, assigns none, and joins once more when it knows; if
that second join outlasts the `poll()` that began it, the consumer forgets it and never gets an assignment.

## Behaviour

- A node that is known to be dead is fenced at once; Apache Kafka waits for its session to end. A new incarnation of a
  broker is registered at once for the same reason; Apache Kafka answers DUPLICATE_BROKER_REGISTRATION until then.
- Metadata of a topic that is made on first use has the topic in its first answer where the controller is quick enough;
  Apache Kafka always answers UNKNOWN_TOPIC_OR_PARTITION first. CreateTopics is answered when the broker that was asked
  knows the topic, too.
- Every config key of Apache Kafka's is taken with its bounds, kept and described. Of those that have no effect yet
  `docs/configs.md` has the list; setting one is told once a key: by a line of the log `kstore.configs`, in
  `kstore serve` on stderr, or a `kstore.NoEffectWarning`. Broker keys that promise safety or say who a node is are
  refused, unless they ask for what is so anyway. An unknown key of a broker is refused with the nearest one, where
  Apache Kafka takes it.
- The loggers of a broker (`kafka-configs.sh --entity-type broker-loggers`) are those of Python's `logging` that are
  kstore's, which all brokers of the process share; `root` is `kstore`, above them.
- AlterConfigs that names a resource twice is answered with INVALID_REQUEST, as IncrementalAlterConfigs is; Apache Kafka
  4.4.0 never answers it.
- Segments whose records were deleted (DeleteRecords) are removed at once; Apache Kafka does so when it looks at
  retention the next time, 5 minutes later by default.
- The records of a compressed batch that a producer sends may come to 32 times the topic's `max.message.bytes` when
  decompressed, at least to 16 MiB and at most to 64 MiB or `max.message.bytes` itself (32 MiB by default); more is
  refused with MESSAGE_TOO_LARGE. Apache Kafka bounds only single records (`max.decompressed.message.bytes`), by default
  as good as not at all: a few kilobytes can keep a broker busy for long.
- Of one request, 250,000 elements in all its arrays together are taken; Apache Kafka takes 1,000,000 in each.
- A connection beyond `max.connections` is closed at once; Apache Kafka lets it wait until another one ends.
- `queued.max.request.bytes` counts the bytes of large requests as they come, and holds for all brokers of the process
  together; Apache Kafka counts what a request's length announces. It is 256 MiB, or `socket.request.max.bytes` if
  that is more, where Apache Kafka has no bound.
- Answers that clients don't take, and what the members of groups say of themselves, are bounded by two keys of
  kstore's own (`queued.max.response.bytes`, `group.metadata.max.bytes`); Apache Kafka bounds neither.
- Before the nodes start their folders are compared. A replica in sync whose log ends below a high watermark that a
  node has checkpointed gets a copy of the log that goes furthest, and its own is kept as `-stray`; Apache Kafka may
  elect such a replica, and the others cut their logs to be like it. That reads what recovery will read once more. What
  no replica has is told at the start. Records that were committed after the last checkpoint (5 s by default) aren't
  missed, unless a log is missing as a whole.
- A stop in order writes down what it leaves of each log, in `.kstore_cleanshutdown` beside Apache Kafka's own mark,
  which passes it over; it counts for nothing once Kafka has run on the folder. A log whose segments, sizes or last
  batches are others at the next start is copied from another replica, or out of use until its files are back; Apache
  Kafka takes it as it is. After a crash, a log that lost its first segments is taken for one whose first records were
  deleted.
- A batch that is wrong although it was on the disk is never cut off: the log is out of use, and had again from another
  replica. Batches that are read from a disk have their checksums looked at, once each; Apache Kafka serves what the
  disk gives.
- A start is refused when the controller's metadata log is lost, shorter than another node's copy, or damaged by more
  than a torn end after a crash; the line that says so says what to do.
- Of the features that Apache Kafka 4.4 turns on in a new cluster only `metadata.version` is on: there are no eligible
  leader replicas, and no groups of the consumer, share and streams protocols.
"""


def default_of(key: Key) -> str:
    """A default as a cell of a table; the ones that depend on the number of brokers say how."""
    one, many = deviations(1).get(key.name), deviations(3).get(key.name)
    if one != many:
        return "the lesser of 3 and the brokers"
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
All keys of Apache Kafka 4.4.0 are taken, with its types, defaults and bounds, kept, and described by DescribeConfigs
with its documentation. What a key does in kstore:

- **yes**: what Apache Kafka's documentation says;
- **no**: nothing yet. Setting it is told once: by a line of `kstore serve`'s log, or a `kstore.NoEffectWarning`;
  not if the value is the default, or asks for what kstore does anyway;
- a list of values: those do what they say, the others nothing yet;
- **refused**: it would promise safety, or say who a node is; there is an option for it, or it isn't there yet.
"""


NONE_YET = {
    ResourceType.GROUP: "Kept and described; none has an effect yet: groups of the newer protocols aren't there.\n",
    ResourceType.CLIENT_METRICS: "Kept and described; none has an effect yet: nobody asks clients for metrics.\n",
}


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
    for title, kind in (("Groups", ResourceType.GROUP), ("Client metrics", ResourceType.CLIENT_METRICS)):
        lines += [
            "",
            f"## {title}\n",
            NONE_YET[kind],
            "| key | effect | default | type | values |",
            "|---|---|---|---|---|",
        ]
        lines += [row(key, "no") for key in keys_of(kind).values() if not key.internal]
    return "\n".join(lines) + "\n"


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
