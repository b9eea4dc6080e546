"""The life of a broker: registered, unfenced, fenced when silent or dead, shut down in order."""

import pytest
from controller.deciding import Driven

from kstore.errors import (
    BrokerIdNotRegistered,
    InconsistentClusterId,
    StaleBrokerEpoch,
    UnsupportedVersion,
)
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest


def test_a_broker_is_unfenced_once_it_has_read_its_own_registration() -> None:
    driven = Driven(start=False)
    epoch = driven.register(1)
    assert driven.image.brokers[1].fenced
    early = driven.beat(1, offset=epoch - 1)
    assert (early.is_fenced, early.is_caught_up) == (True, False)
    late = driven.beat(1, offset=epoch)
    assert (late.is_fenced, late.is_caught_up, late.should_shut_down) == (False, True, False)
    assert driven.image.is_active(1)


def test_a_brokers_epoch_is_the_offset_of_its_registration() -> None:
    driven = Driven(brokers=2)
    assert driven.create("orders", 1, 2).error_code == 0
    driven.lose(1)
    driven.register(1)
    assert driven.image.brokers[1].epoch == driven.image.offset


def test_a_broker_that_wants_to_stay_fenced_stays_fenced() -> None:
    driven = Driven(start=False)
    driven.register(1)
    assert driven.beat(1, want_fence=True).is_fenced
    assert driven.image.brokers[1].fenced


def test_a_new_incarnation_replaces_the_one_before_at_once_and_starts_fenced() -> None:
    driven = Driven()
    before = driven.image.brokers[2].epoch
    assert driven.register(2) > before
    assert driven.image.brokers[2].fenced


def test_a_broker_that_registers_again_keeps_its_epoch_and_its_partitions() -> None:
    driven = Driven(start=False)
    driven.register(1, b"i" * 16)
    epoch = driven.image.brokers[1].epoch
    driven.beat(1)
    driven.create("orders", 1, 1)
    assert driven.register(1, b"i" * 16) == epoch
    assert driven.image.is_active(1)
    assert driven.partition("orders").leader == 1


def test_a_new_incarnation_leaves_the_in_sync_sets_of_the_old_one() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.now_ms += 9_000
    driven.register(1)
    assert driven.partition("orders").isr == (2, 3)
    assert driven.partition("orders").leader == 2


def test_a_broker_of_another_cluster_is_refused() -> None:
    driven = Driven(start=False)
    with pytest.raises(InconsistentClusterId, match="Expected cluster ID a-cluster, but got cluster ID other"):
        driven.decide(BrokerRegistrationRequest(broker_id=1, cluster_id="other"))


def test_a_broker_that_cannot_read_the_log_is_refused() -> None:
    driven = Driven(start=False)
    with pytest.raises(UnsupportedVersion, match=r"does not support finalized version 33 of metadata\.version"):
        driven.decide(BrokerRegistrationRequest(broker_id=1, cluster_id="a-cluster", features=[]))


def test_a_heartbeat_of_a_former_registration_is_refused() -> None:
    driven = Driven()
    old = driven.epochs[1]
    driven.lose(1)
    driven.register(1)
    new, driven.epochs[1] = driven.epochs[1], old
    with pytest.raises(StaleBrokerEpoch, match=f"Expected broker epoch {new}, but got broker epoch {old}"):
        driven.beat(1)
    driven.epochs[9] = 0
    with pytest.raises(BrokerIdNotRegistered, match="No broker registration found for broker id 9"):
        driven.beat(9)


def test_a_silent_broker_is_fenced_when_its_session_ends() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.now_ms += 5_000
    driven.beat(2)
    driven.beat(3)
    assert driven.machine.next_session_end_ms() == driven.now_ms + 4_000
    assert not driven.machine.fence_silent(driven.now_ms + 3_999).records
    driven.now_ms += 4_000
    driven.apply(driven.machine.fence_silent(driven.now_ms))
    assert driven.image.brokers[1].fenced
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (2, (2, 3))
    assert not driven.machine.fence_silent(driven.now_ms).records


def test_a_heartbeat_unfences_a_broker_that_was_silent() -> None:
    driven = Driven()
    driven.now_ms += 9_000
    while driven.apply(driven.machine.fence_silent(driven.now_ms)).records:
        pass
    assert all(broker.fenced for broker in driven.image.brokers.values())
    assert not driven.beat(1).is_fenced


def test_a_controller_that_takes_over_gives_every_broker_a_fresh_session() -> None:
    driven = Driven()
    driven.machine.take_over(50_000)
    assert driven.machine.next_session_end_ms() is not None
    assert not driven.machine.fence_silent(driven.now_ms + 8_999).records


def test_a_broker_shuts_down_when_it_leads_nothing_and_all_have_heard_of_it() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    answer = driven.beat(1, want_shut_down=True)
    assert (answer.should_shut_down, answer.is_fenced) == (False, False)
    assert driven.image.brokers[1].shutting_down
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (2, (2, 3))
    assert not driven.beat(1, want_shut_down=True).should_shut_down
    driven.beat(2)
    driven.beat(3)
    answer = driven.beat(1, want_shut_down=True)
    assert (answer.should_shut_down, answer.is_fenced) == (True, True)
    assert driven.image.brokers[1].fenced
    assert driven.beat(1, want_shut_down=True).should_shut_down


def test_a_broker_that_leads_nothing_may_go_at_once() -> None:
    driven = Driven()
    assert driven.beat(1, want_shut_down=True).should_shut_down
    assert driven.image.brokers[1].fenced


def test_a_fenced_broker_may_go_at_once() -> None:
    driven = Driven(start=False)
    driven.register(1)
    assert driven.beat(1, want_shut_down=True).should_shut_down


def test_a_broker_that_was_shut_down_starts_again_as_a_new_incarnation() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.beat(1, want_shut_down=True)
    driven.start(1)
    assert driven.image.is_active(1)
    assert driven.alter("orders", [2, 3, 1]).isr == [2, 3, 1]
