"""The lowest layer: checksums, key hashes, and compression formats.

``cursor.pxd`` (for ``cimport`` only) holds the bounds-checked reader and writer that every decoder is built on.
Nothing here knows what a record is, keeps state but for a thread's own (``zstd_contexts``), or raises anything but
``kstore.errors`` for wrong bytes and ``ValueError``/``TypeError`` for a wrong call.
"""

from kstore.codec.checksum import crc32c
from kstore.codec.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, codec_id, codec_name, compress, decompress
from kstore.codec.partitioning import murmur2, partition_for_key

__all__ = [
    "GZIP",
    "LZ4",
    "NONE",
    "SNAPPY",
    "ZSTD",
    "codec_id",
    "codec_name",
    "compress",
    "crc32c",
    "decompress",
    "murmur2",
    "partition_for_key",
]
