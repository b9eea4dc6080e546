"""The Kafka features of a cluster (``metadata.version`` and others), and the levels that kstore supports.

Only supported features are listed: ``metadata.version`` from Kafka 4.3 to 4.4 for the records of the metadata log, the
fixed set of voters (``kraft.version`` 0), ``transaction.version``: from 1 on the transaction log has flexible records,
at 2 each transaction has an epoch of its own (KIP-890); and ``group.version``: at 1 brokers serve the consumer protocol
(KIP-848). All others are at level 0, which is how Kafka says that they are off: share groups, streams groups, eligible
leader replicas.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.image.feature_names import GROUP_VERSION, KRAFT_VERSION, METADATA_VERSION, TRANSACTION_VERSION
from kstore.named import NamedTuple
from kstore.schema.messages.broker_registration import Feature
from kstore.schema.messages.metadata_records import FeatureLevelRecord


class Range(NamedTuple):
    """The levels of a feature that this program works with."""

    lowest: int
    highest: int


SUPPORTED: dict[str, Range] = {
    METADATA_VERSION: Range(30, 33),  # 4.3-IV0 to 4.4-IV2
    KRAFT_VERSION: Range(0, 0),
    TRANSACTION_VERSION: Range(0, 2),
    GROUP_VERSION: Range(0, 1),
}


NEW = (METADATA_VERSION, TRANSACTION_VERSION, GROUP_VERSION)
"""Those that a new cluster turns on, in the order of its first records."""


def supported() -> list[Feature]:
    """The features in a broker's registration."""
    return [
        Feature(name=name, min_supported_version=levels.lowest, max_supported_version=levels.highest)
        for name, levels in SUPPORTED.items()
    ]


def bootstrap_records(formatted: Mapping[str, int]) -> list[FeatureLevelRecord]:
    """The first records of a new cluster: the levels that ``kafka-storage.sh format`` wrote into its folder or, in a
    folder that wasn't formatted, the highest metadata version and what a new cluster of Apache Kafka also turns on.
    """
    levels = formatted or {name: SUPPORTED[name].highest for name in NEW}
    version = levels.get(METADATA_VERSION, SUPPORTED[METADATA_VERSION].highest)
    first = {METADATA_VERSION: version} | {name: levels.get(name, 0) for name in NEW if name != METADATA_VERSION}
    return [FeatureLevelRecord(name=name, feature_level=level) for name, level in first.items() if level]
