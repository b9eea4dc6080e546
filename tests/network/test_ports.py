"""Addresses: how they are read and written, and which can't be listened on."""

from __future__ import annotations

import pytest

from actors.network.ports import ListenError, address_text, bind, parse_address, port_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9092", ("127.0.0.1", 9092)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("::1:9092", ("::1", 9092)),
        ("PLAINTEXT://127.0.0.1:9092", ("127.0.0.1", 9092)),
        ("plaintext://[::1]:0", ("::1", 0)),
    ],
)
def test_an_address_is_a_host_and_a_port(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":", "host", "host:", ":9092", "[]:9092", "host:65536", "host:-1", "host:²", "SSL://host:1", "a:b:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(ListenError, match=r"as in --listen 127\.0\.0\.1:9092"):
        parse_address(text)


@pytest.mark.parametrize("address", [("127.0.0.1", 9092), ("::1", 9092), ("localhost", 1)])
def test_an_address_is_written_as_it_is_read(address):
    assert parse_address(address_text(*address)) == address


def test_the_nodes_have_consecutive_ports_up_to_the_last_there_is():
    assert [port_of(65533, index) for index in range(3)] == [65533, 65534, 65535]
    assert [port_of(0, index) for index in range(3)] == [0, 0, 0]
    with pytest.raises(ListenError, match="65536"):
        port_of(65533, 3)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "a..b", "x" * 70])
def test_a_host_that_is_not_this_machine_is_refused_with_the_mend(host):
    with pytest.raises(ListenError, match="choose another --listen"):
        bind(host, 0)
