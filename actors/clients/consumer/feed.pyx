"""Iteration over a consumer in C: one record after the other, from the list that was read last.

A consumer inherits from ``RecordIterator``, so that ``for record in consumer`` costs one list access for each record.
The ``records`` of its feed are of one partition; those before ``index`` were given out. When none is left, the
consumer's ``_refill`` brings more.

The iterator also knows which thread is using the consumer. Two at once are an error; the same thread may enter again,
as a rebalance listener does that commits.
"""

from cpython.pythread cimport PyThread_get_thread_ident

from actors.clients.errors import UnexpectedConcurrency


cdef class RecordFeed:
    """What is left of a list of records."""

    cdef list records
    cdef Py_ssize_t index

    def __cinit__(self):
        self.records = []
        self.index = 0

    def give(self, list records):
        """Give these records out next; the first of them counts as given out."""
        self.records = records
        self.index = 1

    def left(self):
        """The records that weren't given out yet."""
        return self.records[self.index:]

    def last(self):
        """The record of this list that was given out last; None if none was."""
        return self.records[self.index - 1] if self.index else None

    def drop(self):
        """Forget the records that are left."""
        self.records = []
        self.index = 0


cdef class RecordIterator:
    """Iterates over a feed, and knows which thread is using the consumer."""

    cdef readonly RecordFeed _feed
    cdef Py_ssize_t depth
    cdef long thread

    def __cinit__(self, *args, **keywords):
        self._feed = RecordFeed()
        self.depth = 0

    def __iter__(self):
        return self

    def __next__(self):
        cdef RecordFeed feed = self._feed
        cdef Py_ssize_t index = feed.index
        if index < len(feed.records):
            feed.index = index + 1
            return feed.records[index]
        return self._refill()

    def _refill(self):
        """Read more records and return the first; a subclass does it. Raises ``StopIteration`` at the end."""
        raise StopIteration

    def _come_in(self):
        """Note that this thread begins to use the consumer. Raises ``UnexpectedConcurrency`` if another one uses it."""
        cdef long thread = PyThread_get_thread_ident()
        if self.depth and self.thread != thread:
            raise UnexpectedConcurrency(
                "a consumer is used by one thread at a time; only wakeup() may come from others"
            )
        self.thread = thread
        self.depth += 1

    def _go_out(self):
        """Note that the thread has finished what it began."""
        self.depth -= 1
