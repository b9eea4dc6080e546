"""What Hypothesis draws record batches from."""

from hypothesis import strategies as st
from model.batch_model import ModelBatch, ModelRecord

NOW = 1_700_000_000_000

some_bytes = st.one_of(st.none(), st.binary(max_size=40), st.integers(60, 300).map(lambda size: b"v" * size))
names = st.text("aZ ö\0🚲", max_size=8)
headers = st.lists(st.tuples(names.map(str.encode), st.one_of(st.none(), st.binary(max_size=10))), max_size=3)
timestamps = st.one_of(st.integers(NOW - 10**7, NOW + 10**7), st.integers(0, 2**62))
contents = st.lists(st.tuples(timestamps, some_bytes, some_bytes, headers), min_size=1, max_size=20)


@st.composite
def model_batches(draw: st.DrawFn, compression: st.SearchStrategy[int] = st.integers(0, 4)) -> ModelBatch:  # noqa: B008
    base = draw(st.integers(0, 2**40))
    records = [ModelRecord(base + at, *fields) for at, fields in enumerate(draw(contents))]
    has_producer = draw(st.booleans())
    return ModelBatch(
        records,
        base_offset=base,
        leader_epoch=draw(st.integers(-1, 2**31 - 1)),
        compression=draw(compression),
        is_transactional=has_producer and draw(st.booleans()),
        producer_id=draw(st.integers(0, 2**63 - 1)) if has_producer else -1,
        producer_epoch=draw(st.integers(0, 2**15 - 1)) if has_producer else -1,
        base_sequence=draw(st.integers(0, 2**31 - 1)) if has_producer else -1,
    )
