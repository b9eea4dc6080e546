"""The figures of a run: every round of every metric for every server, and what the rounds say together.

Within a round the servers take turns, so a ratio is taken within its round and the median of the ratios is shown: the
machine's mood changes from minute to minute, and the ratio survives that.
"""

import statistics
from dataclasses import dataclass, field

from bench.peers.cases import Goal, Metric


@dataclass
class Results:
    """``rounds[metric][server]`` holds one figure a round, None where that round failed."""

    servers: list[str]
    rounds: dict[Metric, dict[str, list[float | None]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, metric: Metric, server: str, figure: float | None) -> None:
        self.rounds.setdefault(metric, {name: [] for name in self.servers})[server].append(figure)

    def median(self, metric: Metric, server: str) -> float | None:
        figures = [figure for figure in self.rounds[metric].get(server, ()) if figure is not None]
        return statistics.median(figures) if figures else None

    def ratio(self, metric: Metric, server: str, peer: str) -> float | None:
        """The median, over the rounds that both finished, of a server's figure divided by its peer's."""
        pairs = zip(self.rounds[metric].get(server, ()), self.rounds[metric].get(peer, ()), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs if mine is not None and theirs]
        return statistics.median(ratios) if ratios else None

    def verdict(self, metric: Metric, goal: Goal) -> tuple[float, bool] | None:
        """Kstore's figure for a goal, and whether that reaches it; None where it was not measured."""
        if goal.peer is None:
            figure = self.median(metric, "kstore")
        else:
            figure = self.ratio(metric, "kstore", goal.peer)
        return None if figure is None else (figure, goal.reached(figure))
