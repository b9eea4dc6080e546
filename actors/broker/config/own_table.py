"""The table of the broker configs that Apache Kafka does not have: name, type, default, bounds, purpose."""

from actors.broker.config.definition import Key

OWN_KEYS: tuple[Key, ...] = (Key("queued.max.response.bytes", "LONG", "268435456", low=1048576),)

PURPOSES: dict[str, str] = {
    "queued.max.response.bytes": (
        "Memory for answers that clients have not taken yet, over all connections to all brokers of the process. "
        "Beyond it the client that has taken nothing for longest loses its connection."
    ),
}
