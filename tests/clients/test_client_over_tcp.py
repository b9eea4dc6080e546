"""What clients of brokers elsewhere meet on the way: names that nobody answers for."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from kstore import Producer
from kstore.errors import KafkaError

TIMEOUT_S = 20.0


def test_closing_a_client_waits_for_no_name_to_be_looked_up(monkeypatch) -> None:
    known, may_end, ended = socket.getaddrinfo, threading.Event(), threading.Event()

    def look_up(*args: Any, **how: Any) -> Any:
        if how.get("flags"):
            return known(*args, **how)
        may_end.wait(TIMEOUT_S)
        ended.set()
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    producer = Producer(bootstrap_servers="kafka.example:9092", max_block_ms=50)
    with pytest.raises(KafkaError, match="was not known"):
        producer.send("t", b"a")
    producer.close()
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(TIMEOUT_S)
