"""Prepares a batch for a leader's log: checks it, and compresses it with the log's codec.

If a log has a codec of its own (a topic's ``compression.type``), a batch that came with another one is compressed anew;
control batches aren't. The size of such a batch is checked twice, as it came and as it is written. Compressing takes
long, and needs only the log's config. So ``prepared`` may run on any thread, and ``Log.append_as_leader`` takes what it
returns; batches that weren't prepared it checks and compresses itself. A compressed batch of ``LARGE_BYTES`` or more is
worth a thread even if its codec stays: checking its records means decompressing them.
"""

cimport cython

from kstore.records.batch cimport RecordBatch
from kstore.records.layout cimport COMPRESSION_MASK, CONTROL_BIT

from kstore.errors import KafkaError, MessageTooLarge
from kstore.records import validate_for_append
from kstore.records.recompressing import recompressed

LARGE_BYTES = 16384
cdef Py_ssize_t large_bytes = LARGE_BYTES


@cython.final
@cython.no_gc
cdef class Prepared:
    """A batch that is checked and compressed. ``log_append_time`` is None unless that is the log's timestamp type."""

    def __init__(self):
        raise TypeError("prepared makes these")


cdef object checked(RecordBatch batch, object config, object now_ms, bint from_client):
    return validate_for_append(
        batch,
        topic_compacted=config.compacted,
        timestamp_type=config.message_timestamp_type,
        now_ms=now_ms,
        before_max_ms=config.message_timestamp_before_max_ms,
        after_max_ms=config.message_timestamp_after_max_ms,
        max_batch_bytes=config.max_message_bytes,
        max_decompressed_bytes=config.max_decompressed_bytes,
        max_record_bytes=config.max_decompressed_message_bytes,
        from_client=from_client,
    )


cdef bint wants_other_codec(RecordBatch batch, int codec) noexcept:
    return codec >= 0 and codec != batch.attributes & COMPRESSION_MASK and not batch.attributes & CONTROL_BIT


cdef RecordBatch in_codec_of(object config, RecordBatch batch, object valid):
    cdef RecordBatch ours = recompressed(batch, valid.decompressed, config.compression_type, config.compression_level)
    if ours.size_bytes > config.max_message_bytes:
        raise MessageTooLarge(
            f"a record batch of {ours.size_bytes} bytes, compressed as its topic has it; the topic accepts"
            f" {config.max_message_bytes}"
        )
    return ours


def needs_preparing(list batches not None, config not None):
    """Whether preparing takes long: a batch has another codec than the log's own, or is compressed and large."""
    cdef int codec = config.compression_type
    cdef RecordBatch batch
    for batch in batches:
        if wants_other_codec(batch, codec) or is_large(batch):
            return True
    return False


cdef inline bint is_large(RecordBatch batch) noexcept:
    return batch.size_bytes >= large_bytes and batch.attributes & COMPRESSION_MASK


def prepared(list batches not None, config not None, now_ms, bint from_client):
    """The batches of one request, ``Prepared`` for a log with this config; or the ``KafkaError`` that refuses them."""
    cdef RecordBatch batch
    cdef Prepared one
    cdef list done = []
    try:
        for batch in batches:
            valid = checked(batch, config, now_ms, from_client)
            one = Prepared.__new__(Prepared)
            one.batch = batch
            if wants_other_codec(batch, config.compression_type):
                one.batch = in_codec_of(config, batch, valid)
            one.max_timestamp = valid.max_timestamp
            one.log_append_time = valid.log_append_time
            done.append(one)
    except KafkaError as error:
        return error
    return done
