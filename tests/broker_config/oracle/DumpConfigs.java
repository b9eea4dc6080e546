// Prints every broker and topic config of Apache Kafka's jars, one a line, tab-separated:
// what, name, type, default, validator, how it may be updated, internal or not; then the topic configs' broker synonyms.
// Run: java -cp "$KAFKA_LIBS/*" DumpConfigs.java
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.ConfigSynonym;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.storage.internals.log.LogConfig;

public class DumpConfigs {
    static final Map<String, String> MODES = DynamicBrokerConfig.dynamicConfigUpdateModes();

    static void dump(String what, ConfigDef definition) {
        for (ConfigDef.ConfigKey key : new TreeMap<>(definition.configKeys()).values()) {
            String defaultValue = !key.hasDefault() ? "(required)"
                : key.defaultValue == null ? "(null)" : ConfigDef.convertToString(key.defaultValue, key.type);
            String mode = what.equals("broker") ? MODES.getOrDefault(key.name, "read-only") : "dynamic";
            String validator = key.validator == null ? ""
                : key.validator.getClass().getSimpleName() + " " + key.validator;
            System.out.println(String.join("\t", what, key.name, key.type.toString(),
                defaultValue.replace("\n", "\\n"), validator, mode, String.valueOf(key.internalConfig)));
        }
    }

    static String unit(ConfigSynonym synonym) {
        return synonym.converter() == ConfigSynonym.HOURS_TO_MILLISECONDS ? "hours"
            : synonym.converter() == ConfigSynonym.MINUTES_TO_MILLISECONDS ? "minutes" : "same";
    }

    public static void main(String[] arguments) {
        dump("broker", AbstractKafkaConfig.CONFIG_DEF);
        dump("topic", LogConfig.configDefCopy());
        Map<String, List<ConfigSynonym>> synonyms = new TreeMap<>(ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS);
        for (Map.Entry<String, List<ConfigSynonym>> entry : synonyms.entrySet()) {
            for (ConfigSynonym synonym : entry.getValue()) {
                System.out.println(String.join("\t", "synonym", entry.getKey(), synonym.name(), unit(synonym)));
            }
        }
    }
}
