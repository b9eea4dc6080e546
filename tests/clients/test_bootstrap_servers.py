"""``bootstrap_servers``: what people write there, and what they are told when it can't be meant."""

from __future__ import annotations

from typing import Any

import pytest

import kstore
from actors.cli.main import main
from actors.clients.keywords.bootstrap import bootstrap_addresses
from actors.clients.view import BrokerAddress
from actors.network.tcp_link import TcpLink
from kstore.errors.config import ConfigError


@pytest.mark.parametrize(
    ("servers", "addresses"),
    [
        ("a:1, b:2,", [("a", 1), ("b", 2)]),
        (" a:1 ,, \tb ", [("a", 1), ("b", 9092)]),
        (["a", "[::1]:3", "[::1]", "::1"], [("a", 9092), ("::1", 3), ("::1", 9092), ("::1", 9092)]),
        (("a:1", "b:2, c:3"), [("a", 1), ("b", 2), ("c", 3)]),
        ((each for each in ["a:1"]), [("a", 1)]),
        ("PLAINTEXT://127.0.0.1:9092", [("127.0.0.1", 9092)]),
        ("plaintext://[::1]:9093,PLAINTEXT://b", [("::1", 9093), ("b", 9092)]),
        ("bücher.example:9092", [("bücher.example", 9092)]),
        ("my_broker.local.:9092", [("my_broker.local.", 9092)]),
        ("[fe80::1%eth0]:9092", [("fe80::1%eth0", 9092)]),
    ],
)
def test_bootstrap_servers_are_read_as_users_write_them(servers: Any, addresses: Any) -> None:
    assert bootstrap_addresses(servers) == addresses


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("::1:9092", 'an IPv6 address stands in brackets: "[::1]:9092"'),
        ("2001:db8::7:9092", '"[2001:db8::7]:9092"'),
        ("a:1,::1:9092", '"[::1]:9092"'),
        ("SSL://a:1", "SSL isn't implemented yet, what works is PLAINTEXT"),
        ("sasl_ssl://a:1", "SASL_SSL isn't implemented yet"),
        ("http://a:1", 'Kafka isn\'t spoken over "http://": leave that out'),
        ("a:1/", '"/" is not part of an address: leave it out'),
        ("a:", "a port is a number from 1 to 65535"),
        ("a:x", "a port is a number"),
        ("a:0", "a port is a number"),
        ("a:65536", "a port is a number"),
        ("a:²", "a port is a number"),
        ("a:" + "9" * 5000, "a port is a number"),
        (":1", "it has no host"),
        ("PLAINTEXT://", "it has no host"),
        ("a:b:1", 'more than one ":"'),
        ("[::1]3", "what stands in brackets is an IPv6 address"),
        ("[::1", "what stands in brackets"),
        ("[a]:1", "what stands in brackets"),
        ("a b:1", "that is not a host name"),
        ("a..b:1", "that is not a host name"),
        ("a\0:1", "that is not a host name"),
        ("\ud800:1", "that is not a host name"),
        ("x" * 64 + ":1", "that is not a host name"),
        ("x." * 20_000 + "y:1", "that is not a host name"),
        ("", "names no server"),
        (" , ", "names no server"),
        ([], "names no server"),
        ([""], "names no server"),
        ([1], "got 1"),
        ([("a", 1)], r"got \('a', 1\)"),
        (b"a:1", "got b'a:1'"),
        ({"a": 1}, "got {'a': 1}"),
        (None, "got None"),
        (9092, "got 9092"),
    ],
)
def test_bootstrap_servers_that_are_no_address_are_refused_with_the_mend(servers: Any, words: str) -> None:
    with pytest.raises(ConfigError, match="bootstrap_servers") as refused:
        bootstrap_addresses(servers)
    assert words.replace("\\", "") in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("client", [kstore.Producer, kstore.Consumer, kstore.Admin])
def test_a_client_is_not_made_for_an_address_that_cannot_be_meant(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"\[::1\]:9092"):
        client(bootstrap_servers="::1:9092")


def test_the_command_reads_addresses_as_clients_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "list", "-b", "::1:9092"]) != 0
    assert '"[::1]:9092"' in capsys.readouterr().err


def test_a_cluster_listens_where_a_client_would_connect() -> None:
    with (
        kstore.Cluster(listen="PLAINTEXT://127.0.0.1:0") as cluster,
        kstore.Admin(bootstrap_servers=f"PLAINTEXT://{cluster.bootstrap_servers}") as admin,
    ):
        assert [node.host for node in admin.describe_cluster().nodes] == ["127.0.0.1"]
    with pytest.raises(ConfigError, match="host:port"):
        kstore.Cluster(listen="127.0.0.1")


@pytest.mark.parametrize(("host", "port"), [("x" * 70, 9092), ("a..b", 9092), ("a\0b", 9092)])
def test_an_address_that_a_broker_gave_and_none_can_be_is_a_link_that_breaks(host: str, port: int) -> None:
    with kstore.Admin(bootstrap_servers="127.0.0.1:1") as admin:
        link = admin._transport.link(BrokerAddress(1, host, port), admin.config)
        assert isinstance(link, TcpLink)
        admin._world.driver.call(link._resolve)
        assert not link.opening
