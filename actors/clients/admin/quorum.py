"""Admin calls for the quorum of the metadata log and the levels of features: describe and set them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import at_controller, in_rounds, outcome_of
from actors.clients.admin.descriptions import FeatureDescription, QuorumDescription, QuorumReplica
from actors.clients.coroutine import SendTo
from actors.image.topic_names import METADATA_TOPIC
from actors.runtime.coroutine import Eventually
from kstore.errors import KafkaError, for_code
from kstore.errors.arguments import shown, text, whole
from kstore.errors.config import ConfigError
from kstore.schema.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kstore.schema.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
    DescribeQuorumResponse,
    ReplicaState,
)
from kstore.schema.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse
from kstore.schema.uuids import to_string

KINDS = {"UPGRADE": 1, "SAFE_DOWNGRADE": 2, "UNSAFE_DOWNGRADE": 3}
"""Kinds of updates, by Java's names."""
LEVEL_MAX = (1 << 15) - 1

Level = int | tuple[str, int]
"""A feature's level, with or without the kind of update."""


def levels(feature_updates: Mapping[str, Level]) -> list[FeatureUpdateKey]:
    """The updates wanted, however they are given. Raises ``ConfigError`` or ``TypeError`` for what is none."""
    if not isinstance(feature_updates, Mapping):
        raise TypeError(f"feature_updates is a mapping of names to levels; got {shown(feature_updates)}")
    found = []
    for name, wanted in feature_updates.items():
        is_pair = isinstance(wanted, (tuple, list)) and len(wanted) == 2
        kind, level = wanted if is_pair else ("UPGRADE", wanted)  # type: ignore[misc]  # a pair, as was just seen
        if kind not in tuple(KINDS):
            raise ConfigError(
                f"the kind of an update in feature_updates is one of {', '.join(KINDS)}; got {shown(kind)}"
            )
        found.append(
            FeatureUpdateKey(
                feature=text("a name in feature_updates", name),
                max_version_level=whole("a level in feature_updates", level, 0, LEVEL_MAX),
                upgrade_type=KINDS[kind],
            )
        )
    return found


def describe(actor: ClientActor) -> Eventually[QuorumDescription]:
    """The quorum as its leader tells of it."""
    partitions = [DescribeQuorumRequestPartitionData(partition_index=0)]
    topics = [DescribeQuorumRequestTopicData(topic_name=METADATA_TOPIC, partitions=partitions)]

    def one_round(left: list[None]) -> Eventually[Mapping[None, DescribeQuorumResponse | KafkaError]]:
        answer = yield SendTo(actor.any_node(), DescribeQuorumRequest(topics=topics))
        if isinstance(answer, DescribeQuorumResponse):
            answer = outcome_of(answer.error_code, answer, answer.error_message or None)
        return {None: answer}

    answer = (yield from in_rounds(actor, [None], one_round))[None]
    (told,) = answer.topics[0].partitions
    if told.error_code:
        raise for_code(told.error_code, told.error_message or None)
    return QuorumDescription(
        told.leader_id,
        told.leader_epoch,
        told.high_watermark,
        replicas(told.current_voters),
        replicas(told.observers),
    )


def replicas(states: Iterable[ReplicaState]) -> tuple[QuorumReplica, ...]:
    return tuple(
        QuorumReplica(
            each.replica_id,
            to_string(each.replica_directory_id) if any(each.replica_directory_id) else None,
            each.log_end_offset,
            each.last_fetch_timestamp if each.last_fetch_timestamp >= 0 else None,
            each.last_caught_up_timestamp if each.last_caught_up_timestamp >= 0 else None,
        )
        for each in sorted(states, key=lambda state: state.replica_id)
    )


def features(actor: ClientActor) -> Eventually[FeatureDescription]:
    """The features as a broker tells of them."""
    request = ApiVersionsRequest(client_software_name="kstore", client_software_version="1")

    def one_round(left: list[None]) -> Eventually[Mapping[None, ApiVersionsResponse | KafkaError]]:
        answer = yield SendTo(actor.any_node(), request)
        if isinstance(answer, ApiVersionsResponse):
            answer = outcome_of(answer.error_code, answer)
        return {None: answer}

    answer = (yield from in_rounds(actor, [None], one_round))[None]
    epoch = answer.finalized_features_epoch
    return FeatureDescription(
        {each.name: (each.min_version, each.max_version) for each in answer.supported_features},
        {each.name: (each.min_version_level, each.max_version_level) for each in answer.finalized_features},
        epoch if epoch >= 0 else None,
    )


def update(
    actor: ClientActor, wanted: list[FeatureUpdateKey], validate_only: bool, timeout_ms: int
) -> Eventually[None]:
    """Set levels: all of them, or none."""
    request = UpdateFeaturesRequest(timeout_ms=timeout_ms, feature_updates=wanted, validate_only=validate_only)

    def one_round(left: list[None]) -> Eventually[Mapping[None, bool | KafkaError]]:
        answer = yield from at_controller(actor, request)
        if isinstance(answer, UpdateFeaturesResponse):
            of_one = next((each for each in answer.results if each.error_code), None)
            failed = answer if of_one is None else of_one
            answer = outcome_of(failed.error_code, True, failed.error_message)
        return {None: answer}

    yield from in_rounds(actor, [None], one_round)
