"""Records as NumPy columns: what ``Consumer.poll_columns`` gives for each partition.

Variable-length bytes are kept as Apache Arrow keeps them: all values' bytes in one array, and where each begins and
ends in another. This is the only module of the clients that imports NumPy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.clients.consumer.buffer_pool import BufferPool
from kstore.errors.arguments import shown
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.consumer.records import PartitionRecords

Int64 = np.ndarray[Any, np.dtype[np.int64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class BytesColumn:
    """The keys, or the values, of ``n`` records.

    ``data``: all their bytes, uint8; ``offsets``: int64 of ``n + 1`` elements, the i-th value is
    ``data[offsets[i]:offsets[i + 1]]``; ``nulls``: bool of ``n`` elements, true where there is None (and no bytes).

    >>> data, nulls = np.frombuffer(b"abcd", np.uint8), np.array([False, True, False])
    >>> column = BytesColumn(data, np.array([0, 2, 2, 4]), nulls)
    >>> column.to_list(), column[2]
    ([b'ab', None, b'cd'], b'cd')
    """

    __slots__ = ("data", "nulls", "offsets")

    def __init__(self, data: Bytes, offsets: Int64, nulls: Bools) -> None:
        self.data = data
        self.offsets = offsets
        self.nulls = nulls

    def __len__(self) -> int:
        return len(self.nulls)

    def __getitem__(self, index: int) -> bytes | None:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} values, and no {index}")
        index %= len(self)
        return None if self.nulls[index] else self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()

    @property
    def lengths(self) -> Int64:
        """The size of each value in bytes, int64; 0 for None."""
        return np.diff(self.offsets)

    def to_list(self) -> list[bytes | None]:
        """All values as Python objects."""
        data, ends = self.data.tobytes(), self.offsets.tolist()
        values: list[bytes | None] = [data[start:end] for start, end in pairwise(ends)]
        for index in np.flatnonzero(self.nulls):
            values[index] = None
        return values

    def fixed(self, dtype: Any = None) -> np.ndarray[Any, Any]:
        """The values as one array without a copy, when all have the same size and none is None.

        With a ``dtype``, one element a value (``fixed(">i8")``, a structured type ...); without, uint8 of the shape
        ``(n, size)``. Raises ``ValueError`` when sizes differ, or aren't the dtype's.
        """
        try:
            kind = None if dtype is None else np.dtype(dtype)
        except (TypeError, ValueError):
            raise TypeError(f'dtype is one of NumPy\'s, such as ">i8"; got {shown(dtype)}') from None
        sizes = self.lengths
        if self.nulls.any() or (len(sizes) and (sizes != sizes[0]).any()):
            raise ValueError("the values are not all of one size: use offsets and data, or to_list()")
        size = int(sizes[0]) if len(sizes) else 0 if kind is None else kind.itemsize
        if kind is None:
            return self.data.reshape(len(self), size)
        if kind.itemsize != size:
            raise ValueError(f"the values have {size} bytes each, and dtype {kind} has {kind.itemsize}")
        return self.data.view(kind)

    def __repr__(self) -> str:
        return f"<BytesColumn of {len(self)} values, {len(self.data)} bytes>"


class Columns(NamedTuple):
    """Records of one partition in the order of the log: four columns of one length.

    ``offsets`` and ``timestamps`` (ms since 1970) are int64 arrays; ``keys`` and ``values`` are ``BytesColumn``.
    Headers are not in columns: ``poll()`` gives them.
    """

    offsets: Int64
    timestamps: Int64
    keys: BytesColumn
    values: BytesColumn

    def __len__(self) -> int:
        return len(self.offsets)


class ColumnReader:
    """Makes columns, in memory that is used again once nobody has the columns that were in it.

    What a user keeps stays as it is; what a user lets go is filled again by a later poll.
    """

    def __init__(self) -> None:
        self._buffers = BufferPool()

    def take(self, records: PartitionRecords, max_records: int) -> Columns | None:
        """At most so many of the next records of a partition; None when there are none. Raises as ``records.take``."""
        count, nbytes = records.room(max_records)
        if not count:
            return None
        numbers = 4 * count + 2
        memory = np.frombuffer(self._buffers.take(8 * numbers + 2 * count + 2 * nbytes), np.uint8)
        offsets, timestamps, key_ends, value_ends = np.split(
            memory[: 8 * numbers].view(np.int64), (count, 2 * count, 3 * count + 1)
        )
        nulls = memory[8 * numbers : 8 * numbers + 2 * count]
        data = memory[8 * numbers + 2 * count :]
        count = records.fill(
            offsets, timestamps, data[:nbytes], key_ends, nulls[:count], data[nbytes:], value_ends, nulls[count:]
        )
        if not count:
            return None
        keys = BytesColumn(data[: key_ends[count]], key_ends[: count + 1], nulls[:count].view(np.bool_))
        start = len(nulls) // 2
        values = BytesColumn(
            data[nbytes : nbytes + value_ends[count]],
            value_ends[: count + 1],
            nulls[start : start + count].view(np.bool_),
        )
        return Columns(offsets[:count], timestamps[:count], keys, values)
