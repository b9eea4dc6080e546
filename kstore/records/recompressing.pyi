from typing_extensions import Buffer

from kstore.records.batch import RecordBatch

def recompressed(
    batch: RecordBatch, plain: Buffer | None, compression: int, level: int | None = None
) -> RecordBatch: ...
