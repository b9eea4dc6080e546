"""A reader's fetches from one broker: in an incremental session (KIP-227), or each of them whole.

A session speaks one version, as a session by topic names doesn't go on by topic ids. A reader throws it away when an
answer doesn't come or is an error, and opens another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.simulation import requests
from kstore.schema.messages.fetch import FetchRequest, ForgottenTopic

if TYPE_CHECKING:
    from kstore.schema.messages.fetch import FetchResponse

WITHOUT_SESSION = -1
OPENING = 0

FetchPositions = dict[int, tuple[int, int]]


class Fetching:
    """What one broker knows of where a reader is."""

    def __init__(self, version: int, *, in_session: bool) -> None:
        self.version = version
        self.first_epoch = OPENING if in_session else WITHOUT_SESSION
        self.session_id = 0
        self.epoch = self.first_epoch
        self.told: FetchPositions = {}

    def request(self, topic: str, topic_id: bytes, positions: FetchPositions, max_wait_ms: int) -> FetchRequest:
        """The next fetch: of everything, or of what has changed since the last one."""
        changed = positions
        if self.epoch > OPENING:
            changed = {each: position for each, position in positions.items() if self.told.get(each) != position}
        request = requests.fetch(topic, topic_id, changed, max_wait_ms)
        if not changed:
            request.topics = []
        if self.first_epoch == OPENING:
            request.session_id, request.session_epoch = self.session_id, self.epoch
        gone = [each for each in self.told if each not in positions] if self.epoch > OPENING else []
        if gone:
            request.forgotten_topics_data = [ForgottenTopic(topic=topic, topic_id=topic_id, partitions=gone)]
        self.told = dict(positions)
        return request

    def answered(self, response: FetchResponse) -> None:
        """An answer has come."""
        if self.epoch == OPENING and response.session_id:
            self.session_id, self.epoch = response.session_id, 1
        elif self.epoch > OPENING:
            self.epoch += 1
