"""The small text files of a log directory, in Apache Kafka's formats.

* ``recovery-point-offset-checkpoint``, ``replication-offset-checkpoint`` (high watermarks),
  ``log-start-offset-checkpoint`` and ``cleaner-offset-checkpoint`` (up to where compacted logs are clean): a version
  line (0), a count, then a line ``topic partition offset`` for each.
* ``.kafka_cleanshutdown``: JSON with the broker's epoch. It is there only between a clean stop and the next start;
  a start removes it before it changes a log, so that a crash during recovery is never taken for a clean stop.
* ``meta.properties``: which cluster, node and directory this is.
* ``<partition>/partition.metadata``: the topic's id.

Every file is replaced atomically. A file that can't be read raises ``CheckpointError`` with its name and line.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from kstore.errors.arguments import INT_MAX, LONG_MAX
from kstore.fs import FileSystem
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

RECOVERY_POINTS = "recovery-point-offset-checkpoint"
HIGH_WATERMARKS = "replication-offset-checkpoint"
START_OFFSETS = "log-start-offset-checkpoint"
CLEANER_OFFSETS = "cleaner-offset-checkpoint"
CLEAN_SHUTDOWN = ".kafka_cleanshutdown"
META_PROPERTIES = "meta.properties"
PARTITION_METADATA = "partition.metadata"

DIGITS_MAX = 19  # of the largest number that a long has

Offsets = dict[TopicAndPartition, int]


class CheckpointError(Exception):
    """A checkpoint file is invalid; ``fix`` says what to do."""

    fix = "put that file back from a backup"


class ZooKeeperEra(CheckpointError):
    """The directory is of a cluster that kept its metadata in ZooKeeper."""

    fix = "choose another --data-dir, and copy its topics over with a client of Apache Kafka"


def read_lines(fs: FileSystem, path: str) -> list[str]:
    """The entries of a versioned text file: its lines after the version (0) and the count that it announces.

    Its last line must be whole: in a file that a power cut left, an offset may lack digits.
    """
    try:
        text = fs.read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not a text file: {error}") from None
    lines = text.splitlines()
    if not lines:
        return []  # as Kafka creates it, before there is anything to write
    if not text.endswith("\n"):
        raise CheckpointError(f"{path}:{len(lines)}: the line isn't whole")
    if lines[0] != "0":
        raise CheckpointError(f"{path}:1: expected version 0, found {lines[0]!r}")
    entries = lines[2:]
    if len(lines) < 2 or lines[1] != str(len(entries)):
        raise CheckpointError(f"{path}:2: the count doesn't match the {len(entries)} entries")
    return entries


def number(text: str, most: int = LONG_MAX) -> int:
    """A number from 0 to ``most`` as a line has it, in plain digits; ValueError otherwise."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and int(text) <= most):
        raise ValueError(f"{text[:40]!r} is no number from 0 to {most}")
    return int(text)


def versioned(entries: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in ["0", str(len(entries)), *entries]).encode()


def read_offsets(fs: FileSystem, path: str) -> Offsets:
    """A checkpoint of offsets by topic and partition; empty if the file doesn't exist."""
    if not fs.exists(path):
        return {}
    found: Offsets = {}
    for at, line in enumerate(read_lines(fs, path), start=3):
        try:
            topic, partition, offset = line.split(" ")
            found[topic, number(partition, INT_MAX)] = number(offset)
        except ValueError:
            raise CheckpointError(f"{path}:{at}: expected a topic, a partition and an offset") from None
    return found


def write_offsets(fs: FileSystem, path: str, offsets: Mapping[TopicAndPartition, int], *, sync: bool = True) -> None:
    entries = [f"{topic} {partition} {offset}" for (topic, partition), offset in offsets.items()]
    fs.replace(path, versioned(entries), sync=sync)


def clean_shutdown(broker_epoch: int) -> bytes:
    """The content of the mark."""
    return f'{{"version":0,"brokerEpoch":{broker_epoch}}}'.encode()


def write_clean_shutdown(fs: FileSystem, broker_epoch: int = -1) -> None:
    """Write the mark of a clean stop: the last step, after every log is closed and every checkpoint written."""
    fs.replace(CLEAN_SHUTDOWN, clean_shutdown(broker_epoch))


def take_clean_shutdown(fs: FileSystem) -> bool:
    """Whether the last stop was clean. The mark is gone, durably, when this returns: call it before opening a log."""
    if not fs.exists(CLEAN_SHUTDOWN):
        return False
    fs.unlink(CLEAN_SHUTDOWN)
    fs.sync_dir()
    return True


TOPIC_ID_LINE = b"version: 0\ntopic_id: "
ID_TEXT_BYTES = 22


class MetaProperties(NamedTuple):
    """The cluster and node of a log directory. ``directory_id`` is 16 bytes, or none before Kafka 3.7 gave it one."""

    cluster_id: str
    node_id: int
    directory_id: bytes


def read_meta_properties(fs: FileSystem) -> MetaProperties | None:
    """None when the directory was never formatted."""
    if not fs.exists(META_PROPERTIES):
        return None
    values = {}
    for line in fs.read_bytes(META_PROPERTIES).decode("utf-8", "replace").splitlines():
        if line.strip() and line.lstrip()[0] not in "#!":
            key, _, value = line.partition("=")
            values[key.strip()] = value.strip()
    try:
        if values["version"] == "0":
            raise ZooKeeperEra(f"{META_PROPERTIES} has version 0, which is that of clusters with ZooKeeper")
        if values["version"] != "1":
            raise CheckpointError(f"{META_PROPERTIES}: expected version 1, found {values['version']!r}")
        directory_id = _id_of(values["directory.id"]) if "directory.id" in values else b""
        return MetaProperties(values["cluster.id"], number(values["node.id"], INT_MAX), directory_id)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{META_PROPERTIES}: missing or wrong: {error}") from None


def write_meta_properties(fs: FileSystem, meta: MetaProperties) -> None:
    text = (
        f"cluster.id={meta.cluster_id}\ndirectory.id={_text_of(meta.directory_id)}\nnode.id={meta.node_id}\nversion=1\n"
    )
    fs.replace(META_PROPERTIES, text.encode())


def read_partition_metadata(fs: FileSystem, log_path: str) -> bytes | None:
    """The topic id (16 bytes) that a partition's folder belongs to, or None when none was written."""
    path = f"{log_path}/{PARTITION_METADATA}"
    if not fs.exists(path):
        return None
    data = fs.read_bytes(path)
    if _is_torn(data):
        return None
    lines = data.decode("utf-8", "replace").splitlines()
    if len(lines) != 2 or lines[0] != "version: 0" or not lines[1].startswith("topic_id: "):
        raise CheckpointError(f"{path}: expected a version 0 and a topic_id")
    try:
        return _id_of(lines[1].removeprefix("topic_id: "))
    except ValueError as error:
        raise CheckpointError(f"{path}:2: {error}") from None


def _is_torn(data: bytes) -> bool:
    """Whether a power loss may leave this of a file that wasn't synced: its beginning, maybe with zeros behind."""
    written = data.rstrip(b"\0")
    begun = written.startswith(TOPIC_ID_LINE) and len(written) < len(TOPIC_ID_LINE) + ID_TEXT_BYTES
    return begun or TOPIC_ID_LINE.startswith(written)


def write_partition_metadata(fs: FileSystem, log_path: str, topic_id: bytes, *, sync: bool = False) -> None:
    """Without ``sync`` the file survives the process but not a power cut; a folder without it is told its id again."""
    fs.replace(f"{log_path}/{PARTITION_METADATA}", f"version: 0\ntopic_id: {_text_of(topic_id)}".encode(), sync=sync)


def _text_of(identifier: bytes) -> str:
    if len(identifier) != 16:
        raise ValueError("an id has 16 bytes")
    return urlsafe_b64encode(identifier).rstrip(b"=").decode()


def _id_of(text: str) -> bytes:
    identifier = urlsafe_b64decode(text + "==")
    if len(identifier) != 16:
        raise ValueError(f"an id has 16 bytes, not {len(identifier)}")
    return identifier
