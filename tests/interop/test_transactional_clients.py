"""The transactional producers of three Python clients: what they commit is read, what they abort isn't, offsets go
along, and a producer that another one has taken the id from is fenced.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from interop.test_clients import CLIENTS, create_topic
from processes import Program, Server

FENCED = {"kafka-python": "ProducerFencedError", "confluent-kafka": "_FENCED", "aiokafka": "ProducerFenced"}


@pytest.mark.parametrize("client", CLIENTS)
def test_transactions_of_a_client_are_all_or_nothing_and_its_zombie_is_fenced(
    client: str, serve: Callable[..., Server], programs: Callable[..., Program]
) -> None:
    server = serve()
    topic = f"transactions-{client}"
    create_topic(server.bootstrap, topic, 1)
    program = programs("transact.py", client, server.bootstrap, topic)
    program.wait_for(lambda lines: "done" in lines, "the end of the program")
    assert list(program.lines) == ["read a c", "offset 3", f"fenced {FENCED[client]}", "done"], program.errors
