"""What is promised of transactions is asserted: each bug here breaks one promise, and checked mode says which."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from partition.client import Client, batch

from actors.runtime.driver import NodeCrashed
from kstore import Cluster, checked
from kstore.log import Log
from kstore.records import EndTransactionMarker, end_transaction_batch, parse_batches

Patch = pytest.MonkeyPatch

OFF = {"transaction.partition.verification.enable": "false"}


def read_to_the_high_watermark(patch: Patch) -> None:
    patch.setattr(Log, "read_committed", lambda self, offset, size: self.read(offset, size, up_to=self.high_watermark))


def stable_is(patch: Patch, wrong: Callable[[Log], int]) -> None:
    """Have it be wrong of the log of the test's topic, once that has two records."""
    stable = Log.last_stable_offset.fget  # type: ignore[attr-defined]
    is_wrong = lambda log: log.path == "t-0" and log.end_offset > 1  # noqa: E731
    patch.setattr(Log, "last_stable_offset", property(lambda log: wrong(log) if is_wrong(log) else stable(log)))


BUGS: dict[str, Callable[[Patch], None]] = {
    "a committed reader gets what is stable": read_to_the_high_watermark,
    "was stable up to 1, now to 0": lambda patch: stable_is(patch, lambda _: 0),
    "t-0', 0..2": lambda patch: stable_is(patch, lambda log: log.end_offset + 1),
}


def use_transactions() -> None:
    """A record, an open transaction that is read past, and its end."""
    with Cluster(1, seed=1, config=OFF) as cluster:
        client = Client(cluster)
        client.create("t", copies=1)
        client.produce("t", b"before")
        request = client.produce_request(
            "t", batch(b"a", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True)
        )
        request.transactional_id = "x"
        client.ask(1, request, version=11)
        client.fetch("t", 0, isolation_level=1)
        replica = client.replica(1, "t")
        marker = parse_batches(end_transaction_batch(EndTransactionMarker(True, 0), 0, 7, 0))
        replica.log.append_as_leader([marker], replica.leader_epoch, 0, from_client=False)
        client.produce("t", b"after")


def test_a_cluster_keeps_its_promises_of_transactions() -> None:
    with checked.turned_on():
        use_transactions()


@pytest.mark.parametrize("promise", BUGS)
def test_a_bug_in_transactions_is_caught_by_the_promise_that_it_breaks(promise: str, monkeypatch: Patch) -> None:
    BUGS[promise](monkeypatch)
    with checked.turned_on(), pytest.raises((NodeCrashed, AssertionError)) as caught:
        use_transactions()
    with pytest.raises(AssertionError, match=promise):
        raise caught.value.__cause__ or caught.value
