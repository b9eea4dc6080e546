// Prints every config of Apache Kafka's jars, one a line, tab-separated: what it belongs to, name, type, default,
// validator, how it may be updated, internal or not, documentation; then the broker configs that stand for topics' and
// groups'.
// Run: java -cp "$KAFKA_LIBS/*" DumpConfigs.java
import java.lang.reflect.Field;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.ConfigSynonym;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;

public class DumpConfigs {
    static final Map<String, String> MODES = DynamicBrokerConfig.dynamicConfigUpdateModes();

    static String validator(ConfigDef.ConfigKey key) throws ReflectiveOperationException {
        if (key.validator == null) {
            return "";
        }
        String kind = key.validator.getClass().getSimpleName();
        if (key.validator instanceof ConfigDef.ValidList) {
            Field empty = ConfigDef.ValidList.class.getDeclaredField("isEmptyAllowed");
            empty.setAccessible(true);
            kind = empty.getBoolean(key.validator) ? "ValidList" : "NonEmptyValidList";
        }
        return kind + " " + key.validator;
    }

    static String escaped(String text) {
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t");
    }

    static void dump(String what, ConfigDef definition) throws ReflectiveOperationException {
        for (ConfigDef.ConfigKey key : new TreeMap<>(definition.configKeys()).values()) {
            String defaultValue = !key.hasDefault() ? "(required)"
                : key.defaultValue == null ? "(null)" : ConfigDef.convertToString(key.defaultValue, key.type);
            String mode = what.equals("broker") || what.equals("quota") ? MODES.getOrDefault(key.name, "read-only")
                : "dynamic";
            System.out.println(String.join("\t", what, key.name, key.type.toString(), escaped(defaultValue),
                validator(key), mode, String.valueOf(key.internalConfig),
                escaped(key.documentation == null ? "" : key.documentation)));
        }
    }

    static String unit(ConfigSynonym synonym) {
        return synonym.converter() == ConfigSynonym.HOURS_TO_MILLISECONDS ? "hours"
            : synonym.converter() == ConfigSynonym.MINUTES_TO_MILLISECONDS ? "minutes" : "same";
    }

    public static void main(String[] arguments) throws ReflectiveOperationException {
        dump("broker", AbstractKafkaConfig.CONFIG_DEF);
        dump("quota", QuotaConfig.brokerQuotaConfigs());
        dump("topic", LogConfig.configDefCopy());
        dump("group", GroupConfig.CONFIG_DEF);
        dump("metrics", ClientMetricsConfigs.configDef());
        Map<String, List<ConfigSynonym>> synonyms = new TreeMap<>(ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS);
        for (Map.Entry<String, List<ConfigSynonym>> entry : synonyms.entrySet()) {
            for (ConfigSynonym synonym : entry.getValue()) {
                System.out.println(String.join("\t", "topic synonym", entry.getKey(), synonym.name(), unit(synonym)));
            }
        }
        Map<String, Optional<String>> ofGroups = new TreeMap<>(GroupConfig.ALL_GROUP_CONFIG_SYNONYMS);
        for (Map.Entry<String, Optional<String>> entry : ofGroups.entrySet()) {
            entry.getValue().ifPresent(name ->
                System.out.println(String.join("\t", "group synonym", entry.getKey(), name)));
        }
    }
}
