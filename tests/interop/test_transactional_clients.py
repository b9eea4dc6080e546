"""The transactional producers of seven clients, by both transaction protocols: what they commit is read, what they
abort isn't, offsets go along, and a producer that another one has taken the id from is fenced.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from interop.test_clients import CLIENTS
from interop.transacting import OF_OTHER_LANGUAGES, command, prepare, printed_by
from interop.transactional_clients import TRANSACTIONAL_CLIENTS
from processes import Program, Server

from kstore import Admin, TopicPartition

ALL = [*CLIENTS, *(pytest.param(client, marks=pytest.mark.full) for client in OF_OTHER_LANGUAGES)]

LAST_EPOCHS = {False: 2, True: 6}
"""Of the producer that took the id over: one for the abort and one for itself, or one for each transaction too."""


def last_epoch(bootstrap: str, topic: str) -> int:
    with Admin(bootstrap_servers=bootstrap) as admin:
        (places,) = admin.describe_producers([TopicPartition(topic, 0)]).values()
    return max(each.producer_epoch for each in places)


@pytest.mark.parametrize("level", [0, 2], ids=["the first protocol", "the second"])
@pytest.mark.parametrize("client", ALL)
def test_transactions_of_a_client_are_all_or_nothing_and_its_zombie_is_fenced(
    client: str, level: int, serve: Callable[..., Server], run: Callable[..., Program]
) -> None:
    started = command(client)
    server = serve()
    with Admin(bootstrap_servers=server.bootstrap) as admin:
        if level == 0:
            admin.update_features({"transaction.version": ("SAFE_DOWNGRADE", 0)})
    topic = f"transactions-{client}"
    prepare(server.bootstrap, topic)
    program = run(*started, server.bootstrap, topic)
    program.wait_for(lambda lines: "done" in lines or program.process.poll() is not None, "the end of the program")
    assert list(program.lines) == printed_by(client), program.errors
    assert last_epoch(server.bootstrap, topic) == LAST_EPOCHS[level == 2 and TRANSACTIONAL_CLIENTS[client].knows_second]
    assert server.stop() == 0
    assert server.errors == []
