"""Why a group rebalanced, asked of real runs: each cause is told apart and leads back to where it began."""

from typing import Any

from cluster import members
from cluster.members import CLOSED, GROUP, METADATA, POLLED_TOO_LATE, Member, alone, coordinator, pair

from actors.cluster import Cluster
from actors.trace import Trace
from actors.trace.rebalance import Rebalance
from actors.trace.rebalances import kind_of
from kstore.errors import UnknownMemberId


def why(client: Any) -> Rebalance:
    return Trace.of(client.cluster.world).why_rebalance(GROUP)


def whats(found: Rebalance) -> list[str]:
    return [step.what for step in found.steps]


def test_a_first_member_joins(start: Any) -> None:
    client = start()
    member = alone(client)
    found = why(client)
    assert (found.kind, found.state, found.members) == ("join", "Stable", 1)
    assert (found.generation_before, found.generation) == (0, 1)
    assert found.reason == f"join of {member.member_id}"
    assert found.took_us >= 0
    assert whats(found)[-1].endswith(f"{member.member_id} assigned {member.member_id}: t-0 t-1")


def test_a_second_member_joins_and_the_first_comes_again(start: Any) -> None:
    client = start()
    first, second = pair(client)
    found = why(client)
    assert (found.kind, found.generation, found.members) == ("join", 2, 2)
    assert found.reason == f"join of {second.member_id}"
    assert f"waits for {first.member_id} to join again" in whats(found)
    assert f"a member rejoins: rejoin of {first.member_id}" in whats(found)
    assert "caused by a request from outside" in str(found)


def test_a_member_leaves_and_says_why(start: Any) -> None:
    client = start()
    first, second = pair(client)
    assert second.leave() == 0
    first.join()
    first.sync({first.member_id: [0, 1]})
    found = why(client)
    assert (found.kind, found.generation, found.members) == ("leave", 3, 1)
    assert found.reason == f"leave of {second.member_id}: {CLOSED}"
    assert found.root is not None
    assert found.root.sort == "call"


def test_a_member_whose_program_polls_too_late_leaves_with_those_words(start: Any) -> None:
    client = start()
    first, second = pair(client)
    assert second.leave(POLLED_TOO_LATE) == 0
    first.join()
    first.sync({first.member_id: [0, 1]})
    found = why(client)
    assert found.kind == "poll interval expired"
    assert POLLED_TOO_LATE in str(found)


def test_the_last_member_leaves_and_the_group_is_empty(start: Any) -> None:
    client = start()
    assert alone(client).leave() == 0
    found = why(client)
    assert (found.kind, found.state, found.members) == ("leave", "Empty", 0)


def test_a_session_expires_and_a_timer_is_where_it_began(start: Any) -> None:
    client = start()
    first, second = pair(client)
    for _ in range(5):
        client.run(members.requests.SESSION_MS / 1000 / 4)
        first.heartbeat()
    first.join()
    first.sync({first.member_id: [0, 1]})
    assert second.heartbeat() == UnknownMemberId.code
    found = why(client)
    assert (found.kind, found.members, found.state) == ("session expired", 1, "Stable")
    assert found.reason == f"session of {second.member_id} expired"
    assert found.root is not None
    assert (found.root.sort, "TimerDue" in found.root.what) == ("timer", True)


def test_faults_since_the_last_event_are_told_with_an_expired_session(start: Any) -> None:
    client = start()
    alone(client)
    client.cluster.world.queue.enter(0, "LinksCut", 0, "[-1] [1, 2, 3]")
    client.cluster.world.queue.leave()
    client.run(2 * members.requests.SESSION_MS / 1000)
    found = why(client)
    assert (found.kind, found.state) == ("session expired", "Empty")
    assert whats(found)[0] == "the links between [-1] [1, 2, 3] were cut"


def test_a_topic_grows_and_the_leader_comes_again(start: Any) -> None:
    client = start()
    member = alone(client)
    client.add_partitions("t", 4)
    member.join(METADATA)
    member.sync({member.member_id: [0, 1, 2, 3]})
    found = why(client)
    assert found.kind == "partitions changed"
    assert whats(found)[0].startswith("topic t grows from 2 to 4 partitions, caused by ")
    assert METADATA in found.reason


def test_a_group_that_waits_for_a_member_says_for_whom(start: Any) -> None:
    client = start()
    first, second = pair(client)
    third = Member(client, 3)
    third.join_later()
    client.run(0.2)
    first.join_later()
    client.run(1)
    found = why(client)
    assert (found.kind, found.state, found.took_us) == ("join", "PreparingRebalance", -1)
    assert found.awaited == [second.member_id]
    assert f"it waits for {second.member_id}" in str(found)
    assert "still under way (PreparingRebalance)" in str(found)


def test_a_member_that_does_not_come_in_time_is_dropped(start: Any) -> None:
    client = start()
    first, second = pair(client)
    third = Member(client, 3)
    joining = [third.join_later()]
    client.run(0.2)
    joining.append(first.join_later())
    for _ in range(members.requests.REBALANCE_MS // 1000 + 2):
        client.run(1)
        second.heartbeat()
    third.joined(joining[0])
    first.joined(joining[1])
    first.sync({first.member_id: [0], third.member_id: [1]})
    found = why(client)
    assert (found.kind, found.members, found.state) == ("join", 2, "Stable")
    assert f"a member is dropped: {second.member_id} didn't rejoin in time" in whats(found)


def test_a_static_member_that_comes_back_causes_no_rebalance_and_that_is_said(start: Any) -> None:
    client = start()
    before = alone(client, "one")
    back = Member(client, 3, "one")
    back.join()
    back.sync()
    found = why(client)
    assert (found.kind, found.generation, found.state) == ("join", 1, "Stable")
    (step,) = found.since
    assert step.what.startswith(f"join of static one as {back.member_id} in place of {before.member_id}; ")
    assert step.what.endswith("no rebalance was needed (KIP-345)")
    assert "since then:" in str(found)


def test_a_static_member_that_comes_back_in_the_midst_of_a_generation_does_cause_one(start: Any) -> None:
    client = start()
    member = Member(client, 1, "one")
    member.join()
    back = Member(client, 3, "one")
    answers = back.join_later()
    back.joined(answers)
    back.sync({back.member_id: [0, 1]})
    found = why(client)
    assert (found.kind, found.generation) == ("static rejoin", 2)
    assert found.reason == f"join of static one as {back.member_id} in place of {member.member_id}"


def moved(client: Any) -> Member:
    """A rebalance whose coordinator dies; the member that was awaited comes again at the next one."""
    first = alone(client)
    dead = coordinator(client)
    Member(client, 3).join_later()
    client.run(0.5)
    assert why(client).awaited == [first.member_id]
    client.cluster.faults.kill(dead)
    client.run(0.5)
    client.cluster.faults.restart(dead)
    client.cluster.wait_for(client.cluster.is_ready, 120)
    first.join()
    first.sync({first.member_id: [0, 1]})
    return first


def test_a_coordinator_that_dies_in_the_midst_is_why_its_successor_begins_again(start: Any) -> None:
    client = start()
    moved(client)
    found = why(client)
    assert found.kind == "coordinator moved"
    assert found.root is not None
    assert (found.root.sort, "was killed" in found.root.what) == ("fault", True)
    text = str(found)
    assert len({step.sequence for step in found.steps}) == len(found.steps), "each row is told once"
    assert "has read the groups of __consumer_offsets-" in text
    assert "is elected leader of __consumer_offsets-" in text
    assert found.state == "Stable"


def test_a_move_long_before_is_not_why_a_member_joins(start: Any) -> None:
    client = start()
    first = moved(client)
    fourth = Member(client, 4)
    answers = fourth.join_later()
    client.run(0.2)
    first.join_later()
    client.cluster.wait_for(lambda: answers, 60)
    found = why(client)
    assert (found.kind, found.reason) == ("join", f"join of {fourth.member_id}")


def test_of_a_group_that_never_was_nothing_is_told(start: Any) -> None:
    found = why(start())
    assert found.kind == "none"
    assert str(found) == "g: the trace has no rebalance of this group"


def test_overwritten_history_is_said_to_be_so(start: Any) -> None:
    client = start(trace_rows=1024)
    alone(client)
    for number in range(300):
        client.say("t", b"%d" % number)
    found = why(client)
    assert found.kind == "none"
    assert "history was overwritten" in str(found)


def test_every_kind_is_known_by_the_coordinators_words() -> None:
    assert kind_of("join of a") == "join"
    assert kind_of("join of static i as b in place of a") == "static rejoin"
    assert kind_of("leave of a: the consumer is being closed") == "leave"
    assert kind_of("leave of a: consumer poll timeout has expired.") == "poll interval expired"
    assert kind_of("session of a expired") == "session expired"
    assert kind_of(f"rejoin of the leader a: {METADATA}") == "partitions changed"
    assert kind_of("rejoin of a: the subscription has changed from [a] to [b]") == "subscription changed"
    assert kind_of("rejoin of a") == "rejoin"
    assert kind_of("more than 2 members at load") == "other"


def test_a_client_that_joins_with_its_new_id_reads_as_one_that_joins_and_not_as_a_failure() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("t")
        with cluster.consumer("t", group_id="g") as consumer:
            consumer.poll(timeout_ms=5000)
            told = cluster.trace.why_rebalance("g")
    assert told.reason.endswith("rebalance failed due to MemberIdRequiredException")
    assert str(told).splitlines()[0].endswith(": a new member")
    assert "MemberIdRequired" not in str(told)
