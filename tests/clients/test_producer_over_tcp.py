"""A producer whose whole server is killed and comes back on the same folder and port."""

from __future__ import annotations

from pathlib import Path

from processes import Server

from kstore import Consumer, Producer

RECORDS = 20_000


def test_a_server_killed_in_the_midst_costs_no_record_and_makes_none_twice(tmp_path: Path) -> None:
    server = Server("--brokers", "1", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    bootstrap = server.bootstrap
    try:
        with Producer(bootstrap_servers=bootstrap, batch_size=2000) as producer:
            producer.send("t", b"0").get(30)
            futures = [producer.send("t", b"%d" % i) for i in range(1, RECORDS // 2)]
            server.kill()
            futures += [producer.send("t", b"%d" % i) for i in range(RECORDS // 2, RECORDS)]
            server = Server("--brokers", "1", "--listen", bootstrap, "--data-dir", str(tmp_path))
            producer.flush(60)
            assert [future.get(0).offset for future in futures] == list(range(1, RECORDS))
            with Consumer("t", bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
                found = [next(consumer).value for _ in range(RECORDS)]
        assert found == [b"%d" % i for i in range(RECORDS)]
    finally:
        server.kill()
