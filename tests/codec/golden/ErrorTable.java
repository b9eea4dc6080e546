// Prints Kafka's table of errors: code, name, exception class, and its category by KIP-1050, which is the class that it
// extends. tests/codec/test_errors.py holds kstore.errors to it. To write it again (Kafka 4.4.0):
//
//   java -cp "$KAFKA_HOME/libs/*" ErrorTable.java > errors.tsv

import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.ApplicationRecoverableException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.RefreshRetriableException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TransactionAbortableException;
import org.apache.kafka.common.protocol.Errors;

public class ErrorTable {
    public static void main(String[] args) {
        for (Errors error : Errors.values()) {
            if (error == Errors.NONE)
                continue;
            System.out.println(error.code() + "\t" + error.name() + "\t"
                + error.exception().getClass().getSimpleName() + "\t" + category(error.exception()));
        }
    }

    private static String category(ApiException error) {
        if (error instanceof RefreshRetriableException)
            return "refresh-retriable";
        if (error instanceof RetriableException)
            return "retriable";
        if (error instanceof TransactionAbortableException)
            return "abortable";
        if (error instanceof ApplicationRecoverableException)
            return "application-recoverable";
        if (error instanceof InvalidConfigurationException)
            return "invalid-configuration";
        return "none";
    }
}
