"""UpdateFeatures as the controller decides it: what may be set, in Apache Kafka's words where it may not."""

import pytest
from controller.deciding import Driven

from actors.controller.feature_levels import SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, UPGRADE, WITH_OTHER_RECORDS
from actors.image.feature_names import GROUP_VERSION, METADATA_VERSION, TRANSACTION_VERSION
from actors.image.features import SUPPORTED
from kstore.errors import InvalidUpdateVersion
from kstore.schema.messages.metadata_records import FeatureLevelRecord
from kstore.schema.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse

FAILED = "The update failed for all features since the following feature had an error: "


def update(driven: Driven, *wanted: tuple[str, int], kind: int = UPGRADE, **how: bool) -> UpdateFeaturesResponse:
    keys = [FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=kind) for name, level in wanted]
    answer: UpdateFeaturesResponse = driven.decide(UpdateFeaturesRequest(feature_updates=keys, **how), 2)
    return answer


OTHERS = {TRANSACTION_VERSION: 2, GROUP_VERSION: 1}
"""That a new cluster has as well."""


def at(level: int) -> Driven:
    """A cluster that was made by an older program."""
    driven = Driven()
    driven.machine.advance([FeatureLevelRecord(name=METADATA_VERSION, feature_level=level)], driven.image.offset + 1, 1)
    return driven


def test_a_cluster_of_an_older_program_is_brought_to_the_newest_level() -> None:
    driven = at(30)
    answer = update(driven, (METADATA_VERSION, 33))
    assert (answer.error_code, answer.error_message) == (0, None)
    assert [(each.feature, each.error_code, each.error_message) for each in answer.results] == [
        (METADATA_VERSION, 0, "NONE")
    ]
    assert driven.image.features == {METADATA_VERSION: 33} | OTHERS


def test_what_is_only_validated_changes_nothing() -> None:
    driven = at(30)
    assert update(driven, (METADATA_VERSION, 33), validate_only=True).error_code == 0
    assert driven.image.features == {METADATA_VERSION: 30} | OTHERS


def test_a_level_that_is_so_already_is_written_to_no_log() -> None:
    driven = Driven()
    before = driven.image.offset
    assert update(driven, (METADATA_VERSION, 33), ("kraft.version", 0)).error_code == 0
    assert driven.image.offset == before


def test_a_level_falls_only_between_versions_with_the_same_records() -> None:
    driven = at(31)
    update(driven, (METADATA_VERSION, 30), kind=SAFE_DOWNGRADE)
    assert driven.image.features == {METADATA_VERSION: 30} | OTHERS


@pytest.mark.parametrize(
    ("name", "level", "kind", "why"),
    [
        (
            METADATA_VERSION,
            34,
            UPGRADE,
            "Invalid update version 34 for feature metadata.version. Local controller -1 only supports versions 30-33",
        ),
        (
            METADATA_VERSION,
            32,
            UPGRADE,
            (
                "Invalid update version 32 for feature metadata.version. Can't downgrade the version of this feature "
                "without setting the upgrade type to either safe or unsafe downgrade."
            ),
        ),
        (
            METADATA_VERSION,
            32,
            SAFE_DOWNGRADE,
            "Unsupported metadata.version downgrade from 33 to 32. Refusing to perform the requested downgrade ",
        ),
        (
            METADATA_VERSION,
            30,
            UNSAFE_DOWNGRADE,
            "Unsupported metadata.version downgrade from 33 to 30. Unsafe metadata downgrade is not supported in this ",
        ),
        (METADATA_VERSION, 33, 9, "Invalid update version 33 for feature metadata.version. The controller does not "),
        (METADATA_VERSION, -1, UPGRADE, "A feature version cannot be less than 0."),
        ("share.version", 1, UPGRADE, "Local controller -1 does not support this feature."),
        ("share.version", 0, SAFE_DOWNGRADE, "Invalid update version 0 for feature share.version. Feature share.v"),
        (GROUP_VERSION, 2, UPGRADE, "Local controller -1 only supports versions 0-1"),
        (GROUP_VERSION, 0, UPGRADE, "Can't downgrade the version of this feature without setting the upgrade type to "),
        ("kraft.version", 1, UPGRADE, "Local controller -1 only supports versions 0-0"),
    ],
)
def test_a_level_that_cannot_be_is_refused_in_kafkas_words(name: str, level: int, kind: int, why: str) -> None:
    driven = Driven()
    with pytest.raises(InvalidUpdateVersion) as refused:
        update(driven, (METADATA_VERSION, 33), (name, level), kind=kind)
    assert refused.value.message.startswith(FAILED)
    assert why in refused.value.message
    assert driven.image.features == {METADATA_VERSION: 33} | OTHERS


@pytest.mark.parametrize("level", [1, 0])
def test_the_level_of_transactions_falls_and_rises_again(level: int) -> None:
    driven = Driven()
    update(driven, (TRANSACTION_VERSION, level), kind=SAFE_DOWNGRADE)
    assert driven.image.features.get(TRANSACTION_VERSION, 0) == level
    update(driven, (TRANSACTION_VERSION, 2))
    assert driven.image.features[TRANSACTION_VERSION] == 2


def test_the_consumer_protocol_is_switched_off_and_on_again() -> None:
    driven = Driven()
    update(driven, (GROUP_VERSION, 0), kind=SAFE_DOWNGRADE)
    assert GROUP_VERSION not in driven.image.features
    update(driven, (GROUP_VERSION, 1))
    assert driven.image.features[GROUP_VERSION] == 1


def test_a_higher_level_is_no_downgrade() -> None:
    with pytest.raises(InvalidUpdateVersion, match="Can't downgrade to a newer version"):
        update(at(30), (METADATA_VERSION, 33), kind=SAFE_DOWNGRADE)


def test_every_version_with_other_records_is_one_that_is_supported() -> None:
    levels = SUPPORTED[METADATA_VERSION]
    assert set(range(levels.lowest, levels.highest + 1)) >= WITH_OTHER_RECORDS
