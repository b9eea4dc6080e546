"""The appends under way of one shard, each under its token until its outcome is known."""

from typing import Generic, TypeVar

AppendT = TypeVar("AppendT")


class UnderWay(Generic[AppendT]):
    """The oldest is the first; tokens rise by one."""

    def __init__(self) -> None:
        self._under_way: dict[int, AppendT] = {}
        self._last_token = 0

    def _add(self, append: AppendT) -> int:
        self._last_token += 1
        self._under_way[self._last_token] = append
        return self._last_token

    def get(self, token: int) -> AppendT:
        """The append of a token."""
        return self._under_way[token]

    def end(self, token: int) -> AppendT:
        """The outcome of an append is known."""
        return self._under_way.pop(token)

    def all(self) -> list[AppendT]:
        """All appends, in the order in which they began."""
        return list(self._under_way.values())
