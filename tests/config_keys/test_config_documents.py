"""The pages about configs and differences are what the tables make of them."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from actors.config.broker import DYNAMIC_KEYS
from actors.config.broker import KEYS as BROKER_KEYS
from actors.config.documents import PAGES, effect_of
from actors.config.implemented import BROKER, GROUP, TOPIC
from actors.config.reasons import REASONS
from actors.config.refused import why_refused
from actors.config.resource_type import ResourceType
from actors.config.resources import keys_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run python -m actors.config.documents"


def keys_without_effect() -> set[str]:
    """Of all kinds of resources; of some, only some values have one."""
    kinds = [({**BROKER_KEYS, **DYNAMIC_KEYS}, BROKER), (keys_of(ResourceType.TOPIC), TOPIC)]
    kinds += [(keys_of(ResourceType.GROUP), GROUP), (keys_of(ResourceType.CLIENT_METRICS), {})]
    return {
        name
        for keys, implemented in kinds
        for name, key in keys.items()
        if not key.internal and not why_refused(name) and effect_of(key, implemented) != "yes"
    }


def reason_for(name: str) -> str | None:
    """The first whose patterns fit a key."""
    return next((why for patterns, why in REASONS if any(fnmatchcase(name, each) for each in patterns)), None)


def test_each_key_without_effect_has_a_reason() -> None:
    assert [name for name in sorted(keys_without_effect()) if reason_for(name) is None] == []


def test_each_reason_is_that_of_a_key() -> None:
    assert {reason_for(name) for name in keys_without_effect()} == {reason for _, reason in REASONS}
