"""The keys that Apache Kafka 4.4.0 advertises to clients and kstore doesn't serve, by the reason. A table."""

from __future__ import annotations

NOT_SERVED: dict[str, tuple[int, ...]] = {
    "Security isn't there yet: authentication, access lists, delegation tokens, SCRAM credentials.": (
        17, 29, 30, 31, 36, 38, 39, 40, 41, 50, 51,
    ),
    "Groups of the share and streams protocols aren't there yet; classic and consumer groups are served.": (
        76, 77, 78, 79, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93,
    ),
    "Client quotas aren't there yet: nobody is throttled.": (48, 49),
    "Replicas stay where they were made: there are no reassignments yet, and a node has one log folder.": (
        34, 45, 46,
    ),
    "The metadata quorum is one node, and nodes belong to one process: none comes or goes.": (64, 80, 81, 94),
}  # fmt: skip
