// Prints keys in hex, Kafka's hash of them and the partition of each among 1, 3, 7 and 1000. tests/codec/
// test_partitioning.py holds the store to them. To write them again (Kafka 4.4.0):
//
//   java -cp "$KAFKA_HOME/libs/*" KeyHashes.java > key_hashes.tsv

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

public class KeyHashes {
    public static void main(String[] args) {
        List<byte[]> keys = new ArrayList<>();
        for (String text : new String[] {"", "a", "User1", "User2", "User3", "order-events", "größe", "🚲"})
            keys.add(text.getBytes(StandardCharsets.UTF_8));
        Random random = new Random(1);
        for (int length = 1; length <= 40; length++) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            keys.add(key);
        }
        for (byte[] key : keys) {
            StringBuilder line = new StringBuilder(HexFormat.of().formatHex(key) + "\t" + Utils.murmur2(key));
            for (int partitions : new int[] {1, 3, 7, 1000})
                line.append("\t").append(BuiltInPartitioner.partitionForKey(key, partitions));
            System.out.println(line);
        }
    }
}
