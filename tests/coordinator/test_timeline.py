"""A timeline holds what the committed part of the log has, whatever is on its way there, and in whichever order that
comes to be known.
"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from actors.coordinator.timeline import READ, Timeline

RECORDS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2, 3])), min_size=1, max_size=4)
APPENDS = st.lists(st.tuples(RECORDS, st.booleans()), max_size=12)


def test_a_value_counts_once_it_is_committed() -> None:
    timeline: Timeline[str, int] = Timeline()
    timeline.put("a", 1)
    assert timeline.get("a") is None
    assert timeline.is_under_way("a")
    assert timeline.coming() == ["a"]
    timeline.apply("a", 5, 1)
    assert (timeline.get("a"), timeline.is_under_way("a"), timeline.coming()) == (5, False, [])


def test_what_is_refused_never_was() -> None:
    timeline: Timeline[str, int] = Timeline()
    timeline.apply("a", 5, READ)
    timeline.put("a", 1)
    timeline.put("b", 1)
    timeline.revert("a", 1)
    timeline.revert("b", 1)
    assert dict(timeline.items()) == {"a": 5}
    timeline.apply("a", None, READ)
    assert timeline.is_void


@given(APPENDS, st.randoms(use_true_random=False))
def test_the_outcomes_may_come_in_any_order(
    appends: list[tuple[list[tuple[str, int | None]], bool]], random: Random
) -> None:
    timeline: Timeline[str, int] = Timeline()
    expected: dict[str, int | None] = {}
    for token, (records, is_stored) in enumerate(appends, 1):
        for key, value in records:
            timeline.put(key, token)
            if is_stored:
                expected[key] = value
    outcomes = list(enumerate(appends, 1))
    random.shuffle(outcomes)
    for token, (records, is_stored) in outcomes:
        for key, value in records:
            if is_stored:
                timeline.apply(key, value, token)
            else:
                timeline.revert(key, token)
    assert dict(timeline.items()) == {key: value for key, value in expected.items() if value is not None}
    assert not any(timeline.is_under_way(key) for key in "abc")
