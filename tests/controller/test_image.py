"""The cluster image: what each metadata record does to it, what the delta says, and that old images never change."""

import pytest

from actors.config.resource_type import ResourceType
from actors.image.image import ClusterImage, ImageDelta, PartitionImage
from kstore.errors import UnsupportedVersion
from kstore.schema.messages import metadata_records as m
from kstore.schema.messages.control_records import LeaderChangeMessage

ORDERS, USERS = b"o" * 16, b"u" * 16


def broker(number: int, epoch: int) -> m.RegisterBrokerRecord:
    return m.RegisterBrokerRecord(
        broker_id=number,
        broker_epoch=epoch,
        incarnation_id=bytes([number]) * 16,
        end_points=[m.BrokerEndpoint(name="PLAINTEXT", host="127.0.0.1", port=9091 + number)],
        rack=None,
    )


def partition(topic_id: bytes, number: int, leader: int = 1) -> m.PartitionRecord:
    return m.PartitionRecord(
        partition_id=number,
        topic_id=topic_id,
        replicas=[1, 2, 3],
        isr=[1, 2, 3],
        leader=leader,
        leader_epoch=0,
        partition_epoch=0,
    )


def built(*records: object) -> tuple[ClusterImage, ImageDelta]:
    return ClusterImage().apply(records, len(records) - 1, 1)


def test_a_topic_is_found_by_its_name_and_by_its_id() -> None:
    image, delta = built(m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0), partition(ORDERS, 1))
    assert image.topic("orders") is image.topic_by_id(ORDERS)
    assert image.partition("orders", 1) == PartitionImage((1, 2, 3), (1, 2, 3), 1, 0, 0)
    assert delta.changed_topics == {"orders": frozenset({0, 1})}
    assert image.topic_by_id(USERS) is None


def test_a_change_of_leader_raises_both_epochs_and_a_change_of_isr_only_the_partitions() -> None:
    image, _ = built(m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0))
    image, _ = image.apply([m.PartitionChangeRecord(partition_id=0, topic_id=ORDERS, isr=[1, 2])], 3, 1)
    assert image.partition("orders", 0) == PartitionImage((1, 2, 3), (1, 2), 1, 0, 1)
    image, delta = image.apply([m.PartitionChangeRecord(partition_id=0, topic_id=ORDERS, isr=[2], leader=2)], 4, 1)
    assert image.partition("orders", 0) == PartitionImage((1, 2, 3), (2,), 2, 1, 2)
    image, _ = image.apply([m.PartitionChangeRecord(partition_id=0, topic_id=ORDERS, leader=-1)], 5, 1)
    assert image.partition("orders", 0) == PartitionImage((1, 2, 3), (2,), -1, 2, 3)
    assert delta.changed_topics == {"orders": frozenset({0})}


def test_an_older_image_stays_as_it_was() -> None:
    before, _ = built(broker(1, 0), m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0))
    after, _ = before.apply(
        [
            m.PartitionChangeRecord(partition_id=0, topic_id=ORDERS, leader=2),
            m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=0, fenced=-1),
            m.TopicRecord(name="users", topic_id=USERS),
            m.ConfigRecord(resource_type=2, resource_name="orders", name="min.insync.replicas", value="2"),
        ],
        6,
        1,
    )
    assert before.topics["orders"].partitions[0].leader == 1
    assert list(before.topics) == ["orders"]
    assert before.brokers[1].fenced
    assert not before.configs
    assert not after.brokers[1].fenced
    assert after.topic_config("orders") == {"min.insync.replicas": "2"}


def test_what_a_run_of_records_does_not_touch_is_shared() -> None:
    before, _ = built(broker(1, 0), m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0))
    after, delta = before.apply([m.FeatureLevelRecord(name="metadata.version", feature_level=30)], 4, 1)
    assert after.topics is before.topics
    assert after.brokers is before.brokers
    assert (delta.features_changed, bool(delta.changed_topics)) == (True, False)


def test_a_removed_topic_takes_its_configs_and_is_told_with_its_last_image() -> None:
    before, _ = built(
        m.TopicRecord(name="orders", topic_id=ORDERS),
        m.ConfigRecord(resource_type=2, resource_name="orders", name="segment.ms", value="2"),
        partition(ORDERS, 0),
    )
    after, delta = before.apply([m.RemoveTopicRecord(topic_id=ORDERS)], 3, 1)
    assert (dict(after.topics), dict(after.topic_names_by_id), dict(after.configs)) == ({}, {}, {})
    assert delta.removed_topics == (before.topics["orders"],)
    assert delta.changed_configs == ((ResourceType.TOPIC, "orders"),)
    assert not delta.changed_topics


def test_a_topic_made_again_under_its_name_is_both_removed_and_changed() -> None:
    before, _ = built(m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0), partition(ORDERS, 1))
    after, delta = before.apply(
        [m.RemoveTopicRecord(topic_id=ORDERS), m.TopicRecord(name="orders", topic_id=USERS), partition(USERS, 0)], 5, 1
    )
    assert list(after.topics["orders"].partitions) == [0]
    assert delta.removed_topics == (before.topics["orders"],)
    assert delta.changed_topics == {"orders": frozenset({0})}


def test_a_topic_that_came_and_went_in_one_run_is_told_to_nobody() -> None:
    after, delta = built(
        m.TopicRecord(name="orders", topic_id=ORDERS), partition(ORDERS, 0), m.RemoveTopicRecord(topic_id=ORDERS)
    )
    assert not after.topics
    assert not delta


def test_a_broker_is_fenced_until_a_record_says_otherwise() -> None:
    image, delta = built(broker(1, 0), broker(2, 1))
    assert (image.brokers[1].fenced, image.is_active(1), delta.changed_brokers) == (True, False, frozenset({1, 2}))
    image, delta = image.apply([m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=0, fenced=-1)], 2, 1)
    assert (image.is_active(1), delta.changed_brokers) == (True, frozenset({1}))
    shutting_down = m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=0, in_controlled_shutdown=1)
    image, _ = image.apply([shutting_down], 3, 1)
    assert (image.brokers[1].fenced, image.is_active(1)) == (False, False)
    image, _ = image.apply([m.UnregisterBrokerRecord(broker_id=1, broker_epoch=0)], 4, 1)
    assert list(image.brokers) == [2]
    at = image.brokers[2].endpoint("client")
    assert (at.host, at.port) == ("127.0.0.1", 9093)


def test_the_leader_of_the_quorum_and_the_next_producer_id_are_part_of_the_image() -> None:
    image, delta = built(
        LeaderChangeMessage(leader_id=1, voters=[], granting_voters=[]),
        m.ProducerIdsRecord(broker_id=1, broker_epoch=2, next_producer_id=1000),
    )
    assert (image.controller_id, image.next_producer_id, delta.controller_changed) == (1, 1000, True)


def test_a_config_that_is_set_to_null_is_gone() -> None:
    def config(value: str | None) -> m.ConfigRecord:
        return m.ConfigRecord(resource_type=4, resource_name="", name="min.insync.replicas", value=value)

    image, _ = built(config("2"))
    assert image.config(ResourceType.BROKER, "") == {"min.insync.replicas": "2"}
    image, delta = image.apply([config(None)], 1, 1)
    assert (image.config(ResourceType.BROKER, ""), delta.changed_configs) == ({}, ((4, ""),))


def test_a_record_that_an_image_cannot_leave_out_is_refused_by_its_name() -> None:
    class RecordOfTheFuture:
        """One that no image knows."""

    with pytest.raises(UnsupportedVersion, match="RecordOfTheFuture"):
        built(RecordOfTheFuture())


def test_what_is_in_force_elsewhere_and_taken_back_changes_no_image() -> None:
    image, delta = built(m.ClientQuotaRecord(entity=[], key="k", value=1.0, remove=False))
    assert not delta
    assert image.topics == {}
