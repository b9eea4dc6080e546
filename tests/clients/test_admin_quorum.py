"""The quorum of the metadata log and the features' levels, by an admin, on every target."""

import pytest
from clients.targets import Target

from kstore import Cluster
from kstore.errors import InvalidUpdateVersion
from kstore.errors.config import ConfigError
from kstore.schema.uuids import ZERO, to_string

VERSION = "metadata.version"


def test_the_quorum_of_the_metadata_log_is_described(target: Target) -> None:
    admin = target.admin()
    found = admin.describe_metadata_quorum()
    assert [each.replica_id for each in found.voters] == [found.leader_id]
    assert found.leader_epoch > 0
    assert 0 < found.high_watermark <= found.voters[0].log_end_offset
    assert {each.replica_id for each in found.observers} == {
        node.id for node in admin.describe_cluster().nodes if node.id != found.leader_id
    }
    for each in (*found.voters, *found.observers):
        assert each.last_fetch_timestamp is not None
        assert each.last_caught_up_timestamp is not None


def test_observers_are_told_with_their_folders_and_keep_up() -> None:
    with Cluster(brokers=3, seed=1) as cluster, cluster.admin() as admin:
        cluster.create_topic("orders")
        cluster.run_for(10)
        found = admin.describe_metadata_quorum()
        assert [each.replica_id for each in found.observers] == [2, 3]
        for each in found.observers:
            assert each.log_end_offset == found.high_watermark
            assert each.directory_id is not None
            assert len(each.directory_id) == 22
            assert each.directory_id != to_string(ZERO)
        assert found.voters[0].directory_id is None


def test_features_are_described(target: Target) -> None:
    found = target.admin().describe_features()
    lowest, highest = found.supported_features[VERSION]
    assert lowest <= 30 < 33 <= highest
    assert found.supported_features["kraft.version"][0] == 0
    assert found.finalized_features[VERSION] == (33, 33)
    assert found.finalized_features_epoch is not None


def test_a_level_that_is_so_already_can_be_set(target: Target) -> None:
    admin = target.admin()
    admin.update_features({VERSION: 33})
    admin.update_features({VERSION: ("SAFE_DOWNGRADE", 33)}, validate_only=True)
    assert admin.describe_features().finalized_features[VERSION] == (33, 33)


@pytest.mark.parametrize(
    ("updates", "why"),
    [
        ({VERSION: 34}, "only supports versions"),
        ({VERSION: ("SAFE_DOWNGRADE", 32)}, "Refusing to perform the requested downgrade"),
        ({VERSION: 33, "no.such.feature": 1}, "does not support this feature"),
    ],
)
def test_a_level_that_cannot_be_is_refused(target: Target, updates: dict[str, int], why: str) -> None:
    with pytest.raises(InvalidUpdateVersion, match=why):
        target.admin().update_features(updates)


@pytest.mark.parametrize("wrong", [{VERSION: ("DOWNGRADE", 32)}, {VERSION: -1}, {VERSION: 1 << 15}])
def test_a_wrong_update_is_refused_before_it_is_sent(wrong: dict[str, int]) -> None:
    with Cluster() as cluster, cluster.admin() as admin, pytest.raises((ConfigError, ValueError)):
        admin.update_features(wrong)
