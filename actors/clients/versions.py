"""The versions that the clients speak, by API key: the first and the last.

A request is filled in so that it says the same in any version of its range; the link chooses the latest that the broker
knows as well. The ranges begin where Apache Kafka 3.0 stood or before, unless a line says otherwise.
"""

from __future__ import annotations

CLIENT_VERSIONS: dict[int, tuple[int, int]] = {
    0: (3, 13),  # Produce; topic ids from 13 on
    1: (12, 17),  # Fetch: by name up to 12, by topic id from 13 on
    2: (5, 9),  # ListOffsets; 7 for the offset of the greatest timestamp
    3: (8, 13),  # Metadata, by name; a consumer that only knows ids asks by id, from 12 on
    8: (7, 9),  # OffsetCommit, by name; a consumer goes up to 10 if it knows the ids
    9: (8, 9),  # OffsetFetch, several groups at once, by name; a consumer goes up to 10 if it knows the ids
    10: (4, 6),  # FindCoordinator, several keys at once
    11: (5, 9),  # JoinGroup with an instance id; 8 with a reason
    12: (3, 4),  # Heartbeat with an instance id
    13: (3, 5),  # LeaveGroup of several members; 5 with a reason
    14: (3, 5),  # SyncGroup with an instance id
    15: (4, 6),  # DescribeGroups with instance ids; before 6 a group that isn't there is Dead
    16: (4, 5),  # ListGroups by state; 5 by type
    22: (0, 5),  # InitProducerId; of a transactional producer from 3 on, which can bump its epoch
    24: (3, 3),  # AddPartitionsToTxn, as a client: the later ones are brokers'
    25: (3, 4),  # AddOffsetsToTxn
    26: (3, 5),  # EndTxn; 5 with the next epoch
    27: (1, 2),  # WriteTxnMarkers, as an admin; 2 with the transaction's protocol
    28: (3, 5),  # TxnOffsetCommit, by name; 3 with the member, from 5 on the group joins the transaction by it
    18: (3, 5),  # ApiVersions; version 0 is what a broker answers that knows none of these
    19: (5, 7),  # CreateTopics with defaults, whose answer has configs; 7 has the topic's id
    20: (6, 6),  # DeleteTopics by name, in the form that could be by id
    21: (0, 2),  # DeleteRecords
    23: (3, 4),  # OffsetForLeaderEpoch, as a consumer
    32: (3, 4),  # DescribeConfigs with types
    33: (0, 2),  # AlterConfigs, the old one
    35: (1, 5),  # DescribeLogDirs; 3 with an error for the whole, 4 with the room on disks, 5 with cordoned ones
    37: (1, 3),  # CreatePartitions
    42: (0, 3),  # DeleteGroups; 3 with the reason in words
    43: (1, 2),  # ElectLeaders of any kind
    44: (0, 1),  # IncrementalAlterConfigs
    47: (0, 0),  # OffsetDelete
    55: (0, 2),  # DescribeQuorum; 1 with times, 2 with the ids of folders
    57: (1, 2),  # UpdateFeatures with kinds of updates, as of Apache Kafka 3.3
    60: (0, 2),  # DescribeCluster
    61: (0, 0),  # DescribeProducers
    65: (0, 0),  # DescribeTransactions
    66: (0, 2),  # ListTransactions; 1 by duration, 2 by a pattern of ids
    68: (0, 1),  # ConsumerGroupHeartbeat; 1 with the member's own id
    69: (0, 1),  # ConsumerGroupDescribe; 1 with the protocol of each member
}

OFFSET_COMMIT_BY_ID, OFFSET_FETCH_BY_ID = (7, 10), (8, 10)
"""Of requests that have the names of their topics and the ids: by id in version 10."""
