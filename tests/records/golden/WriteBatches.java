// Prints record batches built by Apache Kafka's own MemoryRecordsBuilder and what Kafka reads back from them, a JSON
// object a line. tests/records/test_golden_batches.py holds the store to them. To write them again (Kafka 4.4.0):
//
//   java -cp "$KAFKA_HOME/libs/*" WriteBatches.java > batches.jsonl

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import java.util.StringJoiner;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

public class WriteBatches {
    static final long NOW = 1_700_000_000_000L;
    static final Header[] NONE = new Header[0];

    public static void main(String[] args) {
        for (CompressionType type : CompressionType.values()) {
            plain(type);
            if (type != CompressionType.NONE)
                large(type);
            transactional(type);
            logAppendTime(type);
        }
        timestamps();
        deleteHorizon();
        lastOffsetBeyondRecords();
        markers();
        leaderChange();
        several();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static MemoryRecordsBuilder builder(CompressionType type, TimestampType time, long base, long logAppendTime,
            long producer, int epoch, int sequence, boolean transactional, boolean control, int leaderEpoch,
            long deleteHorizon) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), RecordBatch.MAGIC_VALUE_V2,
            Compression.of(type).build(), time, base, logAppendTime, producer, (short) epoch, sequence, transactional,
            control, leaderEpoch, Integer.MAX_VALUE, deleteHorizon);
    }

    static MemoryRecordsBuilder builder(CompressionType type) {
        return builder(type, TimestampType.CREATE_TIME, 0, RecordBatch.NO_TIMESTAMP, -1, -1, -1, false, false, -1,
            RecordBatch.NO_TIMESTAMP);
    }

    static void plain(CompressionType type) {
        MemoryRecordsBuilder b = builder(type);
        b.append(NOW, bytes("User1"), bytes("order 1"), NONE);
        b.append(NOW + 5, null, bytes("no key"), NONE);
        b.append(NOW - 3, bytes("tombstone"), null, NONE);
        b.append(NOW + 5, (byte[]) null, null, NONE);
        b.append(NOW + 70_000, bytes(""), bytes(""), new Header[] {
            new RecordHeader("source", bytes("web")), new RecordHeader("absent", (byte[]) null),
            new RecordHeader("", bytes("")), new RecordHeader("größe 🚲", bytes("8"))});
        write("plain " + type.name, b.build());
    }

    static void large(CompressionType type) {
        MemoryRecordsBuilder b = builder(type);
        Random random = new Random(7);
        byte[] noise = new byte[3_000];
        for (int i = 0; i < 60; i++) {
            random.nextBytes(noise);
            byte[] value = i % 20 == 0 ? noise.clone() : bytes(("record " + i + " ").repeat(180));
            b.append(NOW + i, bytes("key " + i % 7), value, NONE);
        }
        write("large " + type.name, b.build());
    }

    static void transactional(CompressionType type) {
        MemoryRecordsBuilder b = builder(type, TimestampType.CREATE_TIME, 1L << 40, RecordBatch.NO_TIMESTAMP,
            4_000_000_000_000L, 32_767, Integer.MAX_VALUE - 1, true, false, 17, RecordBatch.NO_TIMESTAMP);
        for (int i = 0; i < 5; i++)
            b.append(NOW + i, bytes("k"), bytes("v" + i), NONE);
        write("transactional " + type.name, b.build());
    }

    static void logAppendTime(CompressionType type) {
        MemoryRecordsBuilder b = builder(type, TimestampType.LOG_APPEND_TIME, 9, NOW + 99, -1, -1, -1, false, false, 3,
            RecordBatch.NO_TIMESTAMP);
        b.append(NOW, bytes("a"), bytes("1"), NONE);
        b.append(NOW + 1, bytes("b"), bytes("2"), NONE);
        write("log append time " + type.name, b.build());
    }

    static void timestamps() {
        MemoryRecordsBuilder b = builder(CompressionType.NONE);
        b.append(RecordBatch.NO_TIMESTAMP, null, bytes("none"), NONE);
        b.append(0, null, bytes("zero"), NONE);
        b.append(Long.MAX_VALUE, null, bytes("last"), NONE);
        write("timestamps", b.build());
    }

    static void deleteHorizon() {
        MemoryRecordsBuilder b = builder(CompressionType.NONE, TimestampType.CREATE_TIME, 50, RecordBatch.NO_TIMESTAMP,
            -1, -1, -1, false, false, 2, NOW + 86_400_000L);
        b.appendWithOffset(50, NOW, bytes("k"), null, NONE);
        b.appendWithOffset(53, NOW + 7, bytes("l"), bytes("kept"), NONE);
        write("delete horizon", b.build());
    }

    static void lastOffsetBeyondRecords() {
        MemoryRecordsBuilder b = builder(CompressionType.NONE, TimestampType.CREATE_TIME, 100,
            RecordBatch.NO_TIMESTAMP, 5, 1, 0, false, false, 2, RecordBatch.NO_TIMESTAMP);
        b.appendWithOffset(101, NOW, bytes("k"), bytes("v"), NONE);
        b.overrideLastOffset(109);
        write("last offset beyond records", b.build());
    }

    static void markers() {
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.ABORT, ControlRecordType.COMMIT})
            write("marker " + type.name().toLowerCase(), MemoryRecords.withEndTransactionMarker(77, NOW, 4, 9L,
                (short) 2, new EndTransactionMarker(type, 11)));
    }

    static void leaderChange() {
        write("leader change", MemoryRecords.withLeaderChangeMessage(0, NOW, 1, ByteBuffer.allocate(256),
            new LeaderChangeMessage().setVersion((short) 0).setLeaderId(3)));
    }

    static void several() {
        ByteBuffer all = ByteBuffer.allocate(4096);
        for (int i = 0; i < 3; i++) {
            MemoryRecordsBuilder b = builder(CompressionType.NONE, TimestampType.CREATE_TIME, i * 2L,
                RecordBatch.NO_TIMESTAMP, -1, -1, -1, false, false, i, RecordBatch.NO_TIMESTAMP);
            b.append(NOW, bytes("k"), bytes("v"), NONE);
            b.append(NOW, bytes("k"), bytes("w"), NONE);
            all.put(b.build().buffer());
        }
        all.flip();
        write("several", MemoryRecords.readableRecords(all));
    }

    static void write(String name, MemoryRecords records) {
        StringJoiner batches = new StringJoiner(", ", "[", "]");
        for (MutableRecordBatch batch : records.batches())
            batches.add(describe(batch));
        byte[] all = new byte[records.sizeInBytes()];
        records.buffer().duplicate().get(all);
        System.out.println("{\"name\": \"" + name + "\", \"bytes\": " + hex(all) + ", \"batches\": " + batches + "}");
    }

    static String describe(MutableRecordBatch batch) {
        StringJoiner records = new StringJoiner(", ", "[", "]");
        for (Record record : batch)
            records.add(describe(record));
        return "{\"base_offset\": " + batch.baseOffset() + ", \"last_offset\": " + batch.lastOffset()
            + ", \"leader_epoch\": " + batch.partitionLeaderEpoch() + ", \"magic\": " + batch.magic()
            + ", \"crc\": " + batch.checksum() + ", \"compression\": " + batch.compressionType().id
            + ", \"timestamp_type\": " + batch.timestampType().id
            + ", \"is_transactional\": " + batch.isTransactional() + ", \"is_control\": " + batch.isControlBatch()
            + ", \"max_timestamp\": " + batch.maxTimestamp() + ", \"producer_id\": " + batch.producerId()
            + ", \"producer_epoch\": " + batch.producerEpoch() + ", \"base_sequence\": " + batch.baseSequence()
            + ", \"last_sequence\": " + batch.lastSequence() + ", \"count\": " + batch.countOrNull()
            + ", \"size_bytes\": " + batch.sizeInBytes() + ", \"delete_horizon_ms\": "
            + (batch.deleteHorizonMs().isPresent() ? "" + batch.deleteHorizonMs().getAsLong() : "null")
            + ", \"records\": " + records + "}";
    }

    static String describe(Record record) {
        StringJoiner headers = new StringJoiner(", ", "[", "]");
        for (Header header : record.headers())
            headers.add("[" + hex(bytes(header.key())) + ", " + hex(header.value()) + "]");
        return "[" + record.offset() + ", " + record.timestamp() + ", " + hex(record.key()) + ", "
            + shortened(record.value()) + ", " + headers + "]";
    }

    /** Values of more than 100 bytes as their length and CRC32C. */
    static String shortened(ByteBuffer value) {
        if (value == null || value.remaining() <= 100)
            return hex(value);
        CRC32C crc = new CRC32C();
        crc.update(value.duplicate());
        return "[" + value.remaining() + ", " + crc.getValue() + "]";
    }

    static String hex(ByteBuffer buffer) {
        if (buffer == null)
            return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return hex(bytes);
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "null" : "\"" + HexFormat.of().formatHex(bytes) + "\"";
    }
}
