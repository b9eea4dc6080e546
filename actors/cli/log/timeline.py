"""Amounts over time in a fixed number of equal spans, whatever time they cover; and their picture in one line."""

from __future__ import annotations

SPANS = 48
BLOCKS = " ▁▂▃▄▅▆▇█"
PLAIN = " .:-=+*#@"


class Timeline:
    """``add`` amounts at times in ms; ``amounts`` has one for each span of ``span_ms`` from ``first_ms`` on.

    Times are kept to a multiple of the span, and the span doubles until all of them fit.
    """

    def __init__(self) -> None:
        self.span_ms = 1
        self.spans: dict[int, int] = {}

    def add(self, time_ms: int, amount: int) -> None:
        """Count an amount at a time; one without a time (-1) isn't counted."""
        if time_ms < 0:
            return
        span = time_ms // self.span_ms
        self.spans[span] = self.spans.get(span, 0) + amount
        while max(self.spans) - min(self.spans) >= SPANS:
            self.widen()

    def widen(self) -> None:
        """Make the spans twice as wide."""
        self.span_ms *= 2
        old, self.spans = self.spans, {}
        for span, amount in old.items():
            self.spans[span // 2] = self.spans.get(span // 2, 0) + amount

    @property
    def first_ms(self) -> int:
        """When the first span begins; -1 if there is none."""
        return min(self.spans) * self.span_ms if self.spans else -1

    @property
    def amounts(self) -> list[int]:
        """The amount of each span, from the first on to the last."""
        return [self.spans.get(span, 0) for span in range(min(self.spans), max(self.spans) + 1)] if self.spans else []

    def drawn(self, signs: str = BLOCKS) -> str:
        """A sign for each span: higher for more.

        >>> timeline = Timeline()
        >>> for time_ms, amount in ((0, 1), (1, 8), (3, 4)):
        ...     timeline.add(time_ms, amount)
        >>> timeline.drawn()
        '▁█ ▄'
        """
        most = max(self.amounts, default=0)
        return "".join(signs[-(-amount * (len(signs) - 1) // most)] if amount else signs[0] for amount in self.amounts)
