"""The groups of a shard, of every kind, by name; and how much memory they take together."""

from collections.abc import Callable, Iterator

from actors.groups.group_interface import Group
from actors.groups.memory_use import MemoryUse


class Groups:
    """The groups of a coordinator by their id, with the memory that they take."""

    def __init__(self, memory_use: MemoryUse) -> None:
        self.memory_use = memory_use
        self._groups: dict[str, Group] = {}
        self.get: Callable[[str], Group | None] = self._groups.get

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __getitem__(self, group_id: str) -> Group:
        return self._groups[group_id]

    def values(self) -> list[Group]:
        """All groups."""
        return list(self._groups.values())

    def admit(self, group: Group) -> None:
        """A new one, or one in the place of another."""
        self.forget(group.group_id)
        self._groups[group.group_id] = group
        group.count_in(self.memory_use)

    def forget(self, group_id: str) -> None:
        """Remove a group, if it is there."""
        group = self._groups.pop(group_id, None)
        if group is not None:
            group.count_out()

    def check(self) -> None:
        """Assert that the memory in use is counted right, and what each group promises."""
        for group in self._groups.values():
            group.check()
        assert self.memory_use.nbytes == sum(group.nbytes for group in self._groups.values())
