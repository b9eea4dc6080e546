"""Feature levels that Apache Kafka's ``kafka-storage format`` wrote for a cluster that has never run.

They are in a file of records in the format of a metadata snapshot: up to Kafka 4.3 beside the log, from 4.4 on as its
first snapshot (KIP-1170).
"""

from __future__ import annotations

from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import Replay
from kstore.fs import FileSystem
from kstore.records import scan_batches
from kstore.schema.messages.metadata_records import FeatureLevelRecord

BOOTSTRAP = ("bootstrap.checkpoint", f"{METADATA_LOG}/{0:020d}-{0:010d}.checkpoint")


def formatted_levels(fs: FileSystem) -> dict[str, int]:
    """The levels by name; none in a folder that kstore made."""
    levels: dict[str, int] = {}
    for path in BOOTSTRAP:
        if not fs.exists(path):
            continue
        replay = Replay()
        for batch in scan_batches(fs.read_bytes(path))[0]:
            for record in replay.records(batch):
                if isinstance(record, FeatureLevelRecord):
                    levels[record.name] = record.feature_level
    return levels
