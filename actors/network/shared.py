"""What the listeners of all nodes of a process share: the memory of requests and of answers, and whose turn it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.network.answers import AnswerRoom, Writing
from actors.network.room import FrameRoom
from actors.runtime.heap import Heap
from actors.runtime.limits import UNFINISHED_FRAMES_BYTES_MAX

if TYPE_CHECKING:
    from actors.broker.config import BrokerConfig


class Shared:
    """One of these a process; the bounds are what the first node's config says, as all nodes start with the same."""

    def __init__(self, loop: Any) -> None:
        self.room = FrameRoom(UNFINISHED_FRAMES_BYTES_MAX)
        self.answers = AnswerRoom(1)
        self.writing = Writing(loop)
        self.heap = Heap()

    def configure(self, config: BrokerConfig) -> None:
        """Take the bounds from a node's config."""
        self.room.bytes_max = max(UNFINISHED_FRAMES_BYTES_MAX, config.integer("socket.request.max.bytes"))
        self.answers.bytes_max = config.integer("queued.max.response.bytes")
