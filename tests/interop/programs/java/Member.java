// A member of a group by Apache Kafka's own client, of the consumer protocol unless told:
//   Member BOOTSTRAP GROUP INSTANCE SUBSCRIPTION [PROTOCOL]
// INSTANCE is empty for a dynamic member, SUBSCRIPTION a topic, or an expression between slashes that the broker
// matches. It prints "holding PARTITIONS" at each change and "received PARTITION OFFSET VALUE" for each record, commits
// after each poll, and leaves the group on SIGTERM.

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Member {
    public static void main(String[] args) {
        Properties configs = new Properties();
        configs.put("bootstrap.servers", args[0]);
        String protocol = args.length > 4 ? args[4] : "consumer";
        configs.put("group.protocol", protocol);
        if (protocol.equals("classic"))
            configs.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        configs.put("group.id", args[1]);
        configs.put("auto.offset.reset", "earliest");
        configs.put("enable.auto.commit", "false");
        configs.put("metadata.max.age.ms", "1000");
        if (!args[2].isEmpty()) configs.put("group.instance.id", args[2]);
        KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(configs, new StringDeserializer(), new StringDeserializer());
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }));
        String wanted = args[3];
        Holding holding = new Holding();
        if (wanted.startsWith("/"))
            consumer.subscribe(new SubscriptionPattern(wanted.substring(1, wanted.length() - 1)), holding);
        else consumer.subscribe(List.of(wanted), holding);
        try {
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                for (ConsumerRecord<String, String> each : records)
                    System.out.println(
                        "received " + each.topic() + "-" + each.partition() + " " + each.offset() + " " + each.value());
                if (!records.isEmpty()) consumer.commitSync();
            }
        } catch (WakeupException stopping) {
            consumer.close();
        }
    }

    static class Holding implements ConsumerRebalanceListener {
        final Set<TopicPartition> held = new HashSet<>();

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> which) {
            held.addAll(which);
            say();
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> which) {
            held.removeAll(which);
            say();
        }

        void say() {
            TreeSet<String> names = new TreeSet<>();
            for (TopicPartition each : held) names.add(each.toString());
            System.out.println("holding " + String.join(" ", names));
        }
    }
}
