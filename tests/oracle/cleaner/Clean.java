// Runs Apache Kafka's log cleaner once over each of some logs, at a time that is given, and nothing else of a broker.
//
//   Clean <now ms> <dedupe buffer bytes> <topic settings: name=value,...> [<folder> <first dirty offset> <high watermark>]...
//
// It prints a line for each folder: the first dirty offset afterwards.

import java.io.File;
import java.lang.reflect.Proxy;
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

public class Clean {
    public static void main(String[] args) throws Exception {
        long now = Long.parseLong(args[0]);
        Time time = clockAt(now);
        LogConfig config = new LogConfig(settings(args[2]));
        KafkaScheduler scheduler = new KafkaScheduler(1);
        scheduler.startup();
        Throttler throttler = new Throttler(Double.MAX_VALUE, 1000, "throttler", "bytes", time);
        for (int i = 3; i < args.length; i += 3) {
            SkimpyOffsetMap map = new SkimpyOffsetMap(Integer.parseInt(args[1]));
            Cleaner cleaner = new Cleaner(0, map, 1 << 20, 1 << 24, 0.9, throttler, time, partition -> { });
            UnifiedLog log = UnifiedLog.create(
                new File(args[i]), config, 0, 0, scheduler, new BrokerTopicStats(), time, 900_000,
                new ProducerStateManagerConfig(86_400_000, false), 600_000, new LogDirFailureChannel(1), true,
                Optional.empty());
            log.updateHighWatermark(Long.parseLong(args[i + 2]));
            long firstUncleanable = Math.min(log.lastStableOffset(), log.activeSegment().baseOffset());
            LogToClean toClean = new LogToClean(log, Long.parseLong(args[i + 1]), firstUncleanable, false);
            long cleanedTo = Long.parseLong(args[i + 1]);
            if (toClean.cleanableBytes() > 0) {
                cleanedTo = cleaner.doClean(toClean, now).getKey();
            }
            log.close();
            System.out.println(cleanedTo);
        }
        scheduler.shutdown();
    }

    private static Map<String, String> settings(String text) {
        Map<String, String> found = new HashMap<>();
        for (String each : text.split(",")) {
            String[] parts = each.split("=");
            found.put(parts[0], parts[1]);
        }
        return found;
    }

    /** It stands still: producers expire by it. */
    private static Time clockAt(long now) {
        return (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class}, (proxy, method, args) ->
            switch (method.getName()) {
                case "milliseconds", "hiResClockMs" -> now;
                case "nanoseconds" -> now * 1_000_000;
                default -> method.invoke(Time.SYSTEM, args);
            });
    }
}
