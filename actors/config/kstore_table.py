"""The table of the broker configs that Apache Kafka does not have: name, type, default, bounds, purpose."""

from actors.config.definition import Key

OWN_KEYS: tuple[Key, ...] = (
    Key("group.metadata.max.bytes", "LONG", "67108864", low=1048576),
    Key("log.scrub.bytes.per.second", "LONG", "0", low=0),
    Key("log.scrub.interval.ms", "LONG", "604800000", low=1000),
    Key("queued.max.response.bytes", "LONG", "268435456", low=1048576),
)

PURPOSES: dict[str, str] = {
    "group.metadata.max.bytes": (
        "Memory for the members of all groups that a broker coordinates: what they said of themselves and were "
        "assigned, and the topics that their regular expressions match. Beyond it a join that would add to it is "
        "answered with COORDINATOR_NOT_AVAILABLE, which clients repeat; so is an assignment, if it is also "
        "larger than what the group's members said of themselves, so that no more than twice as much is ever taken."
    ),
    "log.scrub.bytes.per.second": (
        "How many bytes a second a broker reads of its logs to find those that the disk gives back otherwise than they "
        "were written, though nobody reads them: a flipped bit is then found while other replicas still have what it "
        "was. 0 turns it off."
    ),
    "log.scrub.interval.ms": (
        "How long after the beginning of one check of all logs (log.scrub.bytes.per.second) the next one begins, if "
        "the first is over by then."
    ),
    "queued.max.response.bytes": (
        "Memory for answers that clients have not taken yet, over all connections to all brokers of the process. "
        "Beyond it the client that has taken nothing for longest loses its connection."
    ),
}
