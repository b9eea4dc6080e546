"""What we take of oddly compressed records is what Apache Kafka takes; see ``payload_variants`` and its golden file."""

from contextlib import suppress
from pathlib import Path

import pytest
from codec.payload_variants import NOW, PLAIN, RECORDS, Variant, variants

from kstore.codec import decompress
from kstore.errors import KafkaError
from kstore.records import parse_batches, validate_for_append

GOLDEN = Path(__file__).parent / "golden/payloads.tsv"
ANSWERS = dict(line.split("\t") for line in GOLDEN.read_text().splitlines())
VARIANTS = list(variants())


def test_kafka_was_asked_about_every_variant() -> None:
    assert list(ANSWERS) == [variant.name for variant in VARIANTS]


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_odd_compression_is_taken_when_kafka_takes_it(variant: Variant) -> None:
    (batch,) = parse_batches(variant.batch())
    try:
        validate_for_append(batch, now_ms=NOW)
    except KafkaError:
        assert ANSWERS[variant.name] == "refused"
        return
    assert ANSWERS[variant.name] == "taken"
    assert [record.value for record in batch.records()] == [record.value for record in RECORDS]


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_odd_compression_keeps_to_the_limit(variant: Variant) -> None:
    for limit_bytes in (0, 1, len(PLAIN) - 1):
        with suppress(KafkaError):
            assert len(decompress(variant.codec, variant.payload, limit_bytes=limit_bytes)) <= limit_bytes
