// Apache Kafka's logs and its cleaner, timed without a broker around them.
//
//   Logs open <folder>...                                    opens each folder's log after a clean stop
//   Logs clean <buffer bytes> <segment bytes> <folder>...    cleans each folder's log, from its start
//
// Prints a line with the seconds: of all together, or of each cleaning.

import java.io.File;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class Logs {
    private static final KafkaScheduler SCHEDULER = new KafkaScheduler(1);
    private static final BrokerTopicStats STATS = new BrokerTopicStats();

    public static void main(String[] args) throws Exception {
        SCHEDULER.startup();
        if (args[0].equals("open")) {
            long begun = System.nanoTime();
            for (int i = 1; i < args.length; i++) {
                opened(args[i], new LogConfig(Map.of()));
            }
            System.out.println((System.nanoTime() - begun) / 1e9);
        } else {
            LogConfig config = new LogConfig(Map.of("cleanup.policy", "compact", "segment.bytes", args[2]));
            Throttler throttler = new Throttler(Double.MAX_VALUE, 1000, "throttler", "bytes", Time.SYSTEM);
            for (int i = 3; i < args.length; i++) {
                UnifiedLog log = opened(args[i], config);
                log.updateHighWatermark(log.logEndOffset());
                SkimpyOffsetMap map = new SkimpyOffsetMap(Integer.parseInt(args[1]));
                Cleaner cleaner = new Cleaner(0, map, 1 << 18, 1 << 24, 0.9, throttler, Time.SYSTEM, partition -> { });
                LogToClean toClean = new LogToClean(log, 0, log.activeSegment().baseOffset(), false);
                long begun = System.nanoTime();
                cleaner.doClean(toClean, System.currentTimeMillis());
                System.out.println((System.nanoTime() - begun) / 1e9);
            }
        }
        System.exit(0);
    }

    private static UnifiedLog opened(String folder, LogConfig config) throws Exception {
        return UnifiedLog.create(
            new File(folder), config, 0, 0, SCHEDULER, STATS, Time.SYSTEM, 900_000,
            new ProducerStateManagerConfig(86_400_000, false), 600_000, new LogDirFailureChannel(1), true,
            Optional.empty());
    }
}
