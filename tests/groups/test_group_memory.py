"""How much memory groups may take: what members bring is counted, bounded, and given back when they go."""

from __future__ import annotations

from groups.driving import SESSION_MS, Driven

from kstore import errors

BOUND = 2_000_000
LARGE = (("range", b"m" * 900_000),)


def test_a_join_that_brings_more_than_there_is_room_for_is_told_to_come_again() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    for group in ("a", "b"):
        driven.send_join(group, group=group, version=3, protocols=LARGE)
        driven.pass_ms(0)
        assert driven.joined(group).error_code == errors.NONE
    driven.send_join("c", group="c", version=3, protocols=LARGE)
    assert driven.joined("c").error_code == errors.CoordinatorNotAvailable.code
    assert "c" not in driven.machine.groups
    driven.send_join("small", group="c", version=3)
    driven.pass_ms(0)
    assert driven.joined("small").error_code == errors.NONE


def test_what_many_protocols_take_counts_together() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    driven.send_join("many", version=3, protocols=tuple((f"p{number}", b"m" * 1000) for number in range(3000)))
    assert driven.joined("many").error_code == errors.CoordinatorNotAvailable.code


def test_a_member_that_brings_no_more_than_before_may_rejoin_however_full_it_is() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    driven.send_join("large", version=3, protocols=LARGE)
    driven.pass_ms(0)
    member_id = driven.joined("large").member_id
    driven.send_join("other", group="o", version=3, protocols=LARGE)
    driven.pass_ms(0)
    driven.send_join("again", member_id, version=3, protocols=LARGE)
    driven.pass_ms(0)
    assert driven.joined("again").error_code == errors.NONE
    driven.send_join("more", member_id, version=3, protocols=(("range", b"m" * 1_500_000),))
    assert driven.joined("more").error_code == errors.CoordinatorNotAvailable.code


def test_members_that_are_gone_leave_their_room_to_others() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    for group in ("a", "b"):
        driven.send_join(group, group=group, version=3, protocols=LARGE)
    driven.pass_ms(0)
    driven.pass_ms(SESSION_MS)
    driven.send_join("c", group="c", version=3, protocols=LARGE)
    driven.pass_ms(0)
    assert driven.joined("c").error_code == errors.NONE


def test_clients_that_get_an_id_and_never_come_back_count_until_their_time_is_over() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    ids = 0
    while ids < 5_000:
        driven.send_join(f"{ids}", version=4)
        if driven.joined(f"{ids}").error_code == errors.CoordinatorNotAvailable.code:
            break
        ids += 1
    assert 1_000 < ids < 3_000
    driven.pass_ms(SESSION_MS)
    driven.send_join("later", version=4)
    assert driven.joined("later").error_code == errors.MemberIdRequired.code
