"""UpdateFeatures: change the cluster's feature levels.

All updates of a request are made, or none: the first that can't be made is the error for all. Checks, their order and
messages are those of Apache Kafka's ``FeatureControlManager``. Unsupported levels are refused with the supported range,
as by an older Kafka.

``metadata.version`` can be lowered only between versions whose records are the same, and never by force.
"""

from __future__ import annotations

from actors.controller.state import ControllerState, Decision
from actors.image.feature_names import METADATA_VERSION
from actors.image.features import SUPPORTED
from kstore.errors import InvalidUpdateVersion
from kstore.schema.messages.metadata_records import FeatureLevelRecord
from kstore.schema.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3
"""Types of updates, by Kafka's numbers. Version 0 of the request only has upgrades."""

WITH_OTHER_RECORDS = frozenset((30, 32, 33))
"""Those metadata versions of kstore that changed the records."""


def update(state: ControllerState, request: UpdateFeaturesRequest) -> Decision:
    """The records that set the wanted levels; none if they are only validated.

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
    """Why a feature can't change from its level to the wanted one; None if it can."""
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
    """Why the metadata version can't be lowered to this level; None if it can."""
    if WITH_OTHER_RECORDS.isdisjoint(range(level + 1, now + 1)):
        return None
    unsupported = f"Unsupported metadata.version downgrade from {now} to {level}."
    if kind == UNSAFE_DOWNGRADE:
        return f"{unsupported} Unsafe metadata downgrade is not supported in this version."
    return f"{unsupported} Refusing to perform the requested downgrade because it might delete metadata information."
