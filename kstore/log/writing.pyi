from kstore.fs import Buffer
from kstore.log.rebuilt_indexes import Rebuilt
from kstore.log.segment import Segment
from kstore.records import RecordBatch

def chunks(batches: list[RecordBatch], nbytes: int) -> list[Buffer]: ...
def note_batches(
    segment: Segment | Rebuilt, batches: list[RecordBatch], position: int, index_interval_bytes: int
) -> int: ...
