// Prints what the Java producer decides: which keywords make it idempotent, and where records without a key go.
// It reaches package-private classes, so it is compiled into their package:
//   mkdir -p out; javac -cp "LIBS/*" -d out ProducerRules.java
//   java -cp "out:LIBS/*" org.apache.kafka.clients.producer.internals.ProducerRules > producer_rules.tsv
package org.apache.kafka.clients.producer.internals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.common.utils.Time;

public class ProducerRules {
    static int drawn = 0;

    static class Counting extends BuiltInPartitioner {
        Counting(String topic, int size) {
            super(new LogContext(), topic, size, false, "");
        }

        @Override
        int randomPartition() {
            return drawn++;
        }
    }

    static Cluster cluster(int partitions) {
        Node node = new Node(1, "localhost", 9092);
        List<PartitionInfo> infos = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            infos.add(new PartitionInfo("t", i, node, new Node[] {node}, new Node[] {node}));
        }
        return new Cluster("c", List.of(node), infos, Set.of(), Set.of());
    }

    // which keywords make a producer idempotent: "idempotence", the keywords, true, false or error
    static void idempotence() {
        for (String enable : new String[] {"", "true", "false"}) {
            for (String acks : new String[] {"", "all", "1", "0"}) {
                for (String retries : new String[] {"", "0", "3"}) {
                    for (String inFlight : new String[] {"", "1", "5", "6"}) {
                        Map<String, Object> given = new HashMap<>();
                        given.put("bootstrap.servers", "localhost:9092");
                        given.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
                        given.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
                        String[] names = {"enable.idempotence", "acks", "retries", "max.in.flight.requests.per.connection"};
                        String[] values = {enable, acks, retries, inFlight};
                        for (int i = 0; i < 4; i++) {
                            if (!values[i].isEmpty()) {
                                given.put(names[i], values[i]);
                            }
                        }
                        String outcome;
                        try {
                            outcome = String.valueOf(new ProducerConfig(given).getBoolean("enable.idempotence"));
                        } catch (ConfigException e) {
                            outcome = "error";
                        }
                        System.out.println(String.join("\t", "idempotence", String.join(",", values), outcome));
                    }
                }
            }
        }
    }

    // which partition follows: "next", queue sizes, the random number, the partition
    static void next() {
        int[][] queues = {{0, 0, 0}, {0, 3, 1}, {5, 0, 0, 5}, {1, 2}, {7, 7, 7, 7}, {0, 1, 2, 3, 4, 5}, {9, 0}};
        for (int[] sizes : queues) {
            int[] ids = new int[sizes.length];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = i;
            }
            String[] racks = new String[sizes.length]; // of the leaders; looked at by a producer that is aware of racks
            Arrays.fill(racks, "");
            for (int random = 0; random < 40; random += 3) {
                drawn = random;
                Counting partitioner = new Counting("t", 1);
                partitioner.updatePartitionLoadStats(sizes.clone(), ids, racks, sizes.length);
                int found = partitioner.peekCurrentPartitionInfo(cluster(sizes.length)).partition();
                String text = Arrays.toString(sizes).replaceAll("[\\[\\] ]", "");
                System.out.println(String.join("\t", "next", text, "" + random, "" + found));
            }
        }
    }

    // where records go when nothing is sent meanwhile: "sticky", batch size, sizes, "partition+" where a batch begins
    static void sticky() throws Exception {
        for (int batchSize : new int[] {16384, 1000, 200}) {
            Metrics metrics = new Metrics();
            BufferPool pool = new BufferPool(1L << 28, batchSize, metrics, Time.SYSTEM, "m");
            RecordAccumulator accumulator = new RecordAccumulator(new LogContext(), batchSize, Compression.NONE, 5, 100,
                1000, 120000, new RecordAccumulator.PartitionerConfig(false, 0, false, ""), metrics, "m", Time.SYSTEM,
                null, pool) {
                @Override
                BuiltInPartitioner createBuiltInPartitioner(LogContext context, String topic, int size,
                    boolean rackAware, String rack) {
                    return new Counting(topic, size);
                }
            };
            drawn = 0;
            long state = 12345;
            StringBuilder sizes = new StringBuilder();
            StringBuilder partitions = new StringBuilder();
            for (int i = 0; i < 300; i++) {
                state = (state * 1103515245L + 12345L) & 0x7FFFFFFFL;
                int size = (int) (state % (batchSize / 4));
                int[] where = {-1};
                RecordAccumulator.AppendCallbacks callbacks = new RecordAccumulator.AppendCallbacks() {
                    @Override
                    public void setPartition(int partition) {
                        where[0] = partition;
                    }

                    @Override
                    public void onCompletion(org.apache.kafka.clients.producer.RecordMetadata m, Exception e) {
                    }
                };
                RecordAccumulator.RecordAppendResult result = accumulator.append("t", -1, 1000L, null,
                    new byte[size], new org.apache.kafka.common.header.Header[0], callbacks, 1000, 0, cluster(5));
                sizes.append(i == 0 ? "" : ",").append(size);
                partitions.append(i == 0 ? "" : ",").append(where[0]).append(result.newBatchCreated ? "+" : "");
            }
            System.out.println(String.join("\t", "sticky", "" + batchSize, sizes, partitions));
        }
    }

    public static void main(String[] arguments) throws Exception {
        idempotence();
        next();
        sticky();
    }
}
