"""What every story's state has: its lines so far, the brokers, and which cells of the picture changed lately. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kstore.named import NamedTuple


class Line(NamedTuple):
    """One line of the story."""

    at_s: float
    text: str


@dataclass
class Scene:
    """``changed`` keeps when a cell last changed, so that a screen can mark it for a moment. Times are in seconds and
    begin with the story.
    """

    clock: Callable[[], float]
    brokers: dict[int, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    changed: dict[str, float] = field(default_factory=dict)
    controller: int = -1

    def say(self, text: str) -> Line:
        """The story goes on."""
        line = Line(self.clock(), text)
        self.lines.append(line)
        return line

    def see_brokers(self, brokers: Mapping[int, str], controller: int) -> None:
        """What each broker is doing, and which one controls the cluster."""
        for broker, doing in brokers.items():
            self.put(self.brokers, broker, doing, f"broker {broker}")
        self.controller = controller

    def put(self, where: dict[int, str], key: int, value: str, cell: str) -> None:
        """Take a value; the cell is marked if it was another one."""
        if key in where and where[key] != value:
            self.mark(cell)
        where[key] = value

    def mark(self, cell: str) -> None:
        """A cell has changed now."""
        self.changed[cell] = self.clock()

    def is_new(self, cell: str, seconds: float) -> bool:
        """Whether a cell changed less than so long ago."""
        return cell in self.changed and self.clock() - self.changed[cell] < seconds
