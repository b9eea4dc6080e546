"""A metadata log of Apache Kafka, written anew so that kstore can go on with it: see ``adoption.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from actors.broker.unsupported.quorum import voters_of
from actors.controller.messages import METADATA_LOG
from actors.node.folder import Folder, FolderError
from kstore.codec.checksum import crc32c
from kstore.errors import KafkaError
from kstore.fs import FileSystem
from kstore.log.checkpoints import CLEAN_SHUTDOWN, PARTITION_METADATA
from kstore.log.names import LOG, base_offset_of, segment_file
from kstore.log.segments import log_offsets
from kstore.named import NamedTuple
from kstore.records import BatchBuilder, RecordBatch, scan_batches
from kstore.records.control import ControlType, control_type
from kstore.schema import decode
from kstore.schema.envelopes import decode_metadata, encode_metadata
from kstore.schema.messages.control_records import VotersRecord
from kstore.schema.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    NoOpRecord,
    PartitionChangeRecord,
    PartitionRecord,
    RegisterBrokerRecord,
)

CHECKPOINT = ".checkpoint"
RECORDS_A_BATCH = 500
ATTRIBUTES_AT = 21
LAST_OFFSET_DELTA_AT = 23
OF_VOTERS = {ControlType.KRAFT_VERSION, ControlType.KRAFT_VOTERS}
LEAVE_OUT = f"remove this copy of {METADATA_LOG}, if another node has one"
OF_SNAPSHOTS = {ControlType.SNAPSHOT_HEADER, ControlType.SNAPSHOT_FOOTER}


class Snapshot(NamedTuple):
    """The records of a snapshot: all that the log said before ``end_offset``, the last of it in ``epoch``."""

    end_offset: int
    epoch: int
    batches: list[RecordBatch]


class CopiedMetadata(NamedTuple):
    """A copy of the metadata log. ``snapshot`` is there if the beginning of the log isn't; ``voters`` are empty if
    nothing says who they are.
    """

    folder: Folder
    snapshot: Snapshot | None
    batches: list[RecordBatch]
    partition_metadata: bytes
    voters: Set[int]

    @property
    def end_offset(self) -> int:
        """Where the next record goes."""
        if self.batches:
            return self.batches[-1].last_offset + 1
        return self.snapshot.end_offset if self.snapshot else 0

    @property
    def last_epoch(self) -> int:
        """The epoch of the last record; -1 if there is none."""
        if self.batches:
            return self.batches[-1].leader_epoch
        return self.snapshot.epoch if self.snapshot else -1


def read_metadata(folder: Folder) -> CopiedMetadata:
    """Read a copy. Raises ``FolderError`` if it is damaged, or its beginning is missing without a snapshot."""
    fs = folder.fs
    names = fs.listdir(METADATA_LOG)
    bases = log_offsets(names)
    snapshot = None
    if not bases or bases[0] > 0:
        ends = [name for name in names if name.endswith(CHECKPOINT) and not name.startswith("0" * 20)]
        if not ends:
            raise FolderError(f"{folder.name}/{METADATA_LOG} begins behind a snapshot that isn't there: {LEAVE_OUT}")
        snapshot = read_snapshot(fs, max(ends), folder.name)
    batches: list[RecordBatch] = []
    for base in bases:
        path = f"{METADATA_LOG}/{segment_file(base, LOG)}"
        found, error = scan_batches(fs.read_bytes(path))
        is_torn = base == bases[-1] and not fs.exists(CLEAN_SHUTDOWN)
        if error is not None and not is_torn:
            raise FolderError(f"{folder.name}/{path} is damaged ({error}): {LEAVE_OUT}")
        batches += found
    voters = voters_in_log(fs, names, batches) or set(voters_of(fs))
    if snapshot is not None:
        batches = [batch for batch in batches if batch.base_offset >= snapshot.end_offset]
    metadata = f"{METADATA_LOG}/{PARTITION_METADATA}"
    partition_metadata = fs.read_bytes(metadata) if fs.exists(metadata) else NO_METADATA
    return CopiedMetadata(folder, snapshot, batches, partition_metadata, voters)


def voters_in_log(fs: FileSystem, names: Sequence[str], batches: Sequence[RecordBatch]) -> set[int]:
    """The voters that a log or its snapshots name last; none in a log of a static quorum."""
    found = [(batch.base_offset, batch) for batch in batches]
    for name in names:
        if name.endswith(CHECKPOINT) and base_offset_of(name.partition("-")[0]) >= 0:
            scanned, _ = scan_batches(fs.read_bytes(f"{METADATA_LOG}/{name}"))
            found += [(base_offset_of(name.partition("-")[0]), batch) for batch in scanned]
    last, voters = -1, set[int]()
    for offset, batch in found:
        if offset < last or ControlType.KRAFT_VOTERS not in kinds_of(batch):
            continue
        for record in batch.records():
            if control_type(record) is ControlType.KRAFT_VOTERS and record.value is not None:
                last, voters = offset, voters_said(record.value)
    return voters


def voters_said(value: bytes) -> set[int]:
    """The voters of a record that names them. Raises ``FolderError``."""
    try:
        return {each.voter_id for each in decode(VotersRecord, 0, value).voters}
    except KafkaError as error:
        raise FolderError(f"the voters in {METADATA_LOG} can't be read: {error}") from None


NO_METADATA = b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"
"""Of a log whose topic id is that of ``__cluster_metadata``."""


def read_snapshot(fs: FileSystem, name: str, where: str) -> Snapshot:
    """The snapshot of this name: ``<end offset>-<epoch>.checkpoint``."""
    end_offset, _, epoch = name.removesuffix(CHECKPOINT).partition("-")
    batches, error = scan_batches(fs.read_bytes(f"{METADATA_LOG}/{name}"))
    if error is not None or not batches or ControlType.SNAPSHOT_FOOTER not in kinds_of(batches[-1]):
        raise FolderError(f"{where}/{METADATA_LOG}/{name} is damaged ({error or 'its end is missing'}): {LEAVE_OUT}")
    return Snapshot(int(end_offset), int(epoch), batches)


def written_anew(metadata: CopiedMetadata, directories: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The batches of the log that kstore goes on with; ``directories`` says which id takes the place of which."""
    at = 0
    if metadata.snapshot is not None:
        yield from of_snapshot(metadata.snapshot, directories)
        at = metadata.snapshot.end_offset
    for batch in metadata.batches:
        if batch.base_offset > at:
            yield nothing(at, batch.base_offset - 1, batch.leader_epoch, batch.max_timestamp)
        at = batch.last_offset + 1
        if is_of_voters(batch):
            yield nothing(batch.base_offset, batch.last_offset, batch.leader_epoch, batch.max_timestamp)
        elif batch.is_control or not directories:
            yield batch.to_bytes()
        else:
            yield mapped(batch, directories)


def of_snapshot(snapshot: Snapshot, directories: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The records of a snapshot at the first offsets, and then nothing up to where it ends."""
    found = [(r.timestamp, r.value) for batch in snapshot.batches if not batch.is_control for r in batch.records()]
    if len(found) > snapshot.end_offset:
        raise FolderError(f"a snapshot of {snapshot.end_offset} offsets has {len(found)} records")
    for first in range(0, len(found), RECORDS_A_BATCH):
        builder = BatchBuilder(base_offset=first, leader_epoch=snapshot.epoch)
        for timestamp, value in found[first : first + RECORDS_A_BATCH]:
            builder.append(timestamp, None, None if value is None else moved(value, directories))
        yield builder.build()
    if len(found) < snapshot.end_offset:
        time_ms = found[-1][0] if found else -1
        yield nothing(len(found), snapshot.end_offset - 1, snapshot.epoch, time_ms)


def is_of_voters(batch: RecordBatch) -> bool:
    """Whether a batch says who the voters are, or that the log does."""
    return bool(kinds_of(batch) & (OF_VOTERS | OF_SNAPSHOTS))


def kinds_of(batch: RecordBatch) -> set[ControlType | None]:
    """The kinds of a control batch's records; none for other batches. Raises ``FolderError``."""
    try:
        return {control_type(record) for record in batch.records()} if batch.is_control else set()
    except KafkaError as error:
        raise FolderError(f"the control batch at offset {batch.base_offset} of {METADATA_LOG}: {error}") from None


def nothing(first: int, last: int, epoch: int, time_ms: int) -> bytes:
    """A batch that decides nothing and takes these offsets: one record, as in a log that was compacted."""
    builder = BatchBuilder(base_offset=first, leader_epoch=epoch)
    builder.append(time_ms, None, encode_metadata(NoOpRecord(), 0))
    batch = bytearray(builder.build())
    batch[LAST_OFFSET_DELTA_AT : LAST_OFFSET_DELTA_AT + 4] = (last - first).to_bytes(4, "big")
    batch[ATTRIBUTES_AT - 4 : ATTRIBUTES_AT] = crc32c(memoryview(batch)[ATTRIBUTES_AT:]).to_bytes(4, "big")
    return bytes(batch)


def mapped(batch: RecordBatch, directories: Mapping[bytes, bytes]) -> bytes:
    """A batch with other ids of directories."""
    builder = BatchBuilder(base_offset=batch.base_offset, leader_epoch=batch.leader_epoch)
    for record in batch.records():
        value = None if record.value is None else moved(record.value, directories)
        builder.append(record.timestamp, record.key, value, record.headers)
    return builder.build()


def moved(value: bytes, directories: Mapping[bytes, bytes]) -> bytes:
    """A record with other ids of directories, in the version that it has; the same bytes if it names none."""
    if not directories:
        return value
    message = decode_metadata(value)
    if isinstance(message, PartitionRecord | PartitionChangeRecord) and message.directories:
        message.directories = [directories.get(each, each) for each in message.directories]
    elif isinstance(message, RegisterBrokerRecord | BrokerRegistrationChangeRecord) and message.log_dirs:
        message.log_dirs = list(dict.fromkeys(directories.get(each, each) for each in message.log_dirs))
    else:
        return value
    return encode_metadata(message, value[2])  # of the envelope, the type and the version, each takes one byte
