from typing import Any

from actors.clients.producer.accumulator import Accumulator
from actors.clients.producer.futures import ManyFuture

def send_many(accumulator: Accumulator, topic: str, values: Any, keys: Any = None) -> ManyFuture: ...
