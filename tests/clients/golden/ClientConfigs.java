// Prints every config of the three Java clients: client, name, type, default ("(required)" and "(null)" for none), what
// its validator says. Run: java -cp "LIBS/*" ClientConfigs.java > client_configs.tsv
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

public class ClientConfigs {
    static void dump(String client, ConfigDef definition) {
        for (ConfigDef.ConfigKey key : new TreeMap<>(definition.configKeys()).values()) {
            String text = !key.hasDefault() ? "(required)"
                : key.defaultValue == null ? "(null)" : ConfigDef.convertToString(key.defaultValue, key.type);
            String validator = key.validator == null ? "" : key.validator.toString();
            System.out.println(String.join("\t", client, key.name, key.type.toString(), text, validator));
        }
    }

    public static void main(String[] arguments) {
        dump("producer", ProducerConfig.configDef());
        dump("consumer", ConsumerConfig.configDef());
        dump("admin", AdminClientConfig.configDef());
    }
}
