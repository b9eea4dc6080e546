// What Apache Kafka's own consumer is given of partition 0 of some topics: every fetch, and every look-up by time.
//
//   Ask <bootstrap> <topic>...
//
// Lines, each with the topic before it:
//
//   begin <offset>, end <offset>, stable <offset>             where the log begins and ends, and its last stable offset
//   read <isolation> <offset> <found> <timestamp> <crc32>     the first record that is given from an offset on, -1: none
//   time <isolation> <timestamp> <found> <timestamp>          the first record that is as new, -1: none

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class Ask {
    public static void main(String[] args) {
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(args[0], isolation)) {
                for (int i = 1; i < args.length; i++) {
                    ask(consumer, args[i], isolation);
                }
            }
        }
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String isolation) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("isolation.level", isolation);
        config.put("auto.offset.reset", "none");
        config.put("enable.auto.commit", "false");
        config.put("max.poll.records", "1");
        config.put("fetch.max.wait.ms", "10");
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static void ask(KafkaConsumer<byte[], byte[]> consumer, String topic, String isolation) {
        TopicPartition partition = new TopicPartition(topic, 0);
        consumer.assign(List.of(partition));
        long begin = consumer.beginningOffsets(List.of(partition)).get(partition);
        long end = consumer.endOffsets(List.of(partition)).get(partition);
        if (isolation.equals("read_uncommitted")) {
            say(topic, "begin", begin);
            say(topic, "end", end);
        } else {
            say(topic, "stable", end);
        }
        TreeSet<Long> times = new TreeSet<>(List.of(0L, Long.MAX_VALUE));
        for (long offset = begin; offset < end; offset++) {
            consumer.seek(partition, offset);
            ConsumerRecord<byte[], byte[]> found = next(consumer, partition, end);
            if (found == null) {
                say(topic, "read", isolation, offset, -1, -1, 0);
                continue;
            }
            CRC32 crc = new CRC32();
            crc.update(found.value() == null ? new byte[0] : found.value());
            say(topic, "read", isolation, offset, found.offset(), found.timestamp(), crc.getValue());
            for (long near = Math.max(0, found.timestamp() - 1); near <= found.timestamp() + 1; near++) {
                times.add(near);
            }
        }
        for (long time : times) {
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
            say(topic, "time", isolation, time, found == null ? -1 : found.offset(), found == null ? -1 : found.timestamp());
        }
    }

    /** The next record before the end, or null when there is none. */
    private static ConsumerRecord<byte[], byte[]> next(
            KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, long end) {
        while (consumer.position(partition) < end) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                return record.offset() < end ? record : null;
            }
        }
        return null;
    }

    private static void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) {
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        System.out.println(line);
    }
}
