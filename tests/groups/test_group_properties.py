"""Whatever clients do and however the log answers: the group's books balance, and nobody waits for ever."""

from groups.driving import REBALANCE_MS, SESSION_MS, Driven
from hypothesis import given
from hypothesis import strategies as st
from present import present

from actors.groups.classic.states import GroupState
from actors.groups.settings import NEW_MEMBER_JOIN_TIMEOUT_MS
from kstore import errors

STEP = st.tuples(
    st.sampled_from(["id", "join", "static", "sync", "beat", "leave", "commit", "time", "hold", "store", "refuse"]),
    st.integers(0, 5),
    st.sampled_from([0, 1, 500, SESSION_MS - 1, SESSION_MS, REBALANCE_MS]),
)


class Chaos:
    """Clients that do anything in any order, each with the last id it was given."""

    def __init__(self) -> None:
        self.driven = Driven(group_initial_rebalance_delay_ms=500, group_max_size=4)
        self.asked = 0
        self.replies: list[str] = []

    def reply(self) -> str:
        self.asked += 1
        self.replies.append(f"reply {self.asked}")
        return self.replies[-1]

    def known_id(self, index: int) -> str:
        group = self.driven.group("g")
        ids = [] if group is None else [*group.members, *group.pending_joins, "stranger"]
        return ids[index % len(ids)] if ids else "stranger"

    def step(self, what: str, index: int, duration_ms: int) -> None:
        driven = self.driven
        group = driven.group("g")
        generation = 0 if group is None else group.generation_id
        member_id = self.known_id(index)
        instance = group.members[member_id].group_instance_id if group and member_id in group.members else None
        match what:
            case "id":
                driven.send_join(self.reply(), version=9 if index % 2 else 3)
            case "join":
                metadata = b"sub" if index < 4 else b"other"
                protocols = (("range", metadata), ("sticky", b"")) if index else (("range", metadata),)
                driven.send_join(self.reply(), member_id, instance=instance, protocols=protocols)
            case "static":
                driven.send_join(self.reply(), instance=f"instance-{index}", version=8 + index % 2)
            case "sync":
                shares = {member_id: b"share"} if group is not None and group.is_leader(member_id) else None
                driven.send_sync(self.reply(), member_id, generation, shares, instance=instance, protocol_name=None)
            case "beat":
                driven.heartbeat(member_id, generation, instance=instance)
            case "leave":
                driven.send_leave(self.reply(), (member_id, instance))
            case "commit":
                driven.send_commit(self.reply(), {("t", index): self.asked}, member_id, generation, instance=instance)
            case _:
                self.step_world(what, duration_ms)

    def step_world(self, what: str, duration_ms: int) -> None:
        match what:
            case "time":
                self.driven.pass_ms(duration_ms)
            case "hold":
                self.driven.is_held = not self.driven.is_held
            case "store" if self.driven.held:
                self.driven.commit()
            case "refuse" if self.driven.held:
                self.driven.refuse(errors.NotEnoughReplicas())

    def check(self) -> None:
        self.driven.shard.check()
        assert all(len(answers) == 1 for answers in self.driven.answers.values()), "a request was answered twice"


@given(st.lists(STEP, min_size=20, max_size=80))
def test_the_books_balance_and_nobody_waits_for_ever(steps: list[tuple[str, int, int]]) -> None:
    chaos = Chaos()
    for what, index, duration_ms in steps:
        chaos.step(what, index, duration_ms)
        chaos.check()
    chaos.driven.is_held = False
    while chaos.driven.held:
        chaos.driven.commit()
    chaos.driven.pass_ms(NEW_MEMBER_JOIN_TIMEOUT_MS + 3 * REBALANCE_MS)
    chaos.check()
    assert [reply for reply in chaos.replies if chaos.driven.is_parked(reply)] == []
    assert all(present(chaos.driven.group(each)).state is GroupState.EMPTY for each in chaos.driven.shard.groups)


@given(st.lists(STEP, min_size=20, max_size=80))
def test_a_coordinator_that_takes_over_has_what_was_committed(steps: list[tuple[str, int, int]]) -> None:
    chaos = Chaos()
    for what, index, duration_ms in steps:
        chaos.step(what, index, duration_ms)
    successor = Driven(log=chaos.driven.log)
    assert successor.fetch() == chaos.driven.fetch()
    for group_id in successor.shard.groups:
        group, predecessor = successor.group(group_id), chaos.driven.group(group_id)
        assert group is not None
        assert predecessor is not None
        assert group.generation_id <= predecessor.generation_id
        if predecessor.state is GroupState.STABLE and group.generation_id == predecessor.generation_id:
            shares = {each.member_id: each.assignment for each in predecessor.members.values()}
            assert {each.member_id: each.assignment for each in group.members.values()} == shares or chaos.driven.held
