"""Mappings that share what stays: a dict in all they do, and a change costs no copy."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kstore.layered import Layered

KEYS = st.integers(0, 40)
CHANGES = st.lists(st.tuples(st.sampled_from(["set", "pop", "copy", "look"]), KEYS, st.integers()), max_size=120)


@given(st.dictionaries(KEYS, st.integers()), CHANGES)
def test_it_is_a_dict_in_order_and_contents_and_its_copies_stay_what_they_are(items, changes) -> None:
    model, layered = dict(items), Layered(items)
    kept: list[tuple[dict[int, int], Layered[int, int]]] = []
    for what, key, value in changes:
        if what == "set":
            model[key] = value
            layered[key] = value
        elif what == "pop":
            assert layered.pop(key, None) == model.pop(key, None)
        elif what == "copy":
            kept.append((dict(model), layered))
            layered = layered.copy()
        else:
            assert list(layered.items()) == list(model.items())
        assert len(layered) == len(model)
        assert layered.get(key) == model.get(key)
        assert (key in layered) == (key in model)
    for before, copied in [*kept, (model, layered)]:
        assert copied == before
        assert list(copied) == list(before)
        assert list(copied.values()) == list(before.values())
        assert list(copied.keys()) == list(before.keys())


def test_what_is_missing_is_said_as_by_a_dict() -> None:
    layered = Layered({1: 2}).copy()
    for act in (lambda: layered[3], lambda: layered.pop(3), lambda: layered.__delitem__(3)):
        with pytest.raises(KeyError, match="3"):
            act()
    del layered[1]
    assert layered == {}
    assert not layered
    assert repr(layered) == "Layered({})"


def test_a_thousand_changes_one_by_one_make_few_whole_copies_and_small_ones() -> None:
    layered = Layered({number: number for number in range(1_000)})
    shared: list[dict[int, int]] = []
    for number in range(1_000, 2_000):
        layered = layered.copy()
        layered[number] = number
        base, over = sorted((each for each in gc.get_referents(layered) if type(each) is dict), key=len, reverse=True)
        assert len(over) <= 50
        if not any(base is before for before in shared):
            shared.append(base)
    assert len(shared) <= 40
    assert len(layered) == 2_000
