"""What the micro-benchmarks share: a way to say how much one call did, and what it should reach at least.

``make bench`` runs every ``bench/test_*.py`` and leaves its report in ``build/benchmark.json``, from which
``make bench-peers`` takes the rates and goals into ``docs/benchmarks.md``::

    def test_a_hop_between_two_actors(measure):
        measure(run_ten_thousand_hops, count=10_000, unit="hops", goal=2_500_000)
"""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def measure(benchmark: Any) -> Callable[..., Any]:
    """Measure a call that does ``count`` of ``unit``; ``goal`` is how many of them a second there should be."""

    def run(
        function: Callable[..., Any], *arguments: Any, count: int = 1, unit: str = "calls", goal: float | None = None
    ) -> Any:
        benchmark.extra_info.update(count=count, unit=unit, **({} if goal is None else {"goal": goal}))
        return benchmark(function, *arguments)

    return run
