"""What we make of produced batches, beside what Apache Kafka's leader makes of the same bytes."""

from pathlib import Path

import pytest
from records.refused_batches import Case, Verdict, cases

from kstore.errors import InvalidRecord, KafkaError
from kstore.records import parse_batches, validate_for_append

CASES = list(cases())
LINES = (Path(__file__).parent / "golden/verdicts.tsv").read_text().splitlines()

# Where we are stricter, or say INVALID_RECORD where Kafka lets an exception through; the validator says why.
STRICTER = {
    "record longer than it says",
    "record shorter than it says",
    "record length negative",
    "record length beyond the batch",
    "record length of six bytes",
    "offset deltas backwards",
    "not compressed at all",
    "compressed bytes cut",
    "compression 5",
    "compression 6",
    "compression 7",
}


def ours(case: Case) -> Verdict:
    try:
        batches = parse_batches(case.data, allow_partial=True)
        if len(batches) != 1:
            raise InvalidRecord("a produce request has one batch for a partition")
        result = validate_for_append(
            batches[0],
            topic_compacted=case.compacted,
            timestamp_type=case.timestamp_type,
            now_ms=case.now_ms,
            before_max_ms=case.before_max_ms,
            after_max_ms=case.after_max_ms,
        )
    except KafkaError as error:
        return Verdict(error.name, ",".join(str(index) for index, _ in error.record_errors), "", "")
    stamped = batches[0].stamped(100, 7, result.log_append_time, max_timestamp=result.max_timestamp)
    stamped.verify_crc()
    return Verdict("NONE", "", str(result.max_timestamp), stamped.to_bytes().hex())


def test_the_answers_are_to_the_questions_as_they_stand() -> None:
    assert [line.rsplit("\t", 4)[0] for line in LINES] == [case.line() for case in CASES]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[case.name for case in CASES])
def test_a_produced_batch_meets_the_verdict_that_kafka_gives(at: int) -> None:
    case = CASES[at]
    kafkas = Verdict(*LINES[at].split("\t")[-4:])
    found = ours(case)
    if case.name.split(": ")[1] in STRICTER and kafkas.error in ("NONE", "UNKNOWN_SERVER_ERROR"):
        assert found == Verdict("INVALID_RECORD", "", "", "")
    else:
        assert found == kafkas
