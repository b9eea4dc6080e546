"""The versions that the clients speak, by API key: the first and the last.

A request is filled in so that it says the same in any version of its range; the link chooses the latest that the broker
knows as well. The ranges begin where Apache Kafka 3.0 stood or before, unless a line says otherwise.
"""

from __future__ import annotations

CLIENT_VERSIONS: dict[int, tuple[int, int]] = {
    1: (12, 17),  # Fetch: by name up to 12, by topic id from 13 on
    2: (5, 9),  # ListOffsets; 7 for the offset of the greatest timestamp
    3: (8, 13),  # Metadata, by name
    8: (7, 9),  # OffsetCommit, by name
    9: (8, 9),  # OffsetFetch, several groups at once, by name
    10: (4, 6),  # FindCoordinator, several keys at once
    11: (5, 9),  # JoinGroup with an instance id; 8 with a reason
    12: (3, 4),  # Heartbeat with an instance id
    13: (3, 5),  # LeaveGroup of several members; 5 with a reason
    14: (3, 5),  # SyncGroup with an instance id
    18: (3, 4),  # ApiVersions; version 0 is what a broker answers that knows none of these
    23: (3, 4),  # OffsetForLeaderEpoch, as a consumer
}
