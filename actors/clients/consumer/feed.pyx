"""Iteration over a consumer: records one by one out of the list that was read last, in C.

A consumer inherits from ``RecordIterator``, so that ``for record in consumer`` costs a list access a record. The
``records`` of its feed are of one partition; what the user was given is up to ``index``. The consumer fills it again in
``_refill``.

The iterator also knows which thread is inside of the consumer: two at once are an error, one may come in again (a
rebalance listener commits).
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
        """Give these out next; the first of them counts as given."""
        self.records = records
        self.index = 1

    def left(self):
        """What was not given out yet."""
        return self.records[self.index:]

    def last(self):
        """The record given out last of this list; None if none was."""
        return self.records[self.index - 1] if self.index else None

    def drop(self):
        """Give out none of what is left."""
        self.records = []
        self.index = 0


cdef class RecordIterator:
    """Who iterates over a feed, and who is inside."""

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
        """More records, and the first of them; a subclass's. Raises ``StopIteration`` when there is to be no more."""
        raise StopIteration

    def _come_in(self):
        """A thread begins to use the consumer. Raises ``UnexpectedConcurrency`` if another one is inside."""
        cdef long thread = PyThread_get_thread_ident()
        if self.depth and self.thread != thread:
            raise UnexpectedConcurrency(
                "a consumer is used by one thread at a time; only wakeup() may come from others"
            )
        self.thread = thread
        self.depth += 1

    def _go_out(self):
        """It is done."""
        self.depth -= 1
