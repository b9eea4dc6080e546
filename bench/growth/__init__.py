"""What a load costs when one of its dimensions doubles: a cost that grows faster than the work shows here first.

``python -m bench.growth`` (or ``make bench-growth``) puts loads of doubling size on new clusters in the process, prints
what processor time each took and the exponent of every doubling, and writes ``docs/benchmarks-growth.md``.
"""
