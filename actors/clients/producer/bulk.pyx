"""``send_many``: writes many values, from various kinds of memory, into batches.

Values are a list (or any iterable) of bytes-like objects and None. These forms need no object for each value, and NumPy
isn't imported for them:

* an array of fixed-size bytes: dtype ``S``, whose trailing zeros don't count, as in NumPy, or ``V``;
* a 2-D array of uint8 with a row for each value;
* a pair ``(data, offsets)`` of a 1-D uint8 array and an int64 array of one offset more than there are values;
* a ``BytesColumn`` as ``Consumer.poll_columns`` gives, with its nulls.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from actors.clients.producer.accumulator cimport FILLED, RECORD_OVERHEAD_MAX, Accumulator
from actors.clients.producer.futures cimport ManyFuture
from actors.clients.producer.partition_queues cimport PartitionQueue, Topic
from actors.clients.producer.pending cimport PendingBatch
from kstore.codec.cursor cimport varint_bytes
from kstore.records cimport layout
from kstore.records.writing cimport Piece, body_bytes, piece_bytes, put_record

from actors.clients.producer.serializing import all_serialized, check_many, too_large
from kstore.errors.arguments import shown

cdef extern from "Python.h":
    char *bytes_start "PyBytes_AS_STRING"(PyObject *bytes) noexcept
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *bytes) noexcept

ctypedef struct Column:
    Py_ssize_t count
    PyObject *items            # a tuple of bytes-like objects or None; NULL for columns
    const char *data
    Py_ssize_t width           # of each value, when all are alike
    const int64_t *offsets     # where each begins, and the last one ends; NULL when all are alike
    const char *nulls          # not 0 where there is none; NULL when there are no nulls
    bint is_padded             # values end before their trailing zeros
    Py_buffer held
    Py_buffer held_offsets
    Py_buffer held_nulls
    bint is_held
    bint are_offsets_held
    bint are_nulls_held


cdef object open_column(object values, str what, Column *column):
    """Open values for reading. Keep what is returned while they are read, and call ``close_column`` at the end."""
    memset(column, 0, sizeof(Column))
    dtype = getattr(values, "dtype", None)
    if dtype is not None:
        return open_array(values, dtype, what, column)
    if hasattr(values, "nulls") and hasattr(values, "offsets"):
        held = open_pair(values.data, values.offsets, what, column)
        return held, open_nulls(values.nulls, column)
    if isinstance(values, tuple) and len(values) == 2 and getattr(values[0], "dtype", None) is not None:
        return open_pair(values[0], values[1], what, column)
    check_many(values, what)
    items = tuple(values)
    column.items = <PyObject *>items
    column.count = len(items)
    return items


cdef object open_array(object values, object dtype, str what, Column *column):
    if values.ndim == 1 and dtype.kind in "SV" and dtype.itemsize:
        column.width = dtype.itemsize
        column.is_padded = dtype.kind == "S"
    elif values.ndim == 2 and dtype.kind == "u" and dtype.itemsize == 1:
        column.width = values.shape[1]
    else:
        raise TypeError(
            f"an array of {what} has one dimension of dtype S or V, or two of uint8, not {values.ndim} of {dtype}"
        )
    if not values.flags.c_contiguous:
        values = values.copy()
    column.count = len(values)
    PyObject_GetBuffer(values, &column.held, PyBUF_SIMPLE)
    column.is_held = True
    column.data = <const char *>column.held.buf
    return values


cdef object open_pair(object data, object offsets, str what, Column *column):
    cdef Py_ssize_t i
    cdef int64_t last = 0
    kind = getattr(offsets, "dtype", None)
    if data.ndim != 1 or data.dtype.kind != "u" or data.dtype.itemsize != 1 or kind is None or offsets.ndim != 1 \
            or kind.kind != "i" or kind.itemsize != 8 or not kind.isnative:
        raise TypeError(f"a pair of {what} is a 1-D array of uint8 and a 1-D array of int64 offsets")
    if len(offsets) < 1:
        raise ValueError("offsets are one more than values: where each begins, and where the last one ends")
    data = data if data.flags.c_contiguous else data.copy()
    offsets = offsets if offsets.flags.c_contiguous else offsets.copy()
    PyObject_GetBuffer(data, &column.held, PyBUF_SIMPLE)
    column.is_held = True
    PyObject_GetBuffer(offsets, &column.held_offsets, PyBUF_SIMPLE)
    column.are_offsets_held = True
    column.data = <const char *>column.held.buf
    column.offsets = <const int64_t *>column.held_offsets.buf
    column.count = len(offsets) - 1
    for i in range(column.count + 1):
        if column.offsets[i] < last or column.offsets[i] > column.held.len:
            raise ValueError(f"offset {i} of {what} lies before the one before it, or behind the data")
        last = column.offsets[i]
    return data, offsets


cdef object open_nulls(object nulls, Column *column):
    if nulls.dtype.kind != "b" or len(nulls) != column.count:
        raise TypeError("nulls of a column are a bool for each value")
    nulls = nulls if nulls.flags.c_contiguous else nulls.copy()
    PyObject_GetBuffer(nulls, &column.held_nulls, PyBUF_SIMPLE)
    column.are_nulls_held = True
    column.nulls = <const char *>column.held_nulls.buf
    return nulls


cdef void close_column(Column *column) noexcept:
    if column.is_held:
        PyBuffer_Release(&column.held)
        column.is_held = False
    if column.are_offsets_held:
        PyBuffer_Release(&column.held_offsets)
        column.are_offsets_held = False
    if column.are_nulls_held:
        PyBuffer_Release(&column.held_nulls)
        column.are_nulls_held = False


cdef int value_at(Column *column, Py_ssize_t i, Piece *piece) except -1:
    """Point a piece at one value. In a list, a buffer that isn't ``bytes`` is held until the next value or the end."""
    cdef object item
    cdef int64_t begin, end
    if column.items != NULL:
        item = <object>PyTuple_GET_ITEM(<object>column.items, i)
        if PyBytes_CheckExact(item):
            piece.data = PyBytes_AS_STRING(item)
            piece.nbytes = PyBytes_GET_SIZE(item)
        elif item is None:
            piece.data = NULL
            piece.nbytes = -1
        else:
            close_column(column)
            PyObject_GetBuffer(item, &column.held, PyBUF_SIMPLE)
            column.is_held = True
            piece.data = <const char *>column.held.buf
            piece.nbytes = column.held.len
        return 0
    if column.offsets != NULL:
        begin = column.offsets[i]
        end = column.offsets[i + 1]
        if begin < 0 or end < begin or end > column.held.len:
            raise ValueError("offsets changed while they were read")
        piece.data = column.data + begin
        piece.nbytes = -1 if column.nulls != NULL and column.nulls[i] else end - begin
        return 0
    piece.data = column.data + i * column.width
    piece.nbytes = column.width
    if column.is_padded:
        while piece.nbytes and piece.data[piece.nbytes - 1] == 0:
            piece.nbytes -= 1
    return 0


def send_many(Accumulator accumulator, topic, values, keys=None):
    """See ``Producer.send_many``."""
    cdef ManyFuture many = ManyFuture(accumulator)
    cdef Column value_column, key_column
    cdef Topic found = accumulator.topic_of(topic, -1)
    cdef int signals = 0
    memset(&value_column, 0, sizeof(Column))
    memset(&key_column, 0, sizeof(Column))
    if accumulator.serializes:
        check_many(values, "values")
        values = all_serialized(accumulator.value_serializer, "value", topic, values)
        if keys is not None:
            check_many(keys, "keys")
            keys = all_serialized(accumulator.key_serializer, "key", topic, keys)
    held_keys = None
    try:
        held = open_column(values, "values", &value_column)
        if keys is not None:
            held_keys = open_column(keys, "keys", &key_column)
            if key_column.count != value_column.count:
                raise ValueError(f"{value_column.count} values and {key_column.count} keys")
        add_all(accumulator, found, &value_column, NULL if keys is None else &key_column, many, &signals)
    finally:
        close_column(&value_column)
        close_column(&key_column)
        close_bulk(accumulator, found, signals)
    return many


cdef int look_at(Column *column, Py_ssize_t i, Piece *piece, str what) except -1:
    """Do as ``value_at``; an error names the caller's argument and index."""
    try:
        value_at(column, i, piece)
    except (TypeError, BufferError):
        raise TypeError(
            f"{what}[{i}] is bytes-like or None, not {shown(<object>PyTuple_GET_ITEM(<object>column.items, i))}"
        ) from None
    return 0


cdef int add_all(Accumulator accumulator, Topic topic, Column *values, Column *keys, ManyFuture many,
                 int *signals) except -1:
    """Put every value into a batch: one by one where each has its own partition, else as many at a time as fit.

    The sender is told of full batches at once; ``signals`` are what it is to be told at the end.
    """
    cdef Piece key, value, headers
    cdef PartitionQueue queue
    cdef PendingBatch batch
    cdef Py_ssize_t i = 0, run, before
    cdef int64_t timestamp = accumulator.clock.wall_ms()
    headers.data = key.data = NULL
    headers.nbytes = 0
    key.nbytes = -1
    while i < values.count:
        look_at(values, i, &value, "values")
        key_object = None
        if keys != NULL:
            look_at(keys, i, &key, "keys")
            if accumulator.partitioning.partitioner is not None and key.nbytes >= 0:
                key_object = key.data[:key.nbytes]
        check_size(accumulator, &key, &value)
        queue = accumulator.queue_of(topic, topic.partition_of(None, key_object, &key))
        batch = accumulator.write(topic, queue, timestamp, &key, &value, 0, &headers, True, signals)
        many.count_in(batch, batch.count - 1, 1)
        i += 1
        if keys == NULL and queue is None and (<PartitionQueue>batch.queue).open_batch is batch:
            before = batch.used
            run = fill(batch, values, i, timestamp)
            if run:
                topic.added(batch.queue, batch.used - before, True)
                accumulator.records += run
                many.count_in(batch, batch.count - <int32_t>run, <int32_t>run)
                i += run
        if signals[0] & FILLED:
            accumulator.signal(FILLED)
            signals[0] = 0
            timestamp = accumulator.clock.wall_ms()
    return 0


cdef Py_ssize_t fill(PendingBatch batch, Column *values, Py_ssize_t first, int64_t timestamp) except -1:
    """Write values without keys, from the ``first`` one on, while the batch has room; returns how many.

    Stops at a value whose buffer may come from a Python method: while that runs, another batch may be opened.
    """
    cdef Piece value, nothing, null
    cdef Py_ssize_t i = first
    cdef int32_t count = batch.count
    cdef int64_t delta = timestamp - batch.base_timestamp, body, nbytes
    cdef uint8_t *p
    cdef uint8_t *end
    if values.items != NULL:
        close_column(values)  # releases the buffer of the value before
    if bytes_size(batch.buffer) < batch.limit:
        batch.grow(batch.limit)
    p = <uint8_t *>bytes_start(batch.buffer)
    end = p + batch.limit
    p += batch.used
    nothing.data = null.data = NULL
    nothing.nbytes = 0
    null.nbytes = -1
    while i < values.count:
        if values.items != NULL and not is_plain(<object>PyTuple_GET_ITEM(<object>values.items, i)):
            break
        value_at(values, i, &value)
        body = body_bytes(delta, count, &null, &value, 0, 0)
        nbytes = body + varint_bytes(<int32_t>body)
        if nbytes > end - p:
            break
        p = put_record(p, body, delta, count, &null, &value, 0, &nothing)
        count += 1
        i += 1
    batch.used = p - <uint8_t *>bytes_start(batch.buffer)
    batch.count = count
    if i > first and timestamp > batch.max_timestamp:
        batch.max_timestamp = timestamp
    return i - first


cdef inline bint is_plain(object item) noexcept:
    """Whether reading a value of a list runs no Python code."""
    return PyBytes_CheckExact(item) or item is None or type(item) is bytearray or type(item) is memoryview


cdef int check_size(Accumulator accumulator, const Piece *key, const Piece *value) except -1:
    cdef int64_t most = layout.HEADER_SIZE + RECORD_OVERHEAD_MAX + piece_bytes(key) + piece_bytes(value) + 1
    if most > accumulator.max_request_size or most > accumulator.buffer_memory:
        error = too_large(accumulator.config, most)
        accumulator.hooks.refused(error)
        raise error
    return 0


cdef int close_bulk(Accumulator accumulator, Topic topic, int signals) except -1:
    """End a bulk send: a larger batch that it left open is closed if it is full, and gets the usual size if not. The
    sender is told of all this, and of what ``signals`` say.
    """
    cdef PartitionQueue queue
    cdef PendingBatch batch
    for queue in topic.queues:
        batch = queue.open_batch
        if batch is None or batch.limit <= accumulator.batch_size:
            continue
        if batch.used >= accumulator.batch_size:
            accumulator.close_open(queue)
            signals |= FILLED
        else:
            accumulator.free_bytes += batch.held_bytes - accumulator.batch_size
            batch.held_bytes = accumulator.batch_size
            batch.limit = accumulator.batch_size
    if signals:
        accumulator.signal(signals)
    return 0
