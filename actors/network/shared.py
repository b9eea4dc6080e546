"""What the listeners of all nodes of a process share: the memory of requests and responses, and the order of writes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from actors.network.answers import AnswerMemory, Writing
from actors.network.request_memory import RequestMemory
from actors.runtime.heap import Heap
from actors.runtime.limits import FRAME_BYTES_MAX

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from actors.config import BrokerConfig


class Shared:
    """One for each process. The limits come from the first node's config, as all nodes start with the same."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.room = RequestMemory(loop, math.inf, FRAME_BYTES_MAX)
        self.answers = AnswerMemory(1)
        self.writing = Writing(loop)
        self.heap = Heap()

    def configure(self, config: BrokerConfig) -> None:
        """Take the limits from a node's config."""
        self.room.frame_bytes_max = config.integer("socket.request.max.bytes")
        queued_bytes_max = config.integer("queued.max.request.bytes")
        self.room.bytes_max = queued_bytes_max if queued_bytes_max > 0 else math.inf
        self.answers.bytes_max = config.integer("queued.max.response.bytes")
