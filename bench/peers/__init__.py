"""kstore measured beside Apache Kafka and kfake: the same loads, on the same machine, in the same run.

``python -m bench.peers`` (or ``make bench-peers``) starts the three, each with three brokers on loopback, puts every
load on each of them in turn, round by round, and writes ``docs/benchmarks.md``.
"""
