// Orders come in; invoices and each customer's total so far go out.
// java -cp 'libs/*' Orders.java

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

public class Orders {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, String> ENV = System.getenv();

    public static void main(String[] arguments) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "invoicing");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, ENV.get("KAFKA_BOOTSTRAP_SERVERS"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, ENV.getOrDefault("STATE_DIR", "state"));
        config.put(
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, ENV.getOrDefault("PROCESSING", "at_least_once"));
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        // a total for each order, not now and then
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        // Streams doesn't leave its group when it ends
        config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);

        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> orders = builder.stream("orders");
        orders
            .mapValues(Orders::invoice)
            .to("invoices");
        orders
            .groupByKey()
            .aggregate(() -> 0L, (customer, order, sum) -> sum + total(order), as("total-of"))
            .toStream()
            .map((customer, total) -> KeyValue.pair(customer, sum(customer, total)))
            .to("totals");

        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(
            error -> StreamThreadExceptionResponse.SHUTDOWN_CLIENT);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR)
                new Thread(() -> System.exit(1)).start();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    static Materialized<String, Long, KeyValueStore<Bytes, byte[]>> as(String store) {
        return Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as(store)
            .withValueSerde(Serdes.Long());
    }

    static String invoice(String order) {
        long number = read(order).get("number").asLong();
        return "{\"order\": %d, \"total\": %d}".formatted(number, total(order));
    }

    static String sum(String customer, long total) {
        return "{\"customer\": \"%s\", \"total\": %d}".formatted(customer, total);
    }

    static JsonNode read(String order) {
        try {
            return JSON.readTree(order);
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException(order, error);
        }
    }

    static long total(String order) {
        JsonNode read = read(order);
        return read.get("price").asLong() * read.get("pieces").asLong();
    }
}
