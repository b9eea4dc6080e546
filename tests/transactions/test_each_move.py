"""Every state of a transactional id and everything that can happen in it: which states its log has then.

The states are those of Apache Kafka's documentation. Two of them are in no record: Dead is a tombstone, and
PrepareEpochFence is over before anything is written (``test_transaction_states.py``).
"""

from __future__ import annotations

import pytest
from transactions.machine import TIMEOUT_MS, Machine
from transactions.test_transaction_states import FIRST, SECOND, A, B, in_state

from actors.transactions.records import decode_entry
from actors.transactions.states import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    DEAD,
    EMPTY,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PREVIOUS_STATES,
    TransactionState,
)


class Happening:
    """What happens to the id by the name of a method, in a machine where its producer speaks one of the protocols."""

    def __init__(self, machine: Machine, producer: tuple[int, int], version: int) -> None:
        self.machine, self.producer, self.version = machine, producer, version

    def init_producer_id(self) -> None:
        self.machine.init()

    def add_partitions_to_txn(self) -> None:
        self.machine.add(self.producer, B)

    def the_leader_of_a_partition_verifies_it(self) -> None:
        self.machine.add(self.producer, A, verify=True)

    def end_txn_commits(self) -> None:
        self.machine.end(self.producer, commit=True, version=self.version)

    def end_txn_aborts(self) -> None:
        self.machine.end(self.producer, commit=False, version=self.version)

    def all_markers_are_written(self) -> None:
        self.machine.mark_all()

    def the_transaction_takes_too_long(self) -> None:
        self.machine.pass_ms(2 * TIMEOUT_MS)

    def nobody_uses_the_id(self) -> None:
        settings = self.machine.settings
        self.machine.pass_ms(
            settings.transactional_id_expiration_ms
            + settings.transaction_remove_expired_transaction_cleanup_interval_ms
        )


HAPPENINGS = [name for name in vars(Happening) if not name.startswith("_")]

FOLLOWS: dict[tuple[TransactionState, str], list[TransactionState]] = {
    (EMPTY, "init_producer_id"): [EMPTY],
    (EMPTY, "add_partitions_to_txn"): [ONGOING],
    (EMPTY, "nobody_uses_the_id"): [DEAD],
    (ONGOING, "init_producer_id"): [PREPARE_ABORT],
    (ONGOING, "add_partitions_to_txn"): [ONGOING],
    (ONGOING, "end_txn_commits"): [PREPARE_COMMIT],
    (ONGOING, "end_txn_aborts"): [PREPARE_ABORT],
    (ONGOING, "the_transaction_takes_too_long"): [PREPARE_ABORT],
    (ONGOING, "nobody_uses_the_id"): [PREPARE_ABORT],
    (PREPARE_COMMIT, "all_markers_are_written"): [COMPLETE_COMMIT],
    (PREPARE_ABORT, "all_markers_are_written"): [COMPLETE_ABORT],
    (COMPLETE_COMMIT, "init_producer_id"): [EMPTY],
    (COMPLETE_COMMIT, "add_partitions_to_txn"): [ONGOING],
    (COMPLETE_COMMIT, "nobody_uses_the_id"): [DEAD],
    (COMPLETE_ABORT, "init_producer_id"): [EMPTY],
    (COMPLETE_ABORT, "add_partitions_to_txn"): [ONGOING],
    (COMPLETE_ABORT, "nobody_uses_the_id"): [DEAD],
}
"""What the log has then; nothing where the two aren't named."""

FOLLOWS_BY_THE_SECOND = {
    (state, "end_txn_aborts"): [PREPARE_ABORT, COMPLETE_ABORT] for state in (EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT)
}
"""By the second protocol an abort of nothing is written, and completed at once: there is no partition to mark."""

WRITTEN = [EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT]
PROTOCOLS = {"the first protocol": FIRST, "the second": SECOND}


@pytest.mark.parametrize("version", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("what", HAPPENINGS)
@pytest.mark.parametrize("state", WRITTEN, ids=lambda state: state.value)
def test_what_follows_in_the_log_when(state: TransactionState, what: str, version: int) -> None:
    machine, producer = in_state(state, version=version)
    before = len(machine.log)
    getattr(Happening(machine, producer, version), what)()
    records = [decode_entry(*entry) for entry in machine.log[before:]]
    follows = {**FOLLOWS, **(FOLLOWS_BY_THE_SECOND if version == SECOND else {})}
    assert [record.metadata.state if record.metadata else DEAD for record in records if record] == follows.get(
        (state, what), []
    )


def test_what_can_happen_makes_all_moves_of_the_table_but_those_by_way_of_prepare_epoch_fence() -> None:
    made = set()
    for (state, _), follows in [*FOLLOWS.items(), *FOLLOWS_BY_THE_SECOND.items()]:
        made |= set(zip([state, *follows], follows, strict=False))
    table = {(before, state) for state, previous in PREVIOUS_STATES.items() for before in previous}
    assert {(before.value, state.value) for before, state in table - made} == {
        ("Ongoing", "PrepareEpochFence"),
        ("PrepareEpochFence", "PrepareAbort"),
    }
    assert made <= table
