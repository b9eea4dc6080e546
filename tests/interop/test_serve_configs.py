"""``kstore serve --set``: a key that has no effect yet is a line of the log, once, and no error."""

import pytest
from processes import Server

from kstore import Admin, ConfigResource


def told(server: Server) -> list[str]:
    lines = (line.partition(" WARNING kstore.configs: ")[2] for line in server.errors)
    return [line.removesuffix(" is kept, but has no effect in kstore yet") for line in lines if line]


def test_a_key_without_effect_is_told_once_and_described(tmp_path) -> None:
    options = "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path)
    settings = "--set", "num.io.threads=16", "--set", "num.network.threads=3", "--set", "num.replica.fetchers=2"
    server = Server(*options, *settings)
    with Admin(bootstrap_servers=server.bootstrap) as admin:
        admin.create_topics({name: {"configs": {"remote.log.copy.disable": "true"}} for name in ("orders", "users")})
        broker = admin.describe_configs([ConfigResource("broker", "1")])["broker"]["1"]
        topic = admin.describe_configs([ConfigResource("topic", "users")])["topic"]["users"]
    assert (broker["num.io.threads"].value, broker["num.io.threads"].source) == ("16", "STATIC_BROKER_CONFIG")
    assert (topic["remote.log.copy.disable"].value, topic["remote.log.copy.disable"].source) == (
        "true",
        "DYNAMIC_TOPIC_CONFIG",
    )
    assert broker["node.id"].value == "1"
    assert broker["log.dirs"].value == str(tmp_path / "node-1")
    assert server.bootstrap in (broker["listeners"].value or "")
    assert server.stop() == 0
    assert told(server) == ["num.io.threads=16", "num.replica.fetchers=2", "topic orders: remote.log.copy.disable=true"]

    again = Server(*options)
    assert again.stop() == 0
    assert told(again) == ["topic orders: remote.log.copy.disable=true"], (
        "what the folder has is told at the next start"
    )


@pytest.mark.parametrize(
    "setting", ["log.cleaner.enable=false", "security.inter.broker.protocol=PLAINTEXT", "num.io.threads=8"]
)
def test_nothing_is_said_of_what_is_so_anyway(setting) -> None:
    server = Server("--listen", "127.0.0.1:0", "--set", setting)
    assert server.stop() == 0
    assert told(server) == []
