"""Cases of DescribeQuorum and UpdateFeatures."""

from __future__ import annotations

from matrix.case import Talk, case

from kstore.schema.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
    DescribeQuorumResponse,
)
from kstore.schema.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest

DESCRIBE_QUORUM, UPDATE_FEATURES = 55, 57
LOG, VERSION = "__cluster_metadata", "metadata.version"
UPGRADE, SAFE, UNSAFE = 1, 2, 3
NEWEST = 33


def quorum(*topics: tuple[str, list[int]]) -> DescribeQuorumRequest:
    return DescribeQuorumRequest(
        topics=[
            DescribeQuorumRequestTopicData(
                topic_name=name,
                partitions=[DescribeQuorumRequestPartitionData(partition_index=number) for number in numbers],
            )
            for name, numbers in topics
        ]
    )


@case(DESCRIBE_QUORUM, "the metadata log")
def _(talk: Talk) -> None:
    """How far a cluster's log goes is its own affair, and where it is written."""

    def all_have_it(answer: DescribeQuorumResponse) -> bool:
        partition = answer.topics[0].partitions[0]
        copies = [*partition.current_voters, *partition.observers]
        return len(copies) == 2 and all(copy.log_end_offset == partition.high_watermark for copy in copies)

    for node in (1, 2):
        answer = talk.quietly(quorum((LOG, [0])), node=node, version=talk.version)
        if not all_have_it(answer):
            answer = talk.settle(quorum((LOG, [0])), all_have_it, node=node)
            answer = talk.quietly(quorum((LOG, [0])), node=node, version=talk.version)
        for partition in answer.topics[0].partitions:
            assert partition.leader_epoch > 0
            assert partition.high_watermark > 5
            for copy in (*partition.current_voters, *partition.observers):
                assert copy.log_end_offset >= partition.high_watermark - 2
                copy.log_end_offset = 0
            partition.leader_epoch = partition.high_watermark = 0
        talk.note(f"asked of node {node}", answer, talk.version)


@case(DESCRIBE_QUORUM, "what isn't there")
def _(talk: Talk) -> None:
    talk.ask(quorum(), "nothing")
    talk.ask(quorum((LOG, [])), "no partition")
    talk.ask(quorum((LOG, [1])), "no such partition")
    talk.ask(quorum((LOG, [0, 1])), "one of two partitions")
    talk.ask(quorum((LOG, [0, 0])), "one twice")
    talk.ask(quorum(("another", [0])), "another topic")
    talk.ask(quorum((LOG, [0]), ("another", [0])), "one of two topics")
    talk.ask(quorum((LOG, [0]), (LOG, [0])), "a topic twice")
    talk.ask(quorum(("", [0])), "a topic without a name")
    talk.ask(quorum(("another", [0])), "another topic, asked of the other node", node=2)


def updates(*wanted: tuple[str, int], kind: int = UPGRADE, **fields: bool) -> UpdateFeaturesRequest:
    keys = [FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=kind) for name, level in wanted]
    return UpdateFeaturesRequest(feature_updates=keys, **fields)


@case(UPDATE_FEATURES, "levels")
def _(talk: Talk) -> None:
    talk.ask(updates(), "none")
    talk.ask(updates((VERSION, NEWEST)), "the one that it has")
    talk.ask(updates((VERSION, NEWEST), (VERSION, NEWEST)), "one twice")
    talk.ask(updates((VERSION, NEWEST), ("kraft.version", 0)), "two")
    for level in (NEWEST + 1, NEWEST + 2, 100, 30, 0, -1):
        talk.ask(updates((VERSION, level)), f"to {level}")
    for name, level in (("foo", 1), ("foo", 0), ("foo", -1), ("", 1), ("", 0), ("kraft.version", 2)):
        talk.ask(updates((name, level)), f"{name or 'one without a name'} to {level}")
    talk.ask(updates(("foo", 1), (VERSION, NEWEST)), "one of two is wrong")
    talk.ask(updates((VERSION, NEWEST), ("foo", 1)), "asked of the other node", node=2)


@case(UPDATE_FEATURES, "levels that were allowed to fall", until=0)
def _(talk: Talk) -> None:
    for name, level in ((VERSION, NEWEST), (VERSION, 30), ("foo", 0)):
        key = FeatureUpdateKey(feature=name, max_version_level=level, allow_downgrade=True)
        talk.ask(UpdateFeaturesRequest(feature_updates=[key]), f"{name} to {level}")


@case(UPDATE_FEATURES, "only validated, of every kind", since=1)
def _(talk: Talk) -> None:
    for kind in (UPGRADE, SAFE, UNSAFE, 0, 9, -1):
        for level in (NEWEST, NEWEST + 1, NEWEST - 1, 31, 30, 0):
            talk.ask(updates((VERSION, level), kind=kind, validate_only=True), f"to {level} as {kind}")
        talk.ask(updates(("foo", 0), kind=kind, validate_only=True), f"foo to 0 as {kind}")
        talk.ask(updates(("kraft.version", 0), kind=kind, validate_only=True), f"kraft.version to 0 as {kind}")
