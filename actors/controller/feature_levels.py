"""UpdateFeatures: the cluster agrees on other levels of its features.

All updates of a request are made, or none: the first that can't be made is the answer to all. Checks, their order and
their words are those of Apache Kafka's ``FeatureControlManager``. Levels that this program doesn't have are refused by
the range that it has, as by an older Kafka.

``metadata.version`` can be lowered only between versions whose records are the same, and never by force.
"""

from __future__ import annotations

from actors.controller.state import ControllerState, Decision
from actors.image.features import METADATA_VERSION, SUPPORTED
from kstore.errors import InvalidUpdateVersion
from kstore.schema.messages.metadata_records import FeatureLevelRecord
from kstore.schema.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3
"""Kinds of updates, by Kafka's numbers. Version 0 of the request has no other than an upgrade."""

WITH_OTHER_RECORDS = frozenset((30, 32, 33))
"""Of the versions of the metadata log that kstore has, those that brought other records than the one before."""


def update(state: ControllerState, request: UpdateFeaturesRequest) -> Decision:
    """The records that set the levels wanted, unless they are only validated.

    Raises:
        InvalidUpdateVersion: one of them can't be set.
    """
    wanted = {each.feature: each for each in request.feature_updates}
    records = []
    for name, asked in wanted.items():
        now = state.image.features.get(name, 0)
        if (why := why_not(asked, now, state.image.controller_id)) is not None:
            raise InvalidUpdateVersion(
                f"The update failed for all features since the following feature had an error: {why}"
            )
        if asked.max_version_level != now:
            records.append(FeatureLevelRecord(name=name, feature_level=asked.max_version_level))
    results = [UpdatableFeatureResult(feature=each.feature, error_message="NONE") for each in request.feature_updates]
    answer = UpdateFeaturesResponse(error_message=None, results=results)
    return Decision([] if request.validate_only else records, answer)


def why_not(asked: FeatureUpdateKey, now: int, controller_id: int) -> str | None:
    """Why a feature can't go from the level that it has to the one wanted; None if it can."""
    name, level, kind = asked.feature, asked.max_version_level, asked.upgrade_type
    invalid = f"Invalid update version {level} for feature {name}."
    if kind not in (UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE):
        return f"{invalid} The controller does not support the given upgrade type."
    if level < 0:
        return f"{invalid} A feature version cannot be less than 0."
    has = SUPPORTED.get(name)
    if has is None and level == 0:
        return f"{invalid} Feature {name} not found."
    if has is None:
        return f"{invalid} Local controller {controller_id} does not support this feature."
    if not has.lowest <= level <= has.highest:
        return f"{invalid} Local controller {controller_id} only supports versions {has.lowest}-{has.highest}"
    if level < now and kind == UPGRADE:
        return (
            f"{invalid} Can't downgrade the version of this feature without setting the upgrade type to either safe or "
            "unsafe downgrade."
        )
    if level > now and kind != UPGRADE:
        return f"{invalid} Can't downgrade to a newer version."
    if name == METADATA_VERSION and level < now:
        return why_not_lower(now, level, kind)
    return None


def why_not_lower(now: int, level: int, kind: int) -> str | None:
    """Why the version of the metadata log can't be lowered so."""
    if WITH_OTHER_RECORDS.isdisjoint(range(level + 1, now + 1)):
        return None
    unsupported = f"Unsupported metadata.version downgrade from {now} to {level}."
    if kind == UNSAFE_DOWNGRADE:
        return f"{unsupported} Unsafe metadata downgrade is not supported in this version."
    return f"{unsupported} Refusing to perform the requested downgrade because it might delete metadata information."
