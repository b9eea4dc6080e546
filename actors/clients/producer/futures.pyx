"""The futures of a producer: of one record, and of all records of one ``send_many``.

A future is a batch and an index, so that an acknowledgement costs nothing for each record. The outcome is looked up
when it is asked for; a batch that was split leads on to its parts.
"""

cimport cython
from cpython.float cimport PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from libc.stdint cimport int32_t

from actors.clients.producer.pending cimport PendingBatch

from functools import partial

from actors.clients.errors import KafkaTimeout
from actors.clients.structs import RecordMetadata, SentRange
from kstore.errors.arguments import SECONDS_MAX as _SECONDS_MAX
from kstore.errors.arguments import function as called
from kstore.errors.arguments import seconds


@cython.final
@cython.no_gc
@cython.freelist(4096)
@cython.auto_pickle(False)
cdef class Future:
    """The outcome of sending one record, with the methods of kafka-python's future.

    Waiting for it sends its batch at once, without lingering.
    """

    def done(self):
        """Whether the record is acknowledged, or has failed."""
        cdef int32_t index = self.index
        return self.batch.leaf(&index).done

    def succeeded(self):
        """Whether the record is acknowledged."""
        return self.done() and self.exception is None

    def failed(self):
        """Whether the record has failed."""
        return self.done() and self.exception is not None

    @property
    def exception(self):
        """The error with which the record failed; None if it hasn't, or hasn't yet."""
        cdef int32_t index = self.index
        cdef PendingBatch batch = self.batch.leaf(&index)
        return batch.error_of(index) if batch.done else None

    def get(self, timeout=None):
        """The record's ``RecordMetadata``, waiting up to ``timeout`` seconds (None: for ever) for it.

        Raises ``KafkaTimeout`` when it isn't known by then, and the record's error when it failed.
        """
        timeout = looked_at(timeout)
        if not self.done() and not self.batch.sink.wait_for(self, self.batch, timeout):
            raise KafkaTimeout(f"the record was not acknowledged in {timeout} seconds")
        error = self.exception
        if error is not None:
            raise error.with_traceback(None)
        return self.metadata()

    def metadata(self):
        """Where an acknowledged record was put."""
        cdef int32_t index = self.index
        cdef PendingBatch batch = self.batch.leaf(&index)
        return RecordMetadata(
            batch.topic,
            batch.partition,
            batch.base_offset + index if batch.base_offset >= 0 else -1,
            batch.log_append_time if batch.log_append_time >= 0 else self.timestamp,
            self.key_bytes,
            self.value_bytes,
        )

    def add_callback(self, function, *args, **kwargs):
        """Have ``function(*args, metadata, **kwargs)`` called once the record is acknowledged; returns the future.

        A thread that drives the client calls it; for a record that is acknowledged already, it is called at once. What
        it raises is logged.
        """
        return self.call_back(bound(function, args, kwargs), True)

    def add_errback(self, function, *args, **kwargs):
        """Have ``function(*args, error, **kwargs)`` called if the record fails; returns the future."""
        return self.call_back(bound(function, args, kwargs), False)

    def add_both(self, function, *args, **kwargs):
        """Have ``function`` called with the metadata or with the error; returns the future."""
        self.add_callback(function, *args, **kwargs)
        return self.add_errback(function, *args, **kwargs)

    def call_back(self, function, bint on_success):
        cdef int32_t index = self.index
        cdef PendingBatch batch = self.batch.leaf(&index)
        if batch.done:
            call_now(self, function, on_success)
        else:
            batch.watch(self, function, on_success)
        return self

    def follow(self, PendingBatch batch, function, bint on_success):
        """Wait for the part that the record is in: its batch was split."""
        cdef int32_t index = self.index
        self.batch.leaf(&index).watch(self, function, on_success)

    def tell(self, callbacks, function, bint on_success):
        """Queue a callback of a finished record, if it is for this outcome."""
        error = self.exception
        if error is None and on_success:
            callbacks.append((function, (self.metadata(),)))
        elif error is not None and not on_success:
            callbacks.append((function, (error,)))

    def __repr__(self):
        if not self.done():
            return f"<Future of a record for {self.batch.topic}-{self.batch.partition}, not acknowledged yet>"
        return f"<Future: {self.exception!r}>" if self.exception is not None else f"<Future: {self.metadata()}>"


cdef int call_now(object future, object function, bint on_success) except -1:
    """Call a callback of a future that is done."""
    due = []
    future.tell(due, function, on_success)
    for function, args in due:
        function(*args)
    return 0


cdef inline object looked_at(object timeout):
    """A time-out in seconds, or None."""
    if timeout is None:
        return None
    if (PyLong_CheckExact(timeout) or PyFloat_CheckExact(timeout)) and 0 <= timeout <= _SECONDS_MAX:
        return timeout
    return seconds("timeout", timeout, or_none=True)


cdef object bound(object function, tuple args, dict kwargs):
    called("function", function)
    return partial(function, *args, **kwargs) if args or kwargs else function


@cython.final
@cython.auto_pickle(False)
cdef class PartOfMany:
    """The records of a bulk send that lie in one batch, side by side."""


@cython.final
@cython.auto_pickle(False)
cdef class ManyFuture:
    """The outcome of all records of one ``send_many``, as one future."""

    def __cinit__(self, sink):
        self.sink = sink
        self.parts = []

    cdef int count_in(self, PendingBatch batch, int32_t index, int32_t count) except -1:
        """Add ``count`` records, the first of which has this index in the batch."""
        cdef PartOfMany part = batch.part
        if part is None or part.owner is not self or part.first + part.count != index:
            part = batch.part = PartOfMany.__new__(PartOfMany)
            part.owner = self
            part.batch = batch
            part.first = index
            self.parts.append(part)
        part.count += count
        return 0

    cdef list leaves(self):
        """Where the records are now: batch, index of the first, how many."""
        cdef list found = []
        cdef PartOfMany part
        cdef PendingBatch batch
        cdef int32_t at, index, left, here
        for part in self.parts:
            at, left = part.first, part.count
            while left > 0:
                index = at
                batch = part.batch.leaf(&index)
                here = min(left, batch.count - index)
                found.append((batch, index, here))
                at += here
                left -= here
        return found

    def done(self):
        """Whether every record is acknowledged or has failed."""
        cdef PartOfMany part
        for part in self.parts:
            if not part.batch.is_over():
                return False
        return True

    def succeeded(self):
        """Whether every record is acknowledged."""
        return self.done() and self.exception is None

    def failed(self):
        """Whether all records are finished, and some have failed."""
        return self.done() and self.exception is not None

    @property
    def exception(self):
        """The error of the first record that failed; None if none has, or not all are finished.

        A record that was itself refused comes before those that failed because they were in a batch with it.
        """
        cdef PendingBatch batch
        cdef int32_t index, count
        error = None
        if self.done():
            for batch, index, count in self.leaves():
                if batch.error is None:
                    continue
                if batch.record_errors is None:
                    return batch.error
                at_fault = [each for each in batch.record_errors if index <= each < index + count]
                if at_fault:
                    return batch.record_errors[min(at_fault)]
                error = error or batch.error
        return error

    def get(self, timeout=None):
        """Where the records were put, as a list of ``SentRange``, waiting up to ``timeout`` seconds (None: for ever).

        Raises ``KafkaTimeout`` when it isn't known by then, and otherwise ``exception``.
        """
        cdef PendingBatch batch
        cdef int32_t index
        timeout = looked_at(timeout)
        if not self.done() and not self.sink.wait_for(self, None, timeout):
            raise KafkaTimeout(f"the records were not all acknowledged in {timeout} seconds")
        error = self.exception
        if error is not None:
            raise error.with_traceback(None)
        ranges = []
        for batch, index, count in self.leaves():
            offset = batch.base_offset + index if batch.base_offset >= 0 else -1
            ranges.append(SentRange(batch.topic, batch.partition, offset, count))
        return ranges

    def add_callback(self, function, *args, **kwargs):
        """Have ``function(*args, ranges, **kwargs)`` called once all records are acknowledged; returns the future."""
        return self.call_back(bound(function, args, kwargs), True)

    def add_errback(self, function, *args, **kwargs):
        """Have ``function(*args, error, **kwargs)`` called when all are done and some failed; returns the future."""
        return self.call_back(bound(function, args, kwargs), False)

    def add_both(self, function, *args, **kwargs):
        """Have ``function`` called with the ranges or with the error; returns the future."""
        self.add_callback(function, *args, **kwargs)
        return self.add_errback(function, *args, **kwargs)

    def call_back(self, function, bint on_success):
        cdef PendingBatch batch
        if self.done():
            call_now(self, function, on_success)
            return self
        if self.callbacks is None:
            self.callbacks = []
            for batch, _, _ in self.leaves():
                if not batch.done:
                    batch.watch(self, None, True)
        self.callbacks.append((function, on_success))
        return self

    def follow(self, PendingBatch batch, function, bint on_success):
        """Wait for all parts of a batch that was split."""
        cdef PendingBatch part
        for part in batch.parts:
            part.watch(self, function, on_success)

    def tell(self, callbacks, function, bint on_success):
        """Queue callbacks if all batches are finished; one of them has just been."""
        if function is not None:
            error = self.exception
            if (error is None) == on_success:
                callbacks.append((function, (self.get() if error is None else error,)))
        elif self.callbacks and self.done():
            waiting, self.callbacks = self.callbacks, []
            for function, on_success in waiting:
                self.tell(callbacks, function, on_success)


def failed_future(sink, str topic, int32_t partition, error):
    """The future of a record that was refused before it was in any batch."""
    cdef Future future = Future.__new__(Future)
    cdef PendingBatch batch = PendingBatch.__new__(PendingBatch)
    batch.topic = topic
    batch.partition = partition
    batch.sink = sink
    batch.done = True
    batch.error = error
    future.batch = batch
    return future
