// Transactions by Apache Kafka's Java client, a line a finding: Transact.java BOOTSTRAP TOPIC. What it does,
// ../transact.py says.

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transact {
    static String bootstrap;
    static String topic;

    static KafkaProducer<String, String> transactional() {
        KafkaProducer<String, String> made = new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "transactional.id", topic),
            new StringSerializer(), new StringSerializer());
        made.initTransactions();
        return made;
    }

    static KafkaConsumer<String, String> consumer(String group) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "isolation.level", "read_committed", "group.id", group,
            "auto.offset.reset", "earliest", "enable.auto.commit", "false", "max.poll.records", "1"));
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    static List<String> take(KafkaConsumer<String, String> consumer, int count) {
        List<String> values = new ArrayList<>();
        while (values.size() < count)
            for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofSeconds(1)))
                values.add(each.value());
        return values;
    }

    static String read(int count) {
        try (KafkaConsumer<String, String> consumer = consumer(topic + "-readers-of-" + count)) {
            consumer.subscribe(List.of(topic));
            return String.join(" ", take(consumer, count));
        }
    }

    static void send(KafkaProducer<String, String> producer, String value) {
        producer.send(new ProducerRecord<>(topic, value));
        producer.flush();
    }

    static void transact(
            KafkaProducer<String, String> producer, KafkaConsumer<String, String> member, String value, boolean commits) {
        TopicPartition input = new TopicPartition(topic + "-in", 0);
        take(member, 1);
        producer.beginTransaction();
        send(producer, value);
        Map<TopicPartition, OffsetAndMetadata> reached = Map.of(input, new OffsetAndMetadata(member.position(input)));
        producer.sendOffsetsToTransaction(reached, member.groupMetadata());
        if (commits)
            producer.commitTransaction();
        else
            producer.abortTransaction();
    }

    public static void main(String[] arguments) {
        bootstrap = arguments[0];
        topic = arguments[1];
        KafkaProducer<String, String> first = transactional();
        TopicPartition input = new TopicPartition(topic + "-in", 0);
        try (KafkaConsumer<String, String> member = consumer(topic + "-group")) {
            member.subscribe(List.of(topic + "-in"));
            transact(first, member, "a", true);
            transact(first, member, "b", false);
            transact(first, member, "c", true);
            System.out.println("read " + read(2));
            System.out.println("offset " + member.committed(Set.of(input)).get(input).offset());
        }
        first.beginTransaction();
        send(first, "zombie");
        try (KafkaProducer<String, String> second = transactional()) {
            second.beginTransaction();
            send(second, "d");
            second.commitTransaction();
        }
        try {
            first.commitTransaction();
            System.out.println("not fenced");
        } catch (KafkaException error) {
            System.out.println("fenced " + error.getClass().getSimpleName());
        }
        first.close();
        System.out.println("then " + read(3));
        System.out.println("done");
    }
}
