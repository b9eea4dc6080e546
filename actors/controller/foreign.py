"""Folders that Apache Kafka's own tool formatted: whether kstore can go on in their metadata log.

Kafka turns every feature on in a new cluster. A feature that kstore doesn't have can't be passed over: with eligible
leader replicas, for one, Kafka would later elect leaders by lists that kstore had let go stale. Such a folder is
refused before anything in it is touched. kstore's own folders have no `bootstrap.checkpoint`, and aren't looked at.
"""

from __future__ import annotations

from actors.controller.features import SUPPORTED
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import Replay
from kstore.fs import FileSystem
from kstore.records import parse_batches
from kstore.schema.messages.metadata_records import FeatureLevelRecord

BOOTSTRAP = "bootstrap.checkpoint"


def unsupported_features(fs: FileSystem) -> dict[str, int]:
    """The features that the folder's cluster has agreed on and kstore can't work with, with their levels."""
    if not fs.exists(BOOTSTRAP):
        return {}
    levels: dict[str, int] = {}
    paths = [BOOTSTRAP]
    if fs.exists(METADATA_LOG):
        paths += [f"{METADATA_LOG}/{name}" for name in fs.listdir(METADATA_LOG) if name.endswith(".log")]
    for path in paths:
        replay = Replay()
        for batch in parse_batches(fs.read_bytes(path), allow_partial=True):
            for record in replay.records(batch):
                if isinstance(record, FeatureLevelRecord):
                    levels[record.name] = record.feature_level
    return {name: level for name, level in levels.items() if level and not is_supported(name, level)}


def is_supported(name: str, level: int) -> bool:
    levels = SUPPORTED.get(name)
    return levels is not None and levels.lowest <= level <= levels.highest


def refusal(folder: str, features: dict[str, int]) -> str:
    """Why the folder can't be used, and the mend."""
    listed = ", ".join(f"{name}={level}" for name, level in sorted(features.items()))
    switched_off = " ".join(f"--feature {name}=0" for name in sorted(features))
    return (
        f"{folder} can't be used: its cluster has features of Apache Kafka that kstore doesn't have yet ({listed}): "
        f"start Kafka on it and run kafka-features.sh downgrade {switched_off}"
    )
