"""Checks whether kstore supports the features of a cluster that Apache Kafka wrote.

Kafka turns every feature on in a new cluster. One that kstore doesn't have can't be ignored: with eligible leader
replicas, for example, Kafka would later elect leaders by lists that became stale under kstore. All but the metadata
version can be switched off; the metadata version can only rise, up to the newest that kstore has.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.controller.formatted_features import formatted_levels
from actors.image.feature_names import METADATA_VERSION
from actors.image.features import SUPPORTED
from actors.image.image import ClusterImage
from actors.node.folder import Folder, FolderError

TOOL = "bin/kafka-features.sh --bootstrap-server HOST:PORT"


def check_features(folders: Mapping[int, Folder], image: ClusterImage) -> None:
    """Raise ``FolderError`` if a feature has a level that kstore doesn't support."""
    for folder in folders.values():
        levels = image.features if image.offset >= 0 else formatted_levels(folder.fs)
        if refused := unsupported(levels):
            raise FolderError(refusal(folder.name, refused))


def unsupported(levels: Mapping[str, int]) -> dict[str, int]:
    """The features that kstore doesn't support."""
    return {name: level for name, level in levels.items() if level and not is_supported(name, level)}


def is_supported(name: str, level: int) -> bool:
    levels = SUPPORTED.get(name)
    return levels is not None and levels.lowest <= level <= levels.highest


def refusal(folder: str, features: Mapping[str, int]) -> str:
    """The message: why the folder can't be used, and the fix."""
    version = features.get(METADATA_VERSION, 0)
    newest = SUPPORTED[METADATA_VERSION].highest
    listed = ", ".join(f"{name}={level}" for name, level in sorted(features.items()))
    can_not = f"{folder} can't be used: its cluster has features of Apache Kafka at levels that kstore doesn't have"
    if version > newest:
        return (
            f"{can_not} ({listed}), and Kafka doesn't lower {METADATA_VERSION}: start Apache Kafka on it, or choose "
            "another --data-dir"
        )
    steps = []
    if version:
        steps.append(f"{TOOL} upgrade --feature {METADATA_VERSION}={newest}")
    if off := " ".join(f"--feature {name}=0" for name in sorted(features) if name != METADATA_VERSION):
        steps.append(f"{TOOL} downgrade {off}")
    return f"{can_not} ({listed}): start Kafka 4.4 on it and run {', then '.join(steps)}"
