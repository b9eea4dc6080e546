"""``ResourceType``: the resource types of configs, by Apache Kafka's numbers."""


class ResourceType:
    """Kafka's numbers for what a config belongs to (``ConfigResource.Type``)."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32
