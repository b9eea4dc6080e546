from typing import Any

from actors.clients.accumulator import Accumulator
from actors.clients.futures import ManyFuture

def send_many(accumulator: Accumulator, topic: str, values: Any, keys: Any = None) -> ManyFuture: ...
