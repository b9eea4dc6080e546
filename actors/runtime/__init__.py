"""The actor runtime: actors on a run queue, and the world that gives them time, order, randomness, disk and network."""

from actors.runtime.actor import Actor, receives
from actors.runtime.coroutine import Ask, Coroutine
from actors.runtime.node import Node
from actors.runtime.queue import Reply, Stopped
from actors.runtime.ref import Ref
from actors.runtime.timers import Alarm, Timer

__all__ = ["Actor", "Alarm", "Ask", "Coroutine", "Node", "Ref", "Reply", "Stopped", "Timer", "receives"]
