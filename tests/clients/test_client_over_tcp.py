"""What clients of brokers elsewhere meet on the way: names that nobody answers for."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from actors.clients.errors import KafkaTimeout
from kstore import Admin, Consumer, Producer
from kstore.errors import KafkaError
from kstore.errors.config import ConfigError

TIMEOUT_S = 20.0
UNREACHED = r"nobody answers at 127\.0\.0\.1:1 \(127\.0\.0\.1:1 can't be reached: Connection refused\)"


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


def test_a_producer_that_finds_nobody_says_why() -> None:
    with (
        Producer(bootstrap_servers="127.0.0.1:1", max_block_ms=200) as producer,
        pytest.raises(KafkaTimeout, match=rf"topic t was not known after max_block_ms \(200\): {UNREACHED}"),
    ):
        producer.send("t", b"a")


def test_a_consumer_that_finds_nobody_says_why() -> None:
    with (
        Consumer(bootstrap_servers="127.0.0.1:1", default_api_timeout_ms=200) as consumer,
        pytest.raises(KafkaTimeout, match=UNREACHED),
    ):
        consumer.partitions_for_topic("t")


def test_an_admin_that_finds_nobody_says_why() -> None:
    with (
        Admin(bootstrap_servers="127.0.0.1:1", default_api_timeout_ms=200, request_timeout_ms=100) as admin,
        pytest.raises(KafkaTimeout, match=UNREACHED),
    ):
        admin.list_topics()


@pytest.mark.parametrize("client", [Producer, Consumer, Admin])
def test_bootstrap_servers_has_an_s_at_its_end(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"no keyword bootstrap_server \(did you mean bootstrap_servers\?\)"):
        client(bootstrap_server="127.0.0.1:9092")


@pytest.mark.parametrize("topics", [["orders"], 3])
def test_topics_of_a_consumer_are_given_one_by_one(topics: Any) -> None:
    with pytest.raises(
        TypeError, match=r"topics are given one by one, as in Consumer\(\"orders\", \"payments\"\); got"
    ):
        Consumer(topics)
