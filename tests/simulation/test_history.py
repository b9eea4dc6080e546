"""The judgement of what clients saw: every anomaly is found, and what Kafka's contract allows is not."""

import pytest

from actors.simulation.committed_records import Contents
from actors.simulation.history import Commit, History


def history_with(**sent: int) -> History:
    """A history in which some values were sent by p, to the partitions given."""
    history = History()
    for value, partition in sent.items():
        history.sent("p", partition, [named(value)], certain=True)
    return history


def named(value: str) -> bytes:
    return f"p/0/{'abcdef'.index(value)}".encode()


def found(history: History) -> list[str]:
    return [finding.invariant for finding in history.findings]


def test_what_is_acknowledged_and_read_as_it_was_written_is_fine() -> None:
    history = history_with(a=0, b=0)
    history.acknowledged(0, [named("a"), named("b")], 10)
    history.read("r", 0, [(10, named("a")), (11, named("b"))])
    history.judge_the_whole({0: [(10, named("a")), (11, named("b"))]}, {"p"})
    assert found(history) == []


def test_two_values_at_one_offset_are_found() -> None:
    history = history_with(a=0, b=0)
    history.read("r", 0, [(10, named("a"))])
    history.read("s", 0, [(10, named("b"))])
    assert found(history) == ["inconsistent offsets"]


@pytest.mark.parametrize("again", [(0, 12), (1, 10)])
def test_one_value_at_two_places_is_found(again: tuple[int, int]) -> None:
    history = history_with(a=0)
    history.sent_values[named("a")] = again[0]
    history.acknowledged(0, [named("a")], 10)
    history.read("r", again[0], [(again[1], named("a"))])
    assert found(history) == ["duplicate"]


def test_two_acknowledgements_of_one_value_agree_or_are_found() -> None:
    history = history_with(a=0)
    history.acknowledged(0, [named("a")], 10)
    history.acknowledged(0, [named("a")], 10)
    assert found(history) == []
    history.acknowledged(0, [named("a")], 11)
    assert "duplicate" in found(history)


def test_a_reader_that_goes_back_is_found_unless_it_sought() -> None:
    history = history_with(a=0)
    history.read("r", 0, [(10, named("a"))])
    history.sought("r", 0, 10)
    history.read("r", 0, [(10, named("a"))])
    assert found(history) == []
    history.read("r", 0, [(10, named("a"))])
    assert found(history) == ["non-monotonic poll"]


def test_a_value_that_nobody_sent_there_is_found() -> None:
    history = history_with(a=1)
    history.read("r", 0, [(0, named("a"))])
    assert found(history) == ["unsent"]


def test_a_lost_write_is_found_and_an_unacknowledged_one_may_be_missing() -> None:
    history = history_with(a=0, b=0)
    history.acknowledged(0, [named("a")], 0)
    history.judge_the_whole({0: []}, set())
    assert set(found(history)) == {"lost write", "unseen"}
    assert len([finding for finding in history.findings if "p/0/1" in finding.detail]) == 0


def test_what_was_read_once_and_is_gone_is_found() -> None:
    history = history_with(a=0)
    history.read("r", 0, [(0, named("a"))])
    history.judge_the_whole({0: []}, set())
    assert found(history) == ["unseen"]


@pytest.mark.parametrize("order", ["ba", "ac", "b"])
def test_a_producer_out_of_order_or_with_a_gap_is_found(order: str) -> None:
    history = history_with(a=0, b=0, c=0)
    history.judge_the_whole({0: [(offset, named(value)) for offset, value in enumerate(order)]}, {"p"})
    assert "order of a producer" in found(history)


def test_the_order_of_a_producer_that_promises_none_is_not_judged() -> None:
    history = history_with(a=0, b=0)
    history.judge_the_whole({0: [(0, named("b")), (1, named("a"))]}, set())
    assert found(history) == []


def test_an_end_of_the_log_that_goes_back_is_found() -> None:
    history = History()
    history.listed(0, 0, 5)
    history.listed(0, 0, 3)  # asked before the other was answered
    assert found(history) == []
    history.listed(0, 5, 4)
    assert found(history) == ["high watermark went back"]


def committed(*offsets: int) -> History:
    history = History()
    for number, offset in enumerate(offsets):
        history.commit_begun("g", 0, (0, 1, number), offset)
        history.commit_acknowledged("g", 0, (0, 1, number), offset)
    return history


def test_the_committed_offset_is_the_last_acknowledged_one() -> None:
    history = committed(5, 8)
    known = history.last_commit("g", 0)
    assert known == Commit((0, 1, 1), 8)
    history.commit_found("g", 0, known, 8)
    assert found(history) == []
    history.commit_found("g", 0, known, 5)
    history.commit_found("g", 0, known, -1)
    assert found(history) == ["committed offset lost"] * 2


def test_a_commit_under_way_or_never_answered_may_count_or_not() -> None:
    history = committed(5)
    known = history.last_commit("g", 0)
    history.commit_begun("g", 0, (0, 2, 0), 9)
    for offset in (5, 9):
        history.commit_found("g", 0, known, offset)
    history.commit_begun("g", 0, (0, 0, 0), 3)
    history.commit_uncertain("g", 0, 3)
    history.commit_found("g", 0, known, 3)
    assert found(history) == []
    history.commit_found("g", 0, known, 4)
    assert found(history) == ["committed offset lost"]


def test_nothing_committed_is_found_as_nothing() -> None:
    history = History()
    history.commit_found("g", 0, history.last_commit("g", 0), -1)
    assert found(history) == []


def test_a_late_acknowledgement_of_an_older_generation_takes_nothing_back() -> None:
    history = committed(5)
    history.commit_acknowledged("g", 0, (0, 0, 7), 2)
    assert history.last_commit("g", 0) == Commit((0, 1, 0), 5)


def test_a_commit_to_a_group_that_began_anew_follows_those_to_the_old_one() -> None:
    history = History()
    for generation, offset in ((6, 5), (2, 8)):
        order = history.next_commit("g", generation)
        history.commit_begun("g", 0, order, offset)
        history.commit_acknowledged("g", 0, order, offset)
        history.group_ended("g")
    known = history.last_commit("g", 0)
    assert known == Commit((1, 2, 2), 8)
    history.commit_found("g", 0, known, 5)
    assert found(history) == ["committed offset lost"]


def test_one_producer_id_for_two_producers_is_found() -> None:
    history = History()
    history.producer_id_given("p", 7, 0)
    history.producer_id_given("p", 7, 0)
    assert found(history) == []
    history.producer_id_given("q", 7, 0)
    assert found(history) == ["one producer an id"]


def test_an_error_without_a_reason_and_a_lost_position_are_found() -> None:
    history = History()
    history.refused("p", 0, b"x", 45)
    history.offset_lost("r", 0, 9)
    assert found(history) == ["refused", "offset lost"]


def test_an_offset_that_was_deleted_or_that_a_replaced_leader_has_not_is_no_loss() -> None:
    history = History()
    history.log_start = lambda _: 9
    history.newest_epoch = lambda _: 3
    history.offset_lost("r", 0, 8)
    history.offset_lost("r", 0, 9, leader_epoch=2)
    assert found(history) == []
    history.offset_lost("r", 0, 9, leader_epoch=3)
    history.offset_lost("r", 0, 9)
    assert found(history) == ["offset lost"] * 2


def test_a_last_reader_finds_all_that_must_be_there_and_nothing_else() -> None:
    log = Contents([(0, b"a"), (1, b"b"), (2, b"c")], [(2, b"c")])
    for values, is_wrong in (
        ([(2, b"c")], False),
        ([(1, b"b"), (2, b"c")], False),
        ([(1, b"b")], True),
        ([(1, b"x"), (2, b"c")], True),
    ):
        history = History()
        history.judge_last_reading("r", 0, values, log)
        assert found(history) == ["unread"] * is_wrong
