"""The project's own ``NamedTuple`` does what typing's does."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from kstore.named import NamedTuple


class Ours(NamedTuple):
    """Three fields."""

    first: int
    second: str = "b"
    third: tuple[int, ...] = ()

    @property
    def doubled(self) -> int:
        return self.first * 2


class Theirs(typing.NamedTuple):  # noqa: TID251 - what ours is compared with
    """Three fields."""

    first: int
    second: str = "b"
    third: tuple[int, ...] = ()


class Nothing(NamedTuple):
    """No field."""


def test_it_is_made_read_and_compared_as_one_of_typing_is() -> None:
    for made in (lambda kind: kind(1), lambda kind: kind(1, third=(2,)), lambda kind: kind(third=(3,), first=5)):
        ours, theirs = made(Ours), made(Theirs)
        assert ours == theirs
        assert hash(ours) == hash(theirs)
        assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
        assert (ours.first, ours.second, ours.third) == tuple(theirs)
        assert ours._asdict() == theirs._asdict()
    assert (Ours._fields, Ours._field_defaults) == (Theirs._fields, Theirs._field_defaults)
    assert Ours(4).doubled == 8
    assert Nothing() == ()


def test_it_is_replaced_pickled_and_matched() -> None:
    assert Ours(1)._replace(second="c", first=2) == (2, "c", ())
    assert Ours._make([1, "x", (1,)]) == Ours(1, "x", (1,))
    copied = pickle.loads(pickle.dumps(Ours(7)))
    assert (type(copied), copied) == (Ours, Ours(7))
    match copied:
        case Ours(first, second):
            assert (first, second) == (7, "b")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Ours(),  # type: ignore[call-arg]
        lambda: Ours(1, fourth=2),  # type: ignore[call-arg]
        lambda: Ours(1, "b", (), 4),  # type: ignore[call-arg]
        lambda: Ours(1)._replace(fourth=2),  # type: ignore[call-arg]
    ],
)
def test_fields_that_lack_or_that_it_does_not_have_are_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError):
        wrong()


def test_a_field_without_a_default_does_not_follow_one_with() -> None:
    with pytest.raises(TypeError, match="without a default"):
        type(NamedTuple)("Bad", (NamedTuple,), {"__annotations__": {"a": "int", "b": "int"}, "a": 1})  # type: ignore[misc]


def test_an_instance_has_no_dictionary_and_is_not_changed() -> None:
    with pytest.raises(AttributeError):
        Ours(1).first = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Ours(1).other = 2  # type: ignore[attr-defined]
