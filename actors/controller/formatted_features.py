"""What Apache Kafka's formatting tool has written down for a cluster that no controller has led yet.

The levels of features that it is to begin with stand in a file of records, as in a snapshot of the metadata log: up to
Kafka 4.3 beside the log, from 4.4 on as its first snapshot (KIP-1170).
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
