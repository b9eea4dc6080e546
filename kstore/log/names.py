"""How a partition is named, and the files in its log's folder: twenty digits of the base offset and a suffix, as in
Apache Kafka.

>>> segment_file(42, LOG)
'00000000000000000042.log'
>>> base_offset_of("00000000000000000042.timeindex")
42
"""

TopicAndPartition = tuple[str, int]
"""A partition by its topic's name and its number: the key of many tables. Users get a ``TopicPartition``."""

TopicIdAndPartition = tuple[bytes, int]
"""The same by its topic's id."""

LOG = ".log"
INDEX = ".index"
TIME_INDEX = ".timeindex"
TRANSACTION_INDEX = ".txnindex"
SNAPSHOT = ".snapshot"
DELETED = ".deleted"
TEMPORARY = ".tmp"
CLEANED = ".cleaned"
SWAP = ".swap"
DAMAGED = ".damaged"
ASIDE = ".aside"
EPOCHS = "leader-epoch-checkpoint"

DOOMED = "-delete"
STRAY = "-stray"

NAME_BYTES_MAX = 255
"""As long as the name of a file or folder may be; a topic's name has 249 characters at most, all of them ASCII."""

SEGMENT_SUFFIXES = (LOG, INDEX, TIME_INDEX, TRANSACTION_INDEX)


def segment_file(base_offset: int, suffix: str) -> str:
    return f"{base_offset:020d}{suffix}"


def base_offset_of(name: str) -> int:
    """The number a file's name begins with, or -1 when it isn't a file of a segment."""
    digits = name.partition(".")[0]
    return int(digits) if len(digits) == 20 and digits.isascii() and digits.isdigit() else -1


def folder(topic: str, partition: int) -> str:
    return f"{topic}-{partition}"


def topic_and_partition(name: str) -> TopicAndPartition | None:
    """What a folder's name stands for; None when it isn't a partition's (a folder marked for deletion, say).

    >>> topic_and_partition("order-events-2")
    ('order-events', 2)
    >>> topic_and_partition("lost+found") is None
    True
    """
    topic, dash, number = name.rpartition("-")
    if not (topic and dash and number.isascii() and number.isdigit()):
        return None
    return topic, int(number)


def set_aside(topic: str, partition: int, token: str, suffix: str) -> str:
    """What a partition's folder is called while it waits for its end, of which ``suffix`` tells; ``token`` makes it one
    of a kind. The topic's name is cut where the whole would be longer than a file system takes, as Apache Kafka does.

    >>> set_aside("orders", 2, "7d1c", "-delete")
    'orders-2.7d1c-delete'
    >>> len(set_aside("a" * 249, 10_000, "0" * 32, "-delete"))
    255
    """
    rest = f"-{partition}.{token}{suffix}"
    return topic[: NAME_BYTES_MAX - len(rest)] + rest


def is_doomed(name: str) -> bool:
    """Whether it is a partition's folder whose deletion has begun.

    >>> [is_doomed(name) for name in ("orders-2.7d1c-delete", "photos-to-delete", "orders.v1-delete")]
    [True, False, False]
    """
    front, dot, token = name.removesuffix(DOOMED).rpartition(".")
    return name.endswith(DOOMED) and bool(dot and token) and topic_and_partition(front) is not None
