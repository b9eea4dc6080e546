"""The reader and the builder beside the slow model: whatever one writes, the other reads the same."""

from hypothesis import given
from hypothesis import strategies as st
from model.batch_model import ModelBatch, ModelRecord, read_batches
from records.record_strategies import contents, model_batches

from kstore.records import BatchBuilder, Record, RecordBatch, parse_batches


def as_model(record: Record) -> ModelRecord:
    headers = [(name.encode(), value) for name, value in record.headers]
    return ModelRecord(record.offset, record.timestamp, record.key, record.value, headers)


def assert_same_header(batch: RecordBatch, model: ModelBatch) -> None:
    assert batch.base_offset == model.base_offset
    assert batch.leader_epoch == model.leader_epoch
    assert batch.compression == model.compression
    assert batch.timestamp_type == model.timestamp_type
    assert batch.is_transactional == model.is_transactional
    assert batch.is_control == model.is_control
    assert batch.producer_id == model.producer_id
    assert batch.producer_epoch == model.producer_epoch
    assert batch.base_sequence == model.base_sequence


@given(st.lists(model_batches(), max_size=3))
def test_batches_that_the_model_wrote_are_read_as_they_were_meant(models: list[ModelBatch]) -> None:
    found = parse_batches(b"".join(model.to_bytes() for model in models))
    assert len(found) == len(models)
    for batch, model in zip(found, models, strict=True):
        batch.verify_crc()
        assert_same_header(batch, model)
        assert [as_model(record) for record in batch.records()] == model.records
        assert batch.count == len(model.records) == batch.last_offset - batch.base_offset + 1
        assert batch.max_timestamp == max(record.timestamp for record in model.records)


@given(
    contents,
    st.integers(0, 4),
    st.integers(0, 2**40),
    st.one_of(st.none(), st.integers(0, 2**40)),
    st.one_of(st.none(), st.integers(0, 2**62)),
)
def test_batches_that_the_builder_wrote_are_read_by_the_model(
    records: list[tuple], compression: int, base: int, append_time: int | None, base_timestamp: int | None
) -> None:
    builder = BatchBuilder(
        compression=compression,
        base_offset=base,
        leader_epoch=4,
        producer_id=8,
        producer_epoch=1,
        base_sequence=5,
        transactional=True,
        log_append_time=append_time,
        base_timestamp=base_timestamp,
    )
    for timestamp, key, value, headers in records:
        builder.append(timestamp, key, value, [(name.decode(), data) for name, data in headers])
    assert builder.count == len(records)
    data = builder.build()
    (model,) = read_batches(data)
    assert_same_header(parse_batches(data)[0], model)
    expected = [ModelRecord(base + at, *fields) for at, fields in enumerate(records)]
    if append_time is not None:
        expected = [record._replace(timestamp=append_time) for record in expected]
    assert model.records == expected


@given(model_batches(), st.integers(0, 2**62), st.integers(0, 2**31 - 1), st.one_of(st.none(), st.integers(0, 2**62)))
def test_a_stamped_batch_is_the_batch_at_its_place_in_the_log(
    model: ModelBatch, offset: int, epoch: int, append_time: int | None
) -> None:
    batch = parse_batches(model.to_bytes())[0]
    stamped = batch.stamped(offset, epoch, append_time)
    stamped.verify_crc()
    (found,) = read_batches(stamped.to_bytes())
    moved = [record._replace(offset=record.offset - model.base_offset + offset) for record in model.records]
    if append_time is not None:
        moved = [record._replace(timestamp=append_time) for record in moved]
    assert (found.base_offset, found.leader_epoch, found.records) == (offset, epoch, moved)
    assert found.timestamp_type == (append_time is not None)
    assert batch.to_bytes() == model.to_bytes()
    assert stamped.payload.obj is batch.payload.obj
