// Says what Apache Kafka's leader makes of produced batches: the checks of ProduceRequest, of UnifiedLog (base offset,
// checksum) and of LogValidator. Reads from its input, tab-separated: name, bytes in hex, 1 for a compacted topic,
// the topic's timestamp type, now, by how much timestamps may lie before and after that, in ms, and the number of the
// topic's codec, if it has one of its own. Prints each line again with: the error's name, the indexes of refused records,
// the batch's max timestamp and the batch as it would lie in the log at offset 100 in epoch 7. refused_batches.py and
// recompressed_batches.py in tests/records make the input, and say how.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.stream.Collectors;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.PrimitiveRef;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

public class JudgeBatches {
    public static void main(String[] args) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null; )
            System.out.println(line + "\t" + judged(line.split("\t")));
    }

    static String judged(String[] f) {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(f[1])));
        try {
            LogValidator.ValidationResult result = validated(records, f);
            byte[] bytes = new byte[result.validatedRecords().sizeInBytes()];
            result.validatedRecords().buffer().duplicate().get(bytes);
            return "NONE\t\t" + result.maxTimestampMs() + "\t" + HexFormat.of().formatHex(bytes);
        } catch (RecordValidationException e) {
            String indexes = e.recordErrors().stream().map(r -> "" + r.batchIndex).collect(Collectors.joining(","));
            return Errors.forException(e.invalidException()).name() + "\t" + indexes + "\t\t";
        } catch (Throwable e) {
            return Errors.forException(e).name() + "\t\t\t";
        }
    }

    static LogValidator.ValidationResult validated(MemoryRecords records, String[] f) {
        ProduceRequest.validateRecords(ApiKeys.PRODUCE.latestVersion(), records);
        CompressionType source = CompressionType.NONE;
        for (MutableRecordBatch batch : records.batches()) {
            if (batch.baseOffset() != 0)
                throw new InvalidRecordException("base offset");
            if (!batch.isValid())
                throw new CorruptRecordException("checksum");
            source = batch.compressionType();
        }
        CompressionType target = f.length > 7 ? CompressionType.forId(Integer.parseInt(f[7])) : source;
        long now = Long.parseLong(f[4]);
        Time time = (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class},
            (proxy, method, arguments) -> now);
        return new LogValidator(records, new TopicPartition("orders", 0), time, source, Compression.of(target).build(),
            f[2].equals("1"), RecordBatch.MAGIC_VALUE_V2, TimestampType.forName(
                f[3].equals("1") ? "LogAppendTime" : "CreateTime"), Long.parseLong(f[5]), Long.parseLong(f[6]), 7,
            AppendOrigin.CLIENT).validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(100), new NoMetrics(),
                BufferSupplier.create());
    }

    static class NoMetrics implements LogValidator.MetricsRecorder {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    }
}
